"""Making a workspace, and bringing a newer course into it.

A notebook is the learner's from delivery on. `.initlab/delivered.json` remembers the hash of each file as it
was delivered; a file that still has it is replaced by a newer one, any other stays and the newer one arrives
beside it as `NN-name.new-<version>.ipynb`. Nothing is deleted. A delivery that is cut short is completed by
the next.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from filelock import FileLock

from helpers.course.curriculum import Curriculum
from helpers.course.files import told, write_atomically
from helpers.course.workspace import Workspace
from helpers.errors import CourseError

__all__ = ["Delivery", "deliver", "version"]


@dataclass
class Delivery:
    """What a delivery did. Paths are relative to the workspace.

    `kept` maps a notebook the learner has changed to the name the newer one got beside it.
    """

    workspace: Workspace
    made: bool
    new: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """What to tell the learner, a line for each thing that matters to them."""
        lines = [f"{'Made' if self.made else 'Workspace'} {self.workspace.root}"]
        if self.new:
            lines.append(f"  {_count(self.new)} delivered")
        if self.replaced:
            lines.append(f"  {_count(self.replaced)} replaced by a newer one (you had not changed them):")
            lines += [f"    {name}" for name in self.replaced]
        if self.kept:
            lines.append(f"  {_count(list(self.kept))} you changed: yours stays, the newer one is beside it:")
            lines += [f"    {yours}  →  {newer}" for yours, newer in self.kept.items()]
        return "\n".join(lines)


def version() -> str:
    """The version of the installed course."""
    try:
        return metadata.version("initlab")
    except metadata.PackageNotFoundError:
        return "unreleased"


def deliver(curriculum: Curriculum, workspace: Workspace, *, release: str | None = None) -> Delivery:
    """Make the workspace or bring it up to date.

    Raises CourseError for a course not built, a folder with other things in it, and when the disk refuses.
    """
    files = _notebooks(curriculum)
    made = not workspace.exists()
    _refuse_strange(curriculum, workspace)
    with told(workspace.root):
        workspace.state.mkdir(parents=True, exist_ok=True)
        with FileLock(workspace.state / "delivery.lock"):
            return _deliver(files, Delivery(workspace, made), release or version())


def _deliver(files: dict[str, bytes], done: Delivery, release: str) -> Delivery:
    record = done.workspace.state / "delivered.json"
    before = _read(record)
    after = dict(before)
    for name, data in files.items():
        path = done.workspace.root / name
        after[name] = _hash(data)
        present = _hash(path.read_bytes()) if path.exists() else None
        if present == _hash(data):
            done.unchanged.append(name)
        elif present is None:
            write_atomically(path, data)
            done.new.append(name)
        elif present == before.get(name):
            write_atomically(path, data)
            done.replaced.append(name)
        elif before.get(name) == _hash(data):
            done.unchanged.append(name)  # the learner's changes, and nothing newer to bring
        else:
            done.kept[name] = _beside(path, data, release).relative_to(done.workspace.root).as_posix()
    if after != before:
        write_atomically(record, json.dumps(after, indent=1, sort_keys=True).encode())
    return done


def _beside(path: Path, data: bytes, release: str) -> Path:
    """Write the newer notebook beside the learner's, never over another file; returns its path."""
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{number}"
        beside = path.with_name(f"{path.stem}.new-{release}{suffix}{path.suffix}")
        if not beside.exists():
            write_atomically(beside, data)
            return beside
        if beside.read_bytes() == data:
            return beside
        number += 1


def _notebooks(curriculum: Curriculum) -> dict[str, bytes]:
    files = {}
    for source in curriculum.notebooks():
        path = curriculum.learner(source.name)
        try:
            files[f"{source.name}.ipynb"] = path.read_bytes()
        except OSError as error:
            raise CourseError(f"{path}: {error.strerror}", hint="initlab build") from error
    return files


def _refuse_strange(curriculum: Curriculum, workspace: Workspace) -> None:
    """Do not spread notebooks in a folder that is for something else."""
    root = workspace.root
    with told(root):
        inside = root.resolve()
        if inside == curriculum.root.parent.resolve() or curriculum.root.resolve() in (
            inside,
            *inside.parents,
        ):
            raise CourseError(
                f"{root} holds the course itself", hint="initlab open --dir FOLDER, outside of it"
            )
        if root.exists() and not root.is_dir():
            raise CourseError(f"{root} is a file", hint="initlab open --dir FOLDER, a new or empty folder")
        if workspace.exists() or not root.exists():
            return
        others = sorted(
            p.name for p in root.iterdir() if not p.name.startswith(".") and p.name != "lost+found"
        )
    if others:
        raise CourseError(
            f"{root} is no workspace and not empty: it holds {', '.join(others[:3])}"
            + (f" and {len(others) - 3} more" if len(others) > 3 else ""),
            hint="initlab open --dir FOLDER, a new or empty folder",
        )


def _read(record: Path) -> dict[str, str]:
    """The hashes as delivered. Unreadable means unknown: then nothing of the learner's is replaced."""
    try:
        return dict(json.loads(record.read_text()))
    except (OSError, ValueError):
        return {}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _count(names: list[str]) -> str:
    return f"{len(names)} notebook{'' if len(names) == 1 else 's'}"
