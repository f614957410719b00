"""Which regions forward the ends of training jobs to the stack's region.

A job of another region that is deleted before its region is listed again leaves no other trace.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from flops_auditor.domain.values.amounts import counted
from flops_auditor.use_cases.operations.check_health import HealthCheck, named
from flops_auditor.use_cases.ports.sources import SourceDenied, SourceUnavailable

ForwardingState = Literal["on", "off", "missing"]
"""A rule forwards, somebody has disabled it, or there is none."""


class Forwarding(Protocol):
    """The rules of other regions."""

    def state(self, region: str) -> ForwardingState:
        """Of one region. Raises SourceDenied, SourceUnavailable."""


@dataclass(frozen=True)
class RegionForwarding:
    """One region; `unread` says why nothing is known of it, and then `state` is None."""

    region: str
    state: ForwardingState | None
    unread: str = ""


def forwarding_of(regions: Iterable[str], forwarding: Forwarding) -> list[RegionForwarding]:
    """Region by region; one that refuses stops no other."""
    states = []
    for region in regions:
        try:
            states.append(RegionForwarding(region, forwarding.state(region)))
        except (SourceDenied, SourceUnavailable) as failure:
            states.append(RegionForwarding(region, None, f"{failure.name}: {failure}"))
    return states


def check_forwarding(states: Sequence[RegionForwarding]) -> list[HealthCheck]:
    """What to say of regions outside the stack's own. To forward from none is a choice; to forward from some is not."""
    check = "forwarding"
    if not states:
        return [HealthCheck(check, True, "there is no region but the stack's own")]
    on = [each.region for each in states if each.state == "on"]
    missing = [each.region for each in states if each.state == "missing"]
    checks = [
        HealthCheck(f"{check} from {each.region}", False, each.unread, "Grant events:ListRuleNamesByTarget there.")
        for each in states
        if each.unread
    ]
    checks += [
        HealthCheck(f"{check} from {each.region}", False, "its rule is disabled", "Enable the rule in that region.")
        for each in states
        if each.state == "off"
    ]
    remedy = "`flops-auditor regions --deploy` has every region forward them."
    if missing:
        detail = (
            f"{counted(len(missing), 'region does not', 'regions do not')} forward the ends of training jobs: "
            f"{named(missing)}. "
            "A job that is deleted there before the next hourly listing leaves no record"
        )
        checks.append(HealthCheck(check, not on, detail, remedy, missing))
    elif len(on) == len(states):
        detail = f"{counted(len(on), 'region forwards', 'regions forward')} the ends of training jobs"
        checks.append(HealthCheck(check, True, detail))
    return checks
