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

_EVERY_FIVE = Difference(
    "runsvdir looks at its folder every five seconds, whatever happens", "runsvdir(8), DESCRIPTION"
)
_NO_INIT = Difference(
    "it is made to run under an init, and looks for ended children only when it looks at its folder",
    "runsvdir(8); runit(8) has the init that it is started by",
)
_LEAVES = Difference(
    "at SIGHUP it sends SIGTERM to each runsv, and exits with 111 without waiting for them: an init under it "
    "would wait",
    "runsvdir(8), SIGNALS",
)
_A_MINUTE = Difference(
    "s6-supervise says that it waits 60 seconds after a fork that failed: longer than is waited for here",
    "its own message, `unable to spawn ./run (waiting 60 seconds)`",
)
_HALT = Difference(
    "SIGUSR1 asks it to halt, SIGUSR2 to power off, SIGTERM to reboot",
    "init/init.c of busybox, check_delayed_sigs",
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
    ("runit", "clean-signals", "signals-ignored"): Difference(
        "SIGCONT is the operator's word to runit itself: its stages start deaf to it, and pass that on",
        "runit.c, the child before its stage; runit(8), SIGNALS",
    ),
    ("runit", "rest", "polls"): _EVERY_FIVE,
    ("runsvdir", "rest", "polls"): _EVERY_FIVE,
    ("runsvdir", "reaps-adopted", "reaps-late"): _NO_INIT,
    ("runsvdir", "short-children", "reaps-late"): _NO_INIT,
    ("runsvdir", "reaps-adopted", "orphans-stay"): _NO_INIT,
    ("runsvdir", "short-children", "orphans-stay"): _NO_INIT,
    ("runsvdir", "stops", "not-told"): _LEAVES,
    ("runsvdir", "second-signal", "not-told"): _LEAVES,
    ("systemd", "clean-signals", "signals-ignored"): Difference(
        "it starts services deaf to SIGPIPE, unless IgnoreSIGPIPE=no is set",
        "systemd.exec(5), IgnoreSIGPIPE=",
    ),
    ("busybox", "outlives-usr", "disturbs-services"): _HALT,
    ("busybox", "outlives-usr", "dies-of-signal"): _HALT,
    ("s6", "fork-fails", "gives-up"): _A_MINUTE,
    ("s6-rc", "fork-fails", "gives-up"): _A_MINUTE,
    ("supervisor-rs", "second-signal", "second-ends-it"): Difference(
        "asked a second time, it stops waiting and ends at once: the operator has said that it is urgent",
        "labs/supervisor/supervisor-rs/src/supervisor.rs, `Asked a second time: at once`",
    ),
    ("sysvinit", "fork-fails", "gives-up"): Difference(
        "what was started more than ten times in two minutes is left alone for five: here a script that "
        "finds no process for its own commands, and ends",
        "init(8), `respawning too fast`",
    ),
    ("supervisord", "outlives-hup", "disturbs-services"): Difference(
        "SIGHUP stops every process, reads the configuration and starts them again",
        "the manual of Supervisor, Running Supervisor, Signal Handlers",
    ),
}
"""By name of the init, behaviour, and the deviation seen."""


def difference(init: str, behaviour: str, deviation: str) -> Difference | None:
    """The difference of contract that explains a deviation of an init, or None: then it is a finding."""
    return CONTRACTS.get((init, behaviour, deviation))
