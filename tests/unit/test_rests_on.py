"""What a verdict rests on, and what it would be without the job's own word: the library and `flops-auditor audit`."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.audit.record import result
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.declared import Activity
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor_cli.main import app
from tests.fakes.audit import MemoryAlerts
from tests.fakes.jobs import CREATED, describe, throughout
from tests.fakes.lineage import World, artifact, channel, continuing
from tests.fakes.running import Room, ended, running

HOURS = 720
"""30 days of 16 p5 hosts: 2.6e23 FLOP at most, 1.3e22 at the least that any published run reached."""


def job(hosts: int = 16, hours: float = HOURS, **said: dict[str, str]) -> dict[str, Any]:
    return describe(
        hours=hours,
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts},
        HyperParameters=said.get("parameters", {}),
        Environment=said.get("environment", {}),
        Tags=[{"Key": f"flops-auditor:{key}", "Value": value} for key, value in said.get("tags", {}).items()],
    )


def emitted(hours: float = HOURS, **values: float) -> list[dict[str, Any]]:
    return [throughout({"Id": "m", "Label": name, "Values": [value]}, hours) for name, value in values.items()]


def audited(
    trusts: bool = True,
    metrics: list[dict[str, Any]] | None = None,
    emits: dict[str, float] | None = None,
    **said: Any,
) -> Audit:
    return audit(case_of(evidence_of(metrics, emits, **said)), replace(load_tables(), trusts_statements=trusts))


def evidence_of(
    metrics: list[dict[str, Any]] | None = None, emits: dict[str, float] | None = None, **said: Any
) -> Evidence:
    return Evidence(job(**said), metrics=[*(metrics or ()), *emitted(**(emits or {}))])


SHORT = {"max_seq_length": "256"}
STEPS = {"max_steps": "30000", "global_batch_size": "1024"}
LIES: list[tuple[dict[str, Any], str]] = [
    ({"tags": {"activity": "not-training"}}, "tag flops-auditor:activity = not-training"),
    ({"tags": {"pretrain-flops": "5e24"}}, "tag flops-auditor:pretrain-flops = 5e24"),
    ({"environment": {"PRETRAIN_FLOPS": "5e24"}}, "variable PRETRAIN_FLOPS = 5e24"),
    ({"tags": {"base-model": "meta-llama/Llama-3.1-405B"}}, "tag flops-auditor:base-model = meta-llama/Llama-3.1-405B"),
    ({"tags": {"precision": "fp32"}, "hosts": 8}, "tag flops-auditor:precision = fp32"),
    (
        {"parameters": {"model_name_or_path": "meta-llama/Llama-3.1-405B"}},
        "hyperparameter model_name_or_path = meta-llama/Llama-3.1-405B",
    ),
    ({"hosts": 2, "emits": {"mfu": 0.1}}, "metric mfu = 0.1"),
    (
        {"hosts": 2, "parameters": SHORT, "tags": {"params": "8e9", "tokens": "1.6e11"}},
        "tag flops-auditor:tokens = 1.6e11",
    ),
    (
        {"hosts": 2, "parameters": SHORT, "tags": {"params": "8e9", "tokens": "1.6e11"}},
        "tag flops-auditor:params = 8e9",
    ),
    ({"hosts": 2, "tags": {"activity": "synthetic-data"}}, "tag flops-auditor:activity = synthetic-data"),
    (
        {"hosts": 4, "parameters": {**STEPS, "seq_length": "4096"}, "tags": {"params": "7e9"}},
        "hyperparameters global_batch_size, max_steps",
    ),
    (
        {"environment": {"SM_HP_MODEL_ID": "meta-llama/Llama-3.1-405B"}},
        "variable SM_HP_MODEL_ID = meta-llama/Llama-3.1-405B",
    ),
    (
        {"environment": {"SM_HPS": '{"model_id": "meta-llama/Llama-3.1-405B"}'}},
        "variable SM_HPS.model_id = meta-llama/Llama-3.1-405B",
    ),
]


@pytest.mark.parametrize(("said", "statement"), LIES)
def test_a_verdict_that_statements_make_names_each_and_what_it_would_be_without(
    said: dict[str, Any], statement: str
) -> None:
    found = audited(**said)
    assert found.verdict == "below" and found.on_the_jobs_word
    assert found.rests_on is not None
    without = {ground.words: ground.verdict_without for ground in found.rests_on.milder}
    assert without[statement] == "indeterminate"
    assert found.without_statements.verdict == "indeterminate"


@pytest.mark.parametrize(("said", "statement"), LIES)
def test_where_statements_are_not_trusted_it_is_indeterminate(said: dict[str, Any], statement: str) -> None:
    found = audited(trusts=False, **said)
    assert found.verdict == "indeterminate" and not found.on_the_jobs_word
    doubts = [d for a in found.assessments for d in a.doubts] or list(found.estimate.doubts)
    assert any(statement in doubt.words for doubt in doubts)


@pytest.mark.parametrize(("said", "statement"), LIES)
def test_a_policy_alone_may_trust_no_statement(said: dict[str, Any], statement: str) -> None:
    tables = load_tables()
    wary = "eu-gpai-guidelines-2025-07"
    policies = tuple(replace(p, trusts_statements=p.policy_id != wary) for p in tables.policies)
    found = audit(case_of(evidence_of(**said)), replace(tables, policies=policies))
    assert found.verdict == "indeterminate"
    doubted = {a.policy for a in found.assessments for doubt in a.doubts if statement in doubt.words}
    assert doubted == {wary} or any(statement in doubt.words for doubt in found.estimate.doubts)


def test_what_needs_no_statement_stays_below_where_none_is_trusted() -> None:
    found = audited(trusts=False, hosts=1, hours=10, tags={"activity": "not-training"})
    assert found.verdict == "below" and not found.on_the_jobs_word


def test_two_statements_that_say_the_same_are_both_named() -> None:
    found = audited(tags={"pretrain-flops": "5e24"}, environment={"PRETRAIN_FLOPS": "5e24"})
    assert found.rests_on is not None
    named = {ground.words: ground.verdict_without for ground in found.rests_on.milder}
    assert named == {"tag flops-auditor:pretrain-flops = 5e24": "below", "variable PRETRAIN_FLOPS = 5e24": "below"}
    assert found.without_statements.verdict == "indeterminate"


TWICE = {"MAX_STEPS": "30000", "GLOBAL_BATCH_SIZE": "1024", "MAX_LENGTH": "4096"}


@pytest.mark.parametrize("twice", [{}, TWICE])
@pytest.mark.parametrize(("trusts", "verdict"), [(True, "below"), (False, "indeterminate")])
def test_statements_that_say_something_only_together_are_named(
    trusts: bool, verdict: str, twice: dict[str, str]
) -> None:
    """Steps, sequences of a step, prompt and answer: none of the four says anything alone."""
    answers = {"max_prompt_length": "1024", "max_response_length": "3072"}
    signed = Amendment("ada", "counted", CREATED, parameters=7 * 10**9)
    given = evidence_of(hosts=4, parameters={**STEPS, **answers}, environment=twice)
    found = audit(case_of(replace(given, amendments=(signed,))), replace(load_tables(), trusts_statements=trusts))
    assert (found.verdict, found.without_statements.verdict) == (verdict, "indeterminate")
    assert found.rests_on is not None
    named = " ".join(ground.words for ground in found.rests_on.milder)
    assert all(name in named for name in (*STEPS, *answers, *twice))
    assert found.without_statements.estimate.method == "hardware"


def test_a_bare_count_of_model_flop_makes_nothing_below() -> None:
    """A count that does not say whether it is whole is no way under a line that the hardware may cross."""
    found = audited(hosts=2, emits={"flops_auditor:model_flop": 8e21})
    assert (found.estimate.method, found.verdict) == ("counted", "indeterminate")
    assert found.rests_on is not None
    [ground] = [each for each in found.rests_on.grounds if each.source == "emitted"]
    assert ground.words == "metric flops_auditor:model_flop = 8e+21"


def test_one_statement_does_not_hide_another_that_is_milder_still() -> None:
    """Without its tokens the lower MFU would count, so each alone seems to speak against the job."""
    both = {"parameters": {**SHORT, "precision": "bf16"}, "tags": {"params": "8e9", "tokens": "1e11"}}
    found = audited(hosts=2, emits={"mfu": 0.1}, **both)
    assert found.verdict == "below"
    assert found.without_statements.estimate.method == "hardware"
    assert found.without_statements.verdict == "indeterminate"


def test_a_statement_that_counts_against_the_job_stays() -> None:
    """A faster precision raises the figure, so leaving it out would make the result milder."""
    found, plain = audited(tags={"precision": "fp8"}), audited()
    assert found.rests_on is not None
    assert found.rests_on.milder == ()
    assert (found.estimate.upper_flop or 0) > (plain.estimate.upper_flop or 0)
    assert found.without_statements.estimate == found.estimate


def test_emitted_metrics_are_the_jobs_word_and_measured_ones_are_not() -> None:
    occupancy = throughout({"Id": "g", "Label": "GPUUtilization algo-1", "Values": [700.0]}, 200)
    found = audited(hosts=1, hours=200, metrics=[occupancy, *emitted(200, mfu=0.3)])
    assert found.rests_on is not None
    by_source = {(ground.source, ground.what) for ground in found.rests_on.grounds}
    assert ("emitted", "metric mfu") in by_source
    assert ("measured", "occupancy of the accelerators (GPUUtilization)") in by_source
    assert not any(ground.source == "measured" for ground in found.rests_on.milder)


def test_a_lineage_tag_that_denies_what_the_job_reads_is_a_statement() -> None:
    said = {"parameters": {"model_path": "s3://bucket/model/"}, "tags": {"lineage": "none"}}
    found = audited(hosts=1, hours=10, **said)
    assert found.verdict == "below" and found.without_statements.verdict == "indeterminate"
    assert any("s3://bucket/model" in doubt.words for doubt in found.without_statements.estimate.doubts)


def test_the_document_says_all_of_it() -> None:
    document = result(audited(tags={"activity": "not-training"}))
    rests = document["rests_on"]
    assert rests["on_the_jobs_word"] and rests["verdict_without_statements"] == "indeterminate"
    assert rests["without_statements"]["activity"] == "fine-tuning"
    assert int(rests["without_statements"]["upper_flop"]) > 10**22
    lines = {each["scenario"]: each["verdict"] for each in rests["without_statements"]["assessments"]}
    assert lines["original-unknown"] == "indeterminate"


def command(folder: Path, *more: str, emits: dict[str, float] | None = None, **said: Any) -> Any:
    (folder / "job.json").write_text(json.dumps(job(**said), default=iso))
    arguments = ["audit", str(folder / "job.json"), *more]
    if emits:
        (folder / "metrics.json").write_text(json.dumps({"MetricDataResults": emitted(**emits)}, default=iso))
        arguments += ["--metrics", str(folder / "metrics.json")]
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(("said", "statement"), LIES)
def test_the_command_says_so_in_its_first_line(tmp_path: Path, said: dict[str, Any], statement: str) -> None:
    answer = command(tmp_path, **said)
    first = answer.stdout.splitlines()[0]
    assert answer.exit_code == 0
    said_of_lines = "is compared with no threshold" if "not-training" in statement else "is below every threshold"
    assert f"{said_of_lines}, on the job's word" in first
    assert statement in first and "it would be indeterminate" in first
    distrusted = command(tmp_path, "--no-trust-statements", **said)
    assert distrusted.exit_code == 4
    assert "may be above a threshold" in distrusted.stdout.splitlines()[0]
    assert statement in distrusted.stdout


def test_a_chain_does_not_launder_what_an_earlier_run_says() -> None:
    """The parent's record keeps its figures without its own word, and the child adds those up."""
    world = World()
    big = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 16}}
    world.add(continuing("parent", hours=HOURS, **big), activity="not-training")
    world.add(continuing("child", ["parent"], day=40))
    world.audit()
    parent, child = world.content("parent"), world.content("child")
    assert child["verdict"] == "below" and child["rests_on"]["on_the_jobs_word"]
    assert child["rests_on"]["milder"] == ["what earlier runs say of themselves"]
    [listed] = child["cumulative"]["ancestors"]
    kept = parent["rests_on"]["without_statements"]
    assert listed["without_statements"] == {name: kept[name] for name in listed["without_statements"]}
    assert int(listed["without_statements"]["best_flop"]) > 10**22 and listed["best_flop"] == "0"


