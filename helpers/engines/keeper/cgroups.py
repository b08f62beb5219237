"""Memory and PID limits of a sandbox: a cgroup of its own, version 1 or 2, where we may make one.

Sources: the kernel's Documentation/admin-guide/cgroup-v1/{memory,pids}.rst and cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Cgroups", "create", "own_unified", "remove"]

_WANTED = ("memory", "pids")
_OURS = "initlab"  # the group that holds the sandboxes' groups where we own the root group
_LEAF = "initlab-rest"  # the group for everything else where we were delegated one
_GUESTS = "initlab-guests"  # the group for what enters a sandbox whose PID 1 divides its own
_DELEGATE = "systemd-run --user --scope -p Delegate=yes initlab open"


@dataclass
class Cgroups:
    """The cgroup folders of one sandbox: `memory`, `pids` (the same folder twice under version 2).

    `version` is 0 where there is none; `missing` holds a sentence for every limit not set. `divided` is the
    folder, of version 2, that the sandbox's PID 1 divides itself; empty where it does not.
    """

    version: int = 0
    paths: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    divided: str = ""

    def folders(self) -> list[str]:
        """Each folder once."""
        return sorted({*self.paths.values(), *([self.divided] if self.divided else [])})

    def guests(self) -> list[str]:
        """Where processes go that PID 1 has not started: a folder that is divided holds none itself."""
        return [f"{folder}/{_GUESTS}" if folder == self.divided else folder for folder in self.folders()]

    def guest_pids(self) -> list[int]:
        """Who is in the divided folder without having been started by PID 1; empty where there is none."""
        try:
            return [int(pid) for pid in Path(self.divided, _GUESTS, "cgroup.procs").read_text().split()]
        except OSError:
            return []

    def join(self) -> None:
        """Move the calling process in; what it forks or executes stays in."""
        for folder in self.folders():
            _write(f"{folder}/cgroup.procs", "0")

    def move_out(self, pid: int) -> None:
        """Make room for PID 1: a process that is in the divided folder with it becomes a guest."""
        if self.divided:
            _write(f"{self.divided}/{_GUESTS}/cgroup.procs", str(pid))


def create(
    name: str, memory: int | None, pids: int | None, root: str = "/sys/fs/cgroup", *, divide: bool = False
) -> Cgroups:
    """Make the cgroups called `name` and set the limits asked for (bytes, processes).

    `divide`: also one for PID 1 to divide. Raises `OSError` when there cannot be one.
    """
    own = _own_paths()
    hierarchies = _v1_hierarchies()
    if any(controller in hierarchies for controller in _WANTED):
        groups = _create_v1(name, own, hierarchies)
    elif Path(root, "cgroup.controllers").exists():
        groups = _create_v2(name, Path(root), own.get("", "/"))
    else:
        groups = Cgroups(missing=[f"no {what} limit: no cgroup file system is mounted" for what in _WANTED])
    _set_limits(groups, memory, pids)
    if divide:
        _divide(groups, name)
    return groups


def own_unified(mounts: str = "/proc/self/mounts") -> Path | None:
    """Our own group in the version 2 hierarchy, or its root where ours cannot be seen; `None` where the
    hierarchy is not mounted."""
    for line in Path(mounts).read_text().splitlines():
        _, where, kind = line.split()[:3]
        if kind == "cgroup2":
            own = Path(where + _own_paths().get("", "/"))
            return own if own.is_dir() else Path(where)
    return None


def _divide(groups: Cgroups, name: str) -> None:
    """Under version 2 the group with the limits; under version 1 one of its own in the version 2 hierarchy,
    which is there without controllers (a hybrid setup)."""
    if groups.version == 2 and groups.paths:
        groups.divided = groups.folders()[0]
    else:
        base = own_unified()
        if base is None:
            raise FileNotFoundError(errno.ENOENT, "no cgroup version 2 file system there", "/proc/mounts")
        folder = base / name
        folder.mkdir()
        groups.divided = str(folder)
    (Path(groups.divided) / _GUESTS).mkdir()


def _own_paths() -> dict[str, str]:
    """Controller → this process's cgroup path; the empty name is version 2 (cgroups(7))."""
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            own[controller] = path
    return own


def _v1_hierarchies() -> dict[str, str]:
    """Controller → mount point of its version 1 hierarchy."""
    found = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options = line.split()[:4]
        if kind == "cgroup":
            for option in options.split(","):
                if option in _WANTED:
                    found[option] = where
    return found


