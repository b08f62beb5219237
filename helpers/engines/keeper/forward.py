"""Ports of a sandbox on the host's loopback, without interfaces or firewall rules.

The owner listens on the host and hands the listening socket to the keeper. For each connection the
keeper steps into the sandbox's network namespace, makes the second socket there (a socket belongs to
the namespace it was made in, network_namespaces(7)) and copies bytes both ways. So it works for an
ordinary user, and nothing is left in the host's network when the keeper is gone.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
from collections.abc import Callable

from helpers.engines.keeper.syscalls import CLONE_NEWNET, setns

__all__ = ["Forwarder"]

_CHUNK = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST, as a refused port would


class Forwarder:
    """Forwards connections on listening sockets to 127.0.0.1:port inside one sandbox."""

    def __init__(self, selector: selectors.BaseSelector, pid1: int) -> None:
        self._selector = selector
        self._netns = os.open(f"/proc/{pid1}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._listeners: list[socket.socket] = []
        self._links: set[_Link] = set()

    def listen(self, listener: socket.socket, port: int) -> None:
        """Serve connections to `listener` from TCP `port` inside."""
        listener.setblocking(False)
        self._listeners.append(listener)
        self._selector.register(listener, selectors.EVENT_READ, lambda _mask: self._accept(listener, port))

    def _accept(self, listener: socket.socket, port: int) -> None:
        try:
            outside, _ = listener.accept()
        except OSError:
            return  # the client went away first
        try:
            setns(self._netns, CLONE_NEWNET)
            inside = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        except OSError:
            outside.close()
            return
        inside.setblocking(False)
        outside.setblocking(False)
        inside.connect_ex(("127.0.0.1", port))
        self._links.add(_Link(self._selector, outside, inside, self._links.discard))

    def close(self) -> None:
        """Close every listener and connection."""
        for listener in self._listeners:
            self._selector.unregister(listener)
            listener.close()
        for link in list(self._links):
            link.close(reset=True)
        os.close(self._netns)


class _Link:
    """Two sockets and what is on its way between them."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        outside: socket.socket,
        inside: socket.socket,
        gone: Callable[[_Link], None],
    ) -> None:
        self._selector = selector
        self._peer = {outside: inside, inside: outside}
        self._pending = {outside: b"", inside: b""}  # bytes waiting to be written to that socket
        self._ended: set[socket.socket] = set()  # sockets that said end-of-file
        self._passed: set[socket.socket] = set()  # those whose end the other side has been told of
        self._connecting: socket.socket | None = inside
        self._gone = gone
        for sock in self._peer:
            selector.register(sock, selectors.EVENT_READ, self._handler(sock))
        self._watch()

    def _handler(self, sock: socket.socket) -> Callable[[int], None]:
        return lambda mask: self._ready(sock, mask)

    def _ready(self, sock: socket.socket, mask: int) -> None:
        if sock not in self._peer:
            return  # closed by an earlier event of the same round
        try:
            if sock is self._connecting:
                error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    raise OSError(error, os.strerror(error))
                self._connecting = None
            elif mask & selectors.EVENT_READ:
                self._read(sock)
            if mask & selectors.EVENT_WRITE and self._pending[sock]:
                sent = sock.send(self._pending[sock])
                self._pending[sock] = self._pending[sock][sent:]
            self._pass_on_ends()
        except BlockingIOError:
            pass
        except OSError:
            self.close(reset=True)
            return
        if len(self._passed) == 2:
            self.close()
        else:
            self._watch()

    def _read(self, sock: socket.socket) -> None:
        data = sock.recv(_CHUNK)
        if data:
            self._pending[self._peer[sock]] += data
        else:
            self._ended.add(sock)

    def _pass_on_ends(self) -> None:
        for sock in self._ended - self._passed:
            peer = self._peer[sock]
            if not self._pending[peer] and peer is not self._connecting:
                peer.shutdown(socket.SHUT_WR)  # once: on a socket closed both ways it fails with ENOTCONN
                self._passed.add(sock)

    def _watch(self) -> None:
        for sock, peer in self._peer.items():
            mask = 0
            # Read no faster than the other side takes it: memory stays bounded.
            if sock not in self._ended and not self._pending[peer] and sock is not self._connecting:
                mask |= selectors.EVENT_READ
            if self._pending[sock] or sock is self._connecting:
                mask |= selectors.EVENT_WRITE
            self._set_mask(sock, mask)

    def _set_mask(self, sock: socket.socket, mask: int) -> None:
        registered = sock in self._selector.get_map()
        if mask and registered:
            self._selector.modify(sock, mask, self._handler(sock))
        elif mask:
            self._selector.register(sock, mask, self._handler(sock))
        elif registered:
            self._selector.unregister(sock)

    def close(self, *, reset: bool = False) -> None:
        """Close both sides; with `reset` the outer one sees a reset, not a polite end."""
        for sock in list(self._peer):
            self._set_mask(sock, 0)
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            sock.close()
        self._peer.clear()
        self._gone(self)