def test_people_are_told_of_a_job_that_is_above_but_for_its_word() -> None:
    """64 hosts: the least that any published run reached is over 3.3e22 FLOP."""
    world = World()
    big = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}
    world.add(continuing("quiet", hours=HOURS, **big), pretrain_flops="5e24")
    world.audit()
    alerts = world.recorder.alerts
    assert isinstance(alerts, MemoryAlerts)
    [mail] = alerts.sent
    assert mail.subject == "[FLOPs Auditor] BELOW, ON ITS OWN WORD: quiet"
    assert "Without what the job says of itself it would be ABOVE" in mail.body
    assert "tag flops-auditor:pretrain-flops = 5e24" in mail.body
    assert json.loads(mail.attributes["json"])["verdict_without_statements"] == "above"


def test_a_tag_that_changed_between_two_looks_is_said_in_the_record() -> None:
    room = Room()
    job = running(hosts=1)
    pointer = room.jobs.add(job, precision="bf16")
    room.watch(hours=1)
    room.jobs.tags_by_arn[pointer.arn] = [{"Key": "flops-auditor:precision", "Value": "fp32"}]
    room.watch(hours=1)
    room.jobs.add(ended(job, room.clock.now), precision="fp32")
    audit_job(pointer, room.recorder, "test")
    stored = room.recorder.records.latest(parse_training_job(job).job_id)
    assert stored is not None
    said = [remark["words"] for remark in predicate_of(stored.line)["estimate"]["assumptions"]]
    [changed] = [words for words in said if "flops-auditor:precision' was" in words]
    assert "was 'bf16' when the run was seen at" in changed and changed.endswith("it is 'fp32' now")


