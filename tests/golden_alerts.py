"""The mails that tests/unit/golden/alerts and digests hold. `python -m tests.golden_alerts` writes them again."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from flops_auditor.domain.messages.digest import digest_of
from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.messages.report.job_line import Group
from flops_auditor.domain.messages.report.report import RecordedRevision
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor.use_cases.auditing.watch_jobs import INTERVAL
from tests.fakes.audit import MemoryAlerts
from tests.fakes.demo_ledger import demo_ledger
from tests.fakes.lineage import World, continuing
from tests.fakes.reports import AS_OF, LEDGER, hostile, report_on
from tests.fakes.running import START, Room, running

FOLDER = Path(__file__).parent / "unit" / "golden" / "alerts"
DIGESTS = FOLDER.parent / "digests"
NOTE = f"{LEDGER.ledger_id}\n19\n{'A' * 43}=\n\n— {LEDGER.ledger_id} AAAAADBEAiA{'A' * 88}=\n"
"""A checkpoint in its form; the signatures of a sealer differ each time."""
PAGE = "s3://reports/reports/2026-11-24.html"
HOSTILE = "x\r\nBcc: all@example.com\x1b[31m\u202e\u200b" + "<script>alert(1)</script>'; DROP TABLE --" * 40


def _sent(world: World) -> list[Alert]:
    alerts = world.recorder.alerts
    assert isinstance(alerts, MemoryAlerts)
    return alerts.sent


def above_at_the_end_of_a_chain() -> Alert:
    """The fourth run of 30 % each."""
    world = World()
    names = [f"instruct-step-{n}" for n in range(4)]
    role = "arn:aws:iam::123456789012:role/research/tuning"
    for day, name in enumerate(names):
        job = continuing(name, names[max(0, day - 1) : day], day=day, hours=2000, RoleArn=role)
        pointer = world.add(job, params="3e9", tokens="5.5e11")
        world.jobs.tags_by_arn[pointer.arn].append({"Key": "team", "Value": "speech"})
    world.audit(*names)
    return _sent(world)[-1]


def indeterminate_without_utilisation() -> Alert:
    """Hardware alone: half of the upper bound is slack."""
    world = World()
    world.add(continuing("summarise-de", hours=1500))
    world.audit()
    return _sent(world)[-1]


def indeterminate_since_evidence_was_refused() -> Alert:
    """Tags could not be read, and the tag of the parent neither."""
    world = World()
    world.add(continuing("classify"))
    world.jobs.denied = {"sagemaker:ListTags"}
    world.audit()
    return _sent(world)[-1]


def indeterminate_on_unknown_hardware() -> Alert:
    """Tokens and parameters are known, and nothing compares them with the hardware."""
    world = World()
    unknown = {"ResourceConfig": {"InstanceType": "ml.p99.48xlarge", "InstanceCount": 1}}
    world.add(continuing("new-hardware", **unknown), params="8e9", tokens="1e9", pretrain_flops="1.5e24")
    world.audit()
    return _sent(world)[-1]


def systemic_risk_with_its_date() -> Alert:
    """Pretraining and modification together over 1e25."""
    world = World()
    size = {"params": "9e11", "tokens": "3e12"}
    job = continuing("frontier-tune", hours=18_000, **_hosts(64))
    world.add(job, pretrain_flops="9e24", base_model="org/frontier", **size)
    world.audit()
    return _sent(world)[-1]


def below_after_all() -> Alert:
    """A parent that was missing has been recorded since."""
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", day=1), lineage="parent")
    world.audit("child", "parent")
    return _sent(world)[-1]


def hostile_names_and_tags() -> Alert:
    """Nothing of a stranger's text breaks a line, the subject or an attribute."""
    world = World()
    job = continuing("hostile", hours=10, HyperParameters={"model_id": HOSTILE}, RoleArn=HOSTILE)
    pointer = world.add(job, params=HOSTILE, base_model=HOSTILE)
    world.jobs.tags_by_arn[pointer.arn] += [{"Key": f"{n}`{HOSTILE}", "Value": HOSTILE} for n in range(9)]
    world.audit()
    return _sent(world)[-1]


def running_at_a_level() -> Alert:
    """The upper bound has reached half of a threshold."""
    return _warned("50 % reached", after=timedelta(days=3, hours=10))


def running_and_will_cross() -> Alert:
    """The best estimate crosses before the time limit."""
    return _warned("WILL CROSS")


