"""Histories that contradict themselves, each hash and signature right: every one is met by its name.

The forger starts from an honest log, so it is the forgery that is named and nothing else.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.data import default_policies, load_tables
from flops_auditor.domain.audit.record import lineage_part, result
from flops_auditor.domain.law.assessment import crossed_lines
from flops_auditor.domain.law.due_dates import due_dates
from flops_auditor.domain.lineage.kept_ancestors import SCHEMA
from flops_auditor.domain.lineage.lineage import NO_LINEAGE, Lineage, from_json, read_lineage
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.domain.values.moments import iso
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.find_lineage import AWAITED
from flops_auditor.use_cases.auditing.reassess_record import reassess_record
from flops_auditor.use_cases.auditing.watch_jobs import watch_jobs
from flops_auditor.use_cases.ledger.verify_bundle import VerificationReport
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.cases import audit
from tests.fakes.forger import ForgedLeaf, Forger
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.running import ended, running, watcher_of
from tests.fakes.tables_of_then import EARLIER, tables_with
from tests.fakes.tide_law import under

LARGE = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}


def honest() -> LiveLedger:
    """A parent, its child, an amendment of the parent that the child follows, and a run that was stopped."""
    ledger = LiveLedger()
    ledger.add(continuing("parent", hours=100, **LARGE), pretrain_flops="3e24")
    ledger.add(continuing("other", day=1, hours=10), pretrain_flops="3e24")
    ledger.add(continuing("child", ["parent"], day=2, hours=10))
    ledger.add(continuing("big", day=3, hours=9000, **LARGE), pretrain_flops="3e24", params="1e11", tokens="2e13")
    for name in ("big", "parent", "other", "child"):  # the longest first: an event comes when its job has ended
        ledger.audit(name)
        ledger.seal()
    said: dict[str, Any] = {"who": "ada", "why": "measured", "at": ledger.clock.now, "mfu": Fraction(2, 5)}
    amend(ledger.job_id("parent"), Amendment(**said), ledger.recorder)
    ledger.work_off()
    ledger.seal()
    began = ledger.clock.now - timedelta(days=30)
    stopped = running("stopped", days=600) | {"CreationTime": began, "TrainingStartTime": began}
    stopped["SecondaryStatusTransitions"] = [{"Status": "Training", "StartTime": began}]
    pointer = ledger.add(stopped, pretrain_flops="1.5e24")
    assert watch_jobs(watcher_of(ledger.recorder, ledger.jobs, stop=True)).failures == ()
    ledger.seal()
    ledger.add(ended(dict(ledger.jobs.descriptions[pointer.name, pointer.region]), ledger.clock.now))
    ledger.audit("stopped")
    ledger.seal()
    return ledger


@pytest.fixture(scope="module")
def world() -> LiveLedger:
    return honest()


@pytest.fixture
def forger(world: LiveLedger, tmp_path: Path) -> Forger:
    return Forger(world, tmp_path)


def judged(forger: Forger, **how: Any) -> VerificationReport:
    return forger.verify(**{"recompute": Recomputing(), "processes": 1, **how})


def errors(report: VerificationReport) -> set[str]:
    return {found.error for found in report.findings}


def reserved(report: VerificationReport) -> set[str]:
    assert report.findings == []
    return {found.error for found in report.reservations}


def audited_again(leaf: ForgedLeaf, lineage: Lineage) -> None:
    """All that follows from another lineage: figures, verdicts, days; a forger with the product's own code."""
    case = read_case(leaf.evidence)
    again = audit(case.evidence, load_tables(), lineage)
    before = leaf.content
    days = due_dates(crossed_lines(again.assessments), {}, datetime.fromisoformat(before["recorded_at"]))
    before.update(
        result(again),
        lineage=lineage_part(again, None),
        due=[each.to_json() for each in days],
        notification_due=days[0].day if days else None,
    )


def lineage_of(leaf: ForgedLeaf) -> Lineage:
    return read_lineage(leaf.content, lambda key, digest: ())


def test_what_the_forger_leaves_alone_is_valid(forger: Forger) -> None:
    assert errors(judged(forger)) == set()
    assert {leaf.name for leaf in forger.records()} == {"parent", "other", "child", "big", "stopped"}
    assert [leaf.content["revision"] for leaf in forger.records("child")] == [0, 1]
    assert forger.records("stopped")[0].content["action"]
    assert forger.records("big")[0].content["due"]


# Records agree with one another


def revision_seven_after_nought(forger: Forger) -> None:
    forger.records("child")[1].content["revision"] = 7


def revision_one_before_nought(forger: Forger) -> None:
    """In a later batch, so that no record is dated after its heartbeat."""
    first, second = forger.records("child")
    forger.leaves.remove(first)
    forger.insert_after(second, first)


