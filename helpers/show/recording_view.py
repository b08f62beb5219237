"""A recording to be looked through: zoom, filter, details under the mouse.

An anywidget. Where no widget can be shown (a saved notebook, a terminal, CI) the static picture and the text
stand in for it. The kernel is not needed once it is drawn: everything is in the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers.probes.recording import Recording
from helpers.show.recording import RecordingTimeline, caption
from helpers.show.recording_lanes import REST, Bar, lanes, words

__all__ = ["RecordingView"]

_SCRIPT = Path(__file__).with_suffix(".js")


class RecordingView:
    """An interactive timeline of a recording. Show it as the last line of a cell."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._widget: Any = None

    def __str__(self) -> str:
        return str(RecordingTimeline(self.recording))

    __repr__ = __str__

    def data(self) -> dict[str, Any]:
        """What the page draws: lanes of bars, and the events in words. Times in seconds."""
        still = RecordingTimeline(self.recording)
        init = self.recording.header.init or "init"
        return {
            "begin": still.begin,
            "end": still.end,
            "caption": caption(self.recording),
            "notes": list(self.recording.header.notes),
            "lanes": [
                {"name": lane.name or init, "rows": lane.rows, "bars": [_bar(bar) for bar in lane.bars]}
                for lane in lanes(self.recording)
            ],
            "events": [
                {"t": e.time, "kind": e.kind, "lane": e.service or init, "pid": e.pid, "words": words(e)}
                for e in self.recording.events
            ],
        }

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        """A front end takes the richest form it can show."""
        bundle = {"text/plain": str(self), "text/html": RecordingTimeline(self.recording)._repr_svg_()}
        widget = self._get_widget()
        if widget is not None:
            given = widget._repr_mimebundle_() or {}
            # anywidget gives the metadata too, ipywidgets the data alone.
            bundle = {**(given[0] if isinstance(given, tuple) else given), **bundle}
        return bundle

    def _get_widget(self) -> Any:
        if self._widget is None:
            try:
                import anywidget
                import traitlets
            except ImportError:  # not in a notebook's environment
                return None
            kind = type(
                "RecordingWidget",
                (anywidget.AnyWidget,),
                {"_esm": _SCRIPT.read_text(), "data": traitlets.Dict().tag(sync=True)},
            )
            self._widget = kind(data=self.data())
        return self._widget


def _bar(bar: Bar) -> dict[str, Any]:
    return {
        "row": bar.row,
        "main": bar.main or (bar.service == REST and bar.pid == 1),
        "pid": bar.pid,
        "comm": bar.comm,
        "start": bar.start,
        "ready": bar.ready,
        "end": bar.end,
        "reaped": bar.reaped,
        "outcome": bar.outcome,
        "title": bar.title(),
        "marks": [
            {"t": e.time, "kind": e.kind, "words": words(e)} for e in bar.marks if e.signal != "SIGCHLD"
        ],
    }
