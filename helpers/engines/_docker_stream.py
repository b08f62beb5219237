"""The two-way streams of the Docker Engine API: an attached console, a running command.

Without a terminal the engine multiplexes standard output and error into frames of an 8-byte header
(stream number, three zeros, length big-endian) and data (Docker Engine API, "ContainerAttach").
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["STDERR", "STDOUT", "Console", "Stream"]

STDOUT, STDERR = 1, 2
_HEADER = 8


class Stream:
    """One hijacked connection, as `docker.APIClient.exec_start(socket=True)` returns it.

    `raw`: that of a terminal, which the engine does not multiplex.
    """

    def __init__(self, hijacked: Any, *, raw: bool = False) -> None:
        self._raw = raw
        self._hijacked = hijacked  # its response must live as long as the socket
        self._sock: socket.socket = getattr(hijacked, "_sock", hijacked)
        self._sock.settimeout(None)
        self._received = bytearray(_early(hijacked, self._sock))

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Write to the command's standard input. Raises OSError when the command no longer reads."""
        self._sock.sendall(data)

    def end_input(self) -> None:
        """Give the command the end of its standard input; its output still arrives."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def read(self, timeout: float | None = None) -> tuple[int, bytes] | None:
        """The next (stream number, data), or `None` at the end. TimeoutError after `timeout` seconds."""
        while True:
            if self._raw and self._received:
                data, self._received = bytes(self._received), bytearray()
                return STDOUT, data
            end = _HEADER + int.from_bytes(self._received[4:_HEADER], "big")
            if not self._raw and len(self._received) >= max(end, _HEADER):
                frame = self._received[0], bytes(self._received[_HEADER:end])
                del self._received[:end]
                return frame
            try:
                self._sock.settimeout(timeout)
                data = self._sock.recv(1 << 18)
            except TimeoutError:
                raise
            except (OSError, ValueError):
                data = b""  # the engine went away, or another thread closed us
            if not data:
                return None
            self._received += data

    def close(self) -> None:
        """Close the connection; a reader in another thread sees the end."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        response = getattr(self._hijacked, "_response", None)
        if response is not None:
            response.close()  # and with it the file around the socket
        self._hijacked.close()
        self._sock.close()


def _early(hijacked: Any, sock: socket.socket) -> bytes:
    """What came in one packet with the answer's header: docker leaves it in the reader around the socket."""
    response = getattr(hijacked, "_response", None)
    reader = getattr(getattr(getattr(response, "raw", None), "_fp", None), "fp", None)
    if reader is None:
        return b""
    sock.settimeout(0)  # the reader must not wait for more
    try:
        data: bytes = reader.read(len(reader.peek())) or b""
    except (OSError, ValueError):
        data = b""
    sock.settimeout(None)
    return data


class Console:
    """Keeps the newest `limit` bytes of an attached container's output; `ended` is called at its end."""

    def __init__(self, stream: Stream, limit: int, ended: Callable[[], None]) -> None:
        self._stream = stream
        self._limit = limit
        self._kept = bytearray()
        self._lock = threading.Lock()
        self._ended = ended
        self._thread = threading.Thread(target=self._run, name="initlab-console", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def text(self) -> bytes:
        """What was written so far."""
        with self._lock:
            return bytes(self._kept[-self._limit :])

    def _run(self) -> None:
        with self._stream:
            while (frame := self._stream.read()) is not None:
                with self._lock:
                    self._kept += frame[1]
                    if len(self._kept) > 2 * self._limit:
                        del self._kept[: -self._limit]
        self._ended()
