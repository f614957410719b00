"""`flops-auditor audit`: the training compute of one job, from a file or live and read-only."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import audit
from flops_auditor.domain.audit.record import unrecorded
from flops_auditor.domain.lineage.lineage import not_looked_up
from flops_auditor.domain.runs.aws_flops_meter import FILE_NAME
from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB, TRAINING_JOB, Evidence
from flops_auditor.domain.runs.observations import metric_results
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.customization_job_answer import parse_customization_job
from flops_auditor.domain.runs.sources.customization_job_data import data_place, entry_of
from flops_auditor.domain.runs.sources.registry import source_of
from flops_auditor_cli.audit_view import view_of
from flops_auditor_cli.deployment import Target, connect, talks_to_aws
from flops_auditor_cli.exits import OF_VERDICT
from flops_auditor_cli.json_files import UnreadableFile, read_json
from flops_auditor_cli.options import OutputOption, PolicyFolderOption, PolicyOption, TrustOption
from flops_auditor_cli.output import Output
from flops_auditor_cli.view import show

AUDITED_FILES = (
    "JOB.json is the answer of `aws sagemaker describe-training-job`, `aws sagemaker describe-training-session`, "
    "`aws sagemaker describe-job`, `aws batch describe-jobs` or `aws bedrock get-model-customization-job`, "
    "--metrics that of `aws cloudwatch get-metric-data`, --flops-meter the toolkit's flops_meter.json, --data the "
    "answer of `aws s3api list-objects-v2`."
)


def evidence_from_files(
    job: Path, metrics: Path | None, flops_meter: Path | None = None, data: Path | None = None
) -> Evidence:
    """Evidence from answers that were saved: of whose run the description is, it tells itself. Raises UnreadableFile,
    and what its reader raises.
    """
    description = read_json(job, AUDITED_FILES)
    if not isinstance(description, dict):
        raise UnreadableFile(f"{job}: not a JSON object", AUDITED_FILES)
    source = source_of(description)
    if data and source != CUSTOMIZATION_JOB:
        raise UnreadableFile(f"{job}: --data is of a model customization job", AUDITED_FILES)
    if source != TRAINING_JOB:
        if metrics or flops_meter:
            raise UnreadableFile(f"{job} is no training job, and --metrics and --flops-meter are of one", AUDITED_FILES)
        return Evidence(description, objects=sizes_from_file(description, data), source=source)
    try:
        results = metric_results(read_json(metrics, AUDITED_FILES)) if metrics else ()
    except ValueError as error:
        raise UnreadableFile(f"{metrics}: {error}", AUDITED_FILES) from error
    return Evidence(description, metrics=results, files=meter_files(flops_meter))


def sizes_from_file(description: dict[str, Any], data: Path | None) -> dict[str, Any]:
    """How large the training data of a customization job is, by a listing of it. Raises UnreadableFile."""
    place = data_place(parse_customization_job(description)) if data else None
    if data is None or place is None:
        return {}
    entry = entry_of(read_json(data, AUDITED_FILES), place)
    if entry is None:
        raise UnreadableFile(f"{data}: it does not list the object {str(place)[:200]!r} once", AUDITED_FILES)
    return {str(place): entry}


def meter_files(flops_meter: Path | None) -> dict[str, str]:
    """The toolkit's file as evidence. Raises UnreadableFile."""
    return {FILE_NAME: json.dumps(read_json(flops_meter, AUDITED_FILES))} if flops_meter else {}


@talks_to_aws(stack=False)
def command(
    job: Annotated[
        Path | None,
        typer.Argument(
            metavar="JOB.json",
            help="Answer of `aws sagemaker describe-training-job`, `aws sagemaker describe-training-session`, "
            "`aws sagemaker describe-job`, `aws batch describe-jobs` or `aws bedrock get-model-customization-job`.",
        ),
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="Answer of `aws cloudwatch get-metric-data`, for JOB.json.")
    ] = None,
    flops_meter: Annotated[Path | None, typer.Option(help="The AWS toolkit's flops_meter.json.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Answer of `aws s3api list-objects-v2` for the training data of a model customization job."),
    ] = None,
    job_name: Annotated[
        str | None, typer.Option(help="Ask SageMaker and CloudWatch about this job, read-only.")
    ] = None,
    policy: PolicyOption = None,
    policy_dir: PolicyFolderOption = None,
    trust_statements: TrustOption = True,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Audit one job from a file, without AWS, or one training job live with --job-name.

    The file is what AWS says of a training job, a training session, a SageMaker job, a Batch job (beside it may stand
    `aws batch describe-compute-environments`) or a model customization job.
    Exits with 0 when it is below every threshold, 3 when it is over one, 4 when that cannot be said.
    """
    if (job is None) == (job_name is None):
        raise typer.BadParameter("give either JOB.json or --job-name")
    if job_name is not None and metrics is not None:
        raise typer.BadParameter("--metrics belongs to JOB.json; --job-name asks CloudWatch itself")
    if job_name is not None and data is not None:
        raise typer.BadParameter("--data belongs to JOB.json; --job-name asks about a training job")
    tables = replace(load_tables(policy, policy_dir), trusts_statements=trust_statements)
    if job is not None:
        case = case_of(evidence_from_files(job, metrics, flops_meter, data))
    else:
        from flops_auditor_cli.live_job import live_evidence  # noqa: PLC0415 - files need no AWS

        connect(target)
        case = case_of(replace(live_evidence(job_name or ""), files=meter_files(flops_meter)))
    audited = audit(case, tables, not_looked_up(case.run.begins, case.run.results, case.run.begins_doubts))
    show(view_of(unrecorded(audited, datetime.now(UTC)), "audit"), output)
    raise typer.Exit(OF_VERDICT[audited.verdict])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit")(command)
