"""SixOS in miniature where a build goes wrong half-way: it is told why, and what is there stays as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.engines.base import MIB, Image, Limits
from helpers.nix.errors import NixError
from helpers.six import WEB, Machine

pytestmark = pytest.mark.live


def with_folder(script: str) -> str:
    """The web stack; redis' folder is made by a builder."""
    made = f"${{final.pkgs.runCommand \"seeds\" {{ }} ''{script}''}}"
    assert "redis { }" in WEB
    return WEB.replace("redis { }", f'redis {{ settings.x-folder = "{made}"; }}')


def on_port(port: int) -> str:
    return WEB.replace("nginx { }", f"nginx {{ port = {port}; }}")


@pytest.fixture
def machine(image: Image) -> Iterator[Machine]:
    """Two generations, nginx on 8081 in the second."""
    with Machine(WEB, image=image, limits=Limits(disk=48 * MIB)) as found:
        found.up()
        found.configure(on_port(8081))
        assert found.activate().ok
        yield found


def whole(machine: Machine) -> bool:
    """Every path that counts holds what it was built with."""
    said = machine.sh("nix-store --verify --check-contents 2>&1 && echo verified")
    return said.endswith("verified") and "was modified" not in said and "disappeared" not in said


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ('mkdir "$out"; echo one >"$out/a"; echo I was told to stop >&2; kill -9 $$', "Killed"),
        ('mkdir "$out"; echo one >"$out/a"; echo no more seeds >&2; exit 3', "exit code 3"),
        ("echo nothing made >&2", "failed to produce output"),
    ],
    ids=["killed", "exit code", "no output"],
)
def test_a_builder_that_dies_half_way_is_told_with_its_last_words(
    machine: Machine, script: str, says: str
) -> None:
    """Its error first, and what it printed; both generations, what runs and the store are as they were."""
    generations, pids = machine.generations(), machine.pids()
    machine.configure(with_folder(script))
    with pytest.raises(NixError) as caught:
        machine.build()
    assert caught.value.kind == "build"
    assert says in caught.value.message
    assert "-seeds.drv" in caught.value.message.splitlines()[0]
    last = script.split("echo ")[-1].split(" >&2")[0]
    assert f"  > {last}" in caught.value.message
    assert (machine.generations(), machine.pids()) == (generations, pids)
    assert whole(machine)
    assert machine.rollback().ok
    assert '"hits"' in machine.http(8080)


def test_a_cycle_is_named_in_the_error_itself(machine: Machine) -> None:
    """What s6-rc-compile said is in the message, not only in the log."""
    machine.configure(WEB.replace("redis { }", "redis { after = [ final.targets.nginx ]; }"))
    with pytest.raises(NixError, match="services depend on each other: app → redis → nginx → app"):
        machine.build()


def test_a_builder_that_fills_the_disk_is_told_so(machine: Machine) -> None:
    """The kind is `full`, the hint says what to run; then there is room again."""
    generations = machine.generations()
    machine.configure(with_folder('head -c 90000000 /dev/zero >"$out"'))
    with pytest.raises(NixError) as caught:
        machine.build()
    assert caught.value.kind == "full"
    assert "No space left on device" in caught.value.message
    assert "nix-collect-garbage" in caught.value.hint
    assert machine.generations() == generations
    machine.sh("nix-collect-garbage")
    assert whole(machine)
    machine.configure(on_port(8082))
    assert machine.activate().moved == ("nginx",)


def test_on_a_full_disk_nothing_is_built_and_a_rollback_still_works(machine: Machine) -> None:
    """Generations can be listed, what runs runs on, the one before is activated without a byte of room."""
    generations, pids = machine.generations(), machine.pids()
    assert machine.fill_disk() == ""
    machine.configure(on_port(8082))
    with pytest.raises(NixError) as caught:
        machine.build()
    assert (caught.value.kind, "nix-collect-garbage" in caught.value.hint) == ("full", True)
    assert (machine.generations(), machine.pids()) == (generations, pids)
    assert '"hits"' in machine.http(8081)
    assert machine.rollback().moved == ("nginx",)
    assert '"hits"' in machine.http(8080)
    assert [one.current for one in machine.generations()] == [True, False]
    machine.sh("rm /var/filler /var/rest")
    machine.configure(on_port(8082))
    assert machine.activate().ok
    assert whole(machine)
