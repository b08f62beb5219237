"""Reading a process table from a /proc, by hand: it is what the lessons teach (proc(5))."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from helpers.engines.base import Process

__all__ = ["host_pid", "parse_stat", "read_table", "session_members", "signal_session"]

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_AGAIN = 4


def parse_stat(text: str, argv: tuple[str, ...] = ()) -> Process:
    """A `Process` from the one line of /proc/PID/stat.

    The name stands in parentheses and may itself hold spaces and parentheses, so the fields are
    counted from the last one.
    """
    head, _, tail = text.rpartition(")")
    pid, _, comm = head.partition(" (")
    field = tail.split()  # field[0] is the third of proc_pid_stat(5)
    return Process(
        pid=int(pid),
        ppid=int(field[1]),
        state=field[0],
        comm=comm,
        argv=argv,
        pgid=int(field[2]),
        sid=int(field[3]),
        cpu=(int(field[11]) + int(field[12])) / _TICK,
        rss=int(field[21]) * _PAGE,
        started=int(field[19]) / _TICK,
        threads=int(field[17]),
    )


def read_table(proc: Path) -> list[Process]:
    """Every process of the /proc mounted at `proc`, ordered by PID; those that end meanwhile are left out."""
    table = []
    with os.scandir(proc) as entries:
        pids = sorted(int(entry.name) for entry in entries if entry.name.isdigit())
    for pid in pids:
        try:
            table.append(_read(proc / str(pid)))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return table


def _read(folder: Path) -> Process:
    """A process is without words for an instant while it executes another program (execve(2) has put its old
    memory away and not yet placed the new arguments): then it is read again, a few times at most."""
    for _ in range(_AGAIN):
        stat = (folder / "stat").read_text(errors="replace")
        words = (folder / "cmdline").read_bytes()
        argv = tuple(word.decode(errors="replace") for word in words.split(b"\0")[:-1])
        process = parse_stat(stat, argv)
        if argv or process.state in "ZX":
            break
        time.sleep(0.0005)
    return process


def host_pid(pid1: int, pid: int) -> int | None:
    """The host's number for process `pid` of the PID namespace whose PID 1 the host calls `pid1`.

    Read off the NSpid line of /proc/PID/status (proc_pid_status(5)); `None` when there is none.
    """
    if pid == 1:
        return pid1
    namespace = os.readlink(f"/proc/{pid1}/ns/pid")
    with os.scandir("/proc") as entries:
        numbers = [entry.name for entry in entries if entry.name.isdigit()]
    for number in numbers:
        try:
            status = Path("/proc", number, "status").read_text(errors="replace")
            line = next(line for line in status.splitlines() if line.startswith("NSpid:"))
            if line.split()[-1] == str(pid) and os.readlink(f"/proc/{number}/ns/pid") == namespace:
                return int(number)
        except (OSError, StopIteration):
            continue  # ended meanwhile, or another user's
    return None


def session_members(leader: int) -> list[int]:
    """The host's numbers of the processes in the session of `leader` (setsid(2)), zombies left out."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                process = parse_stat(Path(entry.path, "stat").read_text(errors="replace"))
            except OSError:
                continue  # ended meanwhile
            if process.sid == leader and process.state != "Z":
                found.append(process.pid)
    return found


def signal_session(leader: int, signum: int) -> None:
    """Signal a whole session, again until none is left: one may have started another meanwhile."""
    for _ in range(5):
        members = session_members(leader)
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
        if not members:
            return
