"""A recording: the life of a lab's processes, kept, asked and saved.

Saved as JSON lines: the first line is the header, then one event a line in the order of their times. It can
be read, and shown, on a computer that runs no lab.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from helpers.errors import LabError
from helpers.probes.events import KINDS, Event, Events, Order

if TYPE_CHECKING:
    from helpers.show.recording import RecordingTimeline
    from helpers.show.recording_view import RecordingView

__all__ = ["FORMAT", "Asked", "Header", "Recording"]

FORMAT = 1
T = TypeVar("T")
_ADAPTERS: dict[type[Any], Any] = {}
_DEFAULTS = {f.name: f.default for f in fields(Event)[4:]}


@dataclass(frozen=True)
class Header:
    """How a recording was made: what its times and facts are worth.

    `source` is where the events come from (`connector`, `connector+tracing` or `polling`); `resolution` is
    seconds: 0 where the kernel reports every event, else the longest time between two looks at the process
    table. `until` is when the recording ended. `lost` counts the kernel's events that were missed.
    `clock` says what time zero is. `facts` says in a sentence for each kind how well it is known. `notes`
    are what went wrong or had to be done without. `machine` holds the kernel, the architecture and the
    number of processors.
    """

    stack: str = ""
    init: str = ""
    engine: str = ""
    source: str = ""
    resolution: float = 0.0
    clock: str = ""
    until: float = 0.0
    lost: int = 0
    services: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)


class Asked:
    """The questions a recording answers, finished or still running."""

    @property
    def header(self) -> Header:
        """How it was made."""
        raise NotImplementedError

    @property
    def events(self) -> Events:
        """Everything, in the order of the times."""
        raise NotImplementedError

    @property
    def source(self) -> str:
        """Where the events come from: `connector`, `connector+tracing` or `polling`."""
        return self.header.source

    @property
    def resolution(self) -> float:
        """Seconds: 0 where the kernel reported every event, else the longest time between two looks."""
        return self.header.resolution

    @property
    def lost(self) -> int:
        """How many of the kernel's events were missed."""
        return self.header.lost

    def of(self, service: str) -> Events:
        """The events of a service. Raises `LabError` for one the recording does not know."""
        events, names = self.events, self.header.services
        if service not in names and service not in events.services():
            raise LabError(
                f"the recording knows no service {service!r}", hint=f"its services: {', '.join(names)}"
            )
        return events.of(service)

    def kind(self, *kinds: str) -> Events:
        """The events of one kind, or of several."""
        return self.events.kind(*kinds)

    def find(self, what: str) -> Events:
        """The events called `"service kind"` or `"service kind word"`: see `Events.find`."""
        return self.events.find(what)

    def first(self, service: str, kind: str) -> Event | None:
        """The first event of a kind of a service, or `None`."""
        return self.of(service).first(service, kind)

    def before(self, a: str | Event, b: str | Event) -> Order:
        """Whether `a` happened before `b` (see `Events.happens_before`): true only where it is certain.

        >>> rec.before("redis ready", "app exec python3")      # doctest: +SKIP
        """
        order = self.events.happens_before(a, b)
        if self.lost and order.verdict == "missing":
            return Order(order.verdict, f"{order.said} (the recorder missed {self.lost} events)")
        return order

    def assert_before(self, a: str | Event, b: str | Event) -> Order:
        """As `before`; raises `LabError` with what was seen instead unless it certainly holds."""
        order = self.before(a, b)
        if not order:
            raise LabError(order.said, hint="rec.timeline()")
        return order

    def boot_seconds(self) -> float | None:
        """Seconds from PID 1's exec until the last service was first ready; `None` if one never was."""
        firsts = [self.events.first(name, "ready") for name in self.header.services]
        times = [event.time for event in firsts if event is not None]
        return max(times) if times and len(times) == len(firsts) else None

    def timeline(
        self, *services: str, begin: float | None = None, end: float | None = None
    ) -> RecordingTimeline:
        """A picture with a lane for each service (or for those named), and all events as text."""
        from helpers.show.recording import RecordingTimeline

        return RecordingTimeline(self._finished(), services, begin, end)

    def _repr_html_(self) -> str:
        return self.timeline()._repr_svg_()

    def view(self) -> RecordingView:
        """An interactive timeline: zoom, filter, details under the mouse."""
        from helpers.show.recording_view import RecordingView

        return RecordingView(self._finished())

    def save(self, path: str | Path) -> Path:
        """Write JSON lines to `path`. Raises `LabError` when it cannot be written."""
        target = Path(path)
        try:
            target.write_text(self._finished().dumps())
        except OSError as error:
            raise LabError(f"cannot write the recording to {target}: {error.strerror}") from None
        return target

    def _finished(self) -> Recording:
        return Recording(self.header, self.events)


