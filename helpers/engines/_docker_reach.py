"""What a Docker sandbox asks of processes and ports, in two ways.

**Near**: we are root on the computer the engine runs on, so the container's processes are in our /proc
and we may enter its network namespace. **Far**: anything else (another computer, an ordinary user, a
container with the engine's socket): everything goes through commands run inside.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from helpers.engines.base import Process
from helpers.engines.proctable import host_pid, parse_stat, read_table, signal_session
from helpers.errors import SandboxError

if TYPE_CHECKING:
    from helpers.engines._client import KeeperClient
    from helpers.engines._docker_sandbox import Command, DockerSandbox

__all__ = ["Far", "Near", "Reach"]

_TOKEN = "INITLAB_EXEC"  # noqa: S105 - names an environment variable: how a far command is found again

# Memory in use and OOM kills: cgroup version 1, then 2.
_CGROUP_FILES = (
    "memory/memory.usage_in_bytes",
    "memory/memory.oom_control",
    "memory.current",
    "memory.events",
)

_TRIES = 20  # a tenth of a second each

_LIST = """
import json, os
rows = []
for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
    if pid != os.getpid():
        try:
            with open(f"/proc/{pid}/stat", "rb") as f, open(f"/proc/{pid}/cmdline", "rb") as g:
                rows.append([f.read().decode(errors="replace"), g.read().decode(errors="replace")])
        except OSError:
            pass
