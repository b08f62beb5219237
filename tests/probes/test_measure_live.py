"""The probes, against real inits and against what psutil sees."""

from __future__ import annotations

import signal
import time
from typing import Any

import psutil
import pytest

from helpers.engines.base import Image
from helpers.errors import LabError
from helpers.lab import Lab
from helpers.manifest import Manifest
from helpers.manifest.models import Exec, Service
from helpers.probes.boot import HELD, WAITS, booted
from helpers.probes.idle import at_rest
from helpers.probes.logs import AS_WRITTEN, ITSELF, PID1, STAMPED, log_kept
from helpers.probes.memory import Memory, memory
from helpers.probes.restart import middle, restart_seconds
from helpers.probes.shutdown import shut_down
from helpers.probes.supervision import sort_out
from helpers.probes.target import Target, poll
from helpers.probes.zombies import zombies_left

pytestmark = pytest.mark.live


def lab(init: str, image: Image) -> Lab:
    return Lab("web", init=init, engine="embedded", image=image)


def kernel_tells_how_a_process_ended() -> bool:
    major, minor = (int(word) for word in __import__("platform").release().split(".")[:2])
    return (major, minor) >= (6, 15)


def test_runit_from_boot_to_shutdown(image: Image) -> None:
    """Each service ready after what it needs, the second restart held back, a shutdown in reverse."""
    with booted(lab("runit", image)) as boot:
        target = boot.target
        assert list(boot.ready) == ["redis", "app", "nginx"]
        assert boot.seconds == boot.ready["nginx"]
        assert sorted(boot.ready.values()) == list(boot.ready.values())
        service = middle(target.manifest)
        assert service.name == "app"
        poll(lambda: time.monotonic() - target.sandbox.executed > 1.5 + boot.seconds, 10)
        before = target.main_pids()
        first = restart_seconds(target, service)
        between = target.main_pids()
        second = restart_seconds(target, service)
        assert len({before["app"], between["app"], target.main_pids()["app"]}) == 3
        assert before["redis"] == target.main_pids()["redis"]
        assert second > 0.9  # runsv(8) waits a second after a short life
        assert first > 0
        assert zombies_left(target) == 0
        end = shut_down(target)
        assert end.clean
        assert end.order == ("nginx", "app", "redis")
        assert end.in_order is True
        assert end.exit.code in target.init.clean_exits


def test_a_pid_1_that_stops_nobody_is_told(image: Image) -> None:
    """runsvdir ends at once, and the kernel kills what is left."""
    with booted(lab("runsvdir", image)) as boot:
        end = shut_down(boot.target)
        assert end.exit.code == 111
        if kernel_tells_how_a_process_ended():
            assert end.killed
            assert not end.clean


@pytest.mark.parametrize(("init", "keeper"), [("openrc", HELD), ("s6", WAITS)])
def test_who_keeps_the_order_is_told_by_start_times(init: str, keeper: str, image: Image) -> None:
    """OpenRC starts no process before its time; under s6 a script is there and waits.

    A script that was executed only when what it needs was there already did not have to wait, which a busy
    computer brings about: seen once is enough, as for the matrix.
    """
    told = []
    while keeper not in told and len(told) < 5:
        with booted(lab(init, image)) as boot:
            told.append(boot.keeps_order)
        assert keeper is WAITS or told[-1] == HELD
    assert keeper in told


@pytest.mark.parametrize(
    ("init", "writer", "form"),
    [("runit", "svlogd", STAMPED), ("tini", ITSELF, AS_WRITTEN), ("supervisord", PID1, AS_WRITTEN)],
)
def test_who_writes_the_log_is_seen_by_its_open_files(
    init: str, writer: str, form: str, image: Image
) -> None:
    """A logger beside each service, the service itself, or PID 1."""
    with booted(lab(init, image)) as boot:
        kept = poll(lambda: (k := log_kept(boot.target, "app")).form and k, 10, step=0.05)
        assert (kept.writer, kept.form) == (writer, form)
        assert kept.path == boot.target.init.log_path("app")


