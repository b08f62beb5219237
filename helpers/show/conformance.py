"""A table of behaviours by init, as HTML and as text. It takes anything shaped like the suite's table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol

from helpers.show.table import text_table

__all__ = ["conformance_html", "conformance_text"]

_MARK = {"kept": "✓", "different by contract": "≠", "not kept": "✗", "not asked": "?", "hung": "∞"}
_LOOK = {
    "kept": "#e3f1e4",
    "different by contract": "#fff1db",
    "not kept": "#fdecea",
    "not asked": "#eceff1",
    "hung": "#fdecea",
}
_CELL = "padding:2px 6px;border:1px solid #76767655;text-align:center;color:#1f2933"


class _Cell(Protocol):
    @property
    def init(self) -> str: ...
    @property
    def behaviour(self) -> str: ...
    @property
    def result(self) -> str: ...
    @property
    def asked(self) -> str: ...
    @property
    def seen(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def source(self) -> str: ...


class _Table(Protocol):
    @property
    def inits(self) -> tuple[str, ...]: ...
    @property
    def seconds(self) -> float: ...
    @property
    def seed(self) -> int: ...
    def rows(self) -> Sequence[tuple[str, Sequence[_Cell | None]]]: ...


def conformance_text(table: _Table) -> str:
    """The marks, then a line for every cell that is not simply kept."""
    body = [
        [name, *("" if cell is None else _MARK[str(cell.result)] for cell in cells)]
        for name, cells in table.rows()
    ]
    lines = [text_table(["behaviour", *table.inits], body), "", _legend(), ""]
    lines += [f"{mark} {who}, {what}: {words}" for mark, who, what, words in _notes(table)]
    lines.append(f"({table.seconds:.1f} s, seed {table.seed})")
    return "\n".join(lines)


def conformance_html(table: _Table) -> str:
    """The marks with the observation as their title, and below it what is not simply kept, folded."""
    head = "".join(
        f'<th scope="col" style="{_CELL};writing-mode:vertical-rl;color:inherit">{escape(i)}</th>'
        for i in table.inits
    )
    rows = []
    for name, cells in table.rows():
        asked = next((cell.asked for cell in cells if cell is not None), "")
        drawn = "".join(_drawn(cell) for cell in cells)
        rows.append(
            f'<tr><th scope="row" style="text-align:left;font-weight:400;padding:2px 8px 2px 0" '
            f'title="{escape(asked)}">{escape(name)}</th>{drawn}</tr>'
        )
    notes = "".join(
        f"<tr><td>{mark}</td><td>{escape(who)}</td><td>{escape(what)}</td>"
        f'<td style="text-align:left">{escape(words)}</td></tr>'
        for mark, who, what, words in _notes(table)
    )
    summary = "What was seen where it is not simply kept"
    detail = f"<details><summary>{summary}</summary><table>{notes}</table></details>"
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f"<p>{escape(_legend())} ({table.seconds:.1f} s, seed {table.seed})</p>{detail if notes else ''}"
    )


def _drawn(cell: _Cell | None) -> str:
    if cell is None:
        return f'<td style="{_CELL}"></td>'
    result = str(cell.result)
    title = f"{cell.init}, {cell.behaviour}: {result}. {_words(cell)}"
    return f'<td style="{_CELL};background:{_LOOK[result]}" title="{escape(title)}">{_MARK[result]}</td>'


def _remarkable(table: _Table) -> list[_Cell]:
    order = ("not kept", "hung", "different by contract", "not asked")
    found = [cell for _, cells in table.rows() for cell in cells if cell is not None]
    return [cell for result in order for cell in found if str(cell.result) == result]


def _notes(table: _Table) -> list[tuple[str, str, str, str]]:
    """Mark, inits, behaviours and what was seen; what is said of several cells alike is said once."""
    alike: dict[tuple[str, str, str], list[_Cell]] = {}
    for cell in _remarkable(table):
        words, result = _words(cell), str(cell.result)
        # The same reason says nothing where something else was seen: only what was not asked is put together.
        own = "" if result == "not asked" else f"{cell.init}/{cell.behaviour}"
        alike.setdefault((result, words, own), []).append(cell)
    found = []
    for (result, words, _), cells in alike.items():
        who, what = dict.fromkeys(c.init for c in cells), dict.fromkeys(c.behaviour for c in cells)
        every = ", ".join(what) if len(what) <= 3 else f"{len(what)} behaviours"
        found.append((_MARK[result], ", ".join(who), every, words))
    return found


def _words(cell: _Cell) -> str:
    parts = [cell.seen, cell.why, f"[{cell.source}]" if cell.source else ""]
    return " ".join(part if part.endswith((".", "]")) else f"{part}." for part in parts if part)


def _legend() -> str:
    return ", ".join(f"{mark} {word}" for word, mark in _MARK.items())
