"""The web stack under service files that a learner wrote, as a machine, and what can be seen of it.

The files run the ordinary programs. Beside each program stands a witness: it notes when a service was
started and whether what it needs was ready then, makes it start slowly, and gives the app words to log that
nobody can know beforehand.
"""

from __future__ import annotations

import json
import posixpath
import random
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from checks.behaviours import Trial
from checks.pid1.box import place, random_word
from helpers.engines.base import MIB, Exit, Limits, Network, Process, Sandbox
from helpers.errors import SandboxError, SandboxGone
from helpers.filetree import File, FileTree
from helpers.inits import registry
from helpers.inits.base import Init
from helpers.inits.byhand import HOMES, given
from helpers.lab import STACKS
from helpers.manifest import Manifest, load

__all__ = ["PORTS", "SERVICES", "Machine", "Stack", "slowness", "web"]

SERVICES = ("redis", "app", "nginx")
PORTS = {"redis": 6379, "app": 8000, "nginx": 8080}

_NOTES = "/run/check"
_REAL = "/opt/check"
_CONSOLE = "/proc/1/fd/1"  # PID 1's standard output

# What the check's app does before the stack's own app.py, which follows below it.
_APP = """
import json, os, socket, sys, time

WORDS = json.load(open("/opt/check/app.json"))

def note(**fields):
    os.makedirs("/run/check", exist_ok=True)
    with open("/run/check/app", "a") as notes:
        notes.write(json.dumps(fields) + "\\n")

def redis_is_ready():
    try:
        with socket.create_connection(("127.0.0.1", 6379), 1) as conn:
            conn.sendall(b"PING\\r\\n")
            return conn.makefile("rb").readline() == b"+PONG\\r\\n"
    except OSError:
        return False

given = {name: os.environ.get(name, "") for name in ("LISTEN", "REDIS")}
note(ready=redis_is_ready(), begun=os.path.exists("/run/check/redis"), **given)
for name, value in given.items():
    if not value:
        os.write(2, json.dumps({"level": "error", "event": f"{name} is not set"}).encode() + b"\\n")
        sys.exit(1)
os.write(1, json.dumps({"level": "info", "event": WORDS["out"]}).encode() + b"\\n")
os.write(2, json.dumps({"level": "warning", "event": WORDS["err"]}).encode() + b"\\n")
time.sleep(WORDS["slow"])
"""
# On the console: what is in a file inside is gone with PID 1.
_APP_END = f"""
if __name__ == "__main__":
    with open({_CONSOLE!r}, "a") as console:
        console.write(WORDS["end"] + "\\n")
"""
_REDIS = """#!/bin/sh
mkdir -p /run/check
echo begun >>/run/check/redis
sleep @slow
exec /opt/check/redis-server "$@"
"""
_NGINX = """#!/bin/sh
mkdir -p /run/check
if curl -fs -m 1 http://127.0.0.1:8000/health >/dev/null; then ready=true; else ready=false; fi
echo "{\\"ready\\": $ready}" >>/run/check/nginx
exec /opt/check/nginx "$@"
"""
# Redis says there what it does, whatever becomes of its output: the last is that it has saved and ends.
_REDIS_CONF = f"\nlogfile {_CONSOLE}\n"
_REDIS_END = "ready to exit, bye bye"


@cache
def web() -> Manifest:
    """The web stack, with the logs of its services as they are: no times before each line."""
    manifest = load(STACKS / "web" / "manifest.toml")
    plain = [
        s.model_copy(update={"log": s.log.model_copy(update={"timestamps": False})})
        for s in manifest.services
    ]
    return manifest.model_copy(update={"services": tuple(plain)})


