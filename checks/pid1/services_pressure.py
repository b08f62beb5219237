"""Services under pressure: a console nobody reads, no process to spare, no memory, a crash loop."""

from __future__ import annotations

import signal

from checks.behaviours import Finding, LabFailed, Trial
from checks.pid1.asking import NotAsked, alive
from checks.pid1.files import EATS, FILLED, STALLED, TALKS
from checks.pid1.machine import Bench, Machine, acts
from checks.pid1.resting import CLOCK
from checks.pid1.services import SUITE, back, came_up, usual
from helpers.engines.base import MIB, Limits
from helpers.errors import SandboxError, SandboxGone

__all__: list[str] = []

_MOMENT = 1.0  # seconds in which no process can be had
_KILLS = 8  # of a service that is back at once
_MANY = 60  # starts in two seconds: more is no restart any more, it is a loop


@SUITE.behaviour("crash-loop", points=1, needs=("starts",), asked="hold up nobody while one service crashes")
@alive("ends-early")
def crash_loop(trial: Trial, bench: Bench) -> Finding:
    """A service that ends at once is held back, or not; it must not cost another its restart."""
    expected = f"at most {_MANY} starts in 2 s, and a neighbour's restart within {bench.patience.end:g} s"
    machine = bench.own(trial, usual(more=(acts("broken", "ends", 1),)))
    if early := came_up(trial, machine, expected):
        return early
    before = machine.starts("broken")
    trial.pause(2.0)
    count = machine.starts("broken") - before
    old = machine.main("stays")
    if old is None:
        raise LabFailed("the service stays has no process")
    machine.sandbox.signal(signal.SIGKILL, old.pid)
    if back(trial, machine, "stays", old.pid) is None:
        return trial.no(expected=expected, seen="the neighbour did not come back", hint="holds-up")
    if count > _MANY:
        return trial.no(expected=expected, seen=f"{count} starts in 2 s", hint="spins")
    return trial.ok(expected=expected, seen=f"{count} starts")


@SUITE.behaviour(
    "stalled-reader", points=1, needs=("starts",), asked="work on while nobody reads the console"
)
@alive("stalls")
def stalled_reader(trial: Trial, bench: Bench) -> Finding:
    """A write(2) to a full pipe sleeps (pipe(7)). PID 1 must start, reap and stop all the same."""
    expected = "services start, a killed one comes back, the shutdown goes through"
    # A shell says that its job was killed, on the console: it stands still there, and is killed in its turn.
    services = [one.model_copy(update={"stop_grace": 1.0}) for one in usual(hears=True)]
    machine = bench.own(trial, services, before=(STALLED,))
    if early := came_up(trial, machine, expected):
        return trial.no(expected=expected, seen=early.observation.seen, hint="stalls")
    _is_stalled(machine)
    old = machine.main("stays")
    if old is None:
        raise LabFailed("the service stays has no process")
    machine.sandbox.signal(signal.SIGKILL, old.pid)
    if back(trial, machine, "stays", old.pid) is None:
        return trial.no(expected=expected, seen="a killed service stays down", hint="stalls")
    machine.sandbox.signal(machine.stop_signal)
    if machine.wait_exit(trial, bench.patience.start) is None:
        return trial.no(expected=expected, seen="the shutdown stands still", hint="stalls")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "stalled-writer", points=1, needs=("starts",), asked="let services write while nobody reads the console"
)
@alive("stalls")
def stalled_writer(trial: Trial, bench: Bench) -> Finding:
    """Who writes to PID 1's own output sleeps with it (pipe(7)); who writes to a log does not."""
    expected = "a service that writes more than a pipe holds goes on"
    machine = bench.own(trial, usual(hears=True, more=(acts("talks", program=TALKS),)), before=(STALLED,))
    if early := came_up(trial, machine, expected):
        return trial.no(expected=expected, seen=early.observation.seen, hint="stalls")
    _is_stalled(machine)
    if machine.wait(trial, lambda: "wrote" in machine.said("talks")):
        return trial.ok(expected=expected, seen="so it does")
    if machine.exit is not None:
        return trial.no(expected=expected, seen=machine.ended(), hint="ends-early")
    return trial.no(expected=expected, seen="it stands still in a write", hint="holds-writers")


