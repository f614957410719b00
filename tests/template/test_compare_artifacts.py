"""The rights that CompareArtifacts=true adds: two functions may read what objects are, of any bucket, and nothing more.

The local AWS is deployed with it off, so the policies of template.yaml are judged by the second evaluator. The call is
tried in tests/contract/test_sources.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.policy_evaluation import Request, allowed
from tests.template.bar import listed
from tests.template.loading import load

ACCOUNT = "123456789012"
THEIRS = "arn:aws:s3:::models-of-a-team/run/output/model.tar.gz"
LOOKING = {"AuditPolicy", "WatchPolicy"}
READING = {"s3:GetObjectAttributes", "s3:GetObject"}
"""S3 asks for both (API Reference, GetObjectAttributes, "Permissions")."""
OF_BUCKETS = {"s3:ListBucket"}
"""What S3 asks of a bucket, and of no object; test_doors.py says who may."""


def chosen(value: Any, compares: bool) -> Iterator[Any]:
    """Elements of a list, of an `Fn::If` on ComparesArtifacts the branch that is deployed, of another one both."""
    for each in listed(value):
        if isinstance(each, dict) and "Fn::If" in each:
            condition, then, otherwise = each["Fn::If"]
            branches = [then, otherwise] if condition != "ComparesArtifacts" else [then if compares else otherwise]
            yield from chosen(branches, compares)
        elif each != {"Ref": "AWS::NoValue"}:
            yield each


def named(value: Any) -> Any:
    """A value with names of resources where AWS puts its own; none of them covers a bucket of somebody else."""
    if isinstance(value, str):
        return value
    if "Fn::Sub" in value:
        return re.sub(
            r"\$\{([^}]+)\}", lambda name: "aws" if name[1] == "AWS::Partition" else name[1], value["Fn::Sub"]
        )
    return json.dumps(value)


def statements(policy: str, compares: bool) -> list[dict[str, Any]]:
    document = load()["Resources"][policy]["Properties"]["PolicyDocument"]
    return [
        {**each, "Resource": [named(one) for one in chosen(each["Resource"], compares)]}
        for each in chosen(document["Statement"], compares)
    ]


def policies() -> list[str]:
    return [name for name, each in load()["Resources"].items() if each["Type"] == "AWS::IAM::Policy"]


def may(policy: str, compares: bool) -> set[str]:
    """What a function may do with an object in a bucket that is not ours."""
    known = statements(policy, compares)
    asked = {action for each in known for action in listed(each["Action"]) if action.startswith("s3:")} | READING
    asked -= OF_BUCKETS
    role = f"arn:aws:iam::{ACCOUNT}:role/{policy}"
    return {action for action in asked if allowed(Request(role, action, THEIRS), known, [], ACCOUNT)}


@pytest.mark.parametrize("policy", policies())
def test_only_who_looks_for_copies_may_read_what_an_object_is_and_only_where_it_is_asked_for(policy: str) -> None:
    assert may(policy, compares=True) == (READING if policy in LOOKING else set())
    assert may(policy, compares=False) == set()


def test_the_functions_that_may_are_those_that_are_told_to() -> None:
    functions = {n: e["Properties"] for n, e in load()["Resources"].items() if e["Type"] == "AWS::Serverless::Function"}
    told = {
        name
        for name, each in functions.items()
        if each["Environment"]["Variables"].get("COMPARE_ARTIFACTS") == {"Ref": "CompareArtifacts"}
    }
    assert {name.replace("Function", "Policy") for name in told} == LOOKING
