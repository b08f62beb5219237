"""Cgroups, on a make-believe version 2 file system that keeps the kernel's rules (cgroup-v2.rst)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from helpers.engines.keeper import cgroups
from helpers.engines.keeper.cgroups import Cgroups, create, remove


class FakeV2:
    """A folder that answers as /sys/fs/cgroup does.

    A new group has the files its parent's enabled controllers give it; a group with processes in it hands
    out no controllers ("no internal processes"; the root may); what lies outside `writable` is refused.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, own: str, writable: str = "/") -> None:
        self.root = root
        self.written: list[tuple[str, str]] = []
        self._writable = root / writable.strip("/")
        self._mkdir = Path.mkdir
        self._populate(root)
        for depth in range(1, len(own.strip("/").split("/")) + 1):
            group = root / "/".join(own.strip("/").split("/")[:depth])
            if group != root:
                self._mkdir(group)
                self._populate(group)
        self.own = root / own.strip("/")
        (self.own / "cgroup.procs").write_text("100\n101\n")
        fake = self

        def mkdir(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
            fake.make(path, exist_ok)

        monkeypatch.setattr(Path, "mkdir", mkdir)
        monkeypatch.setattr(cgroups, "_write", self.write)
        monkeypatch.setattr(cgroups, "_own_paths", lambda: {"": own})
        monkeypatch.setattr(cgroups, "_v1_hierarchies", dict)

    def make(self, path: Path, exist_ok: bool) -> None:
        if exist_ok and path.is_dir():
            return
        self._check(path.parent)
        self._mkdir(path)
        self._populate(path)

    def _check(self, group: Path) -> None:
        if not group.is_relative_to(self._writable):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(group))

    def _populate(self, group: Path) -> None:
        given = group.parent / "cgroup.subtree_control"
        for name in ("cgroup.controllers", "cgroup.subtree_control", "cgroup.procs"):
            (group / name).write_text("")
        if group == self.root or "memory" in given.read_text().split():
            for name in ("memory.max", "memory.swap.max", "memory.current"):
                (group / name).write_text("")
        if group == self.root or "pids" in given.read_text().split():
            (group / "pids.max").write_text("")

    def write(self, path: str, value: str) -> None:
        file = Path(path)
        group = file.parent
        self._check(group)
        if not file.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self.written.append((str(file.relative_to(self.root)), value))
        if file.name == "cgroup.subtree_control":
            if group != self.root and (group / "cgroup.procs").read_text().strip():
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
            file.write_text(f"{file.read_text()} {value.lstrip('+')}".strip())
        elif file.name == "cgroup.procs":
            if (group / "cgroup.subtree_control").read_text().strip() and group != self.root:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
            for other in self.root.rglob("cgroup.procs"):
                other.write_text("".join(f"{p}\n" for p in other.read_text().split() if p != value))
            file.write_text(f"{file.read_text()}{value}\n")
        else:
            file.write_text(value)

    def read(self, name: str) -> str:
        return (self.root / name).read_text().strip()


def test_with_the_root_group_ours_sandboxes_get_groups_beside_everything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root: /initlab/<name>, with the controllers handed down and the limits set; nobody is moved."""
    fake = FakeV2(tmp_path, monkeypatch, own="/user.slice/session-1.scope")
    groups = create("box", 64 << 20, 32, root=str(tmp_path))
    assert (groups.version, groups.missing) == (2, [])
    assert groups.paths == dict.fromkeys(("memory", "pids"), f"{tmp_path}/initlab/box")
    assert groups.folders() == [f"{tmp_path}/initlab/box"]
    assert fake.read("initlab/box/memory.max") == str(64 << 20)
    assert fake.read("initlab/box/memory.swap.max") == "0"
    assert fake.read("initlab/box/pids.max") == "32"
    assert fake.read("user.slice/session-1.scope/cgroup.procs").split() == ["100", "101"]
    assert create("second", None, None, root=str(tmp_path)).missing == []


def test_with_a_delegated_group_processes_move_to_a_leaf_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ordinary user: a group may hold processes or hand out controllers, not both."""
    fake = FakeV2(tmp_path, monkeypatch, own="/user/lab.scope", writable="/user/lab.scope")
    groups = create("box", 64 << 20, 32, root=str(tmp_path))
    assert groups.missing == []
    assert groups.folders() == [f"{tmp_path}/user/lab.scope/box"]
    assert fake.read("user/lab.scope/cgroup.procs") == ""
    assert fake.read("user/lab.scope/initlab-rest/cgroup.procs").split() == ["100", "101"]
    assert fake.read("user/lab.scope/box/memory.max") == str(64 << 20)


