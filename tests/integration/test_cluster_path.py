"""What a cluster's operator exports, on the deployed template: recorded once, told to people, amended, verified."""

from pathlib import Path

from tests.fakes.clusters import ARN as ELSEWHERE
from tests.fakes.clusters import WHO
from tests.integration.deployed import Deployed, run
from tests.transcripts.people import lay_out_cluster

ARN = ELSEWHERE.replace("123456789012", "111122223333")


def test_runs_of_a_file_are_recorded_once_and_follow_from_their_evidence(operator: Deployed, tmp_path: Path) -> None:
    lay_out_cluster(tmp_path)
    cluster = tmp_path / "cluster.json"
    cluster.write_text(cluster.read_text().replace(ELSEWHERE, ARN))
    answers = ["--cluster", str(cluster), "--nodes", str(tmp_path / "nodes.json")]
    command = ["record-cluster", str(tmp_path / "slurm.txt"), *answers, "--who", WHO]
    code, told = run(*command, "--dry-run")
    assert (code, {each["outcome"] for each in told["runs"]}) == (0, {"recorded"})
    code, told = run(*command)
    verdicts = {each["job_arn"].removeprefix(f"{ARN}/"): each["verdict"] for each in told["runs"]}
    assert (code, verdicts) == (0, {"100": "below", "7_1": "indeterminate", "7_2": "below"})
    code, told = run(*command)
    assert {each["outcome"] for each in told["runs"]} == {"already recorded"}
    open_run = f"{ARN}/7_1"
    assert WHO in str(operator.record(open_run).predicate["estimate"]["assumptions"])
    [mail] = operator.mails_about("tune-7_1")
    assert "nothing says what it goes on from" in " ".join(mail["Message"].split())
    operator.invoke("SealFunctionName")
    bundle = str(tmp_path / "bundle.zip")
    assert run("export", bundle, "--job", open_run)[0] == 0
    code, report = run("verify", bundle, "--recompute")
    assert (code, report["verdict"]) == (0, "valid")
