"""Random honest histories of meters: steps, checkpoints, rollbacks, kills; held against a plain count of what was done.

Each line is whole: what the run has and what it lost are all that was done, and no line says less than the one before.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from flops_meter import FlopsMeter
from flops_meter import journal as journal_module
from flops_meter.account import Account
from flops_meter.job import Job
from flops_meter.journal import Journal, Settings
from flops_meter.lines import verify
from flops_meter.ranks import Ranks
from flops_meter.size import ModelSize
from flops_meter.work import Gaps, Totals

ARN = "arn:aws:sagemaker:eu-central-1:123456789012:training-job/history"
ROWS = torch.randn(16, 8)
WIDTHS = (4, 8)
COSTS = tuple(2 * 16 * 8 * width * 2 for width in WIDTHS)
"""A forward, and the gradient of the weights."""


@dataclass
class Plain:
    """The same by hand: what each count has, whose meters they are, and all that was done."""

    done: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    since: list[int] = field(default_factory=list)
    """What each meter did since it was made or went back to what it kept itself."""

    def step(self, meter: int) -> None:
        self.done += COSTS[meter]
        self.since[meter] += COSTS[meter]
        self.counts[self.names[meter]] = self.counts.get(self.names[meter], 0) + COSTS[meter]

    def begin(self, names: list[str]) -> None:
        """A process begins."""
        self.counts, self.names, self.since = {}, names, [0 for _ in names]

    def load(self, meter: int, kept: "Kept") -> None:
        """A meter goes on from a checkpoint. What it did under another name goes on counting."""
        before = self.names[meter]
        self.counts.pop(before, None)
        if before == kept.name:
            self.since[meter] = 0
        self.names[meter] = kept.name
        self.counts = {**kept.beside, **self.counts, kept.name: kept.counted + self.since[meter]}


@dataclass(frozen=True)
class Kept:
    """A checkpoint of one meter."""

    state: dict[str, Any]
    name: str
    counted: int
    beside: dict[str, int]


class History:
    """Two meters of one job, such as those of a generator and its discriminator."""

    def __init__(self, folder: Path, interval_seconds: float) -> None:
        self.said: list[str] = []
        self.settings = Settings(interval_seconds, self.said.append, folder / "state.json", None, Job(ARN, "history"))
        self.models = [nn.Linear(8, width, bias=False) for width in WIDTHS]
        self.plain = Plain()
        self.meters: list[FlopsMeter] = []
        self.begin()

    def begin(self) -> None:
        """A process begins; the one before was killed."""
        for each in self.meters:
            each._journal._finished = True
            each._guarded = lambda *_: None  # type: ignore[assignment, method-assign]  # its hooks are gone, too
            each._finalizer.detach()
        journal_module._STORIES.clear()
        self.meters = [FlopsMeter(each, settings=self.settings) for each in self.models]
        self.plain.begin([each._journal.count for each in self.meters])

    def step(self, meter: int) -> None:
        with self.meters[meter].step():
            self.models[meter](ROWS).sum().backward()
        self.plain.step(meter)

    def save(self) -> list[Kept]:
        kept = []
        for each in self.meters:
            state = json.loads(json.dumps(each.state_dict()))
            name = each._journal.count
            beside = {other: flop for other, flop in self.plain.counts.items() if other != name}
            kept.append(Kept(state, name, self.plain.counts.get(name, 0), beside))
        return kept

    def load(self, meter: int, kept: Kept) -> None:
        self.meters[meter].load_state_dict(kept.state)
        self.plain.load(meter, kept)

    def begin_meter(self, meter: int) -> None:
        """The run closes a meter and makes another one, as for a second phase."""
        self.meters[meter].close()
        self.meters[meter] = FlopsMeter(self.models[meter], settings=self.settings)
        self.plain.names[meter], self.plain.since[meter] = self.meters[meter]._journal.count, 0

    def tell(self) -> None:
        """An interval is over for both."""
        for each in self.meters:
            each._journal._next = 0.0
            each._write(each._journal.tick)

    def check(self) -> None:
        """All that was told so far."""
        lines, breaks = verify(self.said, ARN)
        assert not breaks
        words = {name: lines[-1].number(name) for name in ("model_flop", "discarded_flop")}
        counted = sum(self.plain.counts.values())
        assert words == {"model_flop": counted, "discarded_flop": self.plain.done - counted}


EVENTS = ("save", "save", "load", "load one", "kill", "new meter", *["step"] * 6)


@pytest.mark.parametrize("interval_seconds", [0.0, 1e9])
@pytest.mark.parametrize("seed", range(40))
def test_what_a_run_has_and_what_it_lost_are_all_that_was_done(
    seed: int, interval_seconds: float, tmp_path: Path
) -> None:
    """A line after each step, or hardly any: then nothing is done between the last line, or checkpoint, and a kill."""
    chance, history = Random(seed), History(tmp_path, interval_seconds)
    saved: list[list[Kept]] = []
    for _ in range(chance.randrange(6, 24)):
        event, meter = chance.choice(EVENTS), chance.randrange(2)
        kept = chance.choice(saved[-1:] * 3 + saved) if saved else None
        if event == "kill" and interval_seconds:
            if chance.random() < 0.5:
                history.tell()
            else:
                kept = history.save()
        if event == "save":
            saved.append(history.save())
        elif event == "new meter":
            history.begin_meter(meter)
        elif event == "kill":
            history.begin()
        elif event == "step":
            history.step(meter)
        if event in ("load", "kill", "load one") and kept is not None:
            for place in (meter,) if event == "load one" else (meter, 1 - meter):
                history.load(place, kept[place])
        if event == "step" and not interval_seconds:
            history.check()
    history.step(0)
    history.tell()
    history.check()
    for each in history.meters:
        each.close()
    history.check()


def test_a_checkpoint_that_is_taken_up_after_a_line_begins_an_attempt(tmp_path: Path) -> None:
    """Until then it looks lost, what the second meter kept: the next line says less of what was lost."""
    history = History(tmp_path, 0.0)
    for meter in range(2):
        history.step(meter)
    kept = history.save()
    history.begin()
    history.step(0)
    history.check()
    history.load(1, kept[1])
    history.step(1)
    history.check()


class Shared(Ranks):
    """One of two ranks, with a store that is a dictionary."""

    def __init__(self, meter: int, rank: int, store: dict[str, str]) -> None:
        super().__init__(meter)
        self._at, self.store = rank, store

    @property
    def _place(self) -> tuple[int, int]:
        return self._at, 2

    def _quietly(self, do: Any) -> bool:
        store = self.store
        do(
            SimpleNamespace(
                set=store.__setitem__, get=store.get, check=lambda keys: keys[0] in store, wait=lambda *_: 0
            )
        )
        return True


class Rank:
    """A rank's meter without its counting: each step is one FLOP, and unseen now and then."""

    def __init__(self, rank: int, process: int, store: dict[str, str], settings: Settings) -> None:
        self.account, self.carried = Account(), Totals()
        self.journal = Journal(self.account, ModelSize(1, 1), settings, None)
        self.journal._ranks = Shared(process, rank, store)

    @property
    def totals(self) -> Totals:
        return self.carried.plus(self.account.totals)

    def step(self, seen: bool) -> None:
        self.account.known.model_flop += seen
        self.account.known.steps += seen
        self.account.known.uncounted_steps += not seen

    def tick(self) -> None:
        self.journal.tick(self.carried, Gaps())

    def load(self, state: dict[str, Any]) -> None:
        carried = Totals.from_dict(state["totals"])
        self.journal.resume(state, carried, self.totals)
        self.carried = carried


