"""`flops-auditor audit`: the training compute of one job, from a file or live and read-only."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from flops_auditor.aws.calls.clients import cloudwatch_in, sagemaker_in
from flops_auditor.aws.sources.cloudwatch import CloudWatchMetrics
from flops_auditor.aws.sources.sagemaker import SageMakerJobs
from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import audit
from flops_auditor.domain.audit.record import result
from flops_auditor.domain.runs.aws_flops_meter import FILE_NAME
from flops_auditor.domain.runs.case import case_of
from flops_auditor.domain.runs.evidence import Evidence, plain
from flops_auditor.domain.runs.observations import metric_results
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.collect_evidence import Sources, collect
from flops_auditor_cli.audit_view import show
from flops_auditor_cli.deployment import use_local
from flops_auditor_cli.exits import OF_VERDICT
from flops_auditor_cli.options import LocalOption, OutputOption, PolicyFolderOption, PolicyOption
from flops_auditor_cli.output import Output, say


class UnreadableFile(AuditorError):
    """A file is not what the command needs."""

    remedy = (
        "JOB.json is the answer of `aws sagemaker describe-training-job`, --metrics that of "
        "`aws cloudwatch get-metric-data`, --flops-meter the toolkit's flops_meter.json."
    )


def read_json(path: Path) -> Any:
    """A JSON file. Raises UnreadableFile."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path} is not JSON: {error}") from error


def evidence_from_files(job: Path, metrics: Path | None, flops_meter: Path | None = None) -> Evidence:
    """Evidence from answers that were saved. Raises UnreadableFile."""
    description = read_json(job)
    if not isinstance(description, dict):
        raise UnreadableFile(f"{job}: not a JSON object")
    try:
        results = metric_results(read_json(metrics)) if metrics else ()
    except ValueError as error:
        raise UnreadableFile(f"{metrics}: {error}") from error
    return Evidence(description, metrics=results, files=meter_files(flops_meter))


def meter_files(flops_meter: Path | None) -> dict[str, str]:
    """The toolkit's file as evidence. Raises UnreadableFile."""
    return {FILE_NAME: json.dumps(read_json(flops_meter))} if flops_meter else {}


def live_evidence(name: str, region: str, flops_meter: Path | None = None) -> Evidence:
    """Evidence from SageMaker and CloudWatch, read-only. Raises UnreadableFile."""
    jobs = SageMakerJobs(sagemaker_in)
    sources = Sources(jobs, CloudWatchMetrics(cloudwatch_in), load_tables().metrics)
    answer = plain(jobs.describe(name, region))
    evidence = collect(answer, parse_training_job(answer), sources, datetime.now(UTC)).evidence
    return replace(evidence, files=meter_files(flops_meter))


def command(
    job: Annotated[
        Path | None, typer.Argument(metavar="JOB.json", help="Answer of `aws sagemaker describe-training-job`.")
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="Answer of `aws cloudwatch get-metric-data`, for JOB.json.")
    ] = None,
    flops_meter: Annotated[Path | None, typer.Option(help="The AWS toolkit's flops_meter.json.")] = None,
    job_name: Annotated[
        str | None, typer.Option(help="Ask SageMaker and CloudWatch about this job, read-only.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="The region of --job-name.")
    ] = None,
    policy: PolicyOption = None,
    policy_dir: PolicyFolderOption = None,
    output: OutputOption = Output.TABLE,
    local: LocalOption = False,
) -> None:
    """Audit one training job: from a file (no AWS needed), or live with --job-name.

    Exits with 0 when it is below every threshold, 3 when it is over one, 4 when that cannot be said.
    """
    if (job is None) == (job_name is None):
        raise typer.BadParameter("give either JOB.json or --job-name")
    if job_name is not None and metrics is not None:
        raise typer.BadParameter("--metrics belongs to JOB.json; --job-name asks CloudWatch itself")
    tables = load_tables(policy, policy_dir)
    if job is not None:
        case = case_of(evidence_from_files(job, metrics, flops_meter))
    else:
        if local:
            use_local()
        if not region and not local:
            raise typer.BadParameter("name the job's region with --region or AWS_REGION")
        case = case_of(live_evidence(job_name or "", region or "eu-west-1", flops_meter))
    audited = audit(case, tables)
    show(result(audited), output)
    if output is Output.TABLE:
        say(f"Verdict: {audited.verdict}")
    raise typer.Exit(OF_VERDICT[audited.verdict])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit")(command)