def true_beside_one(forger: Forger) -> None:
    forger.records("child")[1].content["revision"] = True


def a_whole_number_with_a_fraction(forger: Forger) -> None:
    forger.records("child")[1].content["revision"] = 1.5


def true_as_a_number_of_instances(forger: Forger) -> None:
    forger.records("other")[0].content["job"]["instances"][0]["count"] = True


def true_as_a_number_of_ancestors(forger: Forger) -> None:
    forger.records("child")[0].content["lineage"]["ancestors"] = True


def true_as_an_ancestors_revision(forger: Forger) -> None:
    forger.records("child")[1].content["cumulative"]["ancestors"][0]["revision"] = True


def true_as_a_count_of_rotations(forger: Forger) -> None:
    forger.heartbeats()[0].content["rotations"] = False


def a_second_first_record(forger: Forger) -> None:
    first = forger.records("other")[0]
    again = first.copy()
    again.content["code_version"] = "2"
    forger.insert_after(first, again)


def the_subject_of_another_job(forger: Forger) -> None:
    forger.records("other")[0].statement["subject"][0]["name"] = forger.records("parent")[0].content["job"]["arn"]


def the_job_id_of_another_job(forger: Forger) -> None:
    forger.records("other")[0].content["job"]["id"] = forger.records("parent")[0].content["job"]["id"]


def the_arn_of_another_job(forger: Forger) -> None:
    forger.records("other")[0].content["job"]["arn"] = forger.records("parent")[0].content["job"]["arn"]


def the_evidence_of_another_job(forger: Forger) -> None:
    forger.records("other")[0].rest_on(forger.records("parent")[0].evidence)


def supersedes_another_job(forger: Forger) -> None:
    forger.records("child")[1].content["supersedes"] = forger.records("parent")[1].content["supersedes"]


def supersedes_nothing(forger: Forger) -> None:
    forger.records("child")[1].content["supersedes"] = None


def another_previous_verdict(forger: Forger) -> None:
    forger.records("child")[1].content["previous_verdict"] = "above"


def a_change_that_was_none(forger: Forger) -> None:
    said = forger.records("child")[1].content
    line = said["assessments"][0]
    other = next(verdict for verdict in ("below", "above") if verdict != line["verdict"])
    said["changes"] = [
        {"policy": line["policy"], "scenario": line["scenario"], "from": other, "to": line["verdict"]},
        *[each for each in said["changes"] if each["scenario"] != line["scenario"]],
    ]


def a_change_left_out(forger: Forger) -> None:
    said = forger.records("stopped")[1].content
    before = forger.records("stopped")[0].content["assessments"]
    assert said["changes"]
    assert [each["verdict"] for each in before] != [each["verdict"] for each in said["assessments"]]
    said["changes"] = said["changes"][1:]


def changes_that_cancel_each_other(forger: Forger) -> None:
    """Two crossings that never were, of a line that the record has."""
    said = forger.records("child")[1].content
    _there_and_back(said, said["assessments"][0], said["assessments"][0]["verdict"], "indeterminate")


def changes_of_a_law_that_nobody_passed(forger: Forger) -> None:
    _there_and_back(forger.records("child")[1].content, {"policy": "tide", "scenario": "wave"}, None, "above")


def _there_and_back(said: dict[str, Any], line: dict[str, Any], verdict: str | None, other: str) -> None:
    assert verdict != other
    named = {name: line[name] for name in ("policy", "scenario")}
    said["changes"] += [{**named, "from": other, "to": verdict}, {**named, "from": verdict, "to": other}]


def a_duty_with_two_days(forger: Forger) -> None:
    _with_days(forger, "2027-06-30", "2027-01-01")


def a_duty_with_two_days_in_order(forger: Forger) -> None:
    _with_days(forger, "2027-01-01", "2027-06-30")


def _with_days(forger: Forger, *days: str) -> None:
    said = forger.records("big")[0].content
    said["due"] = [{**said["due"][0], "day": day} for day in days]
    said["notification_due"] = min(days)


def more_days_than_a_record_has_room_for(forger: Forger) -> None:
    said = forger.records("big")[0].content
    said["due"] = [{**said["due"][0], "duty": f"duty-{number}"} for number in range(65)]


def another_notification_due(forger: Forger) -> None:
    forger.records("big")[0].content["notification_due"] = "2027-01-01"


def a_day_put_off(forger: Forger) -> None:
    said = forger.records("big")[0].content
    said["due"] = [{**each, "day": "2036-01-01"} for each in said["due"]]
    said["notification_due"] = "2036-01-01"


def a_day_left_out(forger: Forger) -> None:
    forger.records("big")[0].content.update(due=[], notification_due=None)


def a_day_before_the_job(forger: Forger) -> None:
    said = forger.records("big")[0].content
    said["due"][0]["day"] = said["notification_due"] = "2001-01-01"


