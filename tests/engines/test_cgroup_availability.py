"""Whether a sandbox can have a cgroup of its own to divide: asked of the embedded engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers.engines.embedded import Embedded
from helpers.engines.keeper import cgroups


def test_without_a_unified_hierarchy_the_mend_is_to_mount_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain version 1 computer: every kernel that has it can have version 2 beside it."""
    monkeypatch.setattr(cgroups, "own_unified", lambda: None)
    found = Embedded().cgroup_availability()
    assert (found.ok, found.reason) == (False, "no cgroup version 2 file system is mounted")
    assert "mount -t cgroup2" in found.mend


def test_an_ordinary_user_needs_a_group_that_was_delegated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group is named, and so is the command that gives him one; where it is his, he can."""
    monkeypatch.setattr(cgroups, "own_unified", lambda: tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = Embedded().cgroup_availability()
    assert not found.ok
    assert str(tmp_path) in found.reason
    assert "systemd-run --user --scope -p Delegate=yes initlab open" in found.mend
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    assert Embedded().cgroup_availability().ok


def test_root_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever group he is in."""
    monkeypatch.setattr(cgroups, "own_unified", lambda: tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert Embedded().cgroup_availability().ok
