"""A second evaluator of policies, for requests that the local AWS cannot be sent: root, services, other accounts.

It knows the elements and operators that template.yaml uses, and fails on any other. Rules: AWS, IAM User Guide, "Policy
evaluation logic"; a key policy must allow even this account's own principals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Statement = Mapping[str, Any]
ROOT_SUFFIX = ":root"
EVERYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


@dataclass(frozen=True)
class Request:
    """A call: `principal` is the ARN of a role or of root, or a service's name; `context` the condition keys it has."""

    principal: str
    action: str
    resource: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)

    def value(self, key: str) -> str | list[str] | None:
        """The value of a condition key, or None where the request has none."""
        known: dict[str, str | list[str]] = {"aws:SecureTransport": "true"}
        if self.principal.startswith("arn:"):
            known["aws:PrincipalArn"] = self.principal
        return (known | dict(self.context)).get(key)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def like(value: str, patterns: Any) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in listed(patterns))


def holds(operator: str, actual: str | list[str] | None, expected: Any) -> bool:
    """Whether one condition holds."""
    wanted = [str(each) for each in listed(expected)]
    if operator == "Null":
        return (actual is None) == (wanted == ["true"])
    if operator.startswith("ForAllValues:"):
        # Also where the request has no such key.
        values = [] if actual is None else listed(actual)
        return all(holds(operator.removeprefix("ForAllValues:"), value, wanted) for value in values)
    if operator.endswith("IfExists"):
        return actual is None or holds(operator.removesuffix("IfExists"), actual, wanted)
    if operator in ("StringNotEquals", "ArnNotEquals"):
        return actual is None or not like(str(actual), wanted)
    if operator in ("StringEquals", "Bool"):
        return actual in wanted
    if operator in ("ArnEquals", "ArnLike", "StringLike"):
        return actual is not None and like(str(actual), wanted)
    raise NotImplementedError(operator)


def covers(statement: Statement, request: Request) -> bool:
    """Whether a statement is about this call, whoever makes it."""
    asked = (
        not like(request.action, statement["NotAction"])
        if "NotAction" in statement
        else like(request.action, statement["Action"])
    )
    about = (
        not like(request.resource, statement["NotResource"])
        if "NotResource" in statement
        # In a key policy "*" is the key itself.
        else like(request.resource, statement["Resource"])
    )
    return (
        asked
        and about
        and all(
            holds(operator, request.value(key), expected)
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def named(statement: Statement, principal: str, *, by_account: bool) -> bool:
    """Whether a resource's policy names this principal; `by_account`: also as one of its account."""
    names = statement["Principal"]
    if names == "*":
        return True
    arns = listed(names.get("AWS", []))
    account = principal.split(":")[4] if principal.startswith("arn:") else ""
    roots = [arn for arn in arns if arn.endswith(ROOT_SUFFIX) and arn.split(":")[4] == account]
    return principal in [*arns, *listed(names.get("Service", []))] or (by_account and bool(roots))


def allowed(
    request: Request, identity: Iterable[Statement], resource: Iterable[Statement], account: str, *, key: bool = False
) -> bool:
    """Whether AWS would let the call through. `account` owns the resource; `key`: it is a KMS key."""
    own, of_resource = list(identity), list(resource)
    told = [each for each in of_resource if named(each, request.principal, by_account=True) and covers(each, request)]
    about = [each for each in own if covers(each, request)]
    if any(each["Effect"] == "Deny" for each in [*told, *about]):
        return False
    by_identity = any(each["Effect"] == "Allow" for each in about)
    by_resource = [each for each in told if each["Effect"] == "Allow"]
    if request.principal.startswith("arn:") and request.principal.split(":")[4] != account:
        return by_identity and bool(by_resource)
    if any(named(each, request.principal, by_account=False) for each in by_resource):
        return True
    return by_identity and (bool(by_resource) or not key)
