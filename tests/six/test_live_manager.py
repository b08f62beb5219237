"""Which s6-rc a machine runs, and what the real one is told: where an image has its programs, they run.

The real ones are in no package we reach. What stands at their paths here writes down how it was called, and
hands on to ours: the choice is tested, and the words, not s6-rc.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.engines.base import Image
from helpers.errors import LabError
from helpers.filetree import FileTree
from helpers.inits.s6rc_manager import manager
from helpers.six import WEB, Machine

pytestmark = pytest.mark.live
TOOLS = ("s6-rc", "s6-rc-compile", "s6-rc-db", "s6-rc-init", "s6-rc-update")
HANDS_ON = """#!/bin/sh
echo "${0##*/}" >>/run/called
[ "${0##*/}" != s6-rc-update ] || cp /run/six.changed /run/told
case "$*" in *list) printf 's6rc-fdholder\\ns6rc-oneshot-runner\\n' ;; esac
exec /usr/local/lib/s6rc/bin/${0##*/} "$@"
"""


class Equipped(Machine):
    """A machine whose image has programs of s6-rc's names."""

    def tree(self) -> FileTree:
        tree = super().tree()
        for name in TOOLS:
            tree.script(f"/usr/bin/{name}", HANDS_ON)
        return tree


@pytest.fixture(scope="module")
def machine(image: Image) -> Iterator[Machine]:
    with Equipped(WEB, image=image) as found:
        yield found.up()


def told(machine: Machine, configuration: str) -> tuple[list[str], tuple[str, ...]]:
    """The lines of the conversion file, and what moved."""
    machine.configure(configuration)
    moved = machine.activate().moved
    return machine.sh("cat /run/told").split("\n"), moved


def test_an_image_without_s6_rc_runs_ours_and_says_so(image: Image) -> None:
    """The machine is asked: its s6-rc is the one of labs/s6rc."""
    with Machine(WEB, image=image) as plain:
        found = plain.built().manager()
        assert (found.real, found.linux_init) == (False, False)
        assert "labs/s6rc" in str(found)


def test_an_image_with_s6_rc_runs_that_from_the_build_to_the_boot(machine: Machine) -> None:
    """Its compiler in the build, its programs at the boot; ours stay out of the way."""
    assert set(machine.sh("cat /run/called").split()) >= {"s6-rc-compile", "s6-rc-init", "s6-rc"}
    assert machine.sh("ls /usr/local/bin") == ""
    found = machine.manager()
    assert (found.path, found.real) == ("/usr/bin/s6-rc", True)
    assert str(found) == "the real s6-rc, /usr/bin/s6-rc, booted without s6-linux-init"


def test_what_s6_rc_needs_for_itself_is_no_service_of_the_machine(machine: Machine) -> None:
    """s6-rc lists its own longruns with the others."""
    assert "s6rc-fdholder" in machine.sh("s6-rc -a list")
    assert {"nginx", "nginx-log"} <= machine.pids().keys()
    assert not any(name.startswith("s6rc-") for name in machine.pids())


def test_the_real_update_is_told_what_changed_and_nothing_else(machine: Machine) -> None:
    """s6-rc-update restarts by its conversion file: a line for nginx, none for what only got a dependency."""
    other_port = WEB.replace("nginx { }", "nginx { port = 8081; }")
    assert told(machine, other_port) == (["nginx restart"], ("nginx",))
    assert told(machine, other_port) == ([""], ())
    needs_more = other_port.replace(
        "final.services.app { };",
        "final.infuse (final.services.app { }) {"
        " __output.passthru.after.__append = [ final.targets.early ]; };"
        ' targets.early = _: final.six.mkOneshot { name = "early"; up = [ "true" ]; };',
    )
    assert needs_more != other_port
    assert told(machine, needs_more) == ([""], ("early",))
    machine.configure(WEB)
    assert "nginx: stopping" in machine.dry_activate(machine.build())


def test_a_sandbox_with_neither_is_told(machine: Machine) -> None:
    """Raises `LabError` where neither is."""
    machine.sh("rm /usr/bin/s6-rc; mv /usr/local/lib/s6rc /usr/local/lib/away")
    with pytest.raises(LabError, match="no s6-rc in this sandbox"):
        manager(machine.sandbox)
