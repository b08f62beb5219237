"""The exercises: what a learner makes, how many points it is worth, its hints, its wrong and right answers.

::

    curriculum/exercises/p0.pid1/
      exercise.toml     the fields of `Exercise`
      wrong/*.py        answers a check must reject; `# hint: KEY` on top names the hint it must give
      right/*.py        further answers it must accept

The starter and the solution stand in the notebook source, in the exercise's cell (`helpers.course.regions`).
"""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from helpers.course.curriculum import Curriculum
from helpers.course.regions import ExerciseCell, exercise_cells
from helpers.course.workspace import Workspace
from helpers.errors import CourseError

__all__ = ["Exercise", "WrongAnswer", "load", "load_all", "same_code"]

_ID = re.compile(r"p\d+\.[a-z][a-z0-9-]*")
_HINT_HEADER = re.compile(r"^#\s*hint:\s*(\S+)\s*$", re.MULTILINE)

_Line = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Fields(BaseModel):
    """`exercise.toml`, as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Line
    title: _Line
    notebook: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+/[a-z0-9-]+$")]
    points: Annotated[int, Field(ge=0, strict=True)]
    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    check: Annotated[str, StringConstraints(pattern=r"^checks(\.\w+)+:\w+$")]
    hints: tuple[_Line, _Line, _Line]
    stretch: _Line


@dataclass(frozen=True)
class WrongAnswer:
    """An answer a check must reject, with the key of the hint it must give and what is wrong with it."""

    path: Path
    hint: str
    why: str

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True)
class Exercise:
    """One exercise. `notebook` is `phase0/01-pid-1`; `file` is what the learner makes, None when it is no
    file.

    `check` is `module:function`; `hints` go from a nudge to the mechanism.
    """

    id: str
    title: str
    notebook: str
    points: int
    file: str | None
    check: str
    hints: tuple[str, str, str]
    stretch: str
    folder: Path
    curriculum: Curriculum

    @property
    def phase(self) -> str:
        return self.notebook.split("/")[0]

    @cached_property
    def cell(self) -> ExerciseCell:
        """Its cell in the notebook source. Raises CourseError when the source has no such exercise."""
        source = self.curriculum.notebook(self.notebook)
        for cell in exercise_cells(source.text(), file=source.path):
            if cell.exercise == self.id:
                return cell
        raise CourseError(
            f"{source.path}: no exercise {self.id}, which {self.folder / 'exercise.toml'} says is there",
            hint=f"begin its cell with the line %%exercise {self.id}",
        )

    @property
    def starter(self) -> str:
        """The code a learner begins with, without the magic line."""
        return self.cell.starter

    @property
    def solution(self) -> str:
        """The course's own answer, without the magic line."""
        return self.cell.solution

    def path(self, workspace: Workspace | Path) -> Path:
        """The learner's file in their portfolio. Raises CourseError for an exercise that makes no file."""
        if self.file is None:
            raise CourseError(f"{self.id} makes no file", hint=f"do it in the notebook {self.notebook}")
        root = workspace.root if isinstance(workspace, Workspace) else workspace
        return root / "portfolio" / self.phase / self.file

    def untouched(self, program: Path) -> bool:
        """Whether `program` is missing or still says what the starter says: a check then says `not_started`.

        Python is compared by its syntax tree, so comments and layout do not count; a file that does not parse
        is the learner's work. Anything else is compared without blank lines and `#` comments.
        """
        try:
            text = program.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return True
        except OSError as error:
            raise CourseError(
                f"{program}: cannot be read: {error.strerror}", hint=f"ls -ld {program}"
            ) from error
        return same_code(text, self.starter, python=str(self.file).endswith(".py"))

    @property
    def wrong(self) -> tuple[WrongAnswer, ...]:
        """Its wrong answers, by name. Raises CourseError for one without its two header lines."""
        return tuple(_wrong(path) for path in sorted((self.folder / "wrong").glob("*.*")))

    @property
    def right(self) -> tuple[Path, ...]:
        """Its further right answers, by name."""
        return tuple(sorted((self.folder / "right").glob("*.*")))


def same_code(one: str, other: str, *, python: bool = True) -> bool:
    """Whether two programs say the same, comments and layout aside."""
    if python:
        try:
            return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
        except (SyntaxError, ValueError):  # ValueError: a null byte
            pass
    return _bare(one) == _bare(other)


def _bare(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and (not line.startswith("#") or line.startswith("#!"))]


def _wrong(path: Path) -> WrongAnswer:
    text = path.read_text(encoding="utf-8")
    header = [line for line in text.splitlines()[:10] if line.startswith("#")]
    hint = _HINT_HEADER.search("\n".join(header))
    why = [re.sub(r"^#\s*", "", line) for line in header if not re.match(r"#!|#\s*hint:", line)]
    if hint is None:
        raise CourseError(
            f"{path}: no `# hint: KEY` in its header", hint="name the hint key a check must give it"
        )
    if not any(why):
        raise CourseError(
            f"{path}: no comment says what is wrong with it", hint="add one `# ...` line below hint"
        )
    return WrongAnswer(path, hint[1], " ".join(filter(None, why)))


def load(exercise: str, *, curriculum: Curriculum | None = None) -> Exercise:
    """The exercise with this id.

    Raises CourseError for an id that does not exist (naming the nearest), or an `exercise.toml` with a
    missing or malformed field (naming file and field).
    """
    curriculum = curriculum or Curriculum.default()
    folder = curriculum.exercises / exercise
    file = folder / "exercise.toml"
    if not _ID.fullmatch(exercise) or not file.is_file():
        raise _unknown(exercise, curriculum)
    try:
        with file.open("rb") as stream:
            raw = tomllib.load(stream)
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{file}: not TOML: {error}") from error
    try:
        fields = _Fields.model_validate(raw)
    except ValidationError as error:
        problems = [
            f"  {'.'.join(map(str, problem['loc']))}: {problem['msg'].lower()}"
            + (f" (it is {problem['input']!r})" if problem["type"] != "missing" else "")
            for problem in error.errors(include_url=False)
        ]
        raise CourseError(
            "\n".join([f"{file}: malformed", *problems]), hint="see curriculum/exercises/README.md"
        ) from error
    if fields.id != exercise:
        raise CourseError(f"{file}: id: is {fields.id!r}, but its folder is {exercise!r}")
    return Exercise(**fields.model_dump(), folder=folder, curriculum=curriculum)


def load_all(curriculum: Curriculum | None = None) -> tuple[Exercise, ...]:
    """Every exercise, in the order of the notebooks and of their cells. Raises CourseError as `load` does."""
    curriculum = curriculum or Curriculum.default()
    folders = sorted(path for path in curriculum.exercises.glob("*") if path.is_dir())
    found = [load(folder.name, curriculum=curriculum) for folder in folders]
    return tuple(sorted(found, key=lambda exercise: (exercise.notebook, exercise.cell.line)))


def _unknown(exercise: str, curriculum: Curriculum) -> CourseError:
    from difflib import get_close_matches

    known = sorted(path.name for path in curriculum.exercises.glob("*") if path.is_dir())
    near = get_close_matches(exercise, known, n=1)
    return CourseError(
        f"no exercise {exercise!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        hint=f"there are: {', '.join(known)}" if known else f"{curriculum.exercises} has none",
    )
