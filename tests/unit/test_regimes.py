"""A regime is one JSON file: what it says follows everywhere, and nothing of another regime's law is said."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor import data
from flops_auditor.domain.law.assessment import assess
from flops_auditor.domain.law.policy import MalformedPolicy
from flops_auditor.domain.law.situation import situation_of_training
from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.values.figures import Figures
from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor_cli.main import app
from tests.fakes.audit import MemoryAlerts
from tests.fakes.jobs import describe
from tests.fakes.lineage import World, continuing
from tests.fakes.running import Room, running

NAME = "atlantis-tide-act-2026-09"
REGIME: dict[str, Any] = {
    "id": NAME,
    "title": "Atlantis, Act on Tides and Models",
    "jurisdiction": "Atlantis",
    "in_force": "2026-01-01",
    "condition": "if the model is shown to a dolphin",
    "sources": [{"title": "Atlantis Gazette 7/2026", "read": "text"}],
    "duties": {
        "tell-the-tide-office": {
            "what": "Tell the Tide Office within thirty days",
            "article": "Tide Act, sec. 9",
            "to": "Tide Office",
            "within_days": 30,
            "since": "met or foreseeable",
            "reading": "text",
        },
        "keep-a-log": {"what": "Keep a log of the tides", "article": "Tide Act, sec. 10", "reading": "text"},
    },
    "groups": [
        [
            {
                "scenario": "great-wave",
                "title": "Atlantis, great wave",
                "when": {"role": ["modifier", "developer", "data-generator"]},
                "threshold": "1e21",
                "comparison": "at least",
                "basis": "cumulative",
                "meaning": "the model is a great wave",
                "duties": ["tell-the-tide-office", "keep-a-log"],
                "reading": "text",
                "source": "Tide Act, sec. 2",
            }
        ]
    ],
}
EU_LAW = ("Art. 5", "Annex XI", "European Commission", "AI Act", "Guidelines C(", "systemic risk", "general-purpose")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / f"{NAME}.json").write_text(json.dumps(REGIME))
    return tmp_path


def run(*arguments: str, stdout: bool = False) -> str:
    answer = CliRunner().invoke(app, list(arguments))
    assert answer.exit_code in (0, 3, 4), answer.output
    return answer.stdout if stdout else answer.output


def foreign(text: str) -> list[str]:
    """The words of EU law in a text."""
    flat = " ".join(text.split())
    return [words for words in EU_LAW if words in flat]


def sent(world: World | Room) -> list[Alert]:
    alerts = world.recorder.alerts
    assert isinstance(alerts, MemoryAlerts)
    return alerts.sent


def test_the_catalogue_lists_it_beside_the_others(folder: Path) -> None:
    rows = json.loads(run("catalog", "policies", "--policy-dir", str(folder), "--output", "json", stdout=True))[
        "policies"
    ]
    [row] = [row for row in rows if row["policy"] == NAME]
    assert (row["threshold"], row["on_by_default"]) == ("1.00e21 FLOP, the line included", False)
    assert row["duties"][0]["article"] == "Tide Act, sec. 9"
    assert {"us-ca-sb-53-2026-01", "us-ny-raise-2027-01", "kr-ai-basic-act-2026-01"} <= {row["policy"] for row in rows}


def test_a_plan_is_held_against_it_alone_and_beside_others(folder: Path) -> None:
    options = ["--policy-dir", str(folder), "--policy", NAME]
    shape = ["--params", "1e9", "--tokens", "1e12"]
    told = run("plan", *options, *shape)
    assert "great-wave" in told
    assert foreign(told) == []
    document = json.loads(run("plan", *options, *shape, "--output", "json"))
    assert [(a["policy"], a["verdict"]) for a in document["assessments"]] == [(NAME, "above")]
    more = [*options, "--policy", "kr-ai-basic-act-2026-01"]
    assert len(json.loads(run("plan", *more, *shape, "--output", "json"))["assessments"]) == 3


def test_an_audit_is_held_against_it(folder: Path) -> None:
    job = folder / "job.txt"
    job.write_text(json.dumps(describe(hours=1500), default=str))
    options = ["--policy-dir", str(folder), "--policy", NAME]
    told = run("audit", str(job), *options)
    assert "Atlantis, great wave" in told
    assert foreign(told) == []
    [found] = json.loads(run("audit", str(job), *options, "--output", "json"))["assessments"]
    assert {key: found[key] for key in ("comparison", "basis", "reading", "source", "meaning", "condition")} == {
        "comparison": "at least",
        "basis": "cumulative",
        "reading": "text",
        "source": "Tide Act, sec. 2",
        "meaning": "the model is a great wave",
        "condition": "if the model is shown to a dolphin",
    }


def test_a_record_its_day_and_its_alert_follow_from_it(folder: Path) -> None:
    world = World(tables=data.load_tables([NAME], folder))
    world.add(continuing("tide", hours=1500), params="1e9", tokens="1e12")
    world.audit()
    content = world.content("tide")
    assert content["due"] == [{"policy": NAME, "duty": "tell-the-tide-office", "day": content["notification_due"]}]
    assert f"policies/{NAME}.json" in content["tables"]
    [alert] = sent(world)
    body = " ".join(alert.body.split())
    assert content["notification_due"] == "2026-04-10"
    assert "By 2026-04-10, which was 228 days ago: Tell the Tide Office within thirty days (Tide Act, sec. 9)." in body
    assert "Keep a log of the tides (Tide Act, sec. 10)." in body
    assert "Over it, if the model is shown to a dolphin, the model is a great wave." in body
    assert foreign(alert.body + json.dumps(content["assessments"])) == []


def test_a_warning_about_a_running_job_follows_from_it(folder: Path) -> None:
    room = Room(tables=data.load_tables([NAME], folder))
    room.jobs.add(running(days=28, hosts=1))
    told = [alert for _, alert in room.watch(hours=2)]
    crossing = next(alert for alert in told if "WILL CROSS" in alert.subject)
    body = " ".join(crossing.body.split())
    assert f"By {crossing.attributes['notification_due']}: Tell the Tide Office" in body
    assert [foreign(alert.body) for alert in told] == [[]] * len(told)


def test_a_job_below_its_line_owes_nothing(folder: Path) -> None:
    world = World(tables=data.load_tables([NAME], folder))
    pointer = world.add(continuing("ripple", hours=1))
    audit_job(pointer, world.recorder, owner="audit")
    assert (world.content("ripple")["verdict"], world.content("ripple")["due"]) == ("below", [])


def test_a_file_that_is_called_otherwise_inside_is_refused(folder: Path) -> None:
    (folder / "other-name.json").write_text(json.dumps(REGIME))
    with pytest.raises(MalformedPolicy, match=r"other-name\.json is called"):
        data.policy("other-name", folder)


def test_a_name_that_no_file_has_is_refused_with_the_way_to_find_the_names(folder: Path) -> None:
    with pytest.raises(data.UnknownPolicy, match="not a policy") as refused:
        data.load_tables(["no-such-policy"], folder)
    assert "--policy-dir" in refused.value.remedy


@pytest.mark.parametrize(
    ("name", "line", "at"),
    [
        ("us-ca-sb-53-2026-01", 10**26, "below"),
        ("us-ny-raise-2027-01", 10**26, "below"),
        ("kr-ai-basic-act-2026-01", 10**26, "above"),
    ],
)
def test_three_more_regimes_are_shipped_off_by_default(name: str, line: int, at: str) -> None:
    assert name not in data.default_policies()
    found = data.policy(name)
    assert found.in_force is not None
    assert all(source.read == "secondary" for source in found.sources)
    shape = ["--params", "1e12", "--tokens", "1e14", "--activity", "pretraining"]
    document = json.loads(run("plan", "--policy", name, *shape, "--output", "json"))
    assert [(a["threshold_flop_exact"], a["verdict"]) for a in document["assessments"]] == [(str(line), "above")]
    assert {a["reading"] for a in document["assessments"]} == {"ours"}
    figures = Figures(line, line)
    [on_the_line] = assess(found, situation_of_training("developer", Original(), figures, figures))
    assert on_the_line.verdict == at


def test_what_is_on_by_default_is_what_the_stack_sets() -> None:
    template = (Path(__file__).parents[2] / "template.yaml").read_text(encoding="utf-8")
    block = template.partition("\n  Policies:\n")[2]
    default = block.partition("Default: ")[2].partition("\n")[0]
    assert set(default.split(",")) == set(data.default_policies())
