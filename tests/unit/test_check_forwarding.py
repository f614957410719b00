"""Which regions forward, as the doctor says it: none is a choice, some but not all is not, unknown is not well."""

from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.use_cases.operations.check_forwarding import ForwardingState, check_forwarding, forwarding_of
from flops_auditor.use_cases.ports.sources import SourceDenied


class Rules:
    """The Forwarding port from a dictionary; a region that is not in it refuses."""

    def __init__(self, **states: ForwardingState) -> None:
        self.states = {name.replace("_", "-"): state for name, state in states.items()}

    def state(self, region: str) -> ForwardingState:
        if region not in self.states:
            raise SourceDenied(Unread("events:ListRuleNamesByTarget", "AccessDenied", "closed"))
        return self.states[region]


def findings(*regions: str, **states: ForwardingState) -> list[tuple[bool, str]]:
    checks = check_forwarding(forwarding_of(regions or sorted(Rules(**states).states), Rules(**states)))
    assert all(check.remedy for check in checks if not check.ok)
    return [(check.ok, f"{check.check}: {check.detail}") for check in checks]


def test_every_region_forwards() -> None:
    [(ok, said)] = findings(eu_north_1="on", us_east_1="on")
    assert ok
    assert said == "forwarding: 2 regions forward the ends of training jobs"


def test_no_region_forwards_is_said_and_no_fault() -> None:
    [(ok, said)] = findings(eu_north_1="missing", us_east_1="missing")
    assert ok
    assert "2 regions do not forward the ends of training jobs: eu-north-1, us-east-1" in said
    assert "leaves no record" in said


def test_a_region_that_was_forgotten_is_a_fault() -> None:
    [(ok, said)] = findings(eu_north_1="on", us_east_1="missing")
    assert not ok
    assert "1 region does not forward the ends of training jobs: us-east-1" in said


def test_a_disabled_rule_and_a_closed_region_are_named_beside_those_that_are_well() -> None:
    found = findings("eu-north-1", "eu-west-3", "us-east-1", eu_north_1="off", us_east_1="on")
    assert [ok for ok, _ in found] == [False, False]
    assert "from eu-west-3: SourceDenied" in found[0][1]
    assert "from eu-north-1: its rule is disabled" in found[1][1]


def test_an_account_of_one_region_has_nothing_to_forward() -> None:
    assert [check.ok for check in check_forwarding([])] == [True]
