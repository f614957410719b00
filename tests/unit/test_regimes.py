"""A regime is one JSON file: what it says follows everywhere, and nothing of another regime's law is said."""

import ast
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from typer.testing import CliRunner

from flops_auditor import data
from flops_auditor.domain.law.assessment import assess
from flops_auditor.domain.law.policy import MalformedPolicy
from flops_auditor.domain.law.situation import situation_of_training
from flops_auditor.domain.messages.duties import forms_of
from flops_auditor.domain.messages.notification import drafts
from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.messages.report.job_line import line_of
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.values.figures import Figures
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor_cli.form_view import draft_blocks
from flops_auditor_cli.main import app
from flops_auditor_cli.output import Output
from flops_auditor_cli.view import in_markdown
from tests.fakes.audit import MemoryAlerts
from tests.fakes.jobs import describe
from tests.fakes.lineage import World, channel, continuing
from tests.fakes.reports import report_on
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
EU_LAW = (
    *("Art.", "Article", "Annex", "Commission", "AI Act", "AI Office", "ai_office", "national_authorities", "GPAI"),
    *("Guidelines", "Union", "systemic risk", "general-purpose", "to be so placed", "Model Documentation"),
    *("Regulation (EU)", "European", "provider", "Provider", "within 30 %", "natural persons"),
)
SHAPE = ("--params", "1e9", "--tokens", "1e12")
MODIFIED = ("--base-model", "meta-llama/Llama-3.1-8B", "--tokens", "1e12")


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
    shape = SHAPE
    assert "great-wave" in run("plan", *options, *shape)
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


@pytest.mark.parametrize("form", list(Output))
@pytest.mark.parametrize("base_model", [[], ["--base-model", "meta-llama/Llama-3.1-8B"]])
def test_no_word_of_another_law_is_in_a_plan_or_an_audit(folder: Path, form: Output, base_model: list[str]) -> None:
    job = folder / "job.txt"
    job.write_text(json.dumps(describe(hours=1500), default=str))
    options = ["--policy-dir", str(folder), "--policy", NAME, "--output", form.value]
    hardware = ["--instance-type", "ml.p5.48xlarge", "--hours", "100"]
    for told in (run("plan", *options, *SHAPE, *base_model), run("plan", *options, *hardware)):
        assert foreign(told) == []
    assert foreign(run("audit", str(job), *options)) == []


@pytest.mark.parametrize(
    ("tags", "changes"),
    [
        ({}, {}),
        ({"params": "1e9", "tokens": "1e12"}, {"HyperParameters": {"model_id": "meta-llama/Llama-3.1-8B"}}),
        ({"placed_on_market": "true"}, {"HyperParameters": {"trainer_type": "grpo"}}),
        ({"tokens": "many"}, {"InputDataConfig": [channel("teacher", "s3://models/teacher")]}),
        ({"activity": "not-training"}, {}),
        ({"placed_on_market": "2026-01-01", "activity": "pretraining", "licence": "mit"}, {}),
    ],
)
def test_no_word_of_another_law_is_in_a_record_or_what_follows_from_it(
    folder: Path, tags: dict[str, str], changes: dict[str, Any]
) -> None:
    world = World(tables=data.load_tables([NAME], folder))
    world.add(continuing("tide", hours=1500, **changes), **tags)
    world.audit()
    content = world.content("tide")
    assert foreign(json.dumps(content)) == []
    assert [foreign(alert.body + alert.subject) for alert in sent(world)] == [[]] * len(sent(world))
    shown = [block for draft in drafts(content) for block in draft_blocks(draft, date(2026, 11, 26))]
    assert [foreign(in_markdown(block)) for block in shown] == [[]] * len(shown)
    assert forms_of(content) == []


def altered(folder: Path, name: str, **changes: Any) -> str:
    """Another regime of that name, in the same folder, with the duties that its rules name."""
    regime = {**REGIME, "id": name, **changes}
    named = {duty for group in regime["groups"] for rule in group for duty in rule["duties"]}
    duties = {key: duty for key, duty in regime["duties"].items() if key in named}
    (folder / f"{name}.json").write_text(json.dumps({**regime, "duties": duties}))
    return name


