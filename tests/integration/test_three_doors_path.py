"""One fine-tune through three doors on the deployed template: a training job, a training session that its tag says
continues it, and a customization job of Bedrock whose base model was imported from where the session left results.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor_cli.local_aws.jobs import load_custom_model
from tests.fakes.customization_jobs import imported
from tests.integration.deployed import Deployed, fresh_job, run
from tests.integration.test_other_doors import announce, fresh_customization, fresh_session

LLAMA = {"model_name_or_path": "meta-llama/Llama-3.2-3B"}


def fresh_import(deployed: Deployed, place: str, name: str) -> str:
    """The ARN of a model that was imported from a place in S3, which Bedrock knows; `name` has twelve signs."""
    account = f"arn:aws:bedrock:{deployed.stack.region}:{deployed.stack.account_id}"
    arns = {"modelArn": f"{account}:imported-model/{name}", "jobArn": f"{account}:model-import-job/{name}"}
    load_custom_model(deployed.stack, imported(place, **arns))
    return arns["modelArn"]


def own(content: Mapping[str, Any]) -> int:
    """What one run took by itself, in FLOP."""
    return int(content["estimate"]["best_flop"]) + int(content["estimate"]["signal_flop"])


def test_three_doors_count_once_and_are_computed_again_from_the_bundle(operator: Deployed, tmp_path: Path) -> None:
    trained = fresh_job(ended=timedelta(hours=2), HyperParameters=LLAMA)
    operator.load(trained)
    lineage = [{"Key": "flops-auditor:lineage", "Value": trained["TrainingJobArn"]}]
    opened = fresh_session(operator, Tags=lineage)
    place = opened["OutputConfig"]["S3Location"]["Path"]
    tuned = fresh_customization(operator, baseModelArn=fresh_import(operator, place, "abcdefghijk1"))
    announce(operator, tuned)
    operator.record(tuned["jobArn"])
    operator.announce(trained)
    operator.invoke("ReconcileFunctionName")
    arns = [trained["TrainingJobArn"], opened["TrainingSessionArn"], tuned["jobArn"]]
    operator.wait(lambda: operator.record(arns[2]).predicate["lineage"]["ancestors"] == 2, "both ancestors")
    operator.idle()
    contents = [operator.record(arn).predicate for arn in arns]
    assert {each["job_arn"] for each in contents[2]["cumulative"]["ancestors"]} == set(arns[:2])
    assert int(contents[1]["cumulative"]["best_flop"]) == sum(map(own, contents[:2]))
    assert int(contents[2]["cumulative"]["best_flop"]) == sum(map(own, contents))
    assert (contents[2]["lineage"]["doubts"], contents[2]["verdict"]) == ([], "below")
    key = evidence_key(contents[2]["job"]["id"], contents[2]["revision"])
    archived = operator.stack.client("s3").get_object(Bucket=operator.outputs["ArchiveBucketName"], Key=key)
    answer = json.loads(archived["Body"].read())["packages"][tuned["baseModelArn"]]
    assert answer["answer"]["modelDataSource"] == {"s3DataSource": {"s3Uri": place}}
    code, tree = run("records", "lineage", arns[2])
    assert (code, {each["job_arn"] for each in tree["ancestors"]}) == (0, set(arns[:2]))
    operator.invoke("SealFunctionName")
    bundle = tmp_path / "bundle.zip"
    assert run("export", str(bundle), "--job", arns[2])[0] == 0
    code, verified = run("verify", str(bundle), "--recompute")
    assert (code, verified["verdict"]) == (0, "valid"), verified["findings"]


def test_a_model_that_is_gone_leaves_its_job_open(operator: Deployed) -> None:
    account = f"arn:aws:bedrock:{operator.stack.region}:{operator.stack.account_id}"
    tuned = fresh_customization(operator, baseModelArn=f"{account}:imported-model/deletedsince")
    announce(operator, tuned)
    content = operator.record(tuned["jobArn"]).predicate
    [doubt] = [each["kind"] for each in content["lineage"]["doubts"]]
    assert (doubt, content["verdict"]) == ("custom-model-not-there", "indeterminate")
