"""The draft of a notification: what a person completes, decides and sends."""

from datetime import date
from typing import Any

from flops_auditor.domain.messages.duties import forms_of
from flops_auditor.domain.messages.notification import Draft, drafts
from flops_auditor_cli.form_view import draft_blocks
from flops_auditor_cli.view import in_markdown
from tests.fakes.lineage import World, continuing

BIG = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}
TODAY = date(2026, 11, 24)


def recorded(hours: int, flop: str = "1.14e25", **tags: str) -> dict[str, Any]:
    """A run of so many hours on 512 H100 that trained 1e12 parameters; its tokens give its FLOP."""
    world = World()
    tokens = f"{float(flop) / 6e12:.6g}"
    world.add(continuing("frontier", hours=hours, **BIG), params="1e12", tokens=tokens, **tags)
    world.audit()
    return world.content("frontier")


def shown_of(draft: Draft, today: date) -> str:
    """A draft in Markdown."""
    return "\n\n".join(filter(None, map(in_markdown, draft_blocks(draft, today))))


def test_a_model_of_ones_own_states_its_own_compute() -> None:
    [draft] = drafts(recorded(12_000, activity="pretraining"))
    assert (draft.trigger, draft.open, draft.to) == ("the model's compute", "", "European Commission")
    assert draft.exact_flop > draft.threshold_flop == 10**25
    assert draft.rounded_flop == "1.1x10^25 FLOP"
    assert draft.day and draft.met_at


def test_a_total_says_how_much_of_it_is_pretraining() -> None:
    [draft] = drafts(recorded(6_000, "5e24", pretrain_flops="6e24"))
    assert draft.trigger == "the total of pretraining and modification"
    assert draft.inherited_flop == 6 * 10**24
    assert not draft.open


def test_a_modification_of_a_systemic_original_states_the_modification() -> None:
    [draft] = drafts(recorded(18_000, "1.4e25", pretrain_flops="3.8e25"))
    assert (draft.trigger, draft.inherited_flop) == ("the modification's compute", 0)


def test_two_figures_that_hide_the_crossing_have_the_exact_one_beside() -> None:
    content = recorded(12_000, activity="pretraining")
    systemic = next(a for a in content["assessments"] if a["scenario"] == "systemic-risk")
    systemic["best_flop"] = "10040000000000000000000000"
    [draft] = drafts(content)
    assert draft.rounded_flop == "1.0x10^25 FLOP"
    assert "exactly 10040000000000000000000000 by the best estimate" in shown_of(draft, TODAY)


def test_a_disputed_duty_is_marked_and_keeps_its_day() -> None:
    [draft] = drafts(recorded(3_000, "2e24", pretrain_flops="9e24"))
    assert "who has to notify" in draft.open
    assert draft.day
    shown = shown_of(draft, TODAY)
    assert "Open, so have it decided first: disputed" in shown
    assert f"By {draft.day}, which was" in shown


def test_of_a_chain_the_draft_says_of_which_run_the_approach_is() -> None:
    content = recorded(12_000, activity="pretraining")
    [alone] = drafts(content)
    content["lineage"]["ancestors"] = 2
    [draft] = drafts(content)
    said, *assumed = draft.approximations
    assert said == "approach and approximations are those of this run alone; 2 earlier runs added up with it"
    assert tuple(assumed) == alone.approximations


def test_nothing_is_drafted_below_the_lines() -> None:
    content = recorded(1, "1e15")
    assert drafts(content) == ()
    assert forms_of(content) == []


def test_hostile_names_break_no_table() -> None:
    content = recorded(12_000, activity="pretraining")
    content["original"]["base_model"] = "x | y\n| z"
    [draft] = drafts(content)
    assert "\n| z" not in shown_of(draft, TODAY)


def test_a_run_that_only_generates_data_is_said_to_make_no_model() -> None:
    [draft] = drafts(recorded(12_000, "6e25", activity="synthetic-data"))
    assert draft.generates
    assert draft.trigger.startswith("the compute of generating training data")
    shown = shown_of(draft, TODAY)
    assert "| Model that is trained on the data | FOR A PERSON: this run made none |" in shown
    assert "Model that was begun with" not in shown
    assert "Open, so have it decided first: disputed" in shown
