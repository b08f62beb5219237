"""The subsets of the suite by stage: each is newly kept by the course's solution of that stage."""

from __future__ import annotations

import pytest

from checks.pid1 import STAGES, Command, Result, judge, subset
from checks.pid1.everyone import program
from checks.pid1.machine import PATIENCE
from checks.pid1.suites import service_suite
from checks.stages import first, fourth_stack, second, third_stopping
from helpers.course import exercises
from helpers.engines.base import Image

SUITES = (first.SUITE, second.SUITE, third_stopping.SUITE, fourth_stack.SUITE)

pytestmark = pytest.mark.timeout(240)


def _solution(number: int) -> bytes:
    """The course's answer to a stage; before the first there is the first one's starter."""
    if number == 0:
        return exercises.load("p3.stage1").starter.encode()
    return exercises.load(f"p3.stage{number}").solution.encode()


def test_every_name_is_a_row_of_the_suite_and_in_one_stage() -> None:
    """A row belongs to the stage that newly keeps it."""
    known = {behaviour.name for behaviour in service_suite().behaviours}
    named = [name for names in STAGES.values() for name in names]
    assert set(named) <= known
    assert len(named) == len(set(named))
    assert known - set(named) == {"rest", "leaves-down", "stalled-reader", "fork-fails", "clock-jumps"}


def test_a_subset_builds_on_nothing_outside_of_it() -> None:
    """It can be asked by itself, of programs that run one command too: of those what both kinds know."""
    for name in STAGES:
        names = {behaviour.name for behaviour in subset(name)}
        assert names == set(STAGES[name])
        assert all(set(behaviour.needs) <= names for behaviour in subset(name))
    tini = Command(("/usr/bin/tini", "--"), name="tini")
    assert {b.name for b in subset("stage 1", tini)} < {b.name for b in subset("stage 1")}
    with pytest.raises(ValueError, match="no subset 'stage 9'"):
        subset("stage 9")


@pytest.mark.parametrize("number", range(1, 5))
def test_the_check_of_a_stage_asks_its_rows(number: int) -> None:
    """After all else, so that a mistake earns the hint that the stage has for it."""
    suite = SUITES[number - 1]
    (row,) = [behaviour for behaviour in suite.behaviours if behaviour.name == "suite"]
    assert all(name in row.asked for name in STAGES[list(STAGES)[number - 1]])
    assert set(row.needs) == {behaviour.name for behaviour in suite.behaviours} - {"suite"}


@pytest.mark.live
@pytest.mark.parametrize("number", range(1, 5))
def test_a_stage_newly_keeps_each_of_its_rows(
    image: Image, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The solution of the stage keeps them all; of the one before, each is lost, or not even asked."""
    for name, seconds in {"start": 6.0, "end": 3.0, "after": 5.0, "shutdown": 5.0, "reload": 1.0}.items():
        monkeypatch.setattr(PATIENCE, name, seconds)
    now = judge(program(_solution(number), "now"), only=f"stage {number}")
    assert not now.of(Result.NOT_KEPT, Result.HUNG, Result.DIFFERENT), str(now)
    asked = {cell.behaviour for cell in now.of(Result.KEPT)}
    assert asked, str(now)
    before = judge(program(_solution(number - 1), "before"), only=f"stage {number}")
    assert not asked & {cell.behaviour for cell in before.of(Result.KEPT)}, str(before)
