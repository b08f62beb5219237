"""The life of a lab's services over time, as a picture (SVG) and as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from helpers.probes.events import Event, Events
from helpers.probes.watch import STEP

__all__ = ["Timeline"]

_LEFT, _WIDTH, _ROW, _TOP, _AXIS = 90, 620, 34, 26, 30
_SAID = {
    "started": "started",
    "ready": "ready",
    "exited": "ended",
    "signalled": "was sent",
    "asked": "was asked to",
    "fault": "fault:",
}
_UP, _READY, _END, _FAULT = "#b9cfe8", "#4f86c6", "#c62828", "#8e24aa"


@dataclass(frozen=True)
class _Bar:
    """One life of a main process."""

    pid: int
    start: float
    ready: float | None
    end: float | None


class Timeline:
    """Events of a lab drawn on one line per service, for the seconds from `begin` to `until`.

    Light blue: the main process runs; blue: it has been seen ready; a red mark: it ended; a triangle: a
    signal was sent to it; a diamond: a fault was made or undone. The text form lists all events.
    """

    def __init__(
        self, events: Events, until: float, services: Sequence[str] = (), begin: float = 0.0
    ) -> None:
        self.events = events
        self.begin = begin
        self.until = max(until, begin + 0.1)
        self.services = list(services) or events.services()

    def of(self, service: str) -> Events:
        """The events of one service."""
        return self.events.of(service)

    def restarts(self, service: str) -> int:
        """How many times a service was started again."""
        return self.events.restarts(service)

    def __str__(self) -> str:
        rows = [f"{event.time:8.3f} s  {event.service:<10} {_words(event)}" for event in self.events]
        return "\n".join([*rows, self._note()])

    __repr__ = __str__

    def _note(self) -> str:
        return f"(seen from outside, by reading the process table every {STEP * 1000:.0f} ms)"

    def _repr_html_(self) -> str:
        return self._repr_svg_()

    def _repr_svg_(self) -> str:
        height = _TOP + _ROW * len(self.services) + _AXIS
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 20}" height="{height}" '
            f'viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" role="img" '
            'style="font:12px system-ui,sans-serif;max-width:100%;color:var(--jp-content-font-color1,#222)">',
            "<title>Timeline of the lab's services</title>",
            f"<desc>{escape(str(self))}</desc>",
        ]
        parts += self._legend()
        for number, service in enumerate(self.services):
            parts += self._lane(service, _TOP + number * _ROW)
        return "".join([*parts, *self._axis(height), "</svg>"])

    def _x(self, time: float) -> float:
        share = (min(max(time, self.begin), self.until) - self.begin) / (self.until - self.begin)
        return round(_LEFT + _WIDTH * share, 1)

    def _legend(self) -> list[str]:
        parts, x = [], _LEFT
        for colour, word in ((_UP, "running"), (_READY, "ready"), (_END, "ended")):
            parts.append(f'<rect x="{x}" y="6" width="12" height="10" rx="2" fill="{colour}"/>')
            parts.append(f'<text x="{x + 17}" y="15" fill="currentColor">{word}</text>')
            x += 84
        parts.append(f'<path d="M{x + 2} 15l4 -8h-8z" fill="currentColor"/>')
        parts.append(f'<text x="{x + 10}" y="15" fill="currentColor">signal sent</text>')
        if len(self.events.kind("fault")):
            parts.append(f'<path d="M{x + 92} 7l4 4l-4 4l-4 -4z" fill="{_FAULT}"/>')
            parts.append(f'<text x="{x + 100}" y="15" fill="currentColor">fault, or its undo</text>')
        return parts

    def _lane(self, service: str, y: int) -> list[str]:
        parts = [f'<text x="0" y="{y + 20}" fill="currentColor" font-weight="600">{escape(service)}</text>']
        for bar in _bars(self.of(service)):
            end = self.until if bar.end is None else bar.end
            if end < self.begin:
                continue
            for begin, colour in ((bar.start, _UP), (bar.ready, _READY)):
                if begin is not None:
                    x, width = self._x(begin), max(self._x(end) - self._x(begin), 1.0)
                    parts.append(
                        f'<rect x="{x}" y="{y + 8}" width="{width:.1f}" height="16" rx="2" fill="{colour}">'
                        f"<title>{escape(service)}, PID {bar.pid}</title></rect>"
                    )
            if bar.end is not None:
                x = self._x(bar.end)
                parts.append(f'<rect x="{x - 1.5}" y="{y + 5}" width="3" height="22" fill="{_END}"/>')
            x = self._x(bar.start if bar.ready is None else bar.ready)
            if self._x(end) - x > 50:
                colour = "#10243a" if bar.ready is None else "#fff"
                label = (
                    f'<text x="{x + 6:.1f}" y="{y + 20}" fill="{colour}" font-size="11">PID {bar.pid}</text>'
                )
                parts.append(label)
        for event in self.of(service).kind("signalled").after(self.begin):
            x = self._x(event.time)
            title = f"<title>{escape(event.detail)}</title>"
            parts.append(f'<path d="M{x} {y + 2}l4 -7h-8z" fill="currentColor">{title}</path>')
        for event in self.of(service).kind("fault").after(self.begin):
            x = self._x(event.time)
            title = f"<title>{escape(event.detail)}</title>"
            parts.append(f'<path d="M{x} {y + 26}l4 4l-4 4l-4 -4z" fill="{_FAULT}">{title}</path>')
        return parts

    def _axis(self, height: int) -> list[str]:
        y = height - _AXIS + 4
        parts = [f'<path d="M{_LEFT} {y}h{_WIDTH}" stroke="currentColor" stroke-width="1" fill="none"/>']
        step = _nice(self.until - self.begin)
        tick = math.ceil(self.begin / step)
        while tick * step <= self.until:
            x = self._x(tick * step)
            parts.append(f'<path d="M{x} {y}v5" stroke="currentColor"/>')
            label = f"{tick * step:g} s"
            parts.append(
                f'<text x="{x}" y="{y + 18}" text-anchor="middle" fill="currentColor">{label}</text>'
            )
            tick += 1
        return parts


def _bars(events: Events) -> list[_Bar]:
    bars: list[_Bar] = []
    start: Event | None = None
    ready: float | None = None
    for event in events:
        if event.kind == "started":
            start, ready = event, None
        elif event.kind == "ready":
            ready = event.time
        elif event.kind == "exited" and start is not None:
            bars.append(_Bar(start.pid, start.time, ready, event.time))
            start = None
    if start is not None:
        bars.append(_Bar(start.pid, start.time, ready, None))
    return bars


def _nice(span: float) -> float:
    """A step of 1, 2 or 5 times a power of ten that gives four to ten ticks."""
    step = 0.001
    while True:
        for factor in (1, 2, 5):
            if span / (step * factor) <= 10:
                return step * factor
        step *= 10


def _words(event: Event) -> str:
    said = _SAID[event.kind]
    extra = f" {event.detail}" if event.detail else ""
    return f"{said}{extra} (PID {event.pid})" if event.pid else f"{said}{extra}"