def test_nothing_is_owed_before_a_law_is_in_force(folder: Path) -> None:
    world = World(tables=data.load_tables([altered(folder, "later", in_force="2030-01-01")], folder))
    world.add(continuing("tide", hours=1500), params="1e9", tokens="1e12")
    world.audit()
    content = world.content("tide")
    assert (content["verdict"], content["notification_due"]) == ("above", "2030-01-31")
    [alert] = sent(world)
    body = " ".join(alert.body.split())
    assert alert.subject == "[FLOPs Auditor] ABOVE, NOT IN FORCE: tide"
    assert "is ABOVE a threshold of a law that is NOT IN FORCE yet" in body
    assert {duty["state"] for a in content["assessments"] for duty in a["duties"]} == {"owed once in force"}
    later = "Not owed before 2030-01-01, when the law comes into force."
    assert "ago" not in body
    assert f"By 2030-01-31: Tell the Tide Office within thirty days (Tide Act, sec. 9). {later}" in body
    assert f"Keep a log of the tides (Tide Act, sec. 10). {later}" in body


def test_a_warning_owes_nothing_before_a_law_is_in_force_either(folder: Path) -> None:
    room = Room(tables=data.load_tables([altered(folder, "later", in_force="2030-01-01")], folder))
    room.jobs.add(running(days=28, hosts=1))
    crossing = next(alert for _, alert in room.watch(hours=2) if "WILL CROSS" in alert.subject)
    assert crossing.attributes["notification_due"] == "2030-01-31"
    assert "Not owed before 2030-01-01" in " ".join(crossing.body.split())


DEVELOPERS = [[{**REGIME["groups"][0][0], "when": {"role": ["developer"]}}]]


@pytest.mark.parametrize("groups", [DEVELOPERS, []])
def test_a_law_that_says_nothing_about_a_run_alarms_nobody(folder: Path, groups: list[Any]) -> None:
    name = altered(folder, "narrow", groups=groups)
    world = World(tables=data.load_tables([name], folder))
    world.add(continuing("tide", hours=1500))
    world.audit()
    content = world.content("tide")
    assert (content["verdict"], content["assessments"], content["due"]) == ("below", [], [])
    assert [each["words"] for each in content["not_assessed"]] == [
        "nothing of policy narrow applies to such a run (the modification of somebody else's model)"
    ]
    assert sent(world) == []
    job = folder / "job.txt"
    job.write_text(json.dumps(describe(hours=1500), default=str))
    options = ["--policy-dir", str(folder), "--policy", name]
    for form in Output:
        planned = run("plan", *options, *MODIFIED, "--output", form.value)
        audited = run("audit", str(job), *options, "--output", form.value)
        if form in (Output.TABLE, Output.MARKDOWN):
            for told in (planned, audited):
                assert "nothing of the chosen policies applies to it" in told
                assert "is below" not in told
                assert "Thresholds" not in told


def test_lines_of_two_laws_with_one_name_are_not_mixed_up(folder: Path) -> None:
    line = REGIME["groups"][0][0]
    disputed = {"left_open": "whether it counts", "certain_if_over": ["tuning-alone"]}
    first = [
        [{**line, "scenario": "contested", "threshold": "1e20", "disputed_if_crossed": disputed}],
        [{**line, "scenario": "tuning-alone", "threshold": "1e30"}],
    ]
    second = [[{**line, "scenario": "tuning-alone", "threshold": "1e19", "duties": ["keep-a-log"]}]]
    names = [altered(folder, "first", groups=first), altered(folder, "second", groups=second)]
    for chosen in (names[:1], names):
        room = Room(tables=data.load_tables(chosen, folder))
        room.jobs.add(running(days=28, hosts=1))
        told = [" ".join(alert.body.split()) for _, alert in room.watch(hours=1)]
        owed = [body for body in told if "Tell the Tide Office" in body]
        assert owed
        assert all("Disputed, so have it decided: By" in body for body in owed), chosen


