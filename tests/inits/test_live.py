"""The web stack under each init as PID 1: order, restarts, reaping, logs, control, shutdown."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from helpers.engines.base import Image
from helpers.manifest import Manifest, Service

from .expected import CLEAN_ORDER, COMM, STAMP, WEB_STOP
from .machine import Machine, boot, until
from .manifests import HERE, LIVE, MANIFESTS

pytestmark = pytest.mark.live

CLOCK = re.compile(r"\d\d:\d\d:\d\d\.\d\d\d")


@pytest.fixture(scope="module", params=LIVE)
def web(request: pytest.FixtureRequest, image: Image) -> Iterator[Machine]:
    machine = boot(request.param, MANIFESTS["web"], image)
    try:
        for service in machine.manifest.services:
            machine.wait_state(service.name, "up")
        yield machine
    finally:
        machine.box.destroy()


def clock(text: str) -> str:
    """The time of day in a line, which compares as text."""
    match = CLOCK.search(text)
    assert match is not None, text
    return match[0]


def line_with(text: str, words: str) -> str:
    return next(line for line in text.splitlines() if words in line)


def test_pid_1_is_the_init_itself(web: Machine) -> None:
    """No shell, no wrapper is left: PID 1 is the program that the init says it is."""
    assert web.box.processes()[0].comm == COMM[web.init.name]
    assert web.box.exec(["test", "-x", web.init.binary]).code == 0


def test_a_booted_stack_answers_and_the_init_says_so(web: Machine) -> None:
    """Every service is up and ready, in the manifest's order; a request goes through all three."""
    rows = web.init.status(web.box, web.manifest)
    assert [row.name for row in rows] == ["redis", "app", "nginx"]
    assert all(row.state == "up" and row.ready and row.uptime is not None for row in rows)
    assert web.get(8080) == 200


def test_the_main_processes_are_what_the_init_says_they_are(web: Machine) -> None:
    """The process table alone gives the PIDs the init's own tools give."""
    assert {row.name: row.pid for row in web.status().values()} == web.pids()
    names = {process.pid: process.comm for process in web.box.processes()}
    assert {name: names[pid] for name, pid in web.pids().items()} == {
        "redis": "redis-server",
        "app": "python3",
        "nginx": "nginx",
    }


def test_a_service_starts_after_what_it_needs_is_ready(web: Machine) -> None:
    """By their own clocks: redis accepts connections, then the app listens, then nginx starts."""
    redis = line_with(web.file(web.init.log_path("redis")), "Ready to accept connections")
    app = next(record for record in web.records("app") if record["event"] == "listening")
    # redis writes its own time after the logger's; the first one is the earlier.
    # Times are told to the millisecond, and two things may happen within one.
    assert clock(redis.partition(":M ")[2]) <= clock(app["ts"])
    first = next(record for record in web.records("app") if record["event"] == "request")
    assert first["status"] == 200
    # nginx writes its PID file when it starts; `stat` gives the time of day with nanoseconds.
    assert clock(app["ts"]) <= clock(web.sh("TZ=UTC stat -c %y /run/nginx.pid").text)


def test_a_killed_service_comes_back_and_no_other_is_touched(web: Machine) -> None:
    """kill -9 → another PID, the same answer; the others keep their PIDs."""
    before = web.pids()
    web.box.signal(signal.SIGKILL, before["app"])
    until(lambda: web.pids().get("app") not in (None, before["app"]), "app has another PID")
    until(lambda: web.get(8080) == 200, "the stack answers again")
    after = web.pids()
    assert {name: after[name] for name in ("redis", "nginx")} == {
        name: before[name] for name in ("redis", "nginx")
    }


def test_an_orphan_is_reaped_by_pid_1(web: Machine) -> None:
    """A double-forked process becomes PID 1's child and leaves no zombie when it ends."""
    # Not `exec`: its shell would be the orphan's parent only until it ends, which it does at once.
    orphan = int(web.sh("(sleep 0.3 >/dev/null 2>&1 & echo $!)").text)
    parents = {process.pid: process.ppid for process in web.box.processes()}
    assert parents.get(orphan, 1) == 1
    until(lambda: orphan not in {p.pid for p in web.box.processes()}, "the orphan is gone")
    assert [process for process in web.box.processes() if process.state == "Z"] == []


def test_the_log_holds_the_apps_json_lines(web: Machine) -> None:
    """Each line is one JSON object, after the logger's own time."""
    assert web.get(8000, "/nowhere") == 404
    until(lambda: any(r.get("path") == "/nowhere" for r in web.records("app")), "the request is logged")
    lines = web.file(web.init.log_path("app")).splitlines()
    assert all(re.match(STAMP[web.init.name] + r"\{", line) for line in lines)


