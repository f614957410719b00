"""Starting the program: nothing is imported that is not needed, and an interrupt is silent at any time."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flops_auditor_cli.main import COMMANDS, app, load

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "PATH": "",
    "HOME": "/nonexistent",
    "COLUMNS": "80",
    "PYTHONPATH": f"{ROOT / 'layers' / 'auditor'}:{ROOT / 'cli'}",
}
LOADED = "; import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
RUN = "from flops_auditor_cli.entry import run\ntry:\n    run()\nfinally:\n    "
HEAVY = {"boto3", "botocore", "aws_lambda_powertools"}
JOB = str(ROOT / "events" / "jobs" / "lora-llama-3-1-8b.json")


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["--version"], {"pydantic", "rich"}),
        (["--help"], {"pydantic", "rich"}),
        (["plan", "--instance-type", "ml.p5.48xlarge", "--hours", "1", "--output", "json"], {"rich"}),
        (["catalog", "policies", "--output", "json"], {"rich"}),
        (["catalog", "explain", "meta-llama/Llama-3.1-8B", "--output", "json"], {"rich"}),
        (["verify", "missing.zip"], set()),
        (["audit", JOB], set()),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_a_command_without_aws_imports_no_aws(arguments: list[str], unneeded: set[str]) -> None:
    done = python(RUN + LOADED.removeprefix("; "), *arguments)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "flops_auditor_cli" in loaded
    assert not loaded & (HEAVY | unneeded)


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["plan", "--instance-type", "ml.p5.48xlarge", "--hours", "1"], "domain.runs.sources.training_job_answer"),
        (["docs", "engineer"], "data"),
        (["schema"], "data"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_a_command_reads_no_table_and_makes_no_parser_that_it_does_not_use(arguments: list[str], unneeded: str) -> None:
    """`python -m bench.start_up` says what that saves."""
    done = python(RUN + "import sys; print(*sys.modules, file=sys.stderr)", *arguments)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "flops_auditor_cli.entry" in loaded and f"flops_auditor.{unneeded}" not in loaded


def test_the_help_says_of_every_command_what_it_does_within_a_line() -> None:
    shown = python(RUN + "pass", "--help").stdout
    for name, command in COMMANDS.items():
        assert f"  {name} " in shown
        assert command.help in shown, "a line of the help is not cut off"
        assert load(name).name == name


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_its_help(command: str, option: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), option], prog_name="flops-auditor")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(" ".join(["Usage: flops-auditor", *command.split()]))


NOTING = """
import os, signal
given = signal.signal
def noting(*handler):
    before = given(*handler)
    os.write(int(os.environ["NOTED"]), b".")
    return before
