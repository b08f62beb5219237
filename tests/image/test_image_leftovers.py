"""What dead builds leave behind is removed whole, and nothing else is."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.image.guard import OWNER_GONE, descendants
from helpers.image.staging import MARK, Staging, leftovers, remove_leftover, remove_tree

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts, attributes")
OLD = time.time() - 3600


def abandoned(images: Path, name: str = "building-0123456789ab-dead") -> Path:
    """A staging folder whose builder is long gone."""
    folder = images / name
    (folder / "rootfs/usr/bin").mkdir(parents=True)
    (folder / "rootfs/usr/bin/tool").write_text("x")
    (folder / "lock").touch()
    os.utime(folder, (OLD, OLD))
    return folder


def test_a_staging_folder_in_use_is_not_a_leftover(tmp_path: Path) -> None:
    """Its lock is held until builder and guard have ended."""
    with Staging(tmp_path, "0123456789ab") as staging:
        assert leftovers(tmp_path) == [staging.folder]
        assert not remove_leftover(staging.folder)
        assert staging.folder.exists()
    assert leftovers(tmp_path) == []


def test_a_newborn_staging_folder_is_not_a_leftover(tmp_path: Path) -> None:
    """Between mkdir and lock a folder looks abandoned; only an old one is."""
    newborn = tmp_path / "building-0123456789ab-x"
    newborn.mkdir()
    assert not remove_leftover(newborn)
    os.utime(newborn, (OLD, OLD))
    assert remove_leftover(newborn)
    assert not newborn.exists()


def test_folders_without_write_bits_are_removed(tmp_path: Path) -> None:
    """A tree may hold folders not even its owner may write to or enter."""
    folder = abandoned(tmp_path)
    (folder / "rootfs/usr/bin").chmod(0o555)
    (folder / "rootfs/usr").chmod(0o000)
    assert remove_leftover(folder)
    assert not folder.exists()


@needs_root
def test_immutable_files_and_folders_are_removed(tmp_path: Path) -> None:
    """chattr +i stops even root until it is taken away."""
    folder = abandoned(tmp_path)
    for path in (folder / "rootfs/usr/bin/tool", folder / "rootfs/usr"):
        done = subprocess.run(["chattr", "+i", path], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"this file system has no immutable flag: {done.stderr.strip()}")
    with pytest.raises(PermissionError):
        shutil.rmtree(folder)
    assert remove_leftover(folder)
    assert not folder.exists()


@needs_root
def test_mounts_below_a_leftover_are_detached_and_what_they_show_survives(tmp_path: Path) -> None:
    """A bind mount of the host below a dead build must not be emptied with it."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep me")
    folder = abandoned(tmp_path)
    inside = folder / "rootfs/with a space"
    inside.mkdir()
    mounted = subprocess.run(
        ["mount", "--bind", precious, inside], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.strip()}")
    with pytest.raises(OSError, match="still mounted"):
        remove_tree(folder)
    assert remove_leftover(folder)
    assert not folder.exists()
    assert (precious / "file").read_text() == "keep me"


def test_processes_carrying_the_builds_mark_are_ended(tmp_path: Path) -> None:
    """Even with its guard killed a build's process is found, by its environment."""
    folder = abandoned(tmp_path)
    stray = subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: str(folder)}, start_new_session=True)
    other = subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: str(tmp_path / "building-other")})
    try:
        assert remove_leftover(folder)
        assert stray.wait(timeout=10) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for process in (stray, other):
            process.kill()
            process.wait()


def test_the_scratch_folder_goes_with_its_build(tmp_path: Path) -> None:
    """An ordinary user's mmdebstrap works outside the cache, where other users may walk."""
    outside = tmp_path / "var"
    outside.mkdir()
    with Staging(tmp_path, "0123456789ab") as staging:
        scratch = staging.scratch(outside)
        (scratch / "tree").mkdir()
    assert not scratch.exists()
    with Staging(tmp_path, "0123456789ab") as staging:
        scratch = staging.scratch(outside)
        staging.become(tmp_path / "0123456789ab")
    assert not scratch.exists()


def test_only_a_scratch_folder_of_ours_is_removed(tmp_path: Path) -> None:
    """What the note in a leftover names is not believed blindly."""
    folder = abandoned(tmp_path)
    precious = tmp_path / "home"
    precious.mkdir()
    (folder / "scratch").write_text(str(precious))
    assert remove_leftover(folder)
    assert precious.exists()


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)],
)
def test_the_guard_copies_its_commands_status(tmp_path: Path, script: str, status: int) -> None:
    """Copies its exit status, as a shell shows it."""
    with Staging(tmp_path, "0123456789ab") as staging:
        assert staging.run(["sh", "-c", script], print) == status


def test_a_command_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """127, and the name in the log."""
    lines: list[str] = []
    with Staging(tmp_path, "0123456789ab") as staging:
        assert staging.run(["/no/such/builder"], lines.append) == 127
    assert lines == ["guard: cannot run /no/such/builder: No such file or directory"]


def test_the_guard_ends_what_a_finished_command_left_running(tmp_path: Path) -> None:
    """The builder and all its descendants have ended when `run` returns."""
    pids: list[str] = []
    with Staging(tmp_path, "0123456789ab") as staging:
        script = "setsid sleep 600 >/dev/null 2>&1 & echo $! >&2"
        assert staging.run(["sh", "-c", script], pids.append) == 0
    assert not Path(f"/proc/{pids[0]}").exists()


def test_the_guard_ends_everything_when_its_owner_is_gone(tmp_path: Path) -> None:
    """The kernel closes the pipe however the owner ends."""
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        guard = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "helpers.image.guard",
                "sh",
                "-c",
                "setsid sleep 600 & echo up; sleep 600",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(lock.fileno(),),
        )
        assert guard.stdin is not None
        assert guard.stdout is not None
        assert guard.stdout.readline() == b"up\n"
        below = descendants(guard.pid)
        assert len(below) >= 2
        guard.stdin.close()
        assert guard.wait(timeout=20) == OWNER_GONE
        guard.stdout.close()
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]


def test_what_a_builder_hands_over_is_consumed_to_the_end(tmp_path: Path) -> None:
    """A builder that writes more than its reader wants still ends."""
    heads: list[bytes] = []
    with Staging(tmp_path, "0123456789ab") as staging:
        script = "head -c 3000000 /dev/zero"
        assert staging.run(["sh", "-c", script], print, lambda stream: heads.append(stream.read(3))) == 0
    assert heads == [b"\0\0\0"]
