"""The kernel's process connector: every fork, exec and exit of the computer, told over a netlink socket.

linux/cn_proc.h and linux/connector.h; drivers/connector/cn_proc.c. It answers in the computer's own first PID
and user namespace only: to root, and since Linux 6.6 to everybody. The kernel stamps each event with the
monotonic clock and numbers the events of each processor, so what was lost is counted.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

__all__ = ["BUFFER", "Connector", "Raw", "parse", "refusal"]

BUFFER = 32 * 1024 * 1024
_NETLINK_CONNECTOR = 11  # linux/netlink.h
_CN_IDX_PROC, _CN_VAL_PROC = 1, 1
_LISTEN, _IGNORE = 1, 2
_SO_RCVBUFFORCE = 33
_PATIENCE = 0.5
_NO_ANSWER = "the kernel does not answer here (a container?)"
_FIRST = {"pid": 0xEFFFFFFC, "user": 0xEFFFFFFD}  # linux/proc_ns.h
_KINDS = {0x0: "ack", 0x1: "fork", 0x2: "exec", 0x80: "session", 0x200: "comm", 0x80000000: "exit"}

_NLMSG = struct.Struct("=IHHII")
_CN = struct.Struct("=IIIIHH")
_EVENT = struct.Struct("=IIQ")
_BODY = struct.Struct("=6I")
_HEAD = _NLMSG.size + _CN.size
_COMM = _HEAD + _EVENT.size + 8


@dataclass(frozen=True, slots=True)
class Raw:
    """One event as the kernel tells it; PIDs are the computer's.

    `tid` and `pid` are the thread and the process it happened to (for a fork: the new one), `parent` is its
    parent process where the event tells it (0: it does not). `code` is a wait(2) status. `lost` counts the
    events missed just before this one.
    """

    time: float
    kind: str
    tid: int
    pid: int
    parent: int = 0
    code: int = 0
    comm: str = ""
    cpu: int = 0
    number: int = 0
    lost: int = 0


def parse(data: bytes) -> Raw | None:
    """One datagram; `None` for a kind of event that is not ours."""
    if len(data) < _HEAD + _EVENT.size:
        return None
    _, _, number, ack, _, _ = _CN.unpack_from(data, _NLMSG.size)
    what, cpu, nanoseconds = _EVENT.unpack_from(data, _HEAD)
    kind = _KINDS.get(what, "other")
    body = _BODY.unpack(data[_HEAD + _EVENT.size :][: _BODY.size].ljust(_BODY.size, b"\0"))
    at = nanoseconds / 1e9
    match kind:
        case "ack":
            return Raw(at, kind, 0, 0, parent=ack, code=body[0], cpu=cpu, number=number)
        case "fork":  # parent's thread and process, the child's
            return Raw(at, kind, body[2], body[3], parent=body[1], cpu=cpu, number=number)
        case "exit":  # thread, process, status, the signal for the parent, parent's thread and process
            return Raw(at, kind, body[0], body[1], parent=body[5], code=body[2], cpu=cpu, number=number)
        case "comm":
            comm = data[_COMM : _COMM + 16].split(b"\0")[0].decode(errors="replace")
            return Raw(at, kind, body[0], body[1], comm=comm, cpu=cpu, number=number)
    return Raw(at, kind, body[0], body[1], cpu=cpu, number=number)


class Connector:
    """A subscription to the process connector. Raises `OSError`, with the reason, when the kernel gives none.

    `fileno` can be waited on; `drain` gives what has come. Close it, or let its process end: the kernel then
    forgets it.
    """

    def __init__(self, buffer: int = BUFFER) -> None:
        self._numbers: dict[int, int] = {}
        self._early: list[Raw] = []
        self.overflows = 0
        if not _in_first_namespaces():
            raise PermissionError(1, _NO_ANSWER, "process connector")
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, _NETLINK_CONNECTOR)
        try:
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer)
            except PermissionError:  # as much as net.core.rmem_max allows
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            self._socket.bind((0, _CN_IDX_PROC))
            self._subscribe()
        except BaseException:
            self._socket.close()
            raise

    @property
    def buffer(self) -> int:
        """Bytes the kernel keeps for us (socket(7) SO_RCVBUF: twice what was asked for)."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def fileno(self) -> int:
        """For poll(2)."""
        return self._socket.fileno()

    def _subscribe(self) -> None:
        token = int.from_bytes(os.urandom(3), "big") + 1
        self._send(_LISTEN, token)
        end = time.monotonic() + _PATIENCE
        while (left := end - time.monotonic()) > 0:
            select.select([self._socket], [], [], left)
            for raw in self._receive():
                if raw.kind == "ack" and raw.parent == token + 1:
                    if raw.code:
                        raise PermissionError(raw.code, os.strerror(raw.code), "process connector")
                    return
                if raw.kind != "ack":
                    self._early.append(raw)
        raise PermissionError(1, _NO_ANSWER, "process connector")

    def _send(self, operation: int, token: int = 0) -> None:
        message = _CN.pack(_CN_IDX_PROC, _CN_VAL_PROC, 0, token, 4, 0) + struct.pack("=I", operation)
        header = _NLMSG.pack(_NLMSG.size + len(message), 3, 0, 0, 0)  # 3: NLMSG_DONE
        self._socket.send(header + message)

    def drain(self, most: int = 4096) -> list[Raw]:
        """Up to `most` events that have come, in the order the kernel sent them."""
        early, self._early = self._early, []
        out = early
        for raw in self._receive():
            if raw.kind != "ack":
                out.append(raw)
            elif raw.lost:  # somebody else's subscription; only what was lost before it matters
                out.append(Raw(raw.time, "other", 0, 0, lost=raw.lost))
            if len(out) >= most:
                break
        return out

    def _receive(self) -> Iterator[Raw]:
        while True:
            try:
                data = self._socket.recv(8192)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != 105:  # ENOBUFS, netlink(7): the gaps in the numbers tell how many
                    raise
                self.overflows += 1
                continue
            raw = parse(data)
            if raw is not None:
                yield self._counted(raw)

    def _counted(self, raw: Raw) -> Raw:
        """Compare an event's number with its processor's last one."""
        last = self._numbers.get(raw.cpu)
        self._numbers[raw.cpu] = raw.number
        if last is None:
            return raw
        lost = (raw.number - last - 1) & 0xFFFFFFFF
        if not 0 < lost < 0x80000000:
            return raw
        return replace(raw, lost=lost)

    def close(self) -> None:
        """Unsubscribe. Safe to call twice."""
        if self._socket.fileno() >= 0:
            with suppress(OSError):  # before Linux 6.6 closing alone leaves the kernel sending to nobody
                self._send(_IGNORE)
            self._socket.close()


def _in_first_namespaces() -> bool:
    """Elsewhere the kernel does not even refuse. Where /proc cannot say, it is worth asking."""
    for name, number in _FIRST.items():
        with suppress(OSError):
            if os.stat(f"/proc/self/ns/{name}").st_ino != number:
                return False
    return True


def refusal() -> str:
    """Why the process connector cannot be had here; empty when it can."""
    try:
        Connector(65536).close()
    except OSError as error:
        return f"the kernel's process connector cannot be used: {error.strerror or error}"
    return ""
