"""Where the course's own files are: sources, exercises, built editions.

Everything in `helpers.course` takes a `Curriculum` value, so that tests (and a second course) can point it at
another folder::

    curriculum/
      sources/phaseN/NN-name.md      what authors write
      exercises/<id>/exercise.toml   one folder per exercise
      phaseN/NN-name.ipynb           learner edition, built, committed
    build/solved/phaseN/NN-name.ipynb
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import CourseError

__all__ = ["Curriculum", "NotebookSource"]

_SOURCE_NAME = re.compile(r"\d\d-[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, order=True)
class NotebookSource:
    """One source: `name` is `phase0/01-pid-1`, `path` the MyST file."""

    name: str
    path: Path

    @property
    def phase(self) -> str:
        """The folder it belongs to, for instance `phase0`."""
        return self.name.split("/")[0]

    def text(self) -> str:
        """The MyST text. Raises CourseError when it cannot be read as UTF-8."""
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CourseError(f"{self.path}: cannot be read: {error}") from error


@dataclass(frozen=True)
class Curriculum:
    """A course on disk. `root` is its `curriculum` folder; `build` is where things not committed are put."""

    root: Path
    build: Path

    @classmethod
    def at(cls, root: Path | str, build: Path | str | None = None) -> Curriculum:
        """The course at `root`; `build` defaults to the `build` folder beside it."""
        root = Path(root)
        return cls(root, Path(build) if build is not None else root.parent / "build")

    @classmethod
    def default(cls) -> Curriculum:
        """The course these helpers came with, or the one `$INITLAB_CURRICULUM` names.

        Raises CourseError when there is none (helpers installed without the course).
        """
        named = os.environ.get("INITLAB_CURRICULUM")
        root = Path(named) if named else Path(__file__).resolve().parents[2] / "curriculum"
        if not root.is_dir():
            raise CourseError(
                f"no course at {root}",
                hint="run initlab from a clone of the course, or set INITLAB_CURRICULUM to such a folder",
            )
        return cls.at(root)

    @property
    def sources(self) -> Path:
        return self.root / "sources"

    @property
    def exercises(self) -> Path:
        return self.root / "exercises"

    def notebooks(self) -> tuple[NotebookSource, ...]:
        """Every source, in the order of the course. Raises CourseError for a file named against the rule."""
        found = []
        for path in sorted(self.sources.glob("*/*.md")):
            if not _SOURCE_NAME.fullmatch(path.stem):
                raise CourseError(
                    f"{path}: a source is named NN-some-words.md",
                    hint=f"git mv {path.name} to a name such as 01-{path.stem.lower()}.md",
                )
            found.append(NotebookSource(f"{path.parent.name}/{path.stem}", path))
        return tuple(sorted(found))

    def notebook(self, name: str) -> NotebookSource:
        """The source called `phase0/01-pid-1`. Raises CourseError when there is none."""
        path = self.sources / f"{name}.md"
        if not path.is_file():
            known = ", ".join(source.name for source in self.notebooks()) or "none"
            raise CourseError(f"no notebook source {name!r} in {self.sources}", hint=f"there are: {known}")
        return NotebookSource(name, path)

    def learner(self, name: str) -> Path:
        """Where the learner edition of a notebook is committed."""
        return self.root / f"{name}.ipynb"

    def solved(self, name: str) -> Path:
        """Where the solved edition of a notebook is built."""
        return self.build / "solved" / f"{name}.ipynb"