def an_action_on_a_job_that_had_ended(forger: Forger) -> None:
    forger.records("other")[0].content["action"] = forger.records("stopped")[0].content["action"]


def a_running_job_recorded_for_nothing(forger: Forger) -> None:
    forger.records("stopped")[0].content["action"] = None


def an_action_before_the_job(forger: Forger) -> None:
    forger.records("stopped")[0].content["action"]["requested_at"] = "2001-01-01T00:00:00.000Z"


def an_action_that_is_no_stop(forger: Forger) -> None:
    forger.records("stopped")[0].content["action"]["kind"] = "praise"


def an_action_at_a_time_that_is_none(forger: Forger) -> None:
    forger.records("stopped")[0].content["action"]["requested_at"] = "2026-02-31T00:00:00.000Z"


def an_action_on_a_job_that_began_at_no_time(forger: Forger) -> None:
    forger.records("stopped")[0].content["job"]["start"] = "2026-02-31T00:00:00.000Z"


def a_table_reassessed_that_never_changed(forger: Forger) -> None:
    """A person's amendment was the reason."""
    said = forger.records("parent")[1].content
    said["reassessed"] = {"tables": {}, "code_version": said["code_version"]}


def the_job_of_another_account(forger: Forger) -> None:
    _elsewhere(forger, "123456789012", "999999999999")


def the_job_of_another_partition(forger: Forger) -> None:
    _elsewhere(forger, "arn:aws:", "arn:aws-cn:")


def the_job_of_a_region_that_its_arn_is_not_of(forger: Forger) -> None:
    forger.records("other")[0].content["job"]["region"] = "eu-west-2"


def _elsewhere(forger: Forger, here: str, there: str) -> None:
    """Another ARN, in the evidence as well; all else follows."""
    leaf = forger.records("other")[0]
    arn = leaf.content["job"]["arn"].replace(here, there)
    case = read_case(leaf.evidence)
    description = {**case.evidence.description, "TrainingJobArn": arn}
    leaf.rest_on(replace(case.evidence, description=description).to_bytes())
    audited_again(leaf, NO_LINEAGE)
    leaf.statement["subject"][0]["name"] = arn


def an_unknown_member(forger: Forger) -> None:
    forger.records("other")[0].content["remarks"] = "none"


def an_unknown_member_deep_inside(forger: Forger) -> None:
    forger.records("big")[0].content["assessments"][0]["duties"][0]["waived"] = True


def tables_that_never_changed(forger: Forger) -> None:
    said = forger.records("child")[1].content
    said["reassessed"] = {"tables": {"accelerators.csv": "0" * 64}, "code_version": said["code_version"]}


def other_evidence_for_a_run_that_had_ended(forger: Forger) -> None:
    """An amended record on answers that are not those of the record before."""
    later, first = forger.records("parent")[1], forger.records("parent")[0]
    case = read_case(later.evidence)
    description = {**case.evidence.description, "BillableTimeInSeconds": 1}
    later.rest_on(copy.copy(case.evidence).__class__(**{**vars(case.evidence), "description": description}).to_bytes())
    assert first.evidence != later.evidence
    audited_again(later, NO_LINEAGE)


def other_metrics_for_a_run_that_had_ended(forger: Forger) -> None:
    """Of which no figure makes anything."""
    later = forger.records("parent")[1]
    case = read_case(later.evidence)
    metrics = [*case.evidence.metrics, {"Label": "nothing", "Timestamps": [], "Values": []}]
    later.rest_on(copy.copy(case.evidence).__class__(**{**vars(case.evidence), "metrics": metrics}).to_bytes())
    audited_again(later, NO_LINEAGE)


def evidence_of_a_million_lists(forger: Forger) -> None:
    forger.records("other")[0].rest_on(b"[" + b"[]," * 1_000_000 + b"1]")


def evidence_of_a_million_names(forger: Forger) -> None:
    """In one object: a dictionary of them takes thirty times their bytes."""
    forger.records("other")[0].rest_on(b"{" + b",".join(b'"%x":1' % number for number in range(700_000)) + b"}")


# What it continues


def a_parent_listed_as_one(forger: Forger) -> None:
    """And all figures of the child follow from it."""
    for leaf in forger.records("child"):
        lineage = lineage_of(leaf)
        small = tuple(from_json({**_listed(leaf, a.job_id), **_ONE}) for a in lineage.ancestors)
        audited_again(leaf, Lineage(lineage.parents, small, lineage.doubts, lineage.notes))
    _follow(forger)


_ONE = {"best_flop": "1", "upper_flop": "1", "lower_flop": "1", "firm_flop": "1"}


def _listed(leaf: ForgedLeaf, job: str) -> dict[str, Any]:
    return next(dict(each) for each in leaf.content["cumulative"]["ancestors"] if each["job_id"] == job)


