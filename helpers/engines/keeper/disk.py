"""The writable layer of a sandbox: a tmpfs of bounded size, with a file tree laid in it.

The layer is an overlayfs upper directory (Documentation/filesystems/overlayfs.rst): a directory made
in it hides nothing below, but its mode and owner win, so parents copy theirs from the image.
"""

from __future__ import annotations

import contextlib
import os
import stat
from base64 import b64decode
from typing import Any

from helpers.engines.keeper.syscalls import mount_tmpfs, unmount

__all__ = ["Disk"]


class Disk:
    """The upper and work directories of one sandbox, below `folder`, over the image `rootfs`."""

    def __init__(self, folder: str, rootfs: str, size: int | None) -> None:
        self._folder = folder
        self._rootfs = rootfs
        os.mkdir(folder, 0o700)
        mount_tmpfs(folder, size)
        self.upper = f"{folder}/upper"
        self.work = f"{folder}/work"
        os.mkdir(self.upper, 0o755)
        os.mkdir(self.work, 0o700)

    def lay(self, entries: dict[str, Any]) -> None:
        """Write entries, path → {"data": base64, "mode": bits} or {"link": target}.

        No parent of a path may be a symbolic link of the image: the owner has resolved them.
        """
        for path, entry in entries.items():
            head, name = os.path.split(path)
            target = os.path.join(self._make(head), name)
            if "link" in entry:
                os.symlink(entry["link"], target)
                continue
            with open(target, "wb") as file:
                file.write(b64decode(entry["data"]))
            os.chmod(target, entry["mode"])

    def _make(self, head: str) -> str:
        made, lower = self.upper, self._rootfs
        for part in filter(None, head.split("/")):
            made, lower = f"{made}/{part}", f"{lower}/{part}"
            if not os.path.isdir(made):
                os.mkdir(made)
                if os.path.isdir(lower):
                    like = os.stat(lower)
                    # An owner that has no number in our user namespace cannot be given; ours serves.
                    with contextlib.suppress(OSError):
                        os.chown(made, like.st_uid, like.st_gid)
                    os.chmod(made, stat.S_IMODE(like.st_mode))
                else:
                    os.chmod(made, 0o755)  # noqa: S103 - a directory of the sandbox's own root
        return made

    def remove(self) -> None:
        """Unmount and remove the folder."""
        unmount(self._folder)
        os.rmdir(self._folder)
