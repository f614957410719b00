"""Make, sign, commit and archive the record of one job's evidence, and bring it up to date when its lineage changes.

The evidence of a revision is written before its record, once, so whoever continues after a crash audits the same bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.audit.record import Reassessed, predicate
from flops_auditor.domain.law.assessment import crossed_lines
from flops_auditor.domain.law.due_dates import DueDate, dated_duties, due_dates, read_due_dates
from flops_auditor.domain.ledger.dsse import PAYLOAD_TYPE, envelope_line, parse_envelope, pre_authentication_encoding
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.leaves import CLOCK_SKEW, record_of
from flops_auditor.domain.ledger.ledger_errors import LedgerError, MalformedRecord, UnknownKey
from flops_auditor.domain.ledger.statement import BILL_PREDICATE, predicate_of, statement
from flops_auditor.domain.lineage.kept_ancestors import Packed, pack
from flops_auditor.domain.lineage.lineage import Lineage
from flops_auditor.domain.messages.record_alert import (
    LAST_OF_ITS_CAUSE,
    above_but_for_its_word,
    cause_of,
    compose,
    is_news,
)
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import Evidence, digest_of_tags
from flops_auditor.domain.runs.sources.cases import kept_case, read_case
from flops_auditor.domain.runs.sources.left_evidence import can_be_of
from flops_auditor.domain.values.archive_keys import evidence_key, record_key
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.auditing.find_lineage import (
    FoundLineage,
    awaits_parent,
    find_lineage,
    index_run,
    recorded_lineage,
)
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.ledger import Archive, Identity, Signer
from flops_auditor.use_cases.ports.lineage import LineageIndex
from flops_auditor.use_cases.ports.records import BILL, Records, StoredRecord
from flops_auditor.use_cases.ports.side_by_side import in_groups, tried

MOST_ROUNDS = 8
MOST_OF_ONE_CAUSE = 10
"""Alerts a day (UTC) about jobs that one kind of doubt alone keeps open."""
MOST_WAITED = 50
"""Records that only waited, one after another, that are passed over to see what people know."""
ALERTS_BY_CAUSE = "alerts-by-cause"
"""Whose notes count them, in place of a job's id."""


class EvidenceLost(AuditorError):
    """The archive neither took the evidence nor has it."""

    remedy = "Check the archive bucket with `flops-auditor doctor`; the event is delivered again."


class ForeignEvidence(AuditorError):
    """The archive has evidence of a run under its name that contradicts what its service says of it."""

    remedy = "Find in CloudTrail who wrote it into the archive. The event is delivered again, and goes to dead letters."


class NotSettled(AuditorError):
    """The job's lineage kept changing while it was assessed."""

    remedy = "Nothing to do: the message is delivered again and the job is then assessed."


@dataclass(frozen=True)
class Committed:
    """A committed record with its predicate, and the case that it rests on (None: not read yet). `new`: committed just
    now, so nothing that follows a commit was done of it before, and no evidence was left for the next revision.
    """

    record: StoredRecord
    content: dict[str, Any]
    case: Case | None = None
    new: bool = False

    @property
    def interim(self) -> bool:
        """Whether the record was made while the run was still going on."""
        return not self.content["job"]["finished"]

    @property
    def revision(self) -> int:
        """Its revision."""
        return self.record.revision


def newest(job_id: str, recorder: Recorder) -> Committed | None:
    """The newest record of a job, None for a job without one."""
    return committed(recorder.records.latest(job_id))


def committed(record: StoredRecord | None) -> Committed | None:
    """A record with its predicate."""
    return None if record is None else Committed(record, predicate_of(record.line))


def case_behind(job_id: str, kept: Committed, recorder: Recorder) -> Case:
    """The case that a record rests on. Raises EvidenceLost."""
    if kept.case is not None:
        return kept.case
    body = recorder.archive.get(evidence_key(job_id, kept.revision))
    if body is None:
        raise EvidenceLost(f"{evidence_key(job_id, kept.revision)} is not in the archive")
    return read_case(body, recorder.services)


