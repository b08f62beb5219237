"""Vetting an answer of an exercise: have it checked as a learner's would be, and judge the verdict."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from helpers.course import editions, execute
from helpers.course.exercises import Exercise
from helpers.course.progress import Attempt
from helpers.course.regions import Edition
from helpers.course.workspace import ENVIRONMENT, STATE

__all__ = ["RunCheck", "Said", "VerdictFields", "judged", "not_started", "passes", "rejected", "said_of"]


class HintFields(Protocol):
    """A verdict's hint, as far as vetting looks."""

    @property
    def key(self) -> str: ...


class VerdictFields(Protocol):
    """A verdict, as far as vetting looks."""

    @property
    def outcome(self) -> str: ...
    @property
    def points(self) -> int: ...
    @property
    def possible(self) -> int: ...
    @property
    def hint(self) -> HintFields | None: ...


RunCheck = Callable[[Exercise, Path], VerdictFields]
"""Runs an exercise's check on a file."""


@dataclass(frozen=True)
class Said:
    """A verdict in plain words, whether it came from a call or from a progress file."""

    outcome: str
    points: int
    possible: int
    hint: str | None
    detail: str


def judged(
    exercise: Exercise,
    answer: Mapping[str, str],
    run_check: RunCheck,
    judge: Callable[[Said], list[str]],
    folder: Path,
    hint_only: bool,
) -> list[str]:
    """Have an answer checked, and say what is wrong with the verdict."""
    said = (
        _said_of_file(exercise, answer, run_check, folder, hint_only=hint_only)
        if exercise.file
        else _said_in_notebook(exercise, answer[""], folder)
    )
    if isinstance(said, str):
        return [said]
    problems = judge(said)
    if problems:
        (folder / "verdict.txt").write_text(said.detail + "\n")
    return problems


def _said_of_file(
    exercise: Exercise, answer: Mapping[str, str], run_check: RunCheck, folder: Path, *, hint_only: bool
) -> Said:
    """Run the check on a file (or a folder) with the answer, as a learner's would be.

    With `hint_only` it may end when its hint is certain.
    """
    workspace = folder / "workspace"
    (workspace / STATE).mkdir(parents=True)
    program = exercise.path(workspace)
    for part, text in answer.items():
        file = program / part
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        if text.startswith("#!"):
            file.chmod(0o755)
    with (
        _environment(ENVIRONMENT, str(workspace)),
        _environment("INITLAB_STRICT", "0"),
        _environment("INITLAB_FIRST_FAILURE", str(int(hint_only))),
    ):
        verdict = run_check(exercise, program)
    hint = verdict.hint.key if verdict.hint else None
    return Said(str(verdict.outcome), verdict.points, verdict.possible, hint, str(verdict))


def _said_in_notebook(exercise: Exercise, text: str, folder: Path) -> Said | str:
    """Run the solved edition with the answer in place of the solution; the verdict, or why there is none."""
    source = exercise.curriculum.notebook(exercise.notebook)
    notebook = json.loads(editions.build(source, Edition.SOLVED))
    (cell,) = (c for c in notebook["cells"] if c["id"] == exercise.id.replace(".", "-"))
    cell["source"] = [f"# exercise: {exercise.id}\n", text]
    done = execute.run(json.dumps(notebook).encode(), source.name, folder)
    verdicts = [attempt for attempt in done.attempts if attempt.exercise == exercise.id]
    if done.error or not verdicts:
        return f"{exercise.id}: {done.error or 'the notebook never calls its check'}"
    return said_of(verdicts[-1])


def said_of(attempt: Attempt) -> Said:
    """The verdict of an attempt."""
    return Said(attempt.outcome, attempt.points, attempt.possible, attempt.hint_key, repr(attempt))


def passes(exercise: Exercise, said: Said) -> list[str]:
    """What is wrong with a verdict that should be `passed`, with all points."""
    if said.outcome != "passed":
        return [f"should pass: {said.outcome}{f' with hint {said.hint!r}' if said.hint else ''}"]
    if said.points != exercise.points or said.possible != exercise.points:
        return [f"should give {exercise.points} points by exercise.toml: {said.points} of {said.possible}"]
    return []


def not_started(said: Said) -> list[str]:
    """What is wrong with a verdict that should be `not_started`."""
    return [] if said.outcome == "not_started" else [f"should be not_started: {said.outcome}"]


def rejected(hint: str, said: Said) -> list[str]:
    """What is wrong with a verdict that should reject, with this hint.

    `timed_out` rejects as well: an answer that hangs is told by the behaviour that hung.
    """
    if said.outcome not in ("not_yet", "timed_out"):
        return [f"should be rejected with hint {hint!r}: {said.outcome}"]
    return [] if said.hint == hint else [f"should be rejected with hint {hint!r}: the hint was {said.hint!r}"]


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before: Any = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