def _follow(forger: Forger) -> None:
    """What a superseding record says of the one before, as that is now."""
    for name in ("parent", "child"):
        before, after = (leaf.content for leaf in forger.records(name))
        lines = {(each["policy"], each["scenario"]): each["verdict"] for each in before["assessments"]}
        now = {(each["policy"], each["scenario"]): each["verdict"] for each in after["assessments"]}
        after["previous_verdict"] = before["verdict"]
        after["changes"] = [
            {"policy": p, "scenario": s, "from": lines.get((p, s)), "to": now.get((p, s))}
            for p, s in {**now, **lines}
            if lines.get((p, s)) != now.get((p, s))
        ]
        if after["due"] and before["due"]:
            day = min(after["due"][0]["day"], before["due"][0]["day"])
            after["due"][0]["day"] = after["notification_due"] = day


def an_object_with_too_many_ancestors(forger: Forger) -> None:
    """More than anybody can hold in memory, each doubt a word long."""
    _kept(forger, SCHEMA, [{"kind": "", "words": ""}] * 170_000)


def an_object_of_another_schema(forger: Forger) -> None:
    _kept(forger, "x", [{"kind": "", "words": ""}])


def _kept(forger: Forger, schema: str, doubts: list[Any]) -> None:
    """The child's ancestors stand in an object."""
    [leaf, _] = forger.records("child")
    listed = leaf.content["cumulative"].pop("ancestors")
    body = canonical({"schema": schema, "ancestors": [{**each, "doubts": doubts} for each in listed]})
    digest = sha256(body).hexdigest()
    leaf.content["cumulative"]["ancestors"] = []
    leaf.content["lineage"]["kept"] = {"key": f"ancestors/{'0' * 64}/{digest}.json", "sha256": digest, "count": 1}
    forger.bundle.files[f"ancestors/{digest}.json"] = body


def a_parent_left_out(forger: Forger) -> None:
    for leaf in forger.records("child"):
        audited_again(leaf, NO_LINEAGE)
    _follow(forger)


def an_invented_parent(forger: Forger) -> None:
    """A record of this log, listed as it is, that the evidence knows nothing of."""
    leaf, other = forger.records("other")[0], forger.records("parent")[0]
    listed = _listed(forger.records("child")[0], other.content["job"]["id"])
    audited_again(leaf, Lineage((listed["job_id"],), (from_json(listed),)))


def an_ancestor_beside_the_parents(forger: Forger) -> None:
    leaf, other = forger.records("child")[1], forger.records("other")[0]
    lineage = lineage_of(leaf)
    stranger = from_json({**_listed(leaf, lineage.parents[0]), "job_id": "0" * 64, **_ONE})
    ancestors = tuple(sorted((*lineage.ancestors, stranger), key=lambda a: a.job_id))
    audited_again(leaf, Lineage(lineage.parents, ancestors, lineage.doubts, lineage.notes))
    _follow(forger)
    assert other.content["job"]["id"] != stranger.job_id


def an_outdated_parent(forger: Forger) -> None:
    """The child's second record goes on listing the parent as it was long before it was amended."""
    first, second = forger.records("child")
    forger.leaves.remove(second)
    forger.insert_after(forger.heartbeats()[-2], second)
    second.content["recorded_at"] = _later(second, minutes=30)
    audited_again(second, lineage_of(first))
    _follow(forger)


def _later(leaf: ForgedLeaf, **by: float) -> str:
    return iso(datetime.fromisoformat(leaf.content["recorded_at"]) + timedelta(**by))


def _collected(records: list[ForgedLeaf], moment: str) -> None:
    """The evidence of a job says that it was collected then: whoever signs records makes it up."""
    for leaf in records:
        evidence = read_case(leaf.evidence).evidence
        leaf.rest_on(replace(evidence, collected_at=datetime.fromisoformat(moment)).to_bytes())


def _dated_back(records: list[ForgedLeaf], moment: str) -> None:
    _collected(records, moment)
    records[0].content["recorded_at"] = moment


def a_child_before_its_parent(forger: Forger) -> None:
    _dated_back(forger.records("child"), _later(forger.records("parent")[0], hours=-1))


def dated_before_its_evidence_was_collected(forger: Forger) -> None:
    first = forger.records("child")[0]
    first.content["recorded_at"] = _later(first, minutes=-6)


def another_doubt_about_what_it_continues(forger: Forger) -> None:
    leaf = forger.records("child")[0]
    leaf.content["lineage"]["notes"] = []


def another_original_for_descendants(forger: Forger) -> None:
    forger.records("other")[0].content["lineage"]["pretraining_flop"] = "9" * 26


def an_ancestor_of_a_revision_that_never_was(forger: Forger) -> None:
    forger.records("child")[1].content["cumulative"]["ancestors"][0]["revision"] = 9


