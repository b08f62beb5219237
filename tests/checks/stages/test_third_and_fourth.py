"""Stages 3 and 4: what the checks work out for themselves, and the solutions on real sandboxes.

`initlab vet` grades every answer.
"""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from checks import phase3
from checks.behaviours import Trial
from checks.stages import fourth_hints, fourth_logs, fourth_stack, third, third_hints, third_stopping
from checks.stages.box import Box
from checks.verdict import Outcome
from helpers.course import exercises, portfolio
from helpers.course.workspace import Workspace
from helpers.engines.base import Image

STAGES = {
    3: (third_stopping.SUITE, phase3.stage3, third_hints.HINTS),
    4: (fourth_stack.SUITE, phase3.stage4, fourth_hints.HINTS),
}
SEEDS = range(60)


def graph(seed: int) -> tuple[dict[str, dict[str, Any]], str]:
    services, first = third._graph(Trial("order", "", seed))
    return {spec["name"]: spec for spec in services}, first


def told(services: dict[str, Any], *events: tuple[str, str]) -> Box:
    """A box that reports these events."""
    rows = [{"event": event, "service": name} for event, name in events]
    return cast(Box, SimpleNamespace(services=services, events=lambda: rows))


def log(files: dict[str, bytes]) -> Box:
    """A box whose only log has these files."""

    class Inside:
        def exec(self, argv: list[str]) -> SimpleNamespace:
            return SimpleNamespace(code=0, stdout="\n".join(sorted(files)).encode())

        def read(self, path: str) -> bytes:
            return files[path.rpartition("/")[2]]

    return cast(Box, SimpleNamespace(sandbox=Inside()))


@pytest.mark.parametrize("number", STAGES)
def test_the_behaviours_are_worth_what_the_exercise_says(number: int) -> None:
    """exercise.toml and the check agree."""
    suite = STAGES[number][0]
    assert suite.points == exercises.load(f"p3.stage{number}").points == 10


@pytest.mark.parametrize("number", STAGES)
def test_wrong_answers_and_hints_are_made_for_each_other(number: int) -> None:
    """Each wrong answer waits for a hint of the suite, and no hint of the stage is without a wrong answer."""
    suite, _, own = STAGES[number]
    given = {answer.hint for answer in exercises.load(f"p3.stage{number}").wrong}
    assert given <= set(suite.hints)
    assert set(own) <= given


@pytest.mark.parametrize("number", STAGES)
def test_without_a_file_or_with_the_starter_nothing_was_started(workspace: Workspace, number: int) -> None:
    """Neither is a learner's mistake."""
    exercise, check = exercises.load(f"p3.stage{number}"), STAGES[number][1]
    assert check().outcome is Outcome.NOT_STARTED
    portfolio.save(workspace, exercise, exercise.starter)
    assert check().outcome is Outcome.NOT_STARTED


def test_every_graph_asks_for_each_word_of_the_contract() -> None:
    """It has an order; two oneshots begin it; a longrun, a bundle and a oneshot are needed by somebody."""
    for seed in SEEDS:
        services, first = graph(seed)
        seen: set[str] = set()
        while free := [n for n, s in services.items() if n not in seen and set(s["depends_on"]) <= seen]:
            seen.update(free)
        assert seen == set(services)
        begin = [n for n, s in services.items() if not s["depends_on"] and s.get("kind") == "oneshot"]
        assert len(begin) >= 2 and first in begin  # noqa: PT018 - one sentence
        needed = {need for spec in services.values() for need in spec["depends_on"]}
        assert {services[name].get("kind", "longrun") for name in needed} == {"oneshot", "longrun", "bundle"}


def test_what_may_run_grows_with_each_oneshot_that_ends_until_all_do() -> None:
    """At each step exactly those are wanted whose needs are ready: bundles and longruns by themselves,
    oneshots when they have ended."""
    for seed in SEEDS:
        services, first = graph(seed)
        released: list[str] = []
        before: set[str] = set()
        while True:
            ready, wanted = third._reached(services, released)
            actors = {n for n, s in services.items() if s.get("kind") != "bundle"}
            assert set(wanted) == {n for n in actors if set(services[n]["depends_on"]) <= ready}
            assert ready & {n for n in actors if services[n].get("kind") == "oneshot"} == set(released)
            assert before <= set(wanted)
            before = set(wanted)
            left = [n for n in wanted if services[n].get("kind") == "oneshot" and n not in released]
            if not left:
                break
            released.append(random.Random(seed).choice(left))
        assert before == actors
        assert ready == set(services)
        assert first in released


def test_a_start_before_what_it_needs_was_ready_is_found_in_the_events() -> None:
    """A oneshot's is its exit, a longrun's its start; what was never started is not out of order."""
    services = {
        "once": {"name": "once", "kind": "oneshot"},
        "stays": {"name": "stays"},
        "above": {"name": "above", "depends_on": ["once", "stays"]},
    }
    begin = (("start", "once"), ("start", "stays"))
    assert third._out_of_order(told(services, *begin, ("exit", "once"), ("start", "above"))) is None
    assert third._out_of_order(told(services, *begin)) is None
    early = told(services, *begin, ("start", "above"), ("exit", "once"))
    assert third._out_of_order(early) == ("above", "once")
    lone = told(services, ("start", "once"), ("exit", "once"), ("start", "above"), ("start", "stays"))
    assert third._out_of_order(lone) == ("above", "stays")


def test_new_names_are_none_of_those_that_are_taken() -> None:
    """Else a ring of the check's could have a member more than it says."""
    for seed in SEEDS:
        trial = Trial("cycle", "", seed)
        taken = third.names(trial, 4)
        fresh = third._new(trial, taken, 3)
        assert len(set(fresh)) == 3
        assert not set(fresh) & set(taken)


def test_a_log_is_read_from_its_oldest_file_to_its_youngest() -> None:
    """`current.10` is older than `current.2`; what is no file of the log is left out."""
    files = {"current": b"d", "current.1": b"c", "current.2": b"b", "current.10": b"a", "lock": b"x"}
    assert fourth_logs._files(log(files), "any") == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize(
    ("line", "stamped"),
    [
        (b"2026-01-31T12:00:00Z word", True),
        (b"2026-01-31 12:00:00 word", False),
        (b"2026-01-31T12:00:00Zword", False),
        (b"word 2026-01-31T12:00:00Z ", False),
    ],
)
def test_a_time_is_one_only_as_the_contract_writes_it(line: bytes, stamped: bool) -> None:
    """In front of the line, UTC, with a space behind."""
    assert bool(fourth_logs._STAMP.match(line)) is stamped


@pytest.mark.live
@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", STAGES)
def test_the_solution_passes(image: Image, workspace: Workspace, number: int) -> None:
    """Full points."""
    exercise, check = exercises.load(f"p3.stage{number}"), STAGES[number][1]
    portfolio.save(workspace, exercise, exercise.solution)
    verdict = check()
    assert verdict.passed, str(verdict)
    assert verdict.points == exercise.points
