"""A recording as a picture (SVG, PNG) and as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from helpers.errors import LabError
from helpers.probes.events import Events
from helpers.probes.recording import Recording
from helpers.show.recording_lanes import REST, Bar, Lane, lanes, words
from helpers.show.scene import INK, Scene

__all__ = ["RecordingTimeline", "caption"]

_LEFT, _WIDTH, _TOP, _AXIS = 92, 660, 50, 44
_MAIN, _OTHER, _GAP = 20, 13, 12
_MOST_ROWS = 9
_MOST_LINES = 1000
_CLOSE = 0.4  # pixels: helpers closer together than this are drawn as one
_UP, _READY, _HELPER, _ZOMBIE = "#b9cfe8", "#4f86c6", "#c9d3de", "#8d6e63"
_LISTEN = "#2e7d32"
_ENDS = {"0": "#455a64", "failed": "#c62828", "unseen": "#f9a825"}


class RecordingTimeline:
    """A recording drawn with a lane for each service, from `begin` to `end` seconds.

    Tall bars are main processes (light: running, darker: ready), low ones what they have started; a brown
    line is a zombie that waits to be reaped. Marks are explained in the picture's first lines. The text form
    lists the events, the first thousand of them.
    """

    def __init__(
        self,
        recording: Recording,
        services: Sequence[str] = (),
        begin: float | None = None,
        end: float | None = None,
    ) -> None:
        known = [*recording.header.services, *recording.events.services()]
        for name in services:
            if name not in known:
                raise LabError(f"the recording knows no service {name!r}", hint=f"it has {', '.join(known)}")
        self.recording = recording
        self.services = tuple(services)
        times = [event.time for event in recording.events]
        until = max([recording.header.until, *times])
        # A recording that began late has nothing to show from before, but what was found there.
        found = [event.time for event in recording.kind("found")]
        self.begin = begin if begin is not None else min(found, default=0.0)
        self.end = max(until if end is None else end, self.begin + 0.001)

    # -- text ---------------------------------------------------------------------------------

    def _shown(self) -> Events:
        events = self.recording.events.between(self.begin, self.end)
        return Events(e for e in events if not self.services or e.service in self.services)

    def __str__(self) -> str:
        init, shown = self.recording.header.init or "init", self._shown()
        width = max([len(init), *(len(event.service) for event in shown)])
        first = list(shown)[:_MOST_LINES]
        rows = [f"{e.time:9.4f} s  {e.service or init:<{width}}  {words(e)}" for e in first]
        if len(shown) > len(first):
            rows.append(f"… and {len(shown) - len(first)} more events")
        return "\n".join([*rows, f"({caption(self.recording)})"])

    __repr__ = __str__

    # -- picture ------------------------------------------------------------------------------

    def scene(self) -> Scene:
        """The picture, to be written as SVG or PNG."""
        found = lanes(self.recording, self.services)
        height = _TOP + sum(_height(lane) for lane in found) + _AXIS
        head = self.recording.header
        scene = Scene(_LEFT + _WIDTH + 20, height, f"Recording of {head.stack} under {head.init}", str(self))
        self._legend(scene)
        y = float(_TOP)
        for lane in found:
            self._lane(scene, lane, y)
            y += _height(lane)
        self._axis(scene, y)
        return scene

    def _repr_svg_(self) -> str:
        return self.scene().svg()

    def _repr_html_(self) -> str:
        return self._repr_svg_()

    def svg(self, path: str | Path) -> Path:
        """Write the picture to `path` as SVG."""
        return _write(path, self.scene().svg().encode())

    def png(self, path: str | Path) -> Path:
        """Write the picture to `path` as PNG."""
        return _write(path, self.scene().png())

    def _x(self, time: float) -> float:
        share = (min(max(time, self.begin), self.end) - self.begin) / (self.end - self.begin)
        return _LEFT + _WIDTH * share

    def _legend(self, scene: Scene) -> None:
        x = float(_LEFT)
        for colour, word in ((_UP, "running"), (_READY, "ready"), (_HELPER, "its helpers")):
            scene.rect(x, 8, 12, 10, colour)
            scene.text(x + 17, 17, word, 11)
            x += 24 + 7 * len(word)
        scene.line(x, 13, x + 14, 13, _ZOMBIE, 3)
        scene.text(x + 19, 17, "zombie", 11)
        x = float(_LEFT)
        ends = {"status 0": "0", "otherwise": "failed", "how unseen": "unseen"}
        polled = self.recording.header.source == "polling"
        marks = (
            ["exec", "how unseen", "signal", "reaped"]
            if polled
            else ["exec", "status 0", "otherwise", "signal", "listens", "reaped"]
        )
        for word in marks:
            match word:
                case "exec":
                    scene.line(x + 5, 25, x + 5, 39, INK, 1)
                case "signal":
                    scene.triangle(x + 5, 37, 9)
                case "listens":
                    scene.diamond(x + 5, 32, 4.5, _LISTEN)
                case "reaped":
                    scene.ring(x + 5, 32, 3.5)
                case _:
                    scene.rect(x + 4, 25, 3, 14, _ENDS[ends[word]])
                    word = f"ended, {word}"
            scene.text(x + 14, 36, word, 11)
            x += 28 + 6.4 * len(word)

    def _lane(self, scene: Scene, lane: Lane, y: float) -> None:
        scene.line(0, y, _LEFT + _WIDTH, y, "#d0d7de", 1)
        name = lane.name if lane.name != REST else (self.recording.header.init or "init")
        scene.text(2, y + 20, name, 13)
        rows = _rows(lane)
        hidden = sum(bar.row >= len(rows) and self._in_sight(bar) for bar in lane.bars)
        drawn: dict[int, float] = {}  # row → where its last bar ends
        for bar in lane.bars:
            if bar.row < len(rows) and self._in_sight(bar):
                right = self._x(self.end if bar.end is None else bar.end)
                if bar.main or right > drawn.get(bar.row, 0.0) + _CLOSE:
                    top, height = rows[bar.row]
                    self._bar(scene, bar, y + top, height)
                    drawn[bar.row] = right
        if hidden:
            scene.text(2, y + 34, f"+ {hidden} more", 10)

    def _in_sight(self, bar: Bar) -> bool:
        gone = bar.reaped if bar.reaped is not None else bar.end
        return bar.start <= self.end and (gone is None or gone >= self.begin)

    def _bar(self, scene: Scene, bar: Bar, y: float, height: float) -> None:
        end = self.end if bar.end is None else bar.end
        x, right, middle = self._x(bar.start), self._x(end), y + height / 2
        scene.rect(x, y, max(right - x, 1.2), height, _UP if bar.main else _HELPER, bar.title())
        if bar.ready is not None and bar.ready <= end:
            left = self._x(bar.ready)
            scene.rect(left, y, max(right - left, 1.2), height, _READY, bar.title())
        for event in bar.marks:
            self._mark(scene, bar, event.kind, event.time, y, height, words(event))
        self._label(scene, bar, x, right, y, height)
        if bar.end is None or not self.begin <= bar.end <= self.end:
            return
        gone = self._x(self.end if bar.reaped is None else bar.reaped)
        if gone - right > 2:
            scene.line(right, middle, gone, middle, _ZOMBIE, 3 if bar.main else 2)
        extra = 3 if bar.main else 1
        scene.rect(right - 1, y - extra, 2.4, height + 2 * extra, _ENDS[bar.outcome], bar.title())
        if bar.reaped is not None and bar.reaped <= self.end and (bar.main or gone - right > 2):
            scene.ring(gone + (0 if gone - right > 5 else 5), middle, 3.2, INK, bar.title())

    def _mark(
        self, scene: Scene, bar: Bar, kind: str, time: float, y: float, height: float, title: str
    ) -> None:
        if not self.begin <= time <= self.end:
            return
        x = self._x(time)
        if kind == "exec":
            scene.line(x, y - 1, x, y + height + 1, INK, 0.8)
        elif kind in ("signal", "signalled") and not title.endswith("SIGCHLD") and "SIGCHLD" not in title:
            scene.triangle(x, y + 1, 8 if bar.main else 6, INK, title)
        elif kind == "listen":
            scene.diamond(x, y + height, 4, _LISTEN, title)

    def _label(self, scene: Scene, bar: Bar, x: float, right: float, y: float, height: float) -> None:
        """PID and program, where they fit; white on the part that is ready."""
        ready = self._x(bar.ready) if bar.ready is not None else right
        name = f"{bar.pid} {bar.comm}"
        size, wide = (10.5, 6.0) if bar.main else (8.5, 4.9)
        base = y + height / 2 + size * 0.36
        for begin, end, colour in ((ready, right, "#ffffff"), (x, ready, "#10243a")):
            for text in (name, str(bar.pid)):
                if end - begin > wide * len(text) + 8:
                    scene.text(begin + 4, base, text, size, colour)
                    return

    def _axis(self, scene: Scene, y: float) -> None:
        scene.line(_LEFT, y, _LEFT + _WIDTH, y, INK)
        step = _nice(self.end - self.begin)
        tick = math.ceil(self.begin / step)
        while tick * step <= self.end:
            x = self._x(tick * step)
            scene.line(x, y, x, y + 5, INK)
            scene.text(x, y + 17, f"{tick * step:g} s", 11, INK, "middle")
            tick += 1
        scene.text(2, y + 36, caption(self.recording), 10.5)


def caption(recording: Recording) -> str:
    """Where the events come from, and how well they are known."""
    head = recording.header
    if head.source == "polling":
        how = f"by reading the process table; the longest gap was {head.resolution * 1000:.0f} ms"
    else:
        how = f"from the kernel ({head.source}); {head.lost or 'no'} events lost"
    return f"{len(recording)} events {how}"


def _rows(lane: Lane) -> list[tuple[float, float]]:
    """Top and height of each row that is drawn."""
    mains = 1 + max((bar.row for bar in lane.bars if bar.main), default=-1)
    out: list[tuple[float, float]] = []
    y = 7.0
    for row in range(min(lane.rows, _MOST_ROWS)):
        height = _MAIN if row < mains else _OTHER
        out.append((y, height - (0 if row < mains else 2)))
        y += height + 3 if row < mains else height
    return out


def _height(lane: Lane) -> float:
    top, height = _rows(lane)[-1]
    return max(top + height + _GAP, 40.0)


def _nice(span: float) -> float:
    """A step of 1, 2 or 5 times a power of ten that gives four to ten ticks."""
    step = 10.0 ** math.floor(math.log10(span) - 1)
    while True:
        for factor in (1, 2, 5):
            if span / (step * factor) <= 10:
                return step * factor
        step *= 10


def _write(path: str | Path, data: bytes) -> Path:
    target = Path(path)
    try:
        target.write_bytes(data)
    except OSError as error:
        raise LabError(f"cannot write the picture to {target}: {error.strerror}") from None
    return target
