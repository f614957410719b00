"""With whose rights AWS is called: the ARN that its Security Token Service tells, which takes no right."""

from typing import Protocol

from flops_auditor.aws.calls.refusals import refusals


class CallerIdentity(Protocol):
    """The client `sts`, as far as it is asked here."""

    def get_caller_identity(self) -> dict[str, str]:
        """Account, UserId and Arn."""


def caller_arn(client: CallerIdentity) -> str:
    """The role's session, the user or the root of whoever calls (GetCallerIdentity)."""
    with refusals("sts:GetCallerIdentity"):
        return client.get_caller_identity()["Arn"]
