"""Differences of contract: where an init does something else, says so, and means it.

A deviation that is listed here is not a failure. One that is not listed is shown as not kept: a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CONTRACTS", "Difference", "difference"]


@dataclass(frozen=True)
class Difference:
    """Why an init deviates, and where it says that it does."""

    why: str
    source: str


_FAULTS = (
    "it leaves the signals alone that the kernel sends for a program's own fault, so that it dies of its own"
)
_TERMINAL_STOPS = Difference(
    "it takes stop signals for the terminal's, which are to stop nobody here: it drops them, and blocks them "
    "in its command, so that a job in it cannot be stopped from the keyboard either",
    "catatonit.c, make_foreground and main",
)

CONTRACTS: Mapping[tuple[str, str, str], Difference] = {
    ("tini", "forwards-fault", "faults-not-forwarded"): Difference(
        _FAULTS, "tini.c, configure_signals: signals_for_tini"
    ),
    ("catatonit", "forwards-fault", "faults-not-forwarded"): Difference(
        _FAULTS, "catatonit.c, kernel_signals"
    ),
    ("catatonit", "clean-signals", "signals-blocked"): _TERMINAL_STOPS,
    ("catatonit", "stop-signals", "does-not-stop"): _TERMINAL_STOPS,
    ("catatonit", "job-control", "no-job-control"): _TERMINAL_STOPS,
    ("dumb-init", "child-alone", "whole-group"): Difference(
        "it starts the command in a session of its own and sends signals to all of its group, unless "
        "--single-child is given",
        "README of dumb-init, Session behavior",
    ),
}
"""By name of the init, behaviour, and the deviation seen."""


def difference(init: str, behaviour: str, deviation: str) -> Difference | None:
    """The difference of contract that explains a deviation of an init, or None: then it is a finding."""
    return CONTRACTS.get((init, behaviour, deviation))
