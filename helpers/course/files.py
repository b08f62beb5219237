"""Writing files of a learner so that nothing is lost: whole or not at all, and never over their work."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.errors import CourseError

__all__ = ["keep_beside", "told", "write_atomically"]

_HINTS = {
    errno.ENOSPC: "the disk is full: df -h {folder}",
    errno.EDQUOT: "your quota is used up: df -h {folder}",
    errno.EROFS: "that disk cannot be written: choose another folder with initlab open --dir FOLDER",
    errno.EACCES: "you may not write there: choose another folder with initlab open --dir FOLDER",
    errno.EPERM: "you may not write there: choose another folder with initlab open --dir FOLDER",
    errno.ENOTDIR: "one of its parts is a file: choose another folder with initlab open --dir FOLDER",
    errno.EEXIST: "it is a file: choose another folder with initlab open --dir FOLDER",
    errno.EISDIR: "it is a folder: move it away",
}


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn a refusal of the operating system into a CourseError naming `path` and what to do."""
    try:
        yield
    except OSError as error:
        named = Path(os.fsdecode(error.filename)) if error.filename else path
        hint = _HINTS.get(error.errno or 0, "ls -ld {folder}").format(folder=path.parent)
        raise CourseError(f"{named}: {error.strerror or error}", hint=hint) from error


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Make `path` hold `data`, or leave it as it was. Folders are made. Raises CourseError.

    The bytes are on disk before the name is given to them (fsync, then rename(2), which is atomic).
    """
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(descriptor)
            os.chmod(name, mode)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def keep_beside(path: Path) -> Path:
    """Copy `path` to the first free of `path.1`, `path.2`, …, and return that name. Raises CourseError."""
    number = 1
    with told(path):
        while True:
            beside = path.with_name(f"{path.name}.{number}")
            try:
                with beside.open("xb") as to, path.open("rb") as of:
                    shutil.copyfileobj(of, to)
            except FileExistsError:
                number += 1
                continue
            shutil.copystat(path, beside)
            return beside
