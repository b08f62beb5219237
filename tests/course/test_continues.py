"""An exercise that continues another: the learner goes on with their own accepted answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import IPython
import pytest

from helpers.course import exercises, magics, portfolio, progress
from helpers.course.curriculum import Curriculum
from helpers.course.exercises import Exercise
from helpers.course.vet import vet
from helpers.course.workspace import ENVIRONMENT, Workspace
from helpers.errors import CourseError

from .fake import EXERCISE, add_exercise

CELL = """
```{code-cell} ipython3
%%exercise p0.triple
import sys

### BEGIN SOLUTION
print(int(sys.argv[1]) * 3)
### END SOLUTION
### BEGIN STARTER
print("the course's doubling")
### END STARTER
```
"""
TOML = (
    EXERCISE.replace("p0.double", "p0.triple").replace("double.py", "triple.py") + 'continues = "p0.double"\n'
)
MINE = "import sys\n\nprint(2 * int(sys.argv[1]))\n"


@pytest.fixture
def triple(course: Curriculum, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Exercise:
    source = course.sources / "phase0" / "01-doubling.md"
    source.write_text(source.read_text() + CELL)
    add_exercise(course, "p0.triple", TOML)
    monkeypatch.setenv("INITLAB_CURRICULUM", str(course.root))
    monkeypatch.setenv(ENVIRONMENT, str(workspace.root))
    return exercises.load("p0.triple")


class Shell:
    """What the magic asks of IPython."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def set_next_input(self, text: str, replace: bool = False) -> None:
        assert replace
        self.shown.append(text)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    found = Shell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: found)
    return found


def doubled(workspace: Workspace, outcome: str = "passed", text: str = MINE) -> None:
    """The learner has an answer to the exercise before, with a verdict."""
    portfolio.save(workspace, exercises.load("p0.double"), text)
    progress.record("p0.double", outcome, possible=10, workspace=workspace)


def test_an_accepted_answer_is_what_the_next_exercise_begins_with(
    triple: Exercise, workspace: Workspace, shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    """Running the starter's cell saves the learner's own answer, puts it in the cell, and says so."""
    doubled(workspace)
    magics.exercise("p0.triple", triple.starter)
    assert triple.path(workspace).read_text() == MINE
    assert shell.shown == ["%%exercise p0.triple\n" + MINE]
    said = capsys.readouterr().out
    assert "saved portfolio/phase0/triple.py (3 lines)" in said
    assert "your own double.py, which passed" in said


@pytest.mark.parametrize("outcome", ["not_yet", "timed_out", "not_started", None])
def test_without_an_accepted_answer_it_begins_with_the_starter(
    triple: Exercise, workspace: Workspace, shell: Shell, outcome: str | None
) -> None:
    """No answer, or one that has not passed, is nothing to build on."""
    if outcome is not None:
        doubled(workspace, outcome)
    magics.exercise("p0.triple", triple.starter)
    assert triple.path(workspace).read_text() == triple.starter
    assert shell.shown == []


def test_the_last_verdict_counts(triple: Exercise, workspace: Workspace, shell: Shell) -> None:
    """An answer that passed and was broken since is not begun with; a lab that failed says nothing of it."""
    doubled(workspace)
    progress.record("p0.double", "lab_failed", possible=10, workspace=workspace)
    assert portfolio.begin(workspace, triple, triple.starter) is not None
    progress.record("p0.double", "not_yet", possible=10, workspace=workspace)
    assert portfolio.begin(workspace, triple, triple.starter) is None


def test_what_was_written_for_it_is_saved_as_it_is(
    triple: Exercise, workspace: Workspace, shell: Shell
) -> None:
    """Only the starter is replaced."""
    doubled(workspace)
    magics.exercise("p0.triple", "print(3)\n")
    assert triple.path(workspace).read_text() == "print(3)\n"
    assert shell.shown == []


def test_work_that_is_there_is_kept_beside(triple: Exercise, workspace: Workspace, shell: Shell) -> None:
    """A fresh copy of the notebook, run from top to bottom, loses nothing: not even what a cell had saved."""
    doubled(workspace)
    magics.exercise("p0.triple", "print(3)\n")
    magics.exercise("p0.triple", triple.starter)
    path = triple.path(workspace)
    assert path.read_text() == MINE
    assert path.with_name("triple.py.1").read_text() == "print(3)\n"
    assert exercises.load("p0.double").path(workspace).read_text() == MINE


def test_the_answer_before_is_no_start_of_this_one(
    triple: Exercise, workspace: Workspace, shell: Shell
) -> None:
    """As long as it says what the answer before says, nothing was done for this exercise."""
    doubled(workspace)
    magics.exercise("p0.triple", triple.starter)
    path = triple.path(workspace)
    assert triple.untouched(path)
    path.write_text("# only a comment\n" + MINE)
    assert triple.untouched(path)
    path.write_text(MINE.replace("2 *", "3 *"))
    assert not triple.untouched(path)


def test_a_front_end_is_not_needed(triple: Exercise, workspace: Workspace, monkeypatch: Any) -> None:
    """Outside of IPython the file is made all the same."""
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    doubled(workspace)
    magics.exercise("p0.triple", triple.starter)
    assert triple.path(workspace).read_text() == MINE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"p0.double"\n', '"p0.triple"\n'),
        ('"p0.double"\n', '"doubling"\n'),
        ('file = "triple.py"\n', ""),
    ],
)
def test_a_field_that_cannot_be_is_told(triple: Exercise, old: str, new: str) -> None:
    """CourseError names the file and says what `continues` is for."""
    head, _, tail = TOML.rpartition(old) if "p0.double" in old else TOML.partition(old)
    (triple.folder / "exercise.toml").write_text(head + new + tail)
    with pytest.raises(CourseError, match=r"exercise\.toml: malformed(.|\n)*continues"):
        exercises.load("p0.triple")


def test_vetting_tells_of_an_exercise_that_is_not_there(triple: Exercise) -> None:
    """The name of the one before is looked up."""
    (triple.folder / "exercise.toml").write_text(TOML.replace('"p0.double"\n', '"p0.duoble"\n'))

    def never(exercise: object, program: Path) -> Any:
        raise AssertionError("nothing is executed")

    told = [p for r in vet(triple.curriculum, never, only="p0.triple", fast=True) for p in r.problems]
    assert any("did you mean 'p0.double'" in problem for problem in told)
