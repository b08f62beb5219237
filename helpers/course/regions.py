"""Solution and starter regions in a MyST notebook source.

In a code cell::

    ### BEGIN SOLUTION          kept in the solved edition only
    ### END SOLUTION
    ### BEGIN STARTER           kept in the learner edition only
    ### END STARTER

In text the same words stand in HTML comments on lines of their own: `<!-- BEGIN SOLUTION -->`.
This works on the lines of the source, before jupytext reads it, so that every complaint has its `file:line`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from helpers.errors import CourseError

__all__ = ["Edition", "ExerciseCell", "apply", "exercise_cells", "exercise_id"]

_KEPT_IN = {"SOLUTION": "solved", "STARTER": "learner"}
_FENCE = re.compile(r"^(`{3,}|~{3,})\s*(\S*)")
_CODE_MARK = re.compile(r"^\s*#{2,}\s*(BEGIN|END)\b[ \t]*(.*?)\s*$", re.IGNORECASE)
_TEXT_MARK = re.compile(r"^\s*<!--\s*(BEGIN|END)\b[ \t]*(.*?)\s*-->\s*$", re.IGNORECASE)
_MAGIC = re.compile(r"^%%exercise(?:\s+(\S+)(?:\s+(\S+))?)?\s*$")
_NOTE = re.compile(r"^#\s*exercise:\s*(\S+)\s*$")


class Edition(StrEnum):
    """What is built from one source."""

    LEARNER = "learner"
    SOLVED = "solved"


@dataclass(frozen=True)
class ExerciseCell:
    """A code cell that is an exercise: `%%exercise ID` on its first line (a file), `%%exercise ID PART` (one
    file of several), or `# exercise: ID` (none).

    `part` is empty where the cell is the whole answer. `line` is where the cell's first code line stands,
    from 1; `starter` and `solution` are the cell's code without that first line, in either edition.
    """

    exercise: str
    is_file: bool
    line: int
    starter: str
    solution: str
    part: str = ""


@dataclass(frozen=True)
class _Line:
    number: int  # from 1
    text: str
    where: (
        str  # "code", "option" (of a code cell), "text", "fence" (of or in a block that is not a code cell)
    )
    cell: int  # which cell: a region may not cross from one to the next


def _lines(source: str) -> Iterator[_Line]:
    """Each line with the kind of place it stands in (MyST: https://mystmd.org/spec/blocks)."""
    fence, is_code, cell, options = "", False, 0, ""
    front_matter = source.startswith("---\n")
    for number, text in enumerate(source.splitlines(), 1):
        if front_matter:
            front_matter = number == 1 or text != "---"
            yield _Line(number, text, "fence", cell)
        elif fence:
            if text.startswith(fence) and not text.strip().strip(fence[0]):
                fence, cell = "", cell + is_code
                yield _Line(number, text, "fence", cell)
            elif not is_code:
                yield _Line(number, text, "fence", cell)
            elif options == "start" and text == "---":
                options = "yaml"
                yield _Line(number, text, "option", cell)
            elif options == "yaml":
                options = "" if text == "---" else "yaml"
                yield _Line(number, text, "option", cell)
            elif options in ("start", "short") and re.match(r":[\w-]+:", text):
                options = "short"
                yield _Line(number, text, "option", cell)
            else:
                options = ""
                yield _Line(number, text, "code", cell)
        elif opened := _FENCE.match(text):
            fence, is_code = opened[1], opened[2] == "{code-cell}"
            cell, options = cell + is_code, "start"
            yield _Line(number, text, "fence", cell)
        else:
            cell += text.startswith("+++")
            yield _Line(number, text, "text", cell)


def _mark(line: _Line, file: Path) -> tuple[str, str] | None:
    """("BEGIN" or "END", region name) where the line is a marker."""
    if line.where not in ("code", "text"):
        return None
    found = (_CODE_MARK if line.where == "code" else _TEXT_MARK).match(line.text)
    if found is None:
        if line.where == "text" and re.match(r"^###\s*(BEGIN|END)\s+(SOLUTION|STARTER)\s*$", line.text):
            raise CourseError(
                f"{file}:{line.number}: `{line.text.strip()}` stands in text",
                hint="in text a region is marked <!-- BEGIN SOLUTION -->",
            )
        return None
    exact = "###" if line.where == "code" else "<!--"
    if (
        not line.text.strip().startswith(f"{exact} {found[1]}")
        or found[2] not in _KEPT_IN
        or not found[1].isupper()
    ):
        known = " or ".join(_KEPT_IN)
        raise CourseError(
            f"{file}:{line.number}: unknown region marker `{line.text.strip()}`",
            hint=f"write {exact} BEGIN or END, then {known}, in capitals",
        )
    return found[1], found[2]


def _walk(source: str, file: Path) -> Iterator[tuple[_Line, str | None]]:
    """Each line that is not a marker with the region it stands in. Raises CourseError for malformed
    regions.
    """
    opened: tuple[str, _Line] | None = None
    for line in _lines(source):
        mark = _mark(line, file)
        if opened and line.cell != opened[1].cell:
            break
        if mark is None:
            yield line, opened[0] if opened else None
        elif mark[0] == "BEGIN":
            if opened:
                raise CourseError(
                    f"{file}:{line.number}: {mark[1]} begins inside {opened[0]} of line {opened[1].number}",
                    hint="regions do not nest; end the first one before",
                )
            opened = (mark[1], line)
        elif not opened or opened[0] != mark[1]:
            inside = f"stands inside {opened[0]} of line {opened[1].number}" if opened else "ends no region"
            raise CourseError(f"{file}:{line.number}: END {mark[1]} {inside}")
        else:
            opened = None
    if opened:
        raise CourseError(
            f"{file}:{opened[1].number}: the {opened[0]} region is not ended in its cell",
            hint=f"add the line that ends it: END {opened[0]}",
        )


def apply(source: str, edition: Edition, *, file: Path) -> str:
    """The source with the regions of the other edition, and every marker, taken out.

    Raises CourseError naming `file:line` for a region that is unclosed, nested, unknown or crosses cells.
    """
    kept = [
        line.text for line, region in _walk(source, file) if region is None or _KEPT_IN[region] == edition
    ]
    return "\n".join(kept) + "\n"


def exercise_id(code: str) -> str | None:
    """The exercise a code cell is, by its first line that is not blank, with its part (`p0.web/app/run`)
    where it is one of several files; None when it is none.
    """
    first = code.lstrip("\n").partition("\n")[0]
    found = _MAGIC.match(first) or _NOTE.match(first)
    return "/".join(filter(None, found.groups())) or None if found else None


def exercise_cells(source: str, *, file: Path) -> tuple[ExerciseCell, ...]:
    """The exercises of a source, in order.

    Raises CourseError for malformed regions, an exercise (or a part of it) named twice, without an id, or
    lacking a region.
    """
    cells: dict[int, list[tuple[_Line, str | None]]] = {}
    for line, region in _walk(source, file):
        if line.where == "code":
            cells.setdefault(line.cell, []).append((line, region))
    found: dict[str, ExerciseCell] = {}
    for lines in cells.values():
        while lines and not lines[0][0].text.strip():
            lines.pop(0)
        first = lines[0][0] if lines else None
        magic = _MAGIC.match(first.text) if first else None
        note = _NOTE.match(first.text) if first else None
        if first is None or not (magic or note):
            continue
        at = f"{file}:{first.number}"
        exercise = (magic or note)[1]  # type: ignore[index]
        if not exercise:
            raise CourseError(f"{at}: %%exercise without an id", hint="write %%exercise p0.pid1")
        part = magic[2] or "" if magic else ""
        name = f"{exercise} {part}".strip()
        if name in found:
            raise CourseError(f"{at}: exercise {name} stands at line {found[name].line} already")
        for region in _KEPT_IN:
            if not any(of == region for _, of in lines):
                raise CourseError(f"{at}: exercise {name} has no {region} region", hint=f"### BEGIN {region}")
        starter, solution = (
            "\n".join(line.text for line, of in lines[1:] if of is None or _KEPT_IN[of] == edition).strip(
                "\n"
            )
            + "\n"
            for edition in (Edition.LEARNER, Edition.SOLVED)
        )
        found[name] = ExerciseCell(exercise, bool(magic), first.number, starter, solution, part)
    return tuple(found.values())
