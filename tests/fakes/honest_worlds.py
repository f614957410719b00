"""Ledgers as honest accounts have them, made at random: what happened to each follows from its seed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from random import Random
from typing import Any

from flops_auditor.data import load_tables
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.values.archive_keys import KEYS
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.audit_job import reassess
from flops_auditor.use_cases.auditing.keep_record import newest
from flops_auditor.use_cases.auditing.reassess_record import reassess_record
from flops_auditor.use_cases.auditing.watch_jobs import watch_jobs
from flops_auditor.use_cases.operations.rebuild_index import rebuild_index
from tests.fakes.audit import MemoryReassessments
from tests.fakes.ledger import MemorySigner
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger, PendingOnCommit
from tests.fakes.running import ended, running, watcher_of
from tests.fakes.signed_bills import OCTOBER, october, signed
from tests.fakes.tables_of_then import EARLIER, UNKNOWN_TYPE, tables_with

JUNK = ("checkpoints/99999999999999999999", "checkpoints/zzz", "log/zzz", "log/99999999999999999999.ndjson", "foreign")
A_BILL = 0.1
"""How likely one is signed after a step; it takes no turn of the others."""
TYPES = ("ml.p5.48xlarge", "ml.p5.48xlarge", "ml.p4d.24xlarge", "ml.g5.xlarge", "ml.m5.large", UNKNOWN_TYPE)


class HonestWorld(LiveLedger):
    """A ledger with a life of its own."""

    def __init__(self, seed: int, steps: int = 40) -> None:
        super().__init__()
        self.random, self.paying = Random(seed), Random(-seed)
        self.told: list[str] = []
        self.running: list[str] = []
        self.waiting: list[str] = []
        self.rotations = 0
        self.outages = 0
        choices: list[tuple[Callable[[], None], int]] = [
            (self.a_job_ends, 10),
            (self.an_event_comes, 12),
            (self.messages_are_worked_off, 4),
            (self.a_person_amends, 3),
            (self.a_job_is_stopped, 1),
            (self.a_stopped_job_ends, 1),
            (self.tables_change, 1),
            (self.records_are_reassessed, 2),
            (self.seal_now, 8),
            (self.time_passes, 2),
            (self.the_sealer_stands_still, 1),
            (self.a_key_is_replaced, 1),
            (self.an_older_table_is_restored, 1),
            (self.the_table_is_lost_in_part, 1),
            (self.somebody_puts_junk_into_the_archive, 1),
        ]
        for _ in range(steps):
            [step] = self.random.choices([step for step, _ in choices], [weight for _, weight in choices])
            step()
            if self.paying.random() < A_BILL:
                self.a_person_signs_what_a_bill_says()
        self.come_to_rest()

    def come_to_rest(self) -> None:
        """Everything that was under way comes to its end, and the sealer runs."""
        while self.waiting:
            self.an_event_comes()
        self.work_off()
        self.seal()

    def _name(self) -> str:
        return f"job-{len(self.pointers):03d}"

    def a_job_ends(self) -> None:
        """A finished job appears, that may continue earlier ones; its event is under way."""
        name, random = self._name(), self.random
        known = sorted(set(self.pointers) - set(self.running))
        parents = random.sample(known, min(len(known), random.choice([0, 0, 1, 1, 2])))
        tags = random.choice([{}, {}, {"pretrain_flops": "3e24"}, {"tokens": "1e9", "parameters": "7e9"}])
        activity = random.choice([{}, {}, {}, {"activity": "pretraining"}, {"activity": "synthetic-data"}])
        hosts = {"InstanceType": random.choice(TYPES), "InstanceCount": random.choice([1, 4, 64])}
        hours = random.choice([1, 10, 300, 3000])
        day = len(self.pointers)
        self.add(continuing(name, parents, day=day, hours=hours, ResourceConfig=hosts), **{**tags, **activity})
        self.waiting.append(name)

    def an_event_comes(self) -> None:
        """One of the events that are under way is delivered, in any order."""
        if self.waiting:
            self.deliver(self.waiting.pop(self.random.randrange(len(self.waiting))))
            self.clock.now += timedelta(seconds=self.random.randrange(5))

    def messages_are_worked_off(self) -> None:
        """Some of the queued reassessments."""
        queue = self.recorder.queue
        assert isinstance(queue, MemoryReassessments)
        while queue.waiting and self.random.random() < 0.8:
            reassess(queue.waiting.pop(self.random.randrange(len(queue.waiting))), self.recorder)

    def _recorded(self) -> list[str]:
        found = ((name, newest(self.job_id(name), self.recorder)) for name in self.pointers)
        return [name for name, kept in found if kept is not None and not kept.interim]

    def a_person_amends(self) -> None:
        """Better evidence for a recorded job."""
        if recorded := self._recorded():
            name = self.random.choice(recorded)
            better = self.random.choice([{"mfu": Fraction(2, 5)}, {"tokens": 10**9, "parameters": 10**9}])
            said: dict[str, Any] = {"who": "ada", "why": "measured", "at": self.clock.now, **better}
            amend(self.job_id(name), Amendment(**said), self.recorder)

    def a_person_signs_what_a_bill_says(self) -> None:
        """Of one of three months, once something was sealed."""
        if self.archive.get(KEYS):
            month = OCTOBER - timedelta(days=30 * self.paying.randrange(3))
            signed(self, october(self.paying.randrange(1, 9), self.paying.randrange(4), month))

    def a_job_is_stopped(self) -> None:
        """A running job is about to cross: it is recorded, stopped, and goes on for a while."""
        name = self._name()
        began = self.clock.now - timedelta(days=30)
        description = running(name, days=600) | {"CreationTime": began, "TrainingStartTime": began}
        description["SecondaryStatusTransitions"] = [{"Status": "Training", "StartTime": began}]
        self.add(description, pretrain_flops="1.5e24")
        self.running.append(name)
        assert watch_jobs(watcher_of(self.recorder, self.jobs, stop=True)).failures == ()

    def a_stopped_job_ends(self) -> None:
        """Its end is announced."""
        if self.running:
            name = self.running.pop(0)
            pointer = self.pointers[name]
            self.add(ended(dict(self.jobs.descriptions[pointer.name, pointer.region]), self.clock.now))
            self.waiting.append(name)

    def tables_change(self) -> None:
        """Another release is deployed."""
        tables = self.random.choice([load_tables(), *map(tables_with, EARLIER.values())])
        self.recorder = replace(self.recorder, tables=tables)

    def records_are_reassessed(self) -> None:
        """All that is recorded, with today's tables."""
        for name in self._recorded():
            reassess_record(self.job_id(name), self.recorder)

    def seal_now(self) -> None:
        """The sealer runs."""
        self.seal()

    def time_passes(self) -> None:
        """Some hours, with seals in between; what is queued is worked off."""
        self.work_off()
        for _ in range(self.random.randrange(4)):
            self.clock.now += timedelta(hours=6)
            self.seal()

    def the_sealer_stands_still(self) -> None:
        """Three days without a seal, if anything waits: what waits is late."""
        self.work_off()
        self.outages += any(True for _ in self.pending.waiting())
        self.clock.now += timedelta(days=3)

    def a_key_is_replaced(self) -> None:
        """Of either role, as docs/ledger.md says: nothing signed by the old record key is under way."""
        if self.archive.get(KEYS) is None:
            return  # `keys rotate` refuses it before the first seal
        role = self.random.choice(["record", "checkpoint"])
        fresh = MemorySigner(f"{role} {self.rotations}")
        if role == "record":
            self.seal()
        self.request_rotation(role, self.rotations, fresh)
        if role == "record":
            self.record = fresh
            self.recorder = replace(self.recorder, signer=fresh)
        else:
            self.checkpoint = fresh
        self.seal()
        self.rotations += 1

    def an_older_table_is_restored(self) -> None:
        """Some of what has a place in the log is said to wait again."""
        for key in self.random.sample(sorted(self.pending.logged), len(self.pending.logged) // 3):
            del self.pending.logged[key]

    def the_table_is_lost_in_part(self) -> None:
        """The newest records of some jobs are gone, and everything is put back from the archive at once."""
        records = self.recorder.records
        assert isinstance(records, PendingOnCommit)
        for job in self.random.sample(sorted(records.lines), len(records.lines) // 3):
            newest = max(records.lines[job])
            del records.lines[job][newest]
            self.pending.records.pop((job, newest), None)
            self.pending.logged.pop((job, newest), None)
        assert rebuild_index(self.archive, records, self.pending, self.recorder.index).skipped == ()

    def somebody_puts_junk_into_the_archive(self) -> None:
        """Keys that nothing of ours writes."""
        for key in JUNK:
            self.archive.put_if_absent(key, b"junk")

    def a_chain_grows(self) -> None:
        """Four runs, each on the one before: where records list two ancestors at most, the last keeps an object."""
        parents: list[str] = []
        for _ in range(4):
            name = self._name()
            self.add(continuing(name, parents, day=len(self.pointers), hours=1))
            self.deliver(name)
            parents = [name]
        self.come_to_rest()

    def two_lines_change(self) -> None:
        """A run turns out to be a thousand times as large."""
        name = self._name()
        hosts = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
        sizes = {"pretrain_flops": "3e24", "params": "1e9", "tokens": "2e11"}
        self.add(continuing(name, day=len(self.pointers), hours=9000, ResourceConfig=hosts), **sizes)
        self.deliver(name)
        self.come_to_rest()
        said: dict[str, Any] = {"who": "ada", "why": "counted", "at": self.clock.now}
        amend(self.job_id(name), Amendment(**said, tokens=2 * 10**13, parameters=10**11), self.recorder)
        self.come_to_rest()

    def own_tables(self) -> frozenset[str]:
        """Digests of all tables that may have been in use."""
        known = (load_tables(), *map(tables_with, EARLIER.values()))
        return frozenset(digest for tables in known for digest in tables.digests.values())
