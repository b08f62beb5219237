"""supervisor-rs, built once from its sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CRATE = CHECKOUT / "labs" / "supervisor" / "supervisor-rs"
OLDEST = (1, 85)  # `rust-version` of Cargo.toml: what Debian trixie has


@pytest.fixture(scope="module")
def programs() -> Path:
    """The folder of the built programs. Skips where this computer has no Rust that can build them."""
    cargo = shutil.which("cargo")
    said = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout if cargo else ""
    found = re.match(r"rustc (\d+)\.(\d+)", said)
    if cargo is None or found is None or (int(found[1]), int(found[2])) < OLDEST:
        pytest.skip(f"supervisor-rs needs cargo and rustc {OLDEST[0]}.{OLDEST[1]} or newer")
    target = CHECKOUT / "build" / "rust"
    command = [cargo, "build", "--release", "--locked"]
    done = subprocess.run(
        command,
        cwd=CRATE,
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return target / "release"