def put_evidence(case: Case, revision: int, recorder: Recorder) -> Case:
    """Store the evidence of a revision, no larger than a verifier reads, or adopt what an earlier try stored.

    Where the archive has its record, too, the table lost it, by an older backup or by hand: it is put back, for the log
    may have it, and another record of the same revision would contradict it for ever. Raises EvidenceLost,
    ForeignEvidence.
    """
    case = kept_case(case, recorder.services)
    key = evidence_key(case.run.job_id, revision)
    if recorder.archive.put_if_absent(key, case.body):
        return case
    body = recorder.archive.get(key)
    if body is None:
        raise EvidenceLost(f"{key} is neither free nor readable")
    restore(case.run.job_id, revision, recorder)
    return case if body == case.body else left_case(body, case.evidence, key, recorder)


def left_case(body: bytes, now: Evidence | None, key: str, recorder: Recorder, ended: bool = False) -> Case:
    """Evidence that lies in the archive, if it can be of the run of which the sources answer `now` (None: its service
    no longer knows it). `ended`: its record says so already, and no run begins again.

    Raises ForeignEvidence.
    """
    left = read_case(body, recorder.services)
    if (ended and not left.run.finished) or (now is not None and not can_be_of(left, now, recorder.services)):
        raise ForeignEvidence(f"{key} is of another run, or contradicts what its service says of it or S3 of its data")
    if left.tells_of is not None and left.tells_of > recorder.clock() + CLOCK_SKEW:
        raise ForeignEvidence(f"{key} tells of {iso(left.tells_of)}")
    return left


def restore(job_id: str, revision: int, recorder: Recorder) -> bool:
    """Put an archived record back that the table lost: whether it did. One that nobody of the ledger signed is none."""
    key = record_key(job_id, revision)
    with suppress(LedgerError):
        back = put_back(key, recorder.archive, recorder.records, recorder.index, recorder.ours)
        return back is not None and back[1]
    return False


def put_back(
    key: str, archive: Archive, records: Records, index: LineageIndex, ours: Callable[[bytes], bool]
) -> tuple[Identity, bool] | None:
    """Put an archived record, or statement on a bill, into the table unless it is there: (whose, whether it was not);
    None if none is archived.

    Raises UnknownKey where it is not `ours`, MalformedRecord, and what else the object shows.
    """
    line = archive.get(key)
    if line is None:
        return None
    if not ours(line):
        raise UnknownKey("no record key of the ledger signed it")
    kept = record_of(parse_envelope(line)).statement
    content, (job, revision) = kept.predicate, kept.identity
    if record_key(job, revision) != key:
        raise MalformedRecord("the object is the record of another job or revision")
    if kept.predicate_type == BILL_PREDICATE:
        return (job, revision), records.commit(job, StoredRecord(revision, line), bill_found_by(content))
    evidence = archive.get(evidence_key(job, revision))
    tags = None
    if evidence is not None:
        case = read_case(evidence)
        tags = case.evidence.tags
        index_run(case.run, index)
    found_by = summary(content, recorded_lineage(content, archive), tags)
    return (job, revision), records.commit(job, StoredRecord(revision, line), found_by)


def lineage_of(case: Case, recorder: Recorder, expected: Sequence[str] = ()) -> FoundLineage:
    """What the run continues, as it is recorded now; `expected` are parents that it had a moment ago."""
    return find_lineage(case.run, recorder.records, recorder.index, recorder.archive, recorder.at_once, expected)


@dataclass(frozen=True)
class Examined:
    """A case with its lineage, its audit, and how its record holds the ancestors."""

    case: Case
    lineage: FoundLineage
    audited: Audit
    packed: Packed


def examine(case: Case, lineage: FoundLineage, recorder: Recorder) -> Examined:
    """Audit a case with the lineage that was found, under the recorder's tables."""
    audited = audit(case, recorder.tables, lineage.lineage)
    return Examined(case, lineage, audited, pack(case.run.job_id, lineage.lineage, lineage.kept))


