"""Better evidence from a person: a new signed record supersedes, the old one stays."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from hashlib import sha256
from typing import Any

import jsonschema
import pytest

from flops_auditor.data import load_tables, read
from flops_auditor.domain.audit.record import result, unrecorded
from flops_auditor.domain.audit.tables import ACCELERATORS, INSTANCE_TYPES
from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.runs.amendment import Amendment, MalformedAmendment, read_amendment
from flops_auditor.domain.runs.evidence import TRAINING_JOB, parse_evidence
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.training_job_events import AWS_EVENT_SOURCE
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.use_cases.auditing.amend_record import NothingToAmend, amend, foresee
from flops_auditor.use_cases.auditing.ask_again import AskedInVain
from flops_auditor.use_cases.auditing.collect_training_job import TrainingJobCollector
from flops_auditor.use_cases.auditing.keep_record import put_evidence
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob
from flops_auditor_cli.commands.amend import changes_nothing, missing_beside, view_of_change
from flops_auditor_cli.schemas import schema_of, versioned
from flops_auditor_cli.view import Headline
from tests.fakes.audit import NOW, FakeMetrics, MemoryAlerts, MemoryRecords
from tests.fakes.cases import audit, words
from tests.fakes.lineage import World, continuing


def amendment(**said: Any) -> Amendment:
    return Amendment(**{"who": "ada@example.com", "why": "counted by hand", "at": NOW, **said})


def memory_lines(world: World) -> dict[str, dict[int, bytes]]:
    records = world.recorder.records
    assert isinstance(records, MemoryRecords)
    return records.lines


def recorded(*names: str, hours: float = 1500) -> World:
    world = World()
    for day, name in enumerate(names or ("job",)):
        world.add(continuing(name, names[max(0, day - 1) : day], day=day, hours=hours))
    world.audit()
    return world


def test_tokens_and_parameters_settle_an_indeterminate_job() -> None:
    world = recorded()
    assert world.content("job")["verdict"] == "indeterminate"
    job = world.job_id("job")
    records, archive = world.recorder.records, world.recorder.archive
    assert isinstance(records, MemoryRecords)
    first = records.lines[job][0]
    attachment = sha256(b"minutes").hexdigest()
    outcome = amend(
        job, amendment(tokens=4 * 10**11, parameters=8 * 10**9, attachment_sha256=attachment), world.recorder
    )
    content = world.content("job")
    assert outcome.verdict == content["verdict"] == "below"
    assert content["estimate"]["method"] == "architecture"
    assert content["estimate"]["best_flop"] == str(6 * 32 * 10**20)
    assert content["supersedes"] == sha256(first).hexdigest()
    assert content["previous_verdict"] == "indeterminate"
    said = " ".join(words(content["estimate"]["assumptions"]))
    for part in ("ada@example.com", "counted by hand", attachment):
        assert part in said
    assert records.lines[job][0] == first
    assert archive.get(f"records/{job}/0.json") == first
    alerts = world.recorder.alerts
    assert isinstance(alerts, MemoryAlerts)
    assert alerts.sent[-1].attributes["verdict"] == "below"


def test_the_amended_record_follows_from_its_evidence_file() -> None:
    world = recorded()
    job = world.job_id("job")
    amend(job, amendment(mfu=Fraction(2, 5), pretraining_flop=10**24), world.recorder)
    content = world.content("job")
    body = world.recorder.archive.get(f"evidence/{job}/1.json")
    assert body is not None
    again = result(audit(parse_evidence(body), load_tables()))
    assert {key: content[key] for key in again} == again
    assert content["estimate"]["method"] == "hardware + MFU"
    assert content["original"]["pretraining_flop"] == str(10**24)
    assert parse_evidence(body).to_bytes() == body


def test_descendants_follow_an_amendment() -> None:
    world = recorded("parent", "child", "grandchild", hours=600)
    before = world.content("grandchild")
    amend(world.job_id("parent"), amendment(mfu=Fraction(1, 10)), world.recorder)
    world.work_off()
    after = world.content("grandchild")
    saved = int(before["estimate"]["best_flop"]) * 4 // 5
    assert int(before["cumulative"]["best_flop"]) - int(after["cumulative"]["best_flop"]) == saved
    assert after["revision"] == 1


def test_a_later_amendment_goes_before_an_earlier_one_and_both_stay() -> None:
    world = recorded()
    job = world.job_id("job")
    amend(job, amendment(tokens=10**9, parameters=10**9), world.recorder)
    amend(job, amendment(tokens=2 * 10**9, at=NOW + timedelta(days=1), why="recounted"), world.recorder)
    content = world.content("job")
    assert content["revision"] == 2
    assert content["estimate"]["best_flop"] == str(12 * 10**18)
    body = world.recorder.archive.get(f"evidence/{job}/2.json")
    assert body is not None
    assert [a.why for a in parse_evidence(body).amendments] == ["counted by hand", "recounted"]


def test_an_amendment_is_recorded_once_however_often_it_is_made() -> None:
    world = recorded()
    for _ in range(3):
        amend(world.job_id("job"), amendment(tokens=10**9), world.recorder)
    assert world.content("job")["revision"] == 1


def test_an_amendment_that_died_before_its_record_is_completed() -> None:
    """The evidence of revision 1 stands without a record: whoever comes next completes it."""
    world = recorded()
    job = world.job_id("job")
    body = world.recorder.archive.get(f"evidence/{job}/0.json")
    assert body is not None
    amended = replace(parse_evidence(body), amendments=(amendment(tokens=10**9, parameters=10**9),))
    put_evidence(case_of(amended), 1, world.recorder)
    amend(job, amendment(mfu=Fraction(1, 2), at=NOW + timedelta(days=1)), world.recorder)
    assert world.content("job")["revision"] == 2
    found = world.recorder.archive.get(f"evidence/{job}/2.json")
    assert found is not None
    assert len(parse_evidence(found).amendments) == 2


def test_a_reassessment_keeps_what_a_person_said() -> None:
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=1))
    world.audit("child")
    amend(world.job_id("child"), amendment(tokens=10**9, parameters=10**9), world.recorder)
    world.audit("parent")
    content = world.content("child")
    assert content["revision"] == 2
    assert content["estimate"]["best_flop"] == str(6 * 10**18)
    assert content["lineage"]["ancestors"] == 1


def test_an_unknown_instance_type_is_settled_by_a_table_that_has_it_and_no_sooner() -> None:
    """Without a ceiling nothing shows a slip in an amendment, so "below" cannot rest on it (docs/adr/0002)."""
    world = World()
    world.add(continuing("job", ResourceConfig={"InstanceType": "ml.p99.48xlarge", "InstanceCount": 1}))
    world.audit()
    alerts, said = world.recorder.alerts, amendment(tokens=10**9, parameters=10**9)
    assert isinstance(alerts, MemoryAlerts)
    advice = " ".join(alerts.sent[-1].body.split())
    assert "Upgrade to a release whose table has the instance type" in advice
    assert "has to accept it with --accept-table" in advice
    assert "emit the metric" not in advice
    assert amend(world.job_id("job"), said, world.recorder).verdict == "indeterminate"
    row = next(line for line in read(INSTANCE_TYPES).splitlines() if line.startswith("ml.p5.48xlarge,"))
    known = f"{read(INSTANCE_TYPES)}{row.replace('ml.p5.', 'ml.p99.')}\n"
    tables = replace(world.recorder.tables, hardware=HardwareTable.parse(read(ACCELERATORS), known))
    upgraded = replace(world.recorder, tables=tables)
    assert amend(world.job_id("job"), replace(said, at=NOW + timedelta(days=1)), upgraded).verdict == "below"


def test_a_person_settles_a_tag_that_could_not_be_read() -> None:
    world = World()
    world.add(continuing("job"), tokens="many")
    world.audit()
    assert words(world.content("job")["estimate"]["doubts"])
    amend(world.job_id("job"), amendment(tokens=10**9, parameters=10**9), world.recorder)
    assert words(world.content("job")["estimate"]["doubts"]) == ()


def test_a_corrected_tag_settles_the_record_once_the_sources_are_asked_again() -> None:
    world = World()
    world.add(continuing("job"), activity="fine-toning")
    world.audit()
    before = world.content("job")
    assert before["verdict"] == "indeterminate"
    advice = {s["kind"]: s["words"] for a in before["assessments"] for s in a["settle"]}
    assert "--ask-again" in advice["correct-tag"]
    world.add(continuing("job"), activity="fine-tuning")
    for _ in range(2):  # a second time, as after a crash
        amend(world.job_id("job"), amendment(asked_again=True), world.recorder)
    after = world.content("job")
    assert (after["verdict"], after["revision"]) == ("below", 1)
    body = world.recorder.archive.get(f"evidence/{world.job_id('job')}/1.json")
    assert body is not None
    evidence = parse_evidence(body)
    assert [a.asked_again for a in evidence.amendments] == [True]
    assert {tag["Key"]: tag["Value"] for tag in evidence.tags or ()}["flops-auditor:activity"] == "fine-tuning"
    assert result(audit(evidence, world.recorder.tables))["verdict"] == "below"


@pytest.mark.parametrize("tag", ["trainable_params", "active_params"])
def test_the_size_of_the_model_settles_no_doubt_about_its_parts(tag: str) -> None:
    """Whoever gave the adapter's count as that of the model would make the figure hundreds of times too small."""
    world = World()
    world.add(continuing("job"), tokens="1e9", **{tag: "2e7?"})
    world.audit()
    [doubt] = [d for d in world.content("job")["estimate"]["doubts"] if d["kind"] == "unreadable-part-of-parameters"]
    assert "--parameters" not in doubt["settle"]["words"]
    assert "--ask-again" in doubt["settle"]["words"]
    amend(world.job_id("job"), amendment(parameters=2 * 10**7), world.recorder)
    content = world.content("job")
    assert content["verdict"] == "indeterminate"
    assert "unreadable-part-of-parameters" in {d["kind"] for d in content["estimate"]["doubts"]}


