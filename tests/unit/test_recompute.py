"""`--recompute`: figures follow from their evidence, or the record is named."""

import csv
import io
import json
import lzma
import pickle
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from bench.released_tables import FOLDER, tables_here, tables_in
from flops_auditor import __version__
from flops_auditor.data import RELEASED, load_tables, read, released
from flops_auditor.domain.ledger.bundle import tables_name
from flops_auditor.domain.ledger.ledger_errors import DueDateMismatch, EvidenceMismatch, NotRecomputable, UnknownTables
from flops_auditor.domain.ledger.log_join import LogJoin
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.use_cases.recomputing.recompute import Recomputing, recompute
from tests import releases
from tests.fakes.bundles import Bundle
from tests.fakes.ledger_world import START, World, long_lineage_draft, real_draft
from tests.fakes.lineage import World as LineageWorld
from tests.fakes.lineage import continuing
from tests.fakes.tables_of_then import EARLIER, Edit, tables_with

NONE = NothingKept()
NO_MODEL = ""
"""What the jobs of `real_draft` are trained on: they name no model."""


def test_what_computes_again_goes_to_other_processes() -> None:
    """The command line verifies on every core."""
    assert pickle.dumps(Recomputing())


def test_a_record_follows_from_its_evidence() -> None:
    made = real_draft(1, START)
    recompute(made.evidence, made.content, NONE)


@pytest.mark.parametrize("member", ["best_flop", "upper_flop"])
def test_another_figure_is_named(member: str) -> None:
    made = real_draft(1, START)
    made.content["estimate"][member] = "1"
    with pytest.raises(EvidenceMismatch, match="estimate"):
        recompute(made.evidence, made.content, NONE)


def test_a_figure_of_another_type_is_named() -> None:
    """In Python True is 1."""
    made = real_draft(1, START)
    made.content["job"]["finished"] = int(made.content["job"]["finished"])
    with pytest.raises(EvidenceMismatch, match=r"job\.finished: 1 -> true"):
        recompute(made.evidence, made.content, NONE)


def test_a_softened_verdict_is_named() -> None:
    made = real_draft(1, START)
    made.content["verdict"] = "indeterminate"
    with pytest.raises(EvidenceMismatch, match="verdict"):
        recompute(made.evidence, made.content, NONE)


def test_other_tables_or_another_version_cannot_be_judged() -> None:
    made = real_draft(1, START)
    made.content["tables"] = {**made.content["tables"], "accelerators.csv": "0" * 64}
    with pytest.raises(UnknownTables, match=r"accelerators\.csv"):
        recompute(made.evidence, made.content, NONE)
    made = real_draft(1, START)
    made.content["code_version"] = "0.0.1"
    made.content["verdict"] = "indeterminate"
    with pytest.raises(NotRecomputable, match=r"0\.0\.1"):
        recompute(made.evidence, made.content, NONE)


def test_ancestors_kept_elsewhere_cannot_be_judged() -> None:
    made = real_draft(1, START)
    made.content["lineage"]["kept"] = {"key": "ancestors/x", "sha256": "0" * 64, "count": 200}
    with pytest.raises(NotRecomputable, match="ancestors"):
        recompute(made.evidence, made.content, NONE)


def test_evidence_that_is_none_is_named() -> None:
    with pytest.raises(EvidenceMismatch, match="cannot be audited"):
        recompute(b"{}", real_draft(1, START).content, NONE)


def test_a_day_that_a_parent_met_before_the_run_was_created_is_no_lie() -> None:
    world = LineageWorld()
    world.add(
        continuing("parent", hours=2000, ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 20000})
    )
    world.add(continuing("child", ["parent"], day=200, hours=1))
    world.audit()
    content = {**world.content("child"), "code_version": __version__}
    assert content["due"][0]["day"] < content["job"]["creation_time"][:10]
    evidence = world.recorder.archive.get(evidence_key(world.job_id("child"), content["revision"]))
    assert evidence is not None
    recompute(evidence, content, NONE)
    alone = {**content, "lineage": {**content["lineage"], "parents": []}}
    with pytest.raises((EvidenceMismatch, DueDateMismatch)):
        recompute(evidence, alone, NONE)


def test_a_record_of_another_version_that_this_one_cannot_read_is_no_forgery() -> None:
    made = real_draft(1, START)
    made.content["code_version"] = "9.9.9"
    elsewhere = made.evidence.replace(b'"sagemaker:training-job"', b'"sagemaker:processing-job"')
    with pytest.raises(NotRecomputable, match="cannot read"):
        recompute(elsewhere, made.content, NONE)
    del made.content["lineage"]["parents"]
    with pytest.raises(NotRecomputable, match="cannot be audited"):
        recompute(made.evidence, made.content, NONE)


def test_a_lie_signed_by_the_recorder_is_seen_by_recomputing_alone(tmp_path: Path) -> None:
    """Every signature, hash and proof is right; the recorder itself wrote another figure."""
    world = World()
    world.add_real(2)
    lie = real_draft(2, world.at)
    lie.content["cumulative"]["best_flop"] = "1"
    world.commit(lie)
    world.seal()
    bundle = Bundle(world, tmp_path)
    assert bundle.verify().verdict == "valid"
    found = bundle.verify(recompute=Recomputing()).findings
    assert [(finding.error, finding.index) for finding in found] == [("EvidenceMismatch", 2)]
    assert "job-002" in json.dumps([finding.message for finding in found])


