"""The listing with its defects: what ships is the starter; a computer without Rust is nobody's mistake."""

from __future__ import annotations

import tomllib

import pytest

from checks.behaviours import LabFailed
from checks.listing import Listing
from helpers import rust
from helpers.course import exercises
from helpers.rust.crates import Crate
from helpers.rust.toolchain import RustError


def test_the_crate_ships_with_the_starter() -> None:
    """A learner who builds the crate and one who begins with the cell have the same file before them."""
    starter = exercises.load("p3.listing").starter
    assert starter is not None
    assert Crate.of("listing").text("src/main.rs").rstrip() == starter.rstrip()


def test_a_computer_without_rust_is_not_the_learners_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab says how to get Rust; nothing is said of the learner's file."""

    def none(**_: object) -> None:
        raise RustError("no Rust here", hint="initlab rust")

    monkeypatch.setattr("helpers.rust.builds.toolchain", none)
    with pytest.raises(LabFailed, match="initlab rust"):
        _ = Listing(exercises.load("p3.listing").solution).built


def test_a_manifest_as_tables_is_toml_that_says_the_same() -> None:
    """An array of tables (TOML 1.0), whatever stands in the strings."""
    services = [
        {
            "name": 'a "b" \\ c',
            "command": ["x", "\t", "ä"],
            "depends_on": [],
            "auto_restart": True,
            "delay": 3,
        },
        {"name": "b", "command": ["y"], "depends_on": ["a"], "auto_restart": False, "delay": 0},
    ]
    assert tomllib.loads(rust.tables(services)) == {"service": services}
