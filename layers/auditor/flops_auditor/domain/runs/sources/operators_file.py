"""A file that the operator of a cluster hands in, by run: Slurm's accounting, or objects of Kubernetes.

A file is bounded as a whole, and so is what is kept of one run: what is beyond is left out, which forbids "below".
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from flops_auditor.domain.runs.sources.cluster_run import KUBERNETES, SLURM
from flops_auditor.domain.runs.sources.host_lists import hosts_named
from flops_auditor.domain.runs.sources.kubernetes_file import kubernetes_runs
from flops_auditor.domain.runs.sources.operators_word import MalformedOperatorsFile
from flops_auditor.domain.runs.sources.slurm_file import is_of_a_step, slurm_lines
from flops_auditor.domain.runs.sources.slurm_rows import columns_of, hosts_of_line
from flops_auditor.domain.runs.sources.slurm_steps import outside
from flops_auditor.domain.values.canonical_json import each_key_once
from flops_auditor.domain.values.texts import whole_json

LARGEST_FILE = 256 << 20
MOST_LINES = 1_000_000
MOST_RUNS = 20_000
"""Each is audited."""
MOST_STAYS = 2_000_000
"""Of all runs together, one for each host of each."""
LARGEST_TOLD = 1_500_000
"""Characters that are kept of one run: evidence that every verifier reads holds them with room."""


@dataclass(frozen=True)
class OperatorsFile:
    """A file, read: by run what it tells of it, as `describe_run` takes it. `lines_of_no_run` are how many lines or
    objects cannot be read, nor which run they are of; `other_kinds` are kinds of objects that are no runs, and `latest`
    is the latest time in any object.
    """

    orchestrator: str
    told: Mapping[str, Mapping[str, Any]]
    digest: str
    size: int
    lines_of_no_run: int
    other_kinds: tuple[str, ...] = ()
    latest: datetime | None = None


def read_operators_file(body: bytes) -> OperatorsFile:
    """Read a file. Raises MalformedOperatorsFile where it is none, or too large."""
    if len(body) > LARGEST_FILE:
        raise MalformedOperatorsFile(f"it has {len(body)} bytes, and {LARGEST_FILE} are read: export less time at once")
    read = _kubernetes if body[:100].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else _slurm
    file = read(body)
    if len(file.told) > MOST_RUNS:
        raise MalformedOperatorsFile(
            f"it has {len(file.told)} runs, and {MOST_RUNS} are read: export less time at once"
        )
    return file


def _slurm(body: bytes) -> OperatorsFile:
    if body.count(b"\n") > MOST_LINES:
        raise MalformedOperatorsFile(f"it has more than {MOST_LINES} lines: export less time at once")
    text = body.decode("utf-8", "replace")  # what is no UTF-8 stands in a name, or makes its line unreadable
    lines = slurm_lines(text.split("\n"))
    places, told, named = columns_of(lines.header), dict[str, dict[str, Any]](), 0
    for run, of_run in lines.of_runs.items():
        once = dict.fromkeys(of_run)
        steps = {line: hosts_of_line(line, places) for line in once if is_of_a_step(line, places["JobID"])}
        whole = [line for line in once if line not in steps]
        named += hosts_named([*(hosts_of_line(line, places) for line in whole), *set(steps.values())])
        _bound_hosts(named)  # before any of them is written out
        if whole:
            beside = set(outside(lines.header, whole, sorted(steps, key=steps.__getitem__)))
            once = dict.fromkeys([*whole, *(line for line in steps if line in beside)])
        named += hosts_named(steps[line] for line in once if line in steps)
        _bound_hosts(named)
        told[run] = {"Header": lines.header, **_lines(list(once))}
    return OperatorsFile(SLURM, told, sha256(body).hexdigest(), len(body), lines.torn)


def _bound_hosts(named: int) -> None:
    if named > MOST_STAYS:
        raise MalformedOperatorsFile(f"its runs had hosts more than {MOST_STAYS} times: export less time at once")


def _lines(lines: Sequence[str]) -> dict[str, Any]:
    """The lines of a run that say anything: steps that lie in its allocations do not."""
    kept = list(_bounded((line, len(line)) for line in lines))
    return {"Lines": kept, "LeftOut": len(lines) - len(kept)}


def _kubernetes(body: bytes) -> OperatorsFile:
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        document = json.loads(whole_json(text), object_pairs_hook=each_key_once)
    except (ValueError, RecursionError) as error:
        raise MalformedOperatorsFile(f"it is not JSON: {error}") from error
    runs = kubernetes_runs(document)
    told = {}
    for uid, objects in runs.of_runs.items():
        kept = list(_bounded((each, len(json.dumps(each))) for each in objects))
        told[uid] = {"Objects": kept, "LeftOut": len(objects) - len(kept)}
    return OperatorsFile(
        KUBERNETES, told, sha256(body).hexdigest(), len(body), runs.torn, runs.other_kinds, runs.latest
    )


def _bounded(parts: Iterable[tuple[Any, int]]) -> Iterator[Any]:
    """As many as there is room for."""
    room = LARGEST_TOLD
    for part, size in parts:
        room -= size
        if room < 0:
            return
        yield part