@pytest.fixture(params=["whole", "part"])
def with_many_ancestors(request: pytest.FixtureRequest, tmp_path: Path) -> Bundle:
    world = World()
    world.add_real(1)
    made, packed = long_lineage_draft(5, world.at, 150)
    assert packed.kept
    assert packed.body
    world.archive.put_if_absent(packed.kept.key, packed.body)
    world.commit(made)
    world.seal()
    model = made.content["original"]["base_model"]
    return Bundle(world, tmp_path, None if request.param == "whole" else model)


def test_many_ancestors_travel_with_the_bundle(with_many_ancestors: Bundle) -> None:
    assert len(with_many_ancestors.names("ancestors/")) == 1
    assert with_many_ancestors.verify(recompute=Recomputing()).findings == []
    assert with_many_ancestors.verify(recompute=Recomputing(), processes=2).findings == []


@pytest.mark.parametrize("attack", ["edited", "missing", "another"])
def test_ancestors_are_those_that_the_record_names(with_many_ancestors: Bundle, attack: str) -> None:
    name = with_many_ancestors.names("ancestors/")[0]
    if attack == "edited":
        with_many_ancestors.files[name] = with_many_ancestors.files[name].replace(b"run-7", b"run-8")
    elif attack == "missing":
        del with_many_ancestors.files[name]
    else:
        with_many_ancestors.files[f"ancestors/{sha256(b'x').hexdigest()}.json"] = b"x"
    assert [finding.error for finding in with_many_ancestors.verify().findings] == ["EvidenceMismatch"]


def test_no_more_objects_with_ancestors_are_remembered_than_are_there(with_many_ancestors: Bundle) -> None:
    """A log may name one in each of its records, and have none: it is refused where the first one is too many."""
    [name] = with_many_ancestors.names("ancestors/")
    del with_many_ancestors.files[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LogJoin, "finish", lambda _: pytest.fail("the whole log was joined"))
        assert [each.error for each in with_many_ancestors.verify().findings] == ["EvidenceMismatch"]


@pytest.mark.parametrize("part", [False, True], ids=["whole", "part"])
@pytest.mark.parametrize("edits", EARLIER.values(), ids=EARLIER)
def test_records_of_earlier_tables_are_computed_again_with_those(
    tmp_path: Path, edits: Mapping[str, Edit], part: bool
) -> None:
    then = tables_with(edits)
    world = World()
    for number, tables in enumerate((then, load_tables())):
        world.commit(real_draft(number, world.at, tables=tables))
    world.seal()
    bundle = Bundle(world, tmp_path, NO_MODEL if part else None)
    own = frozenset(then.digests.values()) - released()
    assert [found.error for found in bundle.verify(recompute=Recomputing()).findings] == ["UnknownTables"]
    report = bundle.verify(recompute=Recomputing(own))
    assert (report.verdict, report.records, report.recorded_by) == ("valid", 2, {__version__: 2})
    assert len(bundle.names("tables/")) == len(load_tables().digests) + len(edits)


def test_tables_that_a_release_shipped_are_taken_without_a_word() -> None:
    for digest in csv.DictReader(read(RELEASED).splitlines()):
        assert digest["sha256"] in released()
    assert set(load_tables().digests.values()) <= released()


def test_every_table_of_the_previous_release_is_listed() -> None:
    assert set(tables_in(lzma.decompress(releases.ARCHIVE.read_bytes())).values()) <= released()


def test_the_tables_that_stand_here_are_those_that_an_archive_of_them_would_list() -> None:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.add(releases.ARCHIVE.parents[2] / FOLDER, FOLDER)
    assert tables_here() == tables_in(written.getvalue())


@pytest.mark.parametrize("part", [False, True], ids=["whole", "part"])
@pytest.mark.parametrize("attack", ["edited", "another"])
def test_tables_are_those_that_records_name(tmp_path: Path, attack: str, part: bool) -> None:
    world = World()
    world.add_real(1)
    world.seal()
    bundle = Bundle(world, tmp_path, NO_MODEL if part else None)
    if attack == "edited":
        bundle.files[bundle.names("tables/")[0]] += b"\n"
    else:
        bundle.files[f"tables/{sha256(b'x').hexdigest()}"] = b"x"
    assert [finding.error for finding in bundle.verify().findings] == ["EvidenceMismatch"]


def test_a_table_that_is_not_in_the_bundle_is_named_where_it_is_needed(tmp_path: Path) -> None:
    then = tables_with(EARLIER["a row was edited since"])
    world = World()
    world.commit(real_draft(0, world.at, tables=then))
    world.seal()
    bundle = Bundle(world, tmp_path)
    del bundle.files[tables_name(then.digests["accelerators.csv"])]
    assert bundle.verify().verdict == "valid"
    [found] = bundle.verify(recompute=Recomputing(frozenset(then.digests.values()))).findings
    assert (found.error, found.tampered) == ("NotRecomputable", False)
    assert "accelerators.csv" in found.message


def test_what_differs_is_named_field_by_field_with_both_versions() -> None:
    made = real_draft(1, START)
    made.content["code_version"] = "0.0.1"
    made.content["estimate"]["best_flop"] = "1"
    made.content["estimate"]["tiers"] = []
    with pytest.raises(NotRecomputable, match=r"'0\.0\.1'.*estimate\.best_flop: \"1\" -> \"\d+\".*tiers: 0 entries"):
        recompute(made.evidence, made.content, NONE)