@pytest.mark.parametrize("gathered", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_the_ranks_together_have_lost_what_each_of_them_lost(seed: int, gathered: bool, tmp_path: Path) -> None:
    """Checkpoints of each rank, or one of all on the first; the second rank is heard late, or hardly ever."""
    chance, store, said = Random(seed), dict[str, str](), list[str]()
    settings = [
        Settings(0.0, (said.append, None)[rank], tmp_path / f"{rank}.json", None, Job(ARN, "history"))
        for rank in range(2)
    ]
    done, counted, saved, process = 0, 0, list[tuple[list[Any], int]](), 0

    def begin() -> list[Rank]:
        journal_module._STORIES.clear()
        return [Rank(rank, process, store, settings[rank]) for rank in range(2)]

    def tick(late: bool) -> None:
        for each in ranks if late else reversed(ranks):
            each.tick()

    ranks = begin()
    for _ in range(chance.randrange(6, 24)):
        event = chance.choice(["step"] * 6 + ["save", "kill"] + ["load"] * (not gathered))
        if event == "step":
            for each in ranks:
                seen = chance.random() < 0.9
                each.step(seen)
                done, counted = done + seen, counted + seen
            tick(late=chance.random() < 0.5)
        elif event == "save":
            tick(late=False)
            whole = [each.journal.gather(f"{process} {len(saved)}", each.totals) for each in reversed(ranks)][-1]
            states = [{"totals": each.totals.to_dict(), **each.journal.state()} for each in ranks]
            if gathered and whole is not None:
                states = [{**states[0], "totals": whole.to_dict(), "gathered": True}]
            saved.append((json.loads(json.dumps(states)), counted))
        elif event == "kill":
            tick(late=False)
            process, counted = process + 1, 0
            ranks = begin()
        if event in ("load", "kill") and saved:
            states, counted = saved[-1] if chance.random() < 0.7 else chance.choice(saved)
            for each, state in zip(ranks, states, strict=not gathered):
                each.load(state)
    tick(late=False)
    line, breaks = verify(said, ARN)[0][-1], verify(said, ARN)[1]
    assert not breaks
    assert (line.number("model_flop"), line.number("discarded_flop")) == (counted, done - counted)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [((20, 80), (20, 80), (20, 80)), ((10, 0), (7, 0), (10, 0)), ((10, 0), (8, 2), (8, 2)), ((8, 2), (2, 8), (2, 8))],
)
def test_a_step_is_in_the_count_where_every_rank_counted_it(
    first: tuple[int, int], second: tuple[int, int], expected: tuple[int, int]
) -> None:
    """A rank that is heard late is behind, and lacks nothing for it."""
    own, other = (Totals(steps=steps, uncounted_steps=uncounted) for steps, uncounted in (first, second))
    store: dict[str, str] = {}
    Shared(0, 1, store).publish(other, Gaps(), 0)
    whole, reporting = Shared(0, 0, store).collect(own)
    assert (whole.steps, whole.uncounted_steps, reporting) == (*expected, 2)