signal.signal = noting
"""
"""Tells its parent whenever a handler is set: first as the program starts, then as the command begins."""


@pytest.mark.parametrize(("handlers", "delay"), [(1, 0), (1, 0.05), (2, 0), (2, 0.05), (2, 0.3)])
def test_an_interrupt_is_silent_from_the_start(handlers: int, delay: float, tmp_path: Path) -> None:
    """Ended at several moments of its start and of its work, which here waits for a pipe that nobody writes to."""
    pipe = tmp_path / "job.json"
    os.mkfifo(pipe)
    noted, told = os.pipe()
    program = subprocess.Popen(
        [sys.executable, "-c", NOTING + RUN + "pass", "audit", str(pipe)],
        env=ENVIRONMENT | {"NOTED": str(told)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=[told],
    )
    os.close(told)
    try:
        for _ in range(handlers):
            assert os.read(noted, 1)
        time.sleep(delay)
        os.killpg(program.pid, signal.SIGINT)
        out, err = program.communicate(timeout=300)
    finally:
        os.close(noted)
        program.kill()
        program.communicate()
    assert (program.returncode, out, err) == (130, b"", b"")


def test_little_is_imported_before_an_interrupt_is_handled() -> None:
    """What Python itself does before cannot be made silent; typing alone would be as long again."""
    code = "import sys; sys.path.append(sys.argv[1]); import flops_auditor_cli.entry; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT / "cli")]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    ours = {"flops_auditor_cli", "flops_auditor_cli.entry", "flops_auditor_cli.exits"}
    assert {name for name in loaded if name.startswith("flops_auditor")} == ours
    assert "signal" in loaded and "typing" not in loaded


@pytest.mark.parametrize(
    ("missing", "arguments", "said"),
    [
        ("typer", ["plan"], "the command line needs typer, which is not installed: pip install 'flops-auditor'"),
        ("boto3", ["doctor"], "this command talks to AWS and needs boto3"),
        ("botocore", ["records", "list"], "pip install 'flops-auditor[aws]'"),
        ("docx", ["form", "job", "-o", "docx"], "a document needs docx, which is not installed: pip install"),
    ],
)
def test_a_missing_extra_is_one_line_that_says_what_to_install(missing: str, arguments: list[str], said: str) -> None:
    done = python(f"import sys; sys.modules[{missing!r}] = None\n{RUN}pass", *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_what_was_not_expected_shows_its_place_with_debug_alone() -> None:
    broken = "from flops_auditor_cli import main\ndef load(name): raise TypeError('defect')\nmain.load = load\n"
    plain = python(broken + "main.run(['plan'])")
    assert (plain.returncode, plain.stdout) == (1, "")
    assert plain.stderr.splitlines() == [
        "TypeError: defect",
        "That was not expected. Run it again with --debug and report what it shows.",
    ]
    debugged = python(broken + "main.run(['plan', '--debug'])")
    assert "Traceback" in debugged.stderr
    assert debugged.stderr.endswith(plain.stderr)


def test_what_is_written_to_a_closed_stream_or_in_a_poor_encoding_ends_nothing() -> None:
    closed = python("import sys; sys.stdout = None\n" + RUN + "pass", "catalog", "policies")
    assert (closed.returncode, closed.stdout) == (0, "")
    poor = subprocess.run(
        [sys.executable, "-c", RUN + "print(chr(0x2514))", "--version"],
        env=ENVIRONMENT | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert poor.returncode == 0, poor.stderr
    assert "\\u2514" in poor.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1:strict", "UTF8", ""])
def test_json_is_json_in_utf_8_whatever_the_locale(tmp_path: Path, encoding: str) -> None:
    """An escape such as \\xe8 is none of JSON's (RFC 8259, 7), and the byte e8 alone is no UTF-8."""
    model = "mod\xe8le-\u30e2\u30c7\u30eb-\U0001f600"
    job = json.loads(Path(JOB).read_text())
    job["HyperParameters"] = {"model_name_or_path": model}
    (tmp_path / "job.json").write_text(json.dumps(job))
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", RUN + "pass", "audit", str(tmp_path / "job.json"), "--output", "json"],
        env=ENVIRONMENT | locale | ({"PYTHONIOENCODING": encoding} if encoding else {}),
        capture_output=True,
        check=False,
    )
    document = json.loads(done.stdout.decode("utf-8", "strict"))
    assert document["original"]["base_model"] == model
    assert done.stdout.isascii() is (encoding != "UTF8")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["plan", "--instance-type", "ml.p5.48xlarge", "--base-model", "Llama-3.1-8B", "--tokens", "1e13"], 3),
        (["plan"], 2),
        (["verify", "missing.zip"], 2),
        (["catalog", "instance-types"], 0),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_where_nobody_reads_the_exit_code_is_the_results_own(arguments: list[str], code: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", RUN + "pass", *arguments], env=ENVIRONMENT, stdout=writer, stderr=writer, check=False
    )
    os.close(writer)
    assert done.returncode == code


def test_verify_shows_its_progress_before_it_has_read_anything(tmp_path: Path) -> None:
    """It waits for a pipe that nobody writes to."""
    bundle = tmp_path / "bundle.zip"
    os.mkfifo(bundle)
    program, terminal = pty.fork()
    if program == 0:
        command = [sys.executable, "-m", "flops_auditor_cli", "verify", "--recompute", str(bundle)]
        os.execve(sys.executable, command, ENVIRONMENT | {"TERM": "xterm"})  # noqa: S606
    shown = b""
    while b"leaves" not in shown:
        shown += os.read(terminal, 4096)
    os.kill(program, signal.SIGINT)
    with suppress(OSError):
        while os.read(terminal, 4096):
            pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]) == 130
