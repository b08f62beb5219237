"""A running sandbox of the Docker engine."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from helpers.engines._docker_owner import python_argv
from helpers.engines._docker_reach import Reach
from helpers.engines._docker_stream import STDOUT, Console, Stream
from helpers.engines._life import Life
from helpers.engines.base import ExecResult, Limits, Process, Stats
from helpers.errors import InitlabError, SandboxError, SandboxGone

__all__ = ["WITHOUT_ADMIN", "Command", "DockerPopen", "DockerSandbox", "exec_refusal", "shell_argv"]

_TAIL = 8 * 1024 * 1024
_SOON = 5.0  # s within which the engine tells what has already happened
# What the runtime says of execve(2), inside whatever the engine says around it.
_REFUSED = re.compile(
    r'exec(?:: "[^"]*"| [^ ]+): .*?'
    r"(no such file or directory|permission denied|exec format error|executable file not found)"
)
_RUNTIME_SAYS = ("OCI runtime", "Error: runc:", "Error: crun:", "Error: OCI runtime")
_RUNTIME_NEEDS = 4  # processes and threads the runtime starts inside before the command is executed


def exec_refusal(said: str) -> str | None:
    """Why a program could not be executed, as strerror(3) has it; `None` when that is not what was said."""
    found = _REFUSED.search(said)
    if found is None:
        return None
    return found[1].replace("executable file not found", "no such file or directory").capitalize()


# Puts the capability down that only the way to PID 1 needs, see `Docker.start`: every command starts with it.
WITHOUT_ADMIN = ("/usr/bin/setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all", "--")


def shell_argv(cli: str | None, url: str, name: str, front: Sequence[str] = ()) -> list[str]:
    """The command line of the `docker` or `podman` command that opens a shell in container `name`."""
    if cli is None:
        raise SandboxError(
            "there is no docker or podman command on this computer to open a shell with",
            hint="apt-get install docker-cli (Debian 12: docker.io), or: apt-get install podman",
        )
    where = []
    url = url or os.environ.get("DOCKER_HOST", "")
    if url:
        where = ["--url", url] if os.path.basename(cli) == "podman" else ["--host", url]
    return [cli, *where, "exec", "--interactive", "--tty", name, *front, "/bin/bash", "-l"]


class Command:
    """A command started inside (an "exec instance" of the API)."""

    def __init__(self, api: Any, number: str, token: str) -> None:
        self._api = api
        self.number = number
        self.token = token

    def stream(self) -> Stream:
        """Start it, attached."""
        return Stream(self._api.exec_start(self.number, socket=True))

    def code(self) -> int | None:
        """Its exit code, once its stream has ended; `None` when the engine does not tell one."""
        end = time.monotonic() + _SOON
        while True:
            state = self._api.exec_inspect(self.number)
            if not state["Running"] or time.monotonic() > end:
                code: int | None = state["ExitCode"]
                return code
            time.sleep(0.005)  # the stream ends a moment before the engine has the code

    def host_pid(self) -> int:
        """Its PID as the engine's computer numbers it, once started; 0 when it has already ended."""
        end = time.monotonic() + _SOON
        while True:
            state = self._api.exec_inspect(self.number)
            if state["Running"] and state["Pid"]:
                return int(state["Pid"])
            if state["ExitCode"] is not None or time.monotonic() > end:
                return 0
            time.sleep(0.005)


class DockerPopen(subprocess.Popen[bytes]):
    """A command inside. This process only carries its input and output; signals go to the command."""

    forward_signal: Callable[[int], None]

    def send_signal(self, sig: int) -> None:
        """Signal the command; this process ends when it does."""
        if self.poll() is None:
            self.forward_signal(sig)


