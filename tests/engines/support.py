"""What the engine tests share: polling, PID 1s to start, programs to run inside."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from helpers.engines.base import Process, Sandbox

__all__ = ["ECHO_SERVER", "IDLE", "REPLY_AT_END_SERVER", "eventually", "find", "python"]

T = TypeVar("T")

# A PID 1 that reaps what it adopts, ends with 0 on SIGTERM and says when it is up.
IDLE = ("/bin/sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 1000 & wait; done")

# Answers every line with itself, each connection in a thread; argv: address, port.
ECHO_SERVER = """
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 256
    daemon_threads = True
Server((sys.argv[1], int(sys.argv[2])), Echo).serve_forever()
"""

# Reads to the end, then answers with all it read and closes; argv: port.
REPLY_AT_END_SERVER = """
import socketserver, sys
class Reply(socketserver.BaseRequestHandler):
    def handle(self):
        received = bytearray()
        while data := self.request.recv(1 << 16):
            received += data
        self.request.sendall(received)
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Reply).serve_forever()
"""


def python(code: str, *args: str) -> list[str]:
    """The command that runs Python code inside."""
    return ["python3", "-c", code, *args]


def eventually(look: Callable[[], T], what: str, timeout: float = 8.0) -> T:
    """Look until what is seen is true and return it; fail saying what never was, and what was seen last."""
    end = time.monotonic() + timeout
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:g} s: {what}; last seen: {seen!r}")
        time.sleep(0.02)


def find(box: Sandbox, *words: str) -> list[Process]:
    """The processes inside whose arguments contain all `words`."""
    return [
        process
        for process in box.processes()
        # What carries a command in shows the command's own words for a moment.
        if set(words) <= set(process.argv) and process.comm not in ("nsenter", "setpriv", "runc:[2:INIT]")
    ]
