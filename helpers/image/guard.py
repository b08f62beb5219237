"""Runs the image's builder so that nothing of it outlives the process that asked for it.

`python -m helpers.image.guard COMMAND…` starts COMMAND, copies its exit status, and kills COMMAND with
every descendant when its own standard input closes: the builder's owner holds the other end of that
pipe, and the kernel closes it however the owner ends (also by kill -9).

The guard is a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): descendants whose parents die become
its children instead of init's, so none can hide from it. As root it works in a mount namespace of its own
(unshare(2)), so the mounts mmdebstrap makes go with its last process; an ordinary user's mmdebstrap makes
such a namespace itself.

Only the standard library is used here: the guard starts before anything else is sure to be installed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["OWNER_GONE", "descendants", "kill_descendants", "main"]

OWNER_GONE = 75
"""Exit status when the owner went away (EX_TEMPFAIL of sysexits.h)."""

# linux/prctl.h, linux/sched.h, linux/mount.h
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNS = 0x20000
_MS_REC, _MS_SLAVE = 0x4000, 0x80000


def descendants(ancestor: int) -> set[int]:
    """PIDs of every process below `ancestor`, zombies left out (proc(5), /proc/PID/stat)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name in parentheses may hold spaces and parentheses itself: cut at the last one.
            state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append(int(entry.name))
    found: set[int] = set()
    queue = [ancestor]
    while queue:
        for child in children.get(queue.pop(), ()):
            if child not in found:
                found.add(child)
                queue.append(child)
    return found


def kill_descendants(ancestor: int, deadline: float = 10.0) -> bool:
    """SIGKILL everything below `ancestor` until nothing is left; false when `deadline` seconds pass."""
    end = time.monotonic() + deadline
    while alive := descendants(ancestor):
        for pid in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    _reap()
    return True


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main(argv: list[str]) -> int:
    """Guard one command; returns its exit status as a shell shows it, or `OWNER_GONE`."""
    # Ctrl-C reaches the whole foreground group: the owner alone decides, by closing the pipe. Handlers
    # that do nothing, because the builder would inherit SIG_IGN through exec(2).
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda *_: None)
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0 and libc.unshare(_CLONE_NEWNS) == 0:
        # Mounts made from here on stay here. Where a container forbids it the next build removes them.
        libc.mount(b"none", b"/", None, _MS_REC | _MS_SLAVE, None)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        print("guard: prctl(PR_SET_CHILD_SUBREAPER) failed", file=sys.stderr)
        return 70
    try:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"guard: cannot run {argv[0]}: {error.strerror}", file=sys.stderr)
        return 127
    with selectors.DefaultSelector() as selector:
        watch = os.pidfd_open(child.pid)
        selector.register(watch, selectors.EVENT_READ)
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        ended = any(key.fd == watch for key, _ in selector.select())
    if ended:
        status = child.wait()
        kill_descendants(os.getpid())
        return status if status >= 0 else 128 - status
    kill_descendants(os.getpid())
    return OWNER_GONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
