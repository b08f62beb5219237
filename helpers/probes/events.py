"""What happened in a lab, and when: events, queryable.

Two kinds of logs use the same events. The lab's own watcher (`Lab.events`) notes what becomes of each
service's main process: `started`, `ready`, `exited`, `signalled`, `asked`. A recording (`Lab.record`) holds
the life of every process: `fork`, `exec`, `exit`, `signal`, `listen`, `reaped`, and `found` for what was
there before the recording began, besides `ready`, `signalled` and `asked`.

Times are seconds of the monotonic clock since the lab's PID 1 was executed (watcher: started).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from helpers.errors import LabError

__all__ = ["KINDS", "Event", "Events", "Order"]

KINDS = {
    "started": "its main process was seen first",
    "ready": "its readiness probe succeeded",
    "exited": "its main process was seen no more",
    "signalled": "the lab's owner sent it a signal",
    "asked": "the lab's owner gave the init a command",
    "found": "a process was there when the recording began",
    "fork": "a process was made",
    "exec": "a process became another program",
    "exit": "a process ended",
    "signal": "a process was sent a signal",
    "listen": "a process listens on a TCP port",
    "reaped": "a process that had ended was waited for, and is gone",
    "lost": "the recorder missed something",
}
_STARTS, _EXITS = ("started", "fork", "found"), ("exited", "exit")


@dataclass(frozen=True)
class Event:
    """One thing that happened. `kind` is a key of `KINDS`.

    `service` is the service whose main process it happened to, or to a descendant of it (then `main` is
    false); empty for the init's own processes. `pid` is seen from inside (0: not learned, because the
    process ended before anyone could ask), `outside` is the computer's number for it.

    `by` is the other process, by its PID inside: the parent (`fork`), who reaped, who sent the signal;
    0 is someone outside the lab, `None` is not known. `status` is an exit status, `signal` the name of the
    signal that was sent, or that ended the process. `detail` says more in words.

    `slack` is how much earlier than `time`, in seconds, it may really have happened: 0 where the kernel
    itself gave the time.
    """

    time: float
    service: str
    kind: str
    pid: int
    detail: str = ""
    outside: int | None = None
    by: int | None = None
    comm: str = ""
    argv: tuple[str, ...] = ()
    status: int | None = None
    signal: str = ""
    main: bool = False
    slack: float = 0.0

    def __str__(self) -> str:
        who = self.service or self.comm or "?"
        return f"{who} {self.kind} (PID {self.pid or '?'}) at {self.time:.4f} s"

    def words(self) -> set[str]:
        """What the event may be called by in a question, besides service and kind."""
        words = {self.comm, self.signal, self.detail, f"#{self.pid}"}
        words |= {self.argv[0], self.argv[0].rpartition("/")[2]} if self.argv else set()
        words.add("" if self.status is None else str(self.status))
        words.add("main" if self.main else "")
        return words - {""}


@dataclass(frozen=True)
class Order:
    """Whether one thing happened before another. True only where that is certain; `said` tells in words.

    `verdict` is `before`, `not before`, `cannot tell` (closer together than the times are known) or
    `missing` (one of the two did not happen).
    """

    verdict: str
    said: str

    def __bool__(self) -> bool:
        return self.verdict == "before"

    def __str__(self) -> str:
        return self.said


class Events:
    """A sequence of events in the order of their times.

    >>> events = Events([Event(0.1, "app", "started", 9), Event(0.5, "app", "exited", 9)])
    >>> [e.kind for e in events.of("app")]
    ['started', 'exited']
    >>> bool(events.happens_before("app started", "app exited"))
    True
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events = tuple(events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def __getitem__(self, number: int) -> Event:
        return self._events[number]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Events) and self._events == other._events

    def __hash__(self) -> int:
        return hash(self._events)

    def __str__(self) -> str:
        return "\n".join(map(str, self._events)) or "(no events)"

    # -- narrowing ----------------------------------------------------------------------------

    def of(self, service: str) -> Events:
        """The events of one service: its main process and what descends from it."""
        return Events(e for e in self if e.service == service)

    def kind(self, *kinds: str) -> Events:
        """The events of one kind, or of several."""
        return Events(e for e in self if e.kind in kinds)

    def pid(self, pid: int) -> Events:
        """The events of one PID (inside). A number may have had several owners."""
        return Events(e for e in self if e.pid == pid)

    def main(self) -> Events:
        """The events of main processes alone."""
        return Events(e for e in self if e.main or e.kind in ("started", "exited"))

    def after(self, time: float) -> Events:
        """The events later than `time` seconds."""
        return Events(e for e in self if e.time > time)

    def between(self, begin: float, end: float) -> Events:
        """The events from `begin` to `end` seconds, both included."""
        return Events(e for e in self if begin <= e.time <= end)

    def starts(self) -> Events:
        """Every start of a main process."""
        return Events(e for e in self if e.kind == "started" or (e.main and e.kind in _STARTS))

    def exits(self) -> Events:
        """Every end of a process."""
        return self.kind(*_EXITS)

    def find(self, what: str) -> Events:
        """The events called `"service kind"`, or `"service kind word"`, or `"- kind"` for any service.

        The word may be a program (`"app exec python3"`, or its path: a script may have the same name), a
        signal (`"app exit SIGKILL"`), an exit status (`"app exit 1"`), a PID (`"app fork #17"`), or `main`.
        Raises `LabError` for a kind there is none of.
        """
        service, kind, *words = what.split() if len(what.split()) >= 2 else (what, "")
        if kind not in KINDS:
            near = difflib.get_close_matches(kind, KINDS, 1)
            hint = f"did you mean {f'{service} {near[0]}'!r}?" if near else f"kinds: {', '.join(KINDS)}"
            raise LabError(f'{what!r} names no event: write "service kind", such as "app exec"', hint=hint)
        found = self.kind(kind) if service == "-" else self.of(service).kind(kind)
        return Events(e for e in found if e.words().issuperset(words))

    # -- answers ------------------------------------------------------------------------------

    def first(self, service: str, kind: str) -> Event | None:
        """The first event of a kind of a service, or `None`."""
        return next(iter(self.of(service).kind(kind)), None)

    def last(self, service: str, kind: str) -> Event | None:
        """The last event of a kind of a service, or `None`."""
        return next(iter(self.of(service).kind(kind)._events[::-1]), None)

    def happens_before(self, a: str | Event, b: str | Event) -> Order:
        """Whether `a` happened before `b`: events, or the first ones called so (see `find`).

        True only where it is certain: an event whose time is known to within `slack` may have happened
        that much earlier than its time says.
        """
        found = []
        for what in (a, b):
            event = what if isinstance(what, Event) else next(iter(self.find(what)), None)
            if event is None:
                return Order("missing", f"no {what!r} is in the recording: {self._had(str(what))}")
            found.append(event)
        one, two = found
        names = [what if isinstance(what, str) else f"{what.service} {what.kind}" for what in (a, b)]
        times = f"{names[0]} at {_when(one)}, {names[1]} at {_when(two)}"
        if one.time <= two.time - two.slack and one is not two and one.time < two.time:
            return Order("before", f"{names[0]} happened before {names[1]}: {times}")
        if one.time - one.slack >= two.time:
            return Order("not before", f"{names[0]} did not happen before {names[1]}: {times}")
        said = f"which of the two was first cannot be told, they lie too close together: {times}"
        return Order("cannot tell", said)

    def _had(self, what: str) -> str:
        service = what.split()[0]
        if service != "-" and service not in self.services():
            return f"it knows the services {', '.join(self.services()) or '(none)'}"
        mine = self if service == "-" else self.of(service)
        seen = dict.fromkeys(event.kind for event in mine)
        return f"of {service} it has {', '.join(f'{kind} ({len(mine.kind(kind))})' for kind in seen)}"

    def restarts(self, service: str) -> int:
        """How many times a service was started again after its first start."""
        return max(0, len(self.of(service).starts()) - 1)

    def services(self) -> list[str]:
        """The services in the order they were first seen."""
        return list(dict.fromkeys(e.service for e in self if e.service))

    def restart_seconds(self, service: str) -> list[float]:
        """For each time a service ended and came back: seconds from its end to ready again.

        Where no readiness was seen before the next end, the start counts instead.
        """
        out, ended, started = [], None, None
        for event in self.of(service):
            if event.kind == "exited" or (event.kind == "exit" and event.main):
                if ended is not None and started is not None:
                    out.append(started - ended)
                ended, started = event.time, None
            elif event.kind == "started" or (event.main and event.kind in _STARTS):
                if ended is not None and started is None:
                    started = event.time
            elif event.kind == "ready" and ended is not None:
                out.append(event.time - ended)
                ended = started = None
        if ended is not None and started is not None:
            out.append(started - ended)
        return out


def _when(event: Event) -> str:
    if event.slack <= 0:
        return f"{event.time:.4f} s"
    return f"{event.time:.4f} s (or up to {event.slack * 1000:.0f} ms earlier)"