@pytest.mark.parametrize("activity", ["not-training", "synthetic-data"])
def test_no_tag_takes_a_run_out_that_would_be_above(activity: str) -> None:
    """64 hosts: above by the least that any published run reached. A person may sign for what the run did."""
    world = World()
    big = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}
    world.add(continuing("quiet", hours=HOURS, **big), activity=activity)
    world.audit()
    content = world.content("quiet")
    assert content["verdict"] == "indeterminate"
    assert content["rests_on"]["verdict_without_statements"] == "above"
    assert f"only a tag of the job says that it is {activity}" in json.dumps(content)
    signed = Amendment("ada", "it only made data", CREATED, activity="synthetic-data")
    amend(world.job_id("quiet"), signed, world.recorder)
    again = world.content("quiet")
    assert (again["job"]["activity"], again["verdict"]) == ("synthetic-data", "below")
    assert "amended" in {ground["source"] for ground in again["rests_on"]["grounds"]}
    assert not again["rests_on"]["on_the_jobs_word"]


def rule(scenario: str, threshold: str = "", **more: Any) -> dict[str, Any]:
    line = {"scenario": scenario, "title": scenario, "meaning": "m", "duties": [], "reading": "text", "source": "s"}
    when = {"role": ["modifier"], **more.pop("when", {})}
    amount = {"threshold": threshold} if threshold else {}
    return {**line, "when": when, **amount, "comparison": "greater than", "basis": "updates", **more}


