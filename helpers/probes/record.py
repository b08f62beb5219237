"""The flight recorder: the life of every process of a lab, taken from outside.

From the kernel's process connector where it answers, else by reading the process table (see
`helpers.probes.record_kernel` and `helpers.probes.record_poll`). The recording says which, and how well
each fact is known.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from helpers.engines.base import Sandbox
from helpers.engines.proctable import parse_stat
from helpers.errors import LabError, SandboxError
from helpers.inits.base import Init
from helpers.manifest.models import Manifest
from helpers.probes.events import Event, Events
from helpers.probes.record_kernel import KernelSource
from helpers.probes.record_ledger import Ledger
from helpers.probes.record_poll import PollSource
from helpers.probes.recording import Asked, Header, Recording
from helpers.probes.watch import Watcher

__all__ = ["SOURCES", "Recorder"]

SOURCES = ("connector+tracing", "connector", "polling")

_KERNEL_FACTS = {
    "fork, exec, exit": "the kernel tells each, with its time and status",
    "PID inside, command line": "read from /proc right after; 0 and empty where it was gone by then",
    "reaped": "the time is when its PID was seen free; by whom: its parent then, who alone may wait for it",
    "ready": "the lab's own probe, or another run of it that succeeded; slack: since it last failed",
}
_TRACED_FACTS = {
    **_KERNEL_FACTS,
    "PID inside": "read from /proc, or what clone(2) returned",
    "command line": "read from /proc right after; only the program's name where it was gone by then",
    "reaped": "the return of its parent's wait(2); slack is 0 there, and tells of a PID seen free otherwise",
    "signal": "the kernel tells each, with who sent it",
    "listen": "the kernel tells each",
}
_POLL_FACTS = {
    "fork, exec, exit, reaped": "seen by comparing process tables; shorter lives are missed",
    "status and signal of an exit": "not seen",
    "ready": "the lab's own probe; slack is the time since it last failed",
}


_FACTS = {"connector+tracing": _TRACED_FACTS, "connector": _KERNEL_FACTS, "polling": _POLL_FACTS}


class Recorder(Asked):
    """A recording that is being made. `Lab.record` makes one; it may be asked at any time.

    A context manager: it stops at the end of the block. It stops by itself when the lab's PID 1 has ended,
    and with the Python process that holds it.
    """

    def __init__(
        self, stack: str, init: Init | None, manifest: Manifest | None, engine: str, source: str | None = None
    ) -> None:
        if source not in (None, *SOURCES):
            raise LabError(
                f"there is no source {source!r}", hint='"connector", "polling", or None for the best'
            )
        self._stack, self._init, self._manifest, self._engine = stack, init, manifest, engine
        self._wanted = source
        self._ledger = Ledger(init, manifest)
        self._source: KernelSource | PollSource | None = None
        self._clock = "nothing recorded yet"
        self._notes: list[str] = []
        self._refused = False
        self._until: float | None = None
        self._watcher: Watcher | None = None
        self._changing = threading.Lock()

    # -- life ---------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Begin to listen, before the sandbox is started: so its boot is recorded from PID 1's exec on."""
        if self._wanted == "polling" or self._refused or self._source is not None or self._until is not None:
            return
        try:
            self._source = KernelSource(self._ledger, tracing=self._wanted != "connector")
            if self._source.refused:
                if self._wanted is not None:
                    self._source.stop()
                    raise PermissionError(1, f"tracepoints: {self._source.refused}")
                self._notes.append(f"tracepoints: {self._source.refused}; so signals sent are not recorded")
        except OSError as error:
            self._source = None
            if self._wanted is not None:
                raise LabError(
                    f"{self._wanted} cannot be used here: {error.strerror or error}",
                    hint='lab.record(source="polling"), or run as root outside any container',
                ) from None
            self._refused = True
            self._notes.append(
                f"process connector: {error.strerror or error}; so the process table is polled"
            )

    def attach(self, sandbox: Sandbox, watcher: Watcher) -> None:
        """Record the processes of `sandbox`, and what `watcher` sees and the owner does."""
        if self._until is not None:
            return
        self.prepare()
        if isinstance(self._source, KernelSource):
            if _is_near(sandbox):
                self._clock = self._source.attach(sandbox.pid1)
            else:
                self._source.stop()
                self._source = None
                self._ledger.keep_family(None)
                self._notes.append("the lab runs on another computer, so its process table is polled")
        if self._source is None:
            self._source = PollSource(self._ledger, sandbox)
            self._clock = self._source.clock
        self._watcher = watcher
        watcher.listen(self._heard)

    def cancel(self) -> None:
        """The sandbox that was prepared for did not start: stop listening until the next."""
        if isinstance(self._source, KernelSource) and self._watcher is None:
            self._source.stop()
            self._source = None
            self._ledger.keep_family(None)

    def stop(self) -> Recording:
        """End the recording and return it. Safe to call twice."""
        with self._changing:
            if self._until is None:
                if self._watcher is not None:
                    self._watcher.unlisten(self._heard)
                self._until = time.monotonic()
                if self._source is not None:
                    self._source.stop()
        return self._finished()

    @property
    def attached(self) -> bool:
        """Whether it records a sandbox, or did; before that it waits for the lab to start."""
        return self._watcher is not None

    @property
    def stopped(self) -> bool:
        """Whether it has been stopped: nothing is added any more."""
        return self._until is not None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _heard(self, at: float, event: Event) -> None:
        if event.kind not in ("ready", "signalled", "asked", "fault"):
            return
        try:
            self._ledger.said(at, event.service, event.kind, event.pid, event.detail, event.slack)
        except Exception as error:  # it is called in the watcher's thread, which must not end of it
            self._notes.append(f"{event} is missing: {type(error).__name__}: {error}")

    # -- asking -------------------------------------------------------------------------------

    @property
    def header(self) -> Header:
        """How it is being made."""
        source, zero = self._source, self._ledger.zero
        names = [s.name for s in self._manifest.services if s.kind == "longrun"] if self._manifest else []
        return Header(
            stack=self._stack,
            init=self._init.name if self._init else "",
            engine=self._engine,
            source=source.name if source else "",
            resolution=round(source.resolution, 6) if source else 0.0,
            clock=f"seconds of the monotonic clock; 0 is {self._clock}",
            until=0.0 if zero is None else round(self._end() - zero, 6),
            lost=source.lost if source else 0,
            services=tuple(names),
            facts=_FACTS[source.name] if source else {},
            notes=(*self._notes, *filter(None, [source.error if source else ""])),
            machine={"kernel": platform.release(), "arch": platform.machine(), "processors": os.cpu_count()},
        )

    def _end(self) -> float:
        ended = self._source.ended if self._source else None
        return min(filter(None, (ended, self._until, time.monotonic())))

    @property
    def events(self) -> Events:
        """What was recorded so far."""
        return self._ledger.events()

    @property
    def cpu(self) -> float:
        """Seconds of processor time the recorder itself used, once stopped."""
        return self._source.cpu if self._source else 0.0

    def wait(self, what: str, timeout: float = 10.0, after: float | Event | None = None) -> Event:
        """Wait until an event called so (see `Events.find`) is there, later than `after`; returns it.

        Raises `LabError` when `timeout` seconds pass, or when the lab ends before.
        """
        since = after.time if isinstance(after, Event) else -1.0 if after is None else after
        found = self.wait_for(lambda rec: bool(rec.find(what).after(since)), timeout)
        event = next(iter(self.find(what).after(since)), None)
        if not found or event is None:
            order = self.events.happens_before(what, what)
            seen = order.said if order.verdict == "missing" else f"there is none later than {since:.4f} s"
            raise LabError(f"no {what!r} within {timeout:g} s; {seen}", hint="rec.timeline()")
        return event

    def wait_for(self, done: Callable[[Recorder], bool], timeout: float = 10.0) -> bool:
        """Wait until `done(self)` holds; False when `timeout` seconds pass or the recording ends before."""
        end = time.monotonic() + timeout
        while not done(self):
            left = end - time.monotonic()
            if left <= 0 or self._until is not None or not (self._source and self._source.running):
                return done(self)
            with self._ledger.changed:
                self._ledger.changed.wait(min(left, 0.05))
            time.sleep(min(left, 0.01))  # a burst of events is looked at together
        return True

    def __repr__(self) -> str:
        state = "stopped" if self._until is not None else "recording" if self._source else "waits for the lab"
        return f"<recorder of {self._stack}: {state}, {len(self.events)} events>"


def _is_near(sandbox: Sandbox) -> bool:
    """Whether the sandbox's processes are this kernel's: its PID 1 is the one of that number here."""
    try:
        here = parse_stat(Path(f"/proc/{sandbox.pid1}/stat").read_text(errors="replace"))
        there = sandbox.processes()[0]
    except (SandboxError, OSError, IndexError):
        return Path(f"/proc/{sandbox.id}").exists()
    return (here.comm, here.started) == (there.comm, there.started)
