"""Assess a recorded job again with today's tables: a record that says otherwise is superseded, any other one stays.

An instance type that was unknown when the job ended, and is in today's table, is settled this way.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flops_auditor.domain.audit.record import WORDS, comparable_with, result
from flops_auditor.domain.audit.tables import policy_name
from flops_auditor.domain.runs.sources.cases import kept_case
from flops_auditor.domain.values.differences import Difference, differences
from flops_auditor.use_cases.auditing.audit_job import settle
from flops_auditor.use_cases.auditing.find_lineage import recorded_lineage
from flops_auditor.use_cases.auditing.keep_record import (
    Examined,
    case_behind,
    commit,
    examine,
    finish,
    lineage_of,
    newest,
    put_evidence,
    since,
)
from flops_auditor.use_cases.auditing.recording import Recorder

MOST_DIFFERENCES = 1000


@dataclass(frozen=True)
class Judged:
    """What today's tables say of a job. `tables` are the files that changed since its newest record was made.

    `differences` say what a new record would say otherwise, words aside; none: the record stays.
    """

    job_id: str
    revision: int
    verdict: str
    tables: tuple[str, ...]
    differences: tuple[Difference, ...]


def reassess_record(job_id: str, recorder: Recorder) -> Judged | None:
    """Supersede a job's record if today's tables change it; None for a job without a record or still running.

    Its descendants are then assessed again, as after every new record. A rehearsed recorder changes nothing. Raises
    EvidenceLost, NotSettled.
    """
    kept = newest(job_id, recorder)
    if kept is None or kept.interim:
        return None
    before = kept.content
    tables = tuple(since(kept, recorder).tables)
    case = kept_case(case_behind(job_id, kept, recorder), recorder.services)
    examined = examine(case, lineage_of(case, recorder), recorder)
    changed = tuple(islice(what_changes(before, examined, recorder, tables), MOST_DIFFERENCES))
    judged = Judged(job_id, kept.revision, examined.audited.verdict, tables, changed)
    if not changed:
        return judged
    finish(job_id, kept, recorder)  # who recorded it may have died before people were told
    if put_evidence(case, kept.revision + 1, recorder) is case:
        made = commit(examined, kept, recorder, reassessed=True)
        settle(job_id, recorder, "assessed again", made)
    else:
        settle(job_id, recorder, "assessed again")  # another's evidence is there already: its record comes first
    return Judged(job_id, kept.revision + 1, examined.audited.verdict, tables, changed)


def what_changes(
    before: Mapping[str, Any], examined: Examined, recorder: Recorder, tables: Collection[str]
) -> list[Difference]:
    """What a new record would say otherwise: figures, verdicts, doubts, duties, lineage, and of lines that are not
    below what it says of the law; not how it words the rest. `tables` are the files that changed.
    """
    again = comparable_with(before, result(examined.audited, examined.packed))
    old, new = (_comparable(content) for content in (before, again))
    changed = list(differences({name: old.get(name) for name in again}, new, without=WORDS))
    laws = {each.policy_id for each in recorder.tables.policies if policy_name(each.policy_id) in tables}
    changed += differences(_told_of_laws(before, laws), _told_of_laws(again, laws), path="assessments")
    lineage = recorded_lineage(dict(before), recorder.archive)
    if not examined.lineage.lineage.same_as(lineage):
        ancestors = (len(known.ancestors) for known in (lineage, examined.lineage.lineage))
        changed.append(Difference("lineage.ancestors", *ancestors))
    return changed


def _told_of_laws(content: Mapping[str, Any], changed: Collection[str]) -> dict[str, Any]:
    """What people are told of a law where a line is not below: what it means and asks for, and by which sentence
    (docs/adr/0006). Remarks that quote it are compared where its file changed: else only their own words can have.
    """
    told = {}
    for a in content["assessments"]:
        bound = {name: a.get(name) for name in _OF_A_LINE}
        remarks = [each["words"] for each in (*a["doubts"], *a["notes"])] if a["policy"] in changed else []
        duties = {d["id"]: {name: d.get(name) for name in _OF_A_DUTY} for d in a["duties"]}
        every = {**bound, "remarks": remarks, "duties": duties}
        told[f"{a['policy']}.{a['scenario']}"] = {} if a["verdict"] == "below" else every
    return told


_OF_A_LINE = ("basis", "source", "meaning", "left_open", "condition", "limited_to")
_OF_A_DUTY = ("what", "article", "left_open", "exempt")


def _comparable(content: Mapping[str, Any]) -> dict[str, Any]:
    """A record's content without its ancestors, its lines in one order: the order of policies decides nothing."""
    lines = sorted(content["assessments"], key=lambda each: (each["policy"], each["scenario"]))
    without = content["rests_on"]["without_statements"]
    rests_on = content["rests_on"]
    if without:
        others = sorted(without["assessments"], key=lambda each: (each["policy"], each["scenario"]))
        rests_on = {**rests_on, "without_statements": {**without, "assessments": others}}
    return {**content, "cumulative": _sums(content), "assessments": lines, "rests_on": rests_on}


def _sums(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content["cumulative"].items() if name != "ancestors"}
