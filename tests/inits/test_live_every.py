"""Everything a manifest can say, under each init as PID 1: what reaches the service, and what happens."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from helpers.engines.base import Image

from .expected import (
    AFTER_KILL,
    CONTROLS_ORDER,
    EVERY_STOP,
    FLAT_DELAY,
    JITTERS,
    NATIVE_FD,
    NO_ON_FAILURE,
    ROOT_FORKS_FREELY,
)
from .machine import Machine, boot, until
from .manifests import LIVE, MANIFESTS

pytestmark = pytest.mark.live

RESTARTING = ("once", "fragile", "patient")


@pytest.fixture(scope="module", params=LIVE)
def every(request: pytest.FixtureRequest, image: Image) -> Iterator[Machine]:
    machine = boot(request.param, MANIFESTS["every"], image)
    try:
        for service in machine.manifest.services:
            if service.name not in RESTARTING:
                machine.wait_state(service.name, "up")
        yield machine
    finally:
        machine.box.destroy()


def record(machine: Machine, path: str) -> dict[str, Any]:
    found = json.loads(until(lambda: machine.file(path), f"{path} is written"))
    assert isinstance(found, dict)
    return found


def test_every_argument_and_variable_reaches_the_service(every: Machine) -> None:
    """Spaces, quotes, dollars, newlines, patterns: as they were written."""
    service = every.manifest.service("words")
    seen = record(every, "/run/words")
    assert tuple(seen["argv"]) == service.command[3:]
    assert {name: seen["env"].get(name) for name in service.env} == service.env


def test_the_service_starts_in_its_directory_under_its_limits(every: Machine) -> None:
    """cwd, open files, processes, and the address space (in KiB where ulimit counts)."""
    seen = record(every, "/run/words")
    assert seen["cwd"] == "/usr/share"
    assert (seen["open_files"], seen["memory"]) == (123, 400_000_000)
    assert (seen["pids"] == 400) is (every.init.name not in ROOT_FORKS_FREELY)


def test_a_user_is_switched_to_with_his_groups(every: Machine) -> None:
    """`user = "nobody"`: uid and groups are nobody's, and the log is still written."""
    seen = record(every, "/tmp/somebody")
    assert (seen["uid"], seen["groups"]) == (65534, [65534])
    assert every.box.exec(["test", "-e", every.init.log_path("somebody")]).code == 0


def test_order_goes_through_readiness_oneshots_and_bundles(every: Machine) -> None:
    """db is ready → prepare runs → words, which needs the bundle of both, starts."""
    ready = float(every.file("/run/db.ready"))
    prepared = float(every.file("/run/prepare.began"))
    assert ready < prepared < record(every, "/run/words")["began"]


def test_a_oneshot_runs_once_and_is_up(every: Machine) -> None:
    """Its output is in its log, once; it has no main process."""
    text = every.file(every.init.log_path("prepare"))
    assert text.count('it\'s prepared with "love" & 100%') == 1
    assert "prepare" not in every.pids()


def test_a_bundle_is_up_when_its_members_are(every: Machine) -> None:
    """`backend` holds db and prepare."""
    assert every.status()["backend"].state == "up"


def test_never_means_one_run(every: Machine) -> None:
    """It has ended with 3 and is not started again."""
    until(lambda: every.status()["once"].state in ("down", "failed"), "once has ended")
    time.sleep(1.5)  # runsv and s6-supervise would have started it again after one
    assert every.file("/run/once.runs").split() == ["ran"]


def test_on_failure_means_until_it_succeeds(every: Machine) -> None:
    """It fails once, is started again, succeeds, and stays down. Some inits know no such thing."""
    until(lambda: len(every.file("/run/fragile.runs").split()) >= 2, "fragile ran twice")
    time.sleep(2.5)
    runs = len(every.file("/run/fragile.runs").split())
    assert (runs == 2) is (every.init.name not in NO_ON_FAILURE)


def test_a_restart_is_held_back_longer_each_time(every: Machine) -> None:
    """0.5, 1, 2, 2 s, beside the second runsv and s6-supervise wait; a flat second under OpenRC."""
    times = until(
        lambda: (t := [float(w) for w in every.file("/run/patient.runs").split()])[4:] and t, "five runs"
    )
    gaps = [late - early for early, late in itertools.pairwise(times[:5])]
    flat = every.init.name in FLAT_DELAY
    least = [1.0, 1.0, 1.0, 1.0] if flat else [0.5, 1.0, 2.0, 2.0]
    least = [(0.9 if every.init.name in JITTERS else 1) * seconds for seconds in least]
    assert all(gap >= wanted - 0.02 for gap, wanted in zip(gaps, least, strict=True)), gaps
    assert flat or gaps[3] > gaps[1]


def test_a_service_is_asked_to_end_with_its_own_signal(every: Machine) -> None:
    """db ends on SIGINT, and says so; SIGTERM would have killed it."""
    assert every.box.exec(every.init.stop("db")).code == 0
    every.wait_state("db", "down")
    assert every.box.exec(["test", "-e", "/run/db.stopped"]).code == 0
    for name in ("db", "prepare", "backend", "words"):
        if name != "backend" or every.init.name in CONTROLS_ORDER:
            assert every.box.exec(every.init.start(name)).code == 0
        every.wait_state(name, "up")


def test_stopping_a_oneshot_undoes_it(every: Machine) -> None:
    """Its `down` command runs once it is stopped; started again, it does its work again."""
    assert every.box.exec(every.init.stop("prepare")).code == 0
    assert every.wait_state("prepare", "down").pid is None
    assert every.file("/run/prepare.undone") == "undone\n"
    before = every.file("/run/prepare.began")
    assert every.box.exec(every.init.start("prepare")).code == 0
    every.wait_state("prepare", "up")
    assert every.file("/run/prepare.began") != before


def test_what_does_not_listen_is_killed_after_its_grace(every: Machine) -> None:
    """SIGTERM is ignored; after `stop_grace` (rounded up to a second by OpenRC) comes SIGKILL."""
    pid = every.pids()["stubborn"]
    began = time.monotonic()
    assert every.box.exec(every.init.stop("stubborn")).code == 0
    seconds = time.monotonic() - began
    assert 0.45 < seconds < 5
    every.wait_state("stubborn", AFTER_KILL.get(every.init.name, "down"))
    # busybox init looks for what has ended once a second: until then it is a zombie.
    assert pid not in {process.pid for process in every.box.processes() if process.state != "Z"}
    assert every.box.exec(every.init.start("stubborn")).code == 0
    every.wait_state("stubborn", "up")


def test_an_init_that_listens_is_told_by_the_service_itself(every: Machine) -> None:
    """Readiness `fd`: native in few inits; elsewhere the service gets no descriptor, nothing waits."""
    row = every.status()["notifier"]
    assert row.ready is (True if every.init.name in NATIVE_FD else None)


def test_zz_shutdown_with_a_stubborn_service_and_crash_loops_ends_in_time(every: Machine) -> None:
    """Crash loops, held-back restarts and a deaf service do not keep PID 1 from a clean end."""
    began = time.monotonic()
    ended = every.box.stop(grace=15)
    assert ended.code in every.init.clean_exits, every.box.logs().decode()
    assert time.monotonic() - began < EVERY_STOP.get(every.init.name, 5.0)
