"""Coverage-guided fuzzing of every parser of foreign bytes: `make fuzz`. Anything but a named error is a crash.

python -m tests.faults.fuzz_parsers --seconds 60
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports():
    from flops_auditor.data import load_tables
    from flops_auditor.domain.audit.record import result
    from flops_auditor.domain.ledger.dsse import envelope_line, parse_envelope
    from flops_auditor.domain.ledger.signed_note import parse_checkpoint, parse_note
    from flops_auditor.domain.ledger.statement import parse_statement, statement
    from flops_auditor.domain.runs.evidence import Evidence, parse_evidence
    from flops_auditor.domain.runs.sources.registry import read_pointer
    from flops_auditor.domain.values.canonical_json import parse_strict
    from flops_auditor.domain.values.errors import AuditorError
    from tests.fakes.cases import audit
    from tests.fakes.jobs import describe

TABLES = load_tables()
BASE = json.dumps(describe(), default=str)


def of_json(parse: Callable[[object], object]) -> Callable[[bytes], object]:
    """A parser of a document, on bytes."""

    def run(data: bytes) -> object:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            return None
        return parse(document)

    return run


def audited(document: object) -> object:
    """The audit of an answer, up to the text of its record."""
    if not isinstance(document, dict):
        return None
    return json.dumps(result(audit(Evidence(document), TABLES)))


def spliced(data: bytes) -> object:
    """A sound description with a piece of its text replaced, so that deep places are reached."""
    provider = atheris.FuzzedDataProvider(data)
    at = provider.ConsumeIntInRange(0, len(BASE))
    cut = provider.ConsumeIntInRange(0, 40)
    text = provider.ConsumeUnicodeNoSurrogates(60)
    return of_json(audited)((BASE[:at] + text + BASE[at + cut :]).encode())


PARSERS: tuple[Callable[[bytes], object], ...] = (
    of_json(read_pointer),
    of_json(audited),
    spliced,
    parse_evidence,
    parse_envelope,
    parse_statement,
    parse_note,
    parse_checkpoint,
    parse_strict,
)


def one_input(data: bytes) -> None:
    """The first byte chooses the parser."""
    if not data:
        return
    try:
        PARSERS[data[0] % len(PARSERS)](data[1:])
    except AuditorError as error:
        assert error.remedy


def seeds() -> list[bytes]:
    """Sound inputs of the parsers, to start from."""
    event = {"source": "aws.sagemaker", "detail": {"TrainingJobArn": describe()["TrainingJobArn"], "CreationTime": 1}}
    evidence = Evidence(describe(), tags=[{"Key": "flops-auditor:tokens", "Value": "1e9"}]).to_bytes()
    payload = statement("subject", "0" * 64, result(audit(Evidence(describe()), TABLES)))
    envelope = envelope_line(payload, "0" * 64, b"signature")
    found = [json.dumps(event).encode(), BASE.encode(), b"\0" * 12, evidence, envelope, payload]
    found += [b"log\n7\nAAAA\n\n\xe2\x80\x94 log AAAAAAAA\n", b"log\n7\nAAAA\n", payload]
    return [bytes([number]) + each for number, each in enumerate(found)]


def main() -> None:
    """Fuzz for a time; exits with an error at the first crash, whose input is kept as crash-*."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    options = [f"-max_total_time={seconds}", "-max_len=8192", "-print_final_stats=1", "-artifact_prefix=build/"]
    corpus = Path("build/fuzz")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(each)
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
