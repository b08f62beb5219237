"""Restart latency."""

from __future__ import annotations

import signal
import time

from helpers.errors import LabError
from helpers.manifest.models import Manifest, Service
from helpers.probes.endings import Watch
from helpers.probes.target import STEP, Target, longruns, poll

__all__ = ["PAUSE", "middle", "restart_seconds"]

PAUSE = 0.05
"""Seconds a service is left alone between being ready again and the second kill."""


def middle(manifest: Manifest) -> Service:
    """The service to kill: the first longrun that needs another one, or the first of all.

    Raises `LabError` where the stack has no longrun.
    """
    services = list(longruns(manifest).values())
    if not services:
        raise LabError(f"stack {manifest.name} has no longrun: nothing in it is ever started again")
    return next((service for service in services if service.depends_on), services[0])


def restart_seconds(target: Target, service: Service, timeout: float = 15.0, step: float = STEP) -> float:
    """Restart latency: from SIGKILL to a service's main process until the service is ready again.

    The signal goes through a pidfd, so no time is lost looking for the process; readiness is asked every
    `step` seconds by the service's own probe, once the killed process is gone. The first kill comes to a
    service that has run for longer than any init's notion of a short life (1.5 s and more), the second 50 ms
    after it was ready again: several inits hold that restart back.

    Raises `LabError` when it is down, or not ready again within `timeout` seconds.
    """
    old = target.main_pids().get(service.name)
    if old is None:
        raise LabError(f"service {service.name} has no main process: it is down")
    began = _kill(target, service.name, old, timeout)
    if service.readiness is None:  # ready is a process then: another one
        back = poll(lambda: target.main_pids().get(service.name, old) != old, timeout, step)
    else:
        back = poll(lambda: target.sandbox.exit is not None or target.is_ready(service), timeout, step)
    took = time.monotonic() - began
    if not back or target.sandbox.exit is not None:
        raise LabError(f"killed, {target.why_not_ready([service.name], timeout)}")
    return took


def _kill(target: Target, name: str, pid: int, timeout: float) -> float:
    """SIGKILL, and wait until it is gone; returns the time just before."""
    found = target.host_pids().get(pid)
    if found is not None:
        with Watch({name: found}) as watch:
            began = watch.send(name, signal.SIGKILL)
            if watch.wait_all(timeout):
                return began
    else:  # not visible from here: by way of the engine, which takes longer
        began = time.monotonic()
        target.sandbox.signal(signal.SIGKILL, pid)
        if poll(lambda: target.main_pids().get(name) != pid, timeout):
            return began
    raise LabError(f"service {name} did not end on SIGKILL within {timeout:g} s")
