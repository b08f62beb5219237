"""The folder an image is built in, before it becomes an image, and how a dead build's remains are removed.

A staging folder is a sibling of the finished images, so that finishing is one rename(2). Its lock file is
held by the builder's process and by its guard (`guard.py`) until both have ended: who can lock it knows
that nobody builds there any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import IO, Any

__all__ = ["MARK", "Staging", "leftovers", "remove_leftover", "remove_tree"]

PREFIX = "building-"
MARK = "INITLAB_IMAGE_BUILD"
"""Environment variable every process of a build carries, with the staging folder as its value."""

_LOCK = "lock"
_NEWBORN = 60.0  # seconds
_SCRATCH = "scratch"
_SCRATCH_PREFIX = "initlab-image-"


class Staging:
    """A staging folder being used. Use it as a context manager; leaving it removes what is left of it."""

    def __init__(self, images: Path, short: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{short}-", dir=images))
        # The package tools drop their rights and must still get to their own tree.
        self.folder.chmod(0o755)
        self.rootfs = self.folder / "rootfs"
        self._lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)
        if self.folder.exists():
            remove_leftover(self.folder)

    def scratch(self, parent: Path) -> Path:
        """A folder outside the staging folder, below `parent`, removed with it even after a crash."""
        folder = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=parent))
        (self.folder / _SCRATCH).write_text(str(folder))
        folder.chmod(0o755)
        return folder

    def become(self, target: Path) -> None:
        """Turn into the finished folder `target`, which must not exist: one rename, all or nothing."""
        (self.folder / _LOCK).unlink()
        _remove_scratch(self.folder)
        (self.folder / _SCRATCH).unlink(missing_ok=True)
        self.folder.chmod(0o700)  # set-user-id programs of another system are for labs only
        self.folder.rename(target)

    def run(
        self,
        argv: Sequence[str],
        on_line: Callable[[str], None],
        consume: Callable[[IO[bytes]], Any] | None = None,
    ) -> int:
        """Run a builder under guard; returns its exit status (127 when it cannot be started).

        Each line it writes to standard error goes to `on_line`; what it writes to standard output goes to
        `consume`, or nowhere. The builder and all its descendants have ended when this returns or raises.
        """
        guard: subprocess.Popen[bytes] | None = None
        reader: Thread | None = None
        try:
            guard = subprocess.Popen(
                [sys.executable, "-m", "helpers.image.guard", *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if consume else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(self._lock,),
                env=_environment(self.folder),
            )
            assert guard.stderr is not None  # noqa: S101 - for the type checker
            reader = Thread(target=_read_lines, args=(guard.stderr, on_line), daemon=True)
            reader.start()
            if consume and guard.stdout is not None:
                consume(guard.stdout)
                # A tar ends before its stream does; an unread rest would stop the builder from ending.
                while guard.stdout.read(1 << 16):
                    pass
            return guard.wait()
        finally:
            if guard:
                _end(guard, reader)


def leftovers(images: Path) -> list[Path]:
    """Staging folders, of living builds too."""
    return sorted(images.glob(f"{PREFIX}*")) if images.is_dir() else []


def remove_leftover(folder: Path, patience: float = 0.0) -> bool:
    """Remove a dead build's folder: its processes, its mounts, its scratch folder, its files.

    False, with nothing touched, when somebody still holds its lock after `patience` seconds.
    Raises OSError when it cannot be removed.
    """
    if not _abandoned(folder, patience):
        return False
    _kill_strays(folder)
    _remove_scratch(folder)
    _detach_mounts(folder)
    remove_tree(folder)
    return True


def remove_tree(folder: Path) -> None:
    """Remove a tree, also one whose folders lack write bits, whose files are immutable (chattr(1)) or,
    for an ordinary user, owned by the user's subordinate ids. Raises OSError when that does not work."""
    _refuse_mounts(folder)

    def insist(function: Callable[..., Any], path: str, _: Any) -> None:
        for stubborn in (os.path.dirname(path), path):
            with contextlib.suppress(OSError):
                _clear_flags(stubborn)
                if not os.path.islink(stubborn):
                    os.chmod(stubborn, os.stat(stubborn).st_mode | 0o700)
        with contextlib.suppress(FileNotFoundError):
            if function in (os.open, os.scandir, os.listdir):  # a folder that could not be entered
                shutil.rmtree(path)
            else:
                function(path)

    try:
        shutil.rmtree(folder, onerror=insist)
    except PermissionError:
        if os.geteuid() == 0 or shutil.which("mmdebstrap") is None:
            raise
        # mmdebstrap made them in a user namespace of its own; it offers to act there.
        subprocess.run(
            ["mmdebstrap", "--unshare-helper", "rm", "-rf", str(folder)], check=False, capture_output=True
        )
        if folder.exists():
            shutil.rmtree(folder, onerror=insist)


