"""Records are assessed again with today's tables: what changes is superseded with the reason, what does not stays."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.tables import ACCELERATORS, INSTANCE_TYPES
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.values.archive_keys import record_key, tables_key
from flops_auditor.use_cases.auditing.reassess_record import reassess_record
from flops_auditor.use_cases.auditing.rehearsal import rehearsed
from tests.fakes.audit import MemoryAlerts, MemoryReassessments, MemoryRecords
from tests.fakes.lineage import World, continuing
from tests.fakes.tables_of_then import EARLIER, Edit, tables_with, without_row
from tests.fakes.tide_law import DUTY, LINE, under

P4 = {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 1, "VolumeSizeInGB": 500}


def recorded(edits: Mapping[str, Edit]) -> World:
    """Jobs recorded with earlier tables; the recorder then has today's."""
    world = World(tables=tables_with(edits))
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=2))
    world.add(continuing("other", ResourceConfig=P4))
    world.audit()
    world.recorder = replace(world.recorder, tables=load_tables())
    return world


def revisions(world: World, name: str) -> int:
    records = world.recorder.records
    assert isinstance(records, MemoryRecords)
    return len(records.lines[world.job_id(name)])


def test_an_instance_type_that_is_known_now_settles_its_jobs_and_no_others() -> None:
    world = recorded({INSTANCE_TYPES: without_row("ml.p5.48xlarge")})
    assert world.content("parent")["verdict"] == "indeterminate"
    judged = {name: reassess_record(world.job_id(name), world.recorder) for name in ("parent", "other")}
    world.work_off()
    content = world.content("parent")
    assert content["verdict"] == "below"
    before = tables_with({INSTANCE_TYPES: without_row("ml.p5.48xlarge")}).digests[INSTANCE_TYPES]
    assert content["reassessed"] == {"tables": {INSTANCE_TYPES: before}, "code_version": "0.0.0-test"}
    assert (content["previous_verdict"], content["revision"]) == ("indeterminate", 1)
    assert content["tables"] == load_tables().digests
    assert judged["parent"] is not None
    assert judged["parent"].differences
    assert judged["other"] is not None
    assert (judged["other"].tables, judged["other"].differences) == ((INSTANCE_TYPES,), ())
    assert revisions(world, "other") == 1
    child = world.content("child")
    assert child["verdict"] == "below"  # it followed its parent through the queue, and says on which tables
    assert child["reassessed"] == content["reassessed"]


@pytest.mark.parametrize("edits", EARLIER.values(), ids=EARLIER)
def test_what_is_assessed_again_is_not_superseded_twice(edits: Mapping[str, Edit]) -> None:
    world = recorded(edits)
    names = ("parent", "child", "other")
    for name in names:
        reassess_record(world.job_id(name), world.recorder)
    world.work_off()
    before = {name: revisions(world, name) for name in names}
    assert [reassess_record(world.job_id(name), world.recorder) for name in names]
    assert {name: revisions(world, name) for name in names} == before
    assert before["other"] == 1


def test_a_dry_run_says_what_would_change_and_changes_nothing() -> None:
    world = recorded(EARLIER["a row was edited since"])
    line = world.recorder.archive.get(record_key(world.job_id("parent"), 0))
    before = reassess_record(world.job_id("parent"), rehearsed(world.recorder))
    assert before is not None
    assert revisions(world, "parent") == 1
    assert world.recorder.archive.get(record_key(world.job_id("parent"), 0)) == line
    assert before.tables == (ACCELERATORS,)
    assert "estimate.peak_flop_per_s" in {found.path for found in before.differences}


