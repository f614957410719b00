"""template.yaml loses nothing when deployed over the previous release, and a template that would is noticed."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests import releases
from tests.template.loading import REPOSITORY, Template, load
from tests.template.upgrade import lost

Change = Callable[[Template], Any]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return load(releases.unpack(tmp_path_factory.mktemp("previous")) / "template.yaml")


def test_nothing_is_lost_from_the_previous_release_to_this_tree(before: Template) -> None:
    assert list(lost(before, load())) == []


def properties(template: Template, name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def rename(name: str) -> Change:
    return lambda template: template["Resources"].update({f"{name}2": template["Resources"].pop(name)})


def add_indexes(count: int) -> Change:
    """New indexes on the table."""

    def change(template: Template) -> None:
        indexes = properties(template, "RecordTable")["GlobalSecondaryIndexes"]
        indexes += [{**indexes[0], "IndexName": f"new-{number}"} for number in range(count)]

    return change


LOSSES: dict[str, Change] = {
    "RecordTable is no": rename("RecordTable"),
    "ArchiveBucket is no": rename("ArchiveBucket"),
    "RecordKey is no": rename("RecordKey"),
    "AuditQueue is no": rename("AuditQueue"),
    "AlertTopic is no": rename("AlertTopic"),
    "KeySchema differs": lambda template: properties(template, "RecordTable")["KeySchema"].pop(),
    "TableName differs": lambda template: properties(template, "RecordTable").update(TableName="records"),
    "DeletionProtectionEnabled": lambda template: properties(template, "RecordTable").pop("DeletionProtectionEnabled"),
    "ObjectLockConfiguration": lambda template: properties(template, "ArchiveBucket").pop("ObjectLockConfiguration"),
    "KeySpec differs": lambda template: properties(template, "CheckpointKey").update(KeySpec="ECC_NIST_P384"),
    "FifoQueue differs": lambda template: properties(template, "AuditQueue").update(FifoQueue=True),
    "Endpoint differs": lambda template: properties(template, "AlertTopicSubscription").update(Endpoint="x"),
    "Condition differs": lambda template: template["Resources"]["RecordKey"].update(Condition="HasAmender"),
    "DeletionPolicy differs": lambda template: template["Resources"]["RecordKey"].pop("DeletionPolicy"),
    "index pending differs": lambda template: properties(template, "RecordTable")["GlobalSecondaryIndexes"][0].update(
        Projection={"ProjectionType": "ALL"}
    ),
    "more than one new": add_indexes(2),
    "another type": lambda template: properties(template, "RecordTable")["AttributeDefinitions"][0].update(
        AttributeType="N"
    ),
    "parameter AlertEmail is gone": lambda template: template["Parameters"].pop("AlertEmail"),
    "has no default": lambda template: template["Parameters"].update(New={"Type": "String"}),
    "output LedgerId is gone": lambda template: template["Outputs"].pop("LedgerId"),
    "LedgerId differs": lambda template: template["Outputs"]["LedgerId"].update(Value="another"),
}


@pytest.mark.parametrize("words", LOSSES)
def test_a_loss_is_noticed(words: str, before: Template) -> None:
    after = copy.deepcopy(before)
    LOSSES[words](after)
    assert any(words in each for each in lost(before, after))


def test_one_new_index_is_no_loss(before: Template) -> None:
    after = copy.deepcopy(before)
    add_indexes(1)(after)
    assert list(lost(before, after)) == []


def deployable() -> list[str]:
    """What `make keep-release` keeps of a revision."""
    lines = (REPOSITORY / "Makefile").read_text().splitlines()
    (names,) = [line.partition("=")[2] for line in lines if line.startswith("DEPLOYABLE = ")]
    return names.split()


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, check=False)


def in_history(revision: str) -> bool:
    """Whether git and this commit are here."""
    return shutil.which("git") is not None and git("cat-file", "-e", f"{revision}^{{commit}}").returncode == 0


@pytest.mark.skipif(not in_history(releases.revision()), reason="a clone without the previous release's commit")
def test_the_kept_release_is_the_revision_that_it_names() -> None:
    kept = releases.contents()
    listed = git("ls-tree", "-r", "--name-only", releases.revision(), *deployable())
    assert sorted(listed.stdout.decode().splitlines()) == sorted(kept)
    for name, content in kept.items():
        assert git("show", f"{releases.revision()}:{name}").stdout == content, name


def test_the_kept_release_is_the_newest_tag_before_this_tree() -> None:
    """Where the clone has tags: `make keep-release` was not forgotten. HEAD's own tag is this release."""
    described = git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD~1") if in_history("HEAD~1") else None
    if described is None or described.returncode:
        pytest.skip("no tag before this commit in this clone")
    tag = described.stdout.decode().strip()
    assert git("rev-parse", f"{tag}^{{commit}}").stdout.decode().strip() == releases.revision()
