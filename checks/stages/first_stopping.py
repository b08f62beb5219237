"""Stage 1, continued: signals that ask for nothing, SIGTERM, rest. `SUITE` is whole with this module.

Sources: signal(7), kill(2), pid_namespaces(7), proc_pid_status(5).
"""

from __future__ import annotations

import signal

from checks.behaviours import Finding, Trial
from checks.pid1.asking import NotAsked, alive
from checks.pid1.resting import look_at_rest
from checks.stages.box import END, START, Box, Stage, names, service
from checks.stages.first import SUITE
from checks.stages.first_looks import misreported, the
from checks.stages.rows import keeps_rows

__all__ = ["SUITE", "rested"]

_PROMPT = 3.0  # seconds
_CLEANUP = 1.2  # seconds a service needs to clean up
_REST = 1.0  # seconds
_AT_REST = 0.05  # of one processor
_CALM = ("HUP", "USR1", "USR2", "PIPE", "ALRM", "WINCH")  # signals that ask stage 1 for nothing
_QUICK = 0.002  # seconds between two looks at a start


@SUITE.behaviour(
    "outlives", points=1, needs=("reports",), asked="go on when a signal comes that asks for nothing"
)
@alive("dies-of-signal")
def outlives(trial: Trial, stage: Stage) -> Finding:
    """PID 1 has no default actions (pid_namespaces(7)): what ends it is a handler of its own."""
    (armed,) = names(trial, 1)
    calm = trial.rng.sample(_CALM, len(_CALM))
    asked = f"PID 1 gets {', '.join(f'SIG{name}' for name in calm)}; then {armed} ends"
    expected = "PID 1 goes on and reports it"
    box = Box(trial, stage, [service(armed, "armed", 5)])
    if not box.wait_up() or (ends := box.main(armed)) is None:
        return box.not_up(expected)
    box.wait(lambda: the(box, "start", armed), _PROMPT)
    for name in calm:
        if box.exit is not None:
            break
        box.sandbox.signal(signal.Signals[f"SIG{name}"])
    trial.until(lambda: box.exit is not None, 0.3)
    if box.exit is None:
        box.sandbox.signal(signal.SIGUSR1, ends.pid)
    box.wait(lambda: the(box, "exit", armed), _PROMPT)
    if box.exit is not None:
        return trial.no(asked=asked, expected=expected, seen=box.ended(), hint="dies-of-signal")
    event = the(box, "exit", armed)
    if event is None:
        return trial.no(asked=asked, expected=expected, seen="no exit event", hint="no-exit")
    if found := misreported(event, {"code": 5}):
        hint, seen = found
        return trial.no(asked=asked, expected=expected, seen=seen, hint=hint)
    return trial.ok(asked=asked, expected=expected, seen="so it does")


@SUITE.behaviour("stops", points=1, needs=("reports",), asked="on SIGTERM stop all services, end with 0")
@alive("leaves-early")
def stops(trial: Trial, stage: Stage) -> Finding:
    """SIGTERM to each process group (kill(2)); PID 1 ends when the last service has, not before, and kills
    nobody who still cleans up: not by itself, and not because it is told to stop once more."""
    family, slow, gone = names(trial, 3)
    services = [service(family, "family", 2), service(slow, "stay", _CLEANUP), service(gone, "ends", 0)]
    trial.rng.shuffle(services)
    expected = "all get it, each group whole; both exits are reported; PID 1 ends with 0"
    box = Box(trial, stage, services)
    if not box.wait_up() or not box.wait(lambda: _helpers(box, family, "up") == 2):
        return box.not_up(expected)
    box.wait(lambda: the(box, "exit", gone))
    box.sandbox.signal(signal.SIGTERM)
    # What was said is read while PID 1 still runs: with it, /run is gone.
    heard: list[str] = []

    def over() -> bool:
        if said := box.said():
            heard[:] = said
        return box.exit is not None

    trial.until(lambda: over() or f"{slow} TERM" in heard, 2.0, 0.02)
    if box.exit is None and f"{slow} TERM" not in heard:
        seen = f"{slow} did not get it"
        return trial.no(expected=expected, seen=seen, hint="sigterm-ignored")
    trial.until(over, 0.3, 0.02)  # who ends at once does so before it is told a second time
    again = box.exit is None
    if again:
        box.sandbox.signal(signal.SIGTERM)
    trial.until(over, _CLEANUP + _PROMPT, 0.02)
    said = [line.partition(" ")[2] for line in heard]
    exits = {event["service"] for event in box.events("exit")}
    if box.exit is None:
        running = [name for name in (family, slow) if box.actors(name) and name not in exits]
        if running:
            seen = f"{', '.join(running)} did not get it"
            return trial.no(expected=expected, seen=seen, hint="sigterm-ignored")
        return trial.no(expected=expected, seen="PID 1 runs on", hint="does-not-end")
    # First: where PID 1 was gone at once, its helpers may not have come to say a word.
    if not {family, slow} <= exits:
        lost = ", ".join({family, slow} - exits)
        hint = "second-ends-it" if again else "leaves-early"
        return trial.no(expected=expected, seen=f"PID 1 ended before {lost}", hint=hint)
    if helpers := 2 - sum(line.startswith("helper") and line.endswith("TERM") for line in said):
        seen = f"{helpers} of 2 helpers of {family} did not get it"
        return trial.no(expected=expected, seen=seen, hint="only-the-leader")
    for event in box.events("exit"):
        if event["service"] in (family, slow) and (found := misreported(event, {"code": 0})):
            killed = event.get("signal") == signal.SIGKILL
            seen = f"{event['service']}: {found[1]}" + (", while it cleaned up" if killed else "")
            hint = "kills-at-stop" if killed else found[0]
            return trial.no(expected=expected, seen=seen, hint=hint)
    if box.exit.code != 0:
        return trial.no(expected=expected, seen=box.ended(), hint="exit-code")
    return trial.ok(expected=expected, seen="so it did")