def test_a_second_sandbox_of_a_delegated_group_stands_beside_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We are in the leaf by then: the group to use is the one above it."""
    FakeV2(tmp_path, monkeypatch, own="/user/lab.scope", writable="/user/lab.scope")
    create("first", 1 << 20, 8, root=str(tmp_path))
    monkeypatch.setattr(cgroups, "_own_paths", lambda: {"": "/user/lab.scope/initlab-rest"})
    assert create("second", 1 << 20, 8, root=str(tmp_path)).folders() == [f"{tmp_path}/user/lab.scope/second"]


def test_without_a_group_of_ours_each_limit_is_missing_with_reason_and_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a limit cannot be set the sandbox says so: what was tried, and the command that mends it."""
    FakeV2(tmp_path, monkeypatch, own="/user/session.scope", writable="/nowhere")
    groups = create("box", 1 << 20, 8, root=str(tmp_path))
    assert groups.paths == {}
    assert [sentence.split(":")[0] for sentence in groups.missing] == ["no memory limit", "no pids limit"]
    for sentence in groups.missing:
        assert "Permission denied" in sentence
        assert "systemd-run --user --scope -p Delegate=yes" in sentence


def test_a_limit_nobody_asked_for_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`None` means no limit is asked for."""
    FakeV2(tmp_path, monkeypatch, own="/user/session.scope", writable="/nowhere")
    assert create("box", None, None, root=str(tmp_path)).missing == []
    assert [m.split(":")[0] for m in create("box", None, 8, root=str(tmp_path)).missing] == ["no pids limit"]


def test_a_group_that_another_owner_takes_away_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last sandbox of one owner removes the common group while another owner makes a group in it."""
    fake = FakeV2(tmp_path, monkeypatch, own="/")
    make, times = fake.make, [0]

    def make_while_another_removes(path: Path, exist_ok: bool) -> None:
        if path.name == "box" and times[0] == 0:
            times[0] += 1
            for file in path.parent.iterdir():
                file.unlink()
            path.parent.rmdir()
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        make(path, exist_ok)

    monkeypatch.setattr(fake, "make", make_while_another_removes)
    groups = create("box", 1 << 20, 8, root=str(tmp_path))
    assert times == [1]
    assert groups.folders() == [f"{tmp_path}/initlab/box"]
    assert groups.missing == []


def test_without_any_cgroup_file_system_that_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No version 1 hierarchy mounted and no version 2 root: the sentence says so."""
    monkeypatch.setattr(cgroups, "_v1_hierarchies", dict)
    groups = create("box", 1 << 20, 8, root=str(tmp_path))
    assert groups.version == 0
    assert all("no cgroup file system is mounted" in sentence for sentence in groups.missing)
    assert len(groups.missing) == 2


def test_version_1_uses_a_group_below_our_own_in_each_hierarchy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One folder per controller; a controller that is not mounted is told."""
    (tmp_path / "memory/job/7").mkdir(parents=True)
    monkeypatch.setattr(cgroups, "_v1_hierarchies", lambda: {"memory": str(tmp_path / "memory")})
    monkeypatch.setattr(cgroups, "_own_paths", lambda: {"memory": "/job/7"})
    groups = create("box", None, 8)
    assert groups.paths == {"memory": f"{tmp_path}/memory/job/7/box"}
    assert groups.missing == ["no pids limit: the pids controller is not mounted"]


