"""A temporary folder that does not outlive its owner, though the owner be killed.

A `tempfile.TemporaryDirectory` is removed when its block ends, and stays when its process gets SIGKILL.
A scratch folder is locked (flock(2)) for as long as its owner lives; whoever makes the next one of the same
kind removes those that nobody holds any more.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["scratch"]

_LOCK = ".owner"


@contextmanager
def scratch(kind: str, parent: Path | None = None) -> Iterator[Path]:
    """A folder `initlab-KIND-…` in `parent` (the system's folder for temporary files), gone afterwards.

    Raises OSError when it cannot be made.
    """
    where = parent or Path(tempfile.gettempdir())
    prefix = f"initlab-{kind}-"
    for folder in where.glob(f"{prefix}*"):
        _remove_abandoned(folder)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
    # Close-on-exec, and not inherited by spawned workers: the lock ends with this process.
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_abandoned(folder: Path) -> None:
    """Remove a folder whose owner has ended. One without a lock file is just being made, or not ours."""
    with suppress(OSError):
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_uid == os.geteuid():
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
