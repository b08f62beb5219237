"""The engine protocol: where a lab runs. Both engines pass the same tests (`tests/engines`).

An **engine** starts **sandboxes**. A sandbox is one machine-like thing with its own PID 1: own PID,
mount, network, IPC and UTS namespaces, a copy-on-write root, and memory, PID and disk limits where
the computer allows them (`Sandbox.limits_missing` says where it does not).

Everything a sandbox uses is gone when its owner (the Python process that started it) is gone,
however that process ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Protocol, runtime_checkable

from helpers.filetree import FileTree

__all__ = [
    "MIB",
    "Availability",
    "Engine",
    "ExecResult",
    "Exit",
    "Image",
    "Limits",
    "Network",
    "Pid1",
    "Process",
    "Running",
    "Sandbox",
    "Stats",
]

MIB = 1024 * 1024


@dataclass(frozen=True)
class Image:
    """A root file system sandboxes start from, never written to.

    `rootfs` is a folder of the host; `digest` is the hash of the recipe it was built from.
    """

    rootfs: Path
    digest: str


@dataclass(frozen=True)
class Limits:
    """What a sandbox may use. `None` means no limit is asked for.

    `memory` and `disk` are bytes, `pids` counts processes and threads. `disk` bounds what is written
    to the copy-on-write root; where that lives in memory (embedded engine) it counts as memory too.
    """

    memory: int | None = 512 * MIB
    pids: int | None = 512
    disk: int | None = 256 * MIB


@dataclass(frozen=True)
class Network:
    """The sandbox's network: its own loopback only, plus `ports` reachable from the host.

    `ports` are TCP ports that services inside listen on (127.0.0.1 or any address). The host side
    is always 127.0.0.1 on a free port: see `Sandbox.address`. No sandbox reaches another or the
    internet.
    """

    ports: tuple[int, ...] = ()


@dataclass(frozen=True)
class Availability:
    """Whether an engine can run here; if not, `reason` and the command (`mend`) that changes it."""

    ok: bool
    reason: str = ""
    mend: str = ""


@dataclass(frozen=True)
class Exit:
    """How PID 1 ended, as a shell shows it: its exit status, or 128 + the signal that killed it.

    The two cannot be told apart from outside a PID namespace's monitor (bwrap and Docker both report
    one number). `reboot(2)` inside a PID namespace ends its PID 1 with SIGHUP or SIGINT: 129 or 130
    (pid_namespaces(7)).
    """

    code: int


@dataclass(frozen=True)
class ExecResult:
    """A finished command: its exit `code` as a shell shows it, and what it wrote."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text, without the trailing newline."""
        return self.stdout.decode(errors="replace").rstrip("\n")


@dataclass(frozen=True)
class Process:
    """One process of a sandbox, read from its own /proc (proc(5)), with the PIDs seen inside.

    `state` is the letter of /proc/PID/stat (`Z` is a zombie); `cpu` is seconds of user and system
    time; `rss` is bytes; `started` is seconds since the computer's boot; `argv` is empty for a zombie.
    """

    pid: int
    ppid: int
    state: str
    comm: str
    argv: tuple[str, ...] = ()
    pgid: int = 0
    sid: int = 0
    cpu: float = 0.0
    rss: int = 0
    started: float = 0.0
    threads: int = 1


@dataclass(frozen=True)
class Stats:
    """What the whole sandbox uses now: bytes of memory, number of processes, CPU seconds so far.

    `memory_source` tells where `memory` was read: `cgroup` or `rss` (the sum over processes).
    """

    memory: int
    pids: int
    cpu: float
    memory_source: str = "rss"
    oom_kills: int = 0


