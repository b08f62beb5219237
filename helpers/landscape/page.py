"""The course's columns and a learner's own in one table, and as a page for the portfolio."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers.landscape.data import FEATURES, Landscape, Sheet

__all__ = ["read_cells", "save", "whole"]


def read_cells(file: Path) -> Mapping[str, object]:
    """A learner's table, project → column → list of words; empty where there is none that can be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def whole(landscape: Landscape, cells: Mapping[str, object], columns: Sequence[str]) -> Sheet:
    """The course's columns, and those of `cells`; what is no list of words is an empty cell."""
    rows = []
    for row in landscape.table().rows:
        own = cells.get(row[0])
        mine = [_words(own.get(column)) if isinstance(own, dict) else "" for column in columns]
        rows.append((*row, *mine))
    return Sheet(("", *FEATURES, *columns), tuple(rows))


def save(landscape: Landscape, sheet: Sheet, file: Path) -> None:
    """Write a sheet and every passage as Markdown. Raises `OSError`."""
    lines = ["# Five supervisors", "", f"| {' | '.join(sheet.header)} |", "|" + ":--|" * len(sheet.header)]
    lines += [f"| {' | '.join(row)} |" for row in sheet.rows]
    lines += ["", "## Passages", ""]
    lines += [f"- **{one.id}** {one.says} `{one.where}`" for one in landscape.passages.values()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _words(cell: object) -> str:
    if not isinstance(cell, list):
        return ""
    return " ".join(
        f"[{str(word).strip('[]')}]" if place else str(word) for place, word in enumerate(cell) if word
    )
