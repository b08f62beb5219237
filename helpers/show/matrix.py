"""The comparison matrix as a table, in a terminal and in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from helpers.probes import measures
from helpers.show.table import html_table, text_table

if TYPE_CHECKING:
    from rich.table import Table

    from helpers.probes.matrix import Matrix, Row

__all__ = [
    "SIZES",
    "TIMES",
    "UPKEEP",
    "WORDS",
    "MatrixTable",
    "heading",
    "matrix_html",
    "matrix_text",
    "notes",
    "rich_tables",
    "unsupported",
]

TIMES = ("boot", "restart_first", "restart_second", "shutdown")
UPKEEP = ("memory_pid1", "memory_all", "processes", "wakeups", "cpu", "zombies")
SIZES = ("config_own", "config_script", "package", "package_all")
WORDS = ("order", "log_writer", "log_form", "clean", "stop_order")
_SHORT = {
    "boot": "boot",
    "restart_first": "restart 1",
    "restart_second": "restart 2",
    "memory_pid1": "memory of PID 1",
    "memory_all": "memory of all",
    "wakeups": "wake-ups",
    "cpu": "CPU",
    "zombies": "zombies",
    "processes": "processes",
    "config_own": "own config",
    "config_script": "scripts",
    "package_all": "with deps",
}


class MatrixTable:
    """Medians of the measures `keys`, an init in each row; without keys, the four tables usually looked at.

    An asterisk marks a figure that must not be compared with its neighbours.
    """

    def __init__(self, matrix: Matrix, keys: tuple[str, ...] | None = None) -> None:
        self.matrix = matrix
        self.keys = keys
        for key in keys or ():
            measures.get(key)

    @property
    def parts(self) -> list[tuple[str, ...]]:
        """The measures of each table."""
        return [self.keys] if self.keys is not None else [TIMES, UPKEEP, SIZES, WORDS]

    def header(self, keys: tuple[str, ...]) -> list[str]:
        """Names and units of the columns."""
        return ["init", *(heading(key) for key in keys)]

    def cells(self, row: Row, keys: tuple[str, ...]) -> list[str]:
        """One init's figures as text."""
        out = [row.title]
        for key in keys:
            found = self.matrix.measurement(row.init, key)
            mark = "" if found.comparable or not found.n else " *"
            out.append(found.median + mark)
        return out

    def __str__(self) -> str:
        tables = [
            text_table(self.header(keys), [self.cells(row, keys) for row in self.matrix.measured])
            for keys in self.parts
        ]
        return "\n\n".join([*tables, "\n".join(notes(self.matrix, self.parts))])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        tables = [
            html_table(self.header(keys), [self.cells(row, keys) for row in self.matrix.measured])
            for keys in self.parts
        ]
        said = "".join(
            f'<p style="margin:2px 0">{escape(note)}</p>' for note in notes(self.matrix, self.parts)
        )
        return "".join([*tables, said])


def rich_tables(table: MatrixTable) -> list[Table]:
    """The tables for a terminal with colours: what must not be compared is dim."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = []
    for keys in table.parts:
        one = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for number, name in enumerate(table.header(keys)):
            word = number == 0 or measures.get(keys[number - 1]).words
            one.add_column(Text(name), justify="left" if word else "right", no_wrap=number == 0)
        for row in table.matrix.measured:
            cells = table.cells(row, keys)
            one.add_row(*(Text(cell, style="dim" if cell.endswith("*") else "") for cell in cells))
        made.append(one)
    return made


def heading(key: str) -> str:
    """A measure's short name with its unit."""
    measure = measures.get(key)
    name = _SHORT.get(key, measure.title)
    return f"{name}, {measure.show[0]}" if measure.show[0] else name


def notes(matrix: Matrix, parts: list[tuple[str, ...]]) -> list[str]:
    """What has to be said below a table: how many runs, what the asterisks mean, what is missing and why."""
    said = []
    if matrix.measured:
        n = sorted({len(row.runs) for row in matrix.measured})
        runs = str(n[0]) if len(n) == 1 else f"{n[0]} to {n[-1]}"
        said.append(f"Medians of n = {runs} runs each; {matrix.service} is the service that was killed.")
    if matrix.stopped:
        said.append(f"The measuring was {matrix.stopped}: what had been measured by then is shown.")
    why: dict[str, list[str]] = {}
    for row in matrix.measured:
        for key in [key for keys in parts for key in keys]:
            found = matrix.measurement(row.init, key)
            if found.n and not found.comparable:
                named = why.setdefault(found.why_not, [])
                if row.title not in named:
                    named.append(row.title)
    said += [f"* {', '.join(titles)}: {reason}." for reason, titles in why.items()]
    said += [f"{row.title}: {row.why}." for row in matrix.rows if row.why]
    if matrix.where.noisy:
        said.append(matrix.where.noisy)
    return said


def unsupported(row: Row) -> list[str]:
    """What the stack asks for and this init cannot express; the same note of several services once."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for note in row.unsupported:
        grouped.setdefault((note.field, note.note), []).append(note.service)
    return [f"{field} ({', '.join(services)}): {note}" for (field, note), services in grouped.items()]


def matrix_text(matrix: Matrix) -> str:
    """The whole matrix for a terminal without colours: the tables and where it was measured."""
    where = text_table(["measured on", ""], [list(line) for line in matrix.where.lines()])
    return f"{matrix.table()}\n\n{where}"


def matrix_html(matrix: Matrix) -> str:
    """The whole matrix for a notebook: picture, tables, where it was measured. Nothing needs JavaScript."""
    parts = [matrix.plot()._repr_html_()] if matrix.measured else []
    parts.append(matrix.table()._repr_html_())
    lines = "; ".join(f"{name}: {value}" for name, value in matrix.where.lines())
    return "".join([*parts, f'<p style="margin:6px 0;opacity:.8">{escape(lines)}</p>'])