@runtime_checkable
class Sandbox(Protocol):
    """One running machine-like thing. Every method raises `SandboxGone` once PID 1 has ended,
    except `logs`, `wait`, `stop`, `destroy` and `exit`, which then tell what happened."""

    id: str
    limits_missing: tuple[str, ...]
    """Limits that were asked for and could not be set, each as a sentence with the reason."""
    executed: float
    """time.monotonic() when PID 1 was first seen executed (looked for each 0.5 ms; Docker: each 2 ms)."""

    @property
    def pid1(self) -> int:
        """PID of the sandbox's PID 1 as the host numbers it."""

    @property
    def exit(self) -> Exit | None:
        """How PID 1 ended, or `None` while it runs."""

    def exec(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> ExecResult:
        """Run a command inside, beside PID 1, and wait for it.

        Raises `SandboxError` when `timeout` seconds pass (the command is killed) and when there is
        no such program (naming it).
        """

    def popen(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Popen[bytes]:
        """Start a command inside and stream with it; `stdin` … are as for `subprocess.Popen`."""

    def shell_command(self) -> list[str]:
        """The command line, for a terminal on the host, that opens a shell inside."""

    def signal(self, signum: int, pid: int = 1) -> None:
        """Send a signal to a process inside (by its PID inside), from outside, as the host's root
        would: PID 1 can be stopped or killed this way although it is immune from inside
        (pid_namespaces(7))."""

    def processes(self) -> list[Process]:
        """Every process inside now, zombies too, ordered by PID."""

    def stats(self) -> Stats:
        """What the sandbox uses now."""

    def read(self, path: str) -> bytes:
        """The content of a file inside. Raises `SandboxError` naming the path."""

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file inside, making its parent directories. Raises `SandboxError` naming the path
        (no space left, read-only, …)."""

    def logs(self) -> bytes:
        """What PID 1 and its children wrote to the console so far (the last 8 MiB)."""

    def address(self, port: int) -> tuple[str, int]:
        """Where the host reaches TCP `port` of the sandbox: `("127.0.0.1", n)`. Raises
        `SandboxError` for a port the network does not declare."""

    def wait(self, timeout: float) -> Exit:
        """Wait until PID 1 ends. Raises `SandboxError` when `timeout` seconds pass."""

    def stop(self, grace: float = 10.0, signum: int | None = None) -> Exit:
        """Ask PID 1 to shut down (its stop signal, or `signum`), kill everything after `grace`
        seconds, and return how PID 1 ended. Also works on an ended sandbox. The root stays readable
        only until `destroy`."""

    def destroy(self) -> None:
        """Kill what still runs and remove every trace. Safe to call twice."""


@dataclass(frozen=True)
class Pid1:
    """What to run as PID 1 and how to stop it.

    `capabilities` names Linux capabilities it needs beyond the engine's default set
    (capabilities(7), without the `CAP_` prefix), e.g. `SYS_BOOT` for inits that end by reboot(2).

    `cgroup` asks for a cgroup of its own to divide (cgroups(7)): the unified hierarchy at /sys/fs/cgroup,
    writable, with PID 1 in its root. `Engine.cgroup_availability` says whether there can be one.

    `terminal` makes the console a terminal, /dev/console inside: systemd writes to nothing else.
    """

    argv: tuple[str, ...]
    stop_signal: int = 15
    capabilities: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    cgroup: bool = False
    terminal: bool = False


@dataclass(frozen=True)
class Running:
    """A sandbox that runs now, whoever owns it: what another terminal needs to enter it.

    `shell` is the command line that opens a shell inside.
    """

    id: str
    title: str
    engine: str
    owner: int
    shell: tuple[str, ...]


class Engine(Protocol):
    """Where labs run."""

    name: str

    def availability(self) -> Availability:
        """Whether this computer can run the engine, and if not the exact command that mends it."""

    def cgroup_availability(self) -> Availability:
        """Whether a sandbox can be given a cgroup of its own to divide (`Pid1.cgroup`) here."""

    def start(
        self,
        image: Image,
        pid1: Pid1 | Sequence[str],
        tree: FileTree | None = None,
        limits: Limits = Limits(),
        network: Network = Network(),
        hostname: str = "lab",
    ) -> Sandbox:
        """Start a sandbox whose PID 1 is `pid1`, with `tree` laid over the image.

        /run and /tmp are fresh tmpfs (programs may be run from them), /proc is the sandbox's own.
        Raises `EngineUnavailable`, or `SandboxError` when PID 1 cannot be executed (naming it) or asks for
        a cgroup of its own and cannot have one.
        """

    def running(self) -> list[Running]:
        """The sandboxes of this user that run now, in every process, oldest first."""

    def sweep(self) -> list[str]:
        """Remove what crashed owners left behind; returns a sentence for each thing removed."""
