"""The lines: what a reader of the log, and SageMaker's metrics, can rely on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flops_meter import cli
from flops_meter.lines import (
    AMOUNTS,
    METRICS,
    check_number,
    genesis,
    metric_definitions,
    metrics_of,
    read,
    verify,
    write,
)

JOB = "arn:aws:sagemaker:eu-central-1:123456789012:training-job/tiny"


def log(
    count: int = 4, job: str = JOB, attempt: int = 1, previous: str | None = None, first: int = 1, **more: object
) -> list[str]:
    chain, lines = previous or genesis(job), []
    for place in range(first, first + count):
        amounts = {name: 10**23 + place if name.endswith("flop") else place for name in AMOUNTS}
        words = {"seq": place, "job": job, "ranks": 2, "reporting": 2, "attempt": attempt, "since": 1, "to": 60 * place}
        words |= {"covered": 60.0 * place, **amounts, "unknown_ops": 0, "failed": 0, "job_check": check_number(job)}
        line, chain = write({**words, **more, "mfu": "0.4021"}, chain)
        lines.append(f"2026-11-26T10:00:00 {line}")
    return lines


def reasons(lines: list[str], job: str | None = None) -> list[str]:
    return [each.why for each in verify(lines, job)[1]]


def test_a_log_as_written_is_whole() -> None:
    lines = log()
    assert reasons([*lines[:2], "{'loss': 2.1}", *lines[2:]], JOB) == []
    assert len(verify(lines)[0]) == 4


def test_what_is_not_whole_is_seen() -> None:
    lines = log()
    assert "other job" in reasons(lines, "arn:other")[0]
    assert reasons(lines[1:]) == ["lines before it are missing"]
    assert "missing" in reasons([lines[0], *lines[2:]])[0]
    changed = lines[1].replace(f"model_flop={10**23 + 2}", f"model_flop={10**23 + 1}")
    assert "changed" in reasons([lines[0], changed, *lines[2:]])[0]
    pasted = log(1, job="arn:aws:sagemaker:eu-central-1:123456789012:training-job/other")
    assert reasons([*lines, *pasted], JOB)
    assert "smaller" in " ".join(reasons([lines[0], lines[2], lines[1]]))


GOES_BACK = ("steps", "to", "covered", "ranks", "failed")


@pytest.mark.parametrize("word", [*GOES_BACK, "since", "job_check", "chain_check"])
def test_words_that_no_meter_writes_so_are_seen(word: str) -> None:
    """Under a chain that is whole: the metrics hold what they say."""
    kept: dict[str, object] = {"failed": 1, "since": 2}
    lines, other = log(3, **kept), {**kept, word: 0}
    chain = str(lines[-1].partition(" chain=")[2].partition(" ")[0])
    assert reasons([*lines, *log(1, first=4, previous=chain, **kept)]) == []
    if word == "chain_check":
        changed = log(1, first=4, previous=chain, **kept)[0].rpartition("=")[0] + "=12"
    else:
        changed = log(1, first=4, previous=chain, **other)[0]
    expected = {name: f"smaller than in the line before: {name}" for name in GOES_BACK}
    expected |= {
        "since": "its since is not that of the line it goes on from",
        "job_check": "its job_check is another job's",
        "chain_check": "the line was changed: its chain_check is not its chain's",
    }
    assert reasons([*lines, changed]) == [expected[word]]


@pytest.mark.parametrize("given", [{"covered": "nan"}, {"steps": "-1"}, {"seq": "9" * 5000}, {"to": "٣"}, {"more": 1}])
def test_words_that_are_no_numbers_of_a_meter_make_no_line(given: dict[str, object]) -> None:
    found, breaks = verify(log(1, **given))
    assert not found and len(breaks) == 1


def test_a_new_attempt_goes_on_from_any_line_of_the_log() -> None:
    lines = log()
    from_second = read(lines[1])
    assert from_second is not None
    again = log(2, attempt=2, previous=from_second.words["chain"], first=3)
    assert reasons([*lines, *again]) == []
    strange = log(2, attempt=2, previous="0" * 32, first=3)
    assert "goes on from no line" in reasons([*lines, *strange])[0]


def test_lines_that_are_put_in_again_are_seen() -> None:
    """Their own chain is whole, and so is that of the line before them."""
    lines = log()
    third = read(lines[2])
    assert third is not None
    later = log(3, attempt=2, previous=third.words["chain"], first=4)
    assert reasons([*lines, *later]) == []
    for pasted in ([*lines, *later, lines[3]], [*lines, *later[:2], lines[1], later[2]], [*lines, *later, *lines]):
        assert {"the same line stood there before: it was put in again"} <= set(reasons(pasted))
    earlier = log(1, attempt=1, previous=third.words["chain"], first=4)
    assert "an earlier attempt after a later one" in reasons([*lines[:3], *later, *earlier])
    jumped = log(1, previous=str(lines[-1].partition("chain=")[2].partition(" ")[0]), first=9)
    assert "its number is not the next one" in reasons([*lines, *jumped])


def test_counts_that_begin_anew_add_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A container that found no state: what was counted before it was counted."""
    (file := tmp_path / "log").write_text("\n".join([*log(4), *log(2, since=2)]))
    flop = sum(int(each[-1].partition("model_flop=")[2].partition(" ")[0]) for each in (log(4), log(2)))
    assert cli.main(["verify-log", str(file), "--job", JOB]) == 0
    assert f"model_flop {flop} in 2 counts" in capsys.readouterr().out


