"""flops-meter: metric definitions for a training job, and a check of the lines in a log."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from flops_meter import lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0 for fine, 1 for a log that is not whole, 2 for a question that makes no sense."""
    parser = argparse.ArgumentParser(prog="flops-meter", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    definitions = commands.add_parser("metric-definitions", help="print what Estimator or ModelTrainer needs")
    definitions.add_argument("--for", dest="host", choices=("json", "estimator", "model-trainer"), default="json")
    check = commands.add_parser("verify-log", help="say whether a log holds the lines that the meter wrote")
    check.add_argument("log", type=Path, help="the job's log; - for standard input")
    check.add_argument("--job", help="the job's ARN, if the lines must be of that job")
    given = parser.parse_args(arguments)
    if given.command == "metric-definitions":
        print(_definitions(given.host))  # noqa: T201  what the command is for
        return 0
    return _verify(given.log, given.job)


def _definitions(host: str) -> str:
    found = lines.metric_definitions()
    if host == "json":
        return json.dumps(found, indent=2)
    if host == "estimator":
        body = "\n".join(f"    {json.dumps(each)}," for each in found)
        return f"metric_definitions=[\n{body}\n]"
    body = "\n".join(f"    MetricDefinition(name={each['Name']!r}, regex={each['Regex']!r})," for each in found)
    return (
        "from sagemaker.modules.configs import MetricDefinition  # SDK 3: from sagemaker.train.configs\n\n"
        f"model_trainer = model_trainer.with_metric_definitions([\n{body}\n])"
    )


def _verify(log: Path, job: str | None) -> int:
    try:
        text = sys.stdin.read() if str(log) == "-" else log.read_text(errors="replace")
    except OSError as error:
        print(f"{log}: {error.strerror}. Pass a file with the job's log.", file=sys.stderr)  # noqa: T201
        return 2
    found, breaks = lines.verify(text.splitlines(), job)
    for each in breaks:
        print(f"line {each.place} of the meter: {each.why}")  # noqa: T201
    if not found:
        print("no line of a meter in it", file=sys.stderr)  # noqa: T201
        return 2
    last = found[-1]
    whole = "not whole" if breaks else "whole"
    counts = lines.counts_of(found)
    flop, covered = (
        sum(each.number("model_flop") for each in counts),
        sum(each.covered for each in counts),
    )
    anew = f" in {len(counts)} counts, each begun anew" if len(counts) > 1 else ""
    amounts = f"model_flop {flop}{anew}, {covered:.1f} s covered"
    print(f"{len(found)} lines, {whole}: {amounts}, {last.words['reporting']} of {last.words['ranks']} ranks")  # noqa: T201
    return 1 if breaks else 0


if __name__ == "__main__":
    sys.exit(main())
