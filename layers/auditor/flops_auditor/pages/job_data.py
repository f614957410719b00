"""All jobs for the script of the page, compact: what many of them have in common stands once."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flops_auditor.domain.messages.report.job_line import JobLine
from flops_auditor.domain.messages.report.verdict_words import words_of
from flops_auditor.domain.values.amounts import flop, percent
from flops_auditor.domain.values.visible import as_written

FIRST_ROWS = 200
"""Jobs that stand in the page as a table, for a reader without scripts and for paper; the script shows the others."""
_ESCAPED = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})
"""No markup can begin or end in a script element (HTML Living Standard, 4.12.1.3)."""


class _Shared:
    """Values that rows name by their place."""

    def __init__(self) -> None:
        self.places: dict[Any, int] = {}

    def place(self, value: Any) -> int:
        """Where it stands."""
        return self.places.setdefault(value, len(self.places))


def job_data(jobs: Iterable[JobLine], places: Mapping[str, str]) -> str:
    """JSON for a script element: {"shared": {column: values}, "rows": [...]}, FLOP and shares as texts for people."""
    shared = {name: _Shared() for name in _SHARED}
    rows = [
        [
            as_written(line.name) + (f" ({as_written(places[line.job_id])})" if line.job_id in places else ""),
            flop(line.lower_flop, "lower"),
            flop(line.best_flop),
            flop(line.upper_flop, "upper"),
            percent(line.nearest.upper_share, "upper") if line.nearest else "",
            line.ended[:10],
            *(shared[name].place(value(line)) for name, value in _SHARED.items()),
        ]
        for line in jobs
    ]
    document = {"shared": {name: list(each.places) for name, each in shared.items()}, "rows": rows}
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).translate(_ESCAPED)


def _verdict(line: JobLine) -> tuple[str, str, str]:
    words = words_of(line)
    return words.label, words.mark, words.tone


_SHARED: dict[str, Callable[[JobLine], Any]] = {
    "verdict": _verdict,
    "line": lambda line: (as_written(line.nearest.title), line.nearest.called) if line.nearest else ("", ""),
    "model": lambda line: as_written(line.base_model),
    "method": lambda line: line.method,
    "region": lambda line: as_written(line.region),
    "status": lambda line: as_written(line.status),
}
