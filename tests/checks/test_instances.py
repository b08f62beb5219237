"""The check of `p1.instances`: its worlds, the machine it leaves behind, answers of the likeliest kind."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from checks import phase1
from checks.behaviours import Cancelled
from checks.instances.hints import HINTS
from checks.instances.machine import PORTS, Instances, World
from checks.instances.suite import SUITE, _death, _why
from checks.verdict import Outcome
from helpers.course import exercises
from helpers.nix.errors import parse

EXERCISE = exercises.load("p1.instances")
# `initlab vet` grades every wrong answer; here stand those that a race, or a quiet machine, hides best.
_LIKELY = {"appends_to_a_default", "does_not_wait", "smart", "by_code"}
WRONG = {answer.name: answer for answer in EXERCISE.wrong if answer.name in _LIKELY}
RIGHT = {path.stem: path for path in EXERCISE.right}


def test_no_port_of_a_world_is_one_that_the_task_gives_away() -> None:
    """pg's port is not known beforehand, and never one of the three."""
    worlds = [World.make(random.Random(seed)) for seed in range(200)]
    assert not {world.port for world in worlds} & {5432, *PORTS.values()}
    assert len({world.port for world in worlds}) > 20
    assert len({world.setting for world in worlds}) == 200


def test_a_base_holds_what_is_different_in_its_world() -> None:
    """The settings, the port and the time until SIGKILL stand in the file."""
    world = World.make(random.Random(7))
    text = world.base()
    assert f"port = {world.port};" in text
    assert f'"{world.setting[0]}" = "{world.setting[1]}";' in text
    assert f"timeout-kill = {world.timeout_kill};" in text


def test_every_hint_has_a_wrong_answer() -> None:
    """And every wrong answer names a hint there is. An evaluation without an end is tried below."""
    assert HINTS.keys() - {answer.hint for answer in EXERCISE.wrong} == {"endless"}
    assert {answer.hint for answer in EXERCISE.wrong} <= HINTS.keys()


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("error: infuse.desugar: at path targets.pg-tls.__input.port: invalid type int", "data-as-leaf"),
        ("error: syntax error, unexpected '}', expecting ';'", "no-syntax"),
        ("error: infinite recursion encountered", "recursion"),
        ("error: function 'anonymous lambda' called with unexpected argument 'ssl'", "unknown-argument"),
        ("error: attribute 'tls-certificate' missing", "no-build"),
    ],
)
def test_an_error_of_nix_gets_the_hint_for_its_cause(said: str, hint: str) -> None:
    """By what Nix and infuse say."""
    assert _why(parse(said)) == hint


def test_a_log_that_does_not_say_why_gives_no_hint() -> None:
    """The check asks it again, then says that the instance does not start."""
    assert _death("LOG:  starting PostgreSQL") == ""
    assert _death('FATAL:  private key file "key.pem" has group or world access') == "key-mode"


def test_a_closed_subject_starts_no_machine() -> None:
    """A check that is over leaves nothing behind, not even what was about to start."""
    mine = Instances("final: { }")
    mine.check_over()
    with pytest.raises(Cancelled):
        mine.boot(World.make(random.Random(1)))
    with pytest.raises(Cancelled):
        _ = mine.machine


@pytest.mark.live
def test_a_check_leaves_no_machine_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever its verdict, the machine that its behaviours shared is gone."""
    answer = tmp_path / "service.nix"
    answer.write_text("final: { targets.nothing = _: final.services.certificate { }; }")
    closed: list[Instances] = []
    check_over = Instances.check_over

    def seen(self: Instances) -> None:
        check_over(self)
        closed.append(self)

    monkeypatch.setattr(Instances, "check_over", seen)
    verdict = phase1.instances(answer, seed=3)
    assert verdict.hint is not None
    assert verdict.hint.key == "lacking"
    assert [mine._machine for mine in closed] == [None]


@pytest.mark.live
def test_an_evaluation_without_an_end_is_the_answers_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not the lab's: it is told after a while, and nothing goes on."""
    monkeypatch.setattr("checks.instances.machine._PATIENCE", 2.0)
    answer = tmp_path / "service.nix"
    many = "many = f: builtins.foldl' (n: _: f n) 0 (builtins.genList (n: n) 100000)"
    answer.write_text(f"final: let {many}; in many (_: many (n: n + 1))")
    verdict = phase1.instances(answer)
    assert (verdict.outcome, verdict.hint and verdict.hint.key) == (Outcome.NOT_YET, "endless")


@pytest.mark.live
@pytest.mark.parametrize("name", sorted(_LIKELY))
def test_a_likely_wrong_answer_gets_the_hint_meant_for_it(name: str, tmp_path: Path) -> None:
    """However the race ends that it hopes to win."""
    answer = tmp_path / "service.nix"
    answer.write_text(EXERCISE.answer(WRONG[name].path)[""])
    verdict = phase1.instances(answer)
    assert (verdict.outcome, verdict.hint and verdict.hint.key) == (Outcome.NOT_YET, WRONG[name].hint)


@pytest.mark.live
@pytest.mark.parametrize("name", sorted(RIGHT))
def test_an_answer_built_otherwise_passes(name: str) -> None:
    """A check grades what is booted, not how it is written."""
    verdict = phase1.instances(RIGHT[name])
    assert (verdict.outcome, verdict.points) == (Outcome.PASSED, SUITE.points)
