"""The suite for inits that run services: what its modules share.

Contracts: wait(2), signal(7), setsid(2), execve(2), pid_namespaces(7); and what each init says of
itself in its manual pages (`contracts`).
"""

from __future__ import annotations

from collections.abc import Sequence

from checks.behaviours import Finding, Suite, Trial
from checks.pid1.files import DEAF
from checks.pid1.machine import Bench, Machine, acts
from checks.pid1.services_hints import HINTS
from helpers.manifest.models import Restart, Service

__all__ = ["ARGUMENTS", "NEVER", "OWN", "SUITE", "at_rest", "back", "came_up", "usual"]

ARGUMENTS = ("two words", "-g", "$HOME", "*", "it's", "")
NEVER = Restart(policy="never")

OWN = frozenset(
    {"stops", "second-signal", "crash-loop", "stalled-reader", "stalled-writer", "fork-fails", "memory-short"}
)
"""Behaviours that boot a machine of their own: the others share one."""

SUITE: Suite[Bench] = Suite(HINTS)


def usual(*, cleanup: float = 0.2, hears: bool = False, more: Sequence[Service] = ()) -> tuple[Service, ...]:
    """Services that stay: one that is deaf to SIGTERM (or `hears` it, and takes a second), others behind it.

    `last` is what the others depend on, so it is stopped last, and holds the shutdown up for a second:
    there is time to read what the others said.
    """
    last = acts("last", "stay", 1.0) if hears else acts("last", program=DEAF, stop_grace=1.0)
    return (
        last,
        acts("looks", "looks", *ARGUMENTS, depends_on=("last",)),
        acts("stays", "stay", cleanup, depends_on=("last",)),
        acts("armed", "armed", 0, depends_on=("last",)),
        *more,
    )


def at_rest() -> tuple[Service, ...]:
    """What the shared machine runs: the usual services, and one that has ended and is not to come back."""
    return usual(more=(acts("once", "ends", 3, restart=NEVER),))


def came_up(trial: Trial, machine: Machine, expected: str, *names: str) -> Finding | None:
    """Wait until these services (all, where none is named) have run; a finding where they do not."""
    wanted = set(names or machine.names)
    if machine.wait(trial, lambda: wanted <= machine.up(), machine.patience.start):
        return None
    if machine.exit is not None:
        return trial.no(expected=expected, seen=machine.ended(), hint="ends-early")
    lost = sorted(wanted - machine.up())
    return trial.no(expected=expected, seen=f"not started: {', '.join(lost)}", hint="never-starts")


def back(trial: Trial, machine: Machine, name: str, old: int, seconds: float = 0.0) -> int | None:
    """Wait until a service runs again under another PID: the PID, or None. 0 s: at once."""

    def new() -> int | None:
        found = machine.main(name)
        return found.pid if found is not None and found.pid != old else None

    machine.wait(trial, new, seconds)
    return None if machine.exit is not None else new()
