"""What the report says of one model: its figures against each threshold, its runs, and all that they rest on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flops_auditor.domain.lineage.begun_with import models_begun_with
from flops_auditor.domain.messages.duties import duties_in_words
from flops_auditor.domain.messages.record_alert import own_in_words, remedies
from flops_auditor.domain.messages.record_words import (
    ALONE,
    grounds,
    headline,
    left_open,
    line_in_words,
    not_counted,
    noted,
    reasons,
    said_of,
    share_in_words,
)
from flops_auditor.domain.messages.report.job_line import JobLine
from flops_auditor.domain.messages.report.pictures import Chart, Drawing, chart_of, lineage_of
from flops_auditor.domain.values.amounts import counted, flop
from flops_auditor.domain.values.moments import to_the_minute


@dataclass(frozen=True)
class ThresholdRow:
    """A threshold, what a model took of it, and on which side that is, as texts for people."""

    title: str
    threshold: str
    lower: str
    best: str
    upper: str
    shown_as: str
    verdict: str


@dataclass(frozen=True)
class Paragraphs:
    """Sentences under one heading."""

    title: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class ModelPart:
    """One model of the report: the last job of a chain, by its newest record."""

    line: JobLine
    headline: str
    facts: tuple[tuple[str, str], ...]
    held: tuple[ThresholdRow, ...]
    chart: Chart | None
    drawing: Drawing
    points: tuple[Paragraphs, ...]


def model_part(
    content: Mapping[str, Any], line: JobLine, known: Mapping[str, JobLine], names: Mapping[str, str], today: date
) -> ModelPart:
    """A record's predicate as a part of the report; `known` are all jobs of the report by id, and `names` what they are
    called there.
    """
    return ModelPart(
        line=line,
        headline=headline(content, today),
        facts=tuple(facts_of(content)),
        held=tuple(_held(each) for each in content["assessments"]),
        chart=chart_of(content, known),
        drawing=lineage_of(content, names),
        points=tuple(each for each in _points(content, today) if each.texts),
    )


def _held(assessed: Mapping[str, Any]) -> ThresholdRow:
    return ThresholdRow(
        title=assessed["title"],
        threshold=line_in_words(assessed["threshold_flop"]),
        lower=share_in_words(assessed["lower_flop"], assessed["threshold_flop"], "lower"),
        best=share_in_words(assessed["best_flop"], assessed["threshold_flop"]),
        upper=share_in_words(assessed["upper_flop"], assessed["threshold_flop"], "upper"),
        shown_as=said_of(assessed),
        verdict=assessed["verdict"],
    )


def facts_of(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures of a record, each with what it is called; what is of the run alone says so where others are added."""
    job, estimate, total = content["job"], content["estimate"], content["cumulative"]
    count = content["lineage"]["ancestors"]
    runs, alone = (f", with {counted(count, 'earlier run')}", f", {ALONE}") if count else ("", "")
    energy = estimate["energy_kwh"]
    hardware = ", ".join(f"{each['count']} x {each['type']}" for each in job["instances"])
    return [
        ("Best estimate", f"{flop(total['best_flop'])} FLOP{runs}"),
        ("At least", f"{flop(total['lower_flop'], 'lower')} FLOP{runs}"),
        ("At most", f"{flop(total['upper_flop'], 'upper')} FLOP{runs}"),
        *([("This run alone", own_in_words(estimate))] if count else []),
        *not_counted(content),
        ("How it was estimated", f"{estimate['method']}{alone}"),
        ("Hardware", f"{hardware or 'not named in the evidence'}{alone}"),
        ("Time", f"{_minute(job['start']) or 'not begun'} to {_minute(job['end']) or 'not ended'} UTC{alone}"),
        ("Energy", f"{'not known' if energy is None else f'{_number(float(energy))} kWh'}{alone}"),
        ("Original model", ", ".join(models_begun_with(content)) or "not named"),
        ("Status", job["status"]),
        ("Record", f"revision {content['revision']}, recorded {_minute(content['recorded_at'])} UTC"),
        ("ARN", job["arn"]),
        ("Job id", job["id"]),
    ]


def _minute(moment: str | None) -> str:
    return to_the_minute(moment or "")


def _number(value: float) -> str:
    """Three digits, without an exponent where the number is large."""
    return f"{round(value):,}" if value >= 100 else f"{value:.3g}"


def _points(content: Mapping[str, Any], today: date) -> list[Paragraphs]:
    estimate, lineage = content["estimate"], content["lineage"]
    doubts = [each["words"] for each in (*estimate["doubts"], *lineage["doubts"])]
    owed = duties_in_words(content["assessments"], content["due"], today) if content["verdict"] != "below" else []
    parts = [
        ("What is to be done", owed),
        ("What would settle it", remedies(content)),
        ("Why", list(reasons(content))),
        ("In doubt", list(dict.fromkeys([*doubts, *left_open(content)]))),
        ("Noted", noted(content)),
        ("Evidence it rests on", list(grounds(content))),
        ("Assumptions", [each["words"] for each in estimate["assumptions"]]),
        ("Not assessed", [each["words"] for each in content["not_assessed"]]),
    ]
    return [Paragraphs(title, tuple(texts)) for title, texts in parts]
