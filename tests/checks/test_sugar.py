"""The check of `p1.sugar`: its cases, and answers a learner is likely to give."""

from __future__ import annotations

import random

import pytest

from checks import phase1
from checks.sugar.suite import HINTS, _Make, once
from checks.verdict import Outcome
from helpers.course import exercises

EXERCISE = exercises.load("p1.sugar")
# `initlab vet` grades every wrong answer; here stand those that a list hides best.
_LIKELY = {
    "marker",
    "dirty_target",
    "as_text",
    "by_json",
    "append_errors",
    "first",
    "nothing_to_do",
    "by_place",
}
WRONG = {answer.name: answer for answer in EXERCISE.wrong if answer.name in _LIKELY}
RIGHT = {path.stem: path for path in EXERCISE.right}


def test_items_are_once_where_they_were_first_seen_and_true_is_not_one() -> None:
    """What should come out is said in Python, where True == 1."""
    assert once(["b", "a", "b", 1, True, "1", {"x": 1}, {"x": 1}]) == ["b", "a", 1, True, "1", {"x": 1}]


@pytest.mark.parametrize("seed", range(50))
def test_every_run_has_what_the_task_is_about(seed: int) -> None:
    """An overlap, an order that no sorting gives, repeats on both sides, and 1 beside "1"."""
    make = _Make(random.Random(seed))
    for case in make.effect()[:3]:
        inner = case.expected
        while isinstance(inner, dict):
            inner = next(iter(inner.values()))
        assert len(inner) == 6
        assert inner != sorted(inner) or inner[:4] != sorted(inner[:4])
    assert {case.hint for case in make.effect()} == {"effect", "repeats-argument", "repeats-target"}
    assert all(case.path for case in make.misuse())
    assert _Make(random.Random(seed)).effect() != _Make(random.Random(seed + 1)).effect()


def test_every_hint_has_a_wrong_answer() -> None:
    """And no wrong answer names another."""
    assert {answer.hint for answer in EXERCISE.wrong} == HINTS.keys()


@pytest.mark.live
@pytest.mark.parametrize("name", sorted(_LIKELY))
@pytest.mark.parametrize("seed", [11, 12])
def test_a_likely_wrong_answer_gets_the_hint_meant_for_it(name: str, seed: int) -> None:
    """Whatever the cases of the run are."""
    verdict = phase1.sugar(WRONG[name].path, seed=seed)
    assert (verdict.outcome, verdict.hint and verdict.hint.key) == (Outcome.NOT_YET, WRONG[name].hint)


@pytest.mark.live
@pytest.mark.parametrize("name", sorted(RIGHT))
def test_an_answer_built_otherwise_passes(name: str) -> None:
    """A check grades what the sugar does, not how it is written."""
    verdict = phase1.sugar(RIGHT[name])
    assert (verdict.outcome, verdict.points) == (Outcome.PASSED, 10)
