"""Recording by looking: the sandbox's process table, read again and again.

What any user may do, on any engine. A process that lives for less than the time between two looks is not
seen, nor is how one ended; times are those of the look that showed the change.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from helpers.engines.base import Process, Sandbox
from helpers.engines.proctable import parse_stat
from helpers.errors import SandboxError, SandboxGone
from helpers.probes.record_ledger import Ledger, Life

__all__ = ["LOOK", "PollSource"]

LOOK = 0.01


class PollSource:
    """Feeds a ledger from `sandbox.processes()`, asked every `LOOK` seconds, until `stop`."""

    name = "polling"
    lost = 0

    def __init__(self, ledger: Ledger, sandbox: Sandbox) -> None:
        self._ledger = ledger
        self._sandbox = sandbox
        self._lives: dict[tuple[int, float], Life] = {}
        self._last = time.monotonic()
        self._first = True
        self._over = threading.Event()
        self.resolution = LOOK
        self.cpu = 0.0
        self.error = ""
        self.ended: float | None = None
        self.clock = self._set_zero()
        with suppress(SandboxError, OSError):  # what is there, before anything else is done to it
            self.look(sandbox.processes(), time.monotonic())
        self._thread = threading.Thread(target=self._run, name="initlab-record", daemon=True)
        self._thread.start()

    def _set_zero(self) -> str:
        with suppress(SandboxError, OSError):
            there = self._sandbox.processes()[0]
            here = parse_stat(Path(f"/proc/{self._sandbox.pid1}/stat").read_text(errors="replace"))
            if (here.comm, here.started) == (there.comm, there.started):  # the same computer's
                ahead = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
                self._ledger.zero = here.started - ahead
                return "PID 1's start as /proc tells it, to within 10 ms"
        self._ledger.zero = time.monotonic()
        return "the first look at the process table: PID 1 runs on another computer"

    def stop(self) -> None:
        """End the thread. Safe to call twice."""
        self._over.set()
        if self._thread is not threading.current_thread():
            self._thread.join(10)

    @property
    def running(self) -> bool:
        """Whether it still looks: it ends by itself when PID 1 has ended."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._look_again()
        except Exception as error:  # a recording that broke off says so; the lab goes on
            self.error = f"the recording broke off: {type(error).__name__}: {error}"
        finally:
            self.cpu = time.thread_time()
            with self._ledger.changed:
                self._ledger.changed.notify_all()

    def _look_again(self) -> None:
        while True:
            last_time = self._over.is_set()
            try:
                self.look(self._sandbox.processes(), time.monotonic())
            except SandboxGone:
                self.ended = time.monotonic()
                self.look([], self.ended)
                break
            except (SandboxError, OSError):
                pass  # the next look may do better
            if last_time:
                break
            self._over.wait(LOOK)

    def look(self, table: list[Process], now: float) -> None:
        """Compare a process table read at `now` with the one before."""
        slack = now - self._last
        self._last = now
        if not self._first:
            self.resolution = max(self.resolution, slack)
        seen = {(process.pid, process.started): process for process in table}
        with self._ledger.changed:
            for key, life in list(self._lives.items()):
                if key not in seen:
                    del self._lives[key]
                    if life.ended is None:
                        self._ledger.ended(now, life, slack=slack, detail="how was not seen")
                    self._ledger.reaped(now, life, slack=slack)
            by_pid = {life.pid: life for life in self._lives.values()}
            for key, process in seen.items():
                self._compare(key, process, now, slack, by_pid)
            self._ledger.settle()
        self._first = False

    def _compare(
        self, key: tuple[int, float], process: Process, now: float, slack: float, by_pid: dict[int, Life]
    ) -> None:
        life, parent = self._lives.get(key), by_pid.get(process.ppid)
        if life is None:
            entered = {"detail": "entered from outside"} if process.ppid == 0 and process.pid != 1 else {}
            kind = "found" if self._first else "fork"
            facts: dict[str, Any] = {"comm": process.comm, "argv": process.argv} if self._first else entered
            known: dict[str, Any] = {"kind": kind, "slack": 0.0 if self._first else slack, **facts}
            life = self._ledger.began(now, parent, pid=process.pid, **known)
            self._lives[key] = by_pid[process.pid] = life
        self._ledger.leading(life, process.pgid == process.pid, process.sid == process.pid)
        if life.parent is not parent:
            self._ledger.adopted(life, parent)
        if process.state == "Z":
            if life.ended is None:
                self._ledger.ended(now, life, slack=slack, detail="how was not seen")
        elif life.argv != process.argv and process.argv:
            self._ledger.executed(now, life, process.comm, process.argv, slack=slack)
        elif life.comm != process.comm:
            self._ledger.renamed(life, process.comm)
