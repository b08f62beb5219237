"""At rest and under pressure: a reader that stalls, no process to spare, no memory, a clock that jumps."""

from __future__ import annotations

import signal

from checks.behaviours import Finding, Trial
from checks.pid1.asking import NotAsked, alive
from checks.pid1.box import random_word
from checks.pid1.command import END, START, SUITE, hears, or_running, ready, start
from checks.pid1.files import FILLED, STALLED
from checks.pid1.resting import CLOCK, look_at_rest
from checks.pid1.subject import Command
from helpers.engines.base import MIB, Limits
from helpers.errors import SandboxError, SandboxGone

__all__: list[str] = []


@SUITE.behaviour("rest", points=1, needs=("starts",), asked="sleep while nothing happens")
@alive("ends-early")
def rest(trial: Trial, subject: Command) -> Finding:
    """Context switches and CPU time of PID 1, counted by the kernel (proc_pid_status(5),
    proc_pid_stat(5))."""
    tag = random_word(trial.rng)
    box = start(trial, subject, ("/bin/sh", "-c", 'echo "$0:ready"; exec sleep 600', tag), tag=tag)
    if early := ready(trial, box, "no wake-up"):
        return early
    trial.pause(0.2)
    return look_at_rest(trial, box.sandbox, lambda process: process.pid == 1)


@SUITE.behaviour("stalled-reader", points=1, needs=("starts",), asked="work on while nobody reads its output")
@alive("stalls")
def stalled_reader(trial: Trial, subject: Command) -> Finding:
    """A write(2) to a full pipe sleeps (pipe(7)). PID 1 must reap and forward all the same."""
    code = trial.rng.randrange(3, 120)
    expected = f"orphans are reaped, SIGTERM is forwarded, exit code {code}"
    box = hears(trial, subject, code=code, file="/opt/lab/heard", before=(STALLED,))

    def heard(word: str) -> bool:
        try:
            return f"{box.tag}:{word}\n" in box.sandbox.read("/opt/lab/heard").decode(errors="replace")
        except SandboxError:
            return False

    if not trial.until(lambda: heard("ready"), START, 0.05):
        return trial.no(expected=expected, seen="the command does not start", hint="stalls")
    box.sh("for n in 1 2 3 4 5; do (sleep 0.05 >/dev/null 2>&1 &); done")
    trial.pause(0.3)
    if not trial.until(lambda: not box.zombies(), 2.0):
        return trial.no(expected=expected, seen=f"{len(box.zombies())} zombies stay", hint="stalls")
    box.settle()
    box.sandbox.signal(signal.SIGTERM)
    ended = box.wait_exit(END)
    if ended != code:
        seen = f"after SIGTERM the exit code is {or_running(ended)}"
        return trial.no(expected=expected, seen=seen, hint="stalls")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("fork-fails", points=1, needs=("starts",), asked="say so and end where it cannot fork")
def fork_fails(trial: Trial, subject: Command) -> Finding:
    """fork(2) fails with EAGAIN at the limit of the pids cgroup: no command, so no success and no waiting."""
    expected = f"a message and an exit code that is not 0, within {END:g} s"
    limits = Limits(memory=256 * MIB, pids=24, disk=64 * MIB)
    box = start(trial, subject, ("/bin/true",), limits=limits, before=(FILLED,))
    if box.sandbox.limits_missing:
        raise NotAsked(f"no limit of processes can be set here: {box.sandbox.limits_missing[0]}")
    code = box.wait_exit(START)
    if code is None:
        return trial.no(expected=expected, seen="PID 1 runs on without a command", hint="waits-for-nothing")
    said = bool(box.sandbox.logs().strip())
    seen = f"{code}, {'with' if said else 'without'} a message"
    if code == 0:
        return trial.no(expected=expected, seen=seen, hint="hides-failure")
    if not said:
        return trial.no(expected=expected, seen=seen, hint="no-message")
    return trial.ok(expected=expected, seen=seen)


@SUITE.behaviour("memory-short", points=1, needs=("ends",), asked="outlive its command when memory runs out")
def memory_short(trial: Trial, subject: Command) -> Finding:
    """The kernel kills the largest (kernel: Documentation/admin-guide/cgroup-v1/memory.rst);
    PID 1 tells of 137."""
    expected = "137: the command is killed by SIGKILL, and PID 1 says so"
    tag = random_word(trial.rng)
    script = 'echo "$0:ready"; exec /usr/bin/python3 -c "x = bytearray(1 << 28)"'
    limits = Limits(memory=64 * MIB, pids=100, disk=16 * MIB)
    box = start(trial, subject, ("/bin/sh", "-c", script, tag), tag=tag, limits=limits)
    if box.sandbox.limits_missing:
        raise NotAsked(f"no limit of memory can be set here: {box.sandbox.limits_missing[0]}")
    code = box.wait_exit(2 * START)
    try:
        kills = box.sandbox.stats().oom_kills
    except SandboxGone:
        kills = 0
    if code != 137:
        seen = f"{or_running(code)}" + (f", {kills} killed" if kills else "")
        return trial.no(expected=expected, seen=seen, hint="wrong-status")
    return trial.ok(expected=expected, seen="137")


@SUITE.behaviour("clock-jumps", points=0, asked="not care when the clock jumps")
def clock_jumps(trial: Trial, subject: Command) -> Finding:
    """clock_settime(2) on CLOCK_REALTIME; time_namespaces(7) have no realtime clock."""
    raise NotAsked(CLOCK)
