"""A tar stream becomes a tree owned by whoever runs this.

An ordinary user cannot create files of other owners, and in the lab's user namespace only the user's own
files can be changed. So everything is written as the user's, set-user-id and set-group-id bits are left out
(they would lend the user's own rights to others), and what was lost is returned as a table of owners, from
which a faithful archive can be made again.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from helpers.errors import ImageError

__all__ = ["Owners", "pack", "unpack"]

# Path below the root -> (user id, group id, permission bits), for entries that are not simply root's.
Owners = dict[str, tuple[int, int, int]]


def unpack(stream: IO[bytes], root: Path) -> Owners:
    """Unpack a tar stream below `root` (made if missing); returns who should own what.

    Device nodes and everything below /dev, /proc, /sys and /run is left out: engines mount their own there.
    As root, owners are kept and the returned table is empty.
    Raises `ImageError` when the stream ends inside a file, OSError when it cannot be written.
    """
    owners: Owners = {}
    as_root = os.geteuid() == 0
    late: list[tuple[Path, int, float]] = []
    root.mkdir(exist_ok=True)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in _wanted(tar):
                name = _clean(member.name)
                target = root / name if name else root
                if not _write(tar, member, target, root):
                    continue
                mode = member.mode & 0o7777
                if as_root:
                    os.chown(target, member.uid, member.gid, follow_symlinks=False)
                elif name and ((member.uid, member.gid) != (0, 0) or mode & 0o6000):
                    owners[name] = (member.uid, member.gid, mode)
                if member.issym():
                    os.utime(target, (member.mtime, member.mtime), follow_symlinks=False)
                elif member.isdir():
                    late.append((target, mode if as_root else mode & 0o1777, member.mtime))
                elif member.isreg():
                    target.chmod(mode if as_root else mode & 0o1777)
                    os.utime(target, (member.mtime, member.mtime))
    except tarfile.TarError as error:
        raise ImageError(f"lab image: the archive is broken: {error}", hint="initlab image build") from None
    # Deepest first: a folder without its write bit could not be filled, and filling it changes its time.
    for folder, mode, mtime in reversed(late):
        folder.chmod(mode)
        os.utime(folder, (mtime, mtime))
    return owners


def pack(root: Path, owners: Mapping[str, tuple[int, int, int]], out: IO[bytes]) -> None:
    """Write the tree at `root` as a tar stream, with the owners and modes it was built with."""
    as_root = os.geteuid() == 0

    def restore(member: tarfile.TarInfo) -> tarfile.TarInfo:
        if not as_root:
            member.uid = member.gid = 0
        if member.name in owners:
            member.uid, member.gid, member.mode = owners[member.name]
        member.uname = member.gname = ""
        return member

    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for entry in sorted(root.iterdir()):
            tar.add(entry, arcname=entry.name, filter=restore)


def _wanted(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        name = _clean(member.name)
        first, _, rest = name.partition("/")
        if (first in ("dev", "proc", "sys", "run") and rest) or member.isdev():
            continue
        yield member


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, root: Path) -> bool:
    """Make one entry; false for kinds a root file system does not need."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        target.mkdir(exist_ok=True)
        target.chmod(0o755)  # until everything is in it
    elif member.issym():
        target.symlink_to(member.linkname)
    elif member.islnk():
        os.link(root / _clean(member.linkname), target, follow_symlinks=False)
    elif member.isreg():
        source = tar.extractfile(member)
        if source is None:
            return False
        with target.open("wb") as file:
            shutil.copyfileobj(source, file, 256 * 1024)
    else:
        return False
    return True


def _clean(name: str) -> str:
    """The member's path without leading `./`; refuses one that would leave the tree."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ImageError(
            f"lab image: the archive holds {name!r}, which lies outside of it", hint="initlab image build"
        )
    return "" if path == PurePosixPath(".") else str(path)
