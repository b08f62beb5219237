"""Where a service's output goes: who writes it down, and in which form."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import SandboxError
from helpers.probes.supervision import sort_out
from helpers.probes.target import Target

__all__ = ["AS_WRITTEN", "ITSELF", "PID1", "STAMPED", "LogKept", "log_form", "log_kept"]

ITSELF = "the service itself"
PID1 = "PID 1"
AS_WRITTEN = "as written"
STAMPED = "stamped"
_WRITE = os.O_WRONLY | os.O_RDWR
_STAMP = re.compile(r"^@?[0-9A-Za-z:.+_-]+(?: [0-9:.,]+)? *")


@dataclass(frozen=True)
class LogKept:
    """Where the log is, who has it open for writing (`ITSELF`, `PID1`, a process's name, or `None` where
    nobody has), and the form of its lines (`AS_WRITTEN`, `STAMPED`, or `None` where that cannot be told)."""

    path: str
    writer: str | None
    form: str | None


def log_kept(target: Target, service: str) -> LogKept:
    """Log: the file that holds a service's standard output and error, who writes it, and in which form.

    The writer is found by looking which process has the file open for writing (/proc/PID/fd and fdinfo,
    proc_pid_fd(5)): the service itself, PID 1, or a logger by its name. The form is told by the service's
    lines that are JSON objects: they stand in the log as written, or stamped: behind something that was put
    before each.
    """
    path = target.init.log_path(service)
    try:
        lines = target.sandbox.read(path).decode(errors="replace").splitlines()
    except SandboxError:
        lines = []
    return LogKept(path, _writer(target, service, path), log_form(lines))


def log_form(lines: Iterable[str]) -> str | None:
    """The form of log lines, some of which a service wrote as JSON objects (pure)."""
    plain = stamped = 0
    for line in lines:
        if _is_object(line):
            plain += 1
        elif (brace := line.find("{")) > 0 and _STAMP.fullmatch(line[:brace]) and _is_object(line[brace:]):
            stamped += 1
    if plain == stamped == 0:
        return None
    return STAMPED if stamped > plain else AS_WRITTEN


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _writer(target: Target, service: str, path: str) -> str | None:
    proc = target.proc
    if proc is None:
        return None
    try:
        there = os.stat(f"/proc/{target.sandbox.pid1}/root{path}")
    except OSError:
        return None
    table = target.sandbox.processes()
    crew = sort_out(table, target.main_pids())
    own = {process.pid for process in crew.services.get(service, ())}
    writers = [p for p in table if _writes(proc / str(p.pid), (there.st_dev, there.st_ino))]
    # A supervisor may keep the file open for the next child; what the service writes goes through nobody.
    if any(process.pid in own for process in writers):
        return ITSELF
    if any(process.pid == 1 for process in writers):
        return PID1
    return writers[0].comm if writers else None


def _writes(process: Path, file: tuple[int, int]) -> bool:
    """Whether a process has a file open for writing."""
    numbers: list[str] = []
    with contextlib.suppress(OSError):
        numbers = os.listdir(process / "fd")
    for number in numbers:
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(process / "fd" / number)
            if (status.st_dev, status.st_ino) == file:
                text = (process / "fdinfo" / number).read_text()
                flags = next(line for line in text.splitlines() if line.startswith("flags:"))
                return bool(int(flags.split()[1], 8) & _WRITE)
    return False