def test_what_is_gone_is_not_to_be_granted() -> None:
    world = World()
    pointer = world.add(continuing("job"))
    world.jobs.descriptions.clear()
    world.pointers["job"] = pointer.model_copy(update={"source": AWS_EVENT_SOURCE, "said": {}})
    world.deliver("job")
    [stored] = memory_lines(world).values()
    content = predicate_of(stored[0])
    assert "evidence-not-there" in {d["kind"] for d in content["estimate"]["doubts"]}
    assert not any("grant" in s["words"].lower() for a in content["assessments"] for s in a["settle"])


def test_a_right_granted_since_settles_the_record() -> None:
    world = World()
    world.add(continuing("job"))
    world.jobs.denied.add("sagemaker:ListTags")
    world.audit()
    assert world.content("job")["verdict"] == "indeterminate"
    world.jobs.denied.clear()
    foreseen = foresee(world.job_id("job"), amendment(asked_again=True), world.recorder)
    assert foreseen.audited.verdict == "below"
    assert world.content("job")["revision"] == 0
    assert amend(world.job_id("job"), amendment(asked_again=True), world.recorder).verdict == "below"


def test_what_is_refused_now_and_was_not_then_changes_nothing() -> None:
    world = recorded(hours=10)
    world.jobs.denied.add("sagemaker:ListTags")
    with pytest.raises(AskedInVain, match="ListTags"):
        amend(world.job_id("job"), amendment(asked_again=True), world.recorder)
    assert world.content("job")["revision"] == 0


