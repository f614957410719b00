"""From the event of a model customization job to its record, with twins of every port."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from flops_auditor import __version__
from flops_auditor.aws.calls.side_by_side import side_by_side
from flops_auditor.domain.compute.run_estimate import ERROR_MARGIN_ADDED, ERROR_MARGIN_ALONE
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.ledger_errors import FutureTimestamp
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.runs.data_tokens import BOUND_BY_DATA
from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB, Evidence, plain
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.customization_job_events import pointer_to
from flops_auditor.domain.runs.tags_seen import TagsSeen
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.ask_again import AskedInVain
from flops_auditor.use_cases.auditing.audit_job import NotFinished, Territory, handle_event
from flops_auditor.use_cases.auditing.collect_custom_models import WithCustomModels
from flops_auditor.use_cases.auditing.collect_customization_job import CustomizationJobCollector
from flops_auditor.use_cases.auditing.keep_record import (
    ForeignEvidence,
    bring_up_to_date,
    case_behind,
    first_record,
    newest,
)
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.operations import reconcile_doors
from flops_auditor.use_cases.operations.reconcile_doors import (
    CUSTOMIZATION_JOBS,
    EVERY_DOOR,
    TRAINING_JOBS,
    together,
)
from flops_auditor.use_cases.operations.reconcile_jobs import ReconcileReport
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob
from flops_auditor.use_cases.recomputing.recompute import recompute
from tests.fakes.audit import FakeTrainingJobs, FixedRegions, MemoryAlerts, recorder
from tests.fakes.customization_jobs import (
    BYTES,
    NOVA,
    PLACE,
    FakeCustomizationJobs,
    custom_model,
    customization,
    evidence,
    listed,
    model_arn,
)
from tests.fakes.jobs import CREATED
from tests.golden_forms import filled
from tests.unit.test_amend import amendment

TERRITORY = Territory("123456789012", FixedRegions())


def working(jobs: FakeCustomizationJobs) -> Recorder:
    made = recorder(FakeTrainingJobs())
    asked = {**made.collectors, CUSTOMIZATION_JOB: CustomizationJobCollector(jobs, jobs)}
    return replace(made, collectors={source: WithCustomModels(each, jobs) for source, each in asked.items()})


def ended(answer: dict[str, Any], status: str = "Completed") -> dict[str, Any]:
    detail = {"jobArn": answer["jobArn"], "jobName": answer["jobName"], "jobStatus": status}
    return {"source": "aws.bedrock", "detail": {**detail, "creationTime": iso(answer["creationTime"])}}


def delivered(answer: dict[str, Any], recorder: Recorder) -> dict[str, Any]:
    """The event of a job is delivered twice; the content of its one record."""
    assert handle_event(ended(answer), recorder, "delivery", TERRITORY).kind == "recorded"
    outcome = handle_event(ended(answer), recorder, "delivery", TERRITORY)
    assert outcome.kind == "already recorded"
    kept = newest(outcome.job_id, recorder)
    assert kept is not None
    return dict(kept.content)


def test_its_event_becomes_a_record_that_follows_from_its_evidence() -> None:
    jobs = FakeCustomizationJobs()
    first = jobs.add(customization(1))
    second = jobs.add(customization(2, baseModelArn=custom_model(1)))
    at_work = working(jobs)
    alone, both = delivered(first, at_work), delivered(second, at_work)
    assert (alone["job"]["source"], alone["job"]["arn"], alone["verdict"]) == (
        CUSTOMIZATION_JOB,
        first["jobArn"],
        "below",
    )
    [ancestor] = both["cumulative"]["ancestors"]
    assert ancestor["job_arn"] == first["jobArn"]
    assert int(both["cumulative"]["best_flop"]) == 2 * int(alone["estimate"]["best_flop"])
    assert both["verdict"] == "below"
    kept = newest(both["job"]["id"], at_work)
    assert kept is not None
    case = case_behind(both["job"]["id"], kept, at_work)
    assert case.evidence.objects[PLACE] == {**listed(), "LastModified": iso(listed()["LastModified"])}
    statement = parse_statement(parse_envelope(kept.record.line).payload)
    assert (statement.subject_name, statement.subject_sha256) == (second["jobArn"], case.digest)
    content = {**both, "code_version": __version__}
    recompute(case.body, content, NothingKept(), frozenset(content["tables"].values()), at_work.services)


def test_what_is_left_open_is_told_and_settled_by_who_signs_for_it() -> None:
    jobs = FakeCustomizationJobs(entries={})
    answer = jobs.add(customization())
    alerts = MemoryAlerts()
    at_work = replace(working(jobs), alerts=alerts)
    content = delivered(answer, at_work)
    assert content["verdict"] == "indeterminate"
    [alert] = alerts.sent
    assert "support-1" in alert.body
    assert "is not there any more" in " ".join(alert.body.split())
    amend(content["job"]["id"], amendment(tokens=10**9), at_work)
    kept = newest(content["job"]["id"], at_work)
    assert kept is not None
    assert (kept.revision, kept.content["verdict"]) == (1, "below")


@pytest.mark.parametrize("action", ["bedrock:ListTagsForResource", "s3:ListObjectsV2"])
def test_what_is_refused_is_evidence_and_a_doubt(action: str) -> None:
    jobs = FakeCustomizationJobs(denied={action})
    content = delivered(jobs.add(customization()), working(jobs))
    [doubt] = content["estimate"]["doubts"]
    assert action in doubt["words"]
    assert content["verdict"] == "indeterminate"


def test_nothing_is_asked_of_data_that_bounds_nothing() -> None:
    jobs = FakeCustomizationJobs(denied={"s3:ListObjectsV2"})
    answer = jobs.add(customization(customizationType="REINFORCEMENT_FINE_TUNING"))
    [doubt] = delivered(answer, working(jobs))["estimate"]["doubts"]
    assert doubt["kind"] == "generates-its-data"


def test_tags_are_read() -> None:
    jobs = FakeCustomizationJobs()
    answer = jobs.add(customization(baseModelArn=model_arn(NOVA)), params="1e9", tokens="1e9")
    content = delivered(answer, working(jobs))
    assert content["estimate"]["best_flop"] == str(6 * 10**18)
    assert content["verdict"] == "indeterminate"


def test_what_its_lineage_tag_names_is_no_doubt_where_it_is_found() -> None:
    jobs = FakeCustomizationJobs()
    first, second = jobs.add(customization(1)), jobs.add(customization(2), lineage=customization(1)["jobArn"])
    at_work = working(jobs)
    delivered(first, at_work)
    content = delivered(second, at_work)
    [ancestor] = content["cumulative"]["ancestors"]
    assert (ancestor["job_arn"], content["lineage"]["doubts"], content["verdict"]) == (first["jobArn"], [], "below")


def test_a_job_that_goes_on_or_that_nobody_knows_is_not_recorded() -> None:
    jobs = FakeCustomizationJobs()
    running, at_work = jobs.add(customization(status="InProgress")), working(jobs)
    with pytest.raises(NotFinished):
        handle_event(ended(running), at_work, "delivery", TERRITORY)
    with pytest.raises(UnknownTrainingJob):
        handle_event(ended(customization(2)), at_work, "delivery", TERRITORY)
    jobs.answers[customization(2)["jobArn"]] = customization(3)
    with pytest.raises(UnknownTrainingJob, match="Bedrock described"):
        handle_event(ended(customization(2)), at_work, "delivery", TERRITORY)
    jobs.add(customization(4, creationTime=CREATED - timedelta(hours=1)))
    with pytest.raises(UnknownTrainingJob, match="was created"):
        at_work.collectors[CUSTOMIZATION_JOB].describe(pointer_to(customization(4)["jobArn"], CREATED))


def test_it_is_asked_for_again_by_its_arn() -> None:
    jobs = FakeCustomizationJobs()
    arn = jobs.add(customization())["jobArn"]
    collector = working(jobs).collectors[CUSTOMIZATION_JOB]
    described = collector.describe(collector.pointer(arn, CREATED))
    assert (described.name, described.state) == ("support-1", "succeeded")


def test_no_door_waits_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Barrier(len(EVERY_DOOR), timeout=60)

    def once_all_have_begun(door: str, out_of_time: object) -> ReconcileReport:
        begun.wait()
        return ReconcileReport(complete=[door])

    monkeypatch.setattr(reconcile_doors, "reconcile", once_all_have_begun)
    doors: Any = {name: name for name in EVERY_DOOR}
    reports = reconcile_doors.reconcile_doors(doors, lambda: False, side_by_side)
    assert {name: each.complete for name, each in reports.items()} == {name: [name] for name in EVERY_DOOR}


def test_what_all_doors_did_names_the_door_of_what_failed() -> None:
    first = ReconcileReport(listed=1, finished=1, complete=["eu-west-1"], failed={"us-east-1": "a"})
    second = ReconcileReport(listed=2, complete=["eu-west-1"], failed={"us-east-1": "b"}, closed={"us-west-2": "c"})
    whole = together({TRAINING_JOBS: first, CUSTOMIZATION_JOBS: second})
    assert (whole.listed, whole.finished, len(whole.complete)) == (3, 1, 2)
    assert whole.failed == {"us-east-1": "a", "model customization jobs in us-east-1": "b"}
    assert whole.closed == {"model customization jobs in us-west-2": "c"}
    assert whole.share_complete == 50


@pytest.mark.parametrize(
    "planted",
    [
        evidence(customization(baseModelArn=model_arn("meta.llama3-2-1b-instruct-v1:0:128k"))),
        evidence(customization(hyperParameters={"epochCount": "1"})),
        evidence(entry=listed(1)),
    ],
    ids=["base model", "passes", "size of its data"],
)
def test_whoever_writes_the_archive_alone_does_not_say_what_a_job_was(planted: Evidence) -> None:
    jobs = FakeCustomizationJobs()
    answer, at_work = jobs.add(customization()), working(jobs)
    job = case_of(planted).run.job_id
    assert at_work.archive.put_if_absent(evidence_key(job, 0), planted.to_bytes())
    with pytest.raises(ForeignEvidence):
        handle_event(ended(answer), at_work, "delivery", TERRITORY)
    at_work = working(jobs)
    delivered(answer, at_work)
    assert at_work.archive.put_if_absent(evidence_key(job, 1), planted.to_bytes())
    with pytest.raises(ForeignEvidence):
        bring_up_to_date(job, at_work)


def test_a_job_that_has_ended_does_not_begin_again() -> None:
    jobs = FakeCustomizationJobs()
    answer, at_work = jobs.add(customization()), working(jobs)
    job = delivered(answer, at_work)["job"]["id"]
    running = evidence(customization(status="InProgress", endTime=None))
    assert at_work.archive.put_if_absent(evidence_key(job, 1), running.to_bytes())
    with pytest.raises(ForeignEvidence):
        bring_up_to_date(job, at_work)
    at_work = working(jobs)
    first_record(case_of(running), at_work)
    assert at_work.archive.put_if_absent(evidence_key(job, 1), running.to_bytes())
    kept = bring_up_to_date(job, at_work)
    assert kept is not None
    assert kept.revision == 1


@pytest.mark.parametrize(
    "since",
    [
        lambda jobs: None,
        lambda jobs: jobs.entries.clear(),
        lambda jobs: jobs.denied.add("s3:ListObjectsV2"),
        lambda jobs: jobs.entries.update({PLACE: listed(1, LastModified=CREATED + timedelta(days=9))}),
    ],
    ids=["nothing", "deleted", "refused", "overwritten"],
)
def test_a_try_that_ended_after_its_evidence_goes_on_whatever_became_of_the_data(
    since: Callable[[FakeCustomizationJobs], object],
) -> None:
    jobs = FakeCustomizationJobs()
    answer, first, second = jobs.add(customization()), working(jobs), working(jobs)
    whole = delivered(answer, first)
    key = evidence_key(whole["job"]["id"], 0)
    left = first.archive.get(key)
    assert left
    assert second.archive.put_if_absent(key, left)
    since(jobs)
    assert delivered(answer, second)["estimate"] == whole["estimate"]


@pytest.mark.parametrize("entry", [None, listed(1, LastModified=CREATED + timedelta(days=9))])
def test_data_that_is_gone_or_overwritten_stays_as_large_as_it_was(entry: dict[str, Any] | None) -> None:
    """A person who corrects a tag keeps the figure."""
    jobs = FakeCustomizationJobs()
    at_work = working(jobs)
    before = delivered(jobs.add(customization()), at_work)
    jobs.entries = {PLACE: entry} if entry else {}
    amend(before["job"]["id"], amendment(asked_again=True), at_work)
    after = newest(before["job"]["id"], at_work)
    assert after is not None
    assert (after.revision, after.content["verdict"]) == (1, "below")
    assert after.content["estimate"]["upper_flop"] == before["estimate"]["upper_flop"]


def test_data_that_may_not_be_listed_any_more_leaves_the_record_as_it_is() -> None:
    jobs = FakeCustomizationJobs()
    at_work = working(jobs)
    job = delivered(jobs.add(customization()), at_work)["job"]["id"]
    jobs.denied.add("s3:ListObjectsV2")
    with pytest.raises(AskedInVain, match="s3:ListObjectsV2 answered AccessDeniedException"):
        amend(job, amendment(asked_again=True), at_work)
    kept = newest(job, at_work)
    assert kept is not None
    assert kept.revision == 0


def test_data_that_may_be_listed_by_now_settles_the_record() -> None:
    jobs = FakeCustomizationJobs(denied={"s3:ListObjectsV2"})
    at_work = working(jobs)
    before = delivered(jobs.add(customization()), at_work)
    assert before["verdict"] == "indeterminate"
    jobs.denied.clear()
    assert amend(before["job"]["id"], amendment(asked_again=True), at_work).verdict == "below"


def test_bytes_stand_in_the_record() -> None:
    jobs = FakeCustomizationJobs()
    content = delivered(jobs.add(customization()), working(jobs))
    assert any(f"{BYTES} bytes" in each["words"] for each in content["estimate"]["assumptions"])


def test_the_form_has_the_time_that_it_trained_and_the_bounds_of_its_data() -> None:
    """Validation, or waiting for it, is no training: here it ends weeks later."""
    jobs, late = FakeCustomizationJobs(), CREATED + timedelta(days=40)
    content = delivered(jobs.add(customization(1, endTime=late, lastModifiedTime=late)), working(jobs))
    answers = {field.kind: field for field in filled(content).fields}
    assert answers["training time, wall clock"].exact == "9000 s"
    assert answers["training time, range"].answer == "less than 1 month"
    kinds = {each["kind"] for each in content["estimate"]["assumptions"]}
    assert BOUND_BY_DATA.name in kinds
    assert not kinds & {ERROR_MARGIN_ADDED.name, ERROR_MARGIN_ALONE.name}


LATER = CREATED + timedelta(days=30_000)
OF_LATER: dict[str, Callable[[Evidence], Evidence]] = {
    "answered": lambda then: replace(then, collected_at=LATER),
    "data": lambda then: replace(then, objects={PLACE: plain(listed(LastModified=LATER))}),
    "tags": lambda then: replace(then, tags_seen=(TagsSeen(LATER, {}),)),
    "training": lambda then: replace(
        then, description={**then.description, "statusDetails": {"trainingDetails": trained_until(LATER)}}
    ),
}


def trained_until(end: datetime) -> dict[str, str]:
    return {"status": "Completed", "creationTime": iso(CREATED), "lastModifiedTime": iso(end)}


@pytest.mark.parametrize("later", OF_LATER)
def test_no_record_rests_on_what_came_after_it(later: str) -> None:
    """Neither does a verifier take one, nor is one made of such evidence where it lies in the archive."""
    jobs = FakeCustomizationJobs()
    answer, at_work = jobs.add(customization()), working(jobs)
    content = {**delivered(answer, at_work), "code_version": __version__}
    body = OF_LATER[later](evidence(answer)).to_bytes()
    with pytest.raises(FutureTimestamp, match=str(LATER.year)):
        recompute(body, content, NothingKept(), frozenset(content["tables"].values()), at_work.services)
    assert at_work.archive.put_if_absent(evidence_key(content["job"]["id"], 1), body)
    with pytest.raises(ForeignEvidence):
        bring_up_to_date(content["job"]["id"], at_work)
