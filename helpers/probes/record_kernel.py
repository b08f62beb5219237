"""Recording from the kernel: the process connector's events, filtered to one sandbox.

A process belongs to the sandbox when it descends from its PID 1, or is in its PID namespace (a command run
from outside enters it). Fork, exec and exit and their times are the kernel's. What an event does not carry
(the PID inside, the command line) is read from /proc at once; of a process that is gone by then it is not
known. Who is reaped is seen by its PID being free again: a pidfd tells (pidfd_open(2)).
"""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from helpers.engines.proctable import parse_stat
from helpers.probes.connector import Connector, Raw
from helpers.probes.record_ledger import Ledger, Life

__all__ = ["KernelSource", "describe_wait"]

_IDLE = 0.05
_LOOK = 0.005


class KernelSource:
    """Feeds a ledger from the process connector until `stop`. Raises `OSError` where that is refused.

    Until `attach` names the sandbox's PID 1 it follows every new process of the computer, so make it just
    before the sandbox is started.
    """

    name = "connector"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._connector = Connector()
        self._lock = threading.Lock()
        self._lives: dict[int, Life] = {}
        self._threads: dict[int, Life] = {}
        self._zombies: dict[Life, int] = {}  # → pidfd, or -1 when it was gone at once
        self._namespace = 0
        self._init: Life | None = None
        self._looked = time.monotonic()
        self._over = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        self._poll = select.epoll()
        self._poll.register(self._connector.fileno(), select.EPOLLIN)
        self._poll.register(self._wake_read, select.EPOLLIN)
        self.lost = 0
        self.cpu = 0.0
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
            self._namespace = _namespace(pid1)
            said = self._adopt_pid1(pid1)
            for outside in _members(self._namespace):
                self._find(outside)
            return said

    def _adopt_pid1(self, pid1: int) -> str:
        life = self._lives.get(pid1)
        execs = [] if life is None else [n.time for n in self._ledger.notes_of(life) if n.kind == "exec"]
        keep = set() if life is None else _family(life)
        self._ledger.forget(keep)
        for table in (self._lives, self._threads):
            for outside in [number for number, one in table.items() if one not in keep]:
                del table[outside]
        for zombie in [one for one in self._zombies if one not in keep]:
            self._drop_zombie(zombie)
        if life is None:
            life = self._find(pid1)
        self._init = life
        if life is not None and execs:
            life.pid = 1
            self._ledger.zero = execs[0]
            return "the kernel's time of PID 1's exec"
        self._ledger.zero = _started(pid1)
        return "PID 1's start as /proc tells it, to within 10 ms: the recording began later"

    def stop(self) -> None:
        """Read what is left, end the thread, unsubscribe. Safe to call twice."""
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
        try:
            while not self._over.is_set():
                self._poll.poll(_IDLE)
                with self._lock:
                    self._read_all()
                    if self._init is not None and self._init.gone and not self._zombies:
                        break
            with self._lock:
                self._read_all()
            self.cpu = time.thread_time()
        finally:
            with self._ledger.changed:
                self._ledger.changed.notify_all()
            for pidfd in self._zombies.values():
                if pidfd >= 0:
                    os.close(pidfd)
            self._poll.close()
            self._connector.close()
            for fd in (self._wake_read, self._wake_write):
                os.close(fd)

    def _read_all(self) -> None:
        while batch := self._connector.drain():
            for raw in batch:
                self._take(raw)
        self._ledger.settle()
        if self._zombies:
            self._look_for_reaped()
        self._looked = time.monotonic()

    # -- events -------------------------------------------------------------------------------

    def _take(self, raw: Raw) -> None:
        if raw.lost:
            self._on_lost(raw)
        if raw.kind == "fork":
            self._on_fork(raw)
            return
        life = self._lives.get(raw.pid)
        if life is None:
            return
        if raw.kind == "exec":
            comm, argv = _program(raw.pid)
            self._ledger.executed(raw.time, life, comm, argv)
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
            self._vanished(before)
        inside = _inside(raw.pid)
        entered = parent is None and self._init is not None
        if entered and (not inside or _namespace(raw.pid) != self._namespace):
            return
        facts: dict[str, Any] = {"detail": "entered from outside"} if entered else {}
        self._lives[raw.pid] = self._ledger.began(raw.time, parent, pid=inside, outside=raw.pid, **facts)

    def _on_exit(self, raw: Raw, life: Life) -> None:
        if (parent := self._lives.get(raw.parent)) is not None and parent is not life.parent:
            self._ledger.adopted(life, parent)
        self._ledger.ended(raw.time, life, **describe_wait(raw.code))
        self._zombies[life] = -1
        if life.outside is not None:
            with suppress(OSError):  # gone already: reaped
                self._zombies[life] = os.pidfd_open(life.outside)
                flags = select.EPOLLET | select.EPOLLIN | select.EPOLLHUP  # hang-up: Linux 6.9 and newer
                self._poll.register(self._zombies[life], flags)
        for child in list(life.children):
            if child in self._zombies and not self._is_zombie(child):
                # It may have waited for the child, or ended without: then PID 1 has.
                if child.ended is not None and child.ended < self._looked:
                    self._ledger.adopted(child, self._init)
                self._vanished(child, detail=f"by whom is likely, not sure: PID {life.pid} ended too")
            elif not child.gone:
                now = _parent(child.outside or 0)
                self._ledger.adopted(child, self._lives.get(now, self._init))

    def _on_lost(self, raw: Raw) -> None:
        self.lost += raw.lost
        self._ledger.happened(raw.time, "lost", None, detail=f"{raw.lost} events of the kernel")
        if self._init is None:
            return
        for life in [one for one in self._lives.values() if one.ended is None]:
            if not os.path.exists(f"/proc/{life.outside}"):
                self._ledger.ended(raw.time, life, detail="how was lost")
                self._vanished(life)
        for outside in _members(self._namespace):
            self._find(outside)

    # -- reaping ------------------------------------------------------------------------------

    def _look_for_reaped(self) -> None:
        for life in list(self._zombies):
            if not self._is_zombie(life):
                self._vanished(life)

    def _is_zombie(self, life: Life) -> bool:
        pidfd = self._zombies.get(life, -1)
        return pidfd >= 0 and _is_there(pidfd)

    def _vanished(self, life: Life, **facts: str) -> None:
        now = time.monotonic()
        since = max(self._looked, life.ended or 0.0)
        self._ledger.reaped(now, life, slack=max(0.0, now - since), **facts)
        self._drop_zombie(life)
        if life.outside is not None and self._lives.get(life.outside) is life:
            del self._lives[life.outside]

    def _drop_zombie(self, life: Life) -> None:
        pidfd = self._zombies.pop(life, -1)
        if pidfd >= 0:
            self._poll.unregister(pidfd)
            os.close(pidfd)

    def _find(self, outside: int) -> Life | None:
        """Note a process that is there already, and its ancestors in the sandbox before it."""
        if outside in self._lives:
            return self._lives[outside]
        inside = _inside(outside)
        if not inside or _namespace(outside) != self._namespace:
            return None
        above = _parent(outside) if inside != 1 else 0
        parent = self._find(above) if above else None
        comm, argv = _program(outside)
        life = self._ledger.began(
            time.monotonic(), parent, pid=inside, outside=outside, kind="found", comm=comm, argv=argv
        )
        self._lives[outside] = life
        return life