def running_and_stopped() -> Alert:
    """StopOnCrossing is on."""
    return _warned("STOPPED", stop=True, after=timedelta(days=18, hours=20))


def running_without_a_bound() -> Alert:
    """The hardware is not in the table."""
    return _warned("CANNOT BE WATCHED", InstanceType="ml.p99.48xlarge", InstanceCount=4)


def _hosts(count: int) -> dict[str, object]:
    return {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": count}}


def _warned(headline: str, stop: bool = False, after: timedelta = timedelta(), **hardware: object) -> Alert:
    """The first warning of that headline, looked for from some time `after` the start."""
    room = Room(stop=stop)
    earlier = continuing("first-run", day=-3, hours=40, **_hosts(64))
    room.jobs.add(earlier, pretrain_flops="1.5e24")
    audit_job(room.jobs.add(earlier), room.recorder, owner="audit")
    description = running("second-run", parents=["first-run"])
    description |= {"ResourceConfig": hardware} if hardware else {}
    room.jobs.add(description)
    for look in range(1, 28 * 96):
        room.clock.now = START + after + look * INTERVAL
        room.once()
        for alert in room.alerts.sent:
            if headline in alert.subject:
                return alert
    raise AssertionError(f"no alert says {headline}")


@cache
def demo_contents() -> list[dict[str, Any]]:
    """The newest records of the demo's jobs, one of which is below on its own word."""
    ledger = demo_ledger()
    contents = [ledger.content(name) for name in ledger.pointers]
    below = next(content for content in contents if content["verdict"] == "below")
    below["rests_on"] |= {"on_the_jobs_word": True, "verdict_without_statements": "above"}
    return contents


def digest_of_the_demo() -> Alert:
    """Two jobs turned since the last digest, the others are known."""
    week_ago = AS_OF - timedelta(days=7)
    before: dict[str, Group] = {"domain-adapt-3": "below", "full-llama-3-1-70b": "indeterminate"}
    history: list[RecordedRevision] = []
    turned = [{**each, "revision": int(each["job"]["name"] in before)} for each in demo_contents()]
    for number, content in enumerate(turned):
        name = content["job"]["name"]
        if number >= 3:
            history.append(RecordedRevision(content["job"]["id"], 0, iso(week_ago), before.get(name)))
    return digest_of(report_on(turned, since=week_ago, history=history), NOTE, PAGE)


def digest_of_hostile_records() -> Alert:
    """Every text that a job's owner may write is another one; every job is named like it."""
    contents = [hostile(content, f"{NOTE}{HOSTILE}") for content in demo_contents()]
    return digest_of(report_on(contents, since=AS_OF - timedelta(days=7)), NOTE, PAGE)


def digest_of_an_empty_ledger() -> Alert:
    """Nothing was recorded, compared or sealed."""
    ledger = replace(LEDGER, size=0, sealed_at=None, complete_to=None)
    return digest_of(report_on([], ledger, since=AS_OF - timedelta(days=7)), "", PAGE)


DIGEST_CASES: tuple[Callable[[], Alert], ...] = (
    digest_of_the_demo,
    digest_of_hostile_records,
    digest_of_an_empty_ledger,
)
CASES: tuple[Callable[[], Alert], ...] = (
    above_at_the_end_of_a_chain,
    indeterminate_without_utilisation,
    indeterminate_since_evidence_was_refused,
    indeterminate_on_unknown_hardware,
    systemic_risk_with_its_date,
    below_after_all,
    hostile_names_and_tags,
    running_at_a_level,
    running_and_will_cross,
    running_and_stopped,
    running_without_a_bound,
)


@cache
def alert_of(case: Callable[[], Alert]) -> Alert:
    """The alert of a case; it is made once for all who look at it."""
    return case()


def rendered(alert: Alert) -> str:
    """An alert as its file shows it."""
    twin = json.dumps(dict(alert.attributes), indent=2, sort_keys=True)
    return f"Subject: {alert.subject}\n\n{alert.body}\n--- attributes\n{twin}\n"


def path_of(case: Callable[[], Alert]) -> Path:
    """The file of a case."""
    return (DIGESTS if case in DIGEST_CASES else FOLDER) / f"{case.__name__}.txt"


if __name__ == "__main__":
    for folder in (FOLDER, DIGESTS):
        folder.mkdir(parents=True, exist_ok=True)
    for case in (*CASES, *DIGEST_CASES):
        path_of(case).write_text(rendered(alert_of(case)), encoding="utf-8")
