"""What tracepoints add to a recording: signals, who waited for whom, listening sockets, PIDs and programs."""

from __future__ import annotations

import signal
from collections.abc import Callable

from helpers.probes.record_ledger import Ledger, Life
from helpers.probes.record_proc import signal_name
from helpers.probes.record_tracing import Trace, Tracing
from helpers.probes.record_zombies import Zombies

__all__ = ["Traces"]

_RETRY = 0.2
_NEAR = 0.002
_IGNORED = 1  # linux/trace/events/signal.h, TRACE_SIGNAL_IGNORED


class Traces:
    """Feeds a ledger from `Tracing`. `find` gives the process of a thread (the computer's number)."""

    def __init__(self, ledger: Ledger, zombies: Zombies, find: Callable[[int], Life | None]) -> None:
        self._tracing = Tracing()
        self._ledger = ledger
        self._zombies = zombies
        self._find = find
        self._waiting: list[Trace] = []
        zombies.traced = True

    @property
    def lost(self) -> int:
        """How many tracepoint hits did not fit the kernel's buffers."""
        return self._tracing.lost

    def fetch(self) -> list[Trace]:
        """What has come. Fetch before the connector is read: then it knows every process named here."""
        return self._tracing.drain()

    def take(self, traces: list[Trace]) -> None:
        """Work them in. A wait whose child's end is not known yet is kept for the next time."""
        traces = self._waiting + traces
        newest = traces[-1].time if traces else 0.0
        self._waiting = []
        for trace in traces:
            if not self._work_in(trace) and newest - trace.time < _RETRY:
                self._waiting.append(trace)

    def _work_in(self, trace: Trace) -> bool:
        life = self._find(trace.tid)
        if trace.kind == "signal":
            self._on_signal(trace, life)
            return True
        if life is None:
            return True
        if trace.kind == "wait":
            return self._zombies.waited(trace.time, life, trace.values[0])
        if trace.kind == "waitid":
            return self._zombies.waited(trace.time, life, 0)
        if trace.kind == "clone":
            self._on_clone(trace, life)
        elif trace.kind == "exec":
            self._on_exec(trace, life)
        elif trace.kind == "listen":
            self._ledger.listens(trace.time, life, trace.values[0])
        return True

    def _on_signal(self, trace: Trace, sender: Life | None) -> None:
        number, code, thread, result = trace.values
        target = self._find(thread)
        if target is None:
            return
        detail = "ignored" if result == _IGNORED else ""
        if code > 0 and number != signal.SIGCHLD:
            detail = ", ".join(filter(None, ["from the kernel", detail]))
        by = 0 if sender is None else sender.pid or None
        self._ledger.happened(
            trace.time, "signal", target, signal=signal_name(number), by=by, comm=target.comm, detail=detail
        )

    def _on_clone(self, trace: Trace, parent: Life) -> None:
        """What clone(2) returns is the child's PID inside."""
        made = self._ledger.nameless(parent, trace.time)
        if made is not None:
            with self._ledger.changed:
                made.pid = trace.values[0]

    def _on_exec(self, trace: Trace, life: Life) -> None:
        """The kernel's own word for the program, where /proc was read too late."""
        name = trace.text.rpartition("/")[2][:15]
        with self._ledger.changed:
            execs = [note for note in life.notes if note.kind == "exec"]
            note = min(execs, key=lambda note: abs(note.time - trace.time), default=None)
            if note is None or abs(note.time - trace.time) > _NEAR:
                return
            if note.facts["comm"] != name or not note.facts["argv"]:
                note.facts |= {"comm": name, "argv": (), "detail": trace.text}
            if note is execs[-1] and not life.comm:
                life.comm = name

    def close(self) -> None:
        """End the tracing."""
        self._zombies.traced = False
        self._tracing.close()
