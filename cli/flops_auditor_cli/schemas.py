"""The JSON Schemas (2020-12) of what commands print with `--output json`: `flops-auditor schema NAME`.

Every member is always there, null or empty where there is nothing. An amount is a JSON number to compare and, under its
name with `_exact`, the exact decimal text; both are null where it is not known. A schema that loses or changes a member
gets a new version.
"""

from collections.abc import Mapping
from typing import Any

BASE_URL = "https://flops-auditor.dev/schemas"
VERSION = 1
Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
MAYBE: Schema = {"type": ["string", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": ["number", "null"]}
FLAG: Schema = {"type": "boolean"}
MAYBE_FLAG: Schema = {"type": ["boolean", "null"]}
MAYBE_COUNT: Schema = {"type": ["integer", "null"]}
DIGEST: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
VERDICT: Schema = {"enum": ["below", "indeterminate", "above"]}
AMOUNT: Schema = {"type": "amount"}
"""Stands for two members: the number, and the exact text."""
AMOUNTS = frozenset(
    {
        "accelerator_seconds",
        "all_tokens",
        "best_flop",
        "billed_seconds",
        "by_time_alone_seconds",
        "cautious_upper_flop",
        "ceiling_flop",
        "ceiling_flop_per_s",
        "charged_tokens",
        "charged_units",
        "energy_kwh",
        "explained_seconds",
        "firm_flop",
        "highest_flop",
        "host_seconds",
        "hours",
        "implied_utilisation",
        "inherited_flop",
        "lower_flop",
        "merged_flop",
        "most_tokens",
        "occupancy",
        "other_pretraining_flop",
        "params_active",
        "params_total",
        "peak_flop_per_s",
        "power_watts",
        "prefill_tokens",
        "pretraining_flop",
        "pretraining_tokens",
        "sample_tokens",
        "signal_flop",
        "threshold_flop",
        "trainable_parameters",
        "training_tokens",
        "unexplained_seconds",
        "units",
        "unexplained_host_seconds",
        "unknown_host_seconds",
        "updates_best_flop",
        "updates_lower_flop",
        "updates_upper_flop",
        "upper_flop",
        "weak_pretraining_flop",
    }
)
"""Members that are amounts, wherever they are."""


def thing(members: Mapping[str, Schema]) -> Schema:
    """An object with exactly these members."""
    properties: dict[str, Schema] = {}
    for name, schema in members.items():
        if (schema is AMOUNT) != (name in AMOUNTS):
            raise ValueError(f"{name} is an amount in one place and not in another")
        properties[name] = NUMBER if schema is AMOUNT else schema
        if schema is AMOUNT:
            properties[f"{name}_exact"] = MAYBE
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def many(item: Schema) -> Schema:
    """An array."""
    return {"type": "array", "items": item}


def maybe(schema: Schema) -> Schema:
    """This, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def joined(*schemas: Schema) -> Schema:
    """The members of all."""
    properties = {name: each for schema in schemas for name, each in schema["properties"].items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def fields_of(schema: Schema) -> tuple[str, ...]:
    """The members of an object that a line of CSV has: amounts as exact texts, nothing that has members itself."""
    members = schema["properties"].items()
    flat = (
        name for name, each in members if each.get("type") != "object" and "properties" not in each.get("items", {})
    )
    return tuple(name for name in flat if not name.endswith("_exact"))


def named(item: Schema) -> Schema:
    """An object whose members have names of their own."""
    return {"type": "object", "additionalProperties": item}


_TOKENS = ("training_tokens", "sample_tokens", "prefill_tokens", "all_tokens", "most_tokens")
"""What a service may charge for: kinds of tokens, all of them, or what there were at most."""
REMARK = thing({"kind": TEXT, "words": TEXT, "settle": maybe(thing({"kind": TEXT, "words": TEXT, "settle": MAYBE}))})
SOURCE: Schema = {"enum": ["measured", "emitted", "declared", "table", "amended"]}
_WITHOUT: dict[str, Schema] = {
    "activity": TEXT,
    "lower_flop": AMOUNT,
    "firm_flop": AMOUNT,
    "best_flop": AMOUNT,
    "cautious_upper_flop": AMOUNT,
    "updates_upper_flop": AMOUNT,
    "base_model": TEXT,
    "pretraining_flop": AMOUNT,
    "loads_weights": MAYBE_FLAG,
    "doubtful": FLAG,
}
RESTS_ON = thing(
    {
        "grounds": many(thing({"source": SOURCE, "what": TEXT, "value": TEXT, "verdict_without": maybe(VERDICT)})),
        "milder": many(TEXT),
        "verdict_without_statements": VERDICT,
        "on_the_jobs_word": FLAG,
        "trusts_statements": FLAG,
        "without_statements": maybe(
            thing(
                {
                    **_WITHOUT,
                    "method": TEXT,
                    "upper_flop": AMOUNT,
                    "assessments": many(
                        thing(
                            {
                                "policy": TEXT,
                                "scenario": TEXT,
                                "title": TEXT,
                                "threshold_flop": AMOUNT,
                                "verdict": VERDICT,
                                "best_flop": AMOUNT,
                                "upper_flop": AMOUNT,
                            }
                        )
                    ),
                }
            )
        ),
    }
)
DUTY = thing(
    {
        "id": TEXT,
        "state": {
            "enum": ["owed", "unless confirmed", "disputed", "owed once in force", "if over", "by another wording"]
        },
        "what": TEXT,
        "article": TEXT,
        "to": TEXT,
        "within_days": MAYBE_COUNT,
        "since": MAYBE,
        "reading": TEXT,
        "left_open": TEXT,
        "exempt": maybe(
            thing(
                {
                    "what": TEXT,
                    "article": TEXT,
                    "licence": {"enum": ["not stated", "free", "other", "unknown"]},
                    "by_tag": FLAG,
                }
            )
        ),
        "until": MAYBE,
        "no_later_day": MAYBE,
        "form": MAYBE,
        "in_force": MAYBE,
        "until_article": MAYBE,
    }
)
ASSESSMENT = thing(
    {
        "policy": TEXT,
        "scenario": TEXT,
        "title": TEXT,
        "threshold_flop": AMOUNT,
        "comparison": {"enum": ["greater than", "at least"]},
        "verdict": VERDICT,
        "reason": TEXT,
        "basis": {"enum": ["updates", "cumulative"]},
        "inherited_flop": AMOUNT,
        "reading": TEXT,
        "left_open": TEXT,
        "source": TEXT,
        "meaning": TEXT,
        "condition": TEXT,
        "condition_asks": MAYBE,
        "limited_to": TEXT,
        "met_at": MAYBE,
        "met_from": MAYBE,
        "lower_flop": AMOUNT,
        "best_flop": AMOUNT,
        "upper_flop": AMOUNT,
        "lower_share": NUMBER,
        "best_share": NUMBER,
        "upper_share": NUMBER,
        "rests_on": many(SOURCE),
        "verdict_without_statements": maybe(VERDICT),
        "role": MAYBE,
        "in_force": MAYBE,
        "wording_of": MAYBE,
        "duties": many(DUTY),
        "doubts": many(REMARK),
        "notes": many(REMARK),
        "settle": many(REMARK),
    }
)
BILLABLE_TOKENS = thing(dict.fromkeys(_TOKENS, AMOUNT))
JOB = thing(
    {
        "source": TEXT,
        "kind": TEXT,
        "name": TEXT,
        "arn": MAYBE,
        "region": MAYBE,
        "id": MAYBE,
        "status": TEXT,
        "finished": FLAG,
        "succeeded": FLAG,
        "activity": TEXT,
        "creation_time": MAYBE,
        "start": MAYBE,
        "end": MAYBE,
        "instances": many(thing({"type": TEXT, "count": COUNT})),
        "billable_tokens": maybe(BILLABLE_TOKENS),
    }
)
TIER = thing(
    {
        "method": TEXT,
        "lower_flop": AMOUNT,
        "best_flop": AMOUNT,
        "upper_flop": AMOUNT,
        "basis": TEXT,
        "implied_utilisation": AMOUNT,
    }
)
ESTIMATE = thing(
    {
        "method": TEXT,
        "lower_flop": AMOUNT,
        "firm_flop": AMOUNT,
        "best_flop": AMOUNT,
        "upper_flop": AMOUNT,
        "cautious_upper_flop": AMOUNT,
        "updates_upper_flop": AMOUNT,
        "signal_flop": AMOUNT,
        "ceiling_flop": AMOUNT,
        "accelerator_seconds": AMOUNT,
        "peak_flop_per_s": AMOUNT,
        "occupancy": AMOUNT,
        "energy_kwh": AMOUNT,
        "assumptions": many(REMARK),
        "doubts": many(REMARK),
        "tiers": many(TIER),
    }
)
ANCESTOR = thing(
    {
        "job_arn": TEXT,
        "job_id": TEXT,
        "best_flop": AMOUNT,
        "upper_flop": AMOUNT,
        "activity": TEXT,
        "revision": COUNT,
        "doubts": many(REMARK),
        "parents": many(TEXT),
        "base_model": TEXT,
        "pretraining_flop": AMOUNT,
        "lower_flop": AMOUNT,
        "firm_flop": AMOUNT,
        "updates_upper_flop": AMOUNT,
        "signal_flop": AMOUNT,
        "stated": named({}),
        "failed": FLAG,
        "loads_weights": MAYBE_FLAG,
        "without_statements": maybe(thing(_WITHOUT)),
        "other_names": many(TEXT),
    }
)
DUE = thing({"policy": TEXT, "duty": TEXT, "day": TEXT})
SUMS = thing({"best_flop": AMOUNT, "upper_flop": AMOUNT})
ORIGINAL = thing(
    {
        "base_model": TEXT,
        "pretraining_flop": AMOUNT,
        "highest_flop": AMOUNT,
        "systemic_risk": FLAG,
        "general_purpose": MAYBE_FLAG,
        "ours": MAYBE_FLAG,
        "source": TEXT,
    }
)
OF_A_WAY = thing(
    {
        "policy": TEXT,
        "scenario": TEXT,
        "threshold_flop": AMOUNT,
        "lower_flop": AMOUNT,
        "best_flop": AMOUNT,
        "upper_flop": AMOUNT,
        "lower_share": NUMBER,
        "best_share": NUMBER,
        "upper_share": NUMBER,
        "verdict": VERDICT,
        "basis": {"enum": ["updates", "cumulative"]},
        "reading": TEXT,
        "reason": TEXT,
        "expected_hours_to_threshold": NUMBER,
        "earliest_hours_to_threshold": NUMBER,
    }
)
_ASSESSED = thing(
    {
        "job": JOB,
        "estimate": ESTIMATE,
        "cumulative": joined(SUMS, thing({"lower_flop": AMOUNT, "ancestors": many(ANCESTOR)})),
        "original": ORIGINAL,
        "assessments": many(ASSESSMENT),
        "not_assessed": many(REMARK),
        "verdict": VERDICT,
        "due": many(DUE),
        "notification_due": MAYBE,
    }
)
_RESTING = joined(_ASSESSED, thing({"rests_on": RESTS_ON}))
AUDIT = joined(_RESTING, thing({"stated": named({})}))
RECORD = joined(
    _RESTING,
    thing(
        {
            "lineage": thing(
                {
                    "parents": many(TEXT),
                    "ancestors": COUNT,
                    "updates_lower_flop": AMOUNT,
                    "updates_best_flop": AMOUNT,
                    "updates_upper_flop": AMOUNT,
                    "merged_flop": AMOUNT,
                    "doubts": many(REMARK),
                    "notes": many(REMARK),
                    "kept": maybe(named({})),
                    "base_model": TEXT,
                    "other_names": many(TEXT),
                    "pretraining_flop": AMOUNT,
                    "loads_weights": MAYBE_FLAG,
                    "stated": named({}),
                }
            ),
            "ledger_id": TEXT,
            "revision": COUNT,
            "recorded_at": TEXT,
            "code_version": TEXT,
            "tables": named(DIGEST),
            "supersedes": maybe(DIGEST),
            "previous_verdict": maybe(VERDICT),
            "changes": many(thing({"policy": TEXT, "scenario": TEXT, "from": maybe(VERDICT), "to": maybe(VERDICT)})),
            "action": maybe(thing({"kind": TEXT, "requested_at": TEXT, "reason": TEXT})),
            "reassessed": maybe(thing({"tables": named(maybe(DIGEST)), "code_version": TEXT})),
            "evidence_sha256": DIGEST,
            "key_id": DIGEST,
        }
    ),
)
PLANNED = joined(
    ASSESSMENT,
    thing({"expected_hours_to_threshold": NUMBER, "earliest_hours_to_threshold": NUMBER}),
)
PLAN = joined(
    _ASSESSED,
    thing(
        {
            "assessments": many(PLANNED),
            "stated": named({}),
            "contradictions": many(REMARK),
            "methods": many(
                thing(
                    {
                        "method": TEXT,
                        "trainable_parameters": AMOUNT,
                        "lower_flop": AMOUNT,
                        "best_flop": AMOUNT,
                        "upper_flop": AMOUNT,
                        "hours": AMOUNT,
                        "energy_kwh": AMOUNT,
                        "assessments": many(OF_A_WAY),
                        "verdict": VERDICT,
                    }
                )
            ),
        }
    ),
)
LISTED = thing(
    {
        "job_name": TEXT,
        "verdict": VERDICT,
        "verdict_without_statements": VERDICT,
        "lower_flop": AMOUNT,
        "best_flop": AMOUNT,
        "upper_flop": AMOUNT,
        "compared_with": COUNT,
        "nearest_policy": MAYBE,
        "nearest_scenario": MAYBE,
        "threshold_flop": AMOUNT,
        "best_share": NUMBER,
        "upper_share": NUMBER,
        "method": TEXT,
        "status": TEXT,
        "base_model": TEXT,
        "started_at": MAYBE,
        "ended_at": MAYBE,
        "recorded_at": TEXT,
        "revision": COUNT,
        "region": TEXT,
        "job_arn": TEXT,
        "job_id": DIGEST,
    }
)
COMPARED_JOB = thing(
    {
        "region": TEXT,
        "name": TEXT,
        "status": TEXT,
        "ended_at": TEXT,
        "arn": TEXT,
        "job_id": DIGEST,
        "action": TEXT,
    }
)
COMPARISON = thing(
    {
        "compared_at": TEXT,
        "complete_to": MAYBE,
        "regions": many(
            thing(
                {
                    "region": TEXT,
                    "listed": COUNT,
                    "finished": COUNT,
                    "settling": COUNT,
                    "missing": COUNT,
                    "error": MAYBE,
                }
            )
        ),
        "jobs": many(COMPARED_JOB),
    }
)
WATCHED = thing(
    {
        "job": thing({"name": TEXT, "arn": TEXT, "id": DIGEST, "region": TEXT}),
        "cumulative": joined(SUMS, thing({"ancestors": COUNT})),
        "outlooks": many(
            thing(
                {
                    "policy": TEXT,
                    "scenario": TEXT,
                    "threshold_flop": AMOUNT,
                    "verdict": VERDICT,
                    "lower_share": NUMBER,
                    "best_share": NUMBER,
                    "upper_share": NUMBER,
                    "projected_best_share": NUMBER,
                    "projected_upper_share": NUMBER,
                    "seconds_left": NUMBER,
                    "crosses_at": MAYBE,
                }
            )
        ),
    }
)
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
HOURS_OF_BILL = thing(
    {
        "billed_seconds": AMOUNT,
        "explained_seconds": AMOUNT,
        "by_time_alone_seconds": AMOUNT,
        "unexplained_seconds": AMOUNT,
        "unknown_host_seconds": AMOUNT,
        "ceiling_flop": AMOUNT,
    }
)
_OF_BILL: dict[str, Schema] = {"door": TEXT, "title": TEXT, "purpose": {"enum": ["training", "possible", "other"]}}
BILL_DAY = joined(thing({"day": TEXT, **_OF_BILL}), HOURS_OF_BILL)
BILL = joined(
    thing(
        {
            "complete": FLAG,
            "share": maybe(SHARE),
            "from": MAYBE,
            "until": MAYBE,
            "accounts": many(TEXT),
            "jobs_compared": COUNT,
        }
    ),
    HOURS_OF_BILL,
    thing(
        {
            "days": many(BILL_DAY),
            "rest": many(
                thing(
                    {
                        **_OF_BILL,
                        **{"account": TEXT, "region": TEXT, "host": TEXT, "resource": TEXT, "reason": TEXT},
                        **{"from": TEXT, "until": TEXT, "host_seconds": AMOUNT, "accelerator_seconds": AMOUNT},
                        "ceiling_flop": AMOUNT,
                    }
                )
            ),
            "charges": many(
                thing(
                    {
                        **{"day": TEXT, **_OF_BILL, "account": TEXT, "region": TEXT, "usage_type": TEXT},
                        **{"resource": TEXT, "unit": TEXT, "charged_units": AMOUNT, "charged_tokens": AMOUNT},
                        **{"tokens_compared": FLAG, "reason": MAYBE, "ceiling_flop": AMOUNT},
                    }
                )
            ),
            "doubts": many(REMARK),
        }
    ),
)
CLUSTER_AUDIT = thing(
    {
        **{"run": TEXT, "job_arn": TEXT, "name": TEXT, "status": TEXT, "finished": FLAG, "start": MAYBE, "end": MAYBE},
        **{"accelerator_seconds": AMOUNT, "lower_flop": AMOUNT, "best_flop": AMOUNT, "upper_flop": AMOUNT},
        "verdict": VERDICT,
        "doubts": many(REMARK),
    }
)
_SPAN = thing({"from": TEXT, "until": TEXT})
CLUSTER = thing(
    {
        "complete": FLAG,
        "cluster": TEXT,
        "orchestrator": TEXT,
        "file_sha256": DIGEST,
        "file_bytes": COUNT,
        "lines_of_no_run": COUNT,
        "runs_without_hosts": COUNT,
        "other_kinds": many(TEXT),
        "accelerator_seconds": AMOUNT,
        "unexplained_seconds": AMOUNT,
        "ceiling_flop": AMOUNT,
        "runs": many(CLUSTER_AUDIT),
        "hosts": many(
            thing(
                {
                    **{"host": TEXT, "group": TEXT, "instance_type": TEXT, "from": TEXT, "until": TEXT},
                    **{"host_seconds": AMOUNT, "unexplained_host_seconds": AMOUNT, "ceiling_flop": AMOUNT},
                    "unexplained": many(_SPAN),
                }
            )
        ),
        "doubts": many(REMARK),
    }
)
RECORDED_RUN = thing({"job_name": TEXT, "job_arn": TEXT, "job_id": DIGEST, "outcome": TEXT, "verdict": TEXT})
UTILISATION = thing(
    {
        "hardware_class": TEXT,
        "accelerators": many(TEXT),
        "runs": COUNT,
        **dict.fromkeys(("lowest", "p5", "p25", "median", "p75", "highest"), SHARE),
    }
)
INSTANCE_TYPE = thing(
    {
        "instance_type": TEXT,
        "units": AMOUNT,
        "unit": TEXT,
        "peak_flop_per_s": AMOUNT,
        "basis": TEXT,
        "ceiling_flop_per_s": AMOUNT,
        "power_watts": AMOUNT,
        "power_basis": TEXT,
        "confidence": TEXT,
        "source": TEXT,
        "unit_source": TEXT,
    }
)
POLICY_RULE = thing(
    {
        "policy": TEXT,
        "on_by_default": FLAG,
        "title": TEXT,
        "jurisdiction": TEXT,
        "in_force": TEXT,
        "scenario": TEXT,
        "threshold_title": TEXT,
        "role": TEXT,
        "original": TEXT,
        "threshold": TEXT,
        "basis": TEXT,
        "meaning": TEXT,
        "duties": many(thing({"what": TEXT, "article": TEXT, "to": TEXT, "within_days": MAYBE_COUNT})),
        "reading": TEXT,
        "left_open": TEXT,
        "disputed_if_crossed": TEXT,
        "source": TEXT,
    }
)
MODEL = thing(
    {
        "model_id": TEXT,
        "aliases": many(TEXT),
        "developer": TEXT,
        "params_total": AMOUNT,
        "params_active": AMOUNT,
        "pretraining_tokens": AMOUNT,
        "pretraining_flop": AMOUNT,
        "weak_pretraining_flop": AMOUNT,
        "other_pretraining_flop": AMOUNT,
        "systemic_risk": MAYBE_FLAG,
        "method": TEXT,
        "explanation": TEXT,
        "confidence": TEXT,
        "source": TEXT,
    }
)
LEDGER_FINDING = thing(
    {
        "error": TEXT,
        "message": TEXT,
        "index": MAYBE_COUNT,
        "weight": TEXT,
        "remedy": TEXT,
    }
)
DRAFT = thing(
    {
        "to": TEXT,
        "article": TEXT,
        "what": TEXT,
        "day": TEXT,
        "model": TEXT,
        "job_arn": TEXT,
        "trigger": TEXT,
        "threshold_flop": AMOUNT,
        "rounded_flop": TEXT,
        "exact_flop": TEXT,
        "upper_flop": AMOUNT,
        "inherited_flop": AMOUNT,
        "approach": TEXT,
        "approximations": many(TEXT),
        "uncertainties": many(TEXT),
        "met_at": MAYBE,
        "open": TEXT,
        "in_force": MAYBE,
        "generates": FLAG,
    }
)
FORM_FIELD = thing(
    {
        "name": TEXT,
        "kind": TEXT,
        "asks": TEXT,
        "receivers": many(TEXT),
        "answer": MAYBE,
        "exact": TEXT,
        "to_fill_in": TEXT,
        "notes": many(TEXT),
        "sources": many(thing({"job_arn": TEXT, "job_id": DIGEST, "revision": COUNT, "members": many(TEXT)})),
    }
)
FORM = thing(
    {
        "form": TEXT,
        "form_source": TEXT,
        "models": many(TEXT),
        "scope": TEXT,
        "runs": many(thing({"name": TEXT, "arn": TEXT, "revision": COUNT, "recorded_at": TEXT})),
        "missing": COUNT,
        "missing_runs": many(TEXT),
        "verdict": VERDICT,
        "on_the_jobs_word": FLAG,
        "fields": many(FORM_FIELD),
        "standings": many(
            thing(
                {
                    "title": TEXT,
                    "threshold_flop": AMOUNT,
                    "lower_flop": AMOUNT,
                    "best_flop": AMOUNT,
                    "upper_flop": AMOUNT,
                    "verdict": VERDICT,
                    "verdict_in_words": TEXT,
                }
            )
        ),
        "doubts": many(TEXT),
        "notifications": many(DRAFT),
    }
)
FINDING = thing({"check": TEXT, "ok": FLAG, "state": TEXT, "detail": TEXT, "remedy": TEXT, "names": many(TEXT)})
SCHEMAS: dict[str, tuple[str, Schema]] = {
    "audit": ("`audit`: one job, computed now.", AUDIT),
    "plan": ("`plan`: a run before its launch.", PLAN),
    "pipeline": (
        "`plan` of a pipeline's definition: its training steps, and those that train or may train and are not counted.",
        thing(
            {
                "verdict": VERDICT,
                "steps": many(thing({"step": TEXT, "plan": PLAN})),
                "not_counted": many(thing({"step": TEXT, "type": TEXT, "trains": FLAG})),
            }
        ),
    ),
    "record": ("`records show`: the newest record of a job.", RECORD),
    "records": ("`records list`: the newest record of every job.", thing({"records": many(LISTED), "left_out": COUNT})),
    "lineage": (
        "`records lineage`: the runs that a job continues.",
        thing(
            {
                "job": JOB,
                "estimate": SUMS,
                "cumulative": SUMS,
                "parents": many(TEXT),
                "ancestors": many(ANCESTOR),
                "not_counted": many(TEXT),
                "doubts": many(REMARK),
            }
        ),
    ),
    "bill": ("`explain-bill`: the bill beside the records; time is in seconds of accelerators.", BILL),
    "cluster": ("`explain-cluster`: runs on a HyperPod cluster; time is in seconds of accelerators.", CLUSTER),
    "cluster-records": (
        "`record-cluster`: what became of the runs of a file.",
        thing({"dry_run": FLAG, "runs": many(RECORDED_RUN), "failures": many(TEXT)}),
    ),
    "form": ("`form`: the compute, time and energy part of a form that a duty asks for.", FORM),
    "drafts": ("`notify-draft`: what an authority is to be told.", thing({"drafts": many(DRAFT)})),
    "watch": ("`watch`: the jobs in progress.", thing({"as_of": TEXT, "jobs": many(WATCHED), "failures": many(TEXT)})),
    "doctor": (
        "`doctor`: the health of the deployment.",
        thing(
            {
                "healthy": FLAG,
                "at": TEXT,
                "findings": many(FINDING),
                "comparison": maybe(COMPARISON),
            }
        ),
    ),
    "reconcile": ("`reconcile`: finished jobs without a record.", joined(COMPARISON, thing({"dry_run": FLAG}))),
    "reassess": (
        "`reassess`: records that today's tables change.",
        thing(
            {
                "dry_run": FLAG,
                "assessed": COUNT,
                "records": many(
                    thing(
                        {
                            "job_name": TEXT,
                            "job_id": DIGEST,
                            "revision": COUNT,
                            "before": VERDICT,
                            "verdict": VERDICT,
                            "change": TEXT,
                            "tables": TEXT,
                            "changes": TEXT,
                        }
                    )
                ),
                "failures": many(TEXT),
            }
        ),
    ),
    "regions": (
        "`regions`: which regions forward the ends of training jobs to the stack's region.",
        thing(
            {
                "home_region": TEXT,
                "forwarding": COUNT,
                "regions": many(thing({"region": TEXT, "state": TEXT, "action": TEXT, "error": TEXT})),
            }
        ),
    ),
    "redrive": (
        "`redrive`: dead letters, and what became of them.",
        thing(
            {
                "dry_run": FLAG,
                "letters": many(
                    thing({"queue": TEXT, "message_id": TEXT, "job": TEXT, "reason": TEXT, "action": TEXT})
                ),
            }
        ),
    ),
    "amend": (
        "`amend`: a record before and after better evidence.",
        thing(
            {
                "dry_run": FLAG,
                "settled": FLAG,
                "unchanged": FLAG,
                "missing": many(TEXT),
                "before": joined(SUMS, thing({"verdict": VERDICT, "method": TEXT, "revision": COUNT})),
                "after": joined(SUMS, thing({"verdict": VERDICT, "method": TEXT, "revision": MAYBE_COUNT})),
                "record": AUDIT,
            }
        ),
    ),
    "instance-types": ("`catalog instance-types`.", thing({"instance_types": many(INSTANCE_TYPE)})),
    "policies": ("`catalog policies`: one entry for each threshold.", thing({"policies": many(POLICY_RULE)})),
    "utilisation": (
        "`catalog utilisation`: shares of the peak that published runs used, by hardware.",
        thing({"utilisation": many(UTILISATION)}),
    ),
    "models": ("`catalog models`.", thing({"models": many(MODEL)})),
    "model": (
        "`catalog explain`: what a name means.",
        thing(
            {
                "model": TEXT,
                "resolved": maybe(MODEL),
                "reason": TEXT,
                "near": many(TEXT),
                "thresholds": many(
                    thing({"policy": TEXT, "scenario": TEXT, "threshold_flop": AMOUNT, "meaning": TEXT})
                ),
            }
        ),
    ),
    "verification": (
        "`verify`: whether a bundle is what was signed.",
        thing(
            {
                "verdict": {
                    "enum": ["valid", "valid, but stale", "valid, with reservations", "tampered", "cannot verify"]
                },
                "ledger_id": TEXT,
                "kind": TEXT,
                "selection": TEXT,
                "left_out": TEXT,
                "size": COUNT,
                "records": COUNT,
                "checkpoints": COUNT,
                "root": TEXT,
                "sealed_at": MAYBE,
                "pinned": FLAG,
                "pins": many(COUNT),
                "keys_given": FLAG,
                "followed": FLAG,
                "elsewhere": COUNT,
                "superseded_elsewhere": COUNT,
                "recorded_by": named(COUNT),
                "recorded_by_others": COUNT,
                "assessed_under": named(COUNT),
                "assessed_under_others": COUNT,
                "bills": many(
                    thing(
                        {
                            "leaf": COUNT,
                            "period": TEXT,
                            "revision": COUNT,
                            "begins": TEXT,
                            "ends": TEXT,
                            "share": TEXT,
                            "complete": FLAG,
                            "who": TEXT,
                            "identity": TEXT,
                            "recorded_at": TEXT,
                            "billed_nanoseconds": TEXT,
                            "explained_nanoseconds": TEXT,
                            "open": many({"enum": ["hours", "charges", "doubts"]}),
                            "size": TEXT,
                            "most_before_nanoseconds": TEXT,
                            "least_share_before": TEXT,
                        }
                    )
                ),
                "more_bills": COUNT,
                "recomputed_by": MAYBE,
                "findings": many(LEDGER_FINDING),
                "reservations": many(LEDGER_FINDING),
                "more": named(COUNT),
            }
        ),
    ),
    "export": (
        "`export`: the bundle that was written.",
        thing({"path": TEXT, "selection": TEXT, "records": COUNT, "size": COUNT}),
    ),
    "report": (
        "`report`: the page that was written, how many jobs it counts by verdict, and what goes through shut doors.",
        thing(
            {
                "path": TEXT,
                "jobs": COUNT,
                "above": COUNT,
                "indeterminate": COUNT,
                "word": COUNT,
                "below": COUNT,
                "not_assessed": COUNT,
                "not_looked_after": many(TEXT),
            }
        ),
    ),
    "keys": (
        "`keys list`: the keys that sign the ledger.",
        thing({"keys": many(thing({"role": TEXT, "keyid": DIGEST, "state": {"enum": ["in force", "replaced"]}}))}),
    ),
    "statements": (
        "`models show`: what only people know of models.",
        thing(
            {
                "version": {"type": ["integer", "null"]},
                "models": many(thing({"model": TEXT, "said": TEXT, "who": TEXT, "why": TEXT, "at": TEXT})),
            }
        ),
    ),
    "rotation": ("`keys rotate`: what was asked for.", thing({"role": TEXT, "number": COUNT, "new_key_id": TEXT})),
    "rebuilt": (
        "`rebuild-index`: what was put back.",
        thing(
            {
                "written": COUNT,
                "known": COUNT,
                "logged": COUNT,
                "skipped": many(thing({"key": TEXT, "reason": TEXT})),
            }
        ),
    ),
    "restored": (
        "`restore-stack`: what a deleted stack kept.",
        thing(
            {
                "dry_run": FLAG,
                "resources": many(thing({"logical_id": TEXT, "type": TEXT, "physical_id": TEXT})),
            }
        ),
    ),
}


def url_of(name: str) -> str:
    """Where a schema is published."""
    return f"{BASE_URL}/{name}-{VERSION}.json"


def schema_of(name: str) -> Schema:
    """A schema as it is published."""
    title, body = SCHEMAS[name]
    head = thing({"schema": {"const": url_of(name)}, "version": {"const": VERSION}})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": url_of(name),
        "title": title,
        **joined(head, body),
    }


def versioned(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document as machines get it: with its schema, numbers beside exact texts, and no member left out."""
    return {"schema": url_of(name), "version": VERSION, **_whole(document)}


_EMPTY_DUTY: dict[str, Any] = {
    "exempt": None,
    "until": None,
    "no_later_day": None,
    "until_article": None,
    "form": None,
    "in_force": None,
}
_EMPTY_ANCESTOR: dict[str, Any] = {
    "doubts": [],
    "parents": [],
    "base_model": "",
    "pretraining_flop": None,
    "lower_flop": None,
    "firm_flop": None,
    "updates_upper_flop": None,
    "signal_flop": "0",
    "stated": {},
    "failed": False,
    "loads_weights": False,
    "without_statements": None,
    "other_names": [],
}


def _whole(value: Any) -> Any:
    if isinstance(value, Mapping):
        members = dict(value)
        if {"kind", "words"} <= members.keys() <= {"kind", "words", "settle"}:
            members.setdefault("settle", None)
        if {"job_id", "activity", "upper_flop"} <= members.keys():
            members = _EMPTY_ANCESTOR | members
        if {"article", "state", "what"} <= members.keys():
            members = _EMPTY_DUTY | members
        if {"activity", "instances", "succeeded"} <= members.keys():
            charged = members.get("billable_tokens")
            members["billable_tokens"] = charged and dict.fromkeys(_TOKENS) | dict(charged)
        if {"scenario", "basis", "inherited_flop"} <= members.keys():
            members = {"role": None, "in_force": None, "wording_of": None} | members
        numbers: dict[str, Any] = {}
        for name, each in members.items():
            if name in AMOUNTS:
                known = each not in (None, "")
                numbers[name] = _number(each) if known else None
                numbers[f"{name}_exact"] = str(each) if known else None
            else:
                numbers[name] = _whole(each)
        return numbers
    return [_whole(each) for each in value] if isinstance(value, (list, tuple)) else value


def _number(amount: Any) -> int | float:
    """An amount as a number to compare: exact where every reader of JSON reads it so (RFC 7493, section 2.2)."""
    number = float(amount)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
