"""Is a service ready? Asked from outside, by the readiness its manifest declares."""

from __future__ import annotations

import http.client
from pathlib import Path

from helpers.engines.base import Sandbox
from helpers.errors import SandboxError
from helpers.manifest.models import Exec, Fd, Http, Service, Tcp

__all__ = ["is_ready"]

_PATIENCE = 1.0
_TCP_LISTEN = "0A"  # include/net/tcp_states.h


def is_ready(sandbox: Sandbox, service: Service, running: bool, told_ready: bool | None = None) -> bool:
    """Probe one service once.

    * no readiness declared: ready as soon as its main process is there (`running`);
    * `tcp`: a socket listens on the port;
    * `http`: a request through the sandbox's forwarded address where the service declares the port,
      else from inside;
    * `exec`: the command exits 0 inside;
    * `fd`: what the init says (`told_ready`); where the init cannot tell, `running` has to do.
    """
    probe = service.readiness
    if probe is None:
        return running
    if isinstance(probe, Fd):
        return running if told_ready is None else told_ready
    if not running:
        return False
    try:
        if isinstance(probe, Exec):
            return sandbox.exec(probe.command, timeout=_PATIENCE * 5).code == 0
        if isinstance(probe, Tcp):
            return _listening(sandbox, probe.port)
        if probe.port not in service.ports:
            return _http_inside(sandbox, probe)
        return _http(*sandbox.address(probe.port), probe.path)
    except SandboxError:
        return False


def _http(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _listening(sandbox: Sandbox, port: int) -> bool:
    """Whether a socket listens on `port`: read off /proc/PID/net/tcp (proc_pid_net(5)), disturbing nobody.

    The kernel itself completes the handshake for a listening socket, so a connection would be accepted.
    """
    wanted = f"{port:04X}"
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{sandbox.pid1}/net/{table}").read_text().splitlines()[1:]
        except OSError:  # another user's or another computer's process: ask from inside
            return sandbox.exec(["busybox", "nc", "-w", "1", "127.0.0.1", str(port)], timeout=5).code == 0
        for line in lines:
            _, local, _, state = line.split()[:4]
            if state == _TCP_LISTEN and local.rpartition(":")[2] == wanted:
                return True
    return False


def _http_inside(sandbox: Sandbox, probe: Http) -> bool:
    url = f"http://127.0.0.1:{probe.port}{probe.path}"
    return sandbox.exec(["busybox", "wget", "-q", "-O", "/dev/null", url], timeout=_PATIENCE * 5).code == 0
