"""systemd: what its units say, and what it makes of them."""

from __future__ import annotations

import time

import pytest

from helpers.engines.base import Image
from helpers.errors import LabError, RenderError
from helpers.inits import registry
from helpers.inits.systemd import parse_status
from helpers.lab import Lab
from helpers.manifest import Manifest, Service

from .machine import boot, until
from .manifests import MANIFESTS


def longrun(name: str, **fields: object) -> Service:
    return Service.model_validate({"name": name, "command": ["/bin/sleep", "1000"], **fields})


def rendered(*services: Service) -> tuple[dict[str, str], list[tuple[str, str]]]:
    found = registry.get("systemd").render(Manifest(name="test", services=services))
    return dict(found.tree.texts()), [(note.field, note.note) for note in found.unsupported]


def unit(*services: Service, name: str = "a.service") -> list[str]:
    return rendered(*services)[0][f"/etc/systemd/system/{name}"].splitlines()


def test_a_dependency_is_required_and_waited_for() -> None:
    """Requires= orders nothing and After= requires nothing: both, on the bundle's target where it is one."""
    bundle = Service.model_validate({"name": "both", "kind": "bundle", "depends_on": ["b"]})
    lines = unit(longrun("a", depends_on=["both", "b"]), longrun("b"), bundle)
    for needed in ("both.target", "b.service"):
        assert f"Requires={needed}" in lines
        assert f"After={needed}" in lines
    assert "After=b.service" in unit(longrun("a"), longrun("b"), bundle, name="both.target")


@pytest.mark.parametrize("name", ["default", "shutdown", "poweroff"])
def test_a_bundle_cannot_be_called_as_a_target_that_systemd_stops_by(name: str) -> None:
    """It would stand in for systemd's own, and nothing would boot or end; a service has another suffix."""
    bundle = Service.model_validate({"name": name, "kind": "bundle", "depends_on": ["a"]})
    with pytest.raises(
        RenderError, match=f"bundle {name}: systemd has a target of its own called {name}.target"
    ):
        rendered(longrun("a"), bundle)
    assert f"/etc/systemd/system/{name}.service" in rendered(longrun(name))[0]


def test_what_units_would_read_otherwise_is_escaped() -> None:
    """Specifiers, variables, C escapes, a lone semicolon, a line that would go on (systemd.syntax(7))."""
    service = longrun(
        "a", command=["/bin/echo", "100%", "$HOME", ";", "a\\", "\x07"], description="it\\", env={"A": "%n"}
    )
    lines = unit(service)
    assert 'ExecStart=/bin/echo "100%%" "$$HOME" ";" "a\\\\" "\\x07"' in lines
    assert 'Environment="A=%%n"' in lines
    assert "Description=a: it" in lines


def test_a_name_is_looked_for_in_the_services_own_path() -> None:
    """ExecStart= takes an absolute path, or looks where systemd was built to; env(1) looks in PATH."""
    assert "ExecStart=/usr/bin/env server -x" in unit(longrun("a", command=["server", "-x"]))


def test_a_variable_that_environment_cannot_say_goes_by_env() -> None:
    """A dot in the name, a control character in the value."""
    lines = unit(longrun("a", env={"app.mode": "x", "BELL": "\x07", "PLAIN": "1"}))
    assert 'ExecStart=/usr/bin/env app.mode=x "BELL=\\x07" /bin/sleep 1000' in lines
    assert [line for line in lines if line.startswith("Environment")] == ["Environment=PLAIN=1"]


@pytest.mark.parametrize(
    ("restart", "steps", "told"),
    [
        ({"delay": 0.5, "factor": 2, "max_delay": 2}, "2", []),
        ({"delay": 1, "factor": 3, "max_delay": 8}, "2", ["2.83"]),
        ({"delay": 1, "factor": 1, "max_delay": 8}, "", []),
        ({"delay": 5, "factor": 2, "max_delay": 5}, "", []),
        ({"delay": 0, "factor": 2, "max_delay": 5}, "", []),
    ],
)
def test_back_off_is_a_number_of_steps(restart: dict[str, float], steps: str, told: list[str]) -> None:
    """RestartSteps= from RestartSec= to RestartMaxDelaySec=: where no whole number gives the factor, told."""
    files, notes = rendered(longrun("a", restart=restart))
    found = [line for line in files["/etc/systemd/system/a.service"].splitlines() if "RestartSteps=" in line]
    assert found == ([f"RestartSteps={steps}"] if steps else [])
    factors = [note for field, note in notes if field == "restart.factor" and "whole steps" in note]
    assert [note.rsplit(" ", 1)[1] for note in factors] == told


