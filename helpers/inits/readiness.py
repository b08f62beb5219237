"""How a script in the sandbox finds out that a service can do its work."""

from __future__ import annotations

import math

from helpers.inits.shell import join, quote
from helpers.manifest.models import Exec, Fd, Http, Readiness, Tcp

__all__ = ["check_command", "wait_seconds"]

_DEFAULT_WAIT = 15.0


def check_command(readiness: Readiness | None) -> str | None:
    """The shell command that exits 0 when the service is ready, not 0 (and soon) when it is not.

    `None` where there is nothing to ask.

    TCP: busybox nc connects and runs true(1) on the connection, so it ends without waiting for the
    other side. HTTP: `wget -S` shows each status line; one that starts with 2 or 3 is enough, wherever
    a redirection may lead.
    """
    match readiness:
        case Tcp(port=port):
            return f"busybox nc -w 1 127.0.0.1 {port} -e true"
        case Http(port=port, path=path):
            url = quote(f"http://127.0.0.1:{port}{path}")
            return f"busybox wget -S -T 1 -O /dev/null {url} 2>&1 | grep -q '^ *HTTP/[0-9.]* [23]'"
        case Exec(command=command, timeout=timeout):
            return f"timeout {math.ceil(timeout)} {join(command)}"
        case Fd() | None:
            return None


def wait_seconds(readiness: Readiness | None) -> int:
    """How long another service waits for this one, in whole seconds."""
    return math.ceil(readiness.timeout if readiness is not None else _DEFAULT_WAIT)
