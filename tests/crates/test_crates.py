"""The course's own crates by their own tools: cargo test, fmt and clippy. A stage of its own: `rust`."""

from __future__ import annotations

import re

import pytest

from helpers import rust
from helpers.course import exercises

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.xdist_group("cargo")]

PLACES = ("logging", "signals", "user", "limits", "health", "reload")


@pytest.fixture(scope="module", autouse=True)
def _toolchain() -> None:
    """Skips where crates cannot be built now: nobody who runs the tests asked for minutes of fetching one."""
    found = rust.availability()
    if not found.ok:
        pytest.skip(f"no Rust: {found.reason}; next: {found.mend}")


def test_supervisor_rs_passes_its_own_tests() -> None:
    """Unit and property tests of the crate; the names of those that fail are told."""
    result = rust.test("supervisor-rs", progress=False, timeout=1200)
    assert len(result.results) > 10
    assert result.ok, str(result)


def test_supervisor_rs_is_formatted_and_clippy_has_nothing_to_say() -> None:
    """`cargo fmt --check` and `cargo clippy --all-targets -- -D warnings`."""
    assert rust.lint("supervisor-rs", progress=False) == ()


def test_each_of_the_skeletons_six_is_red_as_shipped() -> None:
    """Of each place's file of tests at least one fails, of the crate as a learner gets it; all compile."""
    shipped = rust.Crate.of("skeleton")
    result = rust.test(shipped, progress=False, timeout=600)
    assert result.compiled, str(result)
    failed = {one.name for one in result.failed}
    for place in PLACES:
        asked = _asked(shipped, place)
        assert asked <= set(result.names), f"{place}: not run: {sorted(asked - set(result.names))}"
        assert asked & failed, f"{place}: nothing fails"


def test_each_of_the_skeletons_six_is_green_with_the_solutions() -> None:
    """All of them, with all six solutions in their places."""
    solved = rust.Crate.of("skeleton")
    for place in PLACES:
        solved = solved.changed(f"src/{place}.rs", exercises.load(f"p3.{place}").solution)
    result = rust.test(solved, progress=False, timeout=600)
    assert set().union(*(_asked(solved, place) for place in PLACES)) <= set(result.names)
    assert result.ok, str(result)


def test_the_skeleton_is_formatted_and_clippy_has_nothing_to_say_of_its_tests() -> None:
    """What a learner opens is as their own shall be."""
    assert rust.lint("skeleton", progress=False) == ()


def _asked(crate: rust.Crate, place: str) -> set[str]:
    """The names of the tests in a place's file."""
    return set(re.findall(r"^#\[test\]\nfn (\w+)", crate.text(f"tests/{place}.rs"), re.MULTILINE))
