"""The Forwarding port on EventBridge: which regions send the ends of training jobs to the region of the stack."""

import json
from typing import Any

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.domain.runs.sources.training_job_events import AWS_DETAIL_TYPE, AWS_EVENT_SOURCE
from flops_auditor.domain.values.arns import account_of, partition_of, region_of
from flops_auditor.use_cases.operations.check_forwarding import ForwardingState


def bus_of(arn: str) -> str:
    """The default event bus of the account and region that an ARN is of."""
    return f"arn:{partition_of(arn)}:events:{region_of(arn)}:{account_of(arn)}:event-bus/default"


class EventForwarding:
    """Needs events:ListRuleNamesByTarget and events:DescribeRule in every region. `home_bus` is the ARN of the default
    event bus of the stack's region.
    """

    def __init__(self, home_bus: str) -> None:
        self._home_bus = home_bus

    def state(self, region: str) -> ForwardingState:
        """Of the rules that send to the home bus, those for training jobs are looked at: one that is on is enough."""
        events = client("events", region)
        with outages("events:ListRuleNamesByTarget"), refusals("events:ListRuleNamesByTarget"):
            pages = events.get_paginator("list_rule_names_by_target").paginate(TargetArn=self._home_bus)
            names = [name for page in pages for name in page["RuleNames"]]
        state: ForwardingState = "missing"
        for name in names:
            with outages("events:DescribeRule"), refusals("events:DescribeRule"):
                rule = events.describe_rule(Name=name)
            if not _of_training_jobs(rule):
                continue
            if rule["State"] == "DISABLED":
                state = "off"
            else:
                return "on"
        return state


def _of_training_jobs(rule: dict[str, Any]) -> bool:
    pattern = json.loads(rule.get("EventPattern") or "{}")
    return AWS_EVENT_SOURCE in pattern.get("source", ()) and AWS_DETAIL_TYPE in pattern.get("detail-type", ())
