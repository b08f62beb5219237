"""The keeper's event loop and the messages it answers.

A message is 4 bytes of length (big-endian) and a JSON object, both ways, over a Unix stream socket;
listening sockets travel beside it (SCM_RIGHTS, unix(7)). Requests carry `id` and are answered with
the same `id`; an `event` has none.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from helpers.engines.keeper.box import Box, StartError
from helpers.engines.keeper.forward import Forwarder

__all__ = ["Keeper", "main"]

_AT_END_DEADLINE = 120.0
_TEND = 0.1  # s between two looks at sandboxes that need them


class Keeper:
    """Serves one owner, process `owner`, until it ends; sandboxes live in folders below `home`."""

    def __init__(self, sock: socket.socket, owner: int, home: str) -> None:
        self._sock = sock
        self._home = home
        self._selector = selectors.DefaultSelector()
        self._boxes: dict[str, Box] = {}
        self._forwarders: dict[str, Forwarder] = {}  # ports of sandboxes another engine started
        self._at_end: list[str] = []
        self._received = bytearray()
        self._sockets: list[socket.socket] = []
        self._over = False
        self._selector.register(sock, selectors.EVENT_READ, self._receive)
        self._selector.register(os.pidfd_open(owner), selectors.EVENT_READ, self._owner_ended)
        if os.getppid() != owner:  # it ended before we looked
            self._over = True

    def run(self) -> None:
        """Serve until the owner ends, then remove every trace."""
        try:
            while not self._over:
                tended = [box for box in self._boxes.values() if box.needs_tending]
                for key, mask in self._selector.select(_TEND if tended else None):
                    # A callback before this one may have closed it: destroying a box that prints does.
                    now = self._selector.get_map().get(key.fd)
                    if now is None or now.data is not key.data:
                        continue
                    callback: Callable[[int], None] = key.data
                    callback(mask)
                for box in tended:
                    box.tend()
        finally:
            for box in list(self._boxes.values()):
                box.destroy()
            for forwarder in self._forwarders.values():
                forwarder.close()
            if self._at_end:
                subprocess.run(self._at_end, stdin=subprocess.DEVNULL, check=False, timeout=_AT_END_DEADLINE)
            shutil.rmtree(self._home, ignore_errors=True)

    def _owner_ended(self, _mask: int) -> None:
        self._over = True

    def _receive(self, _mask: int) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self._sock, 1 << 20, 64)
        except ConnectionResetError:
            data, fds = b"", []
        if not data:
            self._over = True
            return
        self._received += data
        self._sockets += [socket.socket(fileno=fd) for fd in fds]
        while len(self._received) >= 4:
            length = int.from_bytes(self._received[:4], "big")
            if len(self._received) < 4 + length:
                break
            request = json.loads(self._received[4 : 4 + length])
            del self._received[: 4 + length]
            self._answer(request)

    def _answer(self, request: dict[str, Any]) -> None:
        try:
            reply = getattr(self, f"_do_{request['do']}")(request)
        except StartError as error:
            reply = {"error": str(error), "hint": error.hint}
        except OSError as error:
            reply = {"error": f"{request['do']}: {error}"}
        self._send({"id": request["id"], **(reply or {})})

    def _do_start(self, request: dict[str, Any]) -> dict[str, Any]:
        count = len(request["ports"])
        listeners, self._sockets = self._sockets[:count], self._sockets[count:]
        name = request["box"]
        box = Box(self._selector, f"{self._home}/{name}", request, self._ended)
        try:
            box.start(listeners)
        except BaseException:
            for listener in listeners:
                listener.close()
            box.destroy()
            raise
        self._boxes[name] = box
        return box.describe()

    def _do_destroy(self, request: dict[str, Any]) -> dict[str, Any]:
        box = self._boxes.pop(request["box"], None)
        return {"left": box.destroy() if box else []}

    def _do_at_end(self, request: dict[str, Any]) -> None:
        """Run a command once the owner has ended (an empty one: none); what it removes we do not know."""
        self._at_end = request["argv"]

    def _do_forward(self, request: dict[str, Any]) -> None:
        """Forward ports of a sandbox that another engine started, until `unforward`."""
        count = len(request["ports"])
        listeners, self._sockets = self._sockets[:count], self._sockets[count:]
        forwarder = self._forwarders[request["box"]] = Forwarder(self._selector, request["pid1"])
        for listener, port in zip(listeners, request["ports"], strict=True):
            forwarder.listen(listener, port)

    def _do_unforward(self, request: dict[str, Any]) -> None:
        forwarder = self._forwarders.pop(request["box"], None)
        if forwarder:
            forwarder.close()

    def _ended(self, box: Box, code: int) -> None:
        self._send({"event": "exit", "box": box.name, "code": code})

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        try:
            self._sock.sendall(len(data).to_bytes(4, "big") + data)
        except OSError:
            self._over = True  # nobody is listening any more


def main() -> None:
    """Run as `keeper SOCKET_FD OWNER_PID HOME LOCK_FD`.

    LOCK_FD is locked (flock(2)) and stays open while we live: how a sweep knows we do.
    """
    fd, owner, home, lock = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    os.set_inheritable(lock, False)
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)  # Ctrl-C is for the owner; we follow it when it ends
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sock = socket.socket(fileno=fd)
    sock.set_inheritable(False)
    Keeper(sock, owner, home).run()