@dataclass(frozen=True)
class Stack:
    """Service files for one init. `touched` are those that say something else than the starter, where they
    are a learner's.
    """

    init: Init
    files: FileTree
    touched: tuple[str, ...] | None = None

    @property
    def home(self) -> str:
        """The folder the init looks for them in."""
        return HOMES[self.init.name]

    def script(self, service: str) -> str:
        """The path of a service's main script, relative to `home`."""
        return f"{service}/run" if self.init.name == "runit" else service

    def scripts(self) -> tuple[str, ...]:
        """The files the init executes, as far as they are there."""
        wanted = [self.script(service) for service in SERVICES]
        if self.init.name == "runit":
            wanted += [f"{service}/log/run" for service in SERVICES]
        return tuple(path for path in wanted if self.file(path) is not None)

    def file(self, path: str) -> File | None:
        """A file by its path relative to `home`."""
        found = self.files.entries.get(f"{self.home}/{path}")
        return found if isinstance(found, File) else None

    @classmethod
    def by_hand(cls, init: str, parts: Mapping[str, Path], touched: tuple[str, ...]) -> Stack:
        """A learner's files, with their run bits."""
        files = FileTree()
        for part, path in parts.items():
            mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
            files.add(posixpath.join(HOMES[init], part), path.read_bytes(), mode)
        return cls(registry.get(init), files, touched)

    @classmethod
    def known_good(cls, other: Stack) -> Stack:
        """The files our own renderer writes for the same init."""
        return cls(other.init, other.init.render(web()).tree)


class Machine:
    """A sandbox whose PID 1 is the init, with a stack's files. Ends with its trial.

    `slow` delays redis and the app by so many seconds.
    """

    def __init__(self, trial: Trial, stack: Stack, *, slow: tuple[float, float] = (0.0, 0.0)) -> None:
        self.trial = trial
        self.stack = stack
        self.words = {name: random_word(trial.rng, 12) for name in ("out", "err", "end")}
        engine, image = place()
        tree = given(stack.init, web()).merge(stack.files)
        for inside, outside in web().files.items():
            text = Path(outside).read_text()
            tree.add(inside, text + _REDIS_CONF if inside.endswith("/redis.conf") else text)
        tree = tree.merge(_witnesses(image.rootfs, self.words, slow))
        self.sandbox: Sandbox = trial.own(
            engine.start(
                image,
                stack.init.pid1(),
                tree,
                Limits(memory=384 * MIB, pids=300, disk=64 * MIB),
                Network(tuple(PORTS.values())),
            )
        )

    # -- what happened ------------------------------------------------------------------------

    @property
    def exit(self) -> Exit | None:
        """How PID 1 ended, or None."""
        return self.sandbox.exit

    def notes(self, service: str) -> list[dict[str, Any]]:
        """What the witness beside `app` or `nginx` noted: a line for each start (and end)."""
        try:
            text = self.sandbox.read(f"{_NOTES}/{service}").decode()
        except SandboxError:
            return []
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def console(self) -> list[str]:
        """The lines on the console, without colours and blank ones."""
        text = self.sandbox.logs().decode(errors="replace")
        return [line.strip() for line in text.splitlines() if line.strip()]

    def complaint(self, service: str) -> str:
        """The last line on the console that names a service, for the learner to read."""
        lines = [line for line in self.console() if service in line]
        return lines[-1][:160] if lines else ""

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """The status and the JSON body nginx answers with; status 0 where it does not answer."""
        from helpers.show.http import fetch

        try:
            response = fetch(*self.sandbox.address(PORTS["nginx"]), path, 2.0)
        except OSError:
            return 0, {}
        try:
            body = response.json()
        except ValueError:
            body = None
        return response.status, body if isinstance(body, dict) else {}

    def redis(self, *words: str) -> str:
        """What redis answers, empty where it does not."""
        done = self.sandbox.exec(["redis-cli", "-e", "-t", "1", *words])
        return done.text if done.code == 0 else ""

    def answers(self) -> bool:
        """Whether the whole chain answers."""
        return self.get("/")[0] == 200

    # -- processes ----------------------------------------------------------------------------

    def processes(self) -> list[Process]:
        """Every process inside, none once PID 1 has ended."""
        try:
            return self.sandbox.processes()
        except SandboxGone:
            return []

    def process(self, service: str) -> Process | None:
        """A service's main process: the oldest with its program."""
        found = [p for p in self.processes() if p.state != "Z" and _is(service, p)]
        return min(found, key=lambda p: (p.started, p.pid), default=None)

    def exists(self, path: str) -> bool:
        """Whether a path is there inside."""
        return self.sandbox.exec(["test", "-e", path]).code == 0

    def booting(self) -> bool:
        """Whether OpenRC still works on a runlevel: what rc-service(8) is asked meanwhile it may refuse."""
        return any(p.comm == "openrc" for p in self.processes())

    def runs(self, pid: int) -> bool:
        """Whether a process is there and no zombie."""
        return any(p.pid == pid and p.state != "Z" for p in self.processes())

    def text(self, path: str) -> str:
        """A file inside, empty where there is none."""
        try:
            return self.sandbox.read(path).decode(errors="replace")
        except SandboxError:
            return ""

    def run(self, *argv: str) -> bool:
        """Run a command inside; whether it ended with 0."""
        return self.sandbox.exec(argv, timeout=20.0).code == 0

    def wait(self, condition: Callable[[], object], seconds: float) -> bool:
        """Wait until `condition()` is true, at most some seconds: whether it is. Ends early with PID 1."""
        self.trial.until(lambda: self.exit is not None or condition(), seconds, 0.05)
        return self.exit is None and bool(condition())

    def shut_down(self, seconds: float) -> tuple[bool, list[str]]:
        """Shut down as the init does it: whether it came to its end, and which services were cut short.

        nginx has nothing to do at its end, and says nothing of it. openrc-init sleeps for three seconds when
        the runlevel shutdown is done (openrc-init.c): that is waited for no longer.
        """
        self.sandbox.signal(self.stack.init.pid1().stop_signal)
        openrc = self.stack.init.name == "openrc"

        def over() -> bool:
            if self.exit is not None:
                return True
            return openrc and not self.booting() and not any(map(self.process, SERVICES))

        done = bool(self.trial.until(over, seconds, 0.05))
        self.trial.until(lambda: not self._cut_short(), 0.5)  # what was written last may be on its way
        return done, self._cut_short()

    def _cut_short(self) -> list[str]:
        lines = self.console()
        orderly = {
            "redis": any(_REDIS_END in line for line in lines),
            "app": any(self.words["end"] in line for line in lines),
        }
        return [name for name, did in orderly.items() if not did]