def a_wait_for_a_run_that_is_recorded(forger: Forger) -> None:
    first = forger.records("child")[0]
    where = read_case(first.evidence).run.begins[0].where
    audited_again(first, Lineage(doubts=(AWAITED(where=where, name="parent"),)))
    first.content["recorded_at"] = _later(first, minutes=11)
    _follow(forger)


def ancestors_in_an_object_though_they_fit(forger: Forger) -> None:
    said = forger.records("child")[0].content
    said["lineage"]["kept"] = {"key": f"ancestors/{'0' * 64}/{'0' * 64}.json", "sha256": "0" * 64, "count": 1}


def a_record_that_continues_itself(forger: Forger) -> None:
    leaf = forger.records("child")[0]
    leaf.content["cumulative"]["ancestors"][0]["job_id"] = leaf.content["job"]["id"]


def an_ancestor_listed_twice(forger: Forger) -> None:
    listed = forger.records("child")[0].content["cumulative"]["ancestors"]
    listed.append(listed[0])


# Time


def dated_before_the_record_that_it_supersedes(forger: Forger) -> None:
    first, second = forger.records("parent")
    second.content["recorded_at"] = _later(first, minutes=-6)
    _amended(forger, second.content["recorded_at"])
    _collected([first, second], second.content["recorded_at"])


def a_record_of_2036(forger: Forger) -> None:
    forger.records("other")[0].content["recorded_at"] = "2036-01-01T00:00:00.000Z"


def a_run_that_ends_after_its_record(forger: Forger) -> None:
    """And all its figures follow."""
    leaf = forger.records("other")[0]
    case = read_case(leaf.evidence)
    description = {**case.evidence.description, "TrainingEndTime": "2099-01-01T00:00:00.000Z"}
    leaf.rest_on(replace(case.evidence, description=description).to_bytes())
    audited_again(leaf, NO_LINEAGE)
    assert leaf.content["job"]["end"][:4] == "2099"


def a_run_created_after_its_record(forger: Forger) -> None:
    content = forger.records("other")[0].content
    content["recorded_at"] = iso(datetime.fromisoformat(content["job"]["creation_time"]) - timedelta(minutes=6))
    content["job"].update(start=None, end=None)


def an_amendment_after_its_record(forger: Forger) -> None:
    """Nobody can have given it yet. The evidence alone says so."""
    _amended(forger, _later(forger.records("parent")[1], minutes=6))


def _amended(forger: Forger, at: str) -> None:
    """The amendment has another time, and all that follows."""
    leaf = forger.records("parent")[1]
    case = read_case(leaf.evidence)
    [amendment] = case.evidence.amendments
    later = replace(amendment, at=datetime.fromisoformat(at))
    leaf.rest_on(replace(case.evidence, amendments=(later,)).to_bytes())
    audited_again(leaf, NO_LINEAGE)
    _follow(forger)


def a_heartbeat_before_the_one_that_it_follows(forger: Forger) -> None:
    beats = forger.heartbeats()
    beats[-1].content["sealed_at"] = iso(datetime.fromisoformat(beats[0].content["sealed_at"]) - timedelta(minutes=6))


def a_heartbeat_of_9999(forger: Forger) -> None:
    forger.heartbeats()[-1].content["sealed_at"] = "9999-12-31T23:59:59.999Z"


def a_heartbeat_of_2150(forger: Forger) -> None:
    forger.heartbeats()[-1].content["sealed_at"] = "2150-12-31T23:59:59.999Z"


def a_time_that_is_none(forger: Forger) -> None:
    forger.records("other")[0].content["recorded_at"] = "2026-02-31T00:00:00.000Z"


def a_day_that_is_none(forger: Forger) -> None:
    said = forger.records("big")[0].content
    said["due"][0]["day"] = said["notification_due"] = "2026-02-31"


