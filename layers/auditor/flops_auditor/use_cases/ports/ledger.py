"""What committing, sealing and exporting the ledger need. Adapters: flops_auditor.aws; twins: tests/fakes."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

Identity = tuple[str, int]
"""Job id and revision of a record."""


class Signer(Protocol):
    """A signing key that never leaves its holder."""

    def sign(self, digest: bytes) -> bytes:
        """ECDSA P-256 over a SHA-256 digest (32 bytes); returns ASN.1 DER. Two calls give two signatures."""

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""


class Archive(Protocol):
    """Write-once storage. Readers see the oldest version and refuse a replaced object."""

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store; False if the key is taken (nothing is written then)."""

    def get(self, key: str) -> bytes | None:
        """The only version, None if never written.

        Raises ObjectReplaced on a second one, a delete marker, and what cannot be read.
        """

    def list(self, prefix: str, start_after: str = "", limit: int | None = None) -> Iterator[str]:
        """Keys with the prefix, in order, after `start_after`, at most `limit`, whatever became of their objects."""

    def inspect(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Keys with the prefix, in order, each with why `get` refuses its object; "" where it does not."""


@dataclass(frozen=True, slots=True)
class PendingRecord:
    """A committed record without a place in the log: whose it is, and its exact envelope line."""

    job_id: str
    revision: int
    line: bytes

    @property
    def identity(self) -> Identity:
        """Of which job, which revision."""
        return self.job_id, self.revision


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a record is in the log."""

    job_id: str
    revision: int
    index: int

    @property
    def identity(self) -> Identity:
        """Of which job, which revision."""
        return self.job_id, self.revision


class PendingRecords(Protocol):
    """Committed records that are not yet in the log."""

    def waiting(self) -> Iterator[PendingRecord]:
        """Oldest first; never one whose `mark_logged` returned before it is given."""

    def mark_logged(self, places: Sequence[LogPlace]) -> None:
        """Note leaf indexes; repeating it, or naming a record that the table lost, is no error."""

    def places(self, identities: Collection[Identity]) -> list[LogPlace]:
        """Where the table says that these records are; no entry where it says nothing.

        A hint of where to look, and no more: whoever may write the table can have it say anything.
        """

    def correct(self, places: Sequence[LogPlace]) -> None:
        """Note leaf indexes whatever the table says. What the table lost is passed over."""

    def have_wait(self, identities: Collection[Identity]) -> None:
        """Have records wait whatever the table says. What the table lost is passed over."""


class Mailbox(Protocol):
    """Where checkpoints are published to, outside of the account's reach."""

    def publish(self, subject: str, message: str, *, first_of_the_day: bool) -> None:
        """Send one message; who wants one a day takes only the first of each (UTC)."""


class MailedDays(Protocol):
    """What remembers on which day a checkpoint was last mailed as the first of its day."""

    def mailed(self, day: date) -> bool:
        """Whether the first checkpoint of this day (UTC) was handed to the mailbox."""

    def note(self, day: date) -> None:
        """Note that it was."""
