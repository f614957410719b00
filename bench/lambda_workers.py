"""The processes in which the local AWS runs deployed functions: what each has taken of a processor and of memory.

A worker keeps one execution environment: it starts with its function, and serves one invocation after another. Its
memory at most, start included, is what Lambda reports as "Max Memory Used". Linux alone tells it (`man 5 proc`).
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.in_account import VCPU_MB
from flops_auditor_cli.local_aws import Stack

PROC = Path("/proc")
PARENT, USER_TICKS, SYSTEM_TICKS = 1, 11, 12
"""Places in /proc/<pid>/stat behind the program's name, which stands in brackets."""
NAMED_BY = "AWS_LAMBDA_FUNCTION_NAME"
MOST_SECONDS = 900


@dataclass(frozen=True)
class Room:
    """What a deployed function is given: memory, a share of a vCPU that follows from it, and time."""

    memory_mb: int
    timeout_seconds: int

    @property
    def share(self) -> float:
        """Of one vCPU."""
        return self.memory_mb / VCPU_MB


@dataclass(frozen=True)
class Invoked:
    """What one invocation took of its worker: processor time, and the worker's memory at most, before it and after."""

    cpu_seconds: float
    bytes_before: int
    bytes_at_most: int
    answer: Mapping[str, Any]


def workers(function: str, parent: int) -> Iterator[int]:
    """The process ids of a function's workers, which the emulator started."""
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            mine = int(_stat(int(folder.name))[PARENT]) == parent
            environment = (folder / "environ").read_bytes().split(b"\0") if mine else []
        except OSError:  # it has ended
            continue
        if f"{NAMED_BY}={function}".encode() in environment:
            yield int(folder.name)


def cpu_of(process: int) -> float:
    """Processor time of a process so far, of all its threads, in seconds."""
    numbers = _stat(process)
    return (int(numbers[USER_TICKS]) + int(numbers[SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


def peak_of(process: int) -> int:
    """The most memory that a process had so far, in bytes."""
    lines = (PROC / str(process) / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _stat(process: int) -> list[str]:
    return (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()


class Functions:
    """The functions of a deployed stack, invoked one at a time."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        # An invocation is never sent twice.
        self._client = stack.client("lambda", read_timeout=MOST_SECONDS, retries={"max_attempts": 0})

    def room(self, function: str) -> Room:
        """As template.yaml was deployed."""
        known = self._client.get_function_configuration(FunctionName=self._name(function))
        return Room(known["MemorySize"], known["Timeout"])

    def variable(self, function: str, name: str) -> str:
        """One of a function's environment."""
        known = self._client.get_function_configuration(FunctionName=self._name(function))
        return str(known["Environment"]["Variables"][name])

    def invoke(self, function: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its answer. Ends the program where it failed."""
        answer = self._client.invoke(FunctionName=self._name(function), Payload=json.dumps(event).encode())
        body: Mapping[str, Any] = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise SystemExit(f"{function} failed: {body}")
        return body

    def measured(self, function: str, event: Mapping[str, Any]) -> Invoked:
        """Invoke a function that has begun, and look at its worker before and after."""
        [worker] = self._workers(function)
        cpu, before = cpu_of(worker), peak_of(worker)
        answer = self.invoke(function, event)
        if self._workers(function) != [worker]:
            raise SystemExit(f"{function} was not run by the worker that was looked at")
        return Invoked(cpu_of(worker) - cpu, before, peak_of(worker), answer)

    def _workers(self, function: str) -> list[int]:
        return list(workers(self._name(function), self._stack.pids["emulator"]))

    def _name(self, function: str) -> str:
        return self._stack.outputs[f"{function}FunctionName"]
