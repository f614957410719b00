"""Ask for a new key: a statement that the old and the new key sign, which the sealer then puts into the log."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

from flops_auditor.domain.ledger.dsse import (
    PAYLOAD_TYPE,
    Signature,
    parse_envelope,
    pre_authentication_encoding,
    signed_line,
)
from flops_auditor.domain.ledger.key_history import KeyHistory, KeyRole
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.leaves import CLOCK_SKEW, Rotation, parse_rotation, rotation
from flops_auditor.domain.values.archive_keys import rotation_key
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ledger.log_reader import genesis_keys, not_asked_before, rotation_line, signers_of
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.ports.ledger import Archive, Signer


class CannotRotate(AuditorError):
    """The rotation would not be accepted by the sealer."""

    remedy = "Compare `flops-auditor keys list` with the keys that you name, and the machine's clock with the time."


def requested(archive: Archive) -> Iterator[Rotation]:
    """All rotations asked for so far, in order; the last ones may not be in the log yet."""
    number = 0
    while (line := rotation_line(archive, number)) is not None:
        yield parse_rotation(parse_envelope(line).payload)
        number += 1


def keys_after(archive: Archive, ledger_id: str) -> tuple[KeyHistory, int]:
    """The keys once all requested rotations are in the log, and their number. Index ranges are not known here.

    Raises CannotRotate before the first seal.
    """
    keys = genesis_keys(archive, ledger_id)
    if keys is None:
        raise CannotRotate("the log has no keys yet: nothing was sealed")
    number = 0
    for change in requested(archive):
        keys = keys.rotated(change.role, change.new_spki, number)
        number += 1
    return keys, number


def request_rotation(archive: Archive, ledger_id: str, role: KeyRole, old: Signer, new: Signer, now: datetime) -> int:
    """Sign with both keys and leave the request for the sealer; its number. Raises CannotRotate."""
    keys, number = keys_after(archive, ledger_id)
    current, wanted = keys.current(role).keyid, keyid(new.public_key())
    if keyid(old.public_key()) != current:
        raise CannotRotate(f"the old key is {keyid(old.public_key())[:16]}, in force as {role} is {current[:16]}")
    if any(key.keyid == wanted for key in keys.ranges):
        raise CannotRotate(f"the new key {wanted[:16]} has been in use already")
    signers = signers_of(archive, verifies)
    earliest = not_asked_before(archive, signers, number) if signers else None
    if earliest is not None and now < earliest - CLOCK_SKEW:
        raise CannotRotate(
            f"this machine says that it is {iso(now)}, before the last request or seal of {iso(earliest)}"
        )
    payload = rotation(ledger_id, role, number, current, new.public_key(), iso(now))
    digest = sha256(pre_authentication_encoding(PAYLOAD_TYPE, payload)).digest()
    line = signed_line(payload, (Signature(current, old.sign(digest)), Signature(wanted, new.sign(digest))))
    if not archive.put_if_absent(rotation_key(number), line):
        raise CannotRotate("somebody else has asked for a rotation at the same moment")
    return number
