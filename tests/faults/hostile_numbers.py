"""Puts hostile numbers into one place and answers what came of each, in a process of its own: its time and memory tell.

    python -m tests.faults.hostile_numbers PLACE FOLDER

Prints one JSON object: how many answers there were, the CPU seconds of the slowest and what it was of, the answers that
were no answers, and the peak memory in bytes.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.record import result
from flops_auditor.domain.runs.amendment import read_amendment
from flops_auditor.domain.runs.evidence import Evidence, parse_evidence
from flops_auditor.domain.runs.hyperparameters import MODEL, NUMBERS
from flops_auditor.domain.runs.models_file import read_models
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.main import app
from tests.fakes.bundles import Bundle, small_world
from tests.fakes.cases import audit
from tests.fakes.jobs import CREATED, describe, tagged
from tests.memory import peak_memory

TEXTS = (
    "1e-99999999",
    "1e99999999",
    "-1e99999999",
    "1E+1000000000000000000",
    "0.1e-400000000",
    "9" * 40,
    "1e40",
    "1e39",
    "9" * 4300,
    "9" * 10**6,
    "0." + "0" * 10**6 + "1",
    "1/" + "9" * 10**5,
    "1e308",
    "5e-324",
    "1_000",
    "nan",
    "inf",
    "-0",
    "999999999K",
    "\u0661\u0662\u0663",
    "1" * 30,
)
"""As an owner of a job may write them."""
TOKENS = (*(text for text in TEXTS if text.lstrip("-")[:1].isdigit() and not set(text) & set("/_K\u0661")),
    "NaN", "Infinity", "-Infinity", "1e400", "4e-320", "123456789012345678901234567890", "true", "[]", '"1e99999999"',
)  # fmt: skip
"""As JSON may hold them."""
SOME = (*NUMBERS[::6], *MODEL[::6])
"""Of the names: where they stand makes no difference to how they are read."""
MARK = "@@@"
TABLES = load_tables()


def audited(description: Any, metrics: Any = (), **more: Any) -> None:
    """The deployed path's pure part: evidence, its file, and the record's content as text."""
    evidence = Evidence(description, metrics=metrics, **more)
    json.dumps(result(audit(evidence, TABLES)))


def parsed(text: str, then: Callable[[Any], object]) -> None:
    """What JSON's own parser refuses reaches nothing of ours."""
    try:
        document = json.loads(text)
    except ValueError:
        return
    then(document)


def of_evidence(document: str) -> None:
    """An evidence file as it may lie in the archive."""
    json.dumps(result(audit(parse_evidence(document.encode()), TABLES)))


def written(document: Any) -> str:
    return json.dumps(document, default=iso)


def marked(document: Any) -> Iterator[str]:
    """A document with each of its numbers and times replaced by each token, one after the other."""
    text = written(document)
    for path in _leaves(json.loads(text)):
        copy = json.loads(text)
        inner = copy
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = MARK
        template = json.dumps(copy)
        for token in TOKENS:
            yield template.replace(f'"{MARK}"', token)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(each, (*path, key))
    elif isinstance(value, (int, float)) or (isinstance(value, str) and value[:2] == "20"):
        yield path


# ----- Places

Try = tuple[str, Callable[[], object]]


def hyperparameters(_: Path) -> Iterator[Try]:
    names = [*NUMBERS, *MODEL]
    for text in TEXTS:
        for name in names:
            stated = {"model_id": "meta-llama/Llama-3.1-8B", name: text}
            yield (
                f"{name}={text[:20]}",
                lambda stated=stated: audited(describe(HyperParameters=stated, Tags=tagged(tokens="1e9"))),
            )
        yield f"all={text[:20]}", lambda text=text: audited(describe(HyperParameters=dict.fromkeys(names, text)))


def tags(_: Path) -> Iterator[Try]:
    names = ("params", "active_params", "trainable_params", "tokens", "pretrain_flops", "base_model", "precision",
             "placed_on_market", "lineage", "activity")  # fmt: skip
    for text in TEXTS:
        for name in names:
            yield f"{name}={text[:20]}", lambda name=name, text=text: audited(describe(Tags=tagged(**{name: text})))
        yield (
            f"all={text[:20]}",
            lambda text=text: audited(describe(HyperParameters={}, Tags=tagged(**dict.fromkeys(names[:4], text)))),
        )
        unbounded = describe(HyperParameters={}, ResourceConfig={}, Tags=tagged(params=text, tokens="1"))
        yield f"without hardware, params={text[:20]}", lambda unbounded=unbounded: audited(unbounded)


