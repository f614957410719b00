"""Take better evidence from a person: a new signed record supersedes, the old one stays, descendants follow."""

from dataclasses import replace

from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.evidence import parse_evidence
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.audit_job import Outcome, settle
from flops_auditor.use_cases.auditing.keep_record import (
    MOST_ROUNDS,
    NotSettled,
    bring_up_to_date,
    commit,
    evidence_of,
    examine,
    is_interim,
)
from flops_auditor.use_cases.auditing.recording import Recorder


class NothingToAmend(AuditorError):
    """The job has no record that could be superseded."""

    remedy = "Wait until the job has ended and is recorded; list records with `flops-auditor records list`."


def amend(job_id: str, amendment: Amendment, recorder: Recorder) -> Outcome:
    """Record the evidence with the amendment added. Repeating it, also after a crash, records it once.

    Raises MalformedAmendment, NothingToAmend, EvidenceLost, NotSettled.
    """
    amendment.check()
    for _ in range(MOST_ROUNDS):
        stored = recorder.records.latest(job_id)
        if stored is None or is_interim(stored):
            raise NothingToAmend(f"job {job_id} has no record" if stored is None else f"job {job_id} is running")
        evidence = parse_evidence(evidence_of(job_id, stored.revision, recorder))
        if amendment in evidence.amendments:
            return settle(job_id, recorder, "assessed again")
        body = replace(evidence, amendments=(*evidence.amendments, amendment)).to_bytes()
        key = evidence_key(job_id, stored.revision + 1)
        if recorder.archive.put_if_absent(key, body) or recorder.archive.get(key) == body:
            commit(body, examine(body, recorder), stored, recorder)
        else:
            bring_up_to_date(job_id, recorder)  # another's evidence stands there: its record comes first
    raise NotSettled(f"{job_id} changed {MOST_ROUNDS} times while it was amended")
