"""Services are started as the manifest says, each in a world of its own, and their ends are noticed."""

from __future__ import annotations

import signal
import time

from checks.behaviours import Finding, LabFailed, Trial
from checks.pid1.asking import alive, ignored, mask
from checks.pid1.command_start import signal_names
from checks.pid1.machine import Bench, Machine
from checks.pid1.resting import look_at_rest
from checks.pid1.services import ARGUMENTS, SUITE, back, came_up

__all__: list[str] = []

_PROMPT = 1.0  # seconds a zombie may stay


@SUITE.behaviour("starts", points=1, asked="start every service, its arguments unchanged")
@alive("ends-early")
def starts(trial: Trial, bench: Bench) -> Finding:
    """No shell between the manifest and execve(2): spaces, quotes and stars arrive as they are."""
    expected = "every service runs, with the arguments of the manifest"
    machine = bench.shared(trial)
    if early := came_up(trial, machine, expected):
        return early
    machine.wait(trial, lambda: "looked" in machine.said("looks"))
    got = [line[9:] for line in machine.said("looks") if line.startswith("argument ")]
    if got != list(ARGUMENTS):
        return trial.no(expected=expected, seen=f"arguments {got}", hint="other-arguments")
    return trial.ok(expected=expected, seen=f"{len(machine.names)} services, arguments unchanged")


@SUITE.behaviour(
    "own-group", points=1, needs=("starts",), asked="give each service a process group of its own"
)
@alive("ends-early")
def own_group(trial: Trial, bench: Bench) -> Finding:
    """A signal to a group hits all of it (kill(2)): PID 1 and other services are not to be in it."""
    expected = "no service is in the group of PID 1 or of another"
    machine, early = _up(trial, bench, expected)
    if early:
        return early
    found = [machine.main(name) for name in ("last", "looks", "stays")]
    processes = [process for process in found if process is not None]
    groups = [process.pgid for process in processes]
    if machine.first().pgid in groups or 0 in groups:
        return trial.no(expected=expected, seen="a service is in PID 1's group", hint="shares-group")
    if len(set(groups)) < len(groups):
        return trial.no(expected=expected, seen="two services share a group", hint="shares-group")
    sessions = all(process.sid == process.pid for process in processes)
    leads = all(process.pgid == process.pid for process in processes)
    seen = "a session each" if sessions else "a group each" if leads else "a group each, with its supervisor"
    return trial.ok(expected=expected, seen=seen)


@SUITE.behaviour(
    "clean-signals", points=1, needs=("starts",), asked="start services with no signal blocked or ignored"
)
@alive("ends-early")
def clean_signals(trial: Trial, bench: Bench) -> Finding:
    """The mask and what is ignored outlive fork and execve (signal(7))."""
    expected = "nothing blocked, nothing ignored"
    machine, early = _up(trial, bench, expected)
    if early:
        return early
    line = next(line for line in machine.said("looks") if line.startswith("status "))
    status = line.removeprefix("status ").replace(";", "\n")
    blocked, deaf = mask(status, "SigBlk"), ignored(status)
    if blocked:
        return trial.no(expected=expected, seen=f"blocked: {signal_names(blocked)}", hint="signals-blocked")
    if deaf:
        return trial.no(expected=expected, seen=f"ignored: {signal_names(deaf)}", hint="signals-ignored")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "descriptors", points=1, needs=("starts",), asked="give services no file descriptors but 0, 1 and 2"
)
@alive("ends-early")
def descriptors(trial: Trial, bench: Bench) -> Finding:
    """What PID 1 opens for itself is closed on exec (execve(2), open(2), O_CLOEXEC)."""
    expected = "0, 1 and 2"
    machine, early = _up(trial, bench, expected)
    if early:
        return early
    lines = [line[3:] for line in machine.said("looks") if line.startswith("fd ")]
    more = [line for line in lines if int(line.split()[0]) > 2 and "/proc/" not in line]
    if more:
        return trial.no(expected=expected, seen=f"also {'; '.join(more)}", hint="leaks-descriptors")
    return trial.ok(expected=expected, seen="no other")


@SUITE.behaviour("rest", points=1, needs=("starts",), asked="sleep while nothing happens")
@alive("ends-early")
def rest(trial: Trial, bench: Bench) -> Finding:
    """Context switches and CPU time of PID 1 and of the init's own processes, counted by the kernel
    (proc_pid_status(5), proc_pid_stat(5))."""
    machine, early = _up(trial, bench, "no wake-up")
    if early:
        return early
    trial.pause(0.3)
    return look_at_rest(trial, machine.sandbox, machine.supervises, seconds=bench.patience.rest)


@SUITE.behaviour(
    "restarts-killed", points=2, needs=("starts",), asked="start a killed service again, it alone"
)
@alive("ends-early")
def restarts_killed(trial: Trial, bench: Bench) -> Finding:
    """PID 1, or the supervisor it left that to, learns of the end by SIGCHLD (wait(2)) and acts."""
    expected = f"another process within {bench.patience.end:g} s, the others untouched"
    machine, early = _up(trial, bench, expected)
    if early:
        return early
    return _ends(trial, machine, expected, "stays", signal.SIGKILL)