def _is(service: str, process: Process) -> bool:
    if service == "redis":
        return process.comm == "redis-server"
    if service == "nginx":
        return process.comm == "nginx"
    return process.comm.startswith("python") and "/opt/lab/app.py" in process.argv


def _witnesses(rootfs: Path, words: Mapping[str, str], slow: tuple[float, float]) -> FileTree:
    """The programs' stand-ins, and the programs under another path."""
    tree = FileTree()
    _move(tree, rootfs, "/usr/bin/redis-server")
    _move(tree, rootfs, "/usr/sbin/nginx")
    tree.script("/usr/bin/redis-server", _REDIS.replace("@slow", f"{slow[0]:.2f}"))
    tree.script("/usr/sbin/nginx", _NGINX)
    app = (STACKS / "web" / "app.py").read_text()
    tree.add("/opt/lab/app.py", f"{_APP}\n{app}\n{_APP_END}")
    tree.add(f"{_REAL}/app.json", json.dumps({**words, "slow": slow[1]}))
    return tree


def _move(tree: FileTree, rootfs: Path, path: str) -> None:
    outside = rootfs / path.lstrip("/")
    moved = f"{_REAL}/{posixpath.basename(path)}"
    if outside.is_symlink():
        tree.symlink(moved, posixpath.join(posixpath.dirname(path), str(outside.readlink())))
    else:
        tree.add(moved, outside.read_bytes(), 0o755)


def slowness(rng: random.Random) -> tuple[float, float]:
    """How long redis and the app take to be ready when their order is looked at, in seconds."""
    return round(rng.uniform(1.2, 1.8), 2), round(rng.uniform(0.6, 1.0), 2)