@SUITE.behaviour(
    "fork-fails", points=1, needs=("restarts-killed",), asked="recover when no process was to be had"
)
@alive("dies-of-want")
def fork_fails(trial: Trial, bench: Bench) -> Finding:
    """fork(2) fails with EAGAIN at the limit of the pids cgroup: PID 1 lives on, and tries again."""
    expected = f"PID 1 runs on, and the service is back within {bench.patience.after:g} s of the shortage"
    limits = Limits(memory=320 * MIB, pids=90, disk=64 * MIB)
    machine = bench.own(trial, usual(), limits=limits)
    if machine.sandbox.limits_missing:
        raise NotAsked(f"no limit of processes can be set here: {machine.sandbox.limits_missing[0]}")
    if early := came_up(trial, machine, expected):
        return early
    process = machine.sandbox.popen([FILLED])
    try:
        if not trial.until(lambda: _full(machine), bench.patience.start):
            raise LabFailed("the processes were not used up")
        if not _goes_down(trial, machine, "stays"):
            raise NotAsked("the init was faster than the shortage: it always found a process for the service")
        trial.pause(_MOMENT)
        if machine.exit is not None:
            return trial.no(expected=expected, seen=machine.ended(), hint="dies-of-want")
        for filler in machine.sandbox.processes():
            if FILLED in filler.argv:
                machine.sandbox.signal(signal.SIGKILL, filler.pid)
    finally:
        process.kill()
        process.wait()
    if back(trial, machine, "stays", 0, bench.patience.after) is None:
        seen = machine.ended() if machine.exit is not None else f"it is down after {bench.patience.after:g} s"
        return trial.no(expected=expected, seen=seen, hint="gives-up")
    return trial.ok(expected=expected, seen="it is back")


@SUITE.behaviour("memory-short", points=1, needs=("starts",), asked="outlive a service that takes all memory")
@alive("dies-of-want")
def memory_short(trial: Trial, bench: Bench) -> Finding:
    """The kernel kills the largest (kernel: Documentation/admin-guide/cgroup-v1/memory.rst); PID 1 sees a
    service that ended."""
    expected = "the service is killed and started again, the others and PID 1 run on"
    limits = Limits(memory=160 * MIB, pids=200, disk=64 * MIB)
    machine = bench.own(trial, usual(more=(acts("eats", program=EATS),)), limits=limits)
    if machine.sandbox.limits_missing:
        raise NotAsked(f"no limit of memory can be set here: {machine.sandbox.limits_missing[0]}")
    if early := came_up(trial, machine, expected):
        return early
    before, names = machine.starts("eats"), ("last", "looks", "stays", "armed")
    pids = machine.pids(names)
    machine.sandbox.write("/run/eat", b"")
    machine.wait(trial, lambda: machine.starts("eats") > before, bench.patience.after)
    if machine.exit is not None:
        return trial.no(expected=expected, seen=machine.ended(), hint="dies-of-want")
    if machine.starts("eats") == before:
        return trial.no(expected=expected, seen="it is down", hint="not-restarted")
    if machine.pids(names) != pids:
        return trial.no(
            expected=expected, seen="another service was started anew too", hint="restarts-others"
        )
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("clock-jumps", points=0, asked="not care when the clock jumps")
def clock_jumps(trial: Trial, bench: Bench) -> Finding:
    """clock_settime(2) on CLOCK_REALTIME; time_namespaces(7) have no realtime clock."""
    raise NotAsked(CLOCK)


def _is_stalled(machine: Machine) -> None:
    """Raise NotAsked where the pipe that nobody reads is not PID 1's console."""
    if "stalled" not in machine.sandbox.exec(["/bin/ls", "-l", "/proc/1/fd"]).text:
        raise NotAsked(
            "it opens a console of its own, /dev/console, and the pipe that stands still is not that"
        )


def _goes_down(trial: Trial, machine: Machine, name: str) -> bool:
    """Kill a service until it is down for a moment: the process it leaves is soon taken by another."""
    for _ in range(_KILLS):
        process = machine.main(name)
        if process is None:
            return True
        machine.sandbox.signal(signal.SIGKILL, process.pid)
        trial.pause(0.4)
        if machine.exit is not None or machine.main(name) is None:
            return True
    return False


def _full(machine: Machine) -> bool:
    """Whether no process can be started inside any more."""
    try:
        machine.sandbox.exec(["/bin/true"])
    except SandboxGone:
        raise
    except SandboxError:
        return True
    return False
