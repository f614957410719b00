"""The ledger's named errors: one name per cause, so that a report says what was done and not only that something was.

`Tampered` means the bytes contradict the signatures or the log (exit 1); `CannotVerify` means that the verifier could
not reach a verdict (exit 2).
"""

from flops_auditor.domain.values.errors import AuditorError


class LedgerError(AuditorError):
    """A ledger, or a part of one, that cannot be accepted."""


class Tampered(LedgerError):
    """What was given is not what was signed and logged."""

    remedy = (
        "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See "
        "`flops-auditor docs threat-model`."
    )


class CannotVerify(LedgerError):
    """There is not enough, or nothing readable, to reach a verdict."""

    remedy = (
        "See that this is the file that was sent. If it is, ask for it again, whole and as `flops-auditor export` "
        "wrote it, neither cut off nor unpacked and packed again."
    )


class Reservation(LedgerError):
    """What a valid bundle leaves open, or does not promise."""


class MalformedRecord(Tampered):
    """A line is not a DSSE envelope over an in-toto statement: broken JSON, base64, members or bounds."""


class NonCanonicalRecord(Tampered):
    """The bytes are readable, but are not the one RFC 8785 spelling of what they say."""


class WrongPayloadType(Tampered):
    """The DSSE payloadType is not `application/vnd.in-toto+json`."""


class UnknownPredicate(Tampered):
    """The statement's predicateType is none that this version knows."""

    remedy = (
        "Verify it with the newest release first: a later one may know a kind of leaf that this one does not. If that "
        f"says the same: {Tampered.remedy}"
    )


class UnknownKey(Tampered):
    """A signature names a key that keys.json does not hold."""


class KeyNotValidAtIndex(Tampered):
    """A known key signed a record outside the range of indexes it is valid for, or outside its role."""


class BadSignature(Tampered):
    """The signature does not verify over the pre-authentication encoding."""


class WrongLedger(Tampered):
    """A validly signed record of another ledger."""


class DuplicateSubject(Tampered):
    """The same job and revision are in the log as a duplicate."""


class FutureTimestamp(Tampered):
    """A record was recorded after the checkpoint that covers it, or after now."""

    remedy = (
        "See that --as-of (on the page, the day of receipt) and this machine's clock are right. If they are: "
        f"{Tampered.remedy}"
    )


class EvidenceMismatch(Tampered):
    """The evidence file is not the one whose SHA-256 was signed, or the signed figures do not follow from it."""


class MissingCheckpoint(Tampered):
    """Records, but no checkpoint that would commit to them."""


class BadCheckpointSignature(Tampered):
    """No signature on the checkpoint verifies with the checkpoint key valid at its size."""


class WrongOrigin(Tampered):
    """A checkpoint of another log."""


class RootMismatch(Tampered):
    """The Merkle root over the leaves (or over the proof) is not the root that was signed."""


class TruncatedLedger(Tampered):
    """Fewer leaves than the newest checkpoint commits to."""


class UncheckpointedTail(Tampered):
    """More leaves, or more bytes, than the newest checkpoint commits to."""


class RolledBack(Tampered):
    """The pinned checkpoint is newer than anything in the bundle."""


class ForkedHistory(Tampered):
    """The bundle's history is not an extension of the pinned checkpoint."""


class UnauthorisedRotation(Tampered):
    """A key came into use without a rotation leaf signed by the old key and by the new one."""


class ObjectReplaced(Tampered):
    """An archived object has a second version or a delete marker, or is larger than the ledger writes any there."""


class SubjectMismatch(Tampered):
    """Subject, ARN, job id or evidence of a record name different jobs."""


class RevisionOutOfOrder(Tampered):
    """The revisions of a job are not 0, 1, 2, ... in the order of the log."""


class SupersedesMismatch(Tampered):
    """A record does not supersede the record before it, of the same job."""


class HistoryMismatch(Tampered):
    """What a record says of the record before it (verdict, changes, tables, action) is not what that says."""


class AncestorMismatch(Tampered):
    """A record lists an ancestor otherwise than the ancestor's own record, or before there was one, or itself."""


class LineageMismatch(Tampered):
    """A record continues other runs than its evidence and the records before it show."""


class DueDateMismatch(Tampered):
    """The day by which a duty is due was put off, or does not follow from the assessments."""


