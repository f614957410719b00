"""Every policy file that is accepted goes through audit, record, alert, warning and plan, for whichever run."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flops_auditor.data import FOLDER, load_tables
from flops_auditor.domain.audit.audit import audit
from flops_auditor.domain.audit.record import unrecorded
from flops_auditor.domain.audit.tables import parse_tables
from flops_auditor.domain.law.policy_file import LONGEST_TEXT, LONGEST_TIME, parse_policy
from flops_auditor.domain.ledger.forms import RECORD_FORM
from flops_auditor.domain.messages.notification import drafts
from flops_auditor.domain.messages.record_alert import compose, remedies
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor_cli.audit_view import view_of as audit_view
from flops_auditor_cli.form_view import draft_blocks
from flops_auditor_cli.output import Output
from flops_auditor_cli.plan_view import view_of as plan_view
from flops_auditor_cli.planned_run import Inputs, plan_run
from flops_auditor_cli.view import Block, PointList, show
from tests.fakes.jobs import describe
from tests.fakes.lineage import World, continuing
from tests.fakes.running import Room, running

NOW = datetime(2026, 11, 26, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp", "Zs")), min_size=1, max_size=40) | (
    st.sampled_from(["{job} {0} %s", "W" * LONGEST_TEXT, "1. Do nothing", "|`<b>`*", "'; DROP TABLE --"])
)
NAME = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
WHOLE = st.sampled_from(["1", "7", "1e18", "3.3e22", "1e26", "1e40"])
LINE = WHOLE | st.tuples(st.sampled_from(["7", "1e23", "1e25"]), st.sampled_from(["2", "3", "7"])).map("/".join)
SINCE = ["met", "met or foreseeable"]
DAY = st.dates(date(1950, 1, 1), date(2199, 12, 30)).map(str)


@st.composite
def readings(draw: st.DrawFn) -> dict[str, str]:
    reading = draw(st.sampled_from(["text", "ours", "disputed"]))
    return {"reading": reading, **({} if reading == "text" else {"left_open": draw(TEXT)})}


@st.composite
def duties(draw: st.DrawFn) -> dict[str, Any]:
    dated = {"within_days": draw(st.integers(0, LONGEST_TIME)), "since": draw(st.sampled_from(SINCE))}
    more = {"to": TEXT, "form": TEXT | st.just("model-documentation-form"), "exemption": st.just("free")}
    kept = draw(st.sets(st.sampled_from([*more, "transition"])))
    found = {key: draw(value) for key, value in more.items() if key in kept}
    later = {"transition": "later"} if "transition" in kept else {}
    return {
        "what": draw(TEXT),
        "article": draw(TEXT),
        **draw(readings()),
        **(dated if draw(st.booleans()) else {}),
        **found,
        **later,
    }


@st.composite
def rules(draw: st.DrawFn, scenario: str, owed: list[str], scenarios: list[str]) -> dict[str, Any]:
    share = draw(st.booleans())
    decided = not share and draw(st.booleans())
    known = {"original": "known"} if share else {"original": draw(st.sampled_from(["known", "unknown", "any"]))}
    when = {
        "role": draw(st.lists(st.sampled_from(["developer", "modifier", "data-generator"]), min_size=1, unique=True)),
        **(known if share or draw(st.booleans()) else {}),
        **({"systemic_risk": draw(st.booleans())} if draw(st.booleans()) else {}),
        **({"general_purpose": draw(st.sampled_from([True, False, "not stated"]))} if draw(st.booleans()) else {}),
    }
    others = [each for each in scenarios if each != scenario]
    certain = st.lists(st.sampled_from(others), unique=True) if others else st.just([])
    disputed = {"disputed_if_crossed": {"left_open": draw(TEXT), "certain_if_over": draw(certain)}}
    return {
        "scenario": scenario,
        "title": draw(TEXT),
        "when": when,
        **({"share_of_original": draw(st.sampled_from(["1/3", "1000", "1/1e20"]))} if share else {}),
        **({} if share else {"at_any_compute": True} if decided else {"threshold": draw(LINE)}),
        "comparison": "greater than" if decided else draw(st.sampled_from(["greater than", "at least"])),
        "basis": draw(st.sampled_from(["updates", "cumulative"])),
        "includes_pretraining": not decided and draw(st.booleans()),
        "meaning": draw(TEXT),
        "source": draw(TEXT),
        "duties": draw(st.lists(st.sampled_from(owed), unique=True)) if owed else [],
        **draw(readings()),
        **(disputed if draw(st.booleans()) else {}),
        **({"limited_to": draw(TEXT)} if draw(st.booleans()) else {}),
    }


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    scenarios = draw(st.lists(NAME, min_size=1, max_size=4, unique=True))
    owed = draw(st.dictionaries(NAME, duties(), max_size=3))
    groups = [[draw(rules(scenario, list(owed), scenarios))] for scenario in scenarios]
    circumstance = draw(st.sampled_from(["several-runs", "failed-runs", "merge", "rollouts"]))
    reading = draw(st.sampled_from(["ours", "disputed"])) if circumstance == "failed-runs" else "ours"
    read = {"reading": reading, "left_open": draw(TEXT), "source": draw(TEXT)}
    named = {name for group in groups for rule in group for name in rule["duties"]}
    kept = {name: duty for name, duty in owed.items() if name in named}
    exemption = {"free": {"what": draw(TEXT), "article": draw(TEXT), "licences": ["MIT"]}}
    transition = {"later": {"placed_before": draw(DAY), "until": "2199-12-31", "article": draw(TEXT)}}
    return {
        "id": "generated",
        "title": draw(TEXT),
        "jurisdiction": draw(TEXT),
        "in_force": draw(st.none() | DAY),
        **({"condition": draw(TEXT), "condition_asks": "placed_on_market"} if draw(st.booleans()) else {}),
        "sources": [],
        **({"systemic_risk_over": draw(WHOLE)} if draw(st.booleans()) else {}),
        "original_compute": draw(st.sampled_from(["range", "lowest"])),
        "readings": {circumstance: read} if draw(st.booleans()) else {},
        "exemptions": exemption if any("exemption" in duty for duty in kept.values()) else {},
        "transitions": transition if any("transition" in duty for duty in kept.values()) else {},
        "duties": kept,
        "groups": groups,
    }


AUDIT = unrecorded(audit(case_of(Evidence(describe())), load_tables()), NOW).keys()
"""The members of an audit that is not recorded."""
RUNS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"hours": 1500}, {}),
    ({"hours": 10}, {"pretrain_flops": "1", "placed_on_market": "2026-01-01", "licence": "MIT"}),
    ({"hours": 3000}, {"activity": "synthetic-data", "tokens": "many"}),
    ({"hours": 3000}, {"activity": "pretraining", "params": "1e9", "tokens": "5e12", "systemic_risk": "true"}),
]


def tables_of(policy: dict[str, Any]) -> Any:
    """The tables of an audit under this policy alone."""
    kept = {name: body for name, body in load_tables().files.items() if not name.startswith("policies/")}
    return parse_tables({**kept, "policies/generated.json": json.dumps(policy).encode()})


def _points(blocks: Iterable[Block]) -> str:
    return "\n".join(text for block in blocks if isinstance(block, PointList) for text in block.texts)


@settings(max_examples=8, phases=[Phase.generate])
@given(policies())
def test_what_is_accepted_goes_through_everything(policy: dict[str, Any]) -> None:
    tables = tables_of(policy)
    for changes, tags in RUNS:
        world = World(tables=tables)
        world.add(continuing("job", **changes), **tags)
        world.audit()
        content = world.content("job")
        RECORD_FORM.check(content)
        compose(content)
        remedies(content)
        for draft in drafts(content):
            assert _points(draft_blocks(draft, NOW.date()))
        shown = {key: value for key, value in content.items() if key in AUDIT}
        for form in (Output.TABLE, Output.CSV):
            show(audit_view(shown, "audit"), form)
    room = Room(tables=tables)
    room.jobs.add(running(days=28, hosts=8))
    room.watch(hours=48, step=timedelta(hours=24))
    for inputs in planned():
        for form in (Output.TABLE, Output.CSV):
            show(plan_view([plan_run(inputs, tables.policies, NOW)]), form)


def planned() -> Iterator[Inputs]:
    """Runs to plan."""
    shape = Inputs(parameters=10**9, tokens=10**12)
    yield shape
    yield replace(shape, base_model="meta-llama/Llama-3.1-8B")
    yield Inputs(instance_type="ml.p5.48xlarge", seconds=Fraction(10**7), activity="pretraining")


@pytest.mark.parametrize("path", sorted((FOLDER / "policies").glob("*.json")), ids=lambda path: path.stem)
def test_every_shipped_policy_is_accepted(path: Any) -> None:
    assert parse_policy(path.read_text(encoding="utf-8")).policy_id == path.stem
