"""Crates built with the toolchain that is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from helpers import rust

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("rust")]


def test_a_crate_is_built_and_its_program_runs(crate: Path) -> None:
    """The path of a program; asked again, the same one."""
    program = rust.build(crate, progress=False)
    assert subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout == "sown\n"
    assert rust.build(crate, progress=False) == program


def test_a_mistake_is_told_with_file_and_line(crate: Path) -> None:
    """The compiler's own words, and where."""
    (crate / "src" / "main.rs").write_text("fn main() {\n    let x: u32 = true;\n}\n")
    with pytest.raises(rust.RustError) as told:
        rust.build(crate, progress=False)
    assert "src/main.rs" in str(told.value)
    assert "mismatched types" in str(told.value)
