"""The Docker engine: sandboxes as containers of dockerd or Podman, through the Docker Engine API.

A container has no network but its own loopback; declared ports are carried to the host's loopback
connection by connection, so that a service that listens on 127.0.0.1 only is reached too, and nothing
inside reaches out (published ports would need a bridge and could do neither). See docs/adr/0008.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import secrets
import shutil
import socket
import tarfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from helpers.engines._client import KeeperClient
from helpers.engines._docker_daemon import Api, find_daemon, is_near
from helpers.engines._docker_owner import (
    DIVIDES,
    OWNER,
    STARTED,
    TITLE,
    USER,
    connect,
    owner_label,
    python_argv,
    remove_owned,
    sweep,
)
from helpers.engines._docker_reach import Far, Near, Reach
from helpers.engines._docker_sandbox import WITHOUT_ADMIN, DockerSandbox, exec_refusal, shell_argv
from helpers.engines._sandbox import ENVIRONMENT
from helpers.engines._tree import resolved
from helpers.engines.base import MIB, Availability, Image, Limits, Network, Pid1, Running
from helpers.engines.embedded import DEFAULT_CAPABILITIES, TMPFS_SIZE, listen
from helpers.engines.keeper.box import exec_problem
from helpers.errors import EngineUnavailable, ImageError, InitlabError, SandboxError, SandboxGone
from helpers.filetree import File, FileTree, Symlink

__all__ = ["Docker"]

# The unified hierarchy over what the engine has mounted there for reading; then the rest of the words.
_DIVIDE = 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"'
_MOUNTED = 10.0  # s
_NO_DISK_LIMIT = (
    "no disk limit: Docker has none that works on every storage driver; only /run and /tmp are bounded "
    f"({TMPFS_SIZE // MIB} MiB each)"
)


@dataclass
class _Connection:
    """This process's way to the engine, made once; a forked child makes its own."""

    pid: int
    url: str
    client: Any
    api: Api
    keeper: KeeperClient
    reach: Reach
    owner: str
    cli: str | None
    missing: tuple[str, ...]
    apparmor: bool


