"""The cell magic and the files it saves: no work of a learner is ever lost."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers.course import exercises, magics, portfolio
from helpers.course.curriculum import Curriculum
from helpers.course.exercises import Exercise
from helpers.course.workspace import ENVIRONMENT, Workspace
from helpers.errors import CourseError

MINE = "import sys\n\nprint(2 * int(sys.argv[1]))\n"


@pytest.fixture
def double(course: Curriculum, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Exercise:
    monkeypatch.setenv("INITLAB_CURRICULUM", str(course.root))
    monkeypatch.setenv(ENVIRONMENT, str(workspace.root))
    return exercises.load("p0.double")


def test_the_magic_saves_the_cell_and_says_where(
    double: Exercise, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """`%%exercise ID` writes the portfolio file."""
    magics.exercise("p0.double", MINE)
    path = workspace.root / "portfolio/phase0/double.py"
    assert path.read_text() == MINE
    assert capsys.readouterr().out == "saved portfolio/phase0/double.py (3 lines)\n"
    magics.exercise("p0.double", MINE)
    assert capsys.readouterr().out == "unchanged: portfolio/phase0/double.py (3 lines)\n"


def test_ipython_knows_the_magic_after_load_ext(double: Exercise, workspace: Workspace) -> None:
    """`%load_ext helpers.course` is the one line a notebook needs."""
    shell = InteractiveShell.instance()
    try:
        shell.run_line_magic("load_ext", "helpers.course")
        result = shell.run_cell("%%exercise p0.double\n" + MINE)
        assert result.success
        assert double.path(workspace).read_text() == MINE
    finally:
        InteractiveShell.clear_instance()


def test_saving_again_replaces_what_the_cell_saved(double: Exercise, workspace: Workspace) -> None:
    """Editing in the cell alone leaves no trail of copies."""
    portfolio.save(workspace, double, MINE)
    saved = portfolio.save(workspace, double, MINE + "# better\n")
    assert saved.kept is None
    assert [p.name for p in saved.path.parent.iterdir()] == ["double.py"]


def test_a_file_edited_elsewhere_is_kept_and_told(
    double: Exercise, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """An edit made in a terminal or in the file editor survives the cell; the next one too."""
    path = portfolio.save(workspace, double, MINE).path
    path.write_text("# edited in vi\n")
    magics.exercise("p0.double", MINE)
    assert path.read_text() == MINE
    assert path.with_name("double.py.1").read_text() == "# edited in vi\n"
    assert "kept as double.py.1" in capsys.readouterr().out
    path.write_text("# edited again\n")
    magics.exercise("p0.double", MINE)
    assert path.with_name("double.py.1").read_text() == "# edited in vi\n"
    assert path.with_name("double.py.2").read_text() == "# edited again\n"


def test_a_file_we_know_nothing_of_is_kept(double: Exercise, workspace: Workspace) -> None:
    """A lost or damaged record means: keep everything."""
    path = portfolio.save(workspace, double, MINE).path
    (workspace.state / "saved.json").write_text("{broken")
    assert portfolio.save(workspace, double, MINE + "#\n").kept == path.with_name("double.py.1")


def test_a_starter_never_replaces_work(double: Exercise, workspace: Workspace) -> None:
    """A fresh copy of the notebook, run from top to bottom, does not undo what the old one saved."""
    path = portfolio.save(workspace, double, MINE).path
    saved = portfolio.save(workspace, double, double.starter)
    assert saved.kept == path.with_name("double.py.1")
    assert saved.kept.read_text() == MINE


def test_reset_puts_the_starter_back_and_keeps_the_work(double: Exercise, workspace: Workspace) -> None:
    """Also where nothing was saved before."""
    assert portfolio.reset(workspace, double)[0].kept is None
    assert portfolio.reset(workspace, double)[0].changed is False
    portfolio.save(workspace, double, MINE)
    (saved,) = portfolio.reset(workspace, double)
    assert saved.path.read_text() == double.starter
    assert saved.kept is not None
    assert saved.kept.read_text() == MINE


def test_a_program_with_a_first_line_for_the_kernel_can_be_executed(
    double: Exercise, workspace: Workspace
) -> None:
    """`#!` gives the run bit; without it a file is plain."""
    path = portfolio.save(workspace, double, "#!/usr/bin/env python3\n" + MINE).path
    assert os.access(path, os.X_OK)
    portfolio.save(workspace, double, MINE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_syntax_error_is_told_with_its_line_and_the_text_is_saved(
    double: Exercise, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines are counted in the file and in the cell, which has the magic's line above."""
    magics.exercise("p0.double", "import sys\nprint((1)\n")
    assert double.path(workspace).read_text() == "import sys\nprint((1)\n"
    out = capsys.readouterr().out
    assert "not Python yet: line 2 (line 3 of this cell): '(' was never closed" in out
    assert "print((1)" in out


def test_blank_lines_above_the_program_count_in_the_cell(
    double: Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are not saved, so the two numbers differ by one more."""
    magics.exercise("p0.double", "\nprint((1)\n")
    assert "line 1 (line 3 of this cell)" in capsys.readouterr().out


def test_a_null_byte_is_told_as_a_syntax_problem() -> None:
    """`compile` raises something else for it before Python 3.12."""
    assert portfolio.syntax_problem("a = '\0'", "x.py") is not None
    assert portfolio.syntax_problem("a = '\\d'", "x.py") is None


def test_outside_of_a_workspace_the_magic_says_what_to_do(
    double: Exercise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook opened in the clone has nowhere to save to."""
    monkeypatch.delenv(ENVIRONMENT)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CourseError, match=r"double\.py was not saved") as caught:
        magics.exercise("p0.double", MINE)
    assert "initlab open" in caught.value.hint


def test_an_unknown_exercise_is_told(double: Exercise) -> None:
    """With the one meant."""
    with pytest.raises(CourseError, match=r"did you mean 'p0\.double'"):
        magics.exercise("p0.doubel", MINE)


def test_a_disk_that_refuses_is_told_and_nothing_is_lost(double: Exercise, workspace: Workspace) -> None:
    """The portfolio being a file stands for every refusal; the message names it."""
    workspace.portfolio.write_text("in the way")
    with pytest.raises(CourseError, match=r"portfolio"):
        portfolio.save(workspace, double, MINE)
    assert workspace.portfolio.read_text() == "in the way"