print(json.dumps(rows))
"""

# Signal the processes whose environment holds the token: the command itself, whose parent is outside the
# PID namespace (0), or all, again until none is left, because one may have started another meanwhile.
_KILL = r"""
token=$1 signal=$2 scope=$3 sent=
for round in 1 2 3 4 5; do
    found=
    for p in /proc/[0-9]*; do
        if grep -qz "^$token\$" "$p/environ" 2>/dev/null && read -r line <"$p/stat"; then
            set -- ${line##*) }
            if [ "$scope" = all ] || [ "$2" = 0 ]; then
                kill "-$signal" "${p#/proc/}" && found=yes sent=yes
            fi
        fi
    done
    if [ "$scope" != all ] || [ -z "$found" ]; then break; fi
done
echo "$sent"
"""


class Reach(Protocol):
    """See the module."""

    def forward(self, box: DockerSandbox, listeners: Mapping[int, socket.socket]) -> None:
        """Serve connections to the listeners from the ports inside."""

    def unforward(self, box: DockerSandbox) -> None:
        """End that."""

    def executed(self, box: DockerSandbox) -> bool:
        """Whether PID 1 is the program itself yet, not the runtime about to execute it."""

    def table(self, box: DockerSandbox) -> list[Process]:
        """Every process inside."""

    def send(self, box: DockerSandbox, signum: int, pid: int) -> None:
        """Signal a process inside that is not PID 1."""

    def send_command(self, box: DockerSandbox, command: Command, signum: int, whole: bool) -> None:
        """Signal a command started inside; with `whole`, everything it has started too."""

    def marks(self, token: str) -> dict[str, str]:
        """What to add to a command's environment so that `send_command` finds it."""

    def memory(self, box: DockerSandbox) -> list[str]:
        """The lines of the cgroup files that tell memory in use and OOM kills, as far as there are any."""


class Near:
    """Through this computer's /proc and namespaces."""

    def __init__(self, keeper: KeeperClient) -> None:
        self._keeper = keeper

    def forward(self, box: DockerSandbox, listeners: Mapping[int, socket.socket]) -> None:
        """See `Reach.forward`. The keeper does it."""
        ports, sockets = list(listeners), list(listeners.values())
        self._keeper.ask("forward", sockets=sockets, box=box.id, pid1=box.pid1, ports=ports)

    def unforward(self, box: DockerSandbox) -> None:
        """See `Reach.unforward`."""
        with contextlib.suppress(SandboxError):  # the keeper has ended, and with it the forwarding
            self._keeper.ask("unforward", box=box.id)

    def executed(self, box: DockerSandbox) -> bool:
        """See `Reach.executed`."""
        return not _is_runtime(Path(f"/proc/{box.pid1}/cmdline").read_bytes().replace(b"\0", b" ").decode())

    def table(self, box: DockerSandbox) -> list[Process]:
        """See `Reach.table`."""
        return read_table(Path(f"/proc/{box.pid1}/root/proc"))

    def send(self, box: DockerSandbox, signum: int, pid: int) -> None:
        """See `Reach.send`."""
        found = host_pid(box.pid1, pid)
        if found is None:
            raise SandboxError(f"there is no process {pid} in sandbox {box.id}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(found, signum)

    def send_command(self, box: DockerSandbox, command: Command, signum: int, whole: bool) -> None:
        """See `Reach.send_command`. The runtime makes every command the leader of a session."""
        leader = command.host_pid()
        if not leader:
            return
        if whole:
            signal_session(leader, signum)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(leader, signum)

    def marks(self, token: str) -> dict[str, str]:
        """See `Reach.marks`: the engine tells its PID."""
        return {}

    def memory(self, box: DockerSandbox) -> list[str]:
        """See `Reach.memory`."""
        folder = Path(f"/proc/{box.pid1}/root/sys/fs/cgroup")
        files = [folder / name for name in _CGROUP_FILES]
        return [line for file in files if file.exists() for line in file.read_text().splitlines()]


class Far:
    """Through commands inside: needs nothing but the API."""

    def __init__(self) -> None:
        from helpers.engines._docker_relay import Relay

        self._relays: dict[str, Relay] = {}

    def forward(self, box: DockerSandbox, listeners: Mapping[int, socket.socket]) -> None:
        """See `Reach.forward`: one command inside for each connection."""
        from helpers.engines._docker_relay import Relay

        self._relays[box.id] = Relay(box, listeners)

    def unforward(self, box: DockerSandbox) -> None:
        """See `Reach.unforward`."""
        relay = self._relays.pop(box.id, None)
        if relay is not None:
            relay.close()

    def executed(self, box: DockerSandbox) -> bool:
        """See `Reach.executed`: the engine lists the processes, whichever user we are."""
        top = box.api.top(box.container)
        commands = [row[-1] for row in top["Processes"] or []]
        return bool(commands) and not _is_runtime(commands[0])

    def table(self, box: DockerSandbox) -> list[Process]:
        """See `Reach.table`."""
        done = box.exec(["python3", "-I", "-S", "-c", _LIST])
        rows: list[list[str]] = json.loads(done.stdout)
        return [parse_stat(stat, tuple(words.split("\0")[:-1])) for stat, words in rows]

    def send(self, box: DockerSandbox, signum: int, pid: int) -> None:
        """See `Reach.send`."""
        done = box.exec(["/bin/sh", "-c", 'kill "-$1" "$2"', "sh", str(signum), str(pid)])
        if done.code != 0:
            raise SandboxError(f"there is no process {pid} in sandbox {box.id}")

    def send_command(self, box: DockerSandbox, command: Command, signum: int, whole: bool) -> None:
        """See `Reach.send_command`."""
        mark, scope = f"{_TOKEN}={command.token}", "all" if whole else "one"
        for _ in range(_TRIES):  # started a moment ago, it may not be the program yet
            if not command.host_pid():
                return  # ended
            if box.exec(["/bin/sh", "-c", _KILL, "sh", mark, str(signum), scope]).text:
                return

    def marks(self, token: str) -> dict[str, str]:
        """See `Reach.marks`."""
        return {_TOKEN: token}

    def memory(self, box: DockerSandbox) -> list[str]:
        """See `Reach.memory`."""
        script = 'cd /sys/fs/cgroup && cat -- "$@" 2>/dev/null'
        return box.exec(["/bin/sh", "-c", script, "sh", *_CGROUP_FILES]).text.splitlines()


def _is_runtime(command: str) -> bool:
    """runc, still to execute the program, calls itself `runc init`; an empty name is between the two."""
    return command.strip() in ("", "runc init")
