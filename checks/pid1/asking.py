"""What the behaviours of both kinds share: how an end is told, and what cannot be asked here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from checks.behaviours import Finding, LabFailed, Trial
from helpers.errors import SandboxGone

__all__ = ["NotAsked", "alive", "ignored", "mask"]

Subject = TypeVar("Subject")
_Run = Callable[[Trial, Subject], Finding]
# What a command may find ignored though PID 1 did nothing: SIGXFSZ, which the engine's own process ignores
# (Python does, see the docs of `signal`), and 32 and 33, the C library's own (nptl(7)). glibc's
# posix_spawn(3), with which make starts its commands, leaves 32 ignored, and its sigaction(2) lets no program
# take that back.
_LABS = sum(1 << (number - 1) for number in (25, 32, 33))


class NotAsked(LabFailed):
    """A behaviour that cannot be asked here, of this subject: the message says why. Never a pass."""


def alive(hint: str) -> Callable[[_Run[Subject]], _Run[Subject]]:
    """A PID 1 that ends while it is being looked at is a finding (with `hint`), not a failure of the lab."""

    def decorate(run: _Run[Subject]) -> _Run[Subject]:
        @wraps(run)
        def wrapped(trial: Trial, subject: Subject) -> Finding:
            try:
                return run(trial, subject)
            except SandboxGone as gone:
                return trial.no(expected="PID 1 runs on", seen=gone.message, hint=hint)

        return wrapped

    return decorate


def mask(status: str, name: str) -> int:
    """A mask of signals from the text of /proc/PID/status (proc_pid_status(5)): `SigBlk`, `SigIgn`, …"""
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1], 16)
    return 0


def ignored(status: str) -> int:
    """The signals a process ignores, less those it has from the lab itself."""
    return mask(status, "SigIgn") & ~_LABS
