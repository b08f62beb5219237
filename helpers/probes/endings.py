"""Seeing processes end, from outside and to the millisecond: by file descriptors that stand for them."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType

__all__ = ["Ending", "Watch"]

# linux/pidfd.h: struct pidfd_info (64 bytes in its first version), PIDFD_GET_INFO, PIDFD_INFO_EXIT.
_GET_INFO = 0xC040FF0B
_INFO_EXIT = 1 << 3
_LAYOUT = "=QQ11Ii"


@dataclass(frozen=True)
class Ending:
    """How a process ended: with an exit `status`, or by a `signal`; the other one is `None`."""

    status: int | None = None
    signal: int | None = None


class Watch:
    """Pidfds of some processes, opened while they live (pidfd_open(2)); a context manager.

    `processes` maps a name to a PID of the host. A process that has ended already is left out.
    """

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._fds: dict[str, int] = {}
        self.seen: dict[str, float] = {}
        for name, pid in processes.items():
            try:
                self._fds[name] = os.pidfd_open(pid)
            except ProcessLookupError:
                continue

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds = {}

    @property
    def names(self) -> Iterable[str]:
        """The processes that are watched."""
        return self._fds

    def send(self, name: str, signum: int) -> float:
        """Signal a process; returns the time just before."""
        import signal

        began = time.monotonic()
        signal.pidfd_send_signal(self._fds[name], signum)
        return began

    def wait(self, timeout: float) -> None:
        """Wait until one more process ends, at most `timeout` seconds: `seen` then has its name and the time.

        A pidfd can be read when its process has ended, whoever its parent is.
        """
        poller = select.poll()
        names = {fd: name for name, fd in self._fds.items() if name not in self.seen}
        for fd in names:
            poller.register(fd, select.POLLIN)
        if names:
            ended = poller.poll(timeout * 1000)
            self.seen |= {names[fd]: time.monotonic() for fd, _ in ended}

    def wait_all(self, timeout: float) -> bool:
        """Wait until every watched process has ended; False when `timeout` seconds pass."""
        end = time.monotonic() + timeout
        while set(self._fds) - set(self.seen):
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.wait(left)
        return True

    def endings(self, timeout: float = 1.0) -> dict[str, Ending]:
        """How the processes that have ended did so. The kernel tells once they have been reaped.

        Needs Linux 6.15 (PIDFD_INFO_EXIT); on an older one nobody but a parent learns it, and the answer
        is empty.
        """
        end = time.monotonic() + timeout
        found: dict[str, Ending] = {}
        while True:
            for name in self.seen.keys() - found.keys():
                ending = _ending(self._fds[name])
                if ending is not None:
                    found[name] = ending
            if len(found) == len(self.seen) or time.monotonic() > end:
                return found
            time.sleep(0.005)


def _ending(fd: int) -> Ending | None:
    info = bytearray(64)
    struct.pack_into("=Q", info, 0, _INFO_EXIT)
    try:
        fcntl.ioctl(fd, _GET_INFO, info)
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EINVAL, errno.ESRCH):
            return None
        raise
    fields = struct.unpack(_LAYOUT, info)
    if not fields[0] & _INFO_EXIT:
        return None
    code = os.waitstatus_to_exitcode(fields[-1])
    return Ending(signal=-code) if code < 0 else Ending(status=code)
