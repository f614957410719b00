"""The predicate of a signed record: everything a regulator needs, FLOP as decimal strings (docs/ledger.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from flops_auditor.domain.audit.assessment_words import assessment_members
from flops_auditor.domain.compute.tiers import Tier
from flops_auditor.domain.law.assessment import crossed_lines
from flops_auditor.domain.law.due_dates import DueDate, due_dates
from flops_auditor.domain.lineage.kept_ancestors import Packed
from flops_auditor.domain.lineage.lineage import to_json
from flops_auditor.domain.values.json_size import MOST_REMARKS
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.remarks import Kind, Remark, printable

if TYPE_CHECKING:  # a plan spells its document here, too, and needs no audit
    from flops_auditor.domain.audit.audit import Audit
    from flops_auditor.domain.compute.run_estimate import Estimate

_MOST_CHARACTERS = 500
BILLABLE_TOKENS = "billable_tokens"
"""The member of a record's job that counts what its service charges for."""
MORE = Kind("more", "and {count} more, see the evidence")


WORDS = frozenset(
    {
        "words",
        "reason",
        "meaning",
        "basis",
        "notes",
        "assumptions",
        "source",
        "title",
        "left_open",
        "condition",
        "limited_to",
        "what",
        "article",
        "grounds",
        "milder",
        "trusts_statements",
    }
)
"""Members of an audit that explain, and decide nothing: a record is not superseded for them alone. What people are told
to do, and by which article, is looked at besides (docs/adr/0006).
"""


@dataclass(frozen=True)
class Reassessed:
    """Which files changed since `code_version` made the record before; a record without new evidence was made for them.

    `tables` are their digests in the record before, by name; None for a file that it did not use.
    """

    tables: Mapping[str, str | None]
    code_version: str


def decimal(value: int | Fraction | None, places: int = 6) -> str | None:
    """A number as a plain decimal string with at most `places` decimals; None stays None."""
    if value is None:
        return None
    number = Fraction(value)
    if number.denominator == 1:
        return str(number.numerator)
    scaled = round(number * 10**places)
    sign, digits = ("-" if scaled < 0 else ""), str(abs(scaled)).rjust(places + 1, "0")
    return (sign + digits[:-places] + "." + digits[-places:]).rstrip("0").rstrip(".")


def spoken(remarks: Sequence[Remark], job: str) -> list[dict[str, Any]]:
    """Remarks as records hold them: kind, words, and what would settle a doubt; bounded, so that hostile input cannot
    make a record too large to store. `job` is its ARN, since others may have its name, for commands.
    """
    shown = [remark.to_json(job) for remark in remarks[:MOST_REMARKS]]
    if len(remarks) > MOST_REMARKS:
        shown.append(MORE(count=len(remarks) - MOST_REMARKS).to_json(job))
    return shown


def tier_members(tier: Tier) -> dict[str, str | None]:
    """A tier as records and plans spell it; FLOP as decimal texts."""
    return {
        "method": tier.method,
        "lower_flop": decimal(tier.lower_flop),
        "best_flop": decimal(tier.best_flop),
        "upper_flop": decimal(tier.upper_flop),
        "basis": tier.basis.words,
        "implied_utilisation": decimal(tier.implied_utilisation),
    }