ATTACKS: dict[Callable[[Forger], None], set[str]] = {
    revision_seven_after_nought: {"RevisionOutOfOrder"},
    revision_one_before_nought: {"RevisionOutOfOrder"},
    true_beside_one: {"MalformedRecord"},
    a_whole_number_with_a_fraction: {"MalformedRecord"},
    true_as_a_number_of_instances: {"MalformedRecord"},
    true_as_a_number_of_ancestors: {"MalformedRecord"},
    true_as_an_ancestors_revision: {"MalformedRecord"},
    true_as_a_count_of_rotations: {"MalformedRecord"},
    a_second_first_record: {"DuplicateSubject"},
    the_subject_of_another_job: {"SubjectMismatch"},
    the_job_id_of_another_job: {"SubjectMismatch"},
    the_arn_of_another_job: {"SubjectMismatch"},
    the_evidence_of_another_job: {"EvidenceMismatch"},
    supersedes_another_job: {"SupersedesMismatch"},
    supersedes_nothing: {"SupersedesMismatch"},
    another_previous_verdict: {"HistoryMismatch"},
    a_change_that_was_none: {"HistoryMismatch"},
    a_change_left_out: {"HistoryMismatch"},
    changes_that_cancel_each_other: {"HistoryMismatch"},
    changes_of_a_law_that_nobody_passed: {"HistoryMismatch"},
    a_duty_with_two_days: {"MalformedRecord"},
    a_duty_with_two_days_in_order: {"MalformedRecord"},
    more_days_than_a_record_has_room_for: {"MalformedRecord"},
    another_notification_due: {"DueDateMismatch"},
    a_day_put_off: {"DueDateMismatch"},
    a_day_left_out: {"DueDateMismatch"},
    a_day_before_the_job: {"DueDateMismatch"},
    an_action_on_a_job_that_had_ended: {"HistoryMismatch"},
    a_running_job_recorded_for_nothing: {"HistoryMismatch"},
    an_action_before_the_job: {"HistoryMismatch"},
    an_action_that_is_no_stop: {"MalformedRecord"},
    an_action_at_a_time_that_is_none: {"MalformedRecord"},
    an_action_on_a_job_that_began_at_no_time: {"MalformedRecord"},
    a_table_reassessed_that_never_changed: {"HistoryMismatch"},
    the_job_of_another_account: {"WrongLedger"},
    the_job_of_another_partition: {"SubjectMismatch"},
    the_job_of_a_region_that_its_arn_is_not_of: {"SubjectMismatch"},
    an_unknown_member: {"MalformedRecord"},
    an_unknown_member_deep_inside: {"MalformedRecord"},
    tables_that_never_changed: {"HistoryMismatch"},
    other_evidence_for_a_run_that_had_ended: {"LineageMismatch"},
    other_metrics_for_a_run_that_had_ended: {"LineageMismatch"},
    evidence_of_a_million_lists: {"TooLarge"},
    evidence_of_a_million_names: {"TooLarge"},
    a_parent_listed_as_one: {"AncestorMismatch"},
    an_object_with_too_many_ancestors: {"TooLarge"},
    an_object_of_another_schema: {"EvidenceMismatch"},
    a_parent_left_out: {"LineageMismatch"},
    an_invented_parent: {"LineageMismatch"},
    an_ancestor_beside_the_parents: {"LineageMismatch"},
    an_outdated_parent: {"LineageMismatch"},
    a_child_before_its_parent: {"AncestorMismatch"},
    another_doubt_about_what_it_continues: {"LineageMismatch"},
    another_original_for_descendants: {"EvidenceMismatch"},
    an_ancestor_of_a_revision_that_never_was: {"LineageMismatch"},
    a_wait_for_a_run_that_is_recorded: {"LineageMismatch"},
    ancestors_in_an_object_though_they_fit: {"NotRecomputable"},
    an_ancestor_listed_twice: {"MalformedRecord"},
    a_record_that_continues_itself: {"AncestorMismatch"},
    dated_before_the_record_that_it_supersedes: {"TimeRunsBackwards"},
    a_record_of_2036: {"FutureTimestamp"},
    a_run_that_ends_after_its_record: {"FutureTimestamp"},
    a_run_created_after_its_record: {"FutureTimestamp"},
    an_amendment_after_its_record: {"FutureTimestamp"},
    dated_before_its_evidence_was_collected: {"FutureTimestamp"},
    a_heartbeat_before_the_one_that_it_follows: {"TimeRunsBackwards"},
    a_heartbeat_of_9999: {"MalformedRecord"},
    a_heartbeat_of_2150: {"FutureTimestamp"},
    a_time_that_is_none: {"MalformedRecord"},
    a_day_that_is_none: {"MalformedRecord"},
}


def another_time_of_a_record(forger: Forger) -> None:
    forger.records("other")[0].content["recorded_at"] = _later(forger.records("other")[0], minutes=1)


def another_version_of_the_code(forger: Forger) -> None:
    forger.records("other")[0].content["code_version"] = "9.9.9"


def another_time_of_a_stop(forger: Forger) -> None:
    action = forger.records("stopped")[0].content["action"]
    action["requested_at"] = iso(datetime.fromisoformat(action["requested_at"]) - timedelta(minutes=1))


def another_reason_of_a_stop(forger: Forger) -> None:
    forger.records("stopped")[0].content["action"]["reason"] = "it was late"


BEYOND = [another_time_of_a_record, another_version_of_the_code, another_time_of_a_stop, another_reason_of_a_stop]


@pytest.mark.parametrize("change", BEYOND)
def test_what_docs_list_as_beyond_passes_as_they_say(forger: Forger, change: Callable[[Forger], None]) -> None:
    change(forger)
    assert judged(forger).verdict == "valid"


