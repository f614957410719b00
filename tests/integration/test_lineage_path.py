"""Lineage on the deployed template: the index in DynamoDB, reassessments through SQS, superseding records."""

import hashlib
from datetime import timedelta
from typing import Any
from uuid import uuid4

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.values.archive_keys import evidence_key, record_key
from tests.fakes.cases import words
from tests.fakes.lineage import channel
from tests.integration.deployed import Deployed, fresh_job


def chain(length: int, hours: float) -> list[dict[str, Any]]:
    """Jobs of which each continues the one before."""
    jobs: list[dict[str, Any]] = []
    for number in range(length):
        job = fresh_job(hours=hours, ended=timedelta(days=length - number))
        job["ResourceConfig"] = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1}
        job["OutputDataConfig"] = {"S3OutputPath": "s3://models/"}
        job["ModelArtifacts"] = {"S3ModelArtifacts": f"s3://models/{job['TrainingJobName']}/output/model.tar.gz"}
        if jobs:
            job["InputDataConfig"] = [channel("model", jobs[-1]["ModelArtifacts"]["S3ModelArtifacts"])]
        jobs.append(job)
    return jobs


def test_a_chain_recorded_in_the_wrong_order_ends_with_its_sum(deployed: Deployed) -> None:
    """The youngest first: each parent that is recorded later corrects its descendants by superseding records."""
    jobs = chain(3, hours=5)
    for job in jobs:
        deployed.load(job)
    arns = [job["TrainingJobArn"] for job in jobs]
    for job in reversed(jobs):
        deployed.announce(job)
        deployed.record(job["TrainingJobArn"])
    deployed.wait(lambda: deployed.record(arns[2]).predicate["lineage"]["ancestors"] == 2, "both ancestors")
    deployed.idle()
    youngest, oldest = deployed.record(arns[2]), deployed.record(arns[0])
    content = youngest.predicate
    assert {a["job_arn"] for a in content["cumulative"]["ancestors"]} == set(arns[:2])
    assert int(content["cumulative"]["best_flop"]) == 3 * int(content["estimate"]["best_flop"])
    assert oldest.predicate["revision"] == 0
    assert content["revision"] >= 1
    identity = parse_training_job(jobs[2]).job_id
    before = deployed.items("RECORD#", arns[2])
    first = min(before, key=lambda item: item["sk"])["envelope"]
    second = sorted(before, key=lambda item: item["sk"])[1]["envelope"]
    assert hashlib.sha256(first.encode()).hexdigest() == superseded_by(second)
    for revision in range(content["revision"] + 1):
        assert deployed.versions(record_key(identity, revision)) == [record_key(identity, revision)]
        assert deployed.versions(evidence_key(identity, revision)) == [evidence_key(identity, revision)]


def test_a_model_package_leads_to_the_job_whose_artifact_was_registered(deployed: Deployed) -> None:
    """The package is no output of any job: only DescribeModelPackage says where its model came from."""
    parent, child = chain(2, hours=5)
    package = deployed.register_model(parent["ModelArtifacts"]["S3ModelArtifacts"])
    del child["InputDataConfig"]
    child["ModelPackageConfig"] = {"SourceModelPackageArn": package}
    for job in (parent, child):
        deployed.load(job)
    for job in (child, parent):
        deployed.announce(job)
        deployed.record(job["TrainingJobArn"])
    arn = child["TrainingJobArn"]
    deployed.wait(lambda: deployed.record(arn).predicate["lineage"]["ancestors"] == 1, "the ancestor")
    content = deployed.record(arn).predicate
    assert [a["job_arn"] for a in content["cumulative"]["ancestors"]] == [parent["TrainingJobArn"]]
    assert words(content["lineage"]["doubts"]) == ()


def superseded_by(envelope: str) -> str:
    """What a record says that it supersedes."""
    return str(parse_statement(parse_envelope(envelope.encode()).payload).predicate["supersedes"])


def test_a_decoy_takes_no_place_and_a_stranger_frames_nobody(deployed: Deployed) -> None:
    """A job named `output` below the parent's results, and one that keeps its checkpoints in the bucket of the data."""
    team = f"s3://team-{uuid4().hex}"
    names = ("parent", "decoy", "child", "stranger", "innocent")
    jobs = {name: fresh_job(hours=1, ended=timedelta(days=6 - n)) for n, name in enumerate(names)}
    parent, path = jobs["parent"], f"{team}/{jobs['parent']['TrainingJobName']}"
    decoy_name = "output"
    jobs["decoy"] |= {
        "TrainingJobName": decoy_name,
        "TrainingJobArn": jobs["decoy"]["TrainingJobArn"].rsplit("/", 1)[0] + f"/{decoy_name}",
        "OutputDataConfig": {"S3OutputPath": path},
        "ModelArtifacts": {"S3ModelArtifacts": f"{path}/output/output/model.tar.gz"},
    }
    parent |= {
        "OutputDataConfig": {"S3OutputPath": team},
        "ModelArtifacts": {"S3ModelArtifacts": f"{path}/output/model.tar.gz"},
    }
    jobs["child"]["InputDataConfig"] = [channel("model", f"{path}/output/model.tar.gz")]
    jobs["stranger"]["CheckpointConfig"] = {"S3Uri": f"{team}-data/"}
    jobs["innocent"]["InputDataConfig"] = [channel("train", f"{team}-data/corpus/")]
    for name, job in jobs.items():
        deployed.load(job, tags=[{"Key": "flops-auditor:tokens", "Value": "x"}] if name == "stranger" else [])
    for name in ("child", "innocent", "decoy", "stranger", "parent"):
        deployed.announce(jobs[name])
        deployed.record(jobs[name]["TrainingJobArn"])
    arn = jobs["child"]["TrainingJobArn"]
    deployed.wait(lambda: deployed.record(arn).predicate["lineage"]["ancestors"] == 1, "the parent")
    deployed.idle()
    child, innocent = (deployed.record(jobs[name]["TrainingJobArn"]).predicate for name in ("child", "innocent"))
    assert [a["job_arn"] for a in child["cumulative"]["ancestors"]] == [parent["TrainingJobArn"]]
    assert child["verdict"] == innocent["verdict"] == "below"
    assert innocent["cumulative"]["ancestors"] == []
    assert [note["kind"] for note in innocent["lineage"]["notes"]] in ([], ["no-output-of-a-run"])
