"""The local AWS opens ports on this machine's own address alone, and none that another checkout would want, too."""

import socket
import struct
from pathlib import Path

import pytest

from flops_auditor_cli.local_aws import start, stop
from flops_auditor_cli.local_aws.stack import Stack

LISTEN = "0A"
"""proc(5), /proc/net/tcp: the state of a listening socket."""

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads sockets from Linux's /proc")


def session_of(pid: int) -> set[int]:
    """Every process of the session that a process leads."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == pid:
            found.add(int(stat.parent.name))
    return found


def listeners(pids: set[int]) -> set[tuple[str, int]]:
    """(address, port) of every socket on which one of the processes listens."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(descriptor.readlink().name)
            except OSError:
                continue
    held = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] == LISTEN and f"socket:[{fields[9]}]" in inodes:
                number, port = fields[1].split(":")
                words = [struct.pack("=I", int(number[i : i + 8], 16)) for i in range(0, len(number), 8)]
                held.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return held


def held_by(stack: Stack) -> set[tuple[str, int]]:
    return listeners({each for pid in stack.pids.values() for each in session_of(pid)})


def test_two_local_aws_listen_on_127_0_0_1_alone_and_share_no_port(tmp_path: Path) -> None:
    first, second = start(tmp_path / "first"), start(tmp_path / "second")
    try:
        ports = [held_by(first), held_by(second)]
    finally:
        ended = [stop(tmp_path / "first"), stop(tmp_path / "second")]
    assert all(ended)
    for held in ports:
        assert len(held) == 2, f"the emulator's and SageMaker's, not {held}"
        assert {address for address, _ in held} == {"127.0.0.1"}
    assert not ports[0] & ports[1]
