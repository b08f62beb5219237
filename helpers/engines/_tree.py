"""Where the entries of a file tree really go, given the image they are laid over."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from helpers.errors import SandboxError
from helpers.filetree import MOUNTED_OVER, File, FileTree, Symlink

__all__ = ["resolved"]

_LINKS = 40  # as many symbolic links as the kernel follows, path_resolution(7)


def resolved(tree: FileTree, rootfs: Path) -> dict[str, File | Symlink]:
    """The entries by the path they have once the image's own links are followed (/bin is usr/bin there).

    Raises `SandboxError` naming a path that leads below a directory the engine mounts over.
    """
    found = {}
    for path, entry in tree.entries.items():
        real = _follow_parents(path, str(rootfs))
        for mounted in MOUNTED_OVER:
            if real.startswith(mounted + "/"):
                raise SandboxError(
                    f"file tree: {path} leads to {real} in the image, and the engine mounts over {mounted}",
                    hint="write it from a start script of the init instead",
                )
        found[real] = entry
    return found


def _follow_parents(path: str, root: str) -> str:
    start = path
    for _ in range(_LINKS):
        parts = path.strip("/").split("/")
        for depth in range(1, len(parts)):
            head = "/" + "/".join(parts[:depth])
            if os.path.islink(root + head):
                to = os.path.join(os.path.dirname(head), os.readlink(root + head))
                path = os.path.normpath(os.path.join(to, *parts[depth:]))
                break
        else:
            return path
    raise SandboxError(f"file tree: {start}: {os.strerror(errno.ELOOP)}")
