"""The dependency graph of a running lab: a picture of this moment, and a view that follows it.

The view is built from ipywidgets. Where no widget can be shown (a saved notebook, a terminal, CI) the same
picture appears once, as it is at that moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from helpers.errors import InitlabError, LabError, SandboxGone
from helpers.manifest import own_seconds
from helpers.show.dashboard import SILENT
from helpers.show.graph import DependencyGraph, dependency_graph

if TYPE_CHECKING:
    from helpers.lab import Lab

__all__ = ["LiveGraph", "measured_seconds", "snapshot"]

_STEP = 0.2
_ASK_EVERY = 2.0  # seconds: the init is asked by a command inside, which is not for every step


def snapshot(lab: Lab, seconds: Mapping[str, float] | None = None) -> DependencyGraph:
    """The graph of a lab's manifest: in a running lab with the state of each service.

    A state is the init's own word, or `ready` once our probe has found this very process ready: it is not
    asked again, so a service stays `ready` while something it needs is down. `seconds` is as for
    `dependency_graph`; by default `measured_seconds(lab)`.
    """
    took = measured_seconds(lab) if seconds is None else dict(seconds)
    title = f"{lab.manifest.name} under {lab.init.title}"
    return dependency_graph(lab.manifest, state=_states(lab), seconds=took, title=title)


def measured_seconds(lab: Lab) -> dict[str, float]:
    """How long each service took itself when the lab booted: `own_seconds` of its events, of the first
    main process that was seen ready.

    Empty until every longrun has been ready once: half a boot has no critical path. Oneshots and bundles
    are not watched, so they count as taking no time, and what a oneshot took is charged to who needs it.
    """
    events = lab.events()
    first = {name: seen for name in _longruns(lab) if (seen := events.first(name, "ready"))}
    if len(first) < len(_longruns(lab)):
        return {}
    started = {
        event.service: event.time
        for event in events.starts()
        if event.service in first and event.pid == first[event.service].pid
    }
    return own_seconds(lab.manifest, {name: seen.time for name, seen in first.items()}, started)


def _longruns(lab: Lab) -> list[str]:
    return [service.name for service in lab.manifest.services if service.kind == "longrun"]


def _states(lab: Lab) -> dict[str, str]:
    """Of each service; none in a lab that was not started, all `down` in one that has ended."""
    try:
        return {row.name: "ready" if row.ready else row.state for row in lab.status()}
    except SandboxGone:
        return _all_down(lab)
    except LabError:
        return _all_down(lab) if len(lab.events()) else {}


def _all_down(lab: Lab) -> dict[str, str]:
    return {service.name: "down" for service in lab.manifest.services}


class LiveGraph:
    """The graph of `lab`, redrawn when something changes. Show it as the last line of a cell.

    It stops by itself when the lab is closed; `close()` stops it before.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._over = threading.Event()
        self._widget: Any = None
        self._seen: object = None
        self._asked = 0.0
        self._rounds = 0
        self._picture = snapshot(lab)

    def __str__(self) -> str:
        return str(self._now())

    __repr__ = __str__

    def _now(self) -> DependencyGraph:
        if not self._over.is_set():
            self._picture = snapshot(self._lab)
        return self._picture

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        """A front end takes the richest form it can show."""
        picture = self._now()
        bundle: dict[str, Any] = dict(picture._repr_mimebundle_())
        widget = self._get_widget()
        if widget is not None:
            bundle.update(widget._repr_mimebundle_() or {})
            bundle["text/plain"] = str(picture)
        return bundle

    def _get_widget(self) -> Any:
        if self._widget is None:
            try:
                import ipywidgets
            except ImportError:
                return None
            self._drawing, self._pulse = ipywidgets.HTML(), ipywidgets.HTML()
            self._widget = ipywidgets.VBox([self._drawing, self._pulse])
            self.refresh()
            threading.Thread(target=self._keep_fresh, name="initlab-graph", daemon=True).start()
        return self._widget

    def refresh(self) -> bool:
        """Bring the picture up to date now; False when the lab has ended and nothing more will come.

        What is seen from outside is looked at each time. The init itself is asked when that has changed,
        and every two seconds as long as something is not ready.
        """
        try:
            rows = list(self._lab.glance())
            seen = [(row.name, row.pid, row.ready) for row in rows]
            calm = all(row.ready for row in rows)
            now = time.monotonic()
            if seen != self._seen or (not calm and now - self._asked > _ASK_EVERY):
                self._picture = snapshot(self._lab)
                self._seen, self._asked = seen, now
            ended = ""
        except InitlabError as error:
            self._over.set()
            self._picture = dependency_graph(
                self._lab.manifest, state=_all_down(self._lab), title=self._picture.title
            )
            ended = escape(error.message)
        if self._widget is not None:
            drawn = f"<p><b>{escape(self._picture.title)}</b> {ended}</p>{self._picture.svg}"
            if self._drawing.value != drawn:
                self._drawing.value = drawn
            self._rounds += 1
            # Text that has not changed would not be sent.
            self._pulse.value = "" if self._over.is_set() else f"{SILENT}<!-- {self._rounds} -->"
        return not ended

    def _keep_fresh(self) -> None:
        while not self._over.wait(_STEP) and self.refresh():
            pass

    def close(self) -> None:
        """Stop following. What was last shown stays on the screen."""
        self._over.set()
        if self._widget is not None:
            self._pulse.value = ""