def test_that_new_tables_were_the_reason_can_be_left_out(tmp_path: Path) -> None:
    ledger = LiveLedger(tables=tables_with(EARLIER["an instance type was added since"]))
    ledger.add(continuing("one", hours=10, **LARGE), pretrain_flops="3e24")
    ledger.audit("one")
    ledger.seal()
    known = frozenset(ledger.recorder.tables.digests.values())
    ledger.recorder = replace(ledger.recorder, tables=load_tables())
    reassess_record(ledger.job_id("one"), ledger.recorder)
    ledger.seal()
    forger = Forger(ledger, tmp_path)
    again = forger.records("one")[1]
    assert again.content["reassessed"]
    again.content["reassessed"] = None
    assert judged(forger, recompute=Recomputing(known)).verdict == "valid"


@pytest.mark.parametrize("whole", [True, False])
def test_tables_that_make_no_difference_can_be_exchanged(whole: bool, tmp_path: Path) -> None:
    ledger = LiveLedger(tables=tables_with(EARLIER["a model was added since"]))
    for name in ("one", "two", "three"):
        ledger.add(continuing(name, hours=10))
    ledger.audit("one")
    ledger.seal()
    known = {*ledger.recorder.tables.digests.values()}
    ledger.recorder = replace(ledger.recorder, tables=load_tables())
    for name in ("two", "three"):
        ledger.audit(name)
    ledger.seal()
    forger = Forger(ledger, tmp_path)
    earlier, later = (forger.records(name)[0].content["tables"] for name in ("one", "two"))
    (changed,) = (name for name in later if later[name] != earlier[name])
    later.update(earlier if whole else {changed: earlier[changed]})
    accepted = Recomputing(frozenset({*known, *ledger.recorder.tables.digests.values()}))
    report = judged(forger, recompute=accepted)
    assert report.verdict == "valid", report.findings


@pytest.mark.parametrize("put_off", [False, True])
def test_a_day_moves_with_the_law_that_makes_it_and_not_by_itself(tmp_path: Path, put_off: bool) -> None:
    ledger = LiveLedger(tables=under())
    ledger.add(continuing("one", hours=1500))
    ledger.audit("one")
    ledger.seal()
    known = {*ledger.recorder.tables.digests.values()}
    ledger.recorder = replace(ledger.recorder, tables=under(**({"jurisdiction": "Venus"} if put_off else LATER)))
    reassess_record(ledger.job_id("one"), ledger.recorder)
    ledger.seal()
    forger = Forger(ledger, tmp_path)
    again = forger.records("one")[1].content
    assert [each["day"] for each in again["due"]] == ["2030-01-06" if put_off else "2035-01-06"]
    if put_off:
        again["due"][0]["day"] = again["notification_due"] = "2035-01-06"
    accepted = Recomputing(frozenset({*known, *ledger.recorder.tables.digests.values()}))
    report = judged(forger, recompute=accepted)
    assert errors(report) == ({"DueDateMismatch"} if put_off else set()), report.findings


def test_changes_are_told_in_the_order_of_the_lines(tmp_path: Path) -> None:
    ledger = LiveLedger()
    ledger.add(continuing("one", hours=9000, **LARGE), pretrain_flops="3e24", params="1e9", tokens="2e11")
    ledger.audit("one")
    ledger.seal()
    said: dict[str, Any] = {"who": "ada", "why": "counted", "at": ledger.clock.now}
    amend(ledger.job_id("one"), Amendment(**said, tokens=2 * 10**13, parameters=10**11), ledger.recorder)
    ledger.seal()
    forger = Forger(ledger, tmp_path)
    changes = forger.records("one")[1].content["changes"]
    assert len(changes) > 1
    changes.reverse()
    assert errors(judged(forger)) == {"HistoryMismatch"}


@pytest.mark.parametrize("reversed_order", [False, True])
def test_lines_that_are_no_longer_there_are_told_in_the_order_that_they_had(
    tmp_path: Path, reversed_order: bool
) -> None:
    ledger = LiveLedger()
    ledger.add(continuing("one", hours=10, **LARGE), pretrain_flops="3e24")
    ledger.audit("one")
    ledger.seal()
    ledger.recorder = replace(ledger.recorder, tables=load_tables(default_policies()[:1]))
    reassess_record(ledger.job_id("one"), ledger.recorder)
    ledger.seal()
    forger = Forger(ledger, tmp_path)
    changes = forger.records("one")[1].content["changes"]
    assert [each["to"] for each in changes].count(None) == len(changes) > 1
    if reversed_order:
        changes.reverse()
    assert errors(judged(forger)) == ({"HistoryMismatch"} if reversed_order else set())


LATER = {"in_force": "2035-01-01"}


