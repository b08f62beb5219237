"""Crates built with the toolchain that is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from helpers import rust

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("rust")]


@pytest.fixture
def crate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A crate without dependencies. Skips where the computer has no cargo of its own."""
    if shutil.which("cargo") is None or not rust.availability().ok:
        pytest.skip("no cargo that is new enough on this computer")
    monkeypatch.setenv("INITLAB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "seed"
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text('[package]\nname = "seed"\nversion = "0.1.0"\nedition = "2021"\n')
    (folder / "Cargo.lock").write_text('version = 3\n\n[[package]]\nname = "seed"\nversion = "0.1.0"\n')
    (folder / "src" / "main.rs").write_text('fn main() { println!("sown"); }\n')
    return folder


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
