"""SixOS in miniature: a real Nix builds the system, s6-svscan is PID 1, a change moves what it changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from helpers.engines.base import Image
from helpers.errors import LabError
from helpers.nix.errors import NixError
from helpers.six import Activation, Machine

CONFIGURATION = """final: {
  targets.redis = _: final.services.redis { };
  targets.app = _: final.services.app { };
  targets.nginx = _: final.services.nginx { };
  targets.hello = _: final.six.mkOneshot {
    name = "hello";
    up = [ "/bin/sh" "-c" "echo \\"it's up\\" >/run/hello" ];
    passthru.before = [ final.targets.default ];
  };
}
"""
PROFILE = "/nix/var/nix/profiles/activated"
ALL = ["app", "app-log", "hello", "nginx", "nginx-log", "redis", "redis-log"]
NEVER = (
    'services.nginx { }; targets.never = _: final.six.mkFunnel { name = "never"; '
    'run = [ "sleep" "1000" ]; notification-fd = 3; timeout-up = 300; '
    "passthru.before = [ final.targets.default ]; };"
)


def replaced(old: str, new: str) -> str:
    assert old in CONFIGURATION
    return CONFIGURATION.replace(old, new)


@pytest.fixture
def machine(image: Image) -> Iterator[Machine]:
    with Machine(CONFIGURATION, image=image) as found:
        yield found.up()


@pytest.mark.live
def test_a_system_builds_boots_serves_and_shuts_down(machine: Machine) -> None:
    """From expressions to processes: the stack answers, the oneshot ran, PID 1 ends with 0 on SIGTERM."""
    assert sorted(machine.pids()) == ALL
    assert '"hits"' in machine.http(8080)
    assert machine.sh("cat /run/hello") == "it's up"
    assert machine.sandbox.processes()[0].comm == "s6-svscan"
    assert re.fullmatch(r"/nix/store/\w{32}-six-system", machine.current())
    assert machine.sandbox.stop(grace=10).code == 0


@pytest.mark.live
def test_a_change_moves_one_service_and_a_rollback_moves_it_back(machine: Machine) -> None:
    """nginx gets another port: it alone has a new PID, in both directions; generations count."""
    booted = machine.current()
    machine.configure(replaced("services.nginx { }", "services.nginx { port = 8081; }"))
    built = machine.build()
    assert "nginx: stopping" in machine.dry_activate(built)
    assert machine.current() == booted
    there = machine.activate(built)
    assert (there.ok, there.moved) == (True, ("nginx",))
    assert machine.current() == built.path != booted
    assert '"hits"' in machine.http(8081)
    back = machine.rollback()
    assert (back.ok, back.moved) == (True, ("nginx",))
    assert machine.current() == booted
    assert [g.current for g in machine.generations()] == [True, False]
    assert [g.path for g in machine.generations()] == [booted, built.path]
    with pytest.raises(LabError, match="no rollback"):
        machine.rollback()


@pytest.mark.live
def test_a_new_target_comes_up_and_one_that_is_gone_goes_down(machine: Machine) -> None:
    """The default bundle is the state: `more` comes, nginx and its logger go; the others stay."""
    more = (
        'targets.more = _: final.six.mkFunnel { name = "more"; run = [ "sleep" "1000" ]; '
        "passthru.before = [ final.targets.default ]; };"
    )
    machine.configure(replaced("targets.nginx = _: final.services.nginx { };", more))
    done = machine.activate()
    assert done.ok
    assert done.moved == ("more", "more-log", "nginx", "nginx-log")
    assert done.after.keys() - done.before.keys() == {"more", "more-log"}


@pytest.mark.live
def test_the_same_configuration_is_the_same_system(machine: Machine) -> None:
    """A second build gives the same path and builds nothing, and its activation moves nothing."""
    built = machine.build()
    assert (built.path, built.derivations) == (machine.current(), 0)
    assert machine.activate(built).moved == ()
    assert len(machine.generations()) == 1


@pytest.mark.live
@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "services.redis { }",
            "services.redis { after = [ final.targets.nginx ]; }",
            "services depend on each other: app → redis → nginx → app",
        ),
        ("services.redis { }", "services.redis { prot = 3; }", "unexpected argument 'prot'"),
        (
            "services.app { }",
            "services.app { redis = final.services.redis { }; }",
            "write final.targets.NAME, not the service itself",
        ),
        ("services.app { }", "services.app { redis = final.targets.reddis; }", "attribute 'reddis' missing"),
        ("services.nginx { };", "services.nginx { }; targets.x = _: 5;", "targets.x is no target"),
    ],
    ids=["cycle", "misspelt", "not by name", "dangling", "no target"],
)
def test_a_bad_configuration_ends_at_the_build_and_nothing_moves(
    machine: Machine, old: str, new: str, says: str
) -> None:
    """Cycles, misspelt arguments, dangling names: an error of the build, while all runs on."""
    before = machine.pids()
    machine.configure(replaced(old, new))
    with pytest.raises(NixError) as error:
        machine.build()
    assert says in error.value.raw
    assert machine.pids() == before


@pytest.mark.live
def test_a_failed_activation_moves_neither_link_nor_profile(machine: Machine) -> None:
    """A service that never gets ready: activate ends with an error, and /run/current-system stays."""
    booted = machine.current()
    machine.configure(replaced("services.nginx { };", NEVER))
    done = machine.activate()
    assert not done.ok
    assert "service never: unable to start" in str(done)
    assert machine.current() == booted
    assert len(machine.generations()) == 1
    assert machine.activate(PROFILE).ok
    assert sorted(machine.pids()) == ALL


@pytest.mark.live
def test_a_machine_that_does_not_come_up_says_why(image: Image) -> None:
    """A configuration that does not build is Nix's error; a service that never gets ready is named."""
    with Machine("final: { targets.x = ; }", image=image) as broken, pytest.raises(NixError, match="syntax"):
        broken.up()
    with (
        Machine(replaced("services.nginx { };", NEVER), image=image) as stuck,
        pytest.raises(LabError, match="service never: unable to start"),
    ):
        stuck.up()


@pytest.mark.live
def test_a_target_can_be_edited_by_infusion(machine: Machine) -> None:
    """`__output.passthru.after.__append`: the idiom of SixOS; the default bundle gets one more."""
    lonely = """targets.lonely = _: final.six.mkFunnel { name = "lonely"; run = "exec sleep 1000"; };
  targets.default.__output.passthru.after.__append = [ final.targets.lonely ];
  targets.hello = _:"""
    machine.configure(replaced("targets.hello = _:", lonely))
    assert machine.activate().moved == ("lonely", "lonely-log")


def test_what_an_activation_did_is_a_table() -> None:
    """As text and as HTML: each service, its PIDs, whether it moved; a failure shows what was said."""
    done = Activation(False, 0.1, {"a": 1, "b": 2, "c": None}, {"a": 1, "b": 3, "d": 4}, "s6-rc: <no>")
    assert done.moved == ("b", "c", "d")
    assert done.stayed == ("a",)
    assert str(done).splitlines()[0] == "the activation failed: 3 moved, 1 stayed"
    assert "s6-rc: &lt;no&gt;" in done._repr_html_()
    assert repr(done).splitlines()[-1] == "s6-rc: <no>"
    assert "s6-rc" not in repr(replace(done, ok=True))