def test_a_job_that_is_gone_or_whose_name_means_another_one_is_not_asked_again() -> None:
    world = recorded(hours=10)
    job = world.job_id("job")
    world.add(continuing("job", day=3))
    with pytest.raises(UnknownTrainingJob, match="the name now means"):
        amend(job, amendment(asked_again=True), world.recorder)
    world.jobs.descriptions.clear()
    with pytest.raises(UnknownTrainingJob):
        amend(job, amendment(asked_again=True), world.recorder)


def test_metrics_that_cloudwatch_has_forgotten_are_kept() -> None:
    world = World()
    collector = world.recorder.collectors[TRAINING_JOB]
    assert isinstance(collector, TrainingJobCollector)
    metrics = collector.metrics
    assert isinstance(metrics, FakeMetrics)
    job = continuing("job")
    moments = [job["TrainingStartTime"] + timedelta(minutes=minute) for minute in range(600)]
    metrics.results["job"] = [
        {"Id": "m0", "Label": "GPUUtilization algo-1", "Timestamps": moments, "Values": [400.0] * len(moments)}
    ]
    world.add(job)
    world.audit()
    before = world.content("job")["estimate"]
    assert before["occupancy"] is not None
    metrics.results.clear()
    amend(world.job_id("job"), amendment(asked_again=True, tokens=10**9, parameters=10**9), world.recorder)
    assert world.content("job")["estimate"]["occupancy"] == before["occupancy"]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"tokens": 1, "who": " "},
        {"tokens": 1, "why": ""},
        {"tokens": 1, "why": "x" * 1001},
        {"mfu": Fraction(0)},
        {"mfu": Fraction(11, 10)},
        {"tokens": 1, "attachment_sha256": "ABC"},
    ],
)
def test_an_amendment_without_evidence_who_or_why_is_refused(said: dict[str, Any]) -> None:
    world = recorded()
    with pytest.raises(MalformedAmendment):
        amend(world.job_id("job"), amendment(**said), world.recorder)
    assert world.content("job")["revision"] == 0


