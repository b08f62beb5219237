"""Five ways to run one daemon: what each lab is, seen from outside."""

from __future__ import annotations

import time

import pytest

from helpers.engines.base import Image
from helpers.errors import LabError
from helpers.inits import registry
from helpers.ways import WAYS, answers, ask_status, daemon, kill, parent


def test_each_way_names_an_init_there_is_or_says_that_there_is_none() -> None:
    """A course without one of the inits still shows the others."""
    for way in WAYS.values():
        assert bool(way.missing()) is (way.init not in registry.names())


def test_the_files_of_a_way_are_executable_where_they_are_scripts() -> None:
    """Laid over the image with their run bits."""
    for way in WAYS.values():
        for path, entry in way.tree().entries.items():
            assert "/init.d/" not in path or entry.mode == 0o755, path  # type: ignore[union-attr]


@pytest.mark.live
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("name", "above", "back", "status"),
    [
        ("sysv", "PID 1", "never", "dead"),
        ("openrc", "PID 1", "never", "dead"),
        ("openrc-supervised", "supervise-daemon", "after a second", "running"),
        ("runit", "runsv", "at once", "running"),
        ("systemd", "PID 1", "at once", "running"),
    ],
)
def test_what_becomes_of_the_daemon(name: str, above: str, back: str, status: str, image: Image) -> None:
    """inittab(5), openrc-run(8), supervise-daemon(8), runsv(8), systemd.service(5)."""
    way = WAYS[name]
    if way.missing():
        pytest.skip(way.missing())
    with way.start(image) as lab:
        old = daemon(lab)
        assert old is not None
        assert parent(lab, old) == above
        assert ask_status(lab, way)[0] == "running"
        time.sleep(1.2)  # a life of less than a second is another case (runsv(8))
        fate = kill(lab, way, patience=5 if back != "never" else 2)
        assert (fate.seconds is None) is (back == "never")
        assert (fate.parent, fate.status) == (above, status)
        assert answers(lab) is (status == "running")


@pytest.mark.live
@pytest.mark.timeout(60)
def test_a_pid_file_that_names_another_process_fools_the_script(image: Image) -> None:
    """LSB's pidofproc asks whether the number takes signals, not whose it is."""
    way = WAYS["sysv"]
    with way.start(image) as lab:
        kill(lab, way, patience=0.5)
        assert ask_status(lab, way)[0] == "dead"
        lab.sandbox.exec(["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $! >/run/redis.pid"])
        assert ask_status(lab, way)[0] == "running"
        assert not answers(lab)
        with pytest.raises(LabError, match="nothing to kill"):
            kill(lab, way)
