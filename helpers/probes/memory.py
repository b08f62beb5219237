"""Memory of PID 1 and of all supervision."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from helpers.engines.base import Process
from helpers.probes.supervision import sort_out
from helpers.probes.target import Target

__all__ = ["Memory", "memory", "proportional"]


@dataclass(frozen=True)
class Memory:
    """Bytes of PID 1 and of all supervision processes (PID 1 among them), and how many there are.

    `source` is `PSS` or `RSS`; `names` counts the processes by name.
    """

    pid1: int
    supervision: int
    processes: int
    source: str
    names: dict[str, int]


def memory(target: Target) -> Memory:
    """Memory: proportional set size (Pss of /proc/PID/smaps_rollup, proc_pid_smaps(5)) at rest.

    Summed over everything that is no service: PID 1, supervisors, loggers. A page that several processes
    share counts for each by its part, so sums are fair; other sandboxes of the same image take their part
    too. Where smaps_rollup cannot be read it is the resident set size (RSS), which counts shared pages in
    full for each: then the figures are marked.
    """
    crew = sort_out(target.sandbox.processes(), target.main_pids())
    sizes: list[int] = []
    source = "PSS"
    for process in crew.supervision:
        size = proportional(target.proc, process.pid)
        if size is None:
            source = "RSS"
            break
        sizes.append(size)
    if source == "RSS":
        sizes = [process.rss for process in crew.supervision]
    pid1 = next((size for size, p in zip(sizes, crew.supervision, strict=True) if p.pid == 1), 0)
    names = Counter(_name(process) for process in crew.supervision)
    return Memory(pid1, sum(sizes), len(sizes), source, dict(sorted(names.items())))


def proportional(proc: Path | None, pid: int) -> int | None:
    """Pss of a process in bytes, or `None` where this cannot be read."""
    if proc is None:
        return None
    try:
        text = (proc / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return None
    line = next((line for line in text.splitlines() if line.startswith("Pss:")), None)
    return None if line is None else int(line.split()[1]) * 1024


def _name(process: Process) -> str:
    """What a process is called; a script by its own name."""
    if process.comm in ("sh", "dash", "python3", "execlineb") and len(process.argv) > 1:
        return process.argv[1].rpartition("/")[2] or process.comm
    return process.comm
