"""A cgroup to divide as an ordinary user: with a group that was delegated to him, and without."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.engines.base import Image
from helpers.engines.keeper.cgroups import own_unified

from .test_ordinary_user import place, rootfs, user

__all__ = ["place", "rootfs", "user"]  # fixtures

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("ordinary-user")]

_ENTER = 'echo 0 >"$1/cgroup.procs"; shift; exec "$@"'


@pytest.fixture
def delegated(user: tuple[int, int]) -> Iterator[Path]:
    """What `systemd-run --user --scope -p Delegate=yes` gives: a group of the user's own."""
    base = own_unified()
    if base is None:
        pytest.skip("no cgroup version 2 file system is mounted")
    group = base / f"initlab-test-{os.getpid()}"
    group.mkdir()
    try:
        for path in (group, *(group / f"cgroup.{name}" for name in ("procs", "subtree_control", "threads"))):
            os.chown(path, *user)
        yield group
        assert [path for path in group.iterdir() if path.is_dir() and path.name != "initlab-rest"] == []
    finally:
        for path in (group / "initlab-rest", group):
            if path.is_dir():
                path.rmdir()


def run(place: Path, rootfs: Path, image: Image, user: tuple[int, int], *front: str) -> dict[str, Any]:
    shutil.copy(Path(__file__).with_name("ordinary_cgroup.py"), place / "code")
    (place / "code/ordinary_cgroup.py").chmod(0o644)
    runtime = place / "run-cgroup"
    runtime.mkdir(mode=0o700)
    os.chown(runtime, *user)
    try:
        done = subprocess.run(
            [*front, "setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups", "--",
             "/usr/bin/python3", "-B", str(place / "code/ordinary_cgroup.py"), str(rootfs), image.digest],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "HOME": "/", "XDG_RUNTIME_DIR": str(runtime)},
            stdout=subprocess.PIPE,
            timeout=60,
            check=True,
        )  # fmt: skip
    finally:
        shutil.rmtree(runtime)
    seen: dict[str, Any] = json.loads(done.stdout)
    if "ordinary user may not make namespaces" in seen.get("error", ""):
        pytest.skip(seen["error"])
    return seen


def test_systemd_boots_in_a_group_that_was_delegated(
    place: Path, rootfs: Path, image: Image, user: tuple[int, int], delegated: Path
) -> None:
    """It starts a service in a group of its own, ends with 0, and leaves no group behind."""
    seen = run(place, rootfs, image, user, "/bin/sh", "-c", _ENTER, "sh", str(delegated))
    assert seen["divides"][0], seen
    assert "error" not in seen, seen["error"]
    assert seen["active"] == "active", seen["logs"]
    assert seen["group"].isdigit()
    assert seen["code"] == 0


def test_without_such_a_group_the_command_that_gives_one_is_told(
    place: Path, rootfs: Path, image: Image, user: tuple[int, int]
) -> None:
    """Both by the engine when it is asked, and by the start that is refused."""
    seen = run(place, rootfs, image, user)
    ok, reason, mend = seen["divides"]
    assert not ok
    assert "takes root, or a group that is ours" in reason
    assert "Delegate=yes" in mend
    assert "/usr/lib/systemd/systemd needs a cgroup of its own, and none can be made" in seen["error"]
    assert "Delegate=yes" in seen["error"]
