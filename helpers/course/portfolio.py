"""What a learner makes, as files in their portfolio.

The cell magic saves there; `reset` puts a starter back. Neither ever overwrites work: a file that was changed
by other means since we last wrote it is kept beside as `pid1.py.1` first.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from helpers.course import progress
from helpers.course.exercises import Exercise, same_code
from helpers.course.files import keep_beside, told, write_atomically
from helpers.course.workspace import Workspace

__all__ = ["Begun", "Saved", "begin", "reset", "save", "syntax_problem"]


@dataclass(frozen=True)
class Saved:
    """A file as it was written; `kept` is where the former one was put, if it had to be kept."""

    path: Path
    changed: bool
    kept: Path | None


@dataclass(frozen=True)
class Begun:
    """What a learner begins with: the text of their own answer, and the file it is from."""

    text: str
    path: Path


def begin(workspace: Workspace, exercise: Exercise, text: str) -> Begun | None:
    """What to begin with in place of `text`, where that is the starter and the exercise continues another.

    It is the learner's own answer to that one, if its last verdict was `passed`. None where they begin with
    what `text` says. Raises CourseError when the progress cannot be read.
    """
    before = exercise.before
    if before is None or not same_code(text, exercise.starter, python=exercise.is_python()):
        return None
    looked = [
        attempt.outcome
        for attempt in progress.attempts(before.id, workspace=workspace)
        if attempt.outcome not in ("not_started", "lab_failed")
    ]
    path = before.path(workspace)
    if looked[-1:] != ["passed"] or before.untouched(path):
        return None
    with told(path):
        return Begun(path.read_text(encoding="utf-8"), path)


def save(
    workspace: Workspace, exercise: Exercise, text: str, part: str = "", *, beginning: bool = False
) -> Saved:
    """Write the learner's program, or one part of it. Raises CourseError when the disk refuses.

    A program beginning with `#!` is made executable: the kernel runs a script by its first line only when the
    file has the run bit (execve(2)). A starter never replaces work, even work that was saved here: a fresh
    copy of a notebook run from top to bottom must not undo what was made in the old one. `beginning` says
    that the text stands for the starter (`begin`).
    """
    starter = exercise.starters.get(part)
    is_starter = starter is not None and same_code(text, starter, python=exercise.is_python(part))
    return _write(workspace, exercise, part, text, keep_always=is_starter or beginning)


def reset(workspace: Workspace, exercise: Exercise) -> tuple[Saved, ...]:
    """Put the starter of each part back; the learner's file, unless it is the starter, is kept beside."""
    return tuple(
        _write(workspace, exercise, part, text, keep_always=True) for part, text in exercise.starters.items()
    )


def syntax_problem(text: str, name: str) -> SyntaxError | None:
    """Why `text` is not Python, None where it is. Warnings about it are the program's own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, name, "exec", dont_inherit=True)
        except SyntaxError as error:
            return error
        except ValueError as error:  # a null byte, before Python 3.12
            return SyntaxError(str(error), (name, None, None, None))
    return None


def _write(workspace: Workspace, exercise: Exercise, part: str, text: str, *, keep_always: bool) -> Saved:
    path = exercise.path(workspace) / part
    data = text.encode()
    with told(workspace.state):
        workspace.state.mkdir(parents=True, exist_ok=True)
        lock = FileLock(workspace.state / "saved.lock")
        with lock:
            ours = _read_hashes(workspace)
            key = path.relative_to(workspace.root).as_posix()
            kept = None
            if path.exists():
                before = path.read_bytes()
                if before == data:
                    _remember(workspace, ours, key, data)
                    return Saved(path, changed=False, kept=None)
                if keep_always or _hash(before) != ours.get(key):
                    kept = keep_beside(path)
            write_atomically(path, data, mode=0o755 if data.startswith(b"#!") else 0o644)
            _remember(workspace, ours, key, data)
    return Saved(path, changed=True, kept=kept)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hashes_file(workspace: Workspace) -> Path:
    return workspace.state / "saved.json"


def _read_hashes(workspace: Workspace) -> dict[str, str]:
    """What we last wrote to each file. Unreadable means unknown, and then everything is kept beside."""
    try:
        return dict(json.loads(_hashes_file(workspace).read_text()))
    except (OSError, ValueError):
        return {}


def _remember(workspace: Workspace, ours: dict[str, str], key: str, data: bytes) -> None:
    if ours.get(key) != _hash(data):
        write_atomically(
            _hashes_file(workspace), json.dumps(ours | {key: _hash(data)}, indent=1, sort_keys=True).encode()
        )