class Recording(Asked):
    """A finished recording. `Recording.load(path)` reads a saved one."""

    def __init__(self, header: Header, events: Events) -> None:
        self._header = header
        self._events = events

    @property
    def header(self) -> Header:
        """See `Asked.header`."""
        return self._header

    @property
    def events(self) -> Events:
        """See `Asked.events`."""
        return self._events

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        h = self._header
        lost = f", {h.lost} lost" if h.lost else ""
        return (
            f"<recording of {h.stack} under {h.init}: {len(self)} events{lost}, {h.until:.1f} s, {h.source}>"
        )

    def dumps(self) -> str:
        """The JSON lines."""
        header = {"initlab": "recording", "format": FORMAT, **asdict(self._header)}
        return "".join(json.dumps(row) + "\n" for row in [header, *map(_to_row, self._events)])

    @classmethod
    def load(cls, path: str | Path) -> Recording:
        """Read a saved recording.

        A last line that breaks off (its writer was killed) is left out, and a note says so. Raises
        `LabError` naming the file and the line of anything else that cannot be read.
        """
        source = Path(path)
        try:
            text = source.read_bytes().decode()
        except OSError as error:
            raise LabError(f"cannot read the recording {source}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise LabError(f"{source} is not a recording: byte {error.start} is not UTF-8 text") from None
        return cls.loads(text, str(source))

    @classmethod
    def loads(cls, text: str, name: str = "recording") -> Recording:
        """As `load`, from text; `name` is what errors call it."""
        lines = text.splitlines()
        header = _read_header(lines[0] if lines else "", name)
        events, broken = [], ""
        for number, line in enumerate(lines[1:], 2):
            try:
                events.append(_from_row(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                if number == len(lines) and not text.endswith("\n"):
                    broken = (
                        f"line {number} breaks off and was left out: the recorder was ended while it wrote"
                    )
                    break
                raise LabError(
                    f"{name}, line {number}: not an event ({error}): {line[:60]!r}",
                    hint="record it again, or remove that line",
                ) from None
        events.sort(key=lambda event: event.time)
        if broken:
            header = Header(**{**header.__dict__, "notes": (*header.notes, broken)})
        return cls(header, Events(events))


def _to_row(event: Event) -> dict[str, Any]:
    row: dict[str, Any] = {"t": round(event.time, 6), "service": event.service}
    row |= {"kind": event.kind, "pid": event.pid}
    for name, default in _DEFAULTS.items():
        value = getattr(event, name)
        if value != default:
            row[name] = round(value, 6) if name == "slack" else value
    return row


def _from_row(row: Any) -> Event:
    if not isinstance(row, dict):
        raise TypeError("it is no JSON object")
    if row.get("kind") not in KINDS:
        raise ValueError(f"there is no kind {row.get('kind')!r}")
    if unknown := row.keys() - _DEFAULTS.keys() - {"t", "service", "kind", "pid"}:
        raise ValueError(f"there is no field {sorted(unknown)[0]!r}")
    event = _checked(Event, {**row, "time": row.get("t")})
    if not math.isfinite(event.time):
        raise ValueError(f"{event.time} is no time")
    return event


def _checked(kind: type[T], values: dict[str, Any]) -> T:
    """An object of a dataclass, with the types it declares. Raises `ValueError`."""
    from pydantic import TypeAdapter, ValidationError

    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        adapter = _ADAPTERS[kind] = TypeAdapter(kind)
    try:
        made: T = adapter.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return made


def _read_header(line: str, name: str) -> Header:
    hint = "a recording is written by rec.save(path)"
    try:
        row = json.loads(line)
        if not isinstance(row, dict) or row.pop("initlab") != "recording":
            raise ValueError("it is no header of a recording")
        version = row.pop("format")
    except (ValueError, KeyError) as error:
        raise LabError(f"{name}, line 1: not a recording ({error})", hint=hint) from None
    if version != FORMAT:
        raise LabError(
            f"{name} has format {version!r}, this initlab reads format {FORMAT}", hint="upgrade initlab"
        )
    try:
        return _checked(Header, row)
    except ValueError as error:
        raise LabError(f"{name}, line 1: not a recording ({error})", hint=hint) from None
