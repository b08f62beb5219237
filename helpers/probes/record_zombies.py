"""Processes that have ended and are not reaped yet: when each is gone, and who waited for it.

A pidfd tells when the PID is free (pidfd_open(2); poll(2) shows a hang-up from Linux 6.9 on, before that we
look). Only a process's parent may wait for it, so by whom is known, unless the parent ended at the same
time. Where the kernel is traced, the return of the parent's own wait(2) settles both.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress

from helpers.probes.record_ledger import Ledger, Life
from helpers.probes.record_proc import is_there

__all__ = ["Zombies"]

_PATIENCE = 0.1
"""Seconds to wait for the trace that tells who reaped."""


class Zombies:
    """The zombies of a ledger. `traced`: returns of wait(2) are told by `waited`."""

    def __init__(self, ledger: Ledger, poll: select.epoll) -> None:
        self.traced = False
        self._ledger = ledger
        self._poll = poll
        self._pidfds: dict[Life, int] = {}  # -1: it was gone at once
        self._seen: set[Life] = set()  # as zombies
        self._noticed: dict[Life, float] = {}  # seen gone at
        self._heirs: dict[Life, tuple[Life | None, str]] = {}  # whose parent ended: who is next, and a remark
        self._looked = time.monotonic()

    def __len__(self) -> int:
        return len(self._pidfds)

    def add(self, life: Life) -> None:
        """A process has ended."""
        self._pidfds[life] = -1
        if life.outside is not None:
            with suppress(OSError):  # gone already: reaped
                self._pidfds[life] = os.pidfd_open(life.outside)
                flags = select.EPOLLET | select.EPOLLIN | select.EPOLLHUP
                self._poll.register(self._pidfds[life], flags)

    def orphan(self, child: Life, parent: Life, heir: Life | None) -> bool:
        """`parent` has ended: if `child` is a zombie of it that is gone, who reaped it is not certain.

        True when that is dealt with, so that the child needs no new parent.
        """
        if child not in self._pidfds or self._is_zombie(child):
            return False
        remark = f"by whom is likely, not sure: PID {parent.pid or '?'} ended too"
        # Seen as a zombie before, it was hardly waited for at the last moment.
        self._heirs[child] = (heir if child in self._seen else parent, remark)
        return True

    def look(self, last: bool = False) -> None:
        """Note those that are gone; `last`: wait for no trace any more."""
        now = time.monotonic()
        for life in list(self._pidfds):
            if self._is_zombie(life):
                self._seen.add(life)
                continue
            noticed = self._noticed.setdefault(life, now)
            if last or not self.traced or life.parent is None or now - noticed > _PATIENCE:
                self.free(life)
        self._looked = now

    def free(self, life: Life) -> None:
        """A process is gone, as its PID shows."""
        now = self._noticed.get(life, time.monotonic())
        slack = max(0.0, now - max(self._looked, life.ended or 0.0))
        facts: dict[str, object] = {"slack": slack}
        if life in self._heirs:
            heir, facts["detail"] = self._heirs[life]
            if heir is not life.parent:
                self._ledger.adopted(life, heir)
        self._ledger.reaped(now, life, **facts)
        self.drop(life)

    def waited(self, at: float, caller: Life, pid: int) -> bool:
        """`caller` returned from a wait for `pid` (0: waitid(2) does not tell); False: for nobody yet."""
        if pid:
            found = [life for life in self._pidfds if life.pid == pid]
            found = found or [life for life in self._pidfds if not life.pid and life.parent is caller]
        else:
            found = [life for life in self._noticed if life.parent is caller and life in self._pidfds]
        if len(found) != 1:
            return False
        life = found[0]
        with self._ledger.changed:
            life.pid = pid or life.pid
            self._ledger.reaped(max(at, life.ended or at), life, by=caller.pid or None)
        self.drop(life)
        return True

    def drop(self, life: Life) -> None:
        """Forget a zombie."""
        pidfd = self._pidfds.pop(life, -1)
        self._noticed.pop(life, None)
        self._heirs.pop(life, None)
        self._seen.discard(life)
        if pidfd >= 0:
            self._poll.unregister(pidfd)
            os.close(pidfd)

    def keep(self, lives: set[Life]) -> None:
        """Forget all but these."""
        for life in [life for life in self._pidfds if life not in lives]:
            self.drop(life)

    def close(self) -> None:
        """Give every pidfd back."""
        self.keep(set())

    def _is_zombie(self, life: Life) -> bool:
        pidfd = self._pidfds.get(life, -1)
        return pidfd >= 0 and is_there(pidfd)