def test_no_day_is_from_before_its_law(tmp_path: Path) -> None:
    ledger = LiveLedger(tables=under())
    ledger.add(continuing("one", hours=1500))
    ledger.audit("one")
    ledger.seal()
    forger = Forger(ledger, tmp_path)
    said = forger.records("one")[0].content
    said["due"][0]["day"] = said["notification_due"] = "2029-12-31"
    accepted = Recomputing(frozenset(ledger.recorder.tables.digests.values()))
    assert errors(judged(forger, recompute=accepted)) == {"DueDateMismatch"}


@pytest.mark.parametrize(("attack", "expected"), ATTACKS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_forged_history_is_met_by_its_name(
    forger: Forger, attack: Callable[[Forger], None], expected: set[str]
) -> None:
    attack(forger)
    report = judged(forger)
    assert errors(report) == expected, report.findings
    assert report.verdict == ("cannot verify" if expected <= {"NotRecomputable", "TooLarge"} else "tampered")


def below_at_first(forger: Forger, hours: float) -> VerificationReport:
    """The child's first record leaves the parent out and is dated when it may have; the next comes after so long."""
    parent, first, second = forger.records("parent")[0], *forger.records("child")
    audited_again(first, NO_LINEAGE)
    _dated_back(forger.records("child"), _later(parent, minutes=9))
    behind = forger.leaves[forger.leaves.index(second) :]
    for leaf in behind:
        member = {"heartbeat": "sealed_at", "record": "recorded_at"}[leaf.kind]
        leaf.content[member] = iso(datetime.fromisoformat(leaf.content[member]) + timedelta(hours=hours))
    for leaf in forger.records("stopped"):
        leaf.content["action"] = leaf.content["action"] and {**leaf.content["action"], "reason": "later"}
    _follow(forger)
    sealed_at = datetime.fromisoformat(forger.heartbeats()[-1].content["sealed_at"])
    return judged(forger, as_of=sealed_at + timedelta(minutes=1))


@pytest.mark.parametrize(("hours", "named"), [(0, set()), (3, {"LineageBehind"}), (24 * 180, {"LineageBehind"})])
def test_a_record_that_stood_too_long_without_its_parent_is_named(
    forger: Forger, hours: float, named: set[str]
) -> None:
    report = below_at_first(forger, hours)
    assert errors(report) == set(), report.findings
    assert {found.error for found in report.reservations} - {"LateRecord"} == named


@pytest.mark.parametrize("named", [True, False])
def test_a_wait_for_a_run_that_is_not_in_the_log_is_named_whatever_the_revision(forger: Forger, named: bool) -> None:
    first = forger.records("child")[0]
    where = read_case(first.evidence).run.begins[0].where if named else "a place that it does not name"
    audited_again(first, Lineage(doubts=(AWAITED(where=where, name="ghost"),)))
    _follow(forger)
    assert "AncestorNotHere" in reserved(judged(forger))


def test_time_never_runs_backwards_by_more_than_the_skew_in_all(forger: Forger) -> None:
    start = datetime.fromisoformat(forger.heartbeats()[0].content["sealed_at"])
    for number, leaf in enumerate(forger.heartbeats()):
        leaf.content["sealed_at"] = iso(start + timedelta(hours=2) - timedelta(minutes=4.9 * number))
    assert "TimeRunsBackwards" in errors(judged(forger))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("failed", False),
        ("failed", 1),
        ("signal_flop", "0"),
        ("doubts", []),
        ("other_names", []),
        ("parents", []),
        ("base_model", ""),
        ("loads_weights", False),
        ("stated", {}),
        ("stated", {"licence": ""}),
        ("stated", {"unconfirmed": []}),
    ],
)
def test_what_is_not_so_of_an_ancestor_is_not_spelled_out(forger: Forger, member: str, value: Any) -> None:
    for leaf in forger.records("child"):
        leaf.content["cumulative"]["ancestors"][0][member] = value
    assert errors(judged(forger)) == {"MalformedRecord"}


@pytest.mark.parametrize(
    ("member", "word"),
    [("basis", "x"), ("reading", "x"), ("comparison", "over"), ("met_at", "2026-02-29T00:00:00.000Z")],
)
def test_a_word_that_no_reader_knows_is_named(forger: Forger, member: str, word: str) -> None:
    """Whoever shows a record looks such words up: with another one `verify` died, and the page said "valid"."""
    leaf = [each for each in forger.leaves if each.kind == "record"][-1]
    leaf.content["assessments"][0][member] = word
    report = forger.seal().verify(page=report_page)
    assert [found.error for found in report.findings] == ["MalformedRecord"]


def test_an_object_of_another_schema_is_named_without_computing_again(forger: Forger) -> None:
    an_object_of_another_schema(forger)
    report = forger.verify()
    assert errors(report) == {"MalformedRecord"}, report.findings