@SUITE.behaviour(
    "restarts-ended", points=1, needs=("starts",), asked="start a service again that ended with 0"
)
@alive("ends-early")
def restarts_ended(trial: Trial, bench: Bench) -> Finding:
    """The policy `always` asks for no reason."""
    expected = f"another process within {bench.patience.end:g} s, the others untouched"
    machine, early = _up(trial, bench, expected)
    if early:
        return early
    return _ends(trial, machine, expected, "armed", signal.SIGUSR1)


@SUITE.behaviour(
    "leaves-down", points=1, needs=("starts",), asked="leave a service down whose policy says so"
)
@alive("ends-early")
def leaves_down(trial: Trial, bench: Bench) -> Finding:
    """The policy `never`: an end is an end."""
    expected = "it was started once"
    machine, early = _up(trial, bench, expected)
    if early:
        return early
    machine.wait(trial, lambda: any(line.startswith("end ") for line in machine.said("once")))
    trial.pause(1.0)
    count = machine.starts("once")
    if count != 1:
        return trial.no(expected=expected, seen=f"started {count} times", hint="restarts-never")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("reaps-adopted", points=2, needs=("starts",), asked="reap orphans, also many at once")
@alive("ends-early")
def reaps_adopted(trial: Trial, bench: Bench) -> Finding:
    """SIGCHLD is not queued (signal(7)): one may stand for many dead. PID 1 adopts (pid_namespaces(7))."""
    count = trial.rng.randrange(60, 121)
    asked = f"adopt {count} orphans; they die while PID 1 is stopped"
    expected = f"no zombie {_PROMPT:g} s later"
    machine, early = _up(trial, bench, expected)
    if early:
        return early
    machine.sh(f"i=0; while [ $i -lt {count} ]; do sleep 777 >/dev/null 2>&1 & i=$((i+1)); done")

    def orphans() -> list[int]:
        return [p.pid for p in machine.sandbox.processes() if p.ppid == 1 and p.argv == ("sleep", "777")]

    if not trial.until(lambda: len(orphans()) == count, 5.0):
        raise LabFailed(f"PID 1 has {len(orphans())} orphans of {count}: the kernel did not hand them over")
    machine.sandbox.signal(signal.SIGSTOP)
    try:
        machine.sh(f"kill -KILL {' '.join(map(str, orphans()))}")
        trial.until(lambda: len(machine.zombies()) >= count, 3.0)
    finally:
        machine.sandbox.signal(signal.SIGCONT)
    began = time.monotonic()
    trial.until(lambda: not machine.zombies(), bench.patience.late)
    took = time.monotonic() - began
    if left := len(machine.zombies()):
        hint = "orphans-stay" if left >= count else "one-per-signal"
        seen = f"{left} of {count} are zombies after {took:.1f} s"
        return trial.no(asked=asked, expected=expected, seen=seen, hint=hint)
    if took > _PROMPT:
        seen = f"the last zombie was gone after {took:.1f} s"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="reaps-late", doubtful=True)
    return trial.ok(asked=asked, expected=expected, seen="none")


@SUITE.behaviour(
    "short-children", points=1, needs=("starts",), asked="leave no zombie of 1,000 short orphans"
)
@alive("ends-early")
def short_children(trial: Trial, bench: Bench) -> Finding:
    """A zombie keeps its place in the process table (wait(2), Notes); here there are 400 places."""
    expected = "all 1,000 could be started, and no zombie is left a second later"
    machine, early = _up(trial, bench, expected)
    if early:
        return early
    script = "i=0; while [ $i -lt 1000 ]; do ( : & ) || exit; i=$((i+1)); done"
    done = machine.sandbox.exec(["/bin/sh", "-c", script])
    if done.code == 0:
        trial.until(lambda: not machine.zombies(), _PROMPT)
    left = len(machine.zombies())
    if done.code == 0 and not left:
        return trial.ok(expected=expected, seen="none")
    began = time.monotonic()
    trial.until(lambda: not machine.zombies(), bench.patience.late)
    late = not machine.zombies()
    seen = f"{left} zombies" + ("" if done.code == 0 else ", and no place is left")
    seen += f"; none {time.monotonic() - began:.1f} s later" if late else ""
    hint = "reaps-late" if late else "orphans-stay"
    return trial.no(expected=expected, seen=seen, hint=hint, doubtful=late)


def _up(trial: Trial, bench: Bench, expected: str) -> tuple[Machine, Finding | None]:
    machine = bench.shared(trial)
    early = came_up(trial, machine, expected)
    if early is None:
        machine.wait(trial, lambda: "looked" in machine.said("looks"))
    return machine, early


def _ends(trial: Trial, machine: Machine, expected: str, name: str, number: int) -> Finding:
    """End a service by a signal: it alone has to come back."""
    others = [other for other in ("last", "looks", "stays", "armed") if other != name]
    before = machine.pids(others)
    old = machine.main(name)
    if old is None:
        raise LabFailed(f"the service {name} has no process")
    began = time.monotonic()
    machine.sandbox.signal(number, old.pid)
    pid = back(trial, machine, name, old.pid)
    took = time.monotonic() - began
    if machine.exit is not None:
        return trial.no(expected=expected, seen=machine.ended(), hint="ends-early")
    if pid is None:
        return trial.no(expected=expected, seen=f"none after {took:.0f} s", hint="not-restarted")
    if machine.pids(others) != before:
        return trial.no(
            expected=expected, seen="another service was started anew too", hint="restarts-others"
        )
    return trial.ok(expected=expected, seen="at once" if took < 0.5 else f"after {took:.1f} s")
