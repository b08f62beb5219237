"""What tests of builds share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from helpers import rust


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
