"""Five ways to run one daemon, redis: who is its parent, and what becomes of it when it is killed.

>>> way = WAYS["sysv"]
>>> lab = way.start()                   # doctest: +SKIP
>>> kill(lab, way)                      # doctest: +SKIP
Fate(seconds=None, parent='PID 1', status='dead')
>>> lab.close()                         # doctest: +SKIP

Under a SysV script, and under OpenRC without a supervisor, nobody has the daemon as a child, so nothing in
the init tells which process it is: it is looked for by its program.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass

from helpers.engines.base import Image, Process
from helpers.errors import LabError, SandboxError
from helpers.filetree import FileTree
from helpers.inits import registry
from helpers.lab import STACKS, Lab

__all__ = ["WAYS", "Fate", "Way", "answers", "ask_status", "daemon", "kill", "parent"]

_STACK = "redis"
_PORT = 6379
_STEP = 0.01
_STARTING = 5.0  # seconds an init may take to call a process that is there a service that runs
_AT_ONCE = 0.7  # seconds: between systemd's tenth with the start of a process, and the whole one of others
_BOOTING = frozenset({"openrc", "openrc-run", "openrc-run.sh"})


@dataclass(frozen=True)
class Way:
    """One way to run redis. `init` is the init's name; `files` the folder beside the stack's manifest whose
    files lie over what the init renders; `status` the command that asks after the service, and `running` the
    exit status by which it says that it runs."""

    name: str
    title: str
    init: str
    files: str
    status: tuple[str, ...]
    running: int = 0

    def missing(self) -> str:
        """Why it cannot be shown here, empty where it can."""
        return "" if self.init in registry.names() else f"this version of the course has no {self.init}"

    def tree(self) -> FileTree:
        """The files of its own."""
        return FileTree.from_folder(STACKS / _STACK / self.files) if self.files else FileTree()

    def start(self, image: Image | None = None) -> Lab:
        """Boot it, and wait until redis answers, the init says so too, and has nothing more to do.

        Raises `LabError` after 20 seconds, with the console's last lines.
        """
        lab = Lab(_STACK, init=self.init, tree=self.tree(), image=image).start()
        end = time.monotonic() + 20
        while not (answers(lab) and _booted(lab) and ask_status(lab, self)[0] == "running"):
            if time.monotonic() > end or lab.sandbox.exit is not None:
                console = lab.sandbox.logs().decode(errors="replace").splitlines()[-5:]
                lab.close()
                raise LabError("\n".join([f"redis does not answer under {self.title}:", *console]))
            time.sleep(_STEP)
        return lab


WAYS: Mapping[str, Way] = {
    way.name: way
    for way in (
        Way("sysv", "SysV script", "sysvinit", "sysv", ("/etc/init.d/redis", "status")),
        Way("openrc", "OpenRC", "openrc", "openrc-forks", ("rc-service", "redis", "status")),
        Way("openrc-supervised", "OpenRC, supervised", "openrc", "", ("rc-service", "redis", "status")),
        Way("runit", "runit", "runit", "", ("sv", "check", "redis")),
        Way("systemd", "systemd", "systemd", "", ("systemctl", "is-active", "redis")),
    )
}
"""By name, in the order of the notebook."""


@dataclass(frozen=True)
class Fate:
    """What became of the daemon: `seconds` until another process of it was there (None: none came), what the
    `parent` of the one before was called, and what the init's own `status` says then: `running` or `dead`."""

    seconds: float | None
    parent: str
    status: str

    @property
    def back(self) -> str:
        """`seconds` in words that do not differ from run to run: `never`, `at once`, `after a second`."""
        if self.seconds is None:
            return "never"
        return "at once" if self.seconds < _AT_ONCE else "after a second"


def answers(lab: Lab) -> bool:
    """Whether redis answers a PING, asked from outside."""
    import socket

    try:
        with socket.create_connection(lab.sandbox.address(_PORT), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.makefile("rb").readline() == b"+PONG\r\n"
    except OSError:
        return False


def _booted(lab: Lab) -> bool:
    return not any(process.comm in _BOOTING for process in lab.sandbox.processes())


def daemon(lab: Lab) -> Process | None:
    """The oldest process of redis's program, or None."""
    found = [p for p in lab.sandbox.processes() if p.comm == "redis-server" and p.state != "Z"]
    return min(found, key=lambda p: (p.started, p.pid), default=None)


def parent(lab: Lab, process: Process) -> str:
    """What the parent of a process is called, `PID 1` where that is it."""
    if process.ppid == 1:
        return "PID 1"
    above = next((p for p in lab.sandbox.processes() if p.pid == process.ppid), None)
    if above is None:
        return "nobody"
    name = above.argv[0] if above.argv else above.comm
    # The kernel keeps 15 characters of a name (proc_pid_comm(5)); the command line has the others.
    return name.rpartition("/")[2] if name.rpartition("/")[2].startswith(above.comm) else above.comm


def ask_status(lab: Lab, way: Way) -> tuple[str, str]:
    """`running` or `dead` by the exit status of the init's own command, and what the command says."""
    try:
        done = lab.sandbox.exec(way.status, timeout=20.0)
    except SandboxError as error:
        raise LabError(f"{way.title}: {error.message}") from error
    said = (done.stdout + done.stderr).decode(errors="replace").strip()
    return "running" if done.code == way.running else "dead", said


def kill(lab: Lab, way: Way, *, patience: float = 2.5) -> Fate:
    """SIGKILL for the daemon; wait for another one, at most `patience` seconds, and for its init to say so.

    Raises `LabError` where there is none to kill.
    """
    old = daemon(lab)
    if old is None:
        raise LabError("redis does not run: there is nothing to kill", hint="start another lab")
    above = parent(lab, old)
    lab.sandbox.signal(signal.SIGKILL, old.pid)
    began = time.monotonic()
    while time.monotonic() - began < patience:
        new = daemon(lab)
        if new is not None and new.pid != old.pid:
            seconds = time.monotonic() - began
            end = time.monotonic() + _STARTING
            while (said := ask_status(lab, way)[0]) != "running" and time.monotonic() < end:
                time.sleep(_STEP)
            return Fate(seconds, above, said)
        time.sleep(_STEP)
    return Fate(None, above, ask_status(lab, way)[0])
