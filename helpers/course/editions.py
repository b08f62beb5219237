"""From one MyST source to the notebooks people open.

A source is read by jupytext (format `md:myst`,
https://jupytext.readthedocs.io/en/latest/formats-markdown.html) after the regions of the other edition were
taken out. The same source gives the same bytes: no outputs, no dates, and cell ids made of what a cell says,
so that editing one cell changes the id of no other.

Cells marked `# NBVAL_CHECK_OUTPUT` carry, in the solved edition, the output they must give. It is kept beside
the source, in `NN-name.outputs.json`, and written by `helpers.course.execute`.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from helpers.course.curriculum import Curriculum, NotebookSource
from helpers.course.files import write_atomically
from helpers.course.needs import TOLD, Need
from helpers.course.regions import Edition, apply, exercise_id
from helpers.errors import CourseError

__all__ = [
    "MARK",
    "Facts",
    "Outputs",
    "Written",
    "build",
    "check",
    "facts",
    "outputs_file",
    "stale",
    "write",
]

MARK = "# NBVAL_CHECK_OUTPUT"
"""nbval's own marker (https://nbval.readthedocs.io): `--nbval-lax` compares the output of such cells only."""

Outputs = dict[str, list[dict[str, Any]]]
"""Outputs of cells, in nbformat's words, by cell id."""

_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class Facts(BaseModel):
    """The `initlab:` block of a source's front matter: what a notebook states at its top. `time` is in
    minutes; `needs` is what this computer must have beyond the lab.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: _Text
    goal: _Text
    time: Annotated[int, Field(gt=0, le=180, strict=True)]
    prerequisites: tuple[_Text, ...]
    engines: Annotated[tuple[_Text, ...], Field(min_length=1)]
    changes: _Text
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True)
class Written:
    """An edition and whether writing it changed the file."""

    path: Path
    changed: bool


def facts(source: NotebookSource) -> Facts:
    """What a source states of itself. Raises CourseError naming file and field."""
    return _facts(_read(source.text(), source), source)


def build(source: NotebookSource, edition: Edition, *, outputs: Outputs | None = None) -> bytes:
    """The bytes of one edition of a source (`.ipynb`, nbformat 4.5).

    `outputs` are the expected outputs by cell id; the ones kept beside the source where not given.
    Raises CourseError for malformed regions, front matter, or expected outputs.
    """
    from nbformat import validate

    notebook = _read(apply(source.text(), edition, file=source.path), source)
    stated = _facts(notebook, source)
    seen: dict[str, int] = {}
    if outputs is None:
        outputs = _kept_outputs(source) if edition == Edition.SOLVED else {}
    expected = dict(outputs)
    cells: list[dict[str, Any]] = []
    for kind, text, metadata in [_header(stated, source), *_texts(notebook, stated, source)]:
        cell: dict[str, Any] = {"cell_type": kind, "id": _cell_id(source.name, kind, text, seen)}
        if edition == Edition.LEARNER:
            text = text.replace(f"{MARK}\n", "", 1)  # says something to nbval, nothing to a learner
        # A list of lines is how Jupyter itself saves text: a change of one line is a difference of one line.
        cell |= {"metadata": metadata, "source": text.splitlines(keepends=True)}
        if kind == "code":
            kept = expected.pop(cell["id"], [])
            # nbval takes a cell with outputs and no running number for a mistake.
            ran = 1 + sum(before["cell_type"] == "code" for before in cells) if kept else None
            cell |= {"execution_count": ran, "outputs": kept}
        cells.append(cell)
    if expected:
        raise CourseError(
            f"{outputs_file(source)}: holds outputs of cells that are no longer there: {', '.join(expected)}",
            hint=f"initlab build --outputs {source.name}",
        )
    built = {
        "cells": cells,
        "metadata": {
            # Without a kernelspec JupyterLab asks for one in a modal dialog before anything runs.
            "kernelspec": _KERNEL,
            "language_info": {"name": "python"},
            "initlab": {"notebook": source.name, "edition": str(edition)},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    validate(built)
    return (json.dumps(built, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def write(curriculum: Curriculum) -> list[Written]:
    """Build both editions of every source. Raises CourseError, before writing anything, if one does not
    build.
    """
    ready = [(path, data) for source in curriculum.notebooks() for path, data in _both(curriculum, source)]
    written = []
    for path, data in ready:
        changed = not path.is_file() or path.read_bytes() != data
        if changed:
            write_atomically(path, data)
        written.append(Written(path, changed))
    return written


def check(curriculum: Curriculum) -> list[Path]:
    """The committed learner editions that are missing or differ from a rebuild, byte for byte."""
    wrong = []
    for source in curriculum.notebooks():
        path = curriculum.learner(source.name)
        if not path.is_file() or path.read_bytes() != build(source, Edition.LEARNER):
            wrong.append(path)
    return wrong


def stale(curriculum: Curriculum) -> list[Path]:
    """Built editions whose source is gone."""
    known = {curriculum.learner(source.name) for source in curriculum.notebooks()}
    return [path for path in sorted(curriculum.root.glob("*/*.ipynb")) if path not in known]


def outputs_file(source: NotebookSource) -> Path:
    """Where the expected outputs of a source's marked cells are kept."""
    return source.path.with_name(f"{source.path.stem}.outputs.json")


