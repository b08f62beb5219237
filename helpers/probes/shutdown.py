"""Shutdown: how long it takes, and whether the services end by themselves."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from helpers.engines.base import Exit
from helpers.errors import SandboxError
from helpers.probes.endings import Ending, Watch
from helpers.probes.target import Target

__all__ = ["Shutdown", "shut_down"]

_AGAIN = 1.0  # seconds until the stop signal is sent again


@dataclass(frozen=True)
class Shutdown:
    """How a stack went down.

    `seconds` from the stop signal until PID 1 has ended with `exit`; `None` where it never did and was
    killed after the grace. `order` is the services as they ended. `killed` names those that SIGKILL
    ended, or `None` where this kernel does not tell. `clean_exit` is whether the exit code means a clean
    shutdown of this init; `in_order` whether each service ended before what it needs.
    """

    seconds: float | None
    exit: Exit
    order: tuple[str, ...]
    killed: tuple[str, ...] | None
    clean_exit: bool
    in_order: bool | None

    @property
    def clean(self) -> bool:
        """PID 1 ended by itself and as it should, and no service had to be killed."""
        return self.seconds is not None and self.clean_exit and not self.killed


def shut_down(target: Target, grace: float = 10.0) -> Shutdown:
    """Shutdown time: from the init's stop signal until PID 1 has ended.

    The services' main processes are watched by pidfd meanwhile: whether each ends before what it needs (the
    order in reverse) or in any order, and (from Linux
    6.15 on) whether each ended by itself or was killed with SIGKILL, by the init or by the kernel when PID 1
    was gone (pid_namespaces(7)). Clean means: the exit code is the one of a clean shutdown of this init, and
    no service was killed.
    """
    pids, outside = target.main_pids(), target.host_pids()
    watched = {name: outside[pid] for name, pid in pids.items() if pid in outside}
    stop_signal = target.init.pid1().stop_signal
    with ExitStack() as stack:
        watch = stack.enter_context(Watch(watched))
        began = time.monotonic()
        last = 0.0
        seconds: float | None = None
        while (now := time.monotonic()) - began < grace:
            if target.sandbox.exit is not None:
                break
            if now - last >= _AGAIN:
                # Asked again each second, as `Lab.stop` does: it does no harm, and one may have been lost.
                last = now
                with suppress(SandboxError):
                    target.sandbox.signal(stop_signal)
            with suppress(SandboxError):
                if set(watch.names) - set(watch.seen):
                    watch.wait(0.01)
                    continue
                target.sandbox.wait(min(_AGAIN, grace - (now - began)))
        if target.sandbox.exit is not None:
            seconds = time.monotonic() - began
        exit_ = target.sandbox.stop(0.0)
        watch.wait_all(2.0)
        times = dict(sorted(watch.seen.items(), key=lambda item: item[1]))
        endings = watch.endings()
    return Shutdown(
        seconds=seconds,
        exit=exit_,
        order=tuple(times),
        killed=_killed(times, endings),
        clean_exit=exit_.code in target.init.clean_exits,
        in_order=_in_order(target, times),
    )


def _killed(times: dict[str, float], endings: dict[str, Ending]) -> tuple[str, ...] | None:
    if len(endings) < len(times):
        return None
    return tuple(name for name in times if endings[name].signal == signal.SIGKILL)


def _in_order(target: Target, times: dict[str, float]) -> bool | None:
    """Whether who needs a service ended before it, as far as both were seen."""
    pairs = [
        (times[name], times[need])
        for name, service in target.longruns.items()
        for need in service.depends_on
        if name in times and need in times
    ]
    return all(first <= second for first, second in pairs) if pairs else None
