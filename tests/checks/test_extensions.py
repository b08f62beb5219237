"""The six extensions: what ships is the starter, and the checks tell a lab's failure from a learner's."""

from __future__ import annotations

import pytest

from checks.behaviours import LabFailed
from checks.extensions import hints
from checks.extensions.part import COMPILES, Part
from helpers.course import exercises
from helpers.rust.crates import Crate
from helpers.rust.toolchain import RustError

PLACES = ("logging", "signals", "user", "limits", "health", "reload")


@pytest.mark.parametrize("place", PLACES)
def test_the_crate_ships_with_the_starter(place: str) -> None:
    """A learner who builds the crate and one who begins with the cell have the same file before them."""
    starter = exercises.load(f"p3.{place}").starter
    assert starter is not None
    assert Crate.of("skeleton").text(f"src/{place}.rs").rstrip() == starter.rstrip()


@pytest.mark.parametrize("place", PLACES)
def test_the_contract_stands_at_the_top_of_both(place: str) -> None:
    """The solution says first what the starter says first."""
    exercise = exercises.load(f"p3.{place}")
    assert exercise.starter is not None
    contract = exercise.starter.split("\n\n", 1)[0]
    assert contract.startswith("//! Place ")
    assert exercise.solution.startswith(contract)


@pytest.mark.parametrize("place", PLACES)
def test_every_hint_is_reached_by_a_wrong_answer(place: str) -> None:
    """But for the three that all six share: does not compile, ends early, starts nothing."""
    given = {wrong.hint for wrong in exercises.load(f"p3.{place}").wrong}
    own = set(getattr(hints, place.upper())) - {COMPILES, "ends-early", "never-starts"}
    assert own - given == set()


def test_a_computer_without_rust_is_not_the_learners_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab says how to get Rust; nothing is said of the learner's file."""

    def none(**_: object) -> None:
        raise RustError("no Rust here", hint="apt-get install cargo")

    monkeypatch.setattr("helpers.rust.builds.toolchain", none)
    with pytest.raises(LabFailed, match="apt-get install cargo"):
        _ = Part("reload", exercises.load("p3.reload").solution).built
