"""The check of `p1.metaphor`: told, and not copied."""

from __future__ import annotations

import pytest

from checks import phase1
from checks.metaphor import HINTS, SUITE
from helpers.course import exercises

EXERCISE = exercises.load("p1.metaphor")


@pytest.mark.parametrize("answer", EXERCISE.wrong, ids=lambda answer: answer.name)
def test_what_is_no_picture_of_ones_own_is_told(answer: exercises.WrongAnswer) -> None:
    """Too short, a few words repeated, or ours."""
    verdict = phase1.metaphor(answer.path)
    assert verdict.hint is not None
    assert verdict.hint.key == answer.hint


def test_any_picture_of_ones_own_will_do() -> None:
    """It is not graded, and worth no points."""
    assert all(phase1.metaphor(path).passed for path in EXERCISE.right)
    assert SUITE.points == EXERCISE.points == 0
    assert {answer.hint for answer in EXERCISE.wrong} == set(HINTS)