def result(audit: "Audit", packed: Packed | None = None) -> dict[str, Any]:
    """An audit as JSON: the fields of `flops-auditor audit --output json` and of every record.

    `packed` says which ancestors are listed, and where the others are kept; without it all are listed.
    """
    estimate, cumulative, arn = audit.estimate, audit.cumulative, printable(audit.run.arn)
    held = packed or Packed(audit.lineage.ancestors)
    ended = audit.run.ended.date() if audit.run.ended else None
    return {
        "job": job_part(audit),
        "estimate": {
            **_bounds(estimate),
            "signal_flop": decimal(estimate.signal_flop),
            "ceiling_flop": decimal(estimate.ceiling_flop),
            "accelerator_seconds": decimal(estimate.accelerator_seconds),
            "peak_flop_per_s": decimal(estimate.peak_flop_per_s),
            "occupancy": decimal(estimate.occupancy),
            "energy_kwh": decimal(estimate.energy_kwh),
            "assumptions": spoken(estimate.assumptions, arn),
            "doubts": spoken(estimate.doubts, arn),
            "tiers": [tier_members(tier) for tier in estimate.tiers],
        },
        "cumulative": {
            "lower_flop": decimal(cumulative.lower_flop),
            "best_flop": decimal(cumulative.best_flop),
            "upper_flop": decimal(cumulative.upper_flop),
            "ancestors": [to_json(ancestor) for ancestor in held.listed],
        },
        "original": {
            "base_model": audit.base_model[:_MOST_CHARACTERS],
            "pretraining_flop": decimal(audit.original.pretraining_flop),
            "highest_flop": decimal(audit.original.highest_flop),
            "systemic_risk": audit.original.systemic_risk,
            "general_purpose": audit.original.general_purpose,
            "ours": audit.original.ours,
            "source": audit.original.source,
        },
        "assessments": [
            assessment_members(a, arn, audit.declared.stated, ended, audit.assessments) for a in audit.assessments
        ],
        "not_assessed": spoken(audit.not_assessed, arn),
        "verdict": audit.verdict,
        "rests_on": rests_on_members(audit),
    }


def rests_on_members(audit: "Audit") -> dict[str, Any]:
    """What the verdict rests on, and the run without its own word; null where that is the same."""
    rests, careful = audit.rests_on, audit.without_statements
    grounds, milder = (rests.grounds, rests.milder) if rests else ((), ())
    return {
        "grounds": [
            {"source": g.source, "what": g.what, "value": g.value, "verdict_without": g.verdict_without}
            for g in grounds[:MOST_REMARKS]
        ],
        "milder": [ground.words for ground in milder[:MOST_REMARKS]],
        "verdict_without_statements": careful.verdict,
        "on_the_jobs_word": audit.on_the_jobs_word,
        "trusts_statements": audit.trusts_statements,
        "without_statements": None if not milder else _without_statements(careful),
    }


def _bounds(estimate: "Estimate") -> dict[str, str | None]:
    """How an estimate was made, and its figures; FLOP as decimal texts."""
    return {
        "method": estimate.method,
        "lower_flop": decimal(estimate.lower_flop),
        "firm_flop": decimal(estimate.firm_flop),
        "best_flop": decimal(estimate.best_flop),
        "upper_flop": decimal(estimate.upper_flop),
        "cautious_upper_flop": decimal(estimate.cautious_upper_flop),
        "updates_upper_flop": decimal(estimate.updates_upper_flop),
    }


def _without_statements(careful: "Audit") -> dict[str, Any]:
    """The figures that descendants add up, and the lines, of a run without its own word."""
    estimate, declared = careful.estimate, careful.declared
    return {
        "activity": declared.activity,
        **_bounds(estimate),
        "base_model": declared.base_model[:_MOST_CHARACTERS],
        "pretraining_flop": decimal(declared.pretraining_flop),
        "loads_weights": declared.loads_weights,
        "doubtful": bool(estimate.doubts),
        "assessments": [
            {
                "policy": a.policy,
                "scenario": a.scenario,
                "title": a.rule.title,
                "threshold_flop": str(a.threshold_flop),
                "verdict": a.verdict,
                "best_flop": decimal(a.counted.best_flop),
                "upper_flop": decimal(a.counted.upper_flop),
            }
            for a in careful.assessments
        ],
    }


def unrecorded(audit: "Audit", now: datetime) -> dict[str, Any]:
    """An audit that nothing is kept of, as JSON, with the days that follow from when its lines were crossed."""
    return {
        **result(audit),
        "stated": audit.declared.stated.to_json(),
        **due_part(due_dates(crossed_lines(audit.assessments), {}, now)),
    }


def due_part(due: Sequence[DueDate]) -> dict[str, Any]:
    """The days of dated duties, and the earliest of them, by which records are looked through."""
    return {"due": [each.to_json() for each in due], "notification_due": due[0].day if due else None}


