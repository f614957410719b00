"""How the Form, and drafts of notifications, are shown: in a terminal, in Markdown, as values, in a document."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from flops_auditor.domain.messages.documents.form import ONLY_ADDED_UP, FieldSource, FilledForm, FormField
from flops_auditor.domain.messages.duties import day_in_words, waits_for_its_law
from flops_auditor.domain.messages.notification import Draft
from flops_auditor.domain.messages.record_words import ON_ITS_WORD
from flops_auditor.domain.values.amounts import Bound, counted, flop
from flops_auditor_cli.view import Block, FactList, Headline, PointList, Table, View

FIELD_COLUMNS = {
    "asks": "What the Form asks for",
    "answer": "Answer",
    "exact": "Rounded from",
    "receivers": "To whom it goes",
    "source": "Where it comes from",
}
STANDING_COLUMNS = {
    "title": "Threshold",
    "threshold_flop": "FLOP",
    "lower_flop": "At least",
    "best_flop": "Best",
    "upper_flop": "At most",
    "verdict_in_words": "Verdict",
}
RIGHT = ("threshold_flop", "lower_flop", "best_flop", "upper_flop")
BOUNDS: dict[str, Bound] = {"lower_flop": "lower", "upper_flop": "upper"}
CSV_FIELDS = ("name", "asks", "receivers", "answer", "exact", "to_fill_in", "notes", "source")
FOR_A_PERSON = "FOR A PERSON"
A_DRAFT = (
    "A draft from signed records. A person completes it, checks it and decides: the tool knows the training runs, and "
    "not what is placed on the market."
)


def form_view(form: FilledForm, today: date) -> View:
    """The Form in every form of output."""
    return View("form", document_of(form), form_blocks(form, today), list(map(_csv_row, form.fields)), CSV_FIELDS)


def document_of(form: FilledForm) -> dict[str, Any]:
    """The Form as JSON; FLOP as decimal texts."""
    return {**asdict(form), "notifications": [draft_document(each) for each in form.notifications]}


def draft_document(draft: Draft) -> dict[str, Any]:
    """A draft as JSON."""
    return {**asdict(draft), "exact_flop": str(draft.exact_flop)}


def form_blocks(form: FilledForm, today: date) -> list[Block]:
    """What the Form says, for people."""
    open_ = list(form.doubts)
    if form.on_the_jobs_word:
        open_.append("that it is below rests on the job's own word")
    return [
        Headline(f"{form.form}: compute, time and energy"),
        PointList([A_DRAFT, f"The fields are those of the {form.form}: {form.form_source}."], "What this is"),
        FactList(_facts(form), "What it is about"),
        Table(FIELD_COLUMNS, list(map(_field_row, form.fields)), "Fields"),
        *(PointList(each.notes, _title(each)) for each in form.fields if each.notes),
        Table(STANDING_COLUMNS, [_standing_row(asdict(each)) for each in form.standings], "Thresholds", right=RIGHT),
        PointList(open_, "What the records leave open"),
        *(block for draft in form.notifications for block in draft_blocks(draft, today)),
    ]


def _facts(form: FilledForm) -> list[tuple[str, str]]:
    last, *earlier = form.runs
    return [
        ("Model that was begun with", ", ".join(form.models) or "none is named"),
        ("Limited to", form.scope),
        ("Last run", last.arn),
        ("Runs that it continues", _named([*(run.name for run in earlier), *form.missing_runs], form.missing)),
        *([(ONLY_ADDED_UP, _named(form.missing_runs, form.missing))] if form.missing else []),
        ("Verdict of the record", ON_ITS_WORD if form.on_the_jobs_word else form.verdict),
        ("Record", f"revision {last.revision}, {last.recorded_at}"),
    ]


def _named(names: Sequence[str], missing: int) -> str:
    """Runs by name, or how many there are where the record names none of them."""
    return ", ".join(names) or (counted(missing, "run") if missing else "none")


def _title(field: FormField) -> str:
    return f"{field.asks} ({field.name})"


def _field_row(field: FormField) -> dict[str, Any]:
    """A row for people; `for_a_person` marks what is to be filled in."""
    by_hand = field.answer is None
    return {
        "asks": _title(field),
        "answer": f"{FOR_A_PERSON}: {field.to_fill_in}" if by_hand else field.answer or "",
        "exact": field.exact,
        "receivers": ", ".join(field.receivers),
        "source": source_in_words(field.sources),
        "for_a_person": by_hand,
    }


def _csv_row(field: FormField) -> dict[str, Any]:
    row = {name: each for name, each in asdict(field).items() if name != "sources"}
    return {**row, "source": source_in_words(field.sources)}


def source_in_words(sources: Sequence[FieldSource]) -> str:
    """Members and records in one line: what the sources of a field have in common is said once."""
    if not sources:
        return ""
    records = ", ".join(f"{source.job_id[:12]} revision {source.revision}" for source in sources)
    return f"{', '.join(sources[0].members)} of record{'' if len(sources) == 1 else 's'} {records}"


def _standing_row(standing: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **standing,
        "title": standing["title"],
        **{name: flop(standing[name], BOUNDS.get(name, "best")) for name in RIGHT},
    }


def draft_blocks(draft: Draft, today: date) -> list[Block]:
    """A draft for people to complete."""
    due = [f"{day_in_words(draft.day, today)}: {draft.what} ({draft.article})."]
    if draft.open:
        due.append(f"Open, so have it decided first: {draft.open}.")
    if waits_for_its_law(draft.in_force, today):
        due.append(f"Not in force before {draft.in_force}: nothing is owed before.")
    begun = [("Model that was begun with", draft.model)]
    if draft.generates:
        begun = [
            ("Model that is trained on the data", f"{FOR_A_PERSON}: this run made none"),
            ("Model that generated the data", draft.model),
        ]
    over = f", over {flop(draft.threshold_flop)} FLOP" if draft.threshold_flop else ""
    facts = [
        ("Who notifies", f"{FOR_A_PERSON}: name and contact"),
        *begun,
        ("Run", draft.job_arn),
        ("What triggered it", f"{draft.trigger}{over}"),
        ("Amount", f"{draft.rounded_flop}, exactly {draft.exact_flop} by the best estimate"),
        *([("Of it pretraining", f"{flop(draft.inherited_flop)} FLOP")] if draft.inherited_flop else []),
        ("When it was met", draft.met_at or "not known"),
        ("Approach", draft.approach),
    ]
    return [
        Headline(f"Draft of a notification to: {draft.to or 'the authority'}"),
        PointList(due, "What is due"),
        FactList(facts, "What it says"),
        PointList(draft.approximations, "Approximations"),
        PointList(draft.uncertainties, "Uncertainties"),
    ]
