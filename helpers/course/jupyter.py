"""JupyterLab over a workspace: started from this Python, stopped with us.

The server runs in a session of its own, so Ctrl-C reaches only us; we then stop it with SIGTERM, on which it
stops its kernels without asking (jupyter_server, `ServerApp._signal_stop`). Should we be killed, the kernel
of the computer sends it that SIGTERM (prctl(2), PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from helpers.course.files import told, write_atomically
from helpers.course.workspace import ENVIRONMENT, Workspace
from helpers.errors import CourseError

__all__ = ["FIRST", "Server", "has_display", "running", "start"]

FIRST = "phase0/00-start-here.ipynb"
"""The notebook a learner meets first."""

_USUAL_PORT = 8888
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SETTINGS = {
    # The questions JupyterLab asks on a first start: they cover the notebook, and need a network.
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}
_KERNEL_CONFIG = """\
# Written by `initlab open`. Makes %%exercise known from the start: after a restart of the kernel,
# learners run the cell they work on, not the one with %load_ext.
c.InteractiveShellApp.exec_lines = [
    "__import__('helpers.course').course.load_ipython_extension(get_ipython())"
]
"""


@dataclass
class Server:
    """A running JupyterLab. `url` holds the token; `log` is where it writes; `port_note` tells of another
    port.
    """

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    port_note: str = ""

    def wait(self) -> int:
        """Until it ends; its exit status."""
        return self.process.wait()

    def stop(self) -> None:
        """Stop it and its kernels; SIGKILL after 20 s."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def has_display() -> bool:
    """Whether opening a browser makes sense: not for root, nor where there is no screen."""
    if os.geteuid() == 0:
        return False
    return sys.platform == "darwin" or any(
        map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"))
    )


def running(workspace: Workspace) -> str | None:
    """The URL of a server already running over this workspace, None when there is none."""
    try:
        told_us = json.loads(_record(workspace).read_text())
        base, page, token = str(told_us["base"]), str(told_us["page"]), str(told_us["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return f"{base}{page}?token={token}" if _answers(base, token) else None


def start(
    workspace: Workspace, *, first: str = FIRST, port: int | None = None, browser: bool = False
) -> Server:
    """Start JupyterLab with the workspace as its root, and wait until it answers.

    Takes port 8888, or the next free one. Raises CourseError when JupyterLab is not installed, the port asked
    for is taken, or the server does not come up; the message then holds the end of its log.
    """
    write_atomically(
        _lab(workspace) / "settings" / "overrides.json", json.dumps(_SETTINGS, indent=1).encode()
    )
    profile = _ipython(workspace) / "profile_default"
    write_atomically(profile / "ipython_kernel_config.py", _KERNEL_CONFIG.encode())
    token = secrets.token_hex(24)
    page = f"/lab/tree/{quote(first)}" if (workspace.root / first).exists() else "/lab"
    while True:
        chosen, note = _port(port)
        base = f"http://localhost:{chosen}"
        process, log = _launch(workspace, chosen, token, page, browser=browser)
        server = Server(process, f"{base}{page}?token={token}", log, note)
        try:
            _wait_for(server, base, token)
            record = {"base": base, "page": page, "token": token}
            write_atomically(_record(workspace), json.dumps(record).encode(), mode=0o600)
            return server
        except CourseError as error:
            server.stop()
            # Somebody may take the port between our look and the server's (and may be gone since).
            taken = "already in use" in str(error) or not _free(chosen)
            if port is not None or not taken:
                raise
        except BaseException:
            server.stop()
            raise


def _launch(
    workspace: Workspace, port: int, token: str, page: str, *, browser: bool
) -> tuple[subprocess.Popen[bytes], Path]:
    log = workspace.state / "jupyter.log"
    command = [
        *(sys.executable, "-m", "jupyterlab"),
        *(["--allow-root"] if os.geteuid() == 0 else []),
        # Not the login shell terminals have by default: its profile would drop our PATH, and `initlab`.
        f"--ServerApp.terminado_settings={json.dumps({'shell_command': [_shell()]})}",
        # Jupyter opens it by a file that redirects, so the token is in no command line either.
        f"--ServerApp.open_browser={browser}",
        f"--ServerApp.root_dir={workspace.root}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.base_url=/",
        f"--LabApp.default_url={page}",
        f"--LabApp.app_settings_dir={_lab(workspace) / 'settings'}",
        f"--LabApp.workspaces_dir={_lab(workspace) / 'workspaces'}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with told(log), log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=workspace.root,
            env=_environment(workspace, token),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
        )
    return process, log


def _lab(workspace: Workspace) -> Path:
    return workspace.state / "lab"


def _shell() -> str:
    return os.environ.get("SHELL") or shutil.which("bash") or "/bin/sh"


def _record(workspace: Workspace) -> Path:
    return _lab(workspace) / "server.json"


def _ipython(workspace: Workspace) -> Path:
    return workspace.state / "ipython"


def _environment(workspace: Workspace, token: str) -> dict[str, str]:
    """The token by environment, not by argument, as arguments are seen by every user (ps)."""
    here = str(Path(sys.executable).parent)
    return os.environ | {
        "JUPYTER_TOKEN": token,
        # Kernels are this Python, not one of the same name that the user installed earlier.
        "JUPYTER_PREFER_ENV_PATH": "1",
        # Nor do they read what the user set up for IPython elsewhere: the course runs alike for everybody.
        "IPYTHONDIR": str(_ipython(workspace)),
        ENVIRONMENT: str(workspace.root),
        # `initlab` is found in JupyterLab's terminals.
        "PATH": os.pathsep.join([here, os.environ.get("PATH", os.defpath)]),
    }


def _die_with_parent() -> Callable[[], None]:
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before fork, where it is safe
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _port(asked: int | None) -> tuple[int, str]:
    """A free port on localhost, and what to say when it is not the usual one."""
    if asked is not None:
        if not _free(asked):
            raise CourseError(f"port {asked} is in use", hint="initlab open   (takes a free one)")
        return asked, ""
    for port in range(_USUAL_PORT, _USUAL_PORT + 100):
        if _free(port):
            note = "" if port == _USUAL_PORT else f"Port {_USUAL_PORT} is in use, so this is on {port}."
            return port, note
    raise CourseError(f"ports {_USUAL_PORT} to {port} are in use", hint="initlab open --port PORT")


def _free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                # As servers do: a port whose last connection is in TIME_WAIT counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError:
            if family == socket.AF_INET6 and not _has_ipv6():
                continue
            return False
    return True


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _wait_for(server: Server, base: str, token: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(base, token):
        ended = server.process.poll()
        if ended is not None or time.monotonic() > deadline:
            lines = server.log.read_text(errors="replace").splitlines()
            if any("No module named jupyterlab" in line for line in lines):
                raise CourseError(
                    "JupyterLab is not installed", hint=f"{sys.executable} -m pip install jupyterlab"
                )
            why = (
                f"ended with status {ended}"
                if ended is not None
                else f"did not answer in {_START_SECONDS:.0f} s"
            )
            tail = "\n  ".join(lines[-8:])
            raise CourseError(f"JupyterLab {why}; the end of its log:\n  {tail}", hint=f"less {server.log}")
        time.sleep(0.1)


def _answers(base: str, token: str) -> bool:
    """Whether a server that takes our token answers there."""
    # Straight to this computer, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{base}/api/status", headers={"Authorization": f"token {token}"}
    )
    try:
        with opener.open(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
