"""`p0.restart-table`: how a table is read, and how it is compared with live labs."""

from __future__ import annotations

import pytest

from checks import phase0
from checks.restart_table import HINTS, SUITE, Table
from checks.verdict import Outcome
from helpers.course import exercises, portfolio
from helpers.course.workspace import Workspace
from helpers.engines.base import Image
from helpers.ways import WAYS, Fate

EXERCISE = exercises.load("p0.restart-table")
GOOD = EXERCISE.solution


def test_every_hint_has_a_wrong_answer_that_earns_it() -> None:
    """A hint nobody can get is untested text."""
    assert {answer.hint for answer in EXERCISE.wrong} == set(HINTS)


def test_the_rows_are_worth_what_the_exercise_says() -> None:
    """A point for each way."""
    assert SUITE.points == EXERCISE.points == len(WAYS)


def test_the_solution_has_a_row_for_each_way_and_can_be_read() -> None:
    """The notebook's columns are the check's."""
    table = Table.read(GOOD)
    assert table.problem == ""
    assert set(table.rows) == set(WAYS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column way, back, parent, status"),
        ("way, back, parent\n", "no column status"),
        ("\n".join(GOOD.splitlines()[:-1]), "no row systemd"),
        (GOOD.replace("at once", "soon", 1), "`soon` is none of never, at once, after a second"),
        (GOOD.replace("runsv", "?"), "runit: no parent"),
        (GOOD.replace(", running", "", 1), "openrc-supervised, status: ``"),
        ("\x00\xff,,,\n,", "no column"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(text: str, told: str) -> None:
    """One problem at a time, by row and column."""
    assert told in Table.read(text).problem


def test_case_order_comments_and_further_columns_are_free() -> None:
    """A table is graded by what it says."""
    lines = GOOD.splitlines()
    text = "\n".join(["# mine", lines[0] + ", note", *(line.upper() + ", x" for line in lines[:0:-1])])
    assert Table.read(text) == Table.read(GOOD)


@pytest.mark.parametrize(
    ("seconds", "word"),
    [(None, "never"), (0.0, "at once"), (0.3, "at once"), (1.01, "after a second"), (2.2, "after a second")],
)
def test_seconds_become_words(seconds: float | None, word: str) -> None:
    """Words that do not differ from run to run."""
    assert Fate(seconds, "runsv", "running").back == word


def test_the_starter_is_not_started_and_half_a_table_is_not_yet(workspace: Workspace) -> None:
    """Neither boots anything."""
    assert phase0.restart_table().outcome is Outcome.NOT_STARTED
    portfolio.save(workspace, EXERCISE, EXERCISE.starter)
    assert phase0.restart_table().outcome is Outcome.NOT_STARTED
    portfolio.save(workspace, EXERCISE, "\n".join(GOOD.splitlines()[:3]))
    verdict = phase0.restart_table()
    assert verdict.outcome is Outcome.NOT_YET
    assert verdict.hint is not None
    assert verdict.hint.key == "incomplete"


@pytest.mark.live
@pytest.mark.timeout(120)
def test_one_wrong_word_costs_its_row_only(image: Image, workspace: Workspace) -> None:
    """Each row is a lab of its own; what was seen stands beside what was said."""
    portfolio.save(
        workspace,
        EXERCISE,
        GOOD.replace("never,          PID 1,            dead", "never, PID 1, running", 1),
    )
    verdict = phase0.restart_table()
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.points == EXERCISE.points - 1
    assert verdict.hint is not None
    assert verdict.hint.key == "status"
    wrong = next(o for o in verdict.observations if not o.ok)
    assert wrong.asked == "SysV script: kill -9"
    assert wrong.seen == "never, PID 1, dead"
