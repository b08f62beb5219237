"""Boot time, and who keeps the order."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from helpers.errors import LabError
from helpers.probes.target import STEP, Target

if TYPE_CHECKING:
    from helpers.lab import Lab

__all__ = ["HELD", "LOOK", "WAITS", "Boot", "booted", "without_interrupt"]

HELD = "the init"
WAITS = "its own script"
LOOK = 0.01
"""Seconds between two looks at the process table while a stack boots."""


@dataclass(frozen=True)
class Boot:
    """How a stack came up.

    `ready` is seconds from the execution of PID 1 for each service, in the order they became ready, and
    `seconds` the last of them. `keeps_order` is `HELD` where a service's process was absent for as long as
    nothing listened on the port of what it needs, `WAITS` where its process was there already (a script,
    waiting), and `None` where neither was seen.
    """

    target: Target
    seconds: float
    ready: dict[str, float]
    keeps_order: str | None


@contextlib.contextmanager
def booted(lab: Lab, timeout: float = 20.0, look: float = LOOK) -> Iterator[Boot]:
    """Boot time: from the execution of PID 1 until every service is ready by its own readiness probe.

    PID 1 is looked for every 0.5 ms (Docker: 2 ms), readiness every 2 ms, each service from the moment
    its port listens and what it needs is ready. A probe that is a command (redis-cli ping) adds the
    5 to 10 ms it takes to run inside. Making the sandbox is not counted, nor a kernel, devices or mounts:
    there are none.

    Meanwhile the process table is read every 10 ms (`look`), to see who keeps the order: whether a
    service's process is absent for as long as nothing listens on the port of what it needs (the init holds it
    back), or is there already (its script waits).

    A context manager over the booted stack, which it removes. `lab` is one that has not been started: its
    own watcher would compete with what is measured. Raises `LabError` when a service is not ready within
    `timeout` seconds, or PID 1 ends; `SandboxError` when PID 1 cannot be executed.
    """
    with without_interrupt():
        sandbox = lab.boot()
    target = Target(sandbox, lab.init, lab.manifest)
    try:
        yield _watch(target, timeout, look)
    finally:
        with without_interrupt():
            sandbox.destroy()


def _watch(target: Target, timeout: float, look: float) -> Boot:
    began = target.sandbox.executed
    pending = dict(target.longruns)
    ready: dict[str, float] = {}
    order = _Order(target, look)
    while pending:
        order.look(pending)
        for name, service in list(pending.items()):
            waits = [need for need in service.depends_on if need in pending]
            if not waits and target.is_ready(service):
                ready[name] = time.monotonic() - began
                del pending[name]
        if target.sandbox.exit is not None or time.monotonic() - began > timeout:
            raise LabError(target.why_not_ready(list(pending), timeout))
        time.sleep(STEP)
    oneshots = {s.name for s in target.manifest.services if s.kind == "oneshot"}
    while oneshots:
        up = {row.name for row in target.init.status(target.sandbox, target.manifest) if row.state == "up"}
        if not (oneshots := oneshots - up):
            ready["oneshots"] = time.monotonic() - began
        elif time.monotonic() - began > timeout:
            raise LabError(f"{', '.join(sorted(oneshots))} was not done within {timeout:g} s")
        else:
            time.sleep(0.02)
    return Boot(target, max(ready.values(), default=0.0), ready, order.verdict)


class _Order:
    """Looks, while a stack boots, whether a service's process is there before what it needs can be ready."""

    def __init__(self, target: Target, every: float) -> None:
        self._target = target
        self._every = every
        self._next = 0.0
        self._early = False
        self._held: dict[tuple[str, str], bool] = {}

    @property
    def verdict(self) -> str | None:
        return WAITS if self._early else HELD if any(self._held.values()) else None

    def look(self, pending: Collection[str]) -> None:
        """The table first, the port after: a port that is closed then was closed before."""
        if self._early or time.monotonic() < self._next:
            return
        target = self._target
        needs = {
            (name, need): port
            for name in pending
            for need in target.longruns[name].depends_on
            if need in pending and (port := target.port(target.longruns[need])) is not None
        }
        if not needs or target.sandbox.exit is not None:
            return
        pids = target.main_pids()
        for (name, need), port in needs.items():
            if target.listens(port) is False:
                self._early |= name in pids
                # The last look counts: in the first, whoever starts one after the other may be half-way.
                self._held[name, need] = need in pids and name not in pids
        self._next = time.monotonic() + self._every


@contextlib.contextmanager
def without_interrupt() -> Iterator[None]:
    """Ctrl-C waits until the block has ended: a sandbox is never lost half-made or half-removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def later(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = signal.signal(signal.SIGINT, later)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
