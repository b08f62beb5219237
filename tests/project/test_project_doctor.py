"""Doctor's look at the computer: each thing is said, with a mend where it lacks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from helpers import computer
from helpers.doctor import examine


def test_the_computer_is_looked_at_thing_by_thing() -> None:
    """Kernel, sandbox tool, limits, memory and the tools set-up installs are all told."""
    found = {finding.what: finding for finding in computer.looks()}
    assert {"user namespaces", "bubblewrap", "limits", "memory", "mmdebstrap", "dot"} <= set(found)
    assert all(finding.seen for finding in found.values())
    assert found["bubblewrap"].seen.startswith("bubblewrap 0.")
    assert {"bubblewrap", "memory"} <= {finding.what for finding in examine()}


def test_a_missing_tool_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning, not a failure: set-up or the Docker engine may do without."""
    monkeypatch.setattr("helpers.computer.shutil.which", lambda *_, **__: None)
    missing = {finding.what: finding for finding in computer.looks()}["mmdebstrap"]
    assert (missing.word, missing.seen) == ("warn", "not installed (builds the lab image)")
    assert missing.mend.endswith("apt-get install --no-install-recommends mmdebstrap")


def test_refused_user_namespaces_are_told_with_the_kernels_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user needs them; the mend is the switch this kernel has."""
    monkeypatch.setattr("helpers.computer.os.geteuid", lambda: 1000)
    refused = subprocess.CompletedProcess((), 1, "", "unshare: unshare failed: Operation not permitted\n")
    monkeypatch.setattr("helpers.computer.subprocess.run", lambda *_, **__: refused)
    finding = computer._namespaces()
    assert not finding.ok
    assert finding.seen == "unshare: unshare failed: Operation not permitted"
    assert finding.mend.startswith("sudo sysctl -w ")


def test_looking_leaves_no_cgroup_behind() -> None:
    """The limits are tried by making a cgroup as a sandbox would; it is removed again."""
    list(computer.looks())
    root = Path("/sys/fs/cgroup")
    assert [path for path in root.glob(f"**/doctor-{os.getpid()}") if path.is_dir()] == []


def test_an_engine_that_cannot_give_systemd_its_cgroup_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning beside the engine's own line: every other init runs."""
    from helpers.engines.base import Availability
    from helpers.engines.embedded import Embedded

    no = Availability(False, "no group is ours", "sudo initlab open")
    monkeypatch.setattr(Embedded, "availability", lambda _self: Availability(True))
    monkeypatch.setattr(Embedded, "cgroup_availability", lambda _self: no)
    monkeypatch.setattr("helpers.doctor.engines", lambda: [Embedded()])
    lines = [finding for finding in examine() if finding.what == "engine embedded"]
    assert [(line.word, line.seen) for line in lines] == [
        ("ok", "can run labs"),
        ("warn", "cannot boot systemd: no group is ours"),
    ]
    assert lines[1].mend == "sudo initlab open"