def job_part(audit: "Audit") -> dict[str, Any]:
    """Who the job is, and what its service charges for: hosts from start to end, or tokens."""
    run = audit.run
    charged = {BILLABLE_TOKENS: run.billable_tokens.to_json()} if run.billable_tokens else {}
    return {
        "source": run.source,
        "kind": run.kind,
        "name": run.name,
        "arn": run.arn,
        "region": run.region,
        "id": run.job_id,
        "status": run.status,
        "finished": run.finished,
        "succeeded": run.succeeded,
        "activity": audit.declared.activity,
        "creation_time": iso(run.created) if run.created else None,
        "start": iso(run.started) if run.started else None,
        "end": iso(run.ended) if run.ended else None,
        "instances": [{"type": g.instance_type, "count": g.instance_count} for g in run.hosts],
        **charged,
    }


def comparable_with(recorded: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """An audit as a record has it that may be of a version which counted no billable tokens: such a record lacks them,
    and says nothing else than one with them.
    """
    if BILLABLE_TOKENS in recorded["job"]:
        return dict(content)
    return {**content, "job": {name: value for name, value in content["job"].items() if name != BILLABLE_TOKENS}}


def changes(audit: "Audit", previous: Mapping[str, Any]) -> list[dict[str, str | None]]:
    """Verdicts that are not those of the previous record; `from` or `to` is None for a scenario that does not apply."""
    before = {(a["policy"], a["scenario"]): a["verdict"] for a in previous["assessments"]}
    now = {(a.policy, a.scenario): a.verdict for a in audit.assessments}
    compared = [(line, before.get(line), now.get(line)) for line in dict.fromkeys((*now, *before))]
    return [{"policy": p, "scenario": s, "from": old, "to": new} for (p, s), old, new in compared if old != new]


def lineage_part(audit: "Audit", packed: Packed | None) -> dict[str, Any]:
    """What the job continues, what it says itself of its original, and where ancestors are kept that are not listed."""
    return {
        "parents": list(audit.lineage.parents),
        "ancestors": len(audit.cumulative.ancestors),
        "updates_lower_flop": decimal(audit.cumulative.updates.lower_flop),
        "updates_best_flop": decimal(audit.cumulative.updates.best_flop),
        "updates_upper_flop": decimal(audit.cumulative.updates.upper_flop),
        "merged_flop": decimal(audit.original.merged_flop),
        "doubts": spoken(audit.lineage.doubts, printable(audit.run.arn)),
        "notes": spoken(audit.lineage.notes, printable(audit.run.arn)),
        "kept": asdict(packed.kept) if packed and packed.kept else None,
        "base_model": audit.declared.base_model[:_MOST_CHARACTERS],
        "other_names": list(audit.other_names),
        "pretraining_flop": decimal(audit.declared.pretraining_flop),
        "loads_weights": audit.declared.loads_weights,
        "stated": audit.declared.stated.to_json(),
    }


def predicate(
    audit: "Audit",
    *,
    ledger_id: str,
    revision: int,
    recorded_at: datetime,
    code_version: str,
    table_digests: Mapping[str, str],
    supersedes: str | None = None,
    previous: Mapping[str, Any] | None = None,
    packed: Packed | None = None,
    due: Sequence[DueDate] = (),
    action: Mapping[str, str] | None = None,
    reassessed: Reassessed | None = None,
) -> dict[str, Any]:
    """The predicate of a record. `supersedes` is the SHA-256 of the envelope line that this record replaces.

    `previous` is the predicate of that line; what it said differently stands under `changes`.
    `due` are the days by which duties are due, the earliest first; `action` is what the auditor itself did to the job:
    {"kind": "stop", "requested_at", "reason"}. `reassessed` says that other tables or another version of the code are
    why the record was made.
    """
    return {
        **result(audit, packed),
        "lineage": lineage_part(audit, packed),
        "ledger_id": ledger_id,
        "revision": revision,
        "recorded_at": iso(recorded_at),
        "code_version": code_version,
        "tables": dict(table_digests),
        "supersedes": supersedes,
        "previous_verdict": previous["verdict"] if previous else None,
        "changes": changes(audit, previous) if previous else [],
        **due_part(due),
        "action": None if action is None else dict(action),
        "reassessed": None if reassessed is None else asdict(reassessed),
    }
