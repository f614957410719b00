"""The compute, time and energy part of the Model Documentation Form (Code of Practice, Transparency chapter).

Each answer says to whom it goes, what it was rounded from and which members of which records it rests on; what only a
person knows stays open and says so. docs/form.md has every field with its source.
"""

from dataclasses import dataclass
from typing import Literal

from flops_auditor.domain.messages.documents.form_file import AnswerKind
from flops_auditor.domain.messages.notification import Draft

Scope = Literal["the modification", "the model as a whole", "this run: whether it modifies a model is not known"]


@dataclass(frozen=True)
class FieldSource:
    """Where an answer comes from: members of the record of this revision of a job, as paths such as `estimate.method`.

    `job_id` and `revision` name the record in the ledger.
    """

    job_arn: str
    job_id: str
    revision: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class FormField:
    """One field of the Form.

    `name` is that of the transcription which tools read, with the receiver at its end where each is told another way.
    `answer` has the Form's unit and rounding; None is for a person, and `to_fill_in` says what. `exact` is what the
    answer was rounded from, "" where nothing was. `notes` are bounds, and what a rounding hides.
    """

    name: str
    kind: AnswerKind
    asks: str
    receivers: tuple[str, ...]
    answer: str | None
    exact: str = ""
    to_fill_in: str = ""
    notes: tuple[str, ...] = ()
    sources: tuple[FieldSource, ...] = ()


@dataclass(frozen=True)
class LineStanding:
    """On which side of a line the amount is that it counts, which is not always the Form's: FLOP, None: not known.

    `verdict_in_words` says what people read: that it is disputed, or that it rests on the job's own word.
    """

    title: str
    threshold_flop: int
    lower_flop: int | None
    best_flop: int | None
    upper_flop: int | None
    verdict: str
    verdict_in_words: str


ONLY_ADDED_UP = "Runs with no record here: in the compute as the last record adds them up, in no time and energy"
"""What runs are called that a model continues, and of which the last record alone tells."""


@dataclass(frozen=True)
class CountedRun:
    """A run that the figures include."""

    name: str
    arn: str
    revision: int
    recorded_at: str


@dataclass(frozen=True)
class FilledForm:
    """The part of a form that records can fill: the form's name, and where what it asks for was read.

    `models` are those that were begun with, `missing` counts runs that the model continues and whose records are not
    here: they are in the amounts of compute, as the last record has it, and in no time and energy. `missing_runs` are
    the names of those that it lists. `doubts` are what the records, and where they were read, leave open, and
    `notifications` what an authority is to be told besides, with its day.
    """

    form: str
    form_source: str
    models: tuple[str, ...]
    scope: Scope
    runs: tuple[CountedRun, ...]
    missing: int
    missing_runs: tuple[str, ...]
    verdict: str
    on_the_jobs_word: bool
    fields: tuple[FormField, ...]
    standings: tuple[LineStanding, ...]
    doubts: tuple[str, ...]
    notifications: tuple[Draft, ...]
