"""Recording from the kernel: the process connector's events, filtered to one sandbox.

A process belongs to the sandbox when it descends from its PID 1, or is in its PID namespace (a command run
from outside enters it). Fork, exec and exit and their times are the kernel's. What an event does not carry
(the PID inside, the command line) is read from /proc at once; of a process that is gone by then it is not
known, unless tracepoints may be read too (`helpers.probes.record_traces`).
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

from helpers.probes.connector import Connector, Raw
from helpers.probes.record_ledger import Ledger, Life
from helpers.probes.record_proc import (
    describe_wait,
    leads,
    members,
    parent_of,
    pid_inside,
    pid_namespace,
    program,
    started,
)
from helpers.probes.record_traces import Traces
from helpers.probes.record_zombies import Zombies

__all__ = ["KernelSource"]

_IDLE = 0.05
_REMEMBER = 1.0
_NICE = -15


class KernelSource:
    """Feeds a ledger from the process connector until `stop`. Raises `OSError` where that is refused.

    Until `attach` names the sandbox's PID 1 it follows every new process of the computer, so make it just
    before the sandbox is started. With `tracing`, tracepoints are read too, where permitted:
    `refused` tells why not.
    """

    def __init__(self, ledger: Ledger, tracing: bool = True) -> None:
        self._ledger = ledger
        ledger.read = program
        self._connector = Connector()
        self._lock = threading.Lock()
        self._lives: dict[int, Life] = {}
        self._threads: dict[int, Life] = {}
        self._gone: deque[tuple[float, Life]] = deque()
        self._namespace = 0
        self._init: Life | None = None
        self._over = threading.Event()
        self._closing = threading.Lock()
        self._wake_read, self._wake_write = os.pipe()
        self._poll = select.epoll()
        self._poll.register(self._connector.fileno(), select.EPOLLIN)
        self._poll.register(self._wake_read, select.EPOLLIN)
        self._zombies = Zombies(ledger, self._poll)
        self._traces: Traces | None = None
        self.refused = ""
        if tracing:
            try:
                self._traces = Traces(ledger, self._zombies, self._of_thread)
            except OSError as error:
                self.refused = f"{error.strerror or error}"
        self.name = "connector+tracing" if self._traces else "connector"
        self.lost = 0
        self._lost_traces = 0
        self.cpu = 0.0
        self.error = ""
        self.ended: float | None = None
        self._thread = threading.Thread(target=self._run, name="initlab-record", daemon=True)
        self._thread.start()

    @property
    def resolution(self) -> float:
        """0: the kernel tells of every event."""
        return 0.0

    # -- life ---------------------------------------------------------------------------------

    def attach(self, pid1: int) -> str:
        """Keep what belongs to the sandbox whose PID 1 is `pid1` outside; says where time zero is."""
        with self._lock:
            self._read_all()
            self._namespace = pid_namespace(pid1)
            said = self._adopt_pid1(pid1)
            for outside in members(self._namespace):
                self._find(outside)
            return said

    def _adopt_pid1(self, pid1: int) -> str:
        life = self._lives.get(pid1)
        execs = [] if life is None else [n.time for n in life.notes if n.kind == "exec"]
        keep = self._ledger.keep_family(life)
        self._zombies.keep(keep)
        for table in (self._lives, self._threads):
            for outside in [number for number, one in table.items() if one not in keep]:
                del table[outside]
        if life is None:
            life = self._find(pid1)
        self._init = life
        if life is not None and execs:
            life.pid = 1
            self._ledger.zero = execs[0]
            return "the kernel's time of PID 1's exec"
        self._ledger.zero = started(pid1)
        return "PID 1's start as /proc tells it, to within 10 ms: the recording began later"

    def stop(self) -> None:
        """Read what is left, end the thread, unsubscribe. Safe to call twice."""
        with self._closing:
            if not self._over.is_set():
                self._over.set()
                os.write(self._wake_write, b"x")
        if self._thread is not threading.current_thread():
            self._thread.join(10)

    @property
    def running(self) -> bool:
        """Whether it still reads: it ends by itself when PID 1 has ended."""
        return self._thread.is_alive()

    def _run(self) -> None:
        with suppress(OSError):  # root's recorder reads /proc sooner: fewer processes are gone by then
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            while not self._over.is_set():
                self._poll.poll(_IDLE)
                with self._lock:
                    self._read_all()
                    if self._init is not None and self._init.gone and not self._zombies:
                        self.ended = time.monotonic()
                        break
            with self._lock:
                self._read_all(last=True)
        except Exception as error:  # a recording that broke off says so; the lab goes on
            self.error = f"the recording broke off: {type(error).__name__}: {error}"
        finally:
            self.cpu = time.thread_time()
            with self._ledger.changed:
                self._ledger.changed.notify_all()
            self._zombies.close()
            self._poll.close()
            self._connector.close()
            if self._traces is not None:
                self._traces.close()
            with self._closing:  # nobody writes to a number that is another's by then
                self._over.set()
                for fd in (self._wake_read, self._wake_write):
                    os.close(fd)

    def _read_all(self, last: bool = False) -> None:
        traces = self._traces.fetch() if self._traces is not None else []
        while batch := self._connector.drain():
            for raw in batch:
                self._take(raw)
        self._ledger.settle()
        if self._traces is not None:
            self._traces.take(traces)
            self._note_lost_traces()
        self._zombies.look(last)
        now = time.monotonic()
        while self._gone and now - self._gone[0][0] > _REMEMBER:
            _, life = self._gone.popleft()
            if life.outside is not None and self._lives.get(life.outside) is life:
                if not life.gone:
                    self._gone.append((now, life))
                    break
                del self._lives[life.outside]

    # -- events -------------------------------------------------------------------------------

    def _of_thread(self, tid: int) -> Life | None:
        return self._lives.get(tid) or self._threads.get(tid)

    def _take(self, raw: Raw) -> None:
        if raw.lost:
            self._on_lost(raw)
        if raw.kind == "fork":
            self._on_fork(raw)
            return
        life = self._lives.get(raw.pid)
        if life is None or life.gone:
            return
        if raw.kind == "exec":
            comm, argv = program(raw.pid)
            self._ledger.executed(raw.time, life, comm, argv)
            if not life.leads[1]:
                self._ledger.leading(life, *leads(raw.pid))
        elif raw.kind == "session":
            self._ledger.leading(life, True, True)
        elif raw.kind == "comm" and raw.tid == raw.pid:
            self._ledger.renamed(life, raw.comm)
        elif raw.kind == "exit":
            self._threads.pop(raw.tid, None)
            if raw.tid == raw.pid:
                self._on_exit(raw, life)

    def _on_fork(self, raw: Raw) -> None:
        parent = self._lives.get(raw.parent)
        if raw.tid != raw.pid:  # a thread
            if parent is not None:
                self._threads[raw.tid] = parent
            return
        before = self._lives.get(raw.pid)
        if before is not None and not before.gone:
            if before.began >= raw.time:
                return  # already found in /proc
            self._zombies.free(before)
        inside = pid_inside(raw.pid)
        entered = parent is None and self._init is not None
        if entered and (not inside or pid_namespace(raw.pid) != self._namespace):
            return
        facts: dict[str, Any] = {"detail": "entered from outside"} if entered else {}
        self._lives[raw.pid] = self._ledger.began(raw.time, parent, pid=inside, outside=raw.pid, **facts)

    def _on_exit(self, raw: Raw, life: Life) -> None:
        parent = self._lives.get(raw.parent)
        if parent is not None and not parent.gone and parent is not life.parent:
            self._ledger.adopted(life, parent)
        self._ledger.ended(raw.time, life, **describe_wait(raw.code))
        self._zombies.add(life)
        self._gone.append((time.monotonic(), life))
        for child in list(life.children):
            if not child.gone and not self._zombies.orphan(child, life, self._init):
                now = self._lives.get(parent_of(child.outside or 0), self._init)
                if now is not child:
                    self._ledger.adopted(child, now)

    def _on_lost(self, raw: Raw) -> None:
        self.lost += raw.lost
        self._ledger.happened(raw.time, "lost", None, detail=f"{raw.lost} events of the kernel")
        if self._init is None:
            return
        for life in [one for one in self._lives.values() if one.ended is None]:
            if not os.path.exists(f"/proc/{life.outside}"):
                self._ledger.ended(raw.time, life, detail="how was lost")
                self._zombies.free(life)
        for outside in members(self._namespace):
            self._find(outside)

    def _note_lost_traces(self) -> None:
        assert self._traces is not None  # noqa: S101 - asked by the caller
        if (lost := self._traces.lost - self._lost_traces) > 0:
            self._lost_traces += lost
            self.lost += lost
            self._ledger.happened(time.monotonic(), "lost", None, detail=f"{lost} traces of the kernel")

    def _find(self, outside: int) -> Life | None:
        """Note a process that is there already, and its ancestors in the sandbox before it."""
        known = self._lives.get(outside)
        if known is not None and not known.gone:
            return known
        inside = pid_inside(outside)
        if not inside or pid_namespace(outside) != self._namespace:
            return None
        above = parent_of(outside) if inside != 1 else 0
        parent = self._find(above) if above else None
        comm, argv = program(outside)
        life = self._ledger.began(
            time.monotonic(), parent, pid=inside, outside=outside, kind="found", comm=comm, argv=argv
        )
        self._ledger.leading(life, *leads(outside))
        self._lives[outside] = life
        return life
