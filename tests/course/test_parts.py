"""Answers that are several files: cells, files, starters, wrong answers, and how the course is vetted."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers.course import editions, exercises, magics, portfolio
from helpers.course.curriculum import Curriculum
from helpers.course.exercises import Exercise
from helpers.course.regions import Edition
from helpers.course.vet import vet
from helpers.course.workspace import ENVIRONMENT, Workspace
from helpers.errors import CourseError

from .fake import add_parts
from .test_vet import Hint, Verdict

NAME = "phase0/01-doubling"
APP = "#!/bin/sh\nexec app --mine\n"


@pytest.fixture
def two(course: Curriculum, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Exercise:
    add_parts(course)
    monkeypatch.setenv("INITLAB_CURRICULUM", str(course.root))
    monkeypatch.setenv(ENVIRONMENT, str(workspace.root))
    return exercises.load("p0.two")


def test_each_part_has_its_cell(two: Exercise) -> None:
    """Starter and solution by part, in the order of the cells."""
    assert list(two.starters) == ["app/run", "db.py"]
    assert two.starters["app/run"] == "#!/bin/sh\n# app: not yet\n"
    assert two.solutions["db.py"] == 'print("db")\n'


def test_each_cell_is_called_after_its_part(two: Exercise) -> None:
    """Cell ids hold letters, digits, - and _ only (nbformat 4.5)."""
    built = json.loads(editions.build(two.curriculum.notebook(NAME), Edition.LEARNER))
    assert {"p0-two-app-run", "p0-two-db-py"} <= {cell["id"] for cell in built["cells"]}


def test_a_part_without_a_cell_is_told(two: Exercise) -> None:
    """The message names the line that is missing."""
    source = two.curriculum.sources / "phase0" / "01-doubling.md"
    source.write_text(source.read_text().replace("%%exercise p0.two db.py", "%%exercise p0.two cb.py"))
    with pytest.raises(CourseError, match=r"no exercise p0\.two db\.py"):
        _ = exercises.load("p0.two").solutions


def test_a_part_twice_is_told(two: Exercise) -> None:
    """Two cells must not save the same file."""
    source = two.curriculum.sources / "phase0" / "01-doubling.md"
    source.write_text(source.read_text().replace("%%exercise p0.two db.py", "%%exercise p0.two app/run"))
    with pytest.raises(CourseError, match=r"p0\.two app/run stands at line"):
        _ = exercises.load("p0.two").solutions


def test_the_magic_saves_a_part_in_the_folder(
    two: Exercise, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each part is a file of its own, executable where it names its interpreter."""
    magics.exercise("p0.two app/run", APP)
    assert capsys.readouterr().out == "saved portfolio/phase0/stack/two/app/run (2 lines)\n"
    file = two.path(workspace) / "app/run"
    assert file.read_text() == APP
    assert file.stat().st_mode & stat.S_IXUSR
    magics.exercise("p0.two db.py", "print(\n")
    assert "not Python yet" in capsys.readouterr().out


def test_a_further_file_may_be_added(two: Exercise, workspace: Workspace) -> None:
    """What the exercise does not name, an answer may need all the same."""
    magics.exercise("p0.two app/check", "#!/bin/sh\n")
    assert list(two.files(two.path(workspace))) == ["app/check"]


@pytest.mark.parametrize("line", ["p0.two", "p0.two ../x", "p0.two /etc/passwd", "p0.two a b", "p0.two .x"])
def test_a_line_that_names_no_part_lists_them(two: Exercise, workspace: Workspace, line: str) -> None:
    """Nothing is written outside of the answer's folder."""
    with pytest.raises(CourseError) as told:
        magics.exercise(line, APP)
    assert "%%exercise p0.two app/run" in told.value.hint
    assert not (workspace.root / "portfolio").exists()


def test_a_part_of_an_exercise_that_is_one_file_is_refused(two: Exercise) -> None:
    """The message says how the cell begins."""
    with pytest.raises(CourseError, match="is one file"):
        magics.exercise("p0.double app/run", APP)


def test_an_empty_cell_is_told_in_our_words(
    two: Exercise, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """`%%exercise ID` with nothing below saves nothing and says so; IPython would call it a usage error."""
    shell = InteractiveShell.instance()
    try:
        shell.run_line_magic("load_ext", "helpers.course")
        for cell in (
            "%%exercise p0.two app/run",
            "%%exercise p0.two app/run\n\n  \n",
            "%%exercise p0.double",
        ):
            assert shell.run_cell(cell).success
            assert "nothing to save" in capsys.readouterr().out
    finally:
        InteractiveShell.clear_instance()
    assert not (workspace.root / "portfolio").exists()


def test_it_is_untouched_while_every_part_is(two: Exercise, workspace: Workspace) -> None:
    """One part written is the learner's work."""
    folder = two.path(workspace)
    assert two.untouched(folder)
    portfolio.reset(workspace, two)
    assert two.untouched(folder)
    portfolio.save(workspace, two, APP, "app/run")
    assert not two.untouched(folder)
    assert two.parts_touched(folder) == ("app/run",)


def test_reset_puts_every_starter_back_and_keeps_the_work(two: Exercise, workspace: Workspace) -> None:
    """Part by part, as for one file; what is kept beside is no part of the answer."""
    portfolio.save(workspace, two, APP, "app/run")
    first, second = portfolio.reset(workspace, two)
    assert first.kept is not None
    assert first.kept.read_text() == APP
    assert second.kept is None
    assert list(two.files(two.path(workspace))) == ["app/run", "db.py"]


def test_a_wrong_answer_holds_what_differs(two: Exercise) -> None:
    """The file that is wrong says why; what the folder lacks is as in the solution."""
    (wrong,) = two.wrong
    assert (wrong.name, wrong.hint, wrong.why) == ("other", "stays", "Does not become the app.")
    assert two.answer(wrong.path)["db.py"] == two.solutions["db.py"]
    assert two.answer(wrong.path)["app/run"].endswith("\napp\n")


def test_vetting_writes_every_part_and_judges_the_whole(two: Exercise) -> None:
    """Starter, solution, right and wrong answers are checked as folders."""
    seen: list[dict[str, str]] = []

    def run_check(exercise: Exercise, folder: Path) -> Verdict:
        files = exercise.files(folder)
        assert files["app/run"].stat().st_mode & stat.S_IXUSR
        seen.append({part: file.read_text() for part, file in files.items()})
        if exercise.untouched(folder):
            return Verdict("not_started")
        if "exec" in seen[-1]["app/run"]:
            return Verdict("passed", points=10)
        return Verdict("not_yet", hint=Hint("stays"))

    editions.write(two.curriculum)
    results = list(vet(two.curriculum, run_check, only="p0.two"))
    assert [problem for result in results for problem in result.problems] == []
    assert len(seen) == 4
    assert all(set(files) == {"app/run", "db.py"} for files in seen)


def test_parts_without_a_folder_are_malformed(two: Exercise) -> None:
    """exercise.toml is told with its file."""
    toml = two.folder / "exercise.toml"
    toml.write_text(toml.read_text().replace('file = "stack/two"\n', ""))
    with pytest.raises(CourseError, match="the folder they are in"):
        exercises.load("p0.two")
