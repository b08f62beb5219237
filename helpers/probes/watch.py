"""Watching a lab from outside: which main process came and went, and when it was ready.

Two threads of the owner: one reads the sandbox's process table every `STEP` seconds (a main process
that lives shorter than that can be missed: the resolution is stated wherever the events are shown), the
other probes the readiness of services that run and are not ready yet.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from helpers.engines.base import Process, Sandbox
from helpers.errors import SandboxError, SandboxGone
from helpers.inits.base import Init
from helpers.manifest.models import Fd, Manifest, Service
from helpers.probes.events import Event, Events
from helpers.probes.ready import is_ready

__all__ = ["STEP", "Watcher"]

STEP = 0.02


class Watcher:
    """Records the events of one lab until `stop`."""

    def __init__(self, sandbox: Sandbox, init: Init, manifest: Manifest) -> None:
        self._sandbox = sandbox
        self._init = init
        self._manifest = manifest
        self._began = time.monotonic()
        self._lock = threading.Condition(threading.RLock())
        self._events: list[Event] = []
        self._pids: dict[str, int] = {}
        self._ready: dict[str, int] = {}  # service → PID it was seen ready with
        self._refused: dict[str, float] = {}  # service → when it was last asked and not ready
        self._table: tuple[Process, ...] = ()
        self._listeners: list[Callable[[float, Event], None]] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch_processes, name="initlab-watch", daemon=True),
            threading.Thread(target=self._watch_readiness, name="initlab-ready", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads. The events stay."""
        self._over.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(10)

    def now(self) -> float:
        """Seconds since the watch began, on the events' clock."""
        return time.monotonic() - self._began

    def events(self) -> Events:
        """What was seen so far."""
        with self._lock:
            return Events(self._events)

    def note(self, service: str, kind: str, pid: int, detail: str = "") -> None:
        """Record something the owner did itself, such as a signal it sent."""
        with self._lock:
            self._add(service, kind, pid, detail, slack=0.0)

    def listen(self, heard: Callable[[float, Event], None]) -> None:
        """Call `heard(time on the monotonic clock, event)` for every event, first for those that were."""
        with self._lock:
            self._listeners.append(heard)
            for event in self._events:
                heard(self._began + event.time, event)

    def unlisten(self, heard: Callable[[float, Event], None]) -> None:
        """End that."""
        with self._lock:
            self._listeners = [listener for listener in self._listeners if listener != heard]

    def pids(self) -> dict[str, int]:
        """Service → PID of its main process inside, as last seen."""
        with self._lock:
            return dict(self._pids)

    def ready(self) -> set[str]:
        """The services whose present main process has been seen ready."""
        with self._lock:
            return {name for name, pid in self._ready.items() if self._pids.get(name) == pid}

    def table(self) -> Sequence[Process]:
        """The process table as last read."""
        with self._lock:
            return self._table

    def wait_for(self, done: Callable[[Watcher], bool], timeout: float) -> bool:
        """Wait until `done(self)` holds, asked after every change; False when `timeout` seconds pass."""
        end = time.monotonic() + timeout
        with self._lock:
            while not done(self):
                left = end - time.monotonic()
                if left <= 0 or self._over.is_set() or self._sandbox.exit is not None:
                    return done(self)
                self._lock.wait(min(left, 0.1))
        return True

    def _add(self, service: str, kind: str, pid: int, detail: str = "", slack: float = STEP) -> None:
        event = Event(self.now(), service, kind, pid, detail, slack=slack)
        self._events.append(event)
        for heard in self._listeners:
            heard(self._began + event.time, event)
        self._lock.notify_all()

    def _watch_processes(self) -> None:
        while not self._over.is_set():
            try:
                table = self._sandbox.processes()
            except SandboxGone:
                self._update((), {})
                return
            except (SandboxError, OSError):
                table = []
            self._update(tuple(table), self._init.main_pids(table, self._manifest))
            self._over.wait(STEP)

    def _update(self, table: tuple[Process, ...], pids: dict[str, int]) -> None:
        with self._lock:
            self._table = table
            for name, pid in list(self._pids.items()):
                if pids.get(name) != pid:
                    self._add(name, "exited", pid)
            for name, pid in pids.items():
                if self._pids.get(name) != pid:
                    self._add(name, "started", pid)
            self._pids = dict(pids)

    def _watch_readiness(self) -> None:
        services = [s for s in self._manifest.services if s.kind == "longrun"]
        longruns = {service.name for service in services}
        while not self._over.is_set():
            for service in services:
                if self._over.is_set():
                    return
                ready = self.ready()
                # Before what it needs is ready the answer is known, and asking would slow the boot down.
                if service.name not in ready and ready.issuperset(longruns.intersection(service.depends_on)):
                    try:
                        self._probe(service)
                    except SandboxGone:
                        return
            self._over.wait(STEP)

    def _start_of(self, pid: int) -> float:
        """When a process was made, on the events' clock, to within the 10 ms of proc_pid_stat(5) earlier."""
        ahead = time.clock_gettime(time.CLOCK_BOOTTIME) - self.now()
        started = [process.started for process in self._table if process.pid == pid]
        return min([start - ahead for start in started], default=0.0)

    def _probe(self, service: Service) -> None:
        pid = self.pids().get(service.name)
        if pid is None:
            return
        asked, told = self.now(), None
        if isinstance(service.readiness, Fd):
            rows = self._init.status(self._sandbox, self._manifest)
            told = next((row.ready for row in rows if row.name == service.name), None)
        if not is_ready(self._sandbox, service, True, told):
            self._refused[service.name] = asked
            return
        with self._lock:
            if self._pids.get(service.name) == pid:
                self._ready[service.name] = pid
                since = self._refused.pop(service.name, None)
                if since is None:  # ready when first asked: it may have been so since its start
                    since = self._start_of(pid)
                self._add(service.name, "ready", pid, slack=self.now() - since)