def test_memory_agrees_with_psutil(image: Image) -> None:
    """PSS of every supervision process, as psutil reads it from the host's own /proc."""
    with booted(lab("s6", image)) as boot:
        target = boot.target

        def both() -> tuple[Memory, list[Any]] | None:
            found = memory(target)
            outside = target.host_pids()
            crew = sort_out(target.sandbox.processes(), target.main_pids())
            try:
                return found, [psutil.Process(outside[p.pid]).memory_full_info() for p in crew.supervision]
            except (KeyError, psutil.NoSuchProcess):
                return None  # one ended between two readings, a fork before its execve for instance

        readings = poll(both, 10)
        assert readings is not None
        found, theirs = readings
        assert found.processes == len(theirs)
        # Shared pages move between the two readings as other sandboxes come and go.
        assert found.source in ("PSS", "RSS")
        total = sum(info.pss if found.source == "PSS" else info.rss for info in theirs)
        assert total / 2 < found.supervision < total * 2
        assert 0 < found.pid1 < found.supervision
        assert found.names["s6-svscan"] == 1
        assert found.names["s6-supervise"] >= 3


BUSY = """#!/bin/sh
trap 'exit 0' TERM
{work}
"""


class Bare:
    """A PID 1 of our own, for a manifest whose one service it starts itself."""

    name = title = package = binary = ordering = logging = "bare"
    clean_exits = frozenset({0})

    def main_pids(self, processes: object, manifest: Manifest) -> dict[str, int]:
        return {}


def bare(image: Image, work: str) -> Target:
    from helpers.engines.base import Pid1
    from helpers.engines.embedded import Embedded
    from helpers.filetree import FileTree

    tree = FileTree()
    tree.script("/init", BUSY.format(work=work))
    box = Embedded().start(image, Pid1(("/init",)), tree)
    return Target(box, Bare(), Manifest(name="bare", services=(Service(name="it", command=("/bin/true",)),)))  # type: ignore[arg-type]


def test_a_pid_1_that_polls_is_seen_to_wake_up_and_one_that_waits_is_not(image: Image) -> None:
    """Twenty sleeps a second are twenty wake-ups at least; `wait` for a sleep of an hour is none."""
    polling, waiting = bare(image, "while :; do sleep 0.05; done"), bare(image, "sleep 3600 & wait")
    try:
        poll(lambda: len(waiting.sandbox.processes()) == 2, 5)
        restless, calm = at_rest(polling, 1.0), at_rest(waiting, 1.0)
        assert restless.wakeups >= 5
        assert restless.cpu > calm.cpu
        assert calm.wakeups <= 2
    finally:
        polling.sandbox.destroy()
        waiting.sandbox.destroy()


def test_a_pid_1_that_does_not_reap_keeps_its_zombies(image: Image) -> None:
    """The negative control: a PID 1 that only sleeps."""
    target = bare(image, "exec sleep 3600")
    try:
        poll(lambda: target.sandbox.processes()[0].comm == "sleep", 5)
        assert zombies_left(target, patience=0.2) == 5
        target.sandbox.signal(signal.SIGKILL)
    finally:
        target.sandbox.destroy()


def test_a_service_that_never_gets_ready_is_named_with_the_end_of_its_log(image: Image) -> None:
    """The row of the matrix says why."""
    never = Service(
        name="never", command=("/bin/sh", "-c", "echo cannot open the shop; exec sleep 1000"),
        readiness=Exec(kind="exec", command=("/bin/false",)),
    )  # fmt: skip
    one = Lab(Manifest(name="one", services=(never,)), init="runit", engine="embedded", image=image)
    with (
        pytest.raises(LabError, match=r"never was not ready within 2 s; .*cannot open the shop"),
        booted(one, 2.0),
    ):
        pass


def test_a_kill_of_a_service_that_is_down_says_so(image: Image) -> None:
    """Nothing to kill, nothing to measure."""
    with booted(lab("runit", image)) as boot:
        boot.target.sandbox.exec(boot.target.init.stop("app"))
        with pytest.raises(LabError, match="app has no main process"):
            restart_seconds(boot.target, middle(boot.target.manifest))
