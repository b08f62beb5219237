"""Stages 1 and 2 on real sandboxes. `initlab vet` grades every answer."""

from __future__ import annotations

import pytest

from checks import phase3
from checks.stages import first_stopping, second
from checks.verdict import Outcome
from helpers.course import exercises, portfolio
from helpers.course.workspace import Workspace
from helpers.engines.base import Image

STAGES = {1: (first_stopping.SUITE, phase3.stage1), 2: (second.SUITE, phase3.stage2)}


@pytest.mark.parametrize("number", STAGES)
def test_the_behaviours_are_worth_what_the_exercise_says(number: int) -> None:
    """exercise.toml and the check agree."""
    assert STAGES[number][0].points == exercises.load(f"p3.stage{number}").points == 10


@pytest.mark.parametrize("number", STAGES)
def test_every_hint_of_a_wrong_answer_is_one_of_the_suite(number: int) -> None:
    """A wrong answer never waits for a hint that cannot come."""
    assert {answer.hint for answer in exercises.load(f"p3.stage{number}").wrong} <= set(
        STAGES[number][0].hints
    )


@pytest.mark.parametrize("number", STAGES)
def test_without_a_file_or_with_the_starter_nothing_was_started(workspace: Workspace, number: int) -> None:
    """Neither is a learner's mistake."""
    exercise, check = exercises.load(f"p3.stage{number}"), STAGES[number][1]
    assert check().outcome is Outcome.NOT_STARTED
    portfolio.save(workspace, exercise, exercise.starter)
    assert check().outcome is Outcome.NOT_STARTED


@pytest.mark.live
@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", STAGES)
def test_the_solution_passes(image: Image, workspace: Workspace, number: int) -> None:
    """Full points."""
    exercise, check = exercises.load(f"p3.stage{number}"), STAGES[number][1]
    portfolio.save(workspace, exercise, exercise.solution)
    verdict = check()
    assert verdict.passed, str(verdict)
    assert verdict.points == exercise.points


@pytest.mark.live
@pytest.mark.timeout(120)
def test_stage_2_begins_with_an_accepted_stage_1(image: Image, workspace: Workspace) -> None:
    """And that is no start of stage 2 yet."""
    one, two = exercises.load("p3.stage1"), exercises.load("p3.stage2")
    portfolio.save(workspace, one, one.solution)
    assert portfolio.begin(workspace, two, two.starter) is None
    assert phase3.stage1().passed
    begun = portfolio.begin(workspace, two, two.starter)
    assert begun is not None
    portfolio.save(workspace, two, begun.text, beginning=True)
    assert phase3.stage2().outcome is Outcome.NOT_STARTED
