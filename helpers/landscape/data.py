"""Loads `labs/landscape/facts.json` and shows it as tables.

A *passage* says in our words what one file of a project says, with the repository, the commit and the path it
was read at. Some carry a `feature` and its `value`: the columns the course fills itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import fill

from helpers.errors import InitlabError
from helpers.show.table import html_table, text_table

__all__ = ["FEATURES", "UNKNOWN", "Landscape", "Passage", "Project", "Sheet", "load"]

FILE = Path(__file__).resolve().parents[2] / "labs" / "landscape" / "facts.json"
FEATURES = ("language", "config", "types")
"""The columns the course fills itself."""
UNKNOWN = "not known here"


@dataclass(frozen=True)
class Passage:
    """What one file says. `feature` and `value` are empty where the reader is to weigh it."""

    id: str
    project: str
    says: str
    repository: str
    commit: str
    path: str
    feature: str = ""
    value: str = ""

    @property
    def where(self) -> str:
        """Repository, short commit and path."""
        return f"{self.repository}@{self.commit[:7]}:{self.path}"

    def __str__(self) -> str:
        return f"{self.id:3} {fill(self.says, 100, subsequent_indent='    ')}\n    [{self.where}]"

    __repr__ = __str__


@dataclass(frozen=True)
class Project:
    """A supervisor by the name of its table's row."""

    id: str
    repository: str


@dataclass(frozen=True)
class Sheet:
    """A table for a notebook, which reads well as text too."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        return text_table(self.header, self.rows)

    def _repr_html_(self) -> str:
        return html_table(self.header, self.rows)


@dataclass(frozen=True)
class Landscape:
    """The projects and everything that was read of them."""

    projects: tuple[Project, ...]
    passages: Mapping[str, Passage]

    def of(self, project: str) -> tuple[Passage, ...]:
        """The passages of one project. Raises `InitlabError` for a project that is not there."""
        if project not in [one.id for one in self.projects]:
            known = ", ".join(one.id for one in self.projects)
            raise InitlabError(f"no project {project!r}", hint=f"one of {known}")
        return tuple(one for one in self.passages.values() if one.project == project)

    def passage(self, id: str) -> Passage:
        """One passage. Raises `InitlabError` for an id that is not there."""
        if id not in self.passages:
            raise InitlabError(f"no passage {id!r}", hint="landscape.sheet(project) lists them")
        return self.passages[id]

    def value(self, project: str, feature: str) -> Passage | None:
        """The passage that fills a cell of the course's own columns, or None: not known here."""
        return next((one for one in self.of(project) if one.feature == feature), None)

    def table(self, features: Sequence[str] = FEATURES) -> Sheet:
        """A row for each project, a column for each feature, each cell with the id of its passage."""
        rows = []
        for project in self.projects:
            found = [self.value(project.id, feature) for feature in features]
            cells = [f"{one.value} [{one.id}]" if one else UNKNOWN for one in found]
            rows.append((project.id, *cells))
        return Sheet(("", *features), tuple(rows))

    def sheet(self, project: str) -> Sheet:
        """A project's passages, each with the path and the commit it was read at.

        Raises `InitlabError` for a project that is not there.
        """
        some = self.of(project)
        rows = tuple((one.id, one.says, f"{one.path.rpartition('/')[2]} @{one.commit[:7]}") for one in some)
        return Sheet(("", "what it says", f"read in {some[0].repository}"), rows)


@cache
def load() -> Landscape:
    """All that was read. Raises `InitlabError` where the file contradicts itself."""
    raw = json.loads(FILE.read_text(encoding="utf-8"))
    projects = tuple(Project(**one) for one in raw["projects"])
    passages: dict[str, Passage] = {}
    for one in raw["passages"]:
        source = raw["sources"].get(one.pop("source"))
        if source is None or one["id"] in passages or one["project"] not in [p.id for p in projects]:
            raise InitlabError(
                f"{FILE}: passage {one['id']}: no such source or project, or it is there twice"
            )
        passages[one["id"]] = Passage(**one, **source)
    return Landscape(projects, passages)