def _create_v1(name: str, own: dict[str, str], hierarchies: dict[str, str]) -> Cgroups:
    groups = Cgroups(version=1)
    for controller in _WANTED:
        if controller not in hierarchies:
            groups.missing.append(f"no {controller} limit: the {controller} controller is not mounted")
            continue
        # Below our own cgroup where it is visible, so that limits set on us hold for the sandbox too.
        base = Path(hierarchies[controller] + own.get(controller, "/"))
        folder = (base if base.is_dir() else Path(hierarchies[controller])) / name
        try:
            folder.mkdir()
        except OSError as error:
            groups.missing.append(f"no {controller} limit: cannot make {folder}: {error.strerror}")
        else:
            groups.paths[controller] = str(folder)
    return groups


def _create_v2(name: str, root: Path, own: str) -> Cgroups:
    """Version 2: a group may hold processes or hand out controllers, not both (no internal processes).

    So: below a group of ours beside everything else, where we own the root group; else below our own
    group, when it was delegated to us, after moving all that is in it to a leaf.
    """
    groups = Cgroups(version=2)
    problems = []
    mine = Path(str(root) + own.removesuffix(f"/{_LEAF}"))  # an earlier sandbox may have left us there
    for prepare, base in ((_beside, root / _OURS), (_delegated, mine)):
        try:
            for again in (True, True, False):
                try:
                    prepare(base)
                    _enable(base)
                    (base / name).mkdir()
                    break
                except FileNotFoundError:  # the last sandbox of another owner has just taken the group along
                    if not again:
                        raise
        except OSError as error:
            problems.append(f"{base}: {error.strerror}")
            continue
        groups.paths = dict.fromkeys(_WANTED, str(base / name))
        return groups
    why = "; ".join(problems)
    groups.missing = [f"no {what} limit: cannot make a cgroup ({why}); try: {_DELEGATE}" for what in _WANTED]
    return groups


def _beside(base: Path) -> None:
    _enable(base.parent)
    base.mkdir(exist_ok=True)


def _delegated(base: Path) -> None:
    leaf = base / _LEAF
    leaf.mkdir(exist_ok=True)
    for _ in range(10):  # what is moved may fork meanwhile
        pids = (base / "cgroup.procs").read_text().split()
        if not pids:
            break
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                _write(str(leaf / "cgroup.procs"), pid)


def _enable(group: Path) -> None:
    have = (group / "cgroup.subtree_control").read_text().split()
    for controller in _WANTED:
        if controller not in have:
            _write(str(group / "cgroup.subtree_control"), f"+{controller}")


def _set_limits(groups: Cgroups, memory: int | None, pids: int | None) -> None:
    files = {"memory": ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")}
    if groups.version == 2:
        files = {"memory": ("memory.max", "memory.swap.max")}
    if memory is None:
        groups.missing = [m for m in groups.missing if not m.startswith("no memory")]
    elif "memory" in groups.paths:
        limit, swap = (f"{groups.paths['memory']}/{name}" for name in files["memory"])
        _set(groups, "memory", limit, str(memory))
        # Without this a sandbox would grow into swap instead of meeting its limit. Kernels may lack it.
        if os.path.exists(swap):
            _set(groups, "memory", swap, "0" if groups.version == 2 else str(memory))
    if pids is None:
        groups.missing = [m for m in groups.missing if not m.startswith("no pids")]
    elif "pids" in groups.paths:
        _set(groups, "pids", f"{groups.paths['pids']}/pids.max", str(pids))


def _set(groups: Cgroups, what: str, path: str, value: str) -> None:
    try:
        _write(path, value)
    except OSError as error:
        groups.missing.append(f"no {what} limit: cannot write {value} to {path}: {error.strerror}")


def _write(path: str, value: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def remove(folders: list[str], deadline: float = 2.0) -> list[str]:
    """Kill what is left in the cgroups and remove them; returns those that would not go."""
    end = time.monotonic() + deadline
    left = list(folders)
    while left:
        left = [folder for folder in left if not _try_remove(folder)]
        if not left or time.monotonic() > end:
            break
        time.sleep(0.005)  # the kernel empties a cgroup a moment after its last process was reaped
    return left


def _try_remove(folder: str) -> bool:
    """Kill what is in a group and remove it, after those PID 1 has made in it."""
    with contextlib.suppress(OSError):
        for inner in os.scandir(folder):
            if inner.is_dir(follow_symlinks=False) and os.path.exists(f"{inner.path}/cgroup.procs"):
                _try_remove(inner.path)
    try:
        for pid in map(int, Path(folder, "cgroup.procs").read_text().split()):
            if pid > 0:  # 0 is a process of a PID namespace above ours; to kill(2) it is our own group
                os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        pass  # gone meanwhile: the rmdir below decides
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    if os.path.basename(os.path.dirname(folder)) == _OURS:
        with contextlib.suppress(OSError):  # another sandbox's group is still in it
            os.rmdir(os.path.dirname(folder))
    return True
