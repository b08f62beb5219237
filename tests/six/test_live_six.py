"""SixOS in miniature: a real Nix builds the system, s6-svscan is PID 1, a change moves what it changes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.engines.base import ExecResult, Image, Pid1
from helpers.engines.embedded import Embedded
from helpers.filetree import FileTree

pytestmark = pytest.mark.live

LABS = Path(__file__).resolve().parents[2] / "labs"
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
BOOT = """#!/bin/sh
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root
system=$(nix-build --no-out-link /etc/six -A system 2>/run/build.log) && exec "$system/boot/init"
"""


class Machine:
    """A machine that has built itself."""

    def __init__(self, image: Image) -> None:
        tree = FileTree.from_folder(LABS / "s6rc", "/opt/s6rc")
        tree = tree.merge(FileTree.from_folder(LABS / "nix", "/opt/nix"))
        for path in (LABS / "s6rc" / "bin").iterdir():
            tree.symlink(f"/usr/local/bin/{path.name}", f"/opt/s6rc/bin/{path.name}")
        tree.add("/opt/lab/app.py", (LABS / "stacks" / "web" / "app.py").read_bytes())
        tree.add("/etc/nix/nix.conf", "build-users-group =\nsandbox = false\nsubstituters =\n")
        tree.add(
            "/etc/six/default.nix",
            "import /opt/nix/six { configuration = import ./configuration.nix; }\n",
        )
        tree.add("/etc/six/configuration.nix", CONFIGURATION)
        tree.script("/etc/six/boot", BOOT)
        self.box = Embedded().start(image, Pid1(("/etc/six/boot",)), tree)

    def sh(self, text: str) -> ExecResult:
        return self.box.exec(["/bin/sh", "-c", f"export HOME=/root; {text}"], timeout=60)

    def ok(self, text: str) -> str:
        done = self.sh(text)
        assert done.code == 0, (text, done.stdout, done.stderr)
        return done.stdout.decode()

    def up(self) -> list[str]:
        done = self.sh("s6-rc -a list")
        return done.stdout.decode().split() if done.code == 0 else []

    def pids(self) -> dict[str, str]:
        names = [name for name in self.up() if name != "hello"]
        return {name: self.ok(f"s6-svstat -o pid /run/service/{name}").strip() for name in names}

    def configure(self, old: str, new: str) -> None:
        assert old in CONFIGURATION
        self.box.write("/etc/six/configuration.nix", CONFIGURATION.replace(old, new).encode())

    def build(self) -> ExecResult:
        return self.sh("nix-build --no-out-link /etc/six -A system")

    def activate(self) -> str:
        built = self.build()
        assert built.code == 0, built.stderr
        system = built.stdout.decode().strip()
        self.ok(f"{system}/bin/activate")
        return system


ALL = ["app", "app-log", "hello", "nginx", "nginx-log", "redis", "redis-log"]


@pytest.fixture
def machine(image: Image) -> Iterator[Machine]:
    found = Machine(image)
    try:
        end = time.monotonic() + 30
        while found.up() != ALL or found.sh("test -e /run/current-system").code:
            assert time.monotonic() < end, found.box.logs().decode()
            time.sleep(0.05)
        yield found
    finally:
        found.box.destroy()


def test_a_system_builds_boots_serves_and_shuts_down(machine: Machine) -> None:
    """From expressions to processes: the stack answers, the oneshot ran, PID 1 ends with 0 on SIGTERM."""
    assert '"hits"' in machine.ok("curl -s http://127.0.0.1:8080/")
    assert machine.ok("cat /run/hello") == "it's up\n"
    assert machine.box.processes()[0].comm == "s6-svscan"
    assert re.fullmatch(r"/nix/store/\w{32}-six-system\n", machine.ok("readlink /run/current-system"))
    assert machine.box.stop(grace=10).code == 0


def test_a_change_moves_one_service_and_a_rollback_moves_it_back(machine: Machine) -> None:
    """nginx gets another port: it alone has a new PID, in both directions; generations count."""
    first = machine.pids()
    booted = machine.ok("readlink /run/current-system").strip()
    machine.configure("services.nginx { }", "services.nginx { port = 8081; }")
    system = machine.activate()
    second = machine.pids()
    assert {name for name in ALL if first.get(name) != second.get(name)} == {"nginx"}
    assert machine.ok("readlink /run/current-system").strip() == system != booted
    assert '"hits"' in machine.ok("curl -s http://127.0.0.1:8081/")
    profile = "/nix/var/nix/profiles/activated"
    machine.ok(f"nix-env -p {profile} --rollback && {profile}/bin/activate")
    third = machine.pids()
    assert {name for name in ALL if second.get(name) != third.get(name)} == {"nginx"}
    assert machine.ok("readlink /run/current-system").strip() == booted
    generations = machine.ok(f"nix-env -p {profile} --list-generations").splitlines()
    assert [("current" in line) for line in generations] == [True, False]


def test_a_new_target_comes_up_and_one_that_is_gone_goes_down(machine: Machine) -> None:
    """The default bundle is the state: `more` comes, nginx and its logger go; the others stay."""
    before = machine.pids()
    machine.configure(
        "targets.nginx = _: final.services.nginx { };",
        'targets.more = _: final.six.mkFunnel { name = "more"; run = [ "sleep" "1000" ]; '
        "passthru.before = [ final.targets.default ]; };",
    )
    machine.activate()
    after = machine.pids()
    assert after.keys() - before.keys() == {"more", "more-log"}
    assert before.keys() - after.keys() == {"nginx", "nginx-log"}
    assert all(before[name] == after[name] for name in before.keys() & after.keys())


def test_the_same_configuration_is_the_same_system(machine: Machine) -> None:
    """A second build gives the same path, and its activation moves nothing."""
    before = machine.pids()
    assert machine.activate() == machine.ok("readlink /run/current-system").strip()
    assert machine.pids() == before


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
)
def test_a_bad_configuration_ends_at_the_build_and_nothing_moves(
    machine: Machine, old: str, new: str, says: str
) -> None:
    """Cycles, misspelt arguments, dangling names: an error of the build, while all runs on."""
    before = machine.pids()
    machine.configure(old, new)
    done = machine.build()
    assert done.code != 0
    assert says in done.stderr.decode()
    assert machine.pids() == before


def test_a_failed_activation_moves_neither_link_nor_profile(machine: Machine) -> None:
    """A service that never gets ready: activate ends with an error, /run/current-system stays."""
    booted = machine.ok("readlink /run/current-system")
    machine.configure(
        "services.nginx { };",
        'services.nginx { }; targets.never = _: final.six.mkFunnel { name = "never"; '
        'run = [ "sleep" "1000" ]; notification-fd = 3; timeout-up = 300; '
        "passthru.before = [ final.targets.default ]; };",
    )
    system = machine.build().stdout.decode().strip()
    assert machine.sh(f"{system}/bin/activate").code != 0
    assert machine.ok("readlink /run/current-system") == booted
    generations = machine.ok("nix-env -p /nix/var/nix/profiles/activated --list-generations")
    assert len(generations.splitlines()) == 1
    machine.ok("/nix/var/nix/profiles/activated/bin/activate")
    assert machine.up() == ALL


def test_a_target_can_be_edited_by_infusion(machine: Machine) -> None:
    """`__output.passthru.after.__append`: the idiom of SixOS; the default bundle gets one more."""
    machine.configure(
        "targets.hello = _:",
        """targets.lonely = _: final.six.mkFunnel { name = "lonely"; run = "exec sleep 1000"; };
  targets.default.__output.passthru.after.__append = [ final.targets.lonely ];
  targets.hello = _:""",
    )
    machine.activate()
    assert "lonely" in machine.up()
