"""The demo's waiting: it ends, whatever the queue of mails hides for a while."""

from itertools import cycle
from typing import Any, cast

import pytest

from flops_auditor_cli import demo
from flops_auditor_cli.local_aws import Stack


def test_alerts_that_are_never_seen_together_are_all_received(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue hides what was just read, so a second look sees the others alone."""
    looks = cycle([[{"MessageId": "old"}, {"MessageId": "a"}], [{"MessageId": "b"}], []])
    monkeypatch.setattr(demo, "mails", lambda stack, url: next(looks))
    monkeypatch.setattr(demo.time, "sleep", lambda seconds: None)
    ticks: list[int] = []
    received: list[dict[str, Any]] = demo.wait_for_alerts(cast(Stack, None), "mailbox", {"old"}, 2, ticks.append)
    assert [mail["MessageId"] for mail in received] == ["a", "b"]
    assert ticks == [1, 2]
