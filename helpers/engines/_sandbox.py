"""A running sandbox of the embedded engine."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.engines._client import KeeperClient
from helpers.engines._life import Life
from helpers.engines.base import ExecResult, Limits, Process, Stats
from helpers.engines.proctable import host_pid, read_table, signal_session
from helpers.errors import SandboxError, SandboxGone

__all__ = ["EmbeddedSandbox", "InnerPopen"]

_TAIL = 8 * 1024 * 1024
# nsenter's child is the command; joining the cgroups first keeps it under the sandbox's limits.
_JOIN = (
    'for f in $INITLAB_CGROUPS; do echo 0 >"$f/cgroup.procs" || exit 125; done; '
    'unset INITLAB_CGROUPS; exec "$@"'
)


ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


def enter_argv(pid1: str, capabilities: Sequence[str], argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` beside `pid1`, in its namespaces and under its limits.

    nsenter keeps the caller's capabilities, so setpriv drops to what PID 1 itself was given.
    """
    enter = ["/usr/bin/nsenter", "-t", pid1, "-m", "-u", "-i", "-n", "-p", "-r", "-w"]
    if os.geteuid() != 0:
        enter += ["-U", "--preserve-credentials"]
    allowed = ",".join(["-all", *(f"+{name.lower()}" for name in capabilities)])
    drop = ["/usr/bin/setpriv", f"--bounding-set={allowed}", "--inh-caps=-all"]
    return ["/bin/sh", "-c", _JOIN, "sh", *enter, "--", *drop, "--", *argv]


def shell_argv(capabilities: Sequence[str]) -> list[str]:
    """The command for a terminal, with `{pid1}` and `{cgroups}` still to be filled in."""
    environment = {**ENVIRONMENT, "TERM": "xterm-256color", "INITLAB_CGROUPS": "{cgroups}"}
    words = [f"{key}={value}" for key, value in environment.items()]
    return ["/usr/bin/env", "-i", *words, *enter_argv("{pid1}", capabilities, ["/bin/bash", "-l"])]


class InnerPopen(subprocess.Popen[bytes]):
    """A command inside. Signals go to the command itself, not to the nsenter in front of it."""

    def send_signal(self, sig: int) -> None:
        """Signal the command (and nsenter follows when it ends)."""
        if self.poll() is not None:
            return
        children = _children(self.pid)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        if not children:  # not inside yet
            super().send_signal(sig)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _end_session(process: InnerPopen) -> None:
    """Kill a command with everything it has started: what lives on would hold its output open."""
    signal_session(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=2)


