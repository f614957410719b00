"""What `flops-auditor restore-stack` imports: template.yaml's retained resources can stand alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flops_auditor_cli.commands.restore_stack import IDENTIFIERS, CannotRestore, deleted_stack, import_template, kept_by
from tests.template.bar import STATEFUL, needed_by
from tests.template.loading import load

TEMPLATE_BYTES = 51_200
"""The longest template that an API call takes as text."""


@pytest.mark.parametrize("lost", [set(), {"RecordTable"}])
def test_what_is_imported_refers_to_nothing_that_is_gone(lost: set[str]) -> None:
    template = load()
    names = {name for name, each in template["Resources"].items() if each["Type"] in IDENTIFIERS} - lost
    assert names >= {"ArchiveBucket", "RecordKey", "CheckpointKey", "DataKey", "AuditQueue"}
    made = import_template(template, names)
    assert set(made["Resources"]) == names
    assert "Outputs" not in made
    known = names | set(made["Parameters"])
    assert {name for name in needed_by(made["Resources"]) if not name.startswith("AWS::")} <= known
    assert all(each["DeletionPolicy"] == "Retain" for each in made["Resources"].values())
    assert len(str(made)) < TEMPLATE_BYTES


def test_everything_with_state_can_be_imported() -> None:
    assert set(STATEFUL) == set(IDENTIFIERS)


class Pages:
    """A CloudFormation client that has pages alone."""

    def __init__(self, member: str, *pages: list[dict[str, Any]]) -> None:
        self._member, self._pages = member, pages

    def get_paginator(self, _: str) -> Pages:
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        return ({self._member: page} for page in self._pages)


def event(name: str, status: str, physical_id: str, kind: str = "AWS::KMS::Key") -> dict[str, Any]:
    return {
        "LogicalResourceId": name,
        "ResourceStatus": status,
        "PhysicalResourceId": physical_id,
        "ResourceType": kind,
    }


def test_what_the_last_deletion_kept_counts() -> None:
    """Not what an earlier update put aside, what was deleted, or what the template no longer has."""
    newest = [event("RecordKey", "DELETE_SKIPPED", "new"), event("Alias", "DELETE_COMPLETE", "alias")]
    policy = event("ArchiveBucketPolicy", "DELETE_SKIPPED", "policy", "AWS::S3::BucketPolicy")
    older = [event("RecordKey", "DELETE_SKIPPED", "old"), event("OldKey", "DELETE_SKIPPED", "gone"), policy]
    resources = {"RecordKey": {}, "Alias": {}, "ArchiveBucketPolicy": {}}
    kept = kept_by(Pages("StackEvents", newest, older), "id", resources)
    assert kept == [{"logical_id": "RecordKey", "type": "AWS::KMS::Key", "physical_id": "new"}]


def test_the_stack_of_this_name_that_was_deleted_last_is_taken() -> None:
    stacks = [
        {"StackName": name, "StackId": f"{name}/{day}", "CreationTime": day}
        for name, day in (("flops-auditor", 1), ("flops-auditor", 3), ("another", 4))
    ]
    assert deleted_stack(Pages("StackSummaries", stacks[:1], stacks[1:]), "flops-auditor") == "flops-auditor/3"
    with pytest.raises(CannotRestore, match="no stack gone was deleted"):
        deleted_stack(Pages("StackSummaries", stacks), "gone")
