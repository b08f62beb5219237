"""The shop: seven services with which the order of a boot is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.engines.base import Image
from helpers.lab import Lab
from helpers.manifest import critical_path, edges, levels, load

SHOP = load(Path(__file__).parents[2] / "labs" / "stacks" / "shop" / "manifest.toml")
NEEDS = edges(SHOP)


def diary(lab: Lab) -> list[list[str]]:
    """Words of each line: time, service, what happened, whom it lacks."""
    return [line.split() for line in lab.sandbox.read("/run/shop/diary").decode().splitlines()]


def test_each_command_says_what_the_manifest_says() -> None:
    """work.sh NAME SECONDS NEED…: the program asks for what its service depends on, and for nothing else."""
    for service in SHOP.services:
        assert service.command[2] == service.name
        assert service.command[4:] == service.depends_on
        assert float(service.command[3]) > 0


def test_the_graph_has_what_the_lesson_tells_of_it() -> None:
    """Levels of three, two, one and one; the critical path through the database; an island."""
    assert [set(group) for group in levels(SHOP)] == [
        {"disk", "lan", "metrics"},
        {"db", "cache"},
        {"app"},
        {"web"},
    ]
    took = {service.name: float(service.command[3]) for service in SHOP.services}
    path = critical_path(SHOP, took)
    assert path == ("disk", "db", "app", "web")
    assert sum(took[name] for name in path) == pytest.approx(1.0)
    assert sum(took.values()) == pytest.approx(1.7)
    assert not NEEDS["metrics"]
    assert not any("metrics" in needs for needs in NEEDS.values())


@pytest.mark.live
@pytest.mark.timeout(120)
@pytest.mark.parametrize("init", ["runit", "s6", "openrc", "sysvinit", "s6-rc"])
def test_under_every_init_of_the_lesson_the_order_is_kept(init: str, image: Image) -> None:
    """Nobody begins before all it needs is ready, and nobody has to be started twice."""
    with Lab(SHOP, init=init, image=image) as lab:
        lab.ready()
        lines = diary(lab)
    assert not [line for line in lines if line[2] == "lacks"]
    ready: set[str] = set()
    for _, name, what in lines:
        if what == "ready":
            ready.add(name)
        else:
            assert ready.issuperset(NEEDS[name]), (name, lines)
    assert ready == set(NEEDS)


@pytest.mark.live
@pytest.mark.timeout(120)
def test_what_lacks_something_ends_and_is_started_again(image: Image) -> None:
    """Without dependencies in the manifest the shop opens all the same, by trying again."""
    untold = [service.model_copy(update={"depends_on": ()}) for service in SHOP.services]
    with Lab(SHOP.model_copy(update={"services": tuple(untold)}), init="runit", image=image) as lab:
        lab.ready()
        lines = diary(lab)
    assert {line[3] for line in lines if line[1:3] == ["app", "lacks"]} <= {"db", "cache"}
    assert [line for line in lines if line[1:3] == ["web", "lacks"]]


@pytest.mark.live
@pytest.mark.timeout(120)
def test_a_service_that_was_killed_is_not_taken_for_ready(image: Image) -> None:
    """there.sh looks whether the process that said so still runs."""
    with Lab(SHOP, init="runit", image=image) as lab:
        lab.ready()
        there = ["/bin/sh", "/opt/lab/there.sh", "db"]
        assert lab.sandbox.exec(there).code == 0
        lab.stop_service("db")
        assert lab.sandbox.exec(there).code != 0
        lab.start_service("db")
        lab.ready()
        assert lab.sandbox.exec(there).code == 0
