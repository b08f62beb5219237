"""Where the entries of a file tree really go, given the image they are laid over."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from helpers.errors import SandboxError
from helpers.filetree import MOUNTED_OVER, File, FileTree, Symlink

__all__ = ["Entries", "has_known_format", "resolved"]

Entries = dict[str, File | Symlink]

_LINKS = 40  # as many symbolic links as the kernel follows, path_resolution(7)


def resolved(tree: FileTree, rootfs: Path) -> Entries:
    """The entries by the path they have once the image's own links are followed (/bin is usr/bin there).

    Raises `SandboxError` naming a path that leads below a directory the engine mounts over.
    """
    found: Entries = {}
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


def has_known_format(program: str, cwd: str, search: str, entries: Entries, rootfs: Path) -> bool:
    """Whether the kernel would execute `program`, by its first bytes; `True` when there is no such file.

    bwrap executes by execvp(3), which hands a file of unknown format to /bin/sh, as shells do; the kernel
    starting a PID 1 refuses it with ENOEXEC (execve(2)), and so do init systems. `search` is a PATH.
    """
    if _other_formats():
        return True
    folders = [""] if "/" in program else search.split(":")
    for folder in folders:
        head = _head(os.path.join(cwd, folder, program), entries, str(rootfs))
        if head is not None:
            return head.startswith((b"#!", b"\x7fELF"))
    return True


def _other_formats() -> bool:
    """Whether formats were added to the kernel (binfmt_misc): then only it can tell."""
    try:
        return len(os.listdir("/proc/sys/fs/binfmt_misc")) > 2  # besides `register` and `status`
    except OSError:
        return False


def _head(path: str, entries: Entries, root: str) -> bytes | None:
    """The first four bytes of an executable file of the sandbox; `None` where there is none."""
    for _ in range(_LINKS):
        path = _follow_parents(os.path.normpath(path), root)
        entry = entries.get(path)
        if isinstance(entry, File):
            return entry.data[:4] if entry.mode & 0o111 else None
        if isinstance(entry, Symlink):
            path = os.path.join(os.path.dirname(path), entry.target)
        elif os.path.islink(root + path):
            path = os.path.join(os.path.dirname(path), os.readlink(root + path))
        else:
            break
    try:
        with open(root + path, "rb") as file:
            return file.read(4) if os.fstat(file.fileno()).st_mode & 0o111 else None
    except OSError:
        return None
