"""Signals that ask for nothing, and the one that asks for the shutdown."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress

from checks.behaviours import Finding, Trial
from checks.pid1.asking import alive
from checks.pid1.machine import Bench, Machine
from checks.pid1.services import SUITE, came_up, usual
from helpers.errors import InitlabError

__all__ = ["outlives"]

_STAY = ("last", "looks", "stays", "armed")
_OTHERS = ("PIPE", "ALRM", "VTALRM", "PROF", "URG", "IO", "XFSZ", "CHLD", "CONT")
ALL = ("HUP", "USR1", "USR2", *_OTHERS)


@SUITE.behaviour("outlives-hup", points=1, needs=("starts",), asked="run on after SIGHUP, services untouched")
@alive("dies-of-signal")
def outlives_hup(trial: Trial, bench: Bench) -> Finding:
    """Inits take it for "read your configuration again", or for nothing; no configuration has changed."""
    return outlives(trial, bench, ("HUP",), bench.patience.reload)


@SUITE.behaviour("outlives-usr", points=1, needs=("starts",), asked="run on after SIGUSR1 and SIGUSR2")
@alive("dies-of-signal")
def outlives_usr(trial: Trial, bench: Bench) -> Finding:
    """They mean what a program says they mean (signal(7)); by default they end it, but not PID 1
    (pid_namespaces(7))."""
    return outlives(trial, bench, ("USR1", "USR2"))


@SUITE.behaviour(
    "outlives-others", points=1, needs=("starts",), asked="run on after PIPE, ALRM and their like"
)
@alive("dies-of-signal")
def outlives_others(trial: Trial, bench: Bench) -> Finding:
    """SIGPIPE comes when a reader of the console is gone, SIGALRM from a timer: neither is a wish."""
    return outlives(trial, bench, _OTHERS)


def outlives(trial: Trial, bench: Bench, names: Sequence[str] = ALL, later: float = 0.0) -> Finding:
    """Send these signals to PID 1: is it the same, are its services, for `later` seconds after?

    0 s: `patience.later`.
    """
    expected = "PID 1 and the same services run on"
    machine = bench.shared(trial)
    if early := came_up(trial, machine, expected):
        return early
    wanted = [name for name in names if signal.Signals[f"SIG{name}"] != machine.stop_signal]
    if not wanted:
        return trial.ok(expected=expected, seen=f"SIG{names[0]} is what shuts it down")
    before = machine.pids(_STAY)
    for name in wanted:
        machine.sandbox.signal(signal.Signals[f"SIG{name}"])
        trial.pause(0.1)
        if machine.exit is not None:
            break
    later = later or bench.patience.later
    trial.until(lambda: machine.exit is not None or machine.pids(_STAY) != before, later)
    if machine.exit is not None:
        return trial.no(expected=expected, seen=f"at SIG{name} {machine.ended()}", hint="dies-of-signal")
    if machine.pids(_STAY) != before:
        seen = f"services were started anew or stopped after {' '.join(wanted)}"
        return trial.no(expected=expected, seen=seen, hint="disturbs-services")
    return trial.ok(expected=expected, seen="they do")


@SUITE.behaviour(
    "stops", points=2, needs=("starts",), asked="stop every service at the shutdown, with time to clean up"
)
def stops(trial: Trial, bench: Bench) -> Finding:
    """Each gets its stop signal and what it needs of its grace; PID 1 ends the way that means "clean"."""
    expected = "each service is told and cleans up, then PID 1 ends cleanly"
    return _shut_down(trial, _fresh(trial, bench, 0.2), expected, again=False)


@SUITE.behaviour("kills-deaf", points=1, needs=("starts",), asked="kill what does not hear its stop signal")
def kills_deaf(trial: Trial, bench: Bench) -> Finding:
    """SIGKILL after the grace: nothing holds a shutdown up for ever."""
    expected = (
        f"PID 1 ends within {bench.patience.shutdown:g} s, although a service of 1 s grace ignores SIGTERM"
    )
    machine = bench.shared(trial)
    if early := came_up(trial, machine, expected):
        return early
    machine.sandbox.signal(machine.stop_signal)
    code = machine.wait_exit(trial, bench.patience.shutdown)
    if code is None:
        return trial.no(expected=expected, seen="PID 1 runs on", hint="does-not-end")
    if code not in machine.subject.init.clean_exits:
        return trial.no(expected=expected, seen=f"PID 1 ended with {code}", hint="other-exit")
    return trial.ok(expected=expected, seen="so it was")


@SUITE.behaviour("second-signal", points=1, needs=("stops",), asked="take a second stop signal without harm")
def second_signal(trial: Trial, bench: Bench) -> Finding:
    """An impatient operator sends it again: what has begun goes on, or goes faster, and ends cleanly."""
    expected = "a service that is cleaning up may go on, then PID 1 ends cleanly"
    return _shut_down(trial, _fresh(trial, bench, 0.8), expected, again=True)


def _fresh(trial: Trial, bench: Bench, cleanup: float) -> Machine:
    return bench.own(trial, usual(cleanup=cleanup, hears=True))


def _shut_down(trial: Trial, machine: Machine, expected: str, *, again: bool) -> Finding:
    """Ask PID 1 to shut down, and see what `stays` gets of it."""
    if early := came_up(trial, machine, expected):
        return early
    machine.sandbox.signal(machine.stop_signal)
    said: list[str] = []

    def read() -> list[str]:
        nonlocal said
        with suppress(InitlabError):  # PID 1 may end at any moment
            said = machine.said("stays") or said
        return said

    trial.until(lambda: "TERM" in read() or machine.exit is not None, machine.patience.start, 0.01)
    if again and machine.exit is None:
        machine.sandbox.signal(machine.stop_signal)
    trial.until(lambda: "cleaned" in read() or machine.exit is not None, machine.patience.start, 0.01)
    code = machine.wait_exit(trial, machine.patience.shutdown)
    if code is None:
        return trial.no(expected=expected, seen="PID 1 runs on", hint="does-not-end")
    if "TERM" not in said:
        return trial.no(expected=expected, seen="a service was not told", hint="not-told")
    if "cleaned" not in said:
        return trial.no(
            expected=expected,
            seen="a service was killed while it cleaned up",
            hint="second-ends-it" if again else "kills-at-once",
        )
    if code not in machine.subject.init.clean_exits:
        return trial.no(expected=expected, seen=f"PID 1 ended with {code}", hint="other-exit")
    return trial.ok(expected=expected, seen="so it was")
