from __future__ import annotations

from pathlib import Path

import pytest

from helpers.course.curriculum import Curriculum
from helpers.course.workspace import ENVIRONMENT, Workspace

from .fake import make_course


@pytest.fixture(autouse=True)
def _no_workspace_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test may find, or make, the workspace of the person running it."""
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


@pytest.fixture
def course(tmp_path: Path) -> Curriculum:
    return make_course(tmp_path / "course")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "workspace")
    made.state.mkdir(parents=True)
    return made
