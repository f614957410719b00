"""Take better evidence from a person: a new signed record supersedes, the old one stays, descendants follow."""

from dataclasses import replace

from flops_auditor.domain.runs.amendment import Amendment, MalformedAmendment
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.sources.cases import kept_case
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.json_size import LARGEST_EVIDENCE, is_readable
from flops_auditor.use_cases.auditing.ask_again import ask_again
from flops_auditor.use_cases.auditing.audit_job import Outcome, settle
from flops_auditor.use_cases.auditing.keep_record import (
    MOST_ROUNDS,
    Committed,
    Examined,
    NotSettled,
    bring_up_to_date,
    case_behind,
    commit,
    examine,
    finish,
    lineage_of,
    newest,
    put_evidence,
)
from flops_auditor.use_cases.auditing.recording import Recorder


class NothingToAmend(AuditorError):
    """The job has no record that could be superseded."""

    remedy = "Wait until the job has ended and is recorded; list records with `flops-auditor records list`."


def foresee(job_id: str, amendment: Amendment, recorder: Recorder) -> Examined:
    """What a record with the amendment would say; nothing is kept. Raises as `amend` does."""
    case = _amended(_kept(job_id, recorder), job_id, amendment.check(), recorder)
    return examine(case, lineage_of(case, recorder), recorder)


def amend(job_id: str, amendment: Amendment, recorder: Recorder) -> Outcome:
    """Record the evidence with the amendment added. Repeating it, also after a crash, records it once.

    Raises MalformedAmendment, NothingToAmend, EvidenceLost, NotSettled, and what `ask_again` raises.
    """
    amendment.check()
    for _ in range(MOST_ROUNDS):
        kept = _kept(job_id, recorder)
        kept = replace(kept, case=case_behind(job_id, kept, recorder))
        if kept.case and amendment in kept.case.evidence.amendments:
            return settle(job_id, recorder, "assessed again", kept)
        case = _amended(kept, job_id, amendment, recorder)
        finish(job_id, kept, recorder)  # who recorded it may have died before people were told
        if put_evidence(case, kept.revision + 1, recorder) is case:
            made = commit(examine(case, lineage_of(case, recorder), recorder), kept, recorder)
            if made is not None:
                return settle(job_id, recorder, "assessed again", made)
        else:
            bring_up_to_date(job_id, recorder)  # another's evidence is there already: its record comes first
    raise NotSettled(f"{job_id} changed {MOST_ROUNDS} times while it was amended")


def _kept(job_id: str, recorder: Recorder) -> Committed:
    kept = newest(job_id, recorder)
    if kept is None or kept.interim:
        raise NothingToAmend(f"job {job_id} has no record" if kept is None else f"job {job_id} is running")
    return kept


def _amended(kept: Committed, job_id: str, amendment: Amendment, recorder: Recorder) -> Case:
    before = case_behind(job_id, kept, recorder)
    case = ask_again(before, recorder) if amendment.asked_again else before
    evidence = replace(case.evidence, amendments=(*case.evidence.amendments, amendment))
    case = kept_case(Case(evidence, case.run), recorder.services)
    if not is_readable(case.body, LARGEST_EVIDENCE):
        raise MalformedAmendment("the evidence of the job has no room for more amendments")
    return case