def test_a_rehearsal_follows_descendants_and_leaves_no_trace() -> None:
    """A child on a known type, whose verdict hangs on its parent's: the dry run says so, as the run then does."""
    world = World(tables=tables_with({INSTANCE_TYPES: without_row("ml.p5.48xlarge")}))
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=2, ResourceConfig=P4))
    world.audit()
    world.recorder = replace(world.recorder, tables=load_tables())
    alerts, queue, archive = world.recorder.alerts, world.recorder.queue, world.recorder.archive
    assert isinstance(alerts, MemoryAlerts)
    assert isinstance(queue, MemoryReassessments)
    before = (len(alerts.sent), len(queue.waiting), sorted(archive.list("")))
    trial = rehearsed(world.recorder)
    would = {name: reassess_record(world.job_id(name), trial) for name in ("parent", "child")}
    assert (len(alerts.sent), len(queue.waiting), sorted(archive.list(""))) == before
    assert [revisions(world, name) for name in would] == [1, 1]
    did = {name: reassess_record(world.job_id(name), world.recorder) for name in would}
    assert would == did
    assert {name: judged and judged.verdict for name, judged in did.items()} == {"parent": "below", "child": "below"}


def test_another_order_of_policies_supersedes_nothing() -> None:
    policies = ["eu-gpai-guidelines-2025-07", "us-ca-sb-53-2026-01"]
    world = World(tables=load_tables(policies))
    world.add(continuing("parent", hours=900))
    world.audit()
    world.recorder = replace(world.recorder, tables=load_tables(policies[::-1]))
    judged = reassess_record(world.job_id("parent"), world.recorder)
    assert judged is not None
    assert judged.differences == ()
    assert revisions(world, "parent") == 1


def test_words_alone_supersede_nothing() -> None:
    world = recorded({})
    policy = "policies/eu-gpai-guidelines-2025-07.json"
    world.recorder = replace(
        world.recorder,
        tables=tables_with({policy: lambda text: text.replace('"title": "', '"title": "Better named: ', 1)}),
    )
    judged = reassess_record(world.job_id("parent"), world.recorder)
    assert judged is not None
    assert (judged.tables, judged.differences) == ((policy,), ())


def test_every_version_of_a_table_is_in_the_archive_before_the_record_that_names_it() -> None:
    world = recorded({INSTANCE_TYPES: without_row("ml.p5.48xlarge")})
    reassess_record(world.job_id("parent"), world.recorder)
    for revision in (0, 1):
        line = world.recorder.archive.get(record_key(world.job_id("parent"), revision))
        assert line is not None
        for digest in predicate_of(line)["tables"].values():
            assert world.recorder.archive.get(tables_key(digest)) is not None


def test_a_job_without_a_record_is_left_alone() -> None:
    world = recorded({})
    assert reassess_record("0" * 64, world.recorder) is None


POLICY = "policies/eu-gpai-guidelines-2025-07.json"
HUGE = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}


def changed_to(**changes: Any) -> World:
    """A job over the line of the made-up law, assessed again after that changed."""
    world = World(tables=under())
    world.add(continuing("tide", hours=1500))
    world.audit()
    assert [each["day"] for each in world.content("tide")["due"]] == ["2030-01-06"]
    world.recorder = replace(world.recorder, tables=under(**changes))
    reassess_record(world.job_id("tide"), world.recorder)
    return world


@pytest.mark.parametrize(
    ("changes", "superseded"),
    [
        ({}, False),
        ({"title": "Other tides"}, False),
        ({"groups": [[{**LINE, "title": "A wave"}]]}, False),
        ({"groups": [[{**LINE, "meaning": "nothing follows"}]]}, True),
        ({"groups": [[{**LINE, "left_open": "which moon"}]]}, True),
        ({"jurisdiction": "Venus"}, True),
        ({"duties": {"tell": {**DUTY, "to": "Venus office"}}}, True),
        ({"duties": {"tell": {**DUTY, "reading": "ours", "left_open": "whom"}}}, True),
    ],
)
def test_what_a_record_says_of_a_law_is_superseded_once_the_law_says_otherwise(
    changes: dict[str, Any], superseded: bool
) -> None:
    assert revisions(changed_to(**changes), "tide") == (2 if superseded else 1)


