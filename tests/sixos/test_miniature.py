"""The base graph of SixOS, booted with stand-ins for its programs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from checks.sixos.model import edges, needs
from helpers.engines.base import Image
from helpers.errors import LabError
from helpers.nix.errors import NixError
from helpers.six import Machine
from helpers.sixos import configuration, load

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
SIXOS = load()


@pytest.fixture(scope="module")
def machine(image: Image) -> Iterator[Machine]:
    with Machine(configuration(SIXOS.graph()), image=image) as found:
        yield found.up()


def test_the_whole_base_system_comes_up(machine: Machine) -> None:
    """Every target that is no bundle, and a logger for each longrun."""
    graph = SIXOS.graph()
    services = {n for n in edges(graph) if graph["targets"].get(n, {"kind": ""})["kind"] != "bundle"}
    assert set(machine.pids()) == services


def test_what_is_graded_is_what_is_compiled(machine: Machine) -> None:
    """The check's model and the compiler agree on everything that a service needs."""
    graph = SIXOS.graph()
    for name in machine.pids():
        compiled, left = set[str](), [name]
        while left:
            for other in machine.sh(f"s6-rc-db dependencies {left.pop()}").split():
                if other not in compiled:
                    compiled.add(other)
                    left.append(other)
        assert needs(graph, name) == compiled, name


def test_without_a_writable_root_only_mdevd_runs(image: Image) -> None:
    """The loggers wait for it, and their producers for the loggers."""
    with Machine(configuration(SIXOS.graph(), up={"mounts.": "false"}), image=image) as broken:
        with pytest.raises(LabError):
            broken.up()
        longruns = {name for name, pid in broken.pids().items() if pid is not None}
    assert longruns == {"mdevd", "mdevd-log"}


def test_mdevd_with_the_default_logger_is_a_ring_on_a_host_with_a_clock(machine: Machine) -> None:
    """Refused in the build; without the clock it is none."""
    graph = SIXOS.graph()
    graph["targets"]["mdevd"]["logger"] = "default"
    machine.configure(configuration(graph))
    machine.build()
    graph["targets"]["hwclock"] = {
        "kind": "oneshot",
        "after": ["global.coldplug"],
        "before": ["global.hwclock"],
        "logger": None,
    }
    machine.configure(configuration(graph))
    with pytest.raises(NixError) as refused:
        machine.build()
    assert "depend on each other" in refused.value.raw