class Docker:
    """Sandboxes as containers. All `Docker()` of a process share one connection and one keeper.

    `far` makes it use nothing but the API, as it must where it is not root beside the engine.
    """

    name = "docker"

    _lock: ClassVar = threading.Lock()
    _connections: ClassVar[dict[bool, _Connection]] = {}
    _boxes: ClassVar[weakref.WeakSet[DockerSandbox]] = weakref.WeakSet()

    def __init__(self, *, far: bool = False) -> None:
        self._far = far

    def availability(self) -> Availability:
        """Asks the engine for its version; not cached, so a daemon just started is found."""
        return find_daemon()[1]

    def cgroup_availability(self) -> Availability:
        """The engine gives every container a group of its own; we mount it, which takes a capability."""
        return self.availability()

    def start(
        self,
        image: Image,
        pid1: Pid1 | Sequence[str],
        tree: FileTree | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        network: Network = Network(),  # noqa: B008 - frozen
        hostname: str = "lab",
    ) -> DockerSandbox:
        """See `helpers.engines.base.Engine.start`."""
        if not isinstance(pid1, Pid1):
            pid1 = Pid1(tuple(pid1))
        if not pid1.argv:
            raise SandboxError("no command was given for PID 1", hint='give one, e.g. ["/bin/sh"]')
        if not (image.rootfs / "usr").is_dir():
            raise ImageError(f"{image.rootfs} is not a lab image", hint="initlab image build")
        entries = resolved(tree or FileTree(), image.rootfs)

        from docker.errors import APIError

        connection = self._connect()
        name = f"initlab-{hostname}-{secrets.token_hex(4)}"
        container, box = "", None
        try:
            made = connection.api.create_container(
                **self._spec(connection, image, pid1, limits, hostname, name)
            )
            container = made["Id"]
            if entries:
                connection.api.put_archive(container, "/", _archive(entries, image.rootfs))
            box = DockerSandbox(
                name,
                container,
                connection.api,
                connection.reach,
                url=connection.url,
                cli=connection.cli,
                stop_signal=pid1.stop_signal,
                limits=limits,
                limits_missing=_missing(connection, limits, made.get("Warnings") or ()),
                front=WITHOUT_ADMIN if pid1.cgroup else (),
                terminal=pid1.terminal,
            )
            Docker._boxes.add(box)
            box.run()
            if pid1.cgroup:
                _await_program(box)
            _check_executed(box, pid1.argv[0])
            if network.ports and box.exit is None:
                box.reachable(_forward(connection.reach, box, network.ports))
        except BaseException as error:
            with contextlib.suppress(InitlabError):  # the first failure is the one to tell
                if box is not None:
                    box.destroy()
                elif container:
                    connection.api.remove_container(container, force=True, v=True)
            if isinstance(error, APIError):
                raise _not_started(pid1.argv[0], str(error.explanation)) from None
            raise
        return box

    @staticmethod
    def _spec(
        connection: _Connection, image: Image, pid1: Pid1, limits: Limits, hostname: str, name: str
    ) -> dict[str, Any]:
        """The container to create: what bwrap's flags say in the embedded engine, in the API's words."""
        from helpers.image import docker_tag

        tag = docker_tag(connection.client, image)
        size = f"size={TMPFS_SIZE}"
        bounds: dict[str, Any] = {}
        if limits.memory is not None:
            # Equal to the memory limit: no swap, as in the embedded engine.
            bounds |= {"mem_limit": limits.memory, "memswap_limit": limits.memory}
        if limits.pids is not None:
            bounds |= {"pids_limit": limits.pids}
        capabilities, security = [*DEFAULT_CAPABILITIES, *pid1.capabilities], ["no-new-privileges"]
        entrypoint = list(pid1.argv)
        if pid1.cgroup:
            # mount(2) needs the capability, and Docker's AppArmor profile forbids it; PID 1 does not keep it.
            capabilities.append("SYS_ADMIN")
            security += ["apparmor=unconfined"] if connection.apparmor else []
            entrypoint = ["/bin/sh", "-c", _DIVIDE, "sh", *WITHOUT_ADMIN, *entrypoint]
        config = connection.api.create_host_config(
            network_mode="none",
            cap_drop=["ALL"],
            cap_add=capabilities,
            security_opt=security,  # no-new-privileges: as bwrap does
            cgroupns="private",
            tmpfs={"/run": f"exec,mode=755,{size}", "/tmp": f"exec,mode=1777,{size}"},  # noqa: S108 - inside
            log_config={"Type": "none"},  # we are attached and keep what is said
            **bounds,
        )
        return {
            "image": tag,
            "entrypoint": entrypoint,
            "command": [],
            "tty": pid1.terminal,
            "name": name,
            "hostname": hostname,
            "working_dir": pid1.cwd,
            "environment": {**ENVIRONMENT, **pid1.env},
            "labels": {
                OWNER: connection.owner,
                TITLE: f"{hostname}: {' '.join(pid1.argv)}",
                USER: str(os.getuid()),
                STARTED: str(time.time_ns()),
                **({DIVIDES: "1"} if pid1.cgroup else {}),
            },
            "host_config": config,
        }

    def running(self) -> list[Running]:
        """See `helpers.engines.base.Engine.running`."""
        connection = self._connect()
        found = connection.api.containers(filters={"label": f"{USER}={os.getuid()}"})
        boxes = []
        for container in sorted(found, key=lambda row: int(row["Labels"][STARTED])):
            name, labels = container["Names"][0].lstrip("/"), container["Labels"]
            front = WITHOUT_ADMIN if DIVIDES in labels else ()
            shell = shell_argv(connection.cli or "docker", connection.url, name, front)
            owner = int(labels[OWNER].partition(":")[0])
            boxes.append(Running(name, labels[TITLE], self.name, owner, tuple(shell)))
        return boxes

    def sweep(self) -> list[str]:
        """See `helpers.engines.base.Engine.sweep`."""
        if not self.availability().ok:
            return []  # no engine, no containers
        return sweep(self._connect().api)

    def _connect(self) -> _Connection:
        with Docker._lock:
            connection = Docker._connections.get(self._far)
            if connection is None or connection.pid != os.getpid() or not connection.keeper.alive:
                connection = Docker._connections[self._far] = _connect(self._far)
                sweep(connection.api)
                atexit.register(_close, connection)
            return connection

    @classmethod
    def _on_lost(cls, _keeper: KeeperClient) -> None:
        """Nobody would remove our containers if we were killed now: end them."""
        from docker.errors import DockerException

        for connection in list(cls._connections.values()):
            if connection.keeper is _keeper and connection.pid == os.getpid():
                for box in list(cls._boxes):
                    box.lose("its keeper process was killed")
                with contextlib.suppress(InitlabError, DockerException):  # nobody to tell it to, here
                    remove_owned(connection.api, connection.owner)


