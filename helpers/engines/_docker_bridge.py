"""Carries standard input and output of one command in a Docker sandbox: the process behind `popen`.

Run as `URL EXEC_ID`; ends with the command's exit status.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

from helpers.engines._docker_owner import connect
from helpers.engines._docker_sandbox import Command
from helpers.engines._docker_stream import STDOUT, Stream

__all__ = ["main"]


def _send_up(stream: Stream) -> None:
    with contextlib.suppress(OSError):
        while data := os.read(0, 1 << 16):
            stream.send(data)
    stream.end_input()


def main() -> None:
    """See the module."""
    url, number = sys.argv[1:3]
    command = Command(connect(url).api, number, "")
    with command.stream() as stream:
        threading.Thread(target=_send_up, args=(stream,), daemon=True).start()
        while (frame := stream.read()) is not None:
            data = frame[1]
            with contextlib.suppress(BrokenPipeError):
                while data:
                    data = data[os.write(1 if frame[0] == STDOUT else 2, data) :]
    code = command.code()
    os._exit(137 if code is None else code)