def test_removing_what_is_gone_already_is_no_failure(tmp_path: Path) -> None:
    """`remove` returns those that would not go."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "held").mkdir()
    (tmp_path / "held/inner").mkdir()
    left = remove([str(tmp_path / name) for name in ("empty", "held", "never")], deadline=0.05)
    assert left == [str(tmp_path / "held")]
    assert not (tmp_path / "empty").exists()


def test_a_process_of_a_namespace_above_is_not_signalled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cgroup.procs shows it as 0, and kill(0) would be for our own process group (kill(2))."""
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, signum: killed.append(pid))
    (tmp_path / "box").mkdir()
    (tmp_path / "box/cgroup.procs").write_text("0\n4711\n")
    remove([str(tmp_path / "box")], deadline=0)
    assert set(killed) == {4711}


def test_the_folders_of_version_2_are_named_once() -> None:
    """`folders` gives each folder once."""
    assert Cgroups(2, {"memory": "/a", "pids": "/a"}).folders() == ["/a"]
    assert Cgroups(1, {"memory": "/m", "pids": "/p"}).folders() == ["/m", "/p"]


def test_a_group_to_divide_is_the_one_with_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2: what PID 1 makes of it stays under the limits; whoever else enters goes to a leaf of it."""
    fake = FakeV2(tmp_path, monkeypatch, own="/")
    groups = create("box", 64 << 20, 32, root=str(tmp_path), divide=True)
    assert groups.divided == f"{tmp_path}/initlab/box"
    assert groups.folders() == [groups.divided]
    assert groups.guests() == [f"{groups.divided}/initlab-guests"]
    groups.move_out(4711)
    assert fake.read("initlab/box/initlab-guests/cgroup.procs") == "4711"
    assert groups.guest_pids() == [4711]


def test_beside_version_1_a_group_to_divide_is_made_in_the_unified_hierarchy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hybrid: the limits are version 1's, in groups of their own, which everybody enters."""
    for folder in ("memory", "pids", "unified/own"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(
        cgroups, "_v1_hierarchies", lambda: {c: str(tmp_path / c) for c in ("memory", "pids")}
    )
    monkeypatch.setattr(cgroups, "own_unified", lambda: tmp_path / "unified/own")
    groups = create("box", None, None, divide=True)
    assert groups.divided == f"{tmp_path}/unified/own/box"
    assert (tmp_path / "unified/own/box/initlab-guests").is_dir()
    assert groups.guests() == [
        f"{tmp_path}/memory/box",
        f"{tmp_path}/pids/box",
        f"{tmp_path}/unified/own/box/initlab-guests",
    ]


def test_without_a_unified_hierarchy_there_is_nothing_to_divide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain version 1: an error, not a sandbox without what was asked for."""
    monkeypatch.setattr(cgroups, "_v1_hierarchies", dict)
    monkeypatch.setattr(cgroups, "own_unified", lambda: None)
    with pytest.raises(FileNotFoundError, match="no cgroup version 2"):
        create("box", None, None, root=str(tmp_path), divide=True)


def test_our_own_group_is_read_off_the_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the unified hierarchy is mounted, below it our own path; its root where that is not visible."""
    (tmp_path / "unified/job").mkdir(parents=True)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"tmpfs / tmpfs rw 0 0\ncgroup2 {tmp_path}/unified cgroup2 rw 0 0\n")
    monkeypatch.setattr(cgroups, "_own_paths", lambda: {"": "/job"})
    assert cgroups.own_unified(str(mounts)) == tmp_path / "unified/job"
    monkeypatch.setattr(cgroups, "_own_paths", lambda: {"": "/elsewhere"})
    assert cgroups.own_unified(str(mounts)) == tmp_path / "unified"
    mounts.write_text("tmpfs / tmpfs rw 0 0\n")
    assert cgroups.own_unified(str(mounts)) is None


def test_groups_that_were_made_inside_are_removed_with_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deepest first: a group with groups in it cannot go. (A cgroup's files do not keep it.)"""

    def rmdir(folder: str) -> None:
        if any(entry.is_dir() for entry in os.scandir(folder)):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), folder)
        for entry in os.scandir(folder):
            os.unlink(entry.path)
        real(folder)

    real = os.rmdir
    monkeypatch.setattr(os, "rmdir", rmdir)
    for folder in ("box", "box/init.scope", "box/system.slice", "box/system.slice/a.service"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cgroup.procs").write_text("")
    assert remove([str(tmp_path / "box")], deadline=0) == []
    assert not (tmp_path / "box").exists()
