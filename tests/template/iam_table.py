"""Writes docs/iam.md: what each role of the expanded template may do. Run as `python -m tests.template.iam_table`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.template.bar import listed, target
from tests.template.loading import REPOSITORY, expanded_template

IAM_DOCUMENT = REPOSITORY / "docs" / "iam.md"
HEAD = """# What each role may do

The deployment creates an AWS role for each of its functions. This page lists every permission of each.

Made from template.yaml by `python -m tests.template.iam_table`; a test fails where the two differ. The integration
tests run the functions under these roles, and fail on a denial and on a grant that is never used.
"""


def readable(value: Any) -> str:
    """A resource or condition value as a person reads it."""
    if isinstance(value, list):
        return ", ".join(readable(each) for each in value)
    if not isinstance(value, dict):
        return str(value)
    if "Fn::If" in value:
        return " or ".join(readable(each) for each in value["Fn::If"][1:])
    if "Fn::Sub" in value:
        return str(value["Fn::Sub"]).replace("${AWS::Partition}", "aws").replace(".Arn}", "}")
    if "Ref" in value or "Fn::GetAtt" in value:
        return target(value)
    return "; ".join(f"{name} {readable(each)}" for name, each in value.items())


def statements(values: list[Any], condition: str = "") -> Iterator[tuple[dict[str, Any], str]]:
    """Each statement, and the template's condition under which it stands."""
    for each in values:
        if "Fn::If" in each:
            name, *branches = each["Fn::If"]
            yield from statements([b for b in branches if b != {"Ref": "AWS::NoValue"}], name)
        else:
            yield each, condition


def rows(values: list[Any]) -> Iterator[str]:
    """The rows of one role's table."""
    for statement, condition in statements(values):
        actions = "<br>".join(f"`{action}`" for action in listed(statement["Action"]))
        resources = "<br>".join(f"`{readable(each)}`" for each in listed(statement["Resource"]))
        limits = [f"only if {condition}"] if condition else []
        limits += [f"{operator}: {readable(keys)}" for operator, keys in statement.get("Condition", {}).items()]
        yield f"| {statement['Sid']} | {actions} | {resources} | {'<br>'.join(limits)} |"


def page() -> str:
    """The page."""
    parts = [HEAD]
    for name, each in expanded_template()["Resources"].items():
        properties = each.get("Properties", {})
        documents = [properties["PolicyDocument"]] if each["Type"] == "AWS::IAM::Policy" else []
        if each["Type"] == "AWS::IAM::Role":
            documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for document in documents:
            table = "\n".join(rows(document["Statement"]))
            parts.append(f"## {name}\n\n| statement | actions | on | limits |\n| --- | --- | --- | --- |\n{table}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    IAM_DOCUMENT.write_text(page())
