"""The course's own crate by its own tools: cargo test, fmt and clippy. A stage of its own: `rust`."""

from __future__ import annotations

import pytest

from helpers import rust

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.xdist_group("cargo")]


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