class DockerSandbox(Life):
    """See `helpers.engines.base.Sandbox`. Made by `Docker.start`."""

    def __init__(
        self,
        name: str,
        container: str,
        api: Any,
        reach: Reach,
        *,
        url: str,
        cli: str | None,
        stop_signal: int,
        limits: Limits,
        limits_missing: tuple[str, ...],
        front: Sequence[str] = (),
        terminal: bool = False,
    ) -> None:
        super().__init__(name, stop_signal)
        self._front = tuple(front)
        self.limits_missing = limits_missing
        self.container = container
        self.api = api
        self._reach = reach
        self._url = url
        self._cli = cli
        self._limits = limits
        self._addresses: dict[int, tuple[str, int]] = {}
        self.executed = 0.0
        # Attached before the start: nothing PID 1 writes is missed.
        params = {"stdout": 1, "stderr": 1, "stream": 1}
        attached = Stream(api.attach_socket(container, params), raw=terminal)
        self._console = Console(attached, _TAIL, self._ended)
        self._console.start()

    # -- life ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Start PID 1 and wait until it has been executed. Raises `docker.errors.APIError`."""
        self.api.start(self.container)
        self._pid1 = self.api.inspect_container(self.container)["State"]["Pid"]
        while not self._over.is_set():
            with contextlib.suppress(Exception):  # it ended between two looks: told by the console's end
                if self._pid1 and self._reach.executed(self):
                    self.executed = time.monotonic()
                    return
            self._over.wait(0.002)

    def reachable(self, addresses: Mapping[int, tuple[str, int]]) -> None:
        """Tell where the ports are."""
        self._addresses = dict(addresses)

    def _ended(self) -> None:
        """The console has ended: PID 1 has, or the engine."""
        from docker.errors import DockerException

        code = 137
        try:
            if not self._destroyed:
                code = self.api.wait(self.container)["StatusCode"]
        except (DockerException, InitlabError) as error:
            if not self._destroyed:
                self._lost = str(getattr(error, "explanation", None) or error)
        self._end(code)

    def lose(self, reason: str) -> None:
        """The container is being removed by somebody else than `destroy`."""
        self._lost = reason

    def _refused(self, error: Any, doing: str) -> SandboxError:
        """What to raise for the API's `error`: that the sandbox is gone, or what the engine says."""
        if error.status_code in (404, 409):
            self._over.wait(_SOON)
            try:
                self._check()
            except SandboxGone as gone:
                return gone
        return SandboxError(f"cannot {doing}: {error.explanation}")

    def destroy(self) -> None:
        """See `helpers.engines.base.Sandbox.destroy`."""
        from docker.errors import APIError

        if self._destroyed:
            return
        self._destroyed = True
        self._reach.unforward(self)
        try:
            self.api.remove_container(self.container, force=True, v=True)
        except APIError as error:
            if error.status_code not in (404, 409):
                raise SandboxError(
                    f"sandbox {self.id}: could not remove its container: {error.explanation}",
                    hint="initlab clean",
                ) from None
        self._over.wait(_SOON)

    # -- commands -----------------------------------------------------------------------------

    def command(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, stdin: bool = False
    ) -> Command:
        """A command ready to be started inside."""
        from docker.errors import APIError

        self._check()
        token = secrets.token_hex(8)
        environment = {**(env or {}), **self._reach.marks(token)}
        try:
            made = self.api.exec_create(
                self.container, [*self._front, *argv], stdin=stdin, environment=environment
            )
        except APIError as error:
            raise self._refused(error, f"start {argv[0]}") from None
        return Command(self.api, made["Id"], token)

    def popen(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> DockerPopen:
        """See `helpers.engines.base.Sandbox.popen`."""
        command = self.command(argv, env=env, stdin=stdin is not None)
        process = DockerPopen(
            [*python_argv("_docker_bridge"), self._url, command.number],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        process.forward_signal = lambda sig: self._reach.send_command(self, command, sig, whole=False)
        return process

    def exec(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> ExecResult:
        """See `helpers.engines.base.Sandbox.exec`."""
        from docker.errors import APIError

        end = time.monotonic() + timeout
        command = self.command(argv, env=env, stdin=bool(input))
        out, err = bytearray(), bytearray()
        try:
            with command.stream() as stream:
                if input:
                    threading.Thread(target=_feed, args=(stream, input), daemon=True).start()
                while (frame := stream.read(max(0.001, end - time.monotonic()))) is not None:
                    (out if frame[0] == STDOUT else err).extend(frame[1])
            code = command.code()
        except APIError as error:  # newer engines refuse an unknown program here
            self._explain(argv, None, str(error.explanation))
            raise self._refused(error, f"start {argv[0]}") from None
        except TimeoutError:
            self._reach.send_command(self, command, signal.SIGKILL, whole=True)
            raise SandboxError(f"{' '.join(argv)} did not end within {timeout:g} s and was killed") from None
        except BaseException:  # Ctrl-C: the command must not outlive the call
            self._reach.send_command(self, command, signal.SIGKILL, whole=True)
            raise
        if code != 0:
            # Killed, perhaps with PID 1: the engine tells that a moment later.
            if code in (None, 137) and (self._over.wait(1) or not self._is_running()):
                self._over.wait(_SOON)
                self._check()
            self._explain(argv, code, bytes(out or err).decode(errors="replace"))
        return ExecResult(137 if code is None else code, bytes(out), bytes(err))

    def _explain(self, argv: Sequence[str], code: int | None, said: str) -> None:
        """Raise if it was the runtime, not the command, that wrote `said` and failed."""
        if self._front and code == 127 and said.startswith("setpriv: failed to execute"):
            raise SandboxError(f"cannot execute {argv[0]} in the sandbox: {said.strip().rsplit(': ', 1)[-1]}")
        if not said.startswith((*_RUNTIME_SAYS, f"exec {argv[0]}: ")):
            return
        reason = exec_refusal(said)
        if reason is not None:
            raise SandboxError(f"cannot execute {argv[0]} in the sandbox: {reason}")
        if self._is_full():
            raise SandboxError(
                f"cannot start {argv[0]}: the sandbox has no process to spare (limit {self._limits.pids})",
                hint="end some of its processes, or start it with Limits(pids=...)",
            )
        raise SandboxError(f"cannot start {argv[0]} in the sandbox: {said.strip()}")

    def _is_running(self) -> bool:
        from docker.errors import APIError

        try:
            return bool(self.api.inspect_container(self.container)["State"]["Running"])
        except APIError:
            return False

    def _is_full(self) -> bool:
        """Whether a command failed for want of a process: the runtime's own message is any of many."""
        from docker.errors import APIError

        try:
            used = self.api.stats(self.container, stream=False, one_shot=True).get("pids_stats", {})
        except APIError:
            return False
        limit = self._limits.pids
        return limit is not None and used.get("current", 0) > limit - _RUNTIME_NEEDS

    def shell_command(self) -> list[str]:
        """See `helpers.engines.base.Sandbox.shell_command`."""
        self._check()
        return shell_argv(self._cli, self._url, self.id, self._front)

    # -- looking ------------------------------------------------------------------------------

    def _signal_pid1(self, signum: int) -> None:
        from docker.errors import APIError

        try:
            self.api.kill(self.container, signal=int(signum))
        except APIError as error:
            if error.status_code not in (404, 409):
                raise self._refused(error, f"signal PID 1 of sandbox {self.id}") from None

    def signal(self, signum: int, pid: int = 1) -> None:
        """See `helpers.engines.base.Sandbox.signal`."""
        self._check()
        if pid == 1:
            self._signal_pid1(signum)
        else:
            self._reach.send(self, signum, pid)

    def processes(self) -> list[Process]:
        """See `helpers.engines.base.Sandbox.processes`."""
        self._check()
        try:
            return self._reach.table(self)
        except OSError:
            self._over.wait(1)
            self._check()
            raise

    def stats(self) -> Stats:
        """See `helpers.engines.base.Sandbox.stats`."""
        table = self.processes()
        cpu = sum(process.cpu for process in table)
        memory, source, kills = sum(process.rss for process in table), "rss", 0
        for line in self._reach.memory(self):
            if line.isdigit():
                memory, source = int(line), "cgroup"
            elif line.startswith("oom_kill "):
                kills = int(line.split()[1])
        return Stats(memory=memory, pids=len(table), cpu=cpu, memory_source=source, oom_kills=kills)

    def logs(self) -> bytes:
        """See `helpers.engines.base.Sandbox.logs`."""
        return self._console.text().replace(b"\r\n", b"\n")  # a terminal's ends of lines


def _feed(stream: Stream, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the command ended without reading it all
        stream.send(data)
    stream.end_input()
