"""One run of the comparison matrix: a single boot of a stack serves every measurement."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from helpers.errors import LabError, SandboxError
from helpers.probes.boot import booted
from helpers.probes.idle import at_rest
from helpers.probes.logs import log_kept
from helpers.probes.measurement import Raw
from helpers.probes.memory import memory
from helpers.probes.restart import PAUSE, middle, restart_seconds
from helpers.probes.shutdown import shut_down
from helpers.probes.target import Target, poll
from helpers.probes.zombies import zombies_left

if TYPE_CHECKING:
    from helpers.lab import Lab

__all__ = ["REST", "SINGLE", "Run", "measure_one", "run_once", "warm_up"]

SINGLE = (
    "boot", "restart_first", "restart_second", "shutdown", "memory_pid1", "memory_all", "processes",
)  # fmt: skip
"""The measures that `measure_one` takes."""

REST = 1.5
"""Seconds at rest that are watched."""
_SETTLE = 0.6  # seconds after the boot, until what was started for it has ended
_GROWN = 1.5  # seconds a service has run when it is first killed: more than any init calls a short life


@dataclass(frozen=True)
class Run:
    """What one run gave: raw values by measure, and why a measure is missing."""

    values: dict[str, Raw] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def run_once(lab: Lab, rest: float = REST, say: Callable[[str], None] = lambda _: None) -> Run:
    """Boot a lab that has not been started, measure everything once, and remove it.

    In this order: boot, rest (`rest` seconds), memory, log, first kill, second kill 50 ms after, orphans,
    shutdown. `say` hears what is being done. A probe that fails leaves its measure out and the others
    stand. Raises `LabError` and `SandboxError` where the stack does not even come up.
    """
    run = Run()
    values = run.values

    @contextmanager
    def kept(*keys: str) -> Iterator[None]:
        try:
            yield
        except (LabError, SandboxError) as error:
            run.failed.update(dict.fromkeys(keys, error.message))

    say("boot")
    with booted(lab) as boot:
        target, up = boot.target, time.monotonic()
        values |= {"boot": boot.seconds, "order": boot.keeps_order}
        say("rest")
        time.sleep(_SETTLE)
        with kept("wakeups", "cpu"):
            idle = at_rest(target, rest)
            values |= {"wakeups": idle.wakeups / idle.seconds, "cpu": idle.cpu / idle.seconds}
        used = memory(target)
        values |= {"memory_pid1": used.pid1, "memory_all": used.supervision}
        values |= {"memory_source": used.source, "processes": used.processes}
        service = middle(lab.manifest)
        log = log_kept(target, service.name)
        values |= {"log_writer": log.writer, "log_form": log.form, "log_path": log.path}
        say("first kill")
        time.sleep(max(0.0, up + _GROWN - time.monotonic()))
        with kept("restart_first", "restart_second"):
            values["restart_first"] = restart_seconds(target, service)
        if "restart_first" in values:
            time.sleep(PAUSE)
            say("second kill")
            with kept("restart_second"):
                values["restart_second"] = restart_seconds(target, service)
        say("orphans")
        values["zombies"] = zombies_left(target)
        # Also what a restart took down with it is to be up again before everything is stopped.
        poll(lambda: all(target.is_ready(service) for service in target.longruns.values()), 5.0, step=0.02)
        say("shutdown")
        values |= _shutdown(target)
    return run


def measure_one(lab: Lab, key: str) -> float:
    """One figure of one boot alone, raw: sooner than a whole run.

    `key` is one of `SINGLE`. Raises `LabError` and `SandboxError` as `run_once` does, and where the figure
    cannot be had (a PID 1 that never ended).
    """
    with booted(lab) as boot:
        target, service = boot.target, middle(lab.manifest)
        if key == "boot":
            return boot.seconds
        time.sleep(_GROWN if key.startswith("restart") else _SETTLE)
        if key.startswith("restart"):
            first = restart_seconds(target, service)
            if key == "restart_first":
                return first
            time.sleep(PAUSE)
            return restart_seconds(target, service)
        if key == "shutdown":
            seconds = shut_down(target).seconds
            if seconds is None:
                raise LabError(f"{lab.init.title} did not end within its grace")
            return seconds
        used = memory(target)
        return {
            "memory_pid1": used.pid1,
            "memory_all": used.supervision,
            "processes": used.processes,
        }[key]


def warm_up(lab: Lab) -> dict[str, Raw]:
    """Boot a lab once, so that the files it reads are in memory, and remove it.

    Its times do not count; what it shows beside them does: the value of `order`. Raises as `run_once` does.
    """
    with booted(lab) as boot:
        return {"order": boot.keeps_order}


def _shutdown(target: Target) -> dict[str, Raw]:
    end = shut_down(target)
    killed = None if end.killed is None else ", ".join(sorted(end.killed))
    if end.seconds is None:
        clean = "no: PID 1 never ended"
    elif not end.clean_exit:
        clean = f"no: exit code {end.exit.code}"
    elif killed:
        clean = f"no: SIGKILL for {killed}"
    else:
        clean = "yes" if killed is not None else "yes, by its exit code"
    return {
        "shutdown": end.seconds,
        "clean": clean,
        "stop_order": {True: "in reverse", False: "any", None: None}[end.in_order],
        "exit": str(end.exit.code),
    }
