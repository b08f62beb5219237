"""An answer that is told as edits of the course's own: `wrong/NAME.edits`.

::

    # hint: raw-status
    # Reports the number that wait gives back.

    <<<<
        self.ended(service, os.waitstatus_to_exitcode(status))
    ====
        self.ended(service, status)
    >>>>

Each search must be found in the solution exactly once, line by line as it stands, and all edits are of the
solution, not of each other's result. So an answer that no longer fits its solution is told, and never says
something else than it did.

An answer may be told as edits of another one, where two exercises share one that is built otherwise: a first
line `# of: ../../p3.stage3/right/other.py` names that, from the folder of the edits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from helpers.errors import CourseError

__all__ = ["ENDING", "base", "edited"]

ENDING = ".edits"
_BEGIN, _MIDDLE, _END = "<<<<", "====", ">>>>"
_OF = re.compile(r"# of: (\S+)\n")


def base(path: Path) -> Path | None:
    """The answer that a file of edits is of, where that is not the solution.

    Raises CourseError where there is no such file.
    """
    named = _OF.match(path.read_text(encoding="utf-8"))
    if named is None:
        return None
    found = path.parent / named[1]
    if not found.is_file():
        raise CourseError(f"{path}:1: there is no {named[1]} to edit", hint="name it from this file's folder")
    return found


def edited(solution: str, path: Path) -> str:
    """The solution with the edits of a file made.

    Raises CourseError for marks out of order, no edit at all, a search that is not found or found more than
    once, and edits that overlap; it names the file and the line.
    """
    places: list[tuple[int, int, str]] = []
    for line, search, replacement in _edits(path):
        found = [m.start() for m in re.finditer(f"^{re.escape(search)}", solution, re.MULTILINE)]
        if len(found) != 1:
            many = "is not in the solution" if not found else f"is in the solution {len(found)} times"
            raise CourseError(
                f"{path}:{line}: what it searches {many}: {search.strip().splitlines()[0]}",
                hint="search for more lines" if found else "copy the lines from the notebook source",
            )
        places.append((found[0], found[0] + len(search), replacement))
    places.sort()
    for (_, end, _), (start, _, _) in pairwise(places):
        if start < end:
            raise CourseError(f"{path}: two of its edits overlap: {solution[start:end].splitlines()[0]}")
    for start, end, replacement in reversed(places):
        solution = solution[:start] + replacement + solution[end:]
    return solution


def _edits(path: Path) -> Iterator[tuple[int, str, str]]:
    """The edits of a file: the line of each, what it searches, what it puts there."""
    wanted, begun, count = _BEGIN, 0, 0
    parts: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True), 1):
        mark = line.strip()
        if mark in (_BEGIN, _MIDDLE, _END):
            if mark != wanted:
                raise CourseError(f"{path}:{number}: {mark} stands where {wanted} is expected")
            if mark == _BEGIN:
                begun, parts, wanted = number, {_BEGIN: [], _MIDDLE: []}, _MIDDLE
            elif mark == _MIDDLE:
                wanted = _END
            else:
                search, replacement = "".join(parts[_BEGIN]), "".join(parts[_MIDDLE])
                if not search.strip():
                    raise CourseError(f"{path}:{begun}: it searches for nothing")
                count += 1
                yield begun, search, replacement
                wanted = _BEGIN
        elif wanted != _BEGIN:
            parts[_BEGIN if wanted == _MIDDLE else _MIDDLE].append(line)
    if wanted != _BEGIN:
        raise CourseError(f"{path}:{begun}: {wanted} is missing")
    if not count:
        raise CourseError(f"{path}: no edit in it", hint="see curriculum/exercises/README.md")