def _connect(far: bool) -> _Connection:
    url, found = find_daemon()
    if not found.ok:
        raise EngineUnavailable(found.reason, hint=found.mend)
    client = connect(url)
    keeper = KeeperClient(lambda _box, _code: None, Docker._on_lost, isolate=False)
    owner = owner_label()
    keeper.ask("at_end", argv=[*python_argv("_docker_owner"), url, owner])
    near = not far and is_near(url or os.environ.get("DOCKER_HOST", ""))
    info = client.info()
    missing = []
    if not info.get("MemoryLimit", True):
        missing.append("no memory limit: the engine says that its kernel has no memory cgroup for it")
    if not info.get("PidsLimit", True):
        missing.append("no pids limit: the engine says that its kernel has no pids cgroup for it")
    podman = any(part.get("Name") == "Podman Engine" for part in client.version().get("Components") or ())
    cli = shutil.which("podman" if podman else "docker") or shutil.which("docker")
    reach = Near(keeper) if near else Far()
    apparmor = any("name=apparmor" in option for option in info.get("SecurityOptions") or ())
    api = Api(client.api)
    return _Connection(os.getpid(), url, client, api, keeper, reach, owner, cli, tuple(missing), apparmor)


def _close(connection: _Connection) -> None:
    """At the interpreter's end: remove the containers, so that the keeper need not."""
    from docker.errors import DockerException

    if connection.pid != os.getpid():
        return
    for box in list(Docker._boxes):
        box.lose("this process is ending")
    with contextlib.suppress(InitlabError, DockerException):  # then the keeper tries, and the next sweep
        remove_owned(connection.api, connection.owner)
        connection.keeper.ask("at_end", argv=[])
    connection.keeper.close()
    connection.client.close()


def _missing(connection: _Connection, limits: Limits, warnings: Sequence[str]) -> tuple[str, ...]:
    found = [_NO_DISK_LIMIT] if limits.disk is not None else []
    for what, asked in (("memory", limits.memory), ("pids", limits.pids)):
        if asked is not None:
            found += [sentence for sentence in connection.missing if sentence.startswith(f"no {what}")]
    found += [f"the engine warns: {warning}" for warning in warnings]
    return tuple(found)


def _forward(reach: Reach, box: DockerSandbox, ports: Sequence[int]) -> dict[int, tuple[str, int]]:
    listeners: dict[int, socket.socket] = {port: listen() for port in ports}
    try:
        reach.forward(box, listeners)
        return {port: sock.getsockname() for port, sock in listeners.items()}
    finally:
        for sock in listeners.values():
            sock.close()  # the forwarder has its own copies


def _archive(entries: Mapping[str, File | Symlink], rootfs: Path) -> bytes:
    """The tree as a tar archive; directories the image has are left out, so that they stay as they are."""
    packed = io.BytesIO()
    made: set[str] = set()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, entry in sorted(entries.items()):
            parts = path.strip("/").split("/")
            for depth in range(1, len(parts)):
                parent = "/".join(parts[:depth])
                if parent not in made and not (rootfs / parent).is_dir():
                    archive.addfile(_member(parent, tarfile.DIRTYPE, 0o755))
                made.add(parent)
            if isinstance(entry, Symlink):
                member = _member(path.lstrip("/"), tarfile.SYMTYPE, 0o777)
                member.linkname = entry.target
                archive.addfile(member)
            else:
                member = _member(path.lstrip("/"), tarfile.REGTYPE, entry.mode)
                member.size = len(entry.data)
                archive.addfile(member, io.BytesIO(entry.data))
    return packed.getvalue()


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, mode, int(time.time())
    return member


def _await_program(box: DockerSandbox) -> None:
    """Wait until what mounts the cgroup for PID 1 has become PID 1, or has ended."""
    end = time.monotonic() + _MOUNTED
    while time.monotonic() < end:
        try:
            first = box.processes()[0]
        except SandboxGone:
            return
        if _DIVIDE not in first.argv and first.comm not in ("mount", "setpriv"):
            return
        time.sleep(0.002)


def _check_executed(box: DockerSandbox, program: str) -> None:
    """Raise when PID 1 ended because execve(2) failed: the runtime, or what came before it, says so."""
    said = box.logs().decode(errors="replace").strip()
    front = f"setpriv: failed to execute {program}: "
    if box.exit is not None and said.startswith(front):
        message, hint = exec_problem(program, said.removeprefix(front))
        raise SandboxError(message, hint=hint)
    if box.exit is not None and said.startswith("mount: /sys/fs/cgroup: "):
        raise SandboxError(f"{program} needs a cgroup of its own, and the engine gives it none: {said}")
    if box.exit is not None and box.exit.code in (1, 126, 127, 255) and said.startswith(f"exec {program}: "):
        message, hint = exec_problem(program, exec_refusal(said) or said)
        raise SandboxError(message, hint=hint)


def _not_started(program: str, said: str) -> SandboxError:
    """The engine's refusal to start a container, in the course's words."""
    reason = exec_refusal(said)
    if reason is not None:
        message, hint = exec_problem(program, reason)
        return SandboxError(message, hint=hint)
    return SandboxError(f"the sandbox did not start: {said}", hint="initlab doctor")
