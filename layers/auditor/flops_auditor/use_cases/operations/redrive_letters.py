"""Send dead letters to the audit again, and say why each died. What can never be audited is set aside, not dropped."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from flops_auditor.domain.runs.pointer import PassedOver
from flops_auditor.domain.runs.sources.registry import read_event, read_pointer
from flops_auditor.domain.values.errors import MalformedEvent


@dataclass(frozen=True)
class Letter:
    """A dead letter. `handle` is what the queue knows it by while it is held; `why` what the queue itself says."""

    message_id: str
    body: str
    handle: str
    sent_at: datetime | None = None
    why: str = ""


class DeadLetters(Protocol):
    """A dead-letter queue and the queue its letters came from."""

    def hold(self) -> Iterator[Letter]:
        """Every letter, each once; held from others until it is requeued, dropped or given back."""

    def requeue(self, letter: Letter) -> None:
        """Put the letter's body into the audit queue, then take it off the dead letters."""

    def drop(self, letter: Letter) -> None:
        """Take it off the dead letters for good."""

    def give_back(self, letter: Letter) -> None:
        """Leave it where it is."""


class Reasons(Protocol):
    """Why the audit of a message failed."""

    def why(self, letter: Letter) -> str:
        """The last named error of the message, in words; empty where nothing is known."""


@dataclass(frozen=True)
class Redriven:
    """One letter: what it pointed at, why it died, and what was done with it."""

    message_id: str
    job: str
    reason: str
    action: Literal["requeued", "would be requeued", "set aside", "would be left", "left"]


def redrive(
    letters: DeadLetters, reasons: Reasons, *, dry_run: bool, set_aside: Callable[[Letter], None] | None = None
) -> list[Redriven]:
    """Go through all dead letters once.

    A letter that points at a job is requeued. One that does not, or at what is no run, can never be audited: it is
    handed to `set_aside` and then dropped, or left where it is when there is no such place.
    """
    done: list[Redriven] = []
    held: list[Letter] = []
    for letter in letters.hold():
        reason = letter.why or reasons.why(letter)
        try:
            job = read_pointer(read_event(letter.body)).arn
        except (MalformedEvent, PassedOver) as error:
            done.append(_unusable(letter, letters, reason or f"{error.name}: {error}", dry_run, set_aside, held))
            continue
        if dry_run:
            held.append(letter)
        else:
            letters.requeue(letter)
        done.append(Redriven(letter.message_id, job, reason, "would be requeued" if dry_run else "requeued"))
    for letter in held:
        letters.give_back(letter)
    return done


def _unusable(
    letter: Letter,
    letters: DeadLetters,
    reason: str,
    dry_run: bool,
    set_aside: Callable[[Letter], None] | None,
    held: list[Letter],
) -> Redriven:
    if set_aside is None or dry_run:
        held.append(letter)
        return Redriven(letter.message_id, "", reason, "would be left" if dry_run else "left")
    set_aside(letter)
    letters.drop(letter)
    return Redriven(letter.message_id, "", reason, "set aside")
