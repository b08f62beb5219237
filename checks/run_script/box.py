"""A run script that a learner wrote, under runit as PID 1, and what can be seen of it from outside.

The daemon is the one of the notebook (`labs/stacks/fieldd`). The service's name, the port, the plot of land
and the words it says are different in each sandbox.
"""

from __future__ import annotations

import posixpath
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from checks.behaviours import LabFailed, Trial
from checks.pid1.box import place, random_word
from helpers.engines.base import MIB, Limits, Network, Pid1, Process, Sandbox
from helpers.errors import LabError, SandboxError, SandboxGone
from helpers.filetree import File, FileTree
from helpers.inits import registry
from helpers.inits.byhand import given
from helpers.lab import STACKS
from helpers.manifest import Manifest, load

__all__ = ["DAEMON", "KEPT", "USER", "Absence", "Machine", "RunScript"]

DAEMON = "/opt/lab/fieldd"
USER = "www-data"
_HOME = "/etc/service"
_SHELLS = frozenset({"sh", "dash", "bash", "busybox", "ash"})


@cache
def _stack() -> Manifest:
    return load(STACKS / "fieldd" / "manifest.toml")


@dataclass(frozen=True)
class RunScript:
    """The files of a service directory by their path in it; None for the ones our own renderer writes."""

    files: Mapping[str, File] | None

    @classmethod
    def by_hand(cls, parts: Mapping[str, Path]) -> RunScript:
        """A learner's files, `fieldd/run` and what else lies in fieldd, with their run bits."""
        files = {}
        for part, path in parts.items():
            folder, _, inside = part.partition("/")
            if folder == "fieldd" and inside:
                mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
                files[inside] = File(path.read_bytes(), mode)
        return cls(files)

    def known_good(self) -> RunScript:
        """What the notebook's manifest becomes under runit."""
        return RunScript(None)


# Of the group adm, beside root's own: a run script that keeps the groups it was given then shows it. In a
# sandbox with one user id only nobody may set groups (user_namespaces(7)), and it starts without.
KEPT = frozenset({0, 4})
_JOIN = 'setpriv --groups 0,4 true 2>/dev/null && exec setpriv --groups 0,4 "$0" "$@"; exec "$0" "$@"'


def _among_others(pid1: Pid1) -> Pid1:
    return replace(pid1, argv=("/bin/sh", "-c", _JOIN, *pid1.argv))


