"""The warm-up of the first notebook, `p0.start`: a service was killed, and its supervisor brought it back.

Looks at the events of the learner's own lab, which were seen from outside (`helpers.probes.watch`).
"""

from __future__ import annotations

from checks.behaviours import Finding, Suite, Trial
from checks.runner import BadArgument, NotStarted
from helpers.lab import Lab
from helpers.probes.events import Event, Events

__all__ = ["HINTS", "SUITE", "subject"]

_PATIENCE = 8.0  # seconds for a restart that was just asked for; runsv(8) may hold one back for a second

HINTS = {
    "asked-politely": (
        "A service ended, but no signal went to it through lab.kill or a Kill button: it was asked to stop "
        "or restart with the init's own command. A crash asks nobody. Kill it, so that its supervisor has to "
        "notice by itself."
    ),
    "did-not-end": (
        "The signal you sent did not end the process. signal(7) lists what each signal does by default, and "
        "which two no process can refuse. One of those two ends it."
    ),
    "stays-down": (
        "The process ended and no new one came. Was the service also stopped with the init's command? "
        "lab.status() shows what the init means it to be."
    ),
}

SUITE: Suite[Lab] = Suite(HINTS)


def subject(lab: object) -> Lab:
    """The learner's lab. Raises `BadArgument` for anything else, `NotStarted` before anything was done."""
    if not isinstance(lab, Lab):
        raise BadArgument(
            f"phase0.start expects the lab you started, got {type(lab).__name__}", hint="phase0.start(lab)"
        )
    events = lab.events()
    if not (len(events.kind("signalled")) or len(events.kind("asked")) or len(events.exits())):
        raise NotStarted(
            "No service of this lab has been killed yet.",
            hint="press a Kill button of the dashboard, or run lab.kill(...) in the exercise's cell",
        )
    return lab


def _signals(events: Events) -> list[Event]:
    return list(events.kind("signalled"))


def _ended(events: Events) -> list[Event]:
    """The main processes that got a signal through the lab and then ended."""
    killed = {(event.service, event.pid): event.time for event in _signals(events)}
    return [e for e in events.exits() if killed.get((e.service, e.pid), e.time + 1) <= e.time]


@SUITE.behaviour("killed", points=0, asked="send a signal to a service's main process")
def killed(trial: Trial, lab: Lab) -> Finding:
    """A signal went to a main process through the lab."""
    expected = "a signal sent by lab.kill or a Kill button"
    sent = _signals(lab.events())
    if not sent:
        seen = "a service ended without one"
        return trial.no(expected=expected, seen=seen, hint="asked-politely")
    return trial.ok(expected=expected, seen=f"{sent[-1].detail} sent to {sent[-1].service}")


@SUITE.behaviour("ended", points=0, needs=("killed",), asked="see the process end")
def ended(trial: Trial, lab: Lab) -> Finding:
    """A process that got a signal ended."""
    expected = "the process that got the signal is gone"
    if not trial.until(lambda: _ended(lab.events()), 2.0):
        return trial.no(expected=expected, seen="it is still there", hint="did-not-end")
    return trial.ok(expected=expected, seen="it is gone")


@SUITE.behaviour("back", points=0, needs=("ended",), asked="see the supervisor bring it back")
def back(trial: Trial, lab: Lab) -> Finding:
    """The service that was killed is ready again, with another main process."""
    expected = "a new main process, and it is ready"

    def returned() -> list[Event]:
        events = lab.events()
        gone = _ended(events)
        return [e for g in gone for e in events.of(g.service).kind("ready").after(g.time) if e.pid != g.pid]

    found = trial.until(returned, _PATIENCE)
    if not found:
        seen = f"none within {_PATIENCE:.0f} s"
        return trial.no(expected=expected, seen=seen, hint="stays-down")
    return trial.ok(expected=expected, seen=f"{found[-1].service} has one, and it is ready")
