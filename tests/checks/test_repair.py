"""The check of `p1.repair`: what its tasks ask, and the whole of it in the real Nix."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from checks import phase1
from checks.repair import HINTS, SUITE, TASKS, Task, _target
from checks.verdict import Outcome
from helpers.course import exercises
from helpers.engines.base import Image
from helpers.infuse import InfuseError, force, infuse
from helpers.nix.python import evaluate, python_of

EXERCISE = exercises.load("p1.repair")
WRONG = {answer.name: answer for answer in EXERCISE.wrong}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_infusion_is_broken_at_the_start_and_says_where(task: Task) -> None:
    """Five errors of infuse's own, each with a path: that is all a learner is given."""
    name = task.name
    target = {"nginx": _target(random.Random(3), 7)}
    broken = evaluate(python_of(f"({EXERCISE.starter}).{name}"), infuse)
    with pytest.raises(InfuseError) as caught:
        force(infuse(target, broken))
    assert caught.value.path
    assert task.words in str(caught.value)


def test_every_hint_has_a_wrong_answer_that_earns_it() -> None:
    """A hint nobody can get is untested text."""
    assert {answer.hint for answer in EXERCISE.wrong} == set(HINTS)
    assert SUITE.points == EXERCISE.points == 10


@pytest.mark.live
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_solution_passes_whatever_the_targets(seed: int, tmp_path: Path, image: Image) -> None:
    """Random targets, siblings and all."""
    file = tmp_path / "repair.nix"
    file.write_text(EXERCISE.solution)
    verdict = phase1.repair(file, seed=seed)
    assert verdict.passed, str(verdict)


@pytest.mark.live
@pytest.mark.parametrize("name", ["whole_tls", "still_mixed", "the_number_i_saw", "everybody_is_www"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_wrong_answer_gets_its_own_hint_whatever_the_targets(name: str, seed: int, image: Image) -> None:
    """The hint goes by what came out."""
    verdict = phase1.repair(WRONG[name].path, seed=seed)
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key == WRONG[name].hint, str(verdict)