def test_a_line_that_another_one_makes_certain_says_so_in_no_lands_words(folder: Path) -> None:
    line = {**REGIME["groups"][0][0], "when": {"role": ["modifier"]}, "threshold": "1e20"}
    disputed = {"left_open": "whose river it is", "certain_if_over": ["dam"]}
    river = {**line, "scenario": "river", "disputed_if_crossed": disputed}
    dam = {**line, "scenario": "dam", "reading": "ours", "left_open": "what a dam is", "duties": []}
    world = World(tables=data.load_tables([altered(folder, "rivers", groups=[[river], [dam]])], folder))
    world.add(continuing("tide", hours=1500, HyperParameters={"model_id": "meta-llama/Llama-3.1-8B"}))
    world.audit()
    content = world.content("tide")
    notes = [note["words"] for a in content["assessments"] for note in a["notes"]]
    assert any("it is not disputed here, since it is over the line dam, too" in each for each in notes)
    assert [foreign(each) for each in (json.dumps(content), sent(world)[0].body)] == [[], []]


def test_an_original_that_only_a_tag_makes_so_large_is_said_in_flop(folder: Path) -> None:
    line = {**REGIME["groups"][0][0], "comparison": "greater than", "basis": "updates"}
    small = {**line, "scenario": "small", "when": {"role": ["modifier"], "original": "unknown"}}
    known = {"role": ["modifier"], "original": "known"}
    share = {**line, "scenario": "share", "when": known, "share_of_original": "1/3"}
    del share["threshold"]
    world = World(tables=data.load_tables([altered(folder, "shares", groups=[[small, share]])], folder))
    world.add(continuing("tide", hours=1500), pretrain_flops="1e30")
    world.audit()
    content = world.content("tide")
    doubts = [doubt["words"] for a in content["assessments"] for doubt in a["doubts"]]
    assert (
        "only a tag of the job says that the original took 1.00e30 FLOP, which would make the verdict milder" in doubts
    )
    assert [foreign(each) for each in (json.dumps(content), sent(world)[0].body)] == [[], []]


def test_what_is_said_of_a_model_triggers_a_notification_and_no_amount_does(folder: Path) -> None:
    line = {**REGIME["groups"][0][0], "when": {"role": ["modifier"], "designated": True}, "at_any_compute": True}
    groups = [[{**line, "comparison": "greater than", "basis": "updates"}]]
    del groups[0][0]["threshold"]
    world = World(tables=data.load_tables([altered(folder, "named", groups=groups)], folder))
    world.add(continuing("tide", hours=10), systemic_risk="true")
    world.audit()
    assert line_of(world.content("tide"), date(2026, 11, 26)).nearest is None
    [draft] = drafts(world.content("tide"))
    shown = "".join(in_markdown(block) for block in draft_blocks(draft, date(2026, 11, 26)))
    assert "| What triggered it | what is said of the model, whatever its compute |" in shown
    assert "over 0 FLOP" not in shown


def test_the_same_meaning_under_another_condition_is_said_again(folder: Path) -> None:
    conditions = ["if it is shown to a dolphin", "if it is sold to a whale"]
    names = [altered(folder, f"sea-{n}", condition=each) for n, each in enumerate(conditions)]
    world = World(tables=data.load_tables(names, folder))
    world.add(continuing("tide", hours=1500))
    world.audit()
    body = " ".join(sent(world)[0].body.split())
    assert [body.count(f"Over it, {each}, the model is a great wave.") for each in conditions] == [1, 1]


