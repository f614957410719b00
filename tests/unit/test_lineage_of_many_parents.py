"""Memory and time of a job with many parents, each of which names an object with most of the same ancestors."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from flops_auditor.domain.lineage import kept_ancestors
from flops_auditor.domain.lineage.kept_ancestors import Unpacking, pack, unpack
from flops_auditor.domain.lineage.lineage import Ancestor, Lineage, MalformedLineage
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.use_cases.auditing import recorded_runs
from flops_auditor.use_cases.auditing.find_lineage import FoundLineage, find_lineage, index_run
from flops_auditor.use_cases.ports.records import StoredRecord
from tests.fakes.audit import MemoryIndex, MemoryRecords
from tests.fakes.cases import remark
from tests.fakes.jobs import describe, moved
from tests.fakes.ledger import MemoryArchive, MemorySigner
from tests.fakes.ledger_world import START, Draft, template
from tests.fakes.lineage import artifact, channel


def some(count: int, of: str, revision: int = 0) -> tuple[Ancestor, ...]:
    """Runs in order of their ids."""
    ids = (f"{of}{number:063x}" for number in range(count))
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:training-job"
    return tuple(Ancestor(each, f"{arn}/{each[:40]}", 10**20, 10**21, revision=revision) for each in ids)


class Parents:
    """Recorded runs, each with its ancestors in an object, and a job that takes the results of all."""

    def __init__(self, sets: Sequence[tuple[Ancestor, ...]]) -> None:
        self.index, self.records, self.archive = MemoryIndex(), MemoryRecords(), MemoryArchive()
        signer = MemorySigner("record")
        for number, ancestors in enumerate(sets):
            body = Evidence(describe(name=f"parent-{number:02d}")).to_bytes()
            run = read_case(body).run
            packed = pack(run.job_id, Lineage((), ancestors))
            assert packed.kept is not None
            assert packed.body is not None
            self.archive.put_if_absent(packed.kept.key, packed.body)
            named = {"key": packed.kept.key, "sha256": packed.kept.sha256, "count": packed.kept.count}
            told = template()
            content = {
                **told,
                "job": {**told["job"], "arn": run.arn, "id": run.job_id},
                "lineage": {**told["lineage"], "kept": named, "ancestors": len(ancestors)},
            }
            line = Draft(number, START, body, content, run.arn).line(signer)
            self.records.commit(run.job_id, StoredRecord(0, line), {})
            index_run(run, self.index)
        channels = [channel(f"m{number}", artifact(f"parent-{number:02d}")) for number in range(len(sets))]
        child = moved(describe(name="child", InputDataConfig=channels), timedelta(days=2))
        self.child: Run = read_case(Evidence(child).to_bytes()).run

    def found(self) -> FoundLineage:
        return find_lineage(self.child, self.records, self.index, self.archive)

    def memory(self) -> int:
        """Bytes at most while the lineage is found."""
        self.found()
        tracemalloc.start()
        try:
            self.found()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_twenty_parents_with_the_same_ancestors_take_less_than_twice_the_memory_of_one() -> None:
    shared = some(4000, "a")
    one, twenty = Parents([shared]), Parents([(*shared, *some(5, f"b{n:02d}")) for n in range(20)])
    assert len(one.found().lineage.ancestors) == 4001
    assert len(twenty.found().lineage.ancestors) == 4000 + 20 * 5 + 20
    assert twenty.memory() < 2 * one.memory()


def test_what_two_objects_list_alike_is_one_value_and_a_newer_revision_counts() -> None:
    old, new = some(200, "a"), some(200, "a", revision=1)
    found = Parents([old, (new[0], *old[1:]), old]).found()
    by_job = {ancestor.job_id: ancestor for ancestor in found.lineage.ancestors}
    assert by_job[old[0].job_id] == new[0]
    assert by_job[old[1].job_id] == old[1]
    assert len({id(kept.ancestors[1]) for kept in found.kept}) == 1


def test_beyond_what_one_audit_reads_the_rest_is_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parents are counted all the same, but not what they continue, and so is nothing that cannot be told."""
    parents = Parents([some(200, f"{n:x}") for n in range(6)])
    whole = parents.found()
    assert not whole.lineage.doubts
    assert len(whole.lineage.ancestors) == 6 * 201
    size = len(pack("f" * 64, Lineage((), some(200, "0"))).body or b"")
    monkeypatch.setattr(recorded_runs, "MOST_READ", 3 * size)
    found = parents.found()
    assert [doubt.words for doubt in found.lineage.doubts] == [
        "what 3 of the jobs that this one continues go back to was not read: it is more than one audit reads"
    ]
    assert len(found.lineage.parents) == 6
    assert len(found.lineage.ancestors) == 3 * 200 + 6
    assert len(found.kept) == 3


