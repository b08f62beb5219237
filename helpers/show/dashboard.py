"""The live view of a lab: a table that moves, buttons that break things, a log tail, a timeline.

Built from ipywidgets. Where no widget can be shown (a saved notebook, a terminal, CI) the same table, log
and timeline appear once, as they are at that moment.
"""

from __future__ import annotations

import threading
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from helpers.errors import InitlabError, LabError
from helpers.show.status import StatusRow

if TYPE_CHECKING:
    from helpers.lab import Lab

__all__ = ["SILENT", "Dashboard"]

_STEP = 0.5
_COLUMNS = ("service", "state", "", "", "PID", "uptime", "restarts", "memory")
_GRID = "5.5em 7.5em 9.5em 11.5em 4em 6em 5.5em 6em"
_LOG_EVERY = 4  # refreshes: a log is read by a command inside
# A kernel that has ended cannot say so. Each refresh brings a new copy of this line, and with it a new
# animation: it is seen only when no refresh has come for as long as the delay.
SILENT = (
    "<style>@keyframes initlab-silent{from{max-height:0;opacity:0}to{max-height:3em;opacity:1}}"
    ".initlab-silent{max-height:0;opacity:0;overflow:hidden;color:#c62828;font-weight:600;"
    "animation:initlab-silent .3s 6s forwards}</style>"
    '<div class="initlab-silent">No news for 6 s: the kernel has ended or is stuck. What you see is what was '
    "seen last; run the cells from the top again.</div>"
)


class Dashboard:
    """A live view of `lab`. Show it as the last line of a cell; `close()` stops it.

    It stops by itself when the lab is closed.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._longruns = [s.name for s in lab.manifest.services if s.kind == "longrun"]
        self._message = ""
        self._rounds = 0
        self._over = threading.Event()
        self._widget: Any = None

    # -- without widgets ----------------------------------------------------------------------

    def __str__(self) -> str:
        parts = [repr(self._lab), str(self._lab.status()), str(self._lab.timeline())]
        return "\n\n".join(parts)

    __repr__ = __str__

    def _static_html(self) -> str:
        return f"<p>{self._title()}</p>{self._lab.status()._repr_html_()}{self._lab.timeline()._repr_svg_()}"

    def _title(self) -> str:
        name, init = escape(self._lab.manifest.name), escape(self._lab.init.title)
        return f"<b>{name}</b> under <b>{init}</b> as PID 1, {escape(self._lab.engine.name)} engine"

    # -- with widgets -------------------------------------------------------------------------

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        """A front end takes the richest form it can show."""
        try:
            bundle = {"text/plain": str(self), "text/html": self._static_html()}
        except InitlabError as error:
            return {"text/plain": str(error)}
        widget = self._get_widget()
        if widget is not None:
            bundle.update(widget._repr_mimebundle_() or {})
            bundle["text/plain"] = str(self)
        return bundle

    def _get_widget(self) -> Any:
        if self._widget is None:
            try:
                import ipywidgets
            except ImportError:
                return None
            self._build(ipywidgets)
            self.refresh()
            threading.Thread(target=self._keep_fresh, name="initlab-dashboard", daemon=True).start()
        return self._widget

    def _build(self, w: Any) -> None:
        self._cells: dict[str, list[Any]] = {}
        grid = [w.HTML(f"<b>{title}</b>") for title in _COLUMNS]
        for name in self._longruns:
            self._cells[name] = [w.HTML() for _ in range(6)]
            kill = w.Button(
                description=f"Kill {name}",
                icon="bolt",
                button_style="danger",
                tooltip=f"send SIGKILL to {name}'s main process",
                layout=w.Layout(width="9em"),
            )
            restart = w.Button(
                description=f"Restart {name}",
                icon="refresh",
                tooltip=f"restart {name} with {self._lab.init.title}'s own command",
                layout=w.Layout(width="11em"),
            )
            kill.on_click(partial(self._kill, name))
            restart.on_click(partial(self._restart, name))
            grid += [*self._cells[name][:2], kill, restart, *self._cells[name][2:]]
        self._header = w.HTML()
        self._said = w.HTML()
        self._which = w.Dropdown(options=self._longruns, value=self._longruns[0], description="log of")
        self._which.observe(lambda _change: self._read_log(), names="value")
        self._log = w.HTML()
        self._timeline = w.HTML()
        self._widget = w.VBox(
            [
                self._header,
                w.GridBox(grid, layout=w.Layout(grid_template_columns=_GRID, grid_gap="0 4px")),
                self._said,
                self._timeline,
                self._which,
                self._log,
            ]
        )

    def refresh(self) -> None:
        """Bring every part up to date now."""
        if self._widget is None:
            return
        try:
            rows = {row.name: row for row in self._lab.glance()}
        except InitlabError as error:
            self._header.value = f"{self._title()}: <i>{escape(error.message)}</i>"
            self._timeline.value = self._lab.timeline(30.0)._repr_svg_()
            return
        self._header.value = self._title()
        for name, cells in self._cells.items():
            if name in rows:
                _fill(cells, rows[name])
        self._said.value = f'<span aria-live="polite">{self._message}</span>'
        silent = "" if self._over.is_set() else SILENT
        self._timeline.value = silent + self._lab.timeline(30.0)._repr_svg_()
        self._rounds += 1
        if self._rounds % _LOG_EVERY == 1:
            self._read_log()

    def _read_log(self) -> None:
        try:
            self._log.value = self._lab.logs(self._which.value, 8)._repr_html_()
        except InitlabError as error:
            self._log.value = f"<i>{escape(error.message)}</i>"

    def _keep_fresh(self) -> None:
        while not self._over.wait(_STEP):
            try:
                self._lab.sandbox.processes()
            except InitlabError:
                self.refresh()  # once more, to say that it ended
                return
            self.refresh()

    def _kill(self, name: str, _button: Any) -> None:
        try:
            pid = self._lab.kill(name)
        except LabError as error:
            self._say(escape(error.message))
            return
        self._say(f"sent SIGKILL to {name} (PID {pid}) …")
        threading.Thread(target=self._report, args=(name, pid), daemon=True).start()

    def _report(self, name: str, old: int) -> None:
        began = self._lab.events()
        try:
            new = self._lab.wait_restarted(name, old, 20)
        except InitlabError as error:
            self._say(escape(error.message))
            return
        times = self._lab.events().restart_seconds(name)
        took = f" after {times[-1]:.2f} s" if times and len(began) else ""
        self._say(f"{name} is back{took}: PID {old} is gone, PID {new} is ready")

    def _restart(self, name: str, _button: Any) -> None:
        old = self._lab.glance()[name].pid or 0
        try:
            self._lab.restart(name)
        except InitlabError as error:
            self._say(escape(error.message))
        else:
            self._say(f"asked {escape(self._lab.init.title)} to restart {name} …")
            threading.Thread(target=self._report, args=(name, old), daemon=True).start()

    def _say(self, text: str) -> None:
        self._message = text
        self.refresh()

    def close(self) -> None:
        """Stop updating. What was last shown stays on the screen."""
        self._over.set()
        self.refresh()


def _fill(cells: list[Any], row: StatusRow) -> None:
    name, state, _, pid, uptime, restarts, memory = row.cells()
    shown = "ready" if row.ready else f"{state}, not ready" if row.pid else state
    mark = f'<span style="color:{row.colour};font-weight:600">● {escape(shown)}</span>'
    for cell, value in zip(cells, (f"<b>{name}</b>", mark, pid, uptime, restarts, memory), strict=True):
        if cell.value != value:
            cell.value = value
