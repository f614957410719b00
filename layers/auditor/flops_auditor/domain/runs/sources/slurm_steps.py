"""Steps of a job of Slurm: each lies in the time of its allocations, on hosts of these, or contradicts them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from flops_auditor.domain.runs.sources.slurm_rows import ROUNDING, SlurmRow, columns_of, rows_of
from flops_auditor.domain.runs.training_time import Span, merge

_MOST_COMPARED = 100_000
"""Spans of one run: what nobody has compared contradicts."""
_ANY = ""
"""Stands for any host: of a step that names none."""


class AllocatedHosts:
    """When the allocations of a run had which host; what follows within the rounding of times is one span."""

    def __init__(self, rows: Iterable[SlurmRow]) -> None:
        spans: defaultdict[str, list[Span]] = defaultdict(list)
        for row in rows:
            if row.start is not None:
                for host in (_ANY, *row.hosts):
                    spans[host].append(Span(row.start, max(row.start, row.until)))
        once = dict[tuple[Span, ...], tuple[Span, ...]]()
        joined = {host: merge(each, ROUNDING) for host, each in spans.items()}
        self._spans = {host: once.setdefault(each, each) for host, each in joined.items()}
        self._of_all = dict[tuple[str, ...], tuple[Span, ...]]()
        self._compared = 0

    def cover(self, row: SlurmRow) -> bool:
        """Whether they had all hosts of a row for all its time, or it never began."""
        if row.start is None:
            return True
        start, spans = row.start, self._when_all(row.hosts or (_ANY,))
        place = bisect_right(spans, ROUNDING, key=lambda span: span.start - start)
        return place > 0 and row.until - spans[place - 1].end <= ROUNDING

    def _when_all(self, hosts: tuple[str, ...]) -> tuple[Span, ...]:
        """When they had all of these, worked out once: most steps have the same ones, for the same time."""
        if hosts not in self._of_all:
            unlike = {id(spans): spans for spans in (self._spans.get(host, ()) for host in hosts)}
            self._compared += sum(map(len, unlike.values()))
            self._of_all[hosts] = _in_all(unlike.values()) if self._compared <= _MOST_COMPARED else ()
        return self._of_all[hosts]


def _in_all(several: Collection[Sequence[Span]]) -> tuple[Span, ...]:
    """The times that lie in a span of each, whose own spans lie apart."""
    if len(several) == 1:
        return tuple(*several)
    edges = sorted(edge for spans in several for span in spans for edge in ((span.start, 0), (span.end, 1)))
    common, now = list[Span](), 0
    begun: datetime | None = None
    for moment, is_end in edges:
        if is_end and now == len(several) and begun is not None:
            common.append(Span(begun, moment))
        now += -1 if is_end else 1
        begun = moment if now == len(several) else None
    return tuple(common)


def outside(header: str, whole: Sequence[str], steps: Sequence[str]) -> list[str]:
    """Lines of steps that do not lie in their run's allocations, of which `whole` are the lines. Raises
    MalformedOperatorsFile.
    """
    if not steps:
        return []
    places = columns_of(header)
    allocated = AllocatedHosts(rows_of(places, whole)[0])
    of_a_step = [places[name] for name in ("Start", "End", "Elapsed", "State", "NodeList")]
    inside, contradicting = set[tuple[str, ...]](), list[str]()
    for line in steps:
        texts = line.split("|")
        times_and_hosts = tuple(texts[place] for place in of_a_step) if len(texts) == len(places) else ()
        if times_and_hosts in inside:
            continue
        rows, _ = rows_of(places, [line])
        if not all(map(allocated.cover, rows)):
            contradicting.append(line)
        elif rows:
            inside.add(times_and_hosts)
    return contradicting
