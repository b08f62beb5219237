"""Rest, for both kinds: who wakes up while nothing happens."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from checks.behaviours import Finding, Trial
from checks.pid1.asking import NotAsked
from helpers.engines.base import Process, Sandbox

__all__ = ["CLOCK", "look_at_rest"]

SECONDS = 2.0
_BUSY = 0.05  # of one processor
_OFTEN = 20.0  # wake-ups a second: more is no timer of a second any more, it is a loop

CLOCK = (
    "a sandbox has the computer's own clock: a time namespace holds the monotonic and "
    "boot-time clocks only, and "
    "fixes them at its start (time_namespaces(7)). It takes a virtual machine to ask this"
)


def look_at_rest(
    trial: Trial, sandbox: Sandbox, mine: Callable[[Process], bool], *, seconds: float = SECONDS
) -> Finding:
    """Count what the processes that are `mine` do in `seconds` in which nobody asks them anything."""
    expected = f"no wake-up in {seconds:g} s"
    before, cpu = _switches(sandbox, mine)
    trial.pause(seconds)
    after, cpu_after = _switches(sandbox, mine)
    wakeups = sum(after[pid] - before[pid] for pid in before.keys() & after.keys())
    used = sum(cpu_after[pid] - cpu[pid] for pid in cpu.keys() & cpu_after.keys()) / seconds
    seen = f"{wakeups} wake-ups, {used:.0%} of one processor"
    if used >= _BUSY or wakeups / seconds >= _OFTEN:
        return trial.no(expected=expected, seen=seen, hint="busy-loop", doubtful=True)
    if wakeups:
        return trial.no(expected=expected, seen=seen, hint="polls", doubtful=True)
    return trial.ok(expected=expected, seen="none")


def _switches(sandbox: Sandbox, mine: Callable[[Process], bool]) -> tuple[dict[int, int], dict[int, float]]:
    """Context switches and CPU seconds of each process, by PID: read from outside, nobody is woken by it."""
    proc = Path(f"/proc/{sandbox.pid1}/root/proc")
    switches, cpu = {}, {}
    for process in sandbox.processes():
        if process.state == "Z" or (process.ppid == 0 and process.pid != 1) or not mine(process):
            continue
        cpu[process.pid] = process.cpu
        try:
            tasks = list((proc / str(process.pid) / "task").iterdir())
            texts = [(task / "status").read_text(errors="replace") for task in tasks]
        except PermissionError:
            raise NotAsked(
                "the sandbox's /proc cannot be read from here: not root, or another computer"
            ) from None
        except OSError:
            continue  # ended meanwhile
        switches[process.pid] = sum(
            int(n) for text in texts for n in re.findall(r"\nvoluntary_ctxt_switches:\t(\d+)", text)
        )
    return switches, cpu
