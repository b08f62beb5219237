"""The miniature and the exercises about it, on each engine: what is true on one is true on the other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from helpers.course import exercises
from helpers.course.vet_answers import judged, passes
from helpers.engines import registry
from helpers.engines.base import Image
from helpers.nix.places import LabPlace
from helpers.six import WEB, Machine

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
ENGINES = ["embedded", pytest.param("docker", marks=pytest.mark.docker)]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine's name, which is also what labs take that nobody told."""
    found = registry.get(request.param).availability()
    if not found.ok:
        pytest.skip(f"{request.param}: {found.reason} (mend: {found.mend})")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INITLAB_ENGINE", request.param)
        # Where Nix evaluates is kept for the process: one on this engine, for these tests.
        place = LabPlace(request.param)
        patch.setattr("helpers.nix.places._lab", place)
        yield request.param
        place.close()


def test_a_system_boots_moves_what_changed_rolls_back_and_shuts_down(engine: str, image: Image) -> None:
    """Build, boot, activate, roll back, SIGTERM: one service moves each time, PID 1 ends with 0."""
    with Machine(WEB, image=image) as machine:
        machine.up()
        assert '"hits"' in machine.http(8080)
        machine.configure(WEB.replace("nginx { }", "nginx { port = 8081; }"))
        assert machine.activate().moved == ("nginx",)
        assert '"hits"' in machine.http(8081)
        assert machine.rollback().moved == ("nginx",)
        assert '"hits"' in machine.http(8080)
        assert machine.sandbox.stop(grace=10).code == 0


def test_a_disk_is_filled_where_it_is_the_machines_own_and_nowhere_else(engine: str, image: Image) -> None:
    """An engine without a disk limit says so, and not a byte is written: it would be this computer's disk."""
    with Machine(WEB, image=image) as machine:
        machine.built()
        why_not = machine.fill_disk()
        there = machine.sh("ls /var/filler /var/rest 2>/dev/null").split()
        if engine == "embedded":
            assert why_not == ""
            assert there == ["/var/filler", "/var/rest"]
            assert machine.sh("echo more 2>/dev/null >/var/more || echo full") == "full"
        else:
            assert why_not.startswith("no disk limit")
            assert there == []


@pytest.mark.parametrize("name", ["p1.instances", "p1.sugar", "p1.sixos", "p1.generations"])
def test_the_solution_of_an_exercise_about_it_passes(
    engine: str, image: Image, tmp_path: Path, name: str
) -> None:
    """Verdicts do not depend on the engine."""
    exercise = exercises.load(name)
    module, _, function = exercise.check.partition(":")
    check = getattr(import_module(module), function)
    assert (
        judged(
            exercise,
            exercise.solutions,
            lambda _, path: check(path),
            partial(passes, exercise),
            tmp_path,
            False,
        )
        == []
    )