def test_stop_start_and_restart_use_the_inits_own_commands(web: Machine) -> None:
    """Stopped, it stays down; started, it has a new PID; restarted, another one."""
    first = web.pids()["app"]
    assert web.box.exec(web.init.stop("app")).code == 0
    assert web.wait_state("app", "down").pid is None
    assert "app" not in web.pids()
    assert web.box.exec(web.init.start("app")).code == 0
    second = web.wait_state("app", "up").pid
    assert web.box.exec(web.init.restart("app")).code == 0
    third = web.wait_state("app", "up").pid
    assert len({first, second, third}) == 3
    # OpenRC stops what needs the app before it stops the app, and leaves it so.
    assert web.box.exec(web.init.start("nginx")).code == 0
    until(lambda: web.get(8080) == 200, "the stack answers again")


def test_a_command_for_an_unknown_service_fails(web: Machine) -> None:
    """The init's own commands exit with an error, so a lab can tell."""
    assert web.box.exec(web.init.stop("nonesuch")).code != 0
    assert web.box.exec(web.init.start("nonesuch")).code != 0


def told(manifest: Manifest) -> Manifest:
    """The same stack, each service behind told.py: what it writes can be read when PID 1 has ended."""
    services = tuple(
        service.model_copy(
            update={"command": ("/usr/bin/python3", "/opt/lab/told.py", service.name, *service.command)}
        )
        for service in manifest.services
    )
    files = {**manifest.files, "/opt/lab/told.py": str(HERE / "told.py")}
    return manifest.model_copy(update={"services": services, "files": files})


@pytest.mark.parametrize("init", [init for init in LIVE if CLEAN_ORDER.get(init, True)])
def test_shutdown_is_clean_in_order_and_takes_a_few_seconds(init: str, image: Image) -> None:
    """The stop signal → each service its own signal, dependents first → PID 1 ends with a clean exit."""
    machine = boot(init, told(MANIFESTS["web"]), image)
    try:
        for service in machine.manifest.services:
            machine.wait_state(service.name, "up")
        assert machine.get(8080) == 200  # something to save
        machine.sh("touch /run/told")
        reader = machine.box.popen(["tail", "-n", "+1", "-f", "/run/told"], stdout=subprocess.PIPE)
        began = time.monotonic()
        ended = machine.box.stop(grace=10)
        seconds = time.monotonic() - began
        text = machine.box.logs().decode() + reader.communicate(timeout=10)[0].decode()
    finally:
        machine.box.destroy()
    assert ended.code in machine.init.clean_exits, text
    assert seconds < WEB_STOP.get(init, 5.0)
    order = [
        "nginx ended with 0",
        '"event": "stopping"',
        "app ended with 0",
        "DB saved on disk",
        "redis ended with 0",
    ]
    places = [text.find(words) for words in order]
    assert -1 not in places, text
    assert places == sorted(places), text


@pytest.mark.parametrize("init", LIVE)
def test_a_second_stop_signal_does_no_harm(init: str, image: Image) -> None:
    """Whoever is impatient and asks twice gets the same clean end."""
    machine = boot(init, MANIFESTS["web"], image)
    try:
        machine.wait_state("nginx", "up")
        machine.box.signal(machine.init.pid1().stop_signal)
        assert machine.box.stop(grace=10).code in machine.init.clean_exits
    finally:
        machine.box.destroy()


@pytest.mark.parametrize("init", LIVE)
def test_a_service_that_never_becomes_ready_holds_back_who_needs_it(init: str, image: Image) -> None:
    """Its process runs, its dependents do not; the init says that it is not up."""
    never = {"kind": "exec", "command": ["/bin/false"], "timeout": 30}
    marker = ["/bin/sh", "-c", "echo started >/run/second; exec sleep 1000"]
    first = Service.model_validate({"name": "first", "command": ["/bin/sleep", "1000"], "readiness": never})
    second = Service.model_validate({"name": "second", "command": marker, "depends_on": ["first"]})
    machine = boot(init, Manifest(name="never", services=(first, second)), image)
    try:
        until(lambda: "first" in machine.pids(), "first has a process")
        row = machine.wait_state("first", "starting")
        assert row.ready is False
        assert machine.status()["second"].state in ("starting", "down")
        assert machine.file("/run/second") == ""
    finally:
        machine.box.destroy()


def test_openrc_stops_a_daemon_that_never_becomes_ready(image: Image) -> None:
    """start_post gives up after its time: the service is stopped again, nothing of it is left running."""
    never = {"kind": "exec", "command": ["/bin/false"], "timeout": 0.5}
    first = Service.model_validate({"name": "first", "command": ["/bin/sleep", "1000"], "readiness": never})
    second = Service.model_validate(
        {"name": "second", "command": ["/bin/sleep", "1000"], "depends_on": ["first"]}
    )
    machine = boot("openrc", Manifest(name="never", services=(first, second)), image)
    try:
        until(lambda: b"first is not ready after 1 s" in machine.box.logs(), "OpenRC gives up")
        until(lambda: not machine.pids(), "the daemon is gone")
        until(lambda: {row.state for row in machine.status().values()} == {"down"}, "both are down")
    finally:
        machine.box.destroy()
