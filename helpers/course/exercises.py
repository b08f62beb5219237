"""The exercises: what a learner makes, how many points it is worth, its hints, its wrong and right answers.

::

    curriculum/exercises/p0.pid1/
      exercise.toml     the fields of `Exercise`
      wrong/*.py        answers a check must reject; `# hint: KEY` on top names the hint it must give
      right/*.py        further answers it must accept

A comment begins with `#`, in a Rust answer with `//`.

An answer that differs from the solution in a few lines may be told as edits of it, `wrong/NAME.edits`
(`helpers.course.edits`).

An answer may be several files (`parts`) in a folder (`file`). Then `wrong/NAME/` and `right/NAME/` are
folders, and hold only the files that differ from the solution's.

The starter and the solution stand in the notebook source, in the exercise's cell (`helpers.course.regions`).
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from helpers.course.curriculum import Curriculum
from helpers.course.edits import ENDING, base, edited
from helpers.course.regions import ExerciseCell, exercise_cells
from helpers.course.workspace import Workspace, find
from helpers.errors import CourseError

__all__ = ["Exercise", "WrongAnswer", "is_path", "load", "load_all", "same_answer", "same_code"]

_ID = re.compile(r"p\d+\.[a-z][a-z0-9-]*")
_HINT_HEADER = re.compile(r"^(?:#|//)\s*hint:\s*(\S+)\s*$", re.MULTILINE)

_NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_COMMENT = re.compile(r"#(?!\[)|//")  # `#[…]` is an attribute of Rust's
_KEPT = re.compile(r".*\.\d+|.*~|\..*|__pycache__")  # a copy kept beside, an editor's, a hidden one

_Line = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
_Path = Annotated[str, StringConstraints(pattern=rf"^{_NAMES.pattern}$")]


class _Fields(BaseModel):
    """`exercise.toml`, as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Line
    title: _Line
    notebook: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+/[a-z0-9-]+$")]
    points: Annotated[int, Field(ge=0, strict=True)]
    file: _Path | None = None
    parts: tuple[_Path, ...] = ()
    continues: Annotated[str, StringConstraints(pattern=rf"^{_ID.pattern}$")] | None = None
    check: Annotated[str, StringConstraints(pattern=r"^checks(\.\w+)+:\w+$")]
    hints: tuple[_Line, _Line, _Line]
    stretch: _Line

    @model_validator(mode="after")
    def _parts_have_a_folder(self) -> _Fields:
        if self.parts and self.file is None:
            raise ValueError("parts need a `file`: the folder they are in")
        return self

    @model_validator(mode="after")
    def _continues_one_file_with_one_file(self) -> _Fields:
        if self.continues is not None and (self.file is None or self.parts or self.continues == self.id):
            raise ValueError("`continues` is for one `file` that begins as the file of another exercise")
        return self