def regime(folder: Path, name: str, *groups: list[dict[str, Any]], **more: Any) -> str:
    document = {
        "id": name,
        "title": name,
        "jurisdiction": "Mars",
        "in_force": "2020-01-01",
        "sources": [],
        "duties": {},
    }
    (folder / f"{name}.json").write_text(json.dumps({**document, "groups": groups, **more}))
    return name


def wary(folder: Path) -> str:
    share = rule("share", when={"original": "known"}, share_of_original="1/7")
    unknown = rule("unknown", "1e22", when={"original": "unknown"})
    return regime(folder, "wary", [share, unknown], trust_statements=False)


def under(folder: Path, *policies: str, **said: Any) -> Audit:
    return audit(case_of(evidence_of(**said)), load_tables(list(policies), folder))


NAMED = {"hosts": 1, "hours": 1500, "parameters": {"model_id": "meta-llama/Llama-3.1-8B"}}


@pytest.mark.parametrize("beside", [True, False])
def test_a_policy_that_trusts_no_statement_is_judged_by_its_own_lines(tmp_path: Path, beside: bool) -> None:
    """Beside another policy that is above either way, no statement makes the whole milder."""
    others = [regime(tmp_path, "total", [rule("total", "1e23", includes_pretraining=True)])] if beside else []
    found = under(tmp_path, *others, wary(tmp_path), **NAMED)
    share = found.assessments[-1]
    assert (share.policy, share.verdict, share.without_statements) == ("wary", "indeterminate", "indeterminate")
    [doubt] = share.doubts
    assert "without hyperparameter model_id = meta-llama/Llama-3.1-8B it would be indeterminate" in doubt.words
    assert found.rests_on and [g.words for g in found.rests_on.milder] == [
        "hyperparameter model_id = meta-llama/Llama-3.1-8B"
    ]
    assert found.verdict == ("above" if beside else "indeterminate")


