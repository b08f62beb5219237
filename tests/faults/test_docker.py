"""Faults on the Docker engine: the same verbs, other limits."""

from __future__ import annotations

import pytest

from helpers.engines.base import Image
from helpers.engines.docker import Docker
from helpers.errors import FaultError, SandboxError
from helpers.faults.programs import is_front
from helpers.faults.service import main_process
from helpers.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.docker, pytest.mark.xdist_group("docker")]


def test_faults_of_a_container_are_made_and_undone_and_the_computers_disk_is_not_filled(image: Image) -> None:
    """Signals, the program in front, the log and the limits work by the same protocol; Docker has no limit on
    the disk, so only what it bounds is filled."""
    found = Docker().availability()
    if not found.ok:
        pytest.skip(f"no Docker engine: {found.reason}")
    with Lab("web", init="s6", engine="docker", image=image) as lab:
        lab.ready(60)
        with lab.faults.freeze("app"):
            assert lab.http("nginx", timeout=10).status >= 500
        assert lab.http("nginx", timeout=10).status == 200
        with lab.faults.ignore_term("app"), lab.faults.block_log("nginx"):
            process = main_process(lab, "app")
            assert process is not None
            assert is_front(process)
        process = main_process(lab, "app")
        assert process is not None
        assert not is_front(process)
        with pytest.raises(FaultError, match="no disk limit"):
            lab.faults.fill_disk()
        with lab.faults.fill_disk("/tmp"):
            assert lab.sandbox.exec(["sh", "-c", "echo x >/tmp/x"]).code != 0
        if not any(text.startswith("no pids") for text in lab.sandbox.limits_missing):
            with lab.faults.exhaust_pids():
                try:
                    said = lab.sandbox.exec(["sh", "-c", "(true); echo survived"]).stdout.decode()
                except SandboxError as error:  # the runtime needs processes too, at times more than are left
                    said = error.message
                assert "survived" not in said
        lab.ready(60)
        assert len(lab.faults.active()) == 0