@dataclass(frozen=True)
class WrongAnswer:
    """An answer a check must reject, with the key of the hint it must give and what is wrong with it.

    `path` is a file, or a folder where the answer is several files.
    """

    path: Path
    hint: str
    why: str

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True)
class Exercise:
    """One exercise. `notebook` is `phase0/01-pid-1`; `file` is what the learner makes, None when it is no
    file. Where `parts` names files, `file` is the folder they are in; otherwise the one part is `""`, the
    file itself.

    Where it `continues` another exercise (its id), the learner begins with their own answer to that one, once
    it is accepted (`helpers.course.portfolio.begin`), else with the starter.

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
    parts: tuple[str, ...] = ()
    continues: str | None = None

    @property
    def phase(self) -> str:
        return self.notebook.split("/")[0]

    @cached_property
    def cells(self) -> Mapping[str, ExerciseCell]:
        """Its cells in the notebook source, by part. Raises CourseError when the source lacks one."""
        source = self.curriculum.notebook(self.notebook)
        here = exercise_cells(source.text(), file=source.path)
        found = {cell.part: cell for cell in here if cell.exercise == self.id}
        for part in self.parts or ("",):
            if part not in found:
                name = f"{self.id} {part}".strip()
                raise CourseError(
                    f"{source.path}: no exercise {name}, which {self.folder / 'exercise.toml'} says is there",
                    hint=f"begin its cell with the line %%exercise {name}",
                )
        return found

    @property
    def cell(self) -> ExerciseCell:
        """Its first cell in the notebook source. Raises CourseError when the source lacks it."""
        return next(iter(self.cells.values()))

    @property
    def starter(self) -> str:
        """The code a learner begins with, without the magic line; of an answer in parts, the first."""
        return self.cell.starter

    @property
    def solution(self) -> str:
        """The course's own answer, without the magic line; of an answer in parts, the first."""
        return self.cell.solution

    @property
    def starters(self) -> Mapping[str, str]:
        """The text a learner begins with, by part."""
        return {part: cell.starter for part, cell in self.cells.items()}

    @property
    def solutions(self) -> Mapping[str, str]:
        """The course's own answer, by part."""
        return {part: cell.solution for part, cell in self.cells.items()}

    def answer(self, path: Path) -> Mapping[str, str]:
        """A wrong or right answer of the course, by part: what its folder lacks is as in the solution."""
        solutions = self.solutions
        if not self.parts:
            return {"": _told(path, solutions[""])}
        files = ((part.removesuffix(ENDING), file) for part, file in _files(path))
        return {**solutions, **{part: _told(file, solutions.get(part, "")) for part, file in files}}

    @property
    def before(self) -> Exercise | None:
        """The exercise that it continues. Raises CourseError where there is none of that name."""
        return None if self.continues is None else load(self.continues, curriculum=self.curriculum)

    def is_python(self, part: str = "") -> bool:
        """Whether a part is a Python program, by its name."""
        return self.file is None or (part or self.file).endswith(".py")

    def files(self, answer: Path) -> Mapping[str, Path]:
        """The files of an answer, by part: the file itself, or all that is in the folder, whether the
        exercise names it or not. What was kept beside (`run.1`) and hidden files are left out.
        """
        if not self.parts:
            return {"": answer}
        return dict(_files(answer))

    def path(self, workspace: Workspace | Path) -> Path:
        """The learner's file (or folder) in their portfolio. Raises CourseError for an exercise that makes no
        file.
        """
        if self.file is None:
            raise CourseError(f"{self.id} makes no file", hint=f"do it in the notebook {self.notebook}")
        root = workspace.root if isinstance(workspace, Workspace) else workspace
        return root / "portfolio" / self.phase / self.file

    def untouched(self, program: Path) -> bool:
        """Whether `program` is missing or still says what the starter says: a check then says `not_started`.
        An answer in parts is untouched while every part is. So is a file that still says what the learner's
        own answer to the exercise before says, where this one continues that.

        Python is compared by its syntax tree, so comments and layout do not count; a file that does not parse
        is the learner's work. Anything else is compared without blank lines and comments (`#`, `//`).
        """
        return not self.parts_touched(program)

    def parts_touched(self, program: Path) -> tuple[str, ...]:
        """The parts of an answer that say something else than the starter does."""
        return tuple(part for part in self.parts or ("",) if not self._part_untouched(program, part))

    def _part_untouched(self, program: Path, part: str) -> bool:
        file = program / part if part else program
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            raise CourseError(f"{file}: cannot be read: {error.strerror}", hint=f"ls -ld {file}") from error
        known = [self.starters[part], *self._carried()]
        return any(same_code(text, one, python=self.is_python(part)) for one in known)

    def _carried(self) -> list[str]:
        """What the learner's own answer to the exercise before says now, where there is one."""
        before, workspace = self.before, find()
        if before is None or workspace is None:
            return []
        try:
            return [before.path(workspace).read_text(encoding="utf-8", errors="replace")]
        except OSError:
            return []

    @property
    def wrong(self) -> tuple[WrongAnswer, ...]:
        """Its wrong answers, by name. Raises CourseError for one without its two header lines."""
        return tuple(_wrong(path) for path in self._answers("wrong"))

    @property
    def right(self) -> tuple[Path, ...]:
        """Its further right answers, by name."""
        return tuple(self._answers("right"))

    def _answers(self, kind: str) -> list[Path]:
        found = sorted((self.folder / kind).glob("*"))
        return [
            path for path in found if not _KEPT.fullmatch(path.name) and path.is_dir() == bool(self.parts)
        ]


def same_code(one: str, other: str, *, python: bool = True) -> bool:
    """Whether two programs say the same, comments and layout aside."""
    if python:
        try:
            return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
        except (SyntaxError, ValueError):  # ValueError: a null byte
            pass
    return _bare(one) == _bare(other)


def is_path(text: str) -> bool:
    """Whether `text` can be the path of a part: relative, of plain names, none of them hidden."""
    return bool(_NAMES.fullmatch(text)) and not any(_KEPT.fullmatch(name) for name in text.split("/"))


def same_answer(exercise: Exercise, one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two answers have the same parts and these say the same."""
    return one.keys() == other.keys() and all(
        same_code(text, other[part], python=exercise.is_python(part)) for part, text in one.items()
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of an answer in parts, each with its path in the folder."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(_KEPT.fullmatch(name) for name in inside.parts):
            yield inside.as_posix(), path


def _told(path: Path, solution: str) -> str:
    """The text of an answer, whether it stands there or is told as edits of the solution, or of another."""
    if path.suffix != ENDING:
        return path.read_text(encoding="utf-8")
    other = base(path)
    return edited(solution if other is None else other.read_text(encoding="utf-8"), path)


def _bare(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and (not _COMMENT.match(line) or line.startswith("#!"))]


def _wrong(path: Path) -> WrongAnswer:
    files = [file for _, file in _files(path)] if path.is_dir() else [path]
    headers = [_header(file.read_text(encoding="utf-8")) for file in files] or [[]]
    # Of several files, the one that is wrong says so.
    header = next((lines for lines in headers if _HINT_HEADER.search("\n".join(lines))), headers[0])
    hint = _HINT_HEADER.search("\n".join(header))
    why = [re.sub(r"^(#|//)\s*", "", line) for line in header if not re.match(r"#!|(#|//)\s*hint:", line)]
    if hint is None:
        raise CourseError(
            f"{path}: no `# hint: KEY` in its header", hint="name the hint key a check must give it"
        )
    if not any(why):
        raise CourseError(
            f"{path}: no comment says what is wrong with it", hint="add one `# ...` line below hint"
        )
    return WrongAnswer(path, hint[1], " ".join(filter(None, why)))


def _header(text: str) -> list[str]:
    return [line for line in text.splitlines()[:10] if line.startswith(("#", "//"))]


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
