"""Noting the auditor's tags of a running job, and saying later what they were."""

from collections.abc import Sequence
from dataclasses import replace

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.tags_seen import MOST_SEEN, TagsSeen, own_tags
from flops_auditor.use_cases.auditing.recording import Recorder


def with_tags_seen(case: Case, looks: Sequence[TagsSeen]) -> Case:
    """A case whose evidence holds what the tags were before, where they were something else."""
    now = own_tags(case.run.tags)
    seen = tuple(look for look in looks if look.tags != now)
    if not seen or case.evidence.tags is None:
        return case
    evidence = replace(case.evidence, tags_seen=seen)
    return Case(evidence, case.run)


def note_tags(case: Case, recorder: Recorder) -> None:
    """Note the tags of a running job if they are not those that were noted last."""
    if case.evidence.tags is None:
        return
    now, seen = own_tags(case.run.tags), recorder.records.tags_seen(case.run.job_id)
    if len(seen) < MOST_SEEN and (not seen or seen[-1].tags != now):
        recorder.records.note_tags(case.run.job_id, TagsSeen(recorder.clock(), now))
