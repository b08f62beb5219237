"""What happened to services, and when: the events of one lab, queryable.

Times are seconds of the monotonic clock since the lab's PID 1 was started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Event", "Events"]


@dataclass(frozen=True)
class Event:
    """One thing that happened: `kind` is `started`, `ready`, `exited`, `signalled`, `asked`
    (a command given to the init) or `fault` (made or undone, see `helpers.faults`).

    `pid` is the main process's PID inside; `detail` says more in words (the signal's name, the command).
    """

    time: float
    service: str
    kind: str
    pid: int
    detail: str = ""


class Events:
    """A sequence of events in the order they were seen.

    >>> events = Events([Event(0.1, "app", "started", 9), Event(0.5, "app", "exited", 9)])
    >>> [e.kind for e in events.of("app")]
    ['started', 'exited']
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events = tuple(events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def of(self, service: str) -> Events:
        """The events of one service."""
        return Events(e for e in self if e.service == service)

    def kind(self, kind: str) -> Events:
        """The events of one kind."""
        return Events(e for e in self if e.kind == kind)

    def after(self, time: float) -> Events:
        """The events later than `time` seconds."""
        return Events(e for e in self if e.time > time)

    def starts(self) -> Events:
        """Every start of a main process."""
        return self.kind("started")

    def exits(self) -> Events:
        """Every end of a main process."""
        return self.kind("exited")

    def restarts(self, service: str) -> int:
        """How many times a service was started again after its first start."""
        return max(0, len(self.of(service).starts()) - 1)

    def first(self, service: str, kind: str) -> Event | None:
        """The first event of a kind of a service, or `None`."""
        return next(iter(self.of(service).kind(kind)), None)

    def services(self) -> list[str]:
        """The services in the order they were first seen."""
        return list(dict.fromkeys(e.service for e in self))

    def restart_seconds(self, service: str) -> list[float]:
        """For each time a service ended and came back: seconds from its end to ready again.

        Where no readiness was seen before the next end, the start counts instead.
        """
        out, ended, started = [], None, None
        for event in self.of(service):
            if event.kind == "exited":
                if ended is not None and started is not None:
                    out.append(started - ended)
                ended, started = event.time, None
            elif event.kind == "started" and ended is not None and started is None:
                started = event.time
            elif event.kind == "ready" and ended is not None:
                out.append(event.time - ended)
                ended = started = None
        if ended is not None and started is not None:
            out.append(started - ended)
        return out