def test_what_is_the_same_counts_for_an_eighth_of_what_one_audit_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = some(200, "a")
    size = len(pack("f" * 64, Lineage((), shared)).body or b"")
    for most, doubts in ((2 * size - 2, 0), (2 * size - size // 4, 1)):
        monkeypatch.setattr(recorded_runs, "MOST_READ", most)
        assert len(Parents([shared] * 9).found().lineage.doubts) == doubts


ODD = (
    Ancestor("a" * 64, "arn", None, None),
    Ancestor("b" * 64, '"},{"activity":"', 1, 2, doubts=(remark('{"ancestors":[{"activity":'),), base_model="\\"),
    Ancestor("c" * 64, "é},{", 1, 2, parents=("a" * 64,), activity="synthetic-data", other_names=('],"schema":"',)),
)


def test_an_object_is_read_the_same_in_one_piece_or_in_pieces() -> None:
    lineage = Lineage((), (*ODD, *some(200, "d")))
    packed = pack("f" * 64, lineage)
    assert packed.kept is not None
    assert packed.body is not None
    assert Unpacking()(packed.body, packed.kept.sha256) == unpack(packed.body, packed.kept.sha256) == lineage.ancestors


def test_numbers_of_any_size_are_read_the_same() -> None:
    """Those that stand without quotation marks, and are beyond 64 bits, too."""
    packed = pack("f" * 64, Lineage((), some(200, "d")))
    assert packed.body is not None
    body = packed.body.replace(b'"revision":0', b'"revision":123456789012345678901')
    assert body != packed.body
    digest = sha256(body).hexdigest()
    assert Unpacking()(body, digest) == unpack(body, digest)
    assert unpack(body, digest)[0].revision == 123456789012345678901


@pytest.mark.parametrize(
    "inside",
    [
        b'"ancestors":[]',
        b'"ancestors":[{"activity":"fine-tuning"}]',
        b'"ancestors":[{"activity":"fine-tuning"},{"activity":}]',
        b'"ancestors":[{"activity":"fine-tuning"},{"activity":' + b"[" * 100_000 + b"}]",
        b'"ancestors": [{"activity":"none"}]',
        b'"ancestors":[{"activity":"\xff"}]',
        b'"ancestors":[{"activity":"none"},{"job_id":"1"}]',
        b'"ancestors":[{"activity":{"a":[{"b":1},{"activity":"2"}]}}]',
        b'"ancestors":[{"activity":"none","doubts":"x"},{"activity":]',
        b'"ancestors":[{"activity":"none","doubts":"x"}]',
    ],
)
def test_a_strange_object_is_refused_the_same(inside: bytes) -> None:
    body = b'{%b,"schema":"%b"}' % (inside, kept_ancestors.SCHEMA.encode())
    digest = sha256(body).hexdigest()
    said = []
    for read in (unpack, Unpacking()):
        try:
            said.append(str(read(body, digest)))
        except MalformedLineage as error:
            said.append(str(error))
    assert said[0] == said[1]
    with pytest.raises(MalformedLineage):
        Unpacking()(body, "0" * 64)


def test_runs_are_the_same_whatever_revision_their_figures_are_from() -> None:
    one, other = some(3, "a"), some(3, "a", revision=1)
    assert Lineage((), one).same_as(Lineage((), other))
    assert not Lineage((), one).same_as(Lineage((), other[:2]))
    assert not Lineage((), one).same_as(Lineage((), (*other[:2], replace(other[2], best_flop=1))))
    assert not one[0].same_but_revision(None)
