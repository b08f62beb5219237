"""Every engine, as a parameter: what a test here says holds for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from helpers.engines.base import Engine, Image, Sandbox
from tests.engines.support import IDLE, eventually

# `docker-far` is the Docker engine restricted to the API, as for a remote engine or an ordinary user.
ENGINES = [
    pytest.param("embedded", marks=pytest.mark.live),
    pytest.param("docker", marks=[pytest.mark.live, pytest.mark.docker]),
    pytest.param("docker-far", marks=[pytest.mark.live, pytest.mark.docker]),
]


def make(name: str) -> Engine:
    """The engine called `name`, or a skipped test that says why it cannot run here."""
    from helpers.engines.docker import Docker
    from helpers.engines.embedded import Embedded

    engine: Engine = Embedded() if name == "embedded" else Docker(far=name == "docker-far")
    found = engine.availability()
    if not found.ok:
        pytest.skip(f"{name}: {found.reason} (mend: {found.mend})")
    return engine


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module whose subject differs between the Docker engine's two ways says `FAR = True`."""
    if "engine_name" in metafunc.fixturenames:
        engines = ENGINES if getattr(metafunc.module, "FAR", False) else ENGINES[:2]
        metafunc.parametrize("engine_name", engines, scope="session")


@pytest.fixture(scope="session")
def engine(engine_name: str) -> Engine:
    return make(engine_name)


@pytest.fixture
def start(engine: Engine, image: Image) -> Iterator[Callable[..., Sandbox]]:
    """Start a sandbox that the test's end destroys; without arguments, one with an idle PID 1."""
    started: list[Sandbox] = []

    def start(pid1: Any = IDLE, *args: Any, **kwargs: Any) -> Sandbox:
        box = engine.start(image, pid1, *args, **kwargs)
        started.append(box)
        return box

    yield start
    for box in started:
        box.destroy()


@pytest.fixture(scope="module")
def box(engine: Engine, image: Image) -> Iterator[Sandbox]:
    """One idle sandbox for the tests of a module that leave it as it was."""
    box = engine.start(image, IDLE, hostname="lab7")
    eventually(lambda: b"up" in box.logs(), "PID 1 is up")
    yield box
    box.destroy()