def test_a_policy_that_trusts_statements_stays_below_beside_one_that_trusts_none(tmp_path: Path) -> None:
    trusting = regime(tmp_path, "trusting", [rule("share", when={"original": "known"}, share_of_original="1/7")])
    found = under(tmp_path, trusting, wary(tmp_path), **NAMED)
    assert [(a.policy, a.verdict) for a in found.assessments] == [("trusting", "below"), ("wary", "indeterminate")]


def test_a_line_that_only_the_jobs_word_keeps_from_applying_is_open(tmp_path: Path) -> None:
    """The name of a known original takes the run from under the line for unknown ones."""
    only = regime(tmp_path, "only", [rule("unknown", "1e22", when={"original": "unknown"})], trust_statements=False)
    other = regime(tmp_path, "other", [rule("any", "1e26")])
    found = under(tmp_path, other, only, **NAMED)
    assert [(a.policy, a.scenario, a.verdict) for a in found.assessments] == [
        ("other", "any", "below"),
        ("only", "unknown", "indeterminate"),
    ]
    assert found.verdict == "indeterminate"


def test_statements_whose_names_read_alike_are_told_apart(tmp_path: Path) -> None:
    """Names are cut to 60 characters: of two that begin alike each keeps what it says and what follows from it."""
    long = "c" * 60
    hidden = {f"{long}.model_id": "meta-llama/Llama-3.1-8B", f"{long}.precision": "fp8"}
    found = under(tmp_path, wary(tmp_path), hosts=1, hours=1500, parameters=hidden)
    assert found.rests_on is not None
    assert [ground.value for ground in found.rests_on.milder] == ["meta-llama/Llama-3.1-8B"]
    declared = {g.value: g.verdict_without for g in found.rests_on.grounds if g.source == "declared"}
    assert declared == {"meta-llama/Llama-3.1-8B": "indeterminate", "fp8": "below"}


def test_three_statements_of_which_any_two_suffice_are_named() -> None:
    """Leaving out one changes nothing, nor does leaving one in: the doubt must still say what it is about."""
    same = {"PRETRAIN_FLOPS": "5e24"}
    found = audited(
        tags={"pretrain-flops": "5e24"}, environment=same, parameters={"model_id": "meta-llama/Llama-3.1-405B"}
    )
    assert found.rests_on is not None and found.on_the_jobs_word
    assert len(found.rests_on.milder) >= 2


_AWAY = "take the tag flops-auditor:lineage away"


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (LIES[1][0], "--pretraining-flop NUMBER`"),
        (LIES[5][0], "--pretraining-flop NUMBER --parameters NUMBER`"),
        (LIES[6][0], "--mfu SHARE`"),
        (LIES[7][0], "--tokens NUMBER --parameters NUMBER`"),
        (
            {"hosts": 1, "hours": 10, "parameters": {"model_path": "s3://bucket/model/"}, "tags": {"lineage": "none"}},
            _AWAY,
        ),
    ],
)
def test_the_advice_names_what_settles_the_doubt(said: dict[str, Any], advice: str) -> None:
    found = audited(trusts=False, **said)
    remedies = [doubt.settled_by("JOB") for a in found.assessments for doubt in a.doubts]
    assert any(advice in remedy.words for remedy in remedies if remedy is not None)


FROM_A_FILE_SYSTEM = {
    "ChannelName": "model",
    "DataSource": {"FileSystemDataSource": {"FileSystemId": "fs-1", "FileSystemType": "EFS", "DirectoryPath": "/x"}},
}


