"""Boot time, and who keeps the order."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from helpers.errors import LabError, SandboxGone
from helpers.probes.target import STEP, Target

if TYPE_CHECKING:
    from helpers.lab import Lab

__all__ = ["HELD", "WAITS", "Boot", "booted", "come_up", "kept_back_by", "without_interrupt"]

HELD = "the init"
WAITS = "its own script"
_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Boot:
    """How a stack came up.

    `ready` is seconds from the execution of PID 1 for each service, in the order they became ready, and
    `seconds` the last of them. `keeps_order` is `HELD` where the init started no service before what it
    needs was there, `WAITS` where a process of it was there before and waited, `None` where neither can
    be told.
    """

    target: Target
    seconds: float
    ready: dict[str, float]
    keeps_order: str | None


@contextlib.contextmanager
def booted(lab: Lab, timeout: float = 20.0) -> Iterator[Boot]:
    """Boot time: from the execution of PID 1 until every service is ready by its own readiness probe.

    PID 1 is looked for every 0.5 ms (Docker: 2 ms), readiness every 2 ms, each service from the moment
    its port listens and what it needs is ready. A probe that is a command (redis-cli ping) adds the
    5 to 10 ms it takes to run inside. Making the sandbox is not counted, nor a kernel, devices or mounts:
    there are none.

    A context manager over the booted stack, which it removes. `lab` is one that has not been started: its
    own watcher would compete with what is measured. Raises `LabError` when a service is not ready within
    `timeout` seconds, or PID 1 ends; `SandboxError` when PID 1 cannot be executed.
    """
    with without_interrupt():
        sandbox = lab.boot()
    target = Target(sandbox, lab.init, lab.manifest)
    try:
        yield come_up(target, timeout)
    finally:
        with without_interrupt():
            sandbox.destroy()


def come_up(target: Target, timeout: float = 20.0) -> Boot:
    """Watch a sandbox that has just been started until its services are ready; see `booted`."""
    try:
        return _watch(target, timeout)
    except SandboxGone:
        raise LabError(target.why_not_ready(list(target.longruns), timeout)) from None


def _watch(target: Target, timeout: float) -> Boot:
    began = target.sandbox.executed
    pending = dict(target.longruns)
    ready: dict[str, float] = {}
    closed: dict[str, float] = {}
    while pending:
        for name, service in list(pending.items()):
            waits = [need for need in service.depends_on if need in pending]
            port = target.port(service)
            now = time.clock_gettime(time.CLOCK_BOOTTIME)
            if port is not None and target.listens(port) is False:
                closed[name] = now
            elif not waits and target.is_ready(service):
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
    return Boot(target, max(ready.values(), default=0.0), ready, kept_back_by(target, closed))


def kept_back_by(target: Target, closed: dict[str, float]) -> str | None:
    """Who keeps a service back until what it needs is there: the init, or the service's own script.

    Told by start times (/proc/PID/stat, proc_pid_stat(5)), which the kernel counts in ticks of 10 ms. A
    service's process that is older than the last moment at which nothing listened on the port of what it
    needs was a script of its own, and waited; one that is younger was held back by the init. The boot that
    does not count is looked at too, and a script that was seen to wait in one of them is enough: in
    another it may have been started too late to be seen waiting.

    Returns `HELD`, `WAITS`, or `None` where neither can be told. `closed` is that last moment for each
    service with a port, in seconds since the computer's boot.
    """
    pids = target.main_pids()
    started = {process.pid: process.started for process in target.sandbox.processes()}
    held = False
    for name, service in target.longruns.items():
        for need in service.depends_on:
            if need not in closed or name not in pids or need not in pids:
                continue
            own, theirs = started.get(pids[name], 0.0), started.get(pids[need], 0.0)
            if own + _TICK < closed[need]:
                return WAITS
            held |= own > theirs + _TICK
    return HELD if held else None


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