def _both(curriculum: Curriculum, source: NotebookSource) -> list[tuple[Path, bytes]]:
    return [
        (curriculum.learner(source.name), build(source, Edition.LEARNER)),
        (curriculum.solved(source.name), build(source, Edition.SOLVED)),
    ]


def _read(text: str, source: NotebookSource) -> Any:
    import jupytext

    try:
        return jupytext.reads(text, fmt="md:myst")
    except Exception as error:  # jupytext raises what its YAML and Markdown readers raise
        raise CourseError(f"{source.path}: jupytext cannot read it: {error}") from error


def _facts(notebook: Any, source: NotebookSource) -> Facts:
    stated = notebook.metadata.get("initlab")
    if not isinstance(stated, dict):
        raise CourseError(
            f"{source.path}: front matter has no `initlab:` block", hint="see docs/authoring.md"
        )
    try:
        return Facts.model_validate(dict(stated))
    except ValidationError as error:
        problems = [f"initlab.{'.'.join(map(str, p['loc']))}: {p['msg'].lower()}" for p in error.errors()]
        raise CourseError(f"{source.path}: " + "; ".join(problems), hint="see docs/authoring.md") from error


_Cell = tuple[str, str, dict[str, Any]]  # kind, text, metadata


def _header(stated: Facts, source: NotebookSource) -> _Cell:
    before = ", ".join(_prerequisite(name, source) for name in stated.prerequisites) or "nothing"
    rows = [
        ("Time", f"about {stated.time} minutes"),
        ("Before this", before),
        ("Engines", ", ".join(stated.engines)),
        ("Changes on this computer", stated.changes),
        *(("Needs", TOLD[need]) for need in stated.needs),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    text = f"# {stated.title}\n\n**Goal.** {stated.goal}\n\n| | |\n|:--|:--|\n{table}"
    return "markdown", text, {}


def _prerequisite(name: str, source: NotebookSource) -> str:
    """A prerequisite that names a notebook becomes a link to it."""
    if not re.fullmatch(r"\w+/\d\d-[a-z0-9-]+", name):
        return name
    return f"[{name}]({posixpath.relpath(name, source.phase)}.ipynb)"


def _texts(notebook: Any, stated: Facts, source: NotebookSource) -> list[_Cell]:
    """The cells that say something, without a heading that repeats the title: the header has it."""
    cells: list[_Cell] = []
    for cell in notebook.cells:
        text = str(cell.source).strip("\n")
        first, _, rest = text.partition("\n")
        if cell.cell_type == "markdown" and first.startswith("# "):
            if cells or first[2:].strip() != stated.title:
                raise CourseError(
                    f"{source.path}: `{first}` is a second title beside initlab.title {stated.title!r}",
                    hint="begin headings in the text at ##",
                )
            text = rest.strip("\n")
        if text.strip():
            metadata = dict(cell.metadata)
            if cell.cell_type == "code" and ".reveal(" in text:
                # It holds the answer to a question that stands right above it.
                metadata.setdefault("jupyter", {"source_hidden": True})
            cells.append((str(cell.cell_type), text, metadata))
    return cells


def _cell_id(notebook: str, kind: str, text: str, seen: dict[str, int]) -> str:
    """An exercise's cell is called after it; any other after what it says (and its rank among equal ones)."""
    if kind == "code" and (exercise := exercise_id(text)):
        return re.sub(r"[^A-Za-z0-9-]", "-", exercise)
    digest = hashlib.sha256(f"{notebook}\0{kind}\0{text}".encode()).hexdigest()[:12]
    seen[digest] = seen.get(digest, 0) + 1
    return digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def _kept_outputs(source: NotebookSource) -> Outputs:
    path = outputs_file(source)
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CourseError(f"{path}: {error}", hint=f"initlab build --outputs {source.name}") from error
