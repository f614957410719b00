"""Take better evidence from a person: a new signed record supersedes, the old one stays, descendants follow."""

from dataclasses import replace

from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.case import case_of
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.audit_job import Outcome, settle
from flops_auditor.use_cases.auditing.keep_record import (
    MOST_ROUNDS,
    NotSettled,
    bring_up_to_date,
    case_behind,
    commit,
    examine,
    lineage_of,
    newest,
    put_evidence,
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
        kept = newest(job_id, recorder)
        if kept is None or kept.interim:
            raise NothingToAmend(f"job {job_id} has no record" if kept is None else f"job {job_id} is running")
        evidence = case_behind(job_id, kept, recorder).evidence
        if amendment in evidence.amendments:
            return settle(job_id, recorder, "assessed again")
        amended = replace(evidence, amendments=(*evidence.amendments, amendment))
        case = case_of(amended, recorder.parsers)
        if put_evidence(case, kept.revision + 1, recorder) is case:
            commit(examine(case, lineage_of(case, recorder), recorder), kept, recorder)
        else:
            bring_up_to_date(job_id, recorder)  # another's evidence is there already: its record comes first
    raise NotSettled(f"{job_id} changed {MOST_ROUNDS} times while it was amended")