def commit(
    examined: Examined,
    previous: Committed | None,
    recorder: Recorder,
    action: Mapping[str, str] | None = None,
    reassessed: bool = False,
) -> Committed | None:
    """Sign and commit the next revision; None if another worker has committed it meanwhile.

    What it rests on is in the archive before it is committed. A record that rests on other tables than the one before
    says which; `reassessed`: it says so as well where the code alone changed.
    """
    case, packed = examined.case, examined.packed
    revision, at = previous.revision + 1 if previous else 0, _dated(examined, previous, recorder)
    if packed.kept and packed.body:
        recorder.archive.put_if_absent(packed.kept.key, packed.body)
    recorder.keep_tables()
    changed = since(previous, recorder) if previous else None
    other_code = changed is not None and changed.code_version != recorder.code_version
    content = predicate(
        examined.audited,
        ledger_id=recorder.ledger_id,
        revision=revision,
        recorded_at=at,
        code_version=recorder.code_version,
        table_digests=recorder.tables.digests,
        supersedes=sha256(previous.record.line).hexdigest() if previous else None,
        previous=previous.content if previous else None,
        packed=packed,
        due=_due(examined, previous, at, recorder),
        action=action,
        reassessed=changed if changed and (changed.tables or (reassessed and other_code)) else None,
    )
    record = StoredRecord(revision, sign(case, content, recorder.signer))
    found_by = summary(content, examined.lineage.lineage, case.evidence.tags)
    if not recorder.records.commit(case.run.job_id, record, found_by):
        return None
    return Committed(record, content, case, new=True)


def _dated(examined: Examined, previous: Committed | None, recorder: Recorder) -> datetime:
    """Now, and not before what the record follows or lists: people amend by the clocks of their own machines."""
    earlier = [amendment.at for amendment in examined.case.evidence.amendments]
    earlier += [read_time(previous.content["recorded_at"])] if previous else []
    earlier += [examined.lineage.recorded_at] if examined.lineage.recorded_at else []
    return max([recorder.clock(), *earlier])


def since(previous: Committed, recorder: Recorder) -> Reassessed:
    """Files of which another version is used now than for a record, or that only one of the two uses; and by which
    version of the code it was made.
    """
    before, now = previous.content["tables"], recorder.tables.digests
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    return Reassessed({name: before.get(name) for name in changed}, previous.content["code_version"])


def foreseen(policy: str, duty: str) -> str:
    """The note of the first warning that a line with a dated duty will be crossed: from then on it was known."""
    return f"foreseen#{policy}#{duty}"


def _due(examined: Examined, previous: Committed | None, at: datetime, recorder: Recorder) -> tuple[DueDate, ...]:
    crossed, job_id = crossed_lines(examined.audited.assessments), examined.case.run.job_id
    known = {
        (policy, duty.duty_id): recorder.records.noted(job_id, foreseen(policy, duty.duty_id))
        for policy, duty in dated_duties(crossed)
    }
    foreseen_at = {key: at for key, at in known.items() if at is not None}
    before = read_due_dates(previous.content) if previous else ()
    return due_dates(crossed, foreseen_at, at, [*examined.lineage.due, *before])


def finish(job_id: str, kept: Committed, recorder: Recorder) -> None:
    """What a committed record still needs, each once: its place in the archive, and people told."""
    recorder.at_once(_to_finish(job_id, kept, recorder))


def _to_finish(job_id: str, kept: Committed, recorder: Recorder) -> list[Callable[[], object]]:
    archive = partial(recorder.archive.put_if_absent, record_key(job_id, kept.revision), kept.record.line)
    return [archive, partial(alert_people, job_id, kept, recorder)]


def bring_up_to_date(job_id: str, recorder: Recorder, known: Committed | None = None) -> Committed | None:
    """Supersede a job's record until it agrees with its lineage; None for a job without a record.

    `known` is its newest record, where that was just committed. The look after a commit is not idle: a parent recorded
    between our reading it and our commit looked for its children before ours had a record. Raises EvidenceLost,
    NotSettled.
    """
    for _ in range(MOST_ROUNDS):
        kept = known or newest(job_id, recorder)
        if kept is None:
            return None
        looked = _finish_and_look(job_id, kept, recorder)
        if looked is None:
            known = None
            continue
        case, left, traced = looked
        if not left and traced.lineage.same_as(recorded_lineage(kept.content, recorder.archive)):
            return replace(kept, case=case)
        if not left:
            case = put_evidence(case, kept.revision + 1, recorder)
        known = commit(
            examine(case, traced, recorder), kept, recorder, kept.content["action"] if kept.interim else None
        )
    raise NotSettled(f"{job_id} changed {MOST_ROUNDS} times while it was assessed")