def test_a_signal_is_a_failure_for_on_failure() -> None:
    """systemd takes SIGTERM and three others for a clean end; the manifest takes no signal for one."""
    line = "RestartForceExitStatus=SIGHUP SIGINT SIGTERM SIGPIPE"
    assert line in unit(longrun("a", restart={"policy": "on-failure"}))
    assert line not in unit(longrun("a"))


def test_a_status_is_read_off_show() -> None:
    """States, a restart held back, a job that waits, seconds since the last change; nothing at all."""
    services = [longrun(name) for name in ("a", "b", "c", "d")]
    text = """100.5 200.0
Id=a.service
LoadState=loaded
ActiveState=active
SubState=running
MainPID=7
StateChangeTimestampMonotonic=99000000

Id=b.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart-queued
MainPID=0
StateChangeTimestampMonotonic=0

Id=c.service
LoadState=loaded
ActiveState=inactive
SubState=dead
MainPID=0
Job=31
StateChangeTimestampMonotonic=0
"""
    manifest = Manifest(name="test", services=tuple(services))
    rows = parse_status(text, manifest)
    assert [(row.state, row.pid, row.uptime) for row in rows] == [
        ("up", 7, 1.5),
        ("failed", None, None),
        ("starting", None, None),
        ("down", None, None),
    ]
    assert {row.state for row in parse_status("", manifest)} == {"down"}


@pytest.mark.live
def test_who_needs_a_service_waits_through_its_restarts(image: Image) -> None:
    """RestartMode=direct: a dependency that fails at first is waited for until it holds."""
    flaky = [
        "/bin/sh",
        "-c",
        "echo run >>/run/runs; [ $(wc -l </run/runs) -ge 3 ] || exit 1; exec sleep 1000",
    ]
    ready = {"kind": "exec", "command": ["/bin/sh", "-c", "[ $(wc -l </run/runs) -ge 3 ] && sleep 0.2"]}
    marker = ["/bin/sh", "-c", "cat /run/runs >/run/second; exec sleep 1001"]
    services = (
        longrun("first", command=flaky, readiness=ready),
        longrun("second", command=marker, depends_on=["first"]),
    )
    machine = boot("systemd", Manifest(name="flaky", services=services), image)
    try:
        machine.wait_state("second", "up")
        assert until(lambda: machine.file("/run/second"), "second has written").split() == ["run"] * 3
    finally:
        machine.box.destroy()


@pytest.mark.live
def test_each_service_is_in_a_cgroup_of_its_own(image: Image) -> None:
    """What no supervisor here but systemd knows: all of a service's processes, whoever forked them."""
    forks = ["/bin/sh", "-c", "(sleep 1002 & sleep 1003 &) ; exec sleep 1001"]
    machine = boot("systemd", Manifest(name="forks", services=(longrun("a", command=forks),)), image)
    try:
        machine.wait_state("a", "up")
        path = "/sys/fs/cgroup/system.slice/a.service/cgroup.procs"
        until(lambda: len(machine.file(path).split()) == 3, "three processes are in its cgroup")
        assert machine.box.exec(machine.init.stop("a")).code == 0
        # Not its children any more, and yet they end with it.
        until(lambda: not [p for p in machine.box.processes() if p.argv[:1] == ("sleep",)], "all are gone")
    finally:
        machine.box.destroy()


@pytest.mark.live
def test_what_systemd_itself_says_is_on_the_console(image: Image) -> None:
    """There is no journal: why a service cannot be started is told there, and a lab tells it on."""
    services = (longrun("broken", command=["/no/such"], restart={"policy": "never"}),)
    with (
        Lab(Manifest(name="console", services=services), init="systemd", image=image) as lab,
        pytest.raises(LabError, match=r"broken\.service: .*203/EXEC"),
    ):
        lab.ready(2)


@pytest.mark.live
@pytest.mark.docker
def test_the_docker_engine_boots_it_too() -> None:
    """The same units in a container: the stack answers, a killed service comes back, PID 1 ends with 0."""
    from helpers.engines.docker import Docker

    if not Docker().availability().ok:
        pytest.skip(Docker().availability().reason)
    with Lab(MANIFESTS["web"], init="systemd", engine="docker") as lab:
        lab.ready()
        before = lab.kill("app")
        lab.wait_restarted("app", before)
        began = time.monotonic()
        assert lab.stop().code == 0
        assert time.monotonic() - began < 8
