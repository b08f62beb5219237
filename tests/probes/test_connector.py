"""The process connector's messages, taken apart, and the count of those that never came."""

from __future__ import annotations

import os
import struct
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.probes.connector import Connector, Raw, parse, refusal

_FORK, _EXEC, _COMM, _EXIT = 0x1, 0x2, 0x200, 0x80000000


def _message(what: int, *numbers: int, cpu: int = 0, number: int = 0, tail: bytes = b"") -> bytes:
    """A datagram as cn_proc.c builds it: netlink header, connector header, event."""
    body = struct.pack("=IIQ", what, cpu, 5_000_000_000) + struct.pack(f"={len(numbers)}I", *numbers) + tail
    body = body.ljust(40, b"\0")
    head = struct.pack("=IIIIHH", 1, 1, number, 0, len(body), 0)
    return struct.pack("=IHHII", 16 + len(head) + len(body), 3, 0, 0, 0) + head + body


@pytest.mark.parametrize(
    ("data", "kind", "pid", "parent", "code"),
    [
        (_message(_FORK, 10, 10, 20, 20), "fork", 20, 10, 0),
        (_message(_EXEC, 20, 20), "exec", 20, 0, 0),
        (_message(_EXIT, 20, 20, 7 << 8, 17, 10, 10), "exit", 20, 10, 7 << 8),
        (_message(0x4, 20, 20, 0, 0), "other", 20, 0, 0),
    ],
)
def test_an_event_says_who_and_whose_child(data: bytes, kind: str, pid: int, parent: int, code: int) -> None:
    """linux/cn_proc.h: the fields of fork, exec and exit; of what we do not use, nothing."""
    raw = parse(data)
    assert raw is not None
    assert (raw.kind, raw.pid, raw.parent, raw.code, raw.time) == (kind, pid, parent, code, 5.0)


def test_a_thread_is_told_from_a_process() -> None:
    """A new thread has its process's PID and a number of its own."""
    raw = parse(_message(_FORK, 10, 10, 21, 10))
    assert raw is not None
    assert (raw.tid, raw.pid) == (21, 10)


def test_a_new_name_is_read_to_its_end() -> None:
    """PROC_EVENT_COMM: sixteen bytes, cut at the first zero."""
    raw = parse(_message(_COMM, 20, 20, tail=b"nginx\0\0\0rubbish."))
    assert raw is not None
    assert raw.comm == "nginx"


def test_a_short_message_is_no_event() -> None:
    """What is not an event of the connector is passed over."""
    assert parse(b"") is None
    assert parse(b"x" * 40) is None


@given(st.binary(max_size=120))
def test_no_message_brings_the_reader_down(data: bytes) -> None:
    """Whatever comes: an event of some kind, or none."""
    raw = parse(data)
    assert raw is None or raw.kind in {"ack", "fork", "exec", "session", "comm", "exit", "other"}


def test_a_gap_in_a_processors_numbers_is_counted() -> None:
    """Each processor numbers its own events; a gap is what was lost, also where the numbers start again."""
    connector = Connector.__new__(Connector)
    connector._numbers = {}
    lost = []
    for cpu, number in [(0, 7), (1, 3), (0, 8), (0, 11), (1, 4), (1, 0xFFFFFFFF), (1, 0)]:
        lost.append(connector._counted(Raw(0.0, "fork", 1, 1, cpu=cpu, number=number)).lost)
    assert lost[:5] == [0, 0, 0, 2, 0]
    assert lost[6] == 0


@pytest.mark.live
@pytest.mark.skipif(bool(refusal()), reason=refusal() or "it answers")
def test_the_kernel_tells_of_a_child_with_its_status() -> None:
    """Fork, exec, exit and the status, in this order, stamped with our own monotonic clock."""
    connector = Connector()
    try:
        before = time.monotonic()
        child = subprocess.Popen(["/bin/sh", "-c", "exit 9"])
        child.wait()
        after = time.monotonic()
        seen: list[Raw] = []
        while not any(raw.kind == "exit" and raw.pid == child.pid for raw in seen):
            assert time.monotonic() < after + 10
            seen += connector.drain()
        mine = [raw for raw in seen if raw.pid == child.pid and raw.kind != "comm"]
        assert [raw.kind for raw in mine] == ["fork", "exec", "exit"]
        assert mine[0].parent == mine[2].parent == os.getpid()
        assert os.waitstatus_to_exitcode(mine[2].code) == 9
        assert all(before - 0.01 < raw.time < after + 0.01 for raw in mine)
    finally:
        connector.close()


@pytest.mark.live
@pytest.mark.skipif(bool(refusal()), reason=refusal() or "it answers")
def test_events_that_do_not_fit_the_buffer_are_counted_as_lost() -> None:
    """With a tiny buffer and no reader a burst is lost: the numbers of the next events tell how much."""
    connector = Connector(buffer=2048)
    try:
        script = "i=0; while [ $i -lt 300 ]; do (:); i=$((i+1)); done"
        subprocess.run(["/bin/sh", "-c", script], check=True)
        first = connector.drain()
        end, lost = time.monotonic() + 10, 0
        while lost <= 100 and time.monotonic() < end:  # each processor's gap shows with its own next event
            lost += sum(raw.lost for raw in connector.drain())
            subprocess.run(["/bin/true"], check=True)
        assert connector.overflows > 0
        assert lost > 100
        assert len(first) < 600
    finally:
        connector.close()