def _remove_scratch(folder: Path) -> None:
    with contextlib.suppress(OSError):
        outside = Path((folder / _SCRATCH).read_text())
        # Only a folder of our own making, whatever the file says.
        if outside.name.startswith(_SCRATCH_PREFIX) and outside.is_dir():
            _detach_mounts(outside)
            remove_tree(outside)


def _environment(folder: Path) -> dict[str, str]:
    # A C locale, because messages are read; the system folders, because cron and IDEs leave them out.
    path = os.environ.get("PATH", os.defpath)
    extra = [p for p in ("/usr/sbin", "/usr/bin", "/sbin", "/bin") if p not in path.split(":")]
    package_root = str(Path(__file__).resolve().parents[2])
    return {
        **os.environ,
        "PATH": ":".join([path, *extra]),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": package_root,
        "DEBIAN_FRONTEND": "noninteractive",
        MARK: str(folder),
    }


def _end(guard: subprocess.Popen[bytes], reader: Thread | None) -> None:
    if guard.stdin:
        guard.stdin.close()  # the guard's sign to end everything
    guard.wait()
    if reader:
        reader.join(timeout=5)
    for stream in (guard.stdout, guard.stderr):
        if stream:
            stream.close()


def _read_lines(stream: IO[bytes], on_line: Callable[[str], None]) -> None:
    for raw in stream:
        on_line(raw.decode(errors="replace").rstrip())


def _abandoned(folder: Path, patience: float) -> bool:
    end = time.monotonic() + patience
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # Made a moment ago and about to be locked, or left by a builder killed in between.
        return patience > 0 or time.time() - folder.stat().st_mtime > _NEWBORN
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() >= end:
                    return False
                time.sleep(0.05)
    finally:
        os.close(lock)


def _kill_strays(folder: Path) -> None:
    """End what a build left running after its guard, too, was killed; they carry our mark."""
    mark = f"{MARK}={folder}".encode()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        strays = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    strays.append(int(entry.name))
        if not strays:
            return
        for pid in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _mounts_below(folder: Path) -> list[str]:
    below = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        # A space is written \040, proc(5).
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split(" ")[4])
        if point == str(folder) or point.startswith(f"{folder}/"):
            below.append(point)
    return sorted(below, reverse=True)


def _detach_mounts(folder: Path) -> None:
    for point in _mounts_below(folder):
        subprocess.run(["umount", "--lazy", "--no-canonicalize", point], check=False, capture_output=True)


def _refuse_mounts(folder: Path) -> None:
    # A bind mount of the host's /dev or /home below it would be emptied with the rest.
    if mounts := _mounts_below(folder):
        raise OSError(16, "still mounted; umount it first", mounts[0])


def _clear_flags(path: str) -> None:
    """Take away the immutable and append-only flags (ioctl_iflags(2))."""
    get_flags, set_flags, immutable, append = 0x80086601, 0x40086602, 0x10, 0x20
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        flags = int.from_bytes(fcntl.ioctl(handle, get_flags, bytes(8))[:4], sys.byteorder)
        if flags & (immutable | append):
            cleared = flags & ~(immutable | append)
            fcntl.ioctl(handle, set_flags, cleared.to_bytes(8, sys.byteorder))
    finally:
        os.close(handle)
