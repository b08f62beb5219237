"""What the recorder reads of one process in /proc (proc(5)); each tells 0 or nothing of one that is gone."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from helpers.engines.proctable import parse_stat

__all__ = [
    "describe_wait",
    "is_there",
    "leads",
    "members",
    "parent_of",
    "pid_inside",
    "pid_namespace",
    "program",
    "signal_name",
    "started",
]


def signal_name(number: int) -> str:
    """`SIGTERM` and so on; real-time signals have no names of their own (signal(7))."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def describe_wait(code: int) -> dict[str, object]:
    """`status`, or `signal` (and a core dump), of a wait(2) status."""
    if not os.WIFSIGNALED(code):
        return {"status": os.WEXITSTATUS(code)}
    name = signal_name(os.WTERMSIG(code))
    return {"signal": name, "detail": "core dumped"} if os.WCOREDUMP(code) else {"signal": name}


def _read(path: str) -> bytes:
    """Sooner than `open` has made its objects: the process may be gone any moment."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 65536)
    finally:
        os.close(fd)


def pid_inside(outside: int) -> int:
    """The PID in the innermost namespace; 0 for a process of our own namespace, or one that is gone."""
    try:
        status = _read(f"/proc/{outside}/status")
    except OSError:
        return 0
    numbers = status.partition(b"\nNSpid:")[2].partition(b"\n")[0].split()
    return int(numbers[-1]) if len(numbers) > 1 else 0


def pid_namespace(outside: int) -> int:
    """The inode of its PID namespace (namespaces(7))."""
    try:
        return os.stat(f"/proc/{outside}/ns/pid").st_ino
    except OSError:
        return 0


def members(namespace: int) -> list[int]:
    """Every process of a PID namespace, by the computer's numbers."""
    numbers = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]
    return [number for number in numbers if namespace and pid_namespace(number) == namespace]


def program(outside: int) -> tuple[str, tuple[str, ...]]:
    """Its name and its command line."""
    try:
        words = _read(f"/proc/{outside}/cmdline")
        comm = _read(f"/proc/{outside}/comm").decode(errors="replace").rstrip("\n")
    except OSError:
        return "", ()
    return comm, tuple(word.decode(errors="replace") for word in words.split(b"\0")[:-1])


def leads(outside: int) -> tuple[bool, bool]:
    """Whether it leads a process group, and a session (proc_pid_stat(5))."""
    try:
        process = parse_stat(_read(f"/proc/{outside}/stat").decode(errors="replace"))
    except OSError:
        return False, False
    return process.pgid == outside, process.sid == outside


def parent_of(outside: int) -> int:
    """The PID of its parent."""
    try:
        return parse_stat(Path(f"/proc/{outside}/stat").read_text(errors="replace")).ppid
    except OSError:
        return 0


def started(outside: int) -> float:
    """When a process was made, on the monotonic clock (proc_pid_stat(5) field 22 counts from the boot)."""
    ahead = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    try:
        return parse_stat(Path(f"/proc/{outside}/stat").read_text(errors="replace")).started - ahead
    except OSError:
        return time.monotonic()


def is_there(pidfd: int) -> bool:
    """Whether the process of a pidfd is still in the process table, if only as a zombie."""
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