def _finish_and_look(job_id: str, kept: Committed, recorder: Recorder) -> tuple[Case, bool, FoundLineage] | None:
    """What a record still needs, then the case of the next one, whether an earlier try left it, and its lineage; None
    if the next record was archived and is put back.
    """
    if kept.new and kept.case:
        parents = kept.content["lineage"]["parents"]
        look = partial(lineage_of, kept.case, recorder, parents)
        *_, traced = recorder.at_once([*_to_finish(job_id, kept, recorder), look])
        return kept.case, False, traced
    finish(job_id, kept, recorder)
    key = evidence_key(job_id, kept.revision + 1)
    left = recorder.archive.get(key)
    if left is not None and restore(job_id, kept.revision + 1, recorder):
        return None
    case = case_behind(job_id, kept, recorder)
    if left is not None:
        case = left_case(left, case.evidence, key, recorder, not kept.interim)
    return case, left is not None, lineage_of(case, recorder)


def first_record(
    case: Case, recorder: Recorder, previous: Committed | None = None, action: Mapping[str, str] | None = None
) -> Committed | None:
    """Record a run from its case, after the interim record, if there is one; None if another worker did."""
    case = put_evidence(case, previous.revision + 1 if previous else 0, recorder)
    index_run(case.run, recorder.index)
    return commit(examine(case, lineage_of(case, recorder), recorder), previous, recorder, action)


def sign(case: Case, content: dict[str, Any], signer: Signer) -> bytes:
    """The signed record: one DSSE envelope line over an in-toto statement about the evidence file."""
    return enveloped(statement(case.run.arn, case.digest, content), signer)


def enveloped(payload: bytes, signer: Signer) -> bytes:
    """The line of an envelope with one signature over a statement."""
    digest = sha256(pre_authentication_encoding(PAYLOAD_TYPE, payload)).digest()
    return envelope_line(payload, keyid(signer.public_key()), signer.sign(digest))


def summary(
    content: Mapping[str, Any], lineage: Lineage, tags: Sequence[Mapping[str, str]] | None = None
) -> dict[str, str]:
    """The attributes that records are listed and found by; FLOP as decimal strings, absent where not known.

    `lineage` is the job id of the first root: all jobs that continue it are found by it. `tags` is the digest of the
    tags that the record rests on, so that a later change of them is noticed. A record made while the run was still
    going on is `interim`.
    """
    roots = sorted(root.job_id for root in lineage.roots()) or [content["job"]["id"]]
    seen = {} if tags is None else {"tags": digest_of_tags(tags)}
    interim = {} if content["job"]["finished"] else {"interim": "true"}
    return {**listed(content), "lineage": roots[0], **seen, **interim}


def bill_found_by(content: Mapping[str, Any]) -> dict[str, str]:
    """The attributes that a statement on a bill is found by: none of those that records are."""
    return {"kind": BILL, "recorded_at": content["recorded_at"]}


def listed(content: Mapping[str, Any]) -> dict[str, str]:
    """Of those attributes what the record itself says."""
    job = content["job"]
    members = {
        "job_id": job["id"],
        "job_name": job["name"],
        "job_arn": job["arn"],
        "region": job["region"],
        "status": job["status"],
        "verdict": content["verdict"],
        "method": content["estimate"]["method"],
        "best_flop": content["cumulative"]["best_flop"],
        "upper_flop": content["cumulative"]["upper_flop"],
        "base_model": content["original"]["base_model"],
        "ended_at": job["end"] or job["creation_time"],
        "recorded_at": content["recorded_at"],
    }
    return {key: value for key, value in members.items() if value}