class EmbeddedSandbox(Life):
    """See `helpers.engines.base.Sandbox`. Made by `Embedded.start`."""

    def __init__(
        self,
        name: str,
        answer: dict[str, Any],
        keeper: KeeperClient,
        *,
        stop_signal: int,
        addresses: Mapping[int, tuple[str, int]],
        capabilities: Sequence[str],
        limits: Limits,
    ) -> None:
        super().__init__(name, stop_signal)
        self.limits_missing: tuple[str, ...] = tuple(answer["limits_missing"])
        self.executed = float(answer["executed"])
        self._pid1 = int(answer["pid1"])
        self.keeper = keeper
        self._addresses = dict(addresses)
        self._capabilities = tuple(capabilities)
        self._limits = limits
        self._cgroups: dict[str, str] = answer["cgroups"]
        self._guests: list[str] = answer["guests"]
        self._cgroup_version: int = answer["cgroup_version"]
        self._console = Path(answer["console"])
        self._kept_logs = b""
        self._pidfd = -1
        if answer["code"] is not None:
            self.ended(answer["code"])
        else:
            with contextlib.suppress(ProcessLookupError):
                self._pidfd = os.pidfd_open(self._pid1)

    # -- life ---------------------------------------------------------------------------------

    def ended(self, code: int | None) -> None:
        """Called when PID 1 has ended with `code`, or (None) when the keeper is lost."""
        if code is None:
            self._lost = "its keeper process was killed"
        self._end(137 if code is None else code)

    def destroy(self) -> None:
        """See `helpers.engines.base.Sandbox.destroy`."""
        if self._destroyed:
            return
        with contextlib.suppress(SandboxError):
            self._kept_logs = self.logs()
        self._destroyed = True
        if not self._lost:
            left = self.keeper.ask("destroy", box=self.id)["left"]
            if left:
                raise SandboxError(
                    f"sandbox {self.id}: could not remove {', '.join(left)}", hint="initlab clean"
                )
        if self._exit is None:
            self.ended(137)
        # Taken in one step: the owner may destroy it while a check's deadline does.
        pidfd, self._pidfd = self._pidfd, -1
        if pidfd >= 0:
            os.close(pidfd)

    # -- commands -----------------------------------------------------------------------------

    def popen(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> InnerPopen:
        """See `helpers.engines.base.Sandbox.popen`."""
        self._check()
        return InnerPopen(
            enter_argv(str(self._pid1), self._capabilities, argv),
            env={**ENVIRONMENT, **(env or {}), "INITLAB_CGROUPS": self._folders()},
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    def exec(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> ExecResult:
        """See `helpers.engines.base.Sandbox.exec`."""
        pipe = subprocess.PIPE
        with self.popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            try:
                out, err = process.communicate(input, timeout)
            except subprocess.TimeoutExpired:
                _end_session(process)
                raise SandboxError(
                    f"{' '.join(argv)} did not end within {timeout:g} s and was killed"
                ) from None
            except BaseException:  # Ctrl-C: the command must not outlive the call
                _end_session(process)
                raise
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        if code != 0:
            self._explain(argv, code, err.decode(errors="replace"))
        return ExecResult(code, out, err)

    def _explain(self, argv: Sequence[str], code: int, err: str) -> None:
        if err.startswith("setpriv: failed to execute"):
            reason = err.strip().rsplit(":", 1)[-1].strip()
            raise SandboxError(f"cannot execute {argv[0]} in the sandbox: {reason}")
        if (code == 137 or err.startswith("nsenter: ")) and self._pid1_has_ended():
            self._over.wait(5)  # the keeper tells how
        self._check()
        if err.startswith("nsenter: fork failed") or (code == 125 and "cgroup.procs" in err):
            raise SandboxError(
                f"cannot start {argv[0]}: the sandbox has no process to spare (limit {self._limits.pids})",
                hint="end some of its processes, or start it with Limits(pids=...)",
            )

    def _pid1_has_ended(self) -> bool:
        """Whether PID 1 is gone, or follows within a moment what it took along (pid_namespaces(7))."""
        if self._pidfd < 0:
            return True
        try:
            with selectors.DefaultSelector() as selector:
                # It is readable when the process has ended (pidfd_open(2)).
                selector.register(self._pidfd, selectors.EVENT_READ)
                return bool(selector.select(0.1))
        except (OSError, ValueError):  # destroyed meanwhile
            return True

    def shell_command(self) -> list[str]:
        """See `helpers.engines.base.Sandbox.shell_command`."""
        self._check()
        words = shell_argv(self._capabilities)
        return [w.replace("{pid1}", str(self._pid1)).replace("{cgroups}", self._folders()) for w in words]

    def _folders(self) -> str:
        return " ".join(self._guests)

    # -- looking ------------------------------------------------------------------------------

    def _signal_pid1(self, signum: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, signum)

    def signal(self, signum: int, pid: int = 1) -> None:
        """See `helpers.engines.base.Sandbox.signal`."""
        self._check()
        if pid == 1:
            self._signal_pid1(signum)
            return
        found = host_pid(self._pid1, pid)
        if found is None:
            raise SandboxError(f"there is no process {pid} in sandbox {self.id}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(found, signum)

    def processes(self) -> list[Process]:
        """See `helpers.engines.base.Sandbox.processes`."""
        self._check()
        try:
            return read_table(Path(f"/proc/{self._pid1}/root/proc"))
        except OSError:
            if not self._pid1_has_ended():
                raise
            self._over.wait(5)  # the keeper tells how
            self._check()
            raise SandboxGone(f"sandbox {self.id} has ended") from None

    def stats(self) -> Stats:
        """See `helpers.engines.base.Sandbox.stats`."""
        table = self.processes()
        cpu = sum(process.cpu for process in table)
        memory, source, kills = sum(process.rss for process in table), "rss", 0
        folder = self._cgroups.get("memory")
        if folder is not None:
            names = ("memory.usage_in_bytes", "memory.oom_control")
            if self._cgroup_version == 2:
                names = ("memory.current", "memory.events")
            memory, source = int(Path(folder, names[0]).read_text()), "cgroup"
            for line in Path(folder, names[1]).read_text().splitlines():
                if line.startswith("oom_kill "):
                    kills = int(line.split()[1])
        return Stats(memory=memory, pids=len(table), cpu=cpu, memory_source=source, oom_kills=kills)

    def logs(self) -> bytes:
        """See `helpers.engines.base.Sandbox.logs`."""
        if self._destroyed or self._lost:
            return self._kept_logs
        parts = [self._console.with_suffix(".log.1"), self._console]
        with contextlib.suppress(FileNotFoundError):
            return b"".join(part.read_bytes() for part in parts if part.exists())[-_TAIL:]
        return self._kept_logs
