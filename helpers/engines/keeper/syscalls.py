"""The few system calls Python 3.11 has no name for, through ctypes. Each raises OSError."""

from __future__ import annotations

import ctypes
import os

__all__ = ["CLONE_NEWNET", "mount_tmpfs", "setns", "unmount"]

CLONE_NEWNET = 0x40000000  # linux/sched.h
_MS_NOSUID = 2  # linux/mount.h
_MS_NODEV = 4
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, name: str) -> None:
    if result != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno), name)


def mount_tmpfs(target: str, size: int | None) -> None:
    """Mount a tmpfs of at most `size` bytes on `target` (mount(2), tmpfs(5))."""
    data = b"mode=0755" if size is None else f"mode=0755,size={size}".encode()
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV)
    _check(_libc.mount(b"tmpfs", target.encode(), b"tmpfs", flags, data), target)


def unmount(target: str) -> None:
    """Detach the mount on `target` (umount2(2) MNT_DETACH)."""
    _check(_libc.umount2(target.encode(), _MNT_DETACH), target)


def setns(fd: int, kind: int) -> None:
    """Move the calling thread into the namespace `fd` refers to (setns(2))."""
    _check(_libc.setns(fd, kind), f"namespace {kind:#x}")
