"""A round of the watch through every door: what runs behind each is looked at, training jobs first."""

from collections.abc import Callable, Sequence
from dataclasses import fields

from flops_auditor.use_cases.auditing.watch_jobs import Turn, Watched, Watcher, watch_jobs


def watch_doors(watchers: Sequence[Watcher], out_of_time: Callable[[], bool], turn: Turn) -> Watched:
    """One round of each door; what all of them did together."""
    whole = Watched()
    for watcher in watchers:
        done = watch_jobs(watcher, out_of_time, turn)
        for each in fields(Watched):
            setattr(whole, each.name, getattr(whole, each.name) + getattr(done, each.name))
    return whole
