"""A made-up law with one line and one dated duty, and what may become of it."""

import json
from typing import Any

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.tables import Tables, parse_tables

DUTY = {"what": "Tell the office", "article": "Act 2", "reading": "text", "within_days": 5, "since": "met"}
LINE = {
    "scenario": "wave",
    "title": "Wave",
    "when": {"role": ["modifier"]},
    "threshold": "1e20",
    "comparison": "greater than",
    "basis": "updates",
    "meaning": "the model is a wave",
    "reading": "ours",
    "left_open": "which sea",
    "source": "Act 1",
    "duties": ["tell"],
}
LAW = {
    "id": "tide",
    "title": "Tides",
    "jurisdiction": "Mars",
    "in_force": "2030-01-01",
    "sources": [],
    "duties": {"tell": DUTY},
    "groups": [[LINE]],
}


def under(**changes: Any) -> Tables:
    """The tables of an audit under the law, as changed."""
    files = {name: body for name, body in load_tables().files.items() if not name.startswith("policies/")}
    return parse_tables({**files, "policies/tide.json": json.dumps({**LAW, **changes}).encode()})
