"""The same lab on the Docker engine."""

from __future__ import annotations

import pytest

from helpers.engines.base import Image
from helpers.engines.docker import Docker
from helpers.inits import registry
from helpers.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.docker, pytest.mark.xdist_group("docker")]


@pytest.mark.parametrize("init", [*registry.provided(), "supervisor-rs"])
def test_the_stack_boots_restarts_and_stops_in_a_container_as_it_does_in_the_embedded_engine(
    image: Image, init: str
) -> None:
    """Ready, proxied, restarted after kill -9, stopped cleanly: no matter the engine."""
    found = Docker().availability()
    if not found.ok:
        pytest.skip(f"no Docker engine: {found.reason}")
    lab = Lab("web", init=init, engine="docker", image=image)
    here = registry.runnable(init, image, engine=lab.engine, tree=lab.tree())
    if init not in registry.provided() and not here.ok:
        pytest.skip(here.reason)
    with lab:
        lab.ready(60)
        assert lab.http("nginx").status == 200
        old = lab.kill("app")
        assert lab.wait_restarted("app", old) != old
        assert lab.stop().code in lab.init.clean_exits