def environment(_: Path) -> Iterator[Try]:
    for text in TEXTS:
        for name in ("PRETRAIN_FLOPS", "HF_MODEL_ID", *(each.upper() for each in SOME)):
            yield f"{name}={text[:20]}", lambda name=name, text=text: audited(describe(Environment={name: text}))
        all_of_them = {
            "SM_HPS": json.dumps(dict.fromkeys(SOME, text)),
            **{f"SM_HP_{each.upper()}": text for each in SOME},
        }
        yield f"SM_HPS={text[:20]}", lambda given=all_of_them: audited(describe(Environment=given))


def arguments(_: Path) -> Iterator[Try]:
    for text in TEXTS:
        for name in SOME:
            command = {
                "ContainerEntrypoint": ["bash", "-c"],
                "ContainerArguments": [f"train --{name} {text} {name}={text}"],
            }
            yield (
                f"{name}={text[:20]}",
                lambda command=command: audited(describe(AlgorithmSpecification=command, Tags=tagged(tokens="1e9"))),
            )
    for text in ("'" * 10**5, "-" * 10**5, "--a=" * 10**5, "-a " * 10**5, "\\" * 10**5, "=" * 10**5):
        command = {"ContainerEntrypoint": [text], "ContainerArguments": [f"bash {text}"] * 100}
        yield f"command {text[:20]}", lambda command=command: audited(describe(AlgorithmSpecification=command))


def configurations(_: Path) -> Iterator[Try]:
    """Hyperparameters that are JSON: its numbers, and its shape."""
    for token in TOKENS:
        for name in SOME:
            stated = {"model_id": "meta-llama/Llama-3.1-8B", "config": f'{{"trainer": {{"{name}": {token}}}}}'}
            yield (
                f"{name}={token[:20]}",
                lambda stated=stated: audited(describe(HyperParameters=stated, Tags=tagged(tokens="1e9"))),
            )
    for text in (
        "[" * 10**5,
        '{"a":' * 10**5,
        "[1," * 10**4 + "1" + "]" * 10**4,
        json.dumps({"a" * 10**4: {"b.c": [1] * 10**4}}),
        json.dumps({"model": ["a"] * 10**4}),
        json.dumps({"a" * 256: [f"s3://b/{number}" for number in range(10**4)]}),
        json.dumps([["7B"] * 100] * 100),
    ):
        whole = {f"{name}{number}": text for number in range(100) for name in ("config",)}
        yield f"100 x {text[:20]}", lambda whole=whole: audited(describe(HyperParameters=whole))


def descriptions(_: Path) -> Iterator[Try]:
    job = describe(
        TrainingTimeInSeconds=36000,
        BillableTimeInSeconds=36000,
        BillableTokenCount=10**9,
        FinalMetricDataList=[
            {"MetricName": name, "Value": 0.4, "Timestamp": CREATED} for name in ("mfu", "num_tokens")
        ],
        StoppingCondition={"MaxRuntimeInSeconds": 86400},
    )
    for text in marked(job):
        yield text[-60:], lambda text=text: parsed(text, audited)


def metrics(_: Path) -> Iterator[Try]:
    times = [CREATED, CREATED.replace(hour=1), CREATED.replace(hour=2)]
    for label in ("mfu", "num_tokens", "total_flos", "model_flop", "GPUUtilization algo-1", "tokens_per_second"):
        answers = [{"Label": label, "Values": [0.4, 0.5, 0.6], "Timestamps": times, "StatusCode": "Complete"}]
        for text in marked(answers):
            yield f"{label} {text[-60:]}", lambda text=text: parsed(text, partial(audited, describe()))
    for value in (1e39, 5e-324, 1e-300):
        many = [{"Label": "num_tokens", "Values": [value] * 20_000, "Timestamps": list(range(20_000))}]
        yield f"20,000 x {value}", lambda many=many: audited(describe(), many)


def evidence(_: Path) -> Iterator[Try]:
    amendment = {"who": "A", "why": "B", "at": "2026-11-24T00:00:00Z", "tokens": "5", "mfu": "1/3", "parameters": 7}
    body = json.loads(Evidence(json.loads(written(describe())), metrics=[]).to_bytes())
    body["amendments"] = [{**amendment, "pretrainingFlop": 10**24}]
    body["metrics"] = {"results": [{"Label": "mfu", "Values": [0.4], "Timestamps": [1772324400]}], "periodSeconds": 300}
    for text in marked(body):
        yield text[-60:], lambda text=text: of_evidence(text)