def alert_people(job_id: str, kept: Committed, recorder: Recorder) -> None:
    """Tell people about a job that is not below, or whose verdict has changed, once.

    A verdict that only waits for a parent whose audit is under way is not told, and neither is its end: a moment
    later the parent's commit settles it, and if that audit fails, an alarm tells of its dead letter. What it is then is
    news beside the last verdict that waited for nothing.
    """
    if _only_waits(kept.content):
        return
    content, revision = _beside_what_was_told(job_id, kept, recorder), kept.revision
    name = f"{revision:06d}#{content['verdict']}"
    if not is_news(content) or (not kept.new and recorder.records.alert_sent(job_id, name)):
        return
    cause, number = cause_of(content), None
    if cause is not None:
        number = _number_today(job_id, cause, name, recorder, again=not kept.new)
        if number is None:
            return
    all_clear = content["verdict"] == "below" and not above_but_for_its_word(content)
    if all_clear and not was_told(job_id, revision, recorder):
        return
    alert = compose(content, _case_at_hand(job_id, kept, recorder))
    if number == MOST_OF_ONE_CAUSE:
        last = LAST_OF_ITS_CAUSE.format(count=number, cause=cause, verdict=content["verdict"])
        alert = replace(alert, body=alert.body + last)
    recorder.alerts.send(alert)
    recorder.records.note_alerts(job_id, [name], recorder.clock())


def _only_waits(content: Mapping[str, Any]) -> bool:
    """Whether nobody is told of a record, since a parent's commit settles it. Of a stop people are told at once."""
    return content["verdict"] == "indeterminate" and not content["action"] and awaits_parent(content)


def _beside_what_was_told(job_id: str, kept: Committed, recorder: Recorder) -> Mapping[str, Any]:
    """A record's predicate, with the verdict before it of which people may know: of records that only waited nobody was
    told. Where that is not known, one of them is lost or they are more than MOST_WAITED, people are told.
    """
    before = kept.content["previous_verdict"]
    for revision in range(kept.revision - 1, max(-1, kept.revision - 1 - MOST_WAITED), -1):
        if before != "indeterminate":
            break
        line = recorder.archive.get(record_key(job_id, revision))
        earlier = None if line is None else predicate_of(line)
        if earlier is not None and not _only_waits(earlier):
            break
        before = earlier["previous_verdict"] if earlier is not None else None
    else:
        before = None if before == "indeterminate" else before
    return {**kept.content, "previous_verdict": before}


def _case_at_hand(job_id: str, kept: Committed, recorder: Recorder) -> Case | None:
    """What a record rests on; None where that is lost or cannot be read, of which people are told all the same."""
    try:
        return case_behind(job_id, kept, recorder)
    except AuditorError:
        return None


def _number_today(job_id: str, cause: str, alert: str, recorder: Recorder, *, again: bool) -> int | None:
    """Which alert of its cause this is today, counted from 1; None beyond the last one, of which the job keeps a note,
    so that no later look at it mails it after all. One that is tried `again` has the number that it took.
    """
    now = recorder.clock()
    if recorder.records.noted(job_id, f"unmailed#{alert}"):
        return None
    for number in range(1, MOST_OF_ONE_CAUSE + 1) if again else ():
        if recorder.records.noted(job_id, f"number#{number:02}#{alert}"):
            return number
    for number in range(1, MOST_OF_ONE_CAUSE + 1):
        if recorder.records.note(ALERTS_BY_CAUSE, f"{now:%Y-%m-%d}#{cause}#{number}", now):
            recorder.records.note(job_id, f"number#{number:02}#{alert}", now)
            return number
    recorder.records.note(job_id, f"unmailed#{alert}", now)
    return None


def was_told(job_id: str, revision: int, recorder: Recorder) -> bool:
    """Whether people were told of an earlier revision, so that an all-clear makes sense to them."""
    names = (f"{earlier:06d}#{verdict}" for earlier in range(revision) for verdict in ("above", "indeterminate"))
    asked = [partial(tried, partial(recorder.records.alert_sent, job_id, name)) for name in names]
    return any(answer() for answer in in_groups(asked, recorder.at_once))
