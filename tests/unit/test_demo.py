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


def test_alerts_of_an_earlier_run_are_not_told_as_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second demo finds the mails of the first one, sends none, and says so at once: none is expected."""
    monkeypatch.setattr(demo, "mails", lambda stack, url: [{"MessageId": "old"}])
    monkeypatch.setattr(demo.time, "sleep", lambda seconds: pytest.fail("it waits for nothing"))
    assert demo.wait_for_alerts(cast(Stack, None), "mailbox", {"old"}, 0, lambda count: None) == []
    assert demo.NOTHING_TOLD.strip().startswith("No alert was sent")


class BusyMachine:
    """A clock that steps a minute a look, and an audit that ends a job every two minutes, or none any more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, jobs: int, ends_after: int) -> None:
        self.minutes, self.jobs, self.ends_after = 0, jobs, ends_after
        monkeypatch.setattr(demo.time, "monotonic", lambda: 60.0 * self.minutes)
        monkeypatch.setattr(demo.time, "sleep", self.look)
        monkeypatch.setattr(
            demo, "newest_records", lambda stack, jobs: [{"job_name": f"job-{n}"} for n in range(self.done)]
        )
        monkeypatch.setattr(demo, "unaudited", lambda stack: self.jobs - self.done)

    @property
    def done(self) -> int:
        return min(self.jobs, self.ends_after, self.minutes // 2)

    def look(self, _: float) -> None:
        self.minutes += 1


def test_a_busy_machine_is_waited_for_as_long_as_something_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty minutes for ten jobs: far beyond the patience with one that stands still."""
    jobs = [{"TrainingJobName": f"job-{number}"} for number in range(10)]
    busy = BusyMachine(monkeypatch, jobs=10, ends_after=10)
    assert len(demo.wait_for_records(cast(Stack, None), jobs, lambda count: None)) == 10
    assert busy.minutes * 60 > 5 * demo.PATIENCE.total_seconds()


def test_what_stands_still_is_given_up_with_the_jobs_that_have_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [{"TrainingJobName": f"job-{number}"} for number in range(3)]
    BusyMachine(monkeypatch, jobs=3, ends_after=2)
    with pytest.raises(demo.DemoFailed, match="1 messages wait; without a record: \\['job-2'\\]"):
        demo.wait_for_records(cast(Stack, None), jobs, lambda count: None)
