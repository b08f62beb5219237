"""A recording as lanes: the processes of each service, one bar for each life, packed into rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from helpers.probes.events import Event
from helpers.probes.recording import Recording

__all__ = ["REST", "Bar", "Lane", "lanes", "words"]

REST = ""
"""The name of the lane of what belongs to no service: the init's own processes."""


@dataclass
class Bar:
    """One process. Times in seconds; `end` and `reaped` are `None` while it runs, or is a zombie."""

    service: str
    pid: int
    outside: int | None
    start: float
    main: bool = False
    comm: str = ""
    argv: tuple[str, ...] = ()
    by: int | None = None
    ready: float | None = None
    end: float | None = None
    status: int | None = None
    signal: str = ""
    reaped: float | None = None
    reaper: int | None = None
    row: int = 0
    marks: list[Event] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """`0` where it ended with status 0, `failed` with another or by a signal, `unseen` where that is not
        known."""
        if self.signal or self.status:
            return "failed"
        return "unseen" if self.status is None else "0"

    def title(self) -> str:
        """What it was, and how it ended."""
        name = " ".join(self.argv) or self.comm or "?"
        parts = [f"PID {self.pid or '?'}: {name[:120]}"]
        parts.append(f"from {self.start:.4f} s" + (f", made by PID {self.by}" if self.by else ""))
        if self.ready is not None:
            parts.append(f"ready at {self.ready:.4f} s")
        if self.end is not None:
            parts.append(f"ended at {self.end:.4f} s {_ending(self.status, self.signal)}".rstrip())
        if self.reaped is not None:
            whom = f" by PID {self.reaper}" if self.reaper else ""
            parts.append(f"reaped{whom} at {self.reaped:.4f} s")
        elif self.end is not None:
            parts.append("not reaped: a zombie")
        return "\n".join(parts)


@dataclass
class Lane:
    """The processes of one service (or, under the name `REST`, of none), and how many rows they take."""

    name: str
    bars: list[Bar]
    rows: int


def lanes(recording: Recording, services: Sequence[str] = (), rest: bool = True) -> list[Lane]:
    """A lane for each service (or for those named), and last, with `rest`, one for what belongs to none."""
    bars = _bars(recording)
    names = list(services) or list(dict.fromkeys([*recording.header.services, *recording.events.services()]))
    out = [_pack(name, [bar for bar in bars if bar.service == name]) for name in names]
    if rest and not services:
        out.append(_pack(REST, [bar for bar in bars if bar.service == REST]))
    return out


def _bars(recording: Recording) -> list[Bar]:
    open_: dict[tuple[str, int], Bar] = {}
    bars: list[Bar] = []
    for event in recording.events:
        if not event.pid and event.outside is None:
            continue
        key = ("outside", event.outside) if event.outside is not None else ("pid", event.pid)
        bar = open_.get(key)
        if bar is None or event.kind in ("fork", "found"):
            if event.kind not in ("fork", "found", "exec"):
                continue
            bar = open_[key] = Bar(event.service, event.pid, event.outside, event.time, by=event.by)
            bars.append(bar)
        _tell(bar, event)
        if event.kind == "reaped":
            del open_[key]
    return bars


def _tell(bar: Bar, event: Event) -> None:
    bar.main = bar.main or event.main
    if event.kind in ("fork", "found", "exec"):
        bar.comm, bar.argv = event.comm or bar.comm, event.argv
    if event.kind == "ready":
        bar.ready = event.time
    elif event.kind == "exit":
        bar.end, bar.status, bar.signal = event.time, event.status, event.signal
    elif event.kind == "reaped":
        bar.reaped, bar.reaper = event.time, event.by
    if event.kind not in ("fork", "found", "exit", "reaped"):
        bar.marks.append(event)


def _pack(name: str, bars: list[Bar]) -> Lane:
    """Main processes in the first rows, the others below; no two bars of a row overlap."""
    below = 0
    for group in (True, False):
        free: list[float] = []
        for bar in (bar for bar in bars if bar.main is group):
            end = float("inf") if bar.end is None else max(bar.end, bar.reaped or bar.end)
            row = next((row for row, until in enumerate(free) if until <= bar.start), len(free))
            if row == len(free):
                free.append(0.0)
            free[row], bar.row = end, below + row
        below += len(free)
    return Lane(name, bars, max(below, 1))


def words(event: Event) -> str:
    """An event in words."""
    pid, said = f"PID {event.pid or '?'}", ""
    by = {None: "", 0: " from outside"}.get(event.by, f" by PID {event.by}")
    match event.kind:
        case "found":
            said = f"{pid} is there: {_program(event)}"
        case "fork":
            said = f"{pid} is made{by}"
        case "exec":
            said = f"{pid} becomes {_program(event)}"
        case "exit":
            said = f"{pid} ({event.comm or '?'}) ends {_ending(event.status, event.signal)}".rstrip()
        case "signal":
            said = f"{pid} ({event.comm or '?'}) is sent {event.signal}{by}"
        case "reaped":
            said = f"{pid} is reaped{by}"
        case "ready":
            said = f"{pid} is ready"
        case "listen":
            said = f"{pid} listens"
        case "signalled":
            return f"the lab's owner sends {event.detail} to {pid}"
        case "asked":
            return f"the lab's owner asks the init: {event.detail}"
        case _:
            said = f"{event.kind}"
    if event.detail and event.detail != "entered from outside":
        said += f": {event.detail}"
    return said if event.slack < 0.001 else f"{said} (or up to {event.slack * 1000:.0f} ms earlier)"


def _program(event: Event) -> str:
    line = " ".join(event.argv).strip()
    return line[:90] + (" …" if len(line) > 90 else "") if line else event.comm or "?"


def _ending(status: int | None, signal: str) -> str:
    return f"by {signal}" if signal else "" if status is None else f"with status {status}"