def test_metric_definitions_pick_up_every_number() -> None:
    """SageMaker takes 40 definitions of 500 characters; a number of FLOP is a float there."""
    definitions = metric_definitions()
    assert len(definitions) == len(METRICS) <= 40
    assert all(len(each["Regex"]) <= 500 for each in definitions)
    line = log()[3].partition(" ")[2]
    found = metrics_of(line)
    assert found["flops_auditor:model_flop"] == float(10**23 + 4)
    assert found["flops_auditor:steps"] == found["flops_auditor:uncounted_steps"] == 4
    assert found["flops_auditor:to"] == 240 and found["flops_auditor:covered"] == 240.0
    assert found["flops_auditor:mfu"] == 0.4021
    assert found["flops_auditor:job_check"] == check_number(JOB) < 2**53
    assert set(found) == {each["Name"] for each in definitions} - {"flops_auditor:uncertain_flop"}
    uncertain = log(uncertain_flop=7)[3].partition(" ")[2]
    assert metrics_of(uncertain)["flops_auditor:uncertain_flop"] == 7


BEFORE = (
    "[1,mpirank:0,algo-1]<stdout>:",
    "[1,0]<stdout>: ",
    "[default0]:",
    "algo-1: ",
    "(RayTrainWorker pid=12, ip=10.0.0.1) ",
    " ",
    "\x1b[32m",
    " 50%|█████     | 5/10 [00:01<00:01,  4.5it/s, loss=2.1]",
    "what a bar left\r",
    "2026-11-26T10:00:00.123Z ",
)


@pytest.mark.parametrize("before", BEFORE)
def test_what_may_stand_before_a_line(before: str) -> None:
    """For the metrics and for whoever checks the log."""
    line = log(1)[0].partition(" ")[2]
    assert metrics_of(before + line) == metrics_of(line)
    assert reasons([before + line]) == []


def test_a_word_that_comes_twice_is_no_metric_and_no_line() -> None:
    line = log(1)[0].partition(" ")[2].replace(" steps=", " model_flop=1 steps=")
    assert metrics_of(line) == {}
    assert "each once" in reasons([line])[0]


@pytest.mark.parametrize(
    "quote",
    [
        "model_flop=3 of something else",
        "the meter said {}",
        '"{}"',
        "'{}',",
        "> {}",
        "INFO:root:{}",
        "[INFO] {}",
        "2026-11-26 10:00:00,123 {}",
        "flops_meter v=1 model_flop=3 is what it said",
        "the line flops_meter v=1 seq=3 job=none model_flop=3 prev=0 chain=0 chain_check=0",
    ],
)
def test_a_line_of_the_log_that_quotes_one_gives_no_metric(quote: str) -> None:
    text = quote.format(log()[3].partition(" ")[2])
    assert metrics_of(text) == {}
    assert not verify([text])[0], "whoever checks the log reads the same lines"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["metric-definitions"]) == 0
    assert json.loads(capsys.readouterr().out) == metric_definitions()
    for host in ("estimator", "model-trainer"):
        assert cli.main(["metric-definitions", "--for", host]) == 0
        compile(capsys.readouterr().out, host, "exec")
    file = tmp_path / "log"
    file.write_text("\n".join(log()))
    assert cli.main(["verify-log", str(file), "--job", JOB]) == 0
    assert "4 lines, whole" in capsys.readouterr().out
    file.write_text("\n".join(log()[1:]))
    assert cli.main(["verify-log", str(file)]) == 1
    assert cli.main(["verify-log", str(tmp_path / "nothing")]) == 2


def test_the_package_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import flops_meter.lines, flops_meter.cli, flops_meter.startup;"
        "flops_meter.startup.activate();"
        "new = {each.partition('.')[0] for each in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names) - {'flops_meter'}))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.full
def test_the_wheel_brings_what_switches_it_on(root: Path, tmp_path: Path) -> None:
    """FLOPS_METER=1 works by a file that must lie beside the package, not in it (docs/adr/1701)."""
    import zipfile

    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(tmp_path)]
    subprocess.run([*command, str(root / "meter")], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert {"flops_meter.pth", "flops_meter/__init__.py", "flops_meter/peaks.json"} <= names
