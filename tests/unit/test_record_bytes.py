"""How large a job's owner can make a record: bounded, whatever is left out is counted in it, and it comes to rest."""

import pytest

from flops_auditor.use_cases.auditing.find_lineage import (
    MORE_DOUBTS,
    MORE_NOTES,
    MOST_DOUBTS,
    MOST_NOTES,
    recorded_lineage,
)
from tests.fakes.lineage import World, artifact, channel, continuing

MOST_BYTES = 250_000
"""Of a signed record with more ancestors than it lists; an item of DynamoDB holds 400 KB."""
WIDE = "\N{CJK UNIFIED IDEOGRAPH-8A9E}"
TAGS = (
    "tokens",
    "params",
    "active_params",
    "trainable_params",
    "precision",
    "activity",
    "pretrain_flops",
    "base_model",
)


@pytest.fixture(scope="module")
def largest() -> World:
    """Jobs whose owner writes as much as SageMaker takes into all that a record quotes, each continuing all before."""
    world = World()
    names = [f"{number:02d}-" + "n" * 60 for number in range(28)]
    for number, name in enumerate(names):
        files = {"FileSystemDataSource": {"FileSystemId": "fs-1", "DirectoryPath": "/x"}}
        channels = [{"ChannelName": f"model-{n}", "DataSource": files} for n in range(25)]
        channels += [channel(f"result{n}", f"s3://models/{WIDE * 250}/{n}") for n in range(10)]
        channels += [channel(f"model{n}", artifact(parent)) for n, parent in enumerate(names[:number])]
        changes = {
            "HyperParameters": {f"model-{WIDE * 50}-{n}": f"s3://models/{WIDE * 200}/{n}" for n in range(10)},
            "Environment": {f"model{n}": f"s3://models/{WIDE * 200}/v{n}" for n in range(10)},
            "CheckpointConfig": {"S3Uri": "s3://models/"},
            "InputDataConfig": channels,
        }
        world.add(continuing(name, day=number, **changes), **dict.fromkeys(TAGS, WIDE * 256))
    world.audit()
    return world


def test_a_record_stays_small_whatever_its_owner_writes(largest: World) -> None:
    sizes = []
    for name in largest.pointers:
        stored = largest.recorder.records.latest(largest.job_id(name))
        assert stored is not None
        sizes.append(len(stored.line))
    assert max(sizes) < MOST_BYTES


def test_what_a_record_leaves_out_is_counted_in_it(largest: World) -> None:
    lineage = largest.content(list(largest.pointers)[-1])["lineage"]
    assert lineage["doubts"][-1]["kind"] == MORE_DOUBTS.name
    assert lineage["notes"][-1]["kind"] == MORE_NOTES.name
    assert (len(lineage["doubts"]), len(lineage["notes"])) == (MOST_DOUBTS + 1, MOST_NOTES + 1)


def test_ancestors_that_a_record_has_no_room_for_are_kept_beside_it(largest: World) -> None:
    content = largest.content(list(largest.pointers)[-1])
    assert len(content["cumulative"]["ancestors"]) < len(largest.pointers) - 1
    assert len(recorded_lineage(content, largest.recorder.archive).ancestors) == len(largest.pointers) - 1


def test_a_record_that_continues_many_doubts_comes_to_rest(largest: World) -> None:
    """What it says of its ancestors reads back as it was found."""
    assert {largest.content(name)["revision"] for name in largest.pointers} == {0}