def test_a_job_without_a_record_cannot_be_amended() -> None:
    with pytest.raises(NothingToAmend):
        amend("a" * 64, amendment(tokens=1), World().recorder)


@pytest.mark.parametrize("found", [{}, {"who": "a", "why": "b", "at": "2026-01-01"}, {"who": 1, "mfu": "1/0"}])
def test_a_distorted_amendment_is_named(found: dict[str, Any]) -> None:
    with pytest.raises(MalformedAmendment):
        read_amendment(found)


@pytest.mark.parametrize(
    ("given", "unchanged", "missing"),
    [
        ({"tokens": 2 * 10**9}, True, ["--parameters"]),
        ({"parameters": 8 * 10**9}, True, ["--tokens"]),
        ({"tokens": 4 * 10**11, "parameters": 8 * 10**9}, False, []),
        ({"mfu": Fraction(2, 5)}, False, []),
        ({"stated": Stated(licence="MIT")}, False, []),
    ],
)
def test_evidence_that_changes_nothing_says_what_is_missing(
    given: dict[str, Any], unchanged: bool, missing: list[str]
) -> None:
    world = recorded()
    said, before = amendment(**given), world.content("job")
    after = unrecorded(foresee(world.job_id("job"), said, world.recorder).audited, NOW)
    assert changes_nothing(before, after) is unchanged
    assert (missing_beside(said, after) if unchanged else []) == missing
    view = view_of_change(before, after, True, missing)
    jsonschema.validate(versioned(view.schema, view.document), schema_of("amend"))
    assert (view.document["unchanged"], view.document["missing"]) == (unchanged, missing)
    lines = [block.text for block in view.blocks if isinstance(block, Headline)]
    assert ("No figure, line or verdict changes" in lines[0]) is unchanged
    assert [name for name in ("--parameters", "--tokens") if any(name in line for line in lines[1:3])] == missing


def test_the_shape_of_a_model_is_what_its_attention_is_counted_by() -> None:
    """12 x layers x width x length per token, beside six FLOP per parameter; without them the most that it can be."""
    world = recorded()
    job, figures = world.job_id("job"), {"tokens": 10**11, "parameters": 34 * 10**9, "sequence_length": 8192}
    amend(job, amendment(**figures), world.recorder)
    before = world.content("job")["estimate"]
    amend(job, amendment(**figures, layers=48, width=8192), world.recorder)
    after = world.content("job")["estimate"]
    assert before["best_flop"] == str(6 * 34 * 10**20)
    assert after["best_flop"] == str((6 * 34 * 10**9 + 12 * 48 * 8192 * 8192) * 10**11)
    assert "shape-unknown" in {each["kind"] for each in before["assumptions"]}
    assert "shape-unknown" not in {each["kind"] for each in after["assumptions"]}
    assert after["cautious_upper_flop"] == after["upper_flop"]
    assert int(after["cautious_upper_flop"]) < int(before["cautious_upper_flop"])


def test_a_length_and_a_shape_are_read_back_and_belong_together() -> None:
    said = amendment(sequence_length=8192, layers=48, width=8192).check()
    assert read_amendment(said.to_json()) == said
    assert amendment(sequence_length=8192).check().to_json()["sequenceLength"] == "8192"
    for half in ({"layers": 48}, {"width": 8192}):
        with pytest.raises(MalformedAmendment, match="together"):
            amendment(**half).check()
