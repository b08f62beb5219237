"""The kernel's hand-off to PID 1, in the log of this computer's own boot.

The messages are those of init/main.c (`kernel_init`, `run_init_process`, `try_to_run_init_process`).
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Handoff", "kernel_handoff"]

_KMSG = Path("/dev/kmsg")
_MESSAGE = re.compile(
    r"Run \S+ as init process|Failed to execute \S+ \(error|Requested init \S+ failed|Default init \S+ failed"
    r"|Starting init: \S+ exists but couldn't execute it"
)


@dataclass(frozen=True)
class Handoff:
    """The lines of the kernel's log about starting PID 1; where there are none, `note` says why."""

    lines: tuple[str, ...]
    note: str = ""

    def __str__(self) -> str:
        return "\n".join([*self.lines, *([self.note] if self.note else [])])

    __repr__ = __str__


def kernel_handoff(log: Path = _KMSG) -> Handoff:
    """Find them in the kernel's log, as dmesg(1) would show them. Never raises."""
    try:
        lines = tuple(line for line in _read(log) if _MESSAGE.search(line))
    except OSError as error:
        why = f"This computer does not let you read the kernel's log ({error.strerror}). Elsewhere: dmesg"
        return Handoff((), why)
    if not lines:
        return Handoff((), "The log of this boot no longer reaches back to the hand-off. Elsewhere: dmesg")
    return Handoff(lines)


def _read(log: Path) -> Iterator[str]:
    """The messages, each as `[   seconds] text` (format: the kernel's Documentation/ABI/testing/dev-kmsg)."""
    descriptor = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            try:
                record = os.read(descriptor, 8192)
            except BlockingIOError:  # the end of what there is
                return
            except OSError as error:
                if error.errno == errno.EPIPE:  # overwritten while we read: goes on with the next
                    continue
                raise
            if not record:
                return
            for line in record.decode(errors="replace").splitlines():
                prefix, found, text = line.partition(";")
                fields = prefix.split(",")
                if found and len(fields) >= 3 and fields[2].isdigit():
                    yield f"[{int(fields[2]) / 1e6:12.6f}] {text}"
    finally:
        os.close(descriptor)