@SUITE.behaviour("early", points=1, needs=("stops",), asked="take SIGTERM also while services are started")
@alive("leaves-early")
def early(trial: Trial, stage: Stage) -> Finding:
    """Many services; PID 1 is stopped at its first `start` events, and SIGTERM waits for it when it goes on.

    Whether the rest is still started is the program's choice. Where this computer looked so late that all
    had been started, it is tried with more.
    """
    expected = "what was started gets SIGTERM, every exit is reported, PID 1 ends with 0"
    for count in (100, 200, 300):
        never = {"policy": "never"}
        command = ["/bin/sleep", "776"]
        specs = [{"name": name, "command": command, "restart": never} for name in names(trial, count)]
        box = Box(trial, stage, specs)
        trial.until(lambda box=box: box.events("start") or box.exit is not None, START, _QUICK)  # type: ignore[misc]
        if box.exit is not None or not box.events("start"):
            return box.not_up(expected)
        box.sandbox.signal(signal.SIGSTOP)
        box.wait(lambda box=box: box.first().state in "Tt", END)  # type: ignore[misc]
        begun = len(box.events("start"))
        if begun < count:
            return _told_early(trial, box, f"SIGTERM when {begun} of {count} services are started", expected)
        box.sandbox.destroy()
    return trial.ok(expected=expected, seen="all were started before this computer could look")


def _told_early(trial: Trial, box: Box, asked: str, expected: str) -> Finding:
    box.sandbox.signal(signal.SIGTERM)
    box.sandbox.signal(signal.SIGCONT)
    box.wait(lambda: box.events("exit"), _PROMPT)
    if box.exit is None and not box.events("exit"):
        return trial.no(asked=asked, expected=expected, seen="no service ended", hint="early-lost")
    box.wait_exit()
    if box.exit is None:
        seen = f"PID 1 runs on, with {len(box.processes()) - 1} others"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="before-setsid")
    if "ProcessLookupError" in box.complaint():
        return trial.no(asked=asked, expected=expected, seen=box.ended(), hint="before-setsid")
    if lost := len(box.events("start")) - len(box.events("exit")):
        seen = f"{box.ended()}; {lost} exits were not reported"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="leaves-early")
    if box.exit.code != 0:
        return trial.no(asked=asked, expected=expected, seen=box.ended(), hint="exit-code")
    return trial.ok(asked=asked, expected=expected, seen="so it did")


@SUITE.behaviour("rest", points=1, needs=("starts",), asked="sleep while nothing happens")
@alive("ends-early")
def rest(trial: Trial, stage: Stage) -> Finding:
    """No wake-up of PID 1 in a second, with a service that sleeps and one that ended: it is in a call that
    returns when there is something to do. A look at the clock now and then is polling, however cheap."""
    stays, ends = names(trial, 2)
    box = Box(trial, stage, [service(stays, "stay"), service(ends, "ends", 0)])
    if not box.wait_up():
        return box.not_up("both services run")
    trial.until(lambda: the(box, "exit", ends), 1.0)
    return rested(trial, box)


keeps_rows(SUITE, "stage 1")


def rested(trial: Trial, box: Box) -> Finding:
    """What PID 1 does in a second in which nobody asks it anything; its hints are `busy` and `polls`.

    Wake-ups are the kernel's count of context switches; where that cannot be read from here (an engine on
    another computer), processor time alone is looked at.
    """
    trial.pause(0.3)  # for what is said after the last event
    before = box.first().cpu
    try:
        finding = look_at_rest(trial, box.sandbox, lambda process: process.pid == 1, seconds=_REST)
    except NotAsked:
        trial.pause(_REST)
        finding = None
    used = (box.first().cpu - before) / _REST
    if finding is None or used >= _AT_REST:
        expected, seen = f"less than {_AT_REST:.0%} of one processor", f"{used:.0%}"
        if used < _AT_REST:
            return trial.ok(expected=expected, seen=seen)
        return trial.no(expected=expected, seen=seen, hint="busy", doubtful=True)
    told = finding.observation
    if told.ok:
        return trial.ok(expected=told.expected, seen=told.seen)
    return trial.no(expected=told.expected, seen=told.seen, hint="polls", doubtful=True)


def _helpers(box: Box, name: str, word: str) -> int:
    return sum(line.startswith("helper") and line.endswith(word) for line in box.said(name))