def describe_wait(code: int) -> dict[str, object]:
    """`status`, or `signal` (and a core dump), of a wait(2) status."""
    import signal

    if not os.WIFSIGNALED(code):
        return {"status": os.WEXITSTATUS(code)}
    number = os.WTERMSIG(code)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"SIG{number}"  # a real-time signal
    return {"signal": name, "detail": "core dumped"} if os.WCOREDUMP(code) else {"signal": name}


def _family(life: Life) -> set[Life]:
    family, rest = set(), [life]
    while rest:
        one = rest.pop()
        if one not in family:
            family.add(one)
            rest += one.children
    return family


def _inside(outside: int) -> int:
    """The PID in the innermost namespace; 0 for a process of our own namespace, or one that is gone."""
    try:
        with open(f"/proc/{outside}/status", "rb") as file:
            status = file.read()
    except OSError:
        return 0
    numbers = status.partition(b"\nNSpid:")[2].partition(b"\n")[0].split()
    return int(numbers[-1]) if len(numbers) > 1 else 0


def _namespace(outside: int) -> int:
    try:
        return os.stat(f"/proc/{outside}/ns/pid").st_ino
    except OSError:
        return 0


def _members(namespace: int) -> list[int]:
    numbers = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]
    return [number for number in numbers if namespace and _namespace(number) == namespace]


def _program(outside: int) -> tuple[str, tuple[str, ...]]:
    try:
        words = Path(f"/proc/{outside}/cmdline").read_bytes()
        comm = Path(f"/proc/{outside}/comm").read_text(errors="replace").rstrip("\n")
    except OSError:
        return "", ()
    return comm, tuple(word.decode(errors="replace") for word in words.split(b"\0")[:-1])


def _parent(outside: int) -> int:
    try:
        return parse_stat(Path(f"/proc/{outside}/stat").read_text(errors="replace")).ppid
    except OSError:
        return 0


def _started(outside: int) -> float:
    """When a process was made, on the monotonic clock (proc_pid_stat(5) field 22 counts from the boot)."""
    ahead = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    try:
        return parse_stat(Path(f"/proc/{outside}/stat").read_text(errors="replace")).started - ahead
    except OSError:
        return time.monotonic()


def _is_there(pidfd: int) -> bool:
    """Whether the process of a pidfd is still in the process table, if only as a zombie."""
    import signal

    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
