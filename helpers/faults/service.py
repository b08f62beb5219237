"""Ending a service's process and seeing it come back, with no command of any init but `start`."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from helpers.engines.base import Process
from helpers.errors import FaultError, SandboxError
from helpers.faults.programs import Programs, is_front
from helpers.manifest.models import Service

if TYPE_CHECKING:
    from helpers.lab import Lab

__all__ = ["Steady", "ask_start", "bring_back", "end", "main_process", "same", "wait_front", "wait_until"]

_POLL = 0.03
_HELD_BACK = 4.0
"""Seconds after which a service that is down is asked to start: the inits here hold a restart back for a
second or two (runsv(8), busybox init, supervisord, finit)."""
_STEADY = 0.3
_PATIENCE = 40.0


def main_process(lab: Lab, service: str) -> Process | None:
    """The service's main process now, or `None` while it is down."""
    table = lab.sandbox.processes()
    pid = lab.init.main_pids(table, lab.manifest).get(service)
    return next((process for process in table if process.pid == pid), None)


def same(lab: Lab, process: Process) -> Process | None:
    """The process as it is now, or `None` when it has ended (its number may be another's by now)."""
    for now in lab.sandbox.processes():
        if now.pid == process.pid and now.started == process.started and now.state != "Z":
            return now
    return None


def end(lab: Lab, service: Service, process: Process, *, politely: bool = True) -> None:
    """End a main process from outside: its stop signal, and SIGKILL after its grace. The init sees a service
    that has ended by itself, and starts it again as its policy says."""
    box = lab.sandbox
    # A frozen process takes no other signal than SIGKILL.
    if politely and process.state != "T":
        box.signal(signal.Signals[f"SIG{service.stop_signal}"], process.pid)
        if wait_until(lambda: same(lab, process) is None, service.stop_grace):
            return
    with suppress(SandboxError):  # ended meanwhile
        box.signal(signal.SIGKILL, process.pid)
    wait_until(lambda: same(lab, process) is None, _PATIENCE)


def wait_front(lab: Lab, service: Service, programs: Programs) -> None:
    """Wait until the service has been started through the script in front of its program.

    Raises `FaultError` when it was started without, so that a fault without effect is never in force.
    """
    nudge = _Nudge(service)
    deadline = time.monotonic() + _PATIENCE / 2
    ready_since = None
    while (pid := programs.seen(service.name)) is None:
        # With no readiness to ask for, a run script that waits for others looks the same as the service.
        if service.readiness is None or not lab.glance()[service.name].ready:
            ready_since = None
        elif ready_since is None:
            ready_since = time.monotonic()
        other = ready_since is not None and time.monotonic() - ready_since > _STEADY
        if other or time.monotonic() > deadline:
            raise FaultError(
                f"service {service.name} was not started with its manifest's command "
                f"({' '.join(service.command)}), so nothing could be put in front of it",
                hint=f"lab.processes(), lab.logs({service.name!r})",
            )
        nudge(lab)
        time.sleep(_POLL)

    # Whoever asks the lab next shall be told of this start, not of the one before.
    wait_until(lambda: lab.glance()[service.name].pid == pid or _ended(lab, pid), 2.0)


def _ended(lab: Lab, pid: int) -> bool:
    return all(process.pid != pid for process in lab.sandbox.processes())


def ask_start(lab: Lab, service: str) -> None:
    """Give the init's own command that starts a service. Not waited for: the command may itself wait for a
    readiness that does not come."""
    null = subprocess.DEVNULL
    process = lab.sandbox.popen(lab.init.start(service), stdout=null, stderr=null)
    threading.Thread(target=process.wait, daemon=True).start()


def bring_back(lab: Lab, service: Service, *, politely: bool = True) -> None:
    """Wait until the service itself runs: whatever stands in front of it is ended first.

    The init is told to start it only when it stays down. A service that was stopped with `lab.stop_service`
    stays down. Raises `FaultError` when there is no main process after all.
    """
    if _was_stopped(lab, service.name):
        return
    nudge = _Nudge(service)
    steady = Steady(lab, service)
    deadline = time.monotonic() + _PATIENCE
    while not steady():
        process = main_process(lab, service.name)
        if process is not None and is_front(process):
            end(lab, service, process, politely=politely)
        nudge(lab)
        if time.monotonic() > deadline:
            raise FaultError(
                f"service {service.name} did not come back within {_PATIENCE:g} s",
                hint=f"lab.status(), lab.start_service({service.name!r})",
            )
        time.sleep(_POLL)


def _was_stopped(lab: Lab, service: str) -> bool:
    asked = [event.detail for event in lab.events().of(service).kind("asked")]
    return bool(asked) and asked[-1] == "stop"


class Steady:
    """True once the service's main process is the service itself, and has been for a moment."""

    def __init__(self, lab: Lab, service: Service) -> None:
        self._lab = lab
        self._name = service.name
        self._since: tuple[int, float] | None = None

    def __call__(self) -> bool:
        process = main_process(self._lab, self._name)
        if process is None or is_front(process):
            self._since = None
            return False
        if self._since is None or self._since[0] != process.pid:
            self._since = (process.pid, time.monotonic())
        return time.monotonic() - self._since[1] > _STEADY


class _Nudge:
    """Asks the init to start a service that stays down: after a moment where its policy does not restart it,
    after a longer one where the init may hold the restart back, or has given up."""

    def __init__(self, service: Service) -> None:
        restart = service.restart
        held = _HELD_BACK + min(restart.max_delay, restart.delay)
        self._service = service
        self._wait = held if restart.policy == "always" else 1.0
        self._down = time.monotonic()

    def __call__(self, lab: Lab) -> None:
        if main_process(lab, self._service.name) is not None:
            self._down = time.monotonic()
        elif time.monotonic() - self._down > self._wait:
            self._down = time.monotonic()
            self._wait = max(self._wait, _HELD_BACK)
            ask_start(lab, self._service.name)


def wait_until(done: Callable[[], bool], timeout: float) -> bool:
    """Whether `done` holds within `timeout` seconds."""
    end_ = time.monotonic() + timeout
    while not done():
        if time.monotonic() > end_:
            return False
        time.sleep(_POLL)
    return True