def amendments(_: Path) -> Iterator[Try]:
    for text in (*TEXTS, "1/1e9", f"{'9' * 99}/{'8' * 99}", "9e999/7"):
        for name in ("tokens", "parameters", "pretrainingFlop", "mfu", "at"):
            said = {"who": "A", "why": "B", "at": "2026-11-24", "tokens": "5", name: text}
            yield f"{name}={text[:20]}", lambda said=said: read_amendment(said)


def models(_: Path) -> Iterator[Try]:
    said = {"who": "A", "why": "B", "at": "2026-11-24", "pretrainingFlop": 5, "stated": {"placedOn": "2026-11-24"}}
    for text in marked({"models": {"org/model": said}}):
        yield text[-60:], lambda text=text: read_models(text.encode())
    for text in TEXTS:
        written_so = json.dumps({"models": {text[:300]: {**said, "pretrainingFlop": text}}})
        yield text[:20], lambda written_so=written_so: read_models(written_so.encode())


def events(_: Path) -> Iterator[Try]:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/job"
    event = {"time": "2026-11-24T00:00:00Z", "detail": {"TrainingJobArn": arn, "CreationTime": 1772324400000}}
    for text in marked(event):
        yield text[-60:], lambda text=text: parsed(text, read_pointer)


def flops_meter(_: Path) -> Iterator[Try]:
    names = ("N_total", "N_trainable", "tokens_processed")
    for text in marked({**dict.fromkeys(names, 10**9), "more": 1}):
        files = {"output/flops_meter.json": text}
        yield text[-60:], lambda files=files: audited(describe(), files=files)
    for text in TEXTS:
        files = {"flops_meter.json": json.dumps(dict.fromkeys(names, text))}
        yield text[:20], lambda files=files: audited(describe(), files=files)


def options(_: Path) -> Iterator[Try]:
    plan = ("--hours", "--accelerators", "--accelerator-hours", "--peak-flop-per-s", "--mfu", "--params", "--tokens",
            "--active-params", "--epochs", "--lora-rank", "--spectrum-fraction", "--trainable-params",
            "--pretrain-flops", "--earlier-flop", "--sequence-length", "--instances")  # fmt: skip
    for text in (text for text in TEXTS if len(text) < 10**5):  # longer ones no command line takes
        for option in plan:
            given = [
                "plan",
                "--accelerator",
                "H100",
                "--hours",
                "5",
                "--params",
                "8e9",
                "--tokens",
                "1e9",
                option,
                text,
            ]
            yield f"{option} {text[:20]}", lambda given=given: command(given)


def bundles(folder: Path) -> Iterator[Try]:
    bundle = Bundle(small_world(), folder)
    whole = dict(bundle.files)
    first_of = {name.rpartition("/")[0]: name for name in sorted(whole, reverse=True) if _numbers_in(whole[name])}
    far = datetime(2027, 1, 2, tzinfo=UTC)
    for name in first_of.values():
        for path, token in ((p, t) for p in _numbers_in(whole[name]) for t in ("1e99999999", "9" * 4300, "9" * 10**5)):
            changed = whole[name][: path[0]] + token.encode() + whole[name][path[1] :]
            yield f"{name} {token[:12]}", lambda name=name, changed=changed: forged(bundle, whole, name, changed, far)


def _numbers_in(content: bytes) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(rb"(?<![\w.])\d+(?![\w.])", content)][:6]


def forged(bundle: Any, whole: dict[str, bytes], name: str, changed: bytes, at: Any) -> None:
    bundle.files = {**whole, name: changed}
    bundle.verify(as_of=at)


def command(arguments: list[str]) -> None:
    answer = CliRunner().invoke(app, arguments)
    if answer.exit_code not in (0, 2, 3, 4) and not isinstance(answer.exception, AuditorError):
        raise AssertionError(f"exit {answer.exit_code}: {answer.exception!r}")


PLACES: dict[str, Callable[[Path], Iterator[Try]]] = {
    each.__name__: each  # type: ignore[attr-defined]
    for each in (hyperparameters, tags, environment, arguments, configurations,
                 descriptions, metrics, evidence, amendments, models, events,
                 flops_meter, options, bundles)
}  # fmt: skip


def main(place: str, folder: Path) -> None:
    """Answer for one place."""
    count, slowest, of, wrong = 0, 0.0, "", []
    for name, attempt in PLACES[place](folder):
        begun = time.process_time()
        try:
            attempt()
        except AuditorError:
            pass
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
        spent = time.process_time() - begun
        count += 1
        if spent > slowest:
            slowest, of = spent, name
    found = {"answers": count, "slowest": slowest, "of": of, "wrong": wrong[:20], "peak": peak_memory()}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
