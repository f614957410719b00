"""The draft of a notification and the fields of the Form: what a person completes, decides and sends."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from flops_auditor.domain.messages.form_fields import form_fields, form_of, magnitude, power, range_of, significant
from flops_auditor.domain.messages.notification import as_markdown, drafts, form_as_markdown
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


def test_a_model_of_ones_own_states_its_own_compute() -> None:
    [draft] = drafts(recorded(12_000, activity="pretraining"))
    assert (draft.trigger, draft.open, draft.to) == ("the model's compute", "", "European Commission")
    assert draft.exact_flop > draft.threshold_flop == 10**25
    assert draft.rounded_flop == "1.1e25 FLOP"
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
    assert draft.rounded_flop == "1.0e25 FLOP"
    assert "exactly 10040000000000000000000000 by the best estimate" in as_markdown(draft, TODAY)


def test_a_disputed_duty_is_marked_and_keeps_its_day() -> None:
    [draft] = drafts(recorded(3_000, "2e24", pretrain_flops="9e24"))
    assert "who has to notify" in draft.open
    assert draft.day
    shown = as_markdown(draft, TODAY)
    assert "**Open**, so have it decided first: disputed" in shown
    assert f"By {draft.day}, which was" in shown


def test_nothing_is_drafted_below_the_lines() -> None:
    content = recorded(1, "1e15")
    assert drafts(content) == ()
    assert form_of(content) == ""


def test_the_fields_of_the_form() -> None:
    content = recorded(12_000, activity="pretraining")
    fields = {field.name: field.answer for field in form_fields([content])}
    assert fields["training_time_range"] == "more than 6 months"
    assert fields["training_time_wall_clock"] == "500 days"
    assert fields["training_time_hardware"] == "3x10^5 ml.p5.48xlarge days"
    assert fields["computation_used_ai_office"] == "1.1e25 FLOP"
    assert fields["computation_used_national_authorities"] == "10^25 FLOP"
    assert fields["energy_used"] == "4300 MWh"
    assert fields["inference_computation_benchmarked"] is None
    assert fields["computation_methodology"] and fields["energy_methodology"]
    shown = form_as_markdown(form_of(content), form_fields([content]))
    assert shown.startswith("## Fields of the Model Documentation Form\n")
    assert "| `inference_computation_benchmarked` |" in shown
    assert "to be filled in by a person" in shown


def test_runs_that_are_continued_add_up_or_are_said_to_be_missing() -> None:
    world = World()
    world.add(continuing("first", hours=240, **BIG), activity="pretraining")
    world.add(continuing("second", ["first"], day=1, hours=240, **BIG))
    world.audit()
    both = [world.content("second"), world.content("first")]
    fields = {field.name: field.answer for field in form_fields(both)}
    assert fields["training_time_wall_clock"] == "20 days"
    alone = {field.name: field.answer for field in form_fields(both[:1])}
    assert alone["training_time_wall_clock"] == "10 days; runs that it continues are not included"


def test_what_is_not_known_is_left_to_a_person_or_said() -> None:
    content = recorded(240, "1e20")
    content["job"]["start"] = None
    content["estimate"].update(energy_kwh=None, accelerator_seconds=None)
    content["lineage"]["updates_best_flop"] = None
    fields = {field.name: field.answer for field in form_fields([content])}
    assert fields["training_time_range"] is fields["training_time_hardware"] is None
    assert fields["computation_used_ai_office"] is fields["computation_used_national_authorities"] is None
    assert "not known" in str(fields["energy_used"])


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "less than 1 month"),
        (30, "less than 1 month"),
        (31, "1 to 3 months"),
        (91, "1 to 3 months"),
        (92, "3 to 6 months"),
        (182, "3 to 6 months"),
        (183, "more than 6 months"),
    ],
)
def test_ranges_of_the_form(days: int, words: str) -> None:
    assert range_of(Decimal(days)) == words


def test_roundings_of_the_form() -> None:
    assert [significant(Decimal(n)) for n in ("0", "0.0123", "12345", "9.96")] == ["0", "0.012", "12000", "10"]
    assert [power(Decimal(n)) for n in ("0", "412345", "0.05")] == ["0", "4x10^5", "5x10^-2"]
    assert [magnitude(flop) for flop in (None, 0, 10**25, 10**25 - 1)] == [None, None, "10^25 FLOP", "10^24 FLOP"]


def test_hostile_names_break_no_table() -> None:
    content = recorded(12_000, activity="pretraining")
    content["original"]["base_model"] = "x | y\n| z"
    [draft] = drafts(content)
    assert "\n| z" not in as_markdown(draft, TODAY)


def test_a_run_that_only_generates_data_is_said_to_make_no_model() -> None:
    [draft] = drafts(recorded(12_000, "6e25", activity="synthetic-data"))
    assert draft.generates
    assert draft.trigger.startswith("the compute of generating training data")
    shown = as_markdown(draft, TODAY)
    assert "| Model that is trained on the data | to be filled in by a person: this run made none |" in shown
    assert "Model that was begun with" not in shown
    assert "**Open**, so have it decided first: disputed" in shown