@pytest.mark.parametrize(
    ("changes", "day"),
    [
        ({"in_force": "2035-01-01"}, "2035-01-06"),
        ({"in_force": "2020-01-01"}, "2026-03-06"),
        ({"duties": {"tell": {**DUTY, "within_days": 300}}}, "2030-10-28"),
        ({"duties": {"tell": {**DUTY, "within_days": 3}}}, "2030-01-04"),
        ({"duties": {"tell": {**DUTY, "since": "met or foreseeable"}}}, "2030-01-06"),
    ],
)
def test_a_day_is_no_older_than_the_law_that_makes_it(changes: dict[str, Any], day: str) -> None:
    world = changed_to(**changes)
    content = world.content("tide")
    assert ([each["day"] for each in content["due"]], content["notification_due"]) == ([day], day)


@pytest.mark.parametrize(("within", "day"), [(5, "2026-03-06"), (300, "2026-12-26"), (3, "2026-03-04")])
def test_a_longer_term_makes_a_later_day_and_a_shorter_one_an_earlier(within: int, day: str) -> None:
    world = World(tables=under(in_force="2020-01-01"))
    world.add(continuing("tide", hours=1500))
    world.audit()
    duties = {"tell": {**DUTY, "within_days": within}}
    world.recorder = replace(world.recorder, tables=under(in_force="2020-01-01", duties=duties))
    reassess_record(world.job_id("tide"), world.recorder)
    assert world.content("tide")["notification_due"] == day


def test_a_day_stays_where_the_law_says_the_same_of_it() -> None:
    """A parent's day is from before; without it the child's own would count."""
    world = World(tables=under(in_force="2020-01-01"))
    world.add(continuing("tide", hours=1500))
    world.add(continuing("further", ["tide"], day=90, hours=1500))
    world.audit()
    days = [world.content(name)["notification_due"] for name in ("tide", "further")]
    assert days[0] == days[1]
    world.recorder = replace(world.recorder, tables=under(in_force="2020-01-01", jurisdiction="Venus"))
    reassess_record(world.job_id("further"), world.recorder)
    assert world.content("further")["notification_due"] == days[0]


def rewritten(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return edit


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("AI Act, Art. 53(1)(a), Annex XI", "AI Act, Art. 53", "duties.technical-documentation.article"),
        ("Put in place a policy to comply", "Adopt a policy to comply", "duties.copyright-policy.what"),
        ("placed on the Union market, for example", "placed, for example", "condition"),
        ("to the data used in it (AI Act, recital 109; ", "to its data (", "limited_to"),
        ("original's compute not known and not estimable: one third of 1e23", "one third", "source"),
        ("one third of 1e23, original of unknown compute", "unknown original", ""),
        (
            "the modifier is, indicatively, the provider of the modified general-purpose AI model",
            "a provider",
            "meaning",
        ),
    ],
)
def test_what_is_said_of_the_law_supersedes_what_is_not_below_and_a_title_supersedes_nothing(
    old: str, new: str, changed: str
) -> None:
    world = World(tables=tables_with({POLICY: rewritten(old, new)}))
    world.add(continuing("over", hours=900, ResourceConfig=HUGE))
    world.add(continuing("under"))
    world.audit()
    verdicts = [world.content(name)["verdict"] for name in ("over", "under")]
    assert verdicts == ["above", "below"]
    world.recorder = replace(world.recorder, tables=load_tables())
    over, under = (reassess_record(world.job_id(name), world.recorder) for name in ("over", "under"))
    assert over is not None and under is not None
    paths = [str(each.path) for each in over.differences]
    assert any(path.endswith(changed) for path in paths) if changed else not paths
    assert (under.differences, revisions(world, "under")) == ((), 1)
    assert revisions(world, "over") == (2 if changed else 1)
    assert world.content("over")["verdict"] == "above"
