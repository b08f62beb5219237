"""One edit made in several ways, side by side, by the real Nix.

>>> both = Comparison("let base = { a.b = 1; a.c = 2; }; in", files={})    # doctest: +SKIP
>>> both.edit("a.b is 5", wanted={"a": {"b": 5, "c": 2}},
...           ways={"//": "base // { a.b = 5; }"})                        # doctest: +SKIP
a.b is 5
  //  base // { a.b = 5; }
      → not as wanted (from wanted to got):
      → - a.c: 2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from helpers.nix.diff import diff
from helpers.nix.errors import NixError
from helpers.nix.evaluate import eval_many
from helpers.nix.places import Place

__all__ = ["LAB", "Comparison", "Edit", "Way"]

_NIX = Path(__file__).resolve().parents[2] / "labs" / "nix"

LAB: Mapping[str, str] = {
    "infuse.nix": (_NIX / "infuse.nix").read_text(),
    **{f"packages/{path.name}": path.read_text() for path in sorted((_NIX / "packages").glob("*.nix"))},
}
"""The lab's Nix files for `files=`: our infuse.nix, and the small package set in `packages/`."""

_NONE = "-"  # a tool that was not tried on this edit
_GREEN, _RED = "#2e7d32", "#c62828"


@dataclass(frozen=True)
class Way:
    """One way to make an edit: the `tool`, the `expression`, and the value it gave or its error.

    `differs` lists where the value is not the wanted one, a line each.
    """

    tool: str
    expression: str
    value: Any = None
    error: NixError | None = None
    differs: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether it gave what was wanted."""
        return self.error is None and not self.differs

    @property
    def word(self) -> str:
        """The outcome in a word or two."""
        return "error" if self.error else "not as wanted" if self.differs else "as wanted"

    @property
    def said(self) -> str:
        """The outcome in full: what differs, from wanted to got, or the error's own words."""
        if self.error is not None:
            return f"error: {self.error.said.splitlines()[0]}"
        return (
            "\n".join(("not as wanted (from wanted to got):", *self.differs)) if self.differs else "as wanted"
        )


@dataclass(frozen=True)
class Edit:
    """One edit, with every way it was made. A table in a notebook, text elsewhere."""

    title: str
    wanted: Any
    ways: tuple[Way, ...]

    def __getitem__(self, tool: str) -> Way:
        return next(way for way in self.ways if way.tool == tool)

    def __str__(self) -> str:
        width = max((len(way.tool) for way in self.ways), default=0)
        lines = [self.title]
        for way in self.ways:
            rows = [*way.expression.splitlines(), *("→ " + line for line in way.said.splitlines())]
            lines.append(f"  {way.tool:<{width}}  {rows[0]}")
            lines += [f"  {'':<{width}}  {row}" for row in rows[1:]]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cell = "text-align:left;vertical-align:top;padding:4px 14px 4px 0;border:none"
        rows = []
        for way in self.ways:
            colour = _GREEN if way.right else _RED
            head, *more = way.said.splitlines()
            below = "".join(f"<div><code>{escape(line)}</code></div>" for line in more)
            rows.append(
                f'<tr><th scope="row" style="{cell};white-space:nowrap">{escape(way.tool)}</th>'
                f'<td style="{cell}"><pre style="margin:0;white-space:pre-wrap">'
                f"{escape(way.expression)}</pre></td>"
                f'<td style="{cell}"><b style="color:{colour}">{escape(head)}</b>{below}</td></tr>'
            )
        return (
            '<table style="border-collapse:collapse">'
            f'<caption style="text-align:left;font-weight:600">{escape(self.title)}</caption>'
            f"<tbody>{''.join(rows)}</tbody></table>"
        )


class Comparison:
    """Edits made in several ways.

    `setup` stands before each expression (`let … in`), `files` beside it, as for `helpers.nix.eval`.
    """

    def __init__(
        self, setup: str, *, files: Mapping[str, str] | None = None, place: Place | None = None
    ) -> None:
        self.setup = setup
        self.files = LAB if files is None else files
        self._place = place
        self.edits: dict[str, Edit] = {}

    def edit(self, title: str, *, ways: Mapping[str, str], wanted: Any, look: str = "x: x") -> Edit:
        """Make an edit in every way, in one process of Nix, and keep it under its title.

        `ways` maps a tool's name to an expression; `look` is a Nix function from its value to what is
        compared with `wanted`. A way that fails is a value, too. Raises `EngineUnavailable` where Nix can be
        run nowhere.
        """
        asked = [f"{self.setup}\n({look}) (\n{text}\n)" for text in ways.values()]
        found = eval_many(asked, files=self.files, place=self._place)
        made = []
        for (tool, text), value in zip(ways.items(), found, strict=True):
            if isinstance(value, NixError):
                made.append(Way(tool, text.strip(), error=value))
            else:
                found_other = diff(wanted, value)
                differs = tuple(str(found_other).splitlines()) if found_other else ()
                made.append(Way(tool, text.strip(), value, differs=differs))
        self.edits[title] = Edit(title, wanted, tuple(made))
        return self.edits[title]

    @property
    def tools(self) -> list[str]:
        """Every tool used, in the order of first use."""
        return list(dict.fromkeys(way.tool for edit in self.edits.values() for way in edit.ways))

    def _table(self) -> list[list[str]]:
        rows = []
        for edit in self.edits.values():
            words = {way.tool: way.word for way in edit.ways}
            rows.append([edit.title, *(words.get(tool, _NONE) for tool in self.tools)])
        return rows

    def __str__(self) -> str:
        rows = [["edit", *self.tools], *self._table()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cell = "text-align:left;padding:4px 14px 4px 0;border:none"
        colour = {"as wanted": _GREEN, _NONE: "inherit"}
        head = "".join(
            f'<th scope="col" style="{cell}">{escape(word)}</th>' for word in ("edit", *self.tools)
        )
        rows = "".join(
            f'<tr><th scope="row" style="{cell}">{escape(title)}</th>'
            + "".join(
                f'<td style="{cell};color:{colour.get(word, _RED)}">{escape(word)}</td>' for word in words
            )
            + "</tr>"
            for title, *words in self._table()
        )
        return (
            '<table style="border-collapse:collapse">'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def save(self, path: str | Path, *, title: str, below: str = "") -> Path:
        """Write everything that was compared as one page of HTML; `below` is HTML for its end.

        A page that is there is replaced: it is made from the edits that were run, and nobody else writes it.
        """
        at = Path(path)
        at.parent.mkdir(parents=True, exist_ok=True)
        details = "\n".join(f"<section>{edit._repr_html_()}</section>" for edit in self.edits.values())
        at.write_text(
            f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>\n'
            "<style>body{font:16px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
            "section{margin:2em 0}pre,code{font-size:14px}</style>\n"
            f"<h1>{escape(title)}</h1>\n{self._repr_html_()}\n{details}\n{below}\n</html>\n"
        )
        return at