@pytest.mark.parametrize(
    ("reads", "tags"),
    [
        ({"HyperParameters": {"model_path": "s3://elsewhere/model/"}}, {"lineage": "none"}),
        ({"InputDataConfig": [FROM_A_FILE_SYSTEM]}, {"lineage": "small"}),
        ({"InputDataConfig": [channel("teacher", "s3://t/x"), channel("model", "s3://elsewhere/x")]}, {}),
    ],
    ids=["none", "another run", "a teacher"],
)
def test_a_chain_does_not_launder_that_an_earlier_run_denies_what_it_continues(
    reads: dict[str, Any], tags: dict[str, str]
) -> None:
    """Its figures are the same without its word, but nobody knows then what else counts."""
    world = World()
    world.add(continuing("small", hours=1))
    world.add(continuing("parent", day=1, hours=10, **reads), **tags)
    world.add(continuing("child", ["parent"], day=40, hours=10))
    world.audit()
    child = world.content("child")
    assert child["verdict"] == "below" and child["rests_on"]["on_the_jobs_word"]
    assert child["rests_on"]["milder"] == ["what earlier runs say of themselves"]
    [listed] = [a for a in child["cumulative"]["ancestors"] if a["job_id"] == world.job_id("parent")]
    assert listed["without_statements"]["doubtful"]


HEAVY = {"hours": 30_000}
DATA: Activity = "synthetic-data"


@pytest.mark.parametrize("through", [[], ["next"], ["next", "one-more"]])
@pytest.mark.parametrize(
    ("reads", "doubt"), [("model", "ancestor-in-doubt"), ("train", "only-a-tag-says-earlier-activity")]
)
def test_a_chain_does_not_launder_that_an_earlier_run_says_it_generated_data(
    reads: str, doubt: str, through: list[str]
) -> None:
    """What that run continues counts without its word, however far below; a model channel contradicts that word."""
    world = World()
    world.add(continuing("heavy", **HEAVY))
    world.add(continuing("middle", day=1, InputDataConfig=[channel(reads, artifact("heavy"))]), activity=DATA)
    names = ["middle", *through, "last"]
    for day, (parent, name) in enumerate(pairwise(names), 2):
        world.add(continuing(name, [parent], day=day))
    world.audit()
    plain = World()
    plain.add(continuing("heavy", **HEAVY))
    plain.add(continuing("middle", ["heavy"], day=1))
    plain.audit()
    heavy, last = world.content("heavy"), world.content("last")
    assert plain.content("middle")["verdict"] == "above"
    assert (last["verdict"], last["rests_on"]["verdict_without_statements"]) == ("indeterminate", "above")
    assert last["rests_on"]["milder"] == ["that earlier runs say they generated data"]
    opened = [a for a in last["assessments"] if a["verdict"] != "below"]
    assert [[each["kind"] for each in a["doubts"]] for a in opened] == [[doubt]] * 2
    assert len(last["assessments"]) == 3, "a line that the word does not decide stays below"
    assert last["lineage"]["ancestors"] == len(names) - 1, "heavy is listed, and not counted"
    assert int(last["cumulative"]["best_flop"]) < int(heavy["estimate"]["best_flop"])
    without = last["rests_on"]["without_statements"]["assessments"][0]
    assert int(without["best_flop"]) > int(heavy["estimate"]["best_flop"])


@pytest.mark.parametrize("seed", range(8))
def test_whatever_tags_say_who_generated_data_the_whole_chain_counts_without_them(seed: int) -> None:
    rng = Random(seed)
    parents = [rng.sample(range(number), min(number, rng.choice([1, 1, 2]))) for number in range(6)]
    tagged = {number for number in range(6) if rng.random() < 0.5}
    plain, told = World(), World()
    for number, before in enumerate(parents):
        run = continuing(f"job-{number}", [f"job-{each}" for each in before], day=number, hours=10 * (number + 1))
        plain.add(run)
        told.add(run, **({"activity": DATA} if number in tagged else {}))
    plain.audit()
    told.audit()
    for number in range(6):
        fair, found = plain.content(f"job-{number}"), told.content(f"job-{number}")
        without = found["rests_on"]["without_statements"] or found
        assert without["assessments"][0]["upper_flop"] == fair["assessments"][0]["upper_flop"]
        assert int(found["cumulative"]["upper_flop"]) <= int(fair["cumulative"]["upper_flop"])
        assert found["lineage"]["ancestors"] <= len(found["cumulative"]["ancestors"])


