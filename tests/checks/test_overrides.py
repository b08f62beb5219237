"""The check of `p1.overrides`: its package set, and answers a learner is likely to give."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from checks import phase1
from checks.overrides.suite import HINTS
from checks.overrides.world import World, questions
from checks.verdict import Outcome
from helpers.course import exercises

EXERCISE = exercises.load("p1.overrides")
# `initlab vet` grades every wrong answer; here stand those that an overridden set hides best.
_LIKELY = {"no_input", "result", "underlay", "prev", "into_pkgs", "looks_at_all"}
WRONG = {answer.name: answer for answer in EXERCISE.wrong if answer.name in _LIKELY}
RIGHT = {path.stem: path for path in EXERCISE.right}


def test_names_are_different_in_each_world_and_stand_in_every_question() -> None:
    """What the check asks is not known beforehand."""
    one, other = World.make(random.Random(1)), World.make(random.Random(2))
    assert not set(one.names.values()) & set(other.names.values()) - {one.names["version"]}
    assert len({one.names[k] for k in ("package", "dependent", "other", "broken", "name", "fork")}) == 6
    assert all("@" not in text for text in questions(one).values())


def test_every_wrong_answer_names_a_hint_there_is() -> None:
    """And each hint has a wrong answer."""
    assert {answer.hint for answer in EXERCISE.wrong} == HINTS.keys()


@pytest.mark.live
@pytest.mark.parametrize("name", sorted(_LIKELY))
@pytest.mark.parametrize("seed", [1, 2])
def test_a_likely_wrong_answer_gets_the_hint_meant_for_it(name: str, seed: int) -> None:
    """Whatever the names of the run are."""
    verdict = phase1.overrides(WRONG[name].path, seed=seed)
    assert (verdict.outcome, verdict.hint and verdict.hint.key) == (Outcome.NOT_YET, WRONG[name].hint)


@pytest.mark.live
def test_extend_is_not_called_right_because_rewrite_is_wrong(tmp_path: Path) -> None:
    """`prev` for `final` is seen by itself: somebody else changes the package afterwards."""
    text = EXERCISE.solution
    for right, slip in (
        ("patches.__append", "patches.__assign"),
        ("= final.${package}", "= prev.${package}"),
    ):
        assert right in text
        text = text.replace(right, slip)
    file = tmp_path / "overrides.nix"
    file.write_text(text)
    said = {one.asked: one.ok for one in phase1.overrides(file, seed=3).observations}
    assert said["extend: two packages more in the set"] is False


@pytest.mark.live
@pytest.mark.parametrize("name", sorted(RIGHT))
def test_an_answer_built_otherwise_passes(name: str) -> None:
    """A check grades the set that comes of it, not how it is written."""
    verdict = phase1.overrides(RIGHT[name])
    assert (verdict.outcome, verdict.points) == (Outcome.PASSED, 10)
