"""The demo waits for all mails, whatever their queue hides for a while; interrupted, it leaves nothing behind."""

from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

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


@pytest.mark.parametrize("up_before", [True, False])
def test_an_interrupted_demo_ends_what_it_began_and_nothing_else(
    up_before: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    ended: list[str] = []
    running = SimpleNamespace(alive=lambda: True) if up_before else None
    monkeypatch.setattr(demo, "state_folder", lambda: tmp_path)
    monkeypatch.setattr(demo, "read", lambda _: running)
    monkeypatch.setattr(demo, "run_demo", interrupted)
    monkeypatch.setattr(demo, "stop", lambda _: ended.append("processes"))
    monkeypatch.setattr(demo, "forget", lambda _: ended.append("state"))
    done = CliRunner().invoke(demo.app, [])
    assert done.exit_code == 130
    assert ended == ([] if up_before else ["processes", "state"])
