"""Signals: what PID 1 passes on, to whom, how often, and what it does when its command is stopped."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from functools import partial

from checks.behaviours import Finding, Trial
from checks.pid1.asking import alive
from checks.pid1.box import Box, random_word
from checks.pid1.command import FORWARD, START, SUITE, end_with, hears, or_running, ready, start
from checks.pid1.files import HEARS
from checks.pid1.subject import Command

__all__: list[str] = []

_ORDINARY = (
    "HUP",
    "INT",
    "QUIT",
    "USR1",
    "USR2",
    "PIPE",
    "ALRM",
    "URG",
    "VTALRM",
    "PROF",
    "WINCH",
    "IO",
    "PWR",
)
_FAULT = ("ILL", "TRAP", "ABRT", "BUS", "FPE", "SEGV", "SYS")
_SERVICE = "/opt/lab/service.sh"


@SUITE.behaviour(
    "forwards", points=2, needs=("starts",), asked="forward every ordinary signal to the command"
)
@alive("ends-on-signal")
def forwards(trial: Trial, subject: Command) -> Finding:
    """A signal without a handler is dropped by PID 1 (pid_namespaces(7)), so PID 1 must catch and pass on
    (tini: "signal forwarding"; dumb-init: "any signals sent to it")."""
    numbers = [int(signal.Signals[f"SIG{name}"]) for name in _ORDINARY]
    trial.rng.shuffle(numbers)
    return _forwarded(trial, subject, numbers, "not-forwarded")


@SUITE.behaviour("forwards-fault", points=1, needs=("starts",), asked="forward SEGV, ABRT and their like too")
@alive("ends-on-signal")
def forwards_fault(trial: Trial, subject: Command) -> Finding:
    """Sent by kill(2) they are signals like any other (signal(7)); some leave them alone, to crash on own
    faults."""
    return _forwarded(
        trial, subject, [int(signal.Signals[f"SIG{n}"]) for n in _FAULT], "faults-not-forwarded"
    )


@SUITE.behaviour("forwards-realtime", points=1, needs=("starts",), asked="forward real-time signals")
@alive("ends-on-signal")
def forwards_realtime(trial: Trial, subject: Command) -> Finding:
    """34 to 64 (signal(7), "Real-time signals")."""
    some = [34, *sorted(trial.rng.sample(range(35, 64), 3)), 64]
    return _forwarded(trial, subject, some, "realtime-not-forwarded")


def _forwarded(trial: Trial, subject: Command, numbers: Sequence[int], hint: str) -> Finding:
    code = trial.rng.randrange(3, 120)
    expected = f"each of {len(numbers)} arrives at the command, once"
    box = hears(trial, subject, code=code)
    if early := ready(trial, box, expected):
        return early
    for number in numbers:
        box.sandbox.signal(number)
        trial.until(lambda n=number: box.said(f"got {n}") or box.exit is not None, 0.5)  # type: ignore[misc]
        if box.exit is not None:
            seen = f"at SIG{_name(number)} {box.ended()}"
            return trial.no(expected=expected, seen=seen, hint="ends-on-signal")
    wanted = [f"got {n}" for n in numbers]
    box.wait_said(*wanted, timeout=FORWARD / 3)
    got = [line for line in box.lines() if line.startswith("got ")]
    lost = [n for n in numbers if f"got {n}" not in got]
    if lost:
        seen = f"{len(lost)} of {len(numbers)} did not: {' '.join(map(_name, lost))}"
        return trial.no(expected=expected, seen=seen, hint=hint)
    if len(got) != len(wanted):
        seen = f"{len(got)} arrived of {len(wanted)} sent"
        return trial.no(expected=expected, seen=seen, hint="twice")
    return end_with(trial, box, expected, code, "all did")


@SUITE.behaviour("child-alone", points=1, needs=("starts",), asked="forward SIGTERM to the command alone")
@alive("ends-on-signal")
def child_alone(trial: Trial, subject: Command) -> Finding:
    """The command gets it, and what it has started does not: it decides for its own (tini(1), without -g)."""
    tag, code = random_word(trial.rng), trial.rng.randrange(3, 120)
    expected = f"the command gets it, cleans up, exits {code}; its helper is not told"
    box = start(trial, subject, (_SERVICE, tag, str(code), "1", "helper"), tag=tag)
    if early := ready(trial, box, expected, "ready", "helper-ready"):
        return early
    box.sandbox.signal(signal.SIGTERM)
    if not box.wait_said("TERM1", timeout=FORWARD):
        return trial.no(expected=expected, seen="the command did not get it", hint="not-forwarded")
    ended = box.wait_exit(2 * FORWARD)
    if not box.said("cleaned"):
        seen = f"PID 1 ended with {or_running(ended)} before the command was done"
        return trial.no(expected=expected, seen=seen, hint="ends-early")
    if box.said("helper-TERM"):
        return trial.no(expected=expected, seen="its helper got it too", hint="whole-group")
    if ended != code:
        return trial.no(expected=expected, seen=f"PID 1 ended with {or_running(ended)}", hint="lost-status")
    return trial.ok(expected=expected, seen=f"so it was, and {ended}")


@SUITE.behaviour("second-signal", points=1, needs=("starts",), asked="forward a second SIGTERM too")
@alive("ends-on-signal")
def second_signal(trial: Trial, subject: Command) -> Finding:
    """An impatient operator sends it again: the command gets both, and PID 1 waits for its answer."""
    code = trial.rng.randrange(3, 120)
    expected = f"the command gets two, then ends with {code}"
    box = hears(trial, subject, code=code, terms=2)
    if early := ready(trial, box, expected):
        return early
    box.sandbox.signal(signal.SIGTERM)
    if not box.wait_said("got 15", timeout=FORWARD):
        return trial.no(expected=expected, seen="the first did not arrive", hint="not-forwarded")
    return end_with(trial, box, expected, code, "both arrived")


@SUITE.behaviour(
    "keeps-waiting", points=1, needs=("starts",), asked="leave a command alone that ignores SIGTERM"
)
@alive("ends-on-signal")
def keeps_waiting(trial: Trial, subject: Command) -> Finding:
    """A minimal init sets no deadline: whoever stops the container does (docker-stop(1), podman-stop(1))."""
    expected = "a second later both still run"
    box = hears(trial, subject, code=1, terms=99)
    if early := ready(trial, box, expected):
        return early
    box.sandbox.signal(signal.SIGTERM)
    if not box.wait_said("got 15", timeout=FORWARD):
        return trial.no(expected=expected, seen="it did not arrive", hint="not-forwarded")
    trial.pause(1.0)
    runs = any(HEARS in p.argv for p in box.sandbox.processes())
    if not runs:
        return trial.no(expected=expected, seen="the command was killed", hint="kills")
    return trial.ok(expected=expected, seen="they do")


@SUITE.behaviour("stop-signals", points=2, needs=("starts",), asked="stop the command at TSTP, go on at CONT")
@alive("ends-on-signal")
def stop_signals(trial: Trial, subject: Command) -> Finding:
    """SIGTSTP stops the command, SIGCONT continues it, and PID 1 hears the next signal (signal(7))."""
    code = trial.rng.randrange(3, 120)
    expected = "TSTP stops the command, CONT lets it go on, TERM ends it"
    tag = random_word(trial.rng)
    # One child only: a shell that starts programs all the time may be met inside vfork(2). Its child is then
    # stopped before execve, and the shell itself waits for that in state D, never T.
    script = f'trap "echo $0:TERM; exit {code}" TERM; sleep 1000 & echo "$0:ready"; while :; do wait; done'
    box = start(trial, subject, ("/bin/sh", "-c", script, tag), tag=tag)
    if early := ready(trial, box, expected):
        return early

    def state() -> str:
        return next((p.state for p in box.sandbox.processes() if p.pid != 1 and tag in p.argv), "")

    box.sandbox.signal(signal.SIGTSTP)
    if not trial.until(lambda: state() == "T", 1.5):
        return trial.no(expected=expected, seen="TSTP did not stop it", hint="does-not-stop")
    if state() == "":
        return trial.no(expected=expected, seen="at TSTP the command ended", hint="stop-is-end")
    # PID 1 may stop itself too, after its command: generating a stop signal discards a CONT that is pending
    # (signal(7)), so it gets time for that. CONT then continues it and is delivered to its handler.
    trial.pause(0.2)
    box.sandbox.signal(signal.SIGCONT)
    if not trial.until(lambda: state() not in ("T", ""), 1.5):
        return trial.no(expected=expected, seen="CONT did not let it go on", hint="does-not-continue")
    return end_with(trial, box, expected, code, "so it did")


@SUITE.behaviour(
    "stopped-child", points=1, needs=("starts",), asked="not take a stopped command for an ended one"
)
@alive("stop-is-end")
def stopped_child(trial: Trial, subject: Command) -> Finding:
    """SIGCHLD comes at a stop too (wait(2), WUNTRACED and SA_NOCLDSTOP): PID 1 runs on, and
    so does waiting."""
    code = trial.rng.randrange(3, 120)
    expected = f"PID 1 runs on while it is stopped; then exit code {code}"
    box = hears(trial, subject, code=code)
    if early := ready(trial, box, expected):
        return early
    child = next(p.pid for p in box.sandbox.processes() if HEARS in p.argv and p.pid != 1)
    for number, letter in ((signal.SIGSTOP, "T"), (signal.SIGCONT, "S")):
        box.sandbox.signal(number, child)
        trial.until(partial(_in_state, box, child, letter), START / 4)
        trial.pause(0.2)
    return end_with(trial, box, expected, code, "it did")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name[3:]
    except ValueError:
        return str(number)


def _in_state(box: Box, pid: int, letter: str) -> bool:
    return any(p.pid == pid and p.state == letter for p in box.sandbox.processes())