def test_a_report_names_the_chosen_policies_and_says_no_word_of_another_law(folder: Path) -> None:
    world = World(tables=data.load_tables([NAME], folder))
    world.add(continuing("tide", hours=1500))
    world.audit()
    [digest] = [digest for name, digest in world.content("tide")["tables"].items() if name.startswith("policies/")]
    known = data.policy(NAME, folder)
    for policy in (None, known):
        report = report_on([world.content("tide")], policy_of=lambda name, sha256, policy=policy: policy)
        assert [(each.policy_id, each.sha256) for each in report.policies] == [(NAME, digest)]
        page = report_page(report).decode()
        text = " ".join(re.sub(r"<[^>]+>", " ", page[page.index("<body") :]).split())
        assert foreign(text) == []
        assert "Share of the nearest threshold: Atlantis, great wave. The band" in text
        title = REGIME["title"] if policy else NAME
        assert f"compared with the thresholds of {title}. The figures are estimates" in text
        source = (
            "Atlantis Gazette 7/2026" if policy else f"a file that is not part of this version, SHA-256 {digest[:16]}…"
        )
        assert f"{title} ({NAME}): {source}" in text


def test_the_report_of_a_deployment_names_the_sources_of_its_laws() -> None:
    world = World()
    world.add(continuing("tide", hours=1500))
    world.audit()
    page = report_page(report_on([world.content("tide")])).decode()
    for name in data.default_policies():
        policy = data.policy(name)
        assert all(escape(each) in page for each in (policy.title, *(source.title for source in policy.sources)))


def test_what_is_noted_of_a_plan_is_not_in_doubt(folder: Path) -> None:
    name = altered(folder, "later", in_force="2030-01-01")
    told = run("plan", "--policy-dir", str(folder), "--policy", name, *SHAPE, "--output", "markdown")
    assert "**In doubt**" not in told
    assert "Atlantis: the law is in force from 2030-01-01" in told.partition("**Noted**")[2]


HELP = [[], ["plan"], ["amend"], ["models", "set"], ["audit"], ["form"], ["notify-draft"], ["catalog", "policies"]]


@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_no_word_of_one_law_is_in_the_help(command: list[str]) -> None:
    """What is asked about a model is asked in words of its own; an option's name is no law's either (ADR 0703)."""
    told = run(*command, "--help")
    assert [word for word in foreign(told) if word not in {"general-purpose"}] == []


WORDS_OF_ONE_LAW = (
    *("Annex", "Guidelines", "Article", "Art.", "AI Office", "Commission", "GPAI", "AI Act", "Union", "European", "EU"),
    *("natural persons", "national competent", "Model Documentation", "Provider"),
)
NAMES_OF_OTHERS = {("doors.py", "EU"): "how a bill of AWS calls the region eu-west-1"}
LAYER = "layers/auditor/flops_auditor"
ROOMS = [*(f"{LAYER}/{room}" for room in ("domain", "use_cases", "aws", "pages")), "cli/flops_auditor_cli", "functions"]


@pytest.mark.parametrize("room", ROOMS)
def test_no_words_in_code_are_those_of_one_law(room: str) -> None:
    """What a law says stands in its file; sources of a method stand in docstrings and in the documents."""
    cited = []
    for path in sorted((Path(__file__).parents[2] / room).rglob("*")):
        if path.suffix not in {".py", ".jinja", ".js"}:
            continue
        text = path.read_text(encoding="utf-8")
        texts = texts_in_code(text) if path.suffix == ".py" else enumerate(text.splitlines(), 1)
        cited += [
            f"{path.name}:{line}: {word}"
            for line, each in texts
            for word in WORDS_OF_ONE_LAW
            if re.search(rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])", each)
            and (path.name, each) not in NAMES_OF_OTHERS
        ]
    assert cited == []


def texts_in_code(text: str) -> list[tuple[int, str]]:
    """The strings of a module that are not docstrings, but those of commands, which are their help."""
    tree = ast.parse(text)
    docstrings = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    helps = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and isinstance(node.body[0], ast.Expr) and is_command(node)
    }
    found = [each for each in ast.walk(tree) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return [(each.lineno, str(each.value)) for each in found if id(each) not in docstrings or id(each) in helps]


def is_command(function: ast.FunctionDef) -> bool:
    """Whether a function is shown by the command line, and its docstring with it."""
    parameters = [*function.args.args, *function.args.kwonlyargs]
    return any("Option" in ast.unparse(each.annotation) for each in parameters if each.annotation)
