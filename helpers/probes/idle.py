"""What supervision does while nothing happens."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import LabError
from helpers.probes.supervision import sort_out
from helpers.probes.target import Target

__all__ = ["Rest", "at_rest"]

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Rest:
    """Supervision over `seconds` at rest: `wakeups` (context switches) and `cpu` seconds in all.

    `source` is `schedstat` (nanoseconds) or `stat` (clock ticks) for the CPU time.
    """

    seconds: float
    wakeups: int
    cpu: float
    source: str


def at_rest(target: Target, seconds: float = 2.0) -> Rest:
    """Wake-ups and CPU time at rest: of all supervision processes together, over some seconds in which nobody
    asks anything (how many is told with the machine).

    Wake-ups are voluntary and involuntary context switches of each thread
    (/proc/PID/task/TID/status, proc_pid_status(5)); CPU time is the first number of
    /proc/PID/task/TID/schedstat (kernel: Documentation/scheduler/sched-stats.rst), or utime and stime of
    stat where there is none. A process that lives for a part of the time only is not counted.

    Raises `LabError` where the processes cannot be read from here.
    """
    proc = target.proc
    if proc is None:
        raise LabError("the lab's /proc cannot be read from here: not root, or another computer")
    crew = sort_out(target.sandbox.processes(), target.main_pids())
    pids = [process.pid for process in crew.supervision]
    began = time.monotonic()
    before = _counts(proc, pids)
    time.sleep(seconds)
    after = _counts(proc, pids)
    took = time.monotonic() - began
    both = before.keys() & after.keys()
    sources = {after[key][2] for key in both}
    return Rest(
        seconds=took,
        wakeups=sum(after[key][0] - before[key][0] for key in both),
        cpu=sum(after[key][1] - before[key][1] for key in both),
        source="stat" if "stat" in sources else "schedstat",
    )


def _counts(proc: Path, pids: Iterable[int]) -> dict[tuple[int, str], tuple[int, float, str]]:
    """For each thread: context switches, CPU seconds and where those were read."""
    found = {}
    for pid in pids:
        tasks: list[str] = []
        with contextlib.suppress(OSError):
            tasks = os.listdir(proc / str(pid) / "task")
        for task in tasks:
            folder = proc / str(pid) / "task" / task
            with contextlib.suppress(OSError):
                found[pid, task] = (_switches(folder), *_cpu(folder))
    return found


def _switches(folder: Path) -> int:
    lines = (folder / "status").read_text(errors="replace").splitlines()
    return sum(int(line.split()[1]) for line in lines if "voluntary_ctxt_switches" in line)


def _cpu(folder: Path) -> tuple[float, str]:
    try:
        return int((folder / "schedstat").read_text().split()[0]) / 1e9, "schedstat"
    except OSError:
        from helpers.engines.proctable import parse_stat

        return parse_stat((folder / "stat").read_text(errors="replace")).cpu, "stat"
