"""Kernel tracepoints, for what the process connector does not tell: signals, who waited for whom, and more.

Read through perf_event_open(2), not through a tracing instance: its buffers belong to our file descriptors,
so nothing is left in the kernel when we end, however we end. The numbers and layouts of the tracepoints are
read from a tracefs that is mounted nowhere (fsopen(2), fsmount(2)). For root, or whoever has CAP_PERFMON and
CAP_SYS_ADMIN, in the computer's first PID namespace.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["Trace", "Tracing"]

_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}  # asm/unistd.h
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_FSCONFIG_CMD_CREATE = 6
_ENABLE, _SET_OUTPUT, _SET_FILTER = 0x2400, 0x2405, 0x40082406  # linux/perf_event.h
_TRACEPOINT = 2
_SAMPLE = 1 << 1 | 1 << 2 | 1 << 10  # TID, TIME, RAW
_DISABLED, _WATERMARK, _USE_CLOCKID = 1 << 0, 1 << 14, 1 << 25
_CLOCK_MONOTONIC = 1
_FD_CLOEXEC = 8
_RECORD_LOST, _RECORD_SAMPLE = 2, 9
_UNSIGNED = re.compile(r"\bunsigned\b|\b(__)?u(8|16|32|64)\b")
_PAGES = 256
_ENODEV = 19
_FIELD = re.compile(r"field:(.*?);\s*offset:(\d+);\s*size:(\d+);")
_CHILD, _WAITED = "ret > 0", "ret >= 0"

# What is traced → our word for it, the kernel's own filter, the fields we read.
_POINTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "signal/signal_generate": ("signal", "", ("sig", "code", "pid", "result")),
    "sched/sched_process_exec": ("exec", "", ("filename",)),
    "sock/inet_sock_set_state": ("listen", "newstate == 10", ("sport",)),  # TCP_LISTEN
    "syscalls/sys_exit_wait4": ("wait", _CHILD, ("ret",)),
    "syscalls/sys_exit_waitid": ("waitid", _WAITED, ("ret",)),
    "syscalls/sys_exit_clone": ("clone", _CHILD, ("ret",)),
    "syscalls/sys_exit_clone3": ("clone", _CHILD, ("ret",)),
    "syscalls/sys_exit_vfork": ("clone", _CHILD, ("ret",)),
    "syscalls/sys_exit_fork": ("clone", _CHILD, ("ret",)),
}

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Trace:
    """One tracepoint hit by thread `tid` of process `pid` (the computer's numbers).

    `values`: `signal` number, si_code, target thread, result; `exec` (); `listen` port; `wait` and `clone`
    the PID the call returned, as its caller sees it. `text` is the file of an `exec`.
    """

    time: float
    kind: str
    pid: int
    tid: int
    values: tuple[int, ...]
    text: str = ""


class Tracing:
    """The tracepoints of `_POINTS` on every processor. Raises `OSError` where that is not permitted."""

    def __init__(self) -> None:
        self.lost = 0
        self._fds: list[int] = []
        self._rings: list[mmap.mmap] = []
        self._readers: dict[int, tuple[str, Callable[[bytes], tuple[tuple[int, ...], str]]]] = {}
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        number = _PERF_EVENT_OPEN.get(platform.machine())
        if number is None:
            raise OSError(38, f"perf_event_open is not known for {platform.machine()}")
        points = []
        tree = _tracefs()
        try:
            for name, (kind, wanted, fields) in _POINTS.items():
                with suppress(FileNotFoundError):  # a kernel without it
                    identity = int(_read(tree, f"events/{name}/id"))
                    layout = _read(tree, f"events/{name}/format")
                    self._readers[identity] = (kind, _reader(layout, fields))
                    points.append((identity, wanted))
        finally:
            os.close(tree)
        for cpu in range(os.sysconf("SC_NPROCESSORS_CONF")):
            try:
                self._open_on(number, cpu, points)
            except OSError as error:
                if error.errno != _ENODEV:  # a processor that is switched off
                    raise
        for fd in self._fds:
            fcntl.ioctl(fd, _ENABLE, 0)

    def _open_on(self, number: int, cpu: int, points: list[tuple[int, str]]) -> None:
        first = -1
        for identity, wanted in points:
            fd = _perf_open(number, identity, cpu)
            self._fds.append(fd)
            if wanted:
                fcntl.ioctl(fd, _SET_FILTER, wanted.encode() + b"\0")
            if first < 0:
                first = fd
                size = mmap.PAGESIZE * (_PAGES + 1)
                self._rings.append(mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE))
            else:
                fcntl.ioctl(fd, _SET_OUTPUT, first)

    def drain(self) -> list[Trace]:
        """What has been hit since the last time, in the order of the times."""
        found: list[Trace] = []
        for ring in self._rings:
            head, tail, offset, size = struct.unpack_from("=QQQQ", ring, 1024)
            while tail < head:
                data = _at(ring, offset, size, tail, 8)
                kind, _, length = struct.unpack("=IHH", data)
                body = _at(ring, offset, size, tail + 8, length - 8)
                if kind == _RECORD_SAMPLE:
                    found.append(self._parse(body))
                elif kind == _RECORD_LOST:
                    self.lost += struct.unpack_from("=QQ", body)[1]
                tail += length
            struct.pack_into("=Q", ring, 1032, tail)
        found.sort(key=lambda trace: trace.time)
        return found

    def _parse(self, body: bytes) -> Trace:
        pid, tid, nanoseconds, length = struct.unpack_from("=IIQI", body)
        raw = body[20 : 20 + length]
        kind, read = self._readers[struct.unpack_from("=H", raw)[0]]
        values, text = read(raw)
        return Trace(nanoseconds / 1e9, kind, pid, tid, values, text)

    def close(self) -> None:
        """Give everything back. Safe to call twice."""
        for ring in self._rings:
            ring.close()
        for fd in self._fds:
            os.close(fd)
        self._rings, self._fds = [], []


def _at(ring: mmap.mmap, offset: int, size: int, position: int, length: int) -> bytes:
    """Bytes of a ring that wraps."""
    begin = position % size
    piece = ring[offset + begin : offset + min(begin + length, size)]
    return piece + ring[offset : offset + length - len(piece)]


def _reader(layout: str, wanted: tuple[str, ...]) -> Callable[[bytes], tuple[tuple[int, ...], str]]:
    """A function that takes the wanted fields out of a record, from tracefs's own description of it."""
    places = {}
    for declaration, offset, size in _FIELD.findall(layout):
        name = declaration.split()[-1].partition("[")[0]
        places[name] = (int(offset), int(size), declaration)
    numbers, texts = [], []
    for name in wanted:
        offset, size, declaration = places[name]
        if "__data_loc" in declaration:
            texts.append(offset)
        else:
            letter = {1: "b", 2: "h", 4: "i", 8: "q"}[size]
            numbers.append((f"={letter.upper() if _UNSIGNED.search(declaration) else letter}", offset))

    def read(raw: bytes) -> tuple[tuple[int, ...], str]:
        text = ""
        for offset in texts:
            place = struct.unpack_from("=I", raw, offset)[0]
            text = raw[place & 0xFFFF :][: place >> 16].split(b"\0")[0].decode(errors="replace")
        return tuple(struct.unpack_from(form, raw, offset)[0] for form, offset in numbers), text

    return read


def _perf_open(number: int, identity: int, cpu: int) -> int:
    attributes = ctypes.create_string_buffer(112)
    flags = _DISABLED | _WATERMARK | _USE_CLOCKID
    struct.pack_into("=IIQQQQQ", attributes, 0, _TRACEPOINT, 112, identity, 1, _SAMPLE, 0, flags)
    struct.pack_into(
        "=I", attributes, 48, mmap.PAGESIZE * _PAGES // 2
    )  # nobody waits on it: we come and look
    struct.pack_into("=i", attributes, 92, _CLOCK_MONOTONIC)
    return _check(_libc.syscall(number, attributes, -1, cpu, -1, _FD_CLOEXEC), "perf_event_open")


def _tracefs() -> int:
    """A file descriptor of a tracefs that is mounted nowhere."""
    context = _check(_libc.syscall(_FSOPEN, b"tracefs", 1), "fsopen tracefs")
    try:
        _check(_libc.syscall(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0), "fsconfig tracefs")
        return _check(_libc.syscall(_FSMOUNT, context, 1, 0), "fsmount tracefs")
    finally:
        os.close(context)


def _check(result: int, what: str) -> int:
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno), what)
    return result


def _read(tree: int, path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=tree)
    with open(fd, "rb") as file:
        return file.read().decode()
