"""The engine protocol: limits of memory, processes and disk."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import pytest

from helpers.engines.base import MIB, Limits, Sandbox
from helpers.errors import SandboxError, SandboxGone
from tests.engines.support import eventually, find, python

FAR = True
Start = Callable[..., Sandbox]


def _skip_without(box: Sandbox, what: str) -> None:
    for sentence in box.limits_missing:
        if sentence.startswith(f"no {what} limit"):
            pytest.skip(sentence)


def test_a_limit_that_cannot_be_set_is_told_with_the_reason(start: Start, engine_name: str) -> None:
    """`limits_missing`: limits that were asked for and could not be set, each with the reason."""
    box = start()
    for sentence in box.limits_missing:
        what, _, reason = sentence.partition(": ")
        assert what in ("no memory limit", "no pids limit", "no disk limit"), sentence
        assert len(reason) > 20, sentence
    if engine_name != "embedded":
        assert [s for s in box.limits_missing if s.startswith("no disk limit")]


def test_a_limit_that_is_not_asked_for_is_not_missing(start: Start) -> None:
    """`None` means no limit is asked for."""
    box = start(limits=Limits(memory=None, pids=None, disk=None))
    assert box.limits_missing == ()
    assert box.exec(python("x = bytearray(600_000_000)"), timeout=60).code == 0


def test_a_process_that_wants_too_much_memory_is_killed(start: Start) -> None:
    """A memory limit: the kernel kills inside, with 137, and counts it; the sandbox lives on."""
    box = start(limits=Limits(memory=64 * MIB))
    _skip_without(box, "memory")
    done = box.exec(python("x = bytearray(200_000_000)"))
    assert done.code == 137
    assert box.stats().oom_kills >= 1
    assert box.stats().memory < 64 * MIB
    assert box.exec(["echo", "alive"]).text == "alive"


def test_a_pid_1_that_wants_too_much_memory_ends_the_sandbox(start: Start) -> None:
    """A memory limit holds for PID 1 from its first instruction."""
    box = start(python("x = bytearray(200_000_000)"), limits=Limits(memory=48 * MIB))
    _skip_without(box, "memory")
    assert box.wait(20).code == 137


def test_what_is_written_to_tmp_counts_as_memory(start: Start) -> None:
    """/run and /tmp live in memory: filling them meets the memory limit, not the host's memory."""
    box = start(limits=Limits(memory=32 * MIB))
    _skip_without(box, "memory")
    outcome = ""
    try:
        outcome = f"exit {box.exec(['sh', '-c', 'head -c 60000000 /dev/zero >/tmp/fill']).code}"
    except SandboxGone as gone:  # killing a process frees no tmpfs: the kernel may go on to PID 1
        outcome = str(gone)
    assert outcome != "exit 0"
    assert outcome.startswith("exit ") or "137" in outcome


def test_a_sandbox_full_of_processes_says_so_and_lives_on(start: Start, engine_name: str) -> None:
    """A PID limit: fork fails inside, `exec` says why, and the sandbox is there when some have ended."""
    box = start(limits=Limits(pids=24))
    _skip_without(box, "pids")
    fork = (
        "import os, time\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0: time.sleep(9810)\n"
        "except BlockingIOError:\n"
        "    print('fork failed', flush=True)\n"
        "time.sleep(9810)"
    )
    with box.popen(python(fork), stdout=subprocess.PIPE) as bomb:
        assert bomb.stdout is not None
        assert bomb.stdout.readline() == b"fork failed\n"
        if engine_name == "docker-far":
            bomb_pids = []  # to look is to run a command inside, and there is no room
        else:
            bomb_pids = [p.pid for p in box.processes() if fork in p.argv]
            assert 15 <= len(bomb_pids) <= 24
        refusal = ""
        try:
            box.exec(["true"])  # Docker's runtime makes the process outside and moves it in, if it can
        except SandboxError as error:
            refusal = str(error)
        assert refusal or engine_name != "embedded"
        assert not refusal or "no process to spare (limit 24)" in refusal
        assert box.exit is None
        for pid in bomb_pids:
            box.signal(signal.SIGKILL, pid)
        if engine_name != "docker-far":
            bomb.wait(10)
            eventually(lambda: not [p for p in box.processes() if fork in p.argv], "they are gone")
            assert box.exec(["echo", "alive"]).text == "alive"
        else:
            box.signal(signal.SIGKILL)


def test_a_full_disk_says_so(start: Start) -> None:
    """A disk limit: what is written to the root meets ENOSPC; `write` raises naming the path."""
    box = start(limits=Limits(disk=16 * MIB))
    _skip_without(box, "disk")
    done = box.exec(["sh", "-c", "head -c 40000000 /dev/zero >/var/fill"])
    assert done.code != 0
    assert "No space left on device" in done.stderr.decode()
    with pytest.raises(SandboxError, match=r"/var/x.*No space left"):
        box.write("/var/x", b"x" * 1_000_000)
    assert box.exec(["rm", "/var/fill"]).code == 0
    box.write("/var/x", b"x" * 1_000_000)


def test_limits_hold_for_each_sandbox_apart(start: Start) -> None:
    """Limits belong to one sandbox: a full one leaves its neighbour alone."""
    full, other = start(limits=Limits(memory=48 * MIB)), start(limits=Limits(memory=256 * MIB))
    _skip_without(full, "memory")
    assert full.exec(python("x = bytearray(100_000_000)")).code == 137
    assert other.exec(python("x = bytearray(100_000_000)")).code == 0
    assert other.stats().oom_kills == 0
    assert not find(full, "python3")
