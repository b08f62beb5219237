"""Ports of a sandbox that only the Docker Engine API reaches: a command inside for each connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from docker.errors import DockerException

from helpers.engines._docker_stream import STDOUT
from helpers.errors import InitlabError

if TYPE_CHECKING:
    from helpers.engines._docker_sandbox import DockerSandbox
    from helpers.engines._docker_stream import Stream

__all__ = ["Relay"]

_CHUNK = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST, as a refused port would
_REFUSED = 7  # how the relay inside says that nobody listens

# Connects to a port and copies both ways until each side has said its end.
_INSIDE = """
import os, socket, sys, threading
try:
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
except OSError:
    os._exit(7)
def up():
    while data := os.read(0, 65536):
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := s.recv(65536):
    while data:
        data = data[os.write(1, data):]
"""


class Relay:
    """Serves connections on listening sockets of the host from TCP ports inside `box`."""

    def __init__(self, box: DockerSandbox, listeners: Mapping[int, socket.socket]) -> None:
        self._box = box
        # Copies: the caller closes its own.
        self._listeners = {port: listener.dup() for port, listener in listeners.items()}
        for port in self._listeners:
            self._thread(self._serve, port)

    def close(self) -> None:
        """End the listening; connections end with the sandbox."""
        for listener in self._listeners.values():
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
            listener.close()

    @staticmethod
    def _thread(target: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, name="initlab-relay", daemon=True)
        thread.start()
        return thread

    def _serve(self, port: int) -> None:
        listener = self._listeners[port]
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # closed
            self._thread(self._connect, client, port)

    def _connect(self, client: socket.socket, port: int) -> None:
        with client:
            reset = True
            try:
                command = self._box.command(["python3", "-I", "-S", "-c", _INSIDE, str(port)], stdin=True)
                with command.stream() as stream:
                    sender = self._thread(_send_up, client, stream)
                    while (frame := stream.read()) is not None:
                        if frame[0] == STDOUT:
                            client.sendall(frame[1])
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RD)  # wakes the sender: a socket being read is not closed
                sender.join()
                reset = command.code() == _REFUSED
            except (InitlabError, DockerException, OSError):
                pass  # the sandbox or the client has gone
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def _send_up(client: socket.socket, stream: Stream) -> None:
    with contextlib.suppress(OSError):
        while data := client.recv(_CHUNK):
            stream.send(data)
    stream.end_input()
