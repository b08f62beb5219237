"""A workspace of its own for each test: no test writes into a learner's progress."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.course.workspace import Workspace


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty workspace, the one in force; verdicts are values, not exceptions."""
    found = Workspace(tmp_path / "workspace")
    found.state.mkdir(parents=True)
    monkeypatch.setenv("INITLAB_WORKSPACE", str(found.root))
    monkeypatch.delenv("INITLAB_STRICT", raising=False)
    return found