class TimeRunsBackwards(Tampered):
    """A record or a heartbeat is dated before the one that it follows."""


class KeyReused(Tampered):
    """One key in two roles, or a key that was replaced before comes back."""


class StaleLedger(Reservation):
    """The newest heartbeat is older than a working sealer would leave it."""

    remedy = (
        "Give the moment at which you received the bundle (--as-of; on the page, its day). If it was old already then, "
        "ask for one exported today: the sealer may not run, or newer records may be kept back."
    )


class LateRecord(Reservation):
    """A record came into the log long after its own time."""

    remedy = (
        "Ask why: the sealer may have stood still, or a record was dated back. What was known when is not proven by "
        "the record's own time, only by the heartbeat after it."
    )


class LoggedAfterPin(Reservation):
    """After the pinned checkpoint came records that are dated long before it."""

    remedy = LateRecord.remedy


class AncestorNotHere(Reservation):
    """A record lists an ancestor whose record is not in this log, so its figures are the record's word alone."""

    remedy = "Ask for a bundle exported after the next seal. If the ancestor is still not there, ask for its record."


class LineageBehind(Reservation):
    """The newest record of a job leaves out what was recorded after it, long ago, of the runs that it continues."""

    remedy = "Ask for the job to be assessed again (`flops-auditor reassess --job`), and for a new bundle."


class LoggedOtherwise(Reservation):
    """A record was logged with the other value of s in its signature than the line that its successor supersedes."""

    remedy = (
        "It says the same, signed by the same key. Whoever may write the table changed it before it was sealed: find "
        "in CloudTrail who did."
    )


class LoggedTwice(Reservation):
    """The same record, byte for byte, has two places in the log."""

    remedy = "It counts once. `flops-auditor doctor` says whether the table of records differs from the log."


class PageNotCompared(Reservation):
    """The bundle's index.html is of another version, or of records of which none can be made: it may say anything."""

    remedy = (
        "Do not rely on index.html: read the records with `flops-auditor report --bundle`, or verify with the version "
        "that wrote it."
    )


class WrongAsOf(CannotVerify):
    """The day given with --as-of lies before the bundle was sealed: it cannot have been received then."""

    remedy = "Give the day on which you received the bundle, or leave --as-of out for now."


class AnotherLedger(CannotVerify):
    """What was given with --pin or --keys is of another ledger than the bundle says that it is of."""

    remedy = "Give the checkpoint, or the keys.json, of the ledger that the bundle is of; or ask for a bundle of yours."


class BadBundle(CannotVerify):
    """The bundle is not a readable export."""


class UnreadablePin(CannotVerify):
    """What was given with --pin holds no checkpoint, or what is not read: it says nothing about the bundle."""

    remedy = (
        "Save the mail with the newest checkpoint alone, as plain text: three lines, a blank line, and the line that "
        "begins with a long dash."
    )


class PinOfUnknownKey(CannotVerify):
    """Beside a checkpoint that a key of the bundle signed, the pin holds one that none did, and that does not fit."""

    remedy = (
        "Somebody wrote it into what you saved, a character of it is another, or the bundle ends before a key was "
        "replaced, or is not the ledger. Give the newest keys that you know (--keys), or save the checkpoint that you "
        "trust alone."
    )


class TooLarge(CannotVerify):
    """Evidence, or an object with ancestors, that takes more memory than is spent on one: older releases kept such.

    Where the bundle has but the word for it, it is the word of whoever hands the bundle on.
    """

    remedy = (
        "All that does not rest on it was checked; how other runs continue this one was not. Ask for the job to be "
        "assessed again, which keeps less; what was signed before stands in the archive, where its SHA-256 can be "
        "compared with the record's."
    )


class UnknownTables(CannotVerify):
    """A record's figures rest on a table that no release shipped, as far as this verifier knows."""

    remedy = (
        "Take the newest release of flops-auditor, which knows all earlier tables. If it is the deployer's own, read "
        "tables/SHA256 in the bundle, and accept it with --accept-table SHA256 if it is right."
    )


class NotRecomputable(CannotVerify):
    """A record's figures rest on tables, a version or ancestors that this verifier does not have."""

    remedy = "Install the version of flops-auditor that the record names (`code_version`) and verify again."