@pytest.mark.parametrize("of_last", ["not-training", DATA])
@pytest.mark.parametrize("of_middle", ["not-training", DATA])
def test_two_tags_do_not_what_one_cannot(of_middle: str, of_last: str) -> None:
    """Each hides what the other one's run continues: without either alone, the chain would still be below."""
    world = World()
    world.add(continuing("heavy", **HEAVY))
    world.add(continuing("middle", ["heavy"], day=1), activity=of_middle)
    world.add(continuing("last", ["middle"], day=2), activity=of_last)
    world.audit()
    last = world.content("last")
    assert (last["verdict"], last["rests_on"]["verdict_without_statements"]) == ("indeterminate", "above")
    assert f"tag flops-auditor:activity = {of_last}" in last["rests_on"]["milder"]
    assert {"above"} == {
        ground["verdict_without"]
        for ground in last["rests_on"]["grounds"]
        if "activity" in ground["what"] or "generated data" in ground["what"]
    }


def test_a_tag_that_hides_nothing_takes_no_blame_for_another() -> None:
    world = World()
    world.add(continuing("light", hours=1))
    world.add(continuing("middle", ["light"], day=1, hours=1), activity=DATA)
    world.add(continuing("last", ["middle"], day=2, **HEAVY), activity="not-training")
    world.audit()
    last = world.content("last")
    assert last["verdict"] == "indeterminate"
    without = {each["what"]: each["verdict_without"] for each in last["rests_on"]["grounds"]}
    assert without["that earlier runs say they generated data"] == "below"
    assert [doubt["kind"] for doubt in last["estimate"]["doubts"]] == ["only-a-tag-says-activity"]


def test_a_person_who_signs_for_generated_data_settles_it_for_whoever_learns_from_it() -> None:
    world = World()
    world.add(continuing("heavy", **HEAVY))
    world.add(continuing("middle", ["heavy"], day=1), activity=DATA)
    world.add(continuing("last", ["middle"], day=2))
    world.audit()
    amend(world.job_id("middle"), Amendment("ada", "it made data", CREATED, activity=DATA), world.recorder)
    world.work_off()
    last = world.content("last")
    assert (last["verdict"], last["rests_on"]["verdict_without_statements"]) == ("below", "below")
    assert world.ancestors("last") == {"middle"}


def test_who_says_it_generated_data_takes_nobodys_place() -> None:
    """Who left results at a place is counted beside a run that continues it by its data alone."""
    at = {"CheckpointConfig": {"S3Uri": "s3://checkpoints/run"}}
    for of_middle, of_next in ((at, {}), ({}, {"OutputDataConfig": {"S3OutputPath": "s3://checkpoints"}})):
        world = World()
        world.add(continuing("heavy", **HEAVY, **at))
        world.add(continuing("middle", ["heavy"], day=1, **of_middle), activity=DATA)
        world.add(continuing("run", ["middle"], day=2, **of_next))
        world.add(continuing("last", day=3, InputDataConfig=[channel("model", "s3://checkpoints/run/step-9")]))
        world.audit()
        assert world.content("last")["verdict"] == "above"
        assert int(world.content("last")["cumulative"]["best_flop"]) > 10**23


def test_a_lineage_tag_that_names_another_run_than_the_one_that_is_read_is_a_statement() -> None:
    world = World()
    world.add(continuing("read", hours=100))
    world.add(continuing("named", hours=1))
    world.add(continuing("child", ["read"], day=40, hours=10), lineage="named")
    world.audit()
    child = world.content("child")
    assert child["rests_on"]["on_the_jobs_word"]
    assert child["rests_on"]["milder"] == ["tag flops-auditor:lineage = named"]


PLAN = {"max_steps": "100000", "global_batch_size": "6250", "seq_length": "256"}


def test_statements_that_say_something_only_together_are_statements() -> None:
    """Steps, batch and length make tokens together; read alone, none of them says how many there are."""
    signed = (Amendment("ada", "the model's card says so", CREATED, parameters=8 * 10**9),)
    evidence = replace(evidence_of(hosts=2, parameters=PLAN), amendments=signed)
    for trusts, verdict in ((True, "below"), (False, "indeterminate")):
        found = audit(case_of(evidence), replace(load_tables(), trusts_statements=trusts))
        assert found.verdict == verdict
        assert found.rests_on is not None and found.without_statements.verdict == "indeterminate"
        named = " ".join(ground.what for ground in found.rests_on.milder)
        assert "max_steps" in named