class Machine:
    """A sandbox with runit as PID 1 and the one service. Ends with its trial."""

    def __init__(self, trial: Trial, script: RunScript) -> None:
        rng = trial.rng
        self.trial = trial
        self.script = script
        self.name = random_word(rng)
        self.plot = random_word(rng, 8)
        self.port = rng.randrange(2000, 30000)
        self.words = {word: random_word(rng, 10) for word in ("hello", "warning", "bye")}
        engine, image = place()
        self.sandbox: Sandbox = trial.own(
            engine.start(
                image,
                _among_others(registry.get("runit").pid1()),
                self._tree(),
                Limits(memory=256 * MIB, pids=200, disk=32 * MIB),
                Network((self.port,)),
            )
        )

    def _tree(self) -> FileTree:
        home = f"{_HOME}/{self.name}"
        runit = registry.get("runit")
        stack = _stack()
        (service,) = stack.services
        env = {**service.env, "PLOT": self.plot}
        mine = service.model_copy(update={"name": self.name, "env": env, "readiness": None})
        stack = stack.model_copy(update={"services": (mine,)})
        tree = given(runit, stack)
        tree.script(
            f"{home}/log/run", f"#!/bin/sh\nmkdir -p {self._log_folder}\nexec svlogd {self._log_folder}\n"
        )
        tree.script(DAEMON, Path(stack.files[DAEMON]).read_text())
        lines = [
            f"listen = 127.0.0.1:{self.port}",
            *(f"{word} = {said}" for word, said in self.words.items()),
        ]
        tree.add("/etc/fieldd.conf", "\n".join(lines) + "\n")
        tree.add("/etc/plot", f"{self.plot}\n")
        files = self.script.files
        if files is None:
            rendered = runit.render(stack).tree.entries
            parts = {path: entry for path, entry in rendered.items() if path.startswith(f"{home}/")}
            parts.pop(f"{home}/log/run")
        else:
            parts = {posixpath.join(home, path): entry for path, entry in files.items()}
        return tree.merge(FileTree(parts))

    @property
    def _log_folder(self) -> str:
        return f"/var/log/lab/{self.name}"

    # -- what it says ---------------------------------------------------------------------------

    def ask(self) -> dict[str, Any]:
        """What the daemon answers, empty where it does not."""
        from helpers.show.http import fetch

        try:
            body = fetch(*self.sandbox.address(self.port), "/", 2.0).json()
        except (OSError, ValueError):
            return {}
        return body if isinstance(body, dict) else {}

    def log(self) -> str:
        """What the service's logger has written."""
        try:
            return self.sandbox.read(f"{self._log_folder}/current").decode(errors="replace")
        except SandboxError:
            return ""

    def console(self) -> list[str]:
        """The lines on the console."""
        return self.sandbox.logs().decode(errors="replace").splitlines()

    def sv(self, *words: str) -> str:
        """What sv(8) says of the service."""
        return self.sandbox.exec(["sv", *words, self.name], timeout=20.0).text

    def require_users(self) -> None:
        """Raises `LabError` in a sandbox with one user id only: an ordinary user's without newuidmap(1)."""
        if self.sandbox.exec(["chpst", "-u", USER, "true"]).code != 0:
            raise LabError(
                f"nothing in this lab can become {USER}: it has one user id only",
                hint="sudo apt-get install uidmap   (then start the notebook's kernel again)",
            )

    def id(self, option: str) -> int:
        """A number of the user the daemon must run as (id(1))."""
        return int(self.sandbox.exec(["id", option, USER]).text)

    def groups(self, pid: int) -> list[int]:
        """The supplementary groups of a process (proc(5), `Groups`)."""
        said = self.sandbox.exec(["sed", "-n", "s/^Groups:[[:space:]]*//p", f"/proc/{pid}/status"])
        return [int(word) for word in said.text.split()]

    # -- processes ------------------------------------------------------------------------------

    def processes(self) -> dict[int, Process]:
        """Every process inside that is no zombie, by its PID."""
        try:
            return {p.pid: p for p in self.sandbox.processes() if p.state != "Z"}
        except SandboxGone as gone:
            raise LabFailed("PID 1 has ended") from gone

    def daemons(self) -> list[Process]:
        """The processes that are the daemon, the oldest first."""
        found = [p for p in self.processes().values() if _is_daemon(p)]
        return sorted(found, key=lambda p: (p.started, p.pid))

    def daemon(self) -> Process | None:
        """The daemon that answers."""
        pid = self.ask().get("pid")
        return next((p for p in self.daemons() if p.pid == pid), None)

    def main(self) -> Process | None:
        """What runsv takes for the service: its child that is no logger."""
        table = self.processes()
        above = next((p for p in table.values() if p.argv[:2] == ("runsv", self.name)), None)
        if above is None:
            return None
        ours = [p for p in table.values() if p.ppid == above.pid and p.comm != "svlogd"]
        # Between fork(2) and execve(2) the logger is called runsv, and then run.
        ours = [p for p in ours if p.comm != "runsv"]
        return max(ours, key=lambda p: (p.started, p.pid), default=None)

    def parent(self, process: Process) -> str:
        """What the parent of a process is called: `runsv`, a shell, `PID 1`."""
        above = self.processes().get(process.ppid)
        return "PID 1" if above is None or above.pid == 1 else above.comm

    def shell_above(self, process: Process) -> bool:
        """Whether the parent of a process is a shell: what runs it counts, for the kernel calls a script by
        its own name (proc(5), `comm`)."""
        above = self.processes().get(process.ppid)
        return above is not None and posixpath.basename((above.argv or ("",))[0]) in _SHELLS

    def wait(self, condition: Callable[[], object], seconds: float) -> bool:
        """Wait until `condition()` is true, at most some seconds: whether it is."""
        return bool(self.trial.until(condition, seconds, 0.03))


def _is_daemon(process: Process) -> bool:
    """A script's process is its interpreter, with the script among the first arguments (execve(2))."""
    program, *arguments = [posixpath.basename(word) for word in process.argv[:4]] or [""]
    return program.startswith("python") and posixpath.basename(DAEMON) in arguments


class Absence:
    """For how long, all in all, runsv had no process for the service: looked at again and again."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._before = time.monotonic()
        self._absent = False
        self._sum = 0.0

    def seconds(self) -> float:
        """The sum up to now."""
        now, absent = time.monotonic(), self._machine.main() is None
        if absent and self._absent:
            self._sum += now - self._before
        self._before, self._absent = now, absent
        return self._sum
