"""In-memory twins of the ledger's ports, proven equal to the AWS adapters by tests/contract."""

from bisect import insort
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from hashlib import sha256
from threading import RLock

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from flops_auditor.domain.ledger.ledger_errors import ObjectReplaced
from flops_auditor.domain.values.archive_keys import largest
from flops_auditor.use_cases.ports.ledger import Identity, LogPlace, PendingRecord
from flops_auditor.use_cases.ports.records import RecordItem


class MemorySigner:
    """The Signer port on a P-256 key in memory; made from a seed word, so that tests repeat."""

    def __init__(self, seed: str = "record") -> None:
        self.key = ec.derive_private_key(int.from_bytes(sha256(seed.encode()).digest()) >> 1, ec.SECP256R1())

    def sign(self, digest: bytes) -> bytes:
        return self.key.sign(digest, ec.ECDSA(utils.Prehashed(SHA256())))

    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class MemoryArchive:
    """The Archive port in a dictionary of versions; `overwrite` and `delete` are what an intruder could do."""

    def __init__(self) -> None:
        self._versions: dict[str, list[bytes | None]] = {}
        self._order: list[str] = []
        self._one_at_a_time = RLock()

    def put_if_absent(self, key: str, body: bytes) -> bool:
        with self._one_at_a_time:
            if key in self._versions and self._versions[key][-1] is not None:
                return False
            self.overwrite(key, body)
            return True

    def get(self, key: str) -> bytes | None:
        if key not in self._versions:
            return None
        if why := self._refused(key):
            raise ObjectReplaced(f"{key} {why}")
        return self._versions[key][0]

    def list(self, prefix: str, start_after: str = "", limit: int | None = None) -> Iterator[str]:
        found = (key for key in tuple(self._order) if key.startswith(prefix) and key > start_after)
        for count, key in enumerate(found):
            if count == limit:
                return
            yield key

    def overwrite(self, key: str, body: bytes | None) -> None:
        """Add a version whatever stands there; None is a delete marker."""
        with self._one_at_a_time:
            if key not in self._versions:
                insort(self._order, key)
            self._versions.setdefault(key, []).append(body)

    def delete(self, key: str) -> None:
        """Put a delete marker, as DeleteObject does under Object Lock."""
        self.overwrite(key, None)

    def inspect(self, prefix: str) -> Iterator[tuple[str, str]]:
        return ((key, self._refused(key)) for key in self.list(prefix))

    def _refused(self, key: str) -> str:
        versions = self._versions[key]
        if None in versions:
            return "has a delete marker"
        if len(versions) > 1:
            return "has a second version"
        return "has more bytes than the ledger writes there" if len(versions[0] or b"") > largest(key) else ""


class MemoryPendingRecords:
    """The PendingRecords port in a list, oldest first."""

    def __init__(self) -> None:
        self.records: dict[Identity, PendingRecord] = {}
        self.logged: dict[Identity, int] = {}

    def commit(self, record: PendingRecord) -> None:
        """What the audit use case does in the table."""
        self.records[record.identity] = record

    def waiting(self) -> Iterator[PendingRecord]:
        for key, record in tuple(self.records.items()):
            if key not in self.logged:
                yield record

    def mark_logged(self, places: Sequence[LogPlace]) -> None:
        for place in places:
            if place.identity in self.records:
                self.logged.setdefault(place.identity, place.index)

    def places(self, identities: Collection[Identity]) -> list[LogPlace]:
        return [LogPlace(*each, self.logged[each]) for each in identities if each in self.logged]

    def correct(self, places: Sequence[LogPlace]) -> None:
        for place in places:
            if place.identity in self.records:
                self.logged[place.identity] = place.index

    def have_wait(self, identities: Collection[Identity]) -> None:
        for identity in identities:
            self.logged.pop(identity, None)


class MemoryRecordItems:
    """The RecordItems port over what waits and what is logged."""

    def __init__(self, pending: MemoryPendingRecords) -> None:
        self._pending = pending

    def items(self) -> Iterator[RecordItem]:
        for key, record in self._pending.records.items():
            index = self._pending.logged.get(key)
            yield RecordItem(record.job_id, record.revision, record.line, index is None, index)


class MemoryMailbox:
    """The Mailbox port in a list."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.first_of_a_day: list[str] = []

    def publish(self, subject: str, message: str, *, first_of_the_day: bool) -> None:
        self.messages.append((subject, message))
        self.first_of_a_day += [subject] if first_of_the_day else []


class MemoryMailedDays:
    """The MailedDays port in a value."""

    def __init__(self) -> None:
        self.day: date | None = None

    def mailed(self, day: date) -> bool:
        return self.day == day

    def note(self, day: date) -> None:
        self.day = day
