"""supervisor-rs, built from its sources, as PID 1 of real sandboxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.engines.base import Image
from helpers.filetree import FileTree
from helpers.lab import STACKS
from helpers.manifest import load
from tests.supervisor.rust import booted, manifest, status

# All in one worker: the binaries are built once. A first build fetches and compiles every crate.
pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]


def test_the_web_stack_is_up_and_ends_with_pid_1(image: Image, programs: Path) -> None:
    """redis, app and nginx are ready, nginx answers; SIGTERM ends them all, and PID 1 with 0."""
    web = load(STACKS / "web" / "manifest.toml")
    tree = FileTree()
    for inside, outside in web.files.items():
        tree.add(inside, Path(outside).read_bytes())
    with booted(image, programs, web.model_dump_json(), tree=tree) as box:
        assert box.until(lambda: '"hits"' in box.sh("curl -sf http://127.0.0.1:8080/"), 30), box.logs()
        assert box.until(lambda: all(s["ready"] for s in status(box).values()), 10), status(box)
        assert list(status(box)) == ["redis", "app", "nginx"]
        box.signal(15)
        assert box.wait(30) == 0, box.logs()


def test_a_killed_service_runs_again_and_its_neighbour_keeps_its_process(
    image: Image, programs: Path
) -> None:
    """SIGKILL from outside: it is reaped and started again; nothing else moves, no zombie stays."""
    one, two = ({"name": name, "command": ["sleep", "1000"]} for name in ("one", "two"))
    with booted(image, programs, manifest(one, two)) as box:
        assert box.until(lambda: len([s for s in status(box).values() if s["pid"]]) == 2), box.logs()
        before = status(box)
        box.signal(9, before["one"]["pid"])
        assert box.until(lambda: status(box)["one"]["pid"] not in (None, before["one"]["pid"])), status(box)
        assert status(box)["two"]["pid"] == before["two"]["pid"]
        assert box.until(lambda: box.zombies() == 0)


def test_a_crash_loop_delays_nobody(image: Image, programs: Path) -> None:
    """One service fails at once, for ever, with a long back-off; the other one is up all the same."""
    fails = {"name": "fails", "command": ["false"], "restart": {"delay": 60, "max_delay": 60}}
    with booted(image, programs, manifest(fails, {"name": "good", "command": ["sleep", "1000"]})) as box:
        assert box.until(lambda: status(box).get("fails", {}).get("phase") == "backoff"), status(box)
        assert status(box)["good"]["state"] == "up"


def test_a_service_deaf_to_its_stop_signal_is_killed_after_its_grace(image: Image, programs: Path) -> None:
    """`stop_grace` seconds after the stop signal comes SIGKILL, and PID 1 ends with 0."""
    script = "trap '' TERM; echo deaf >/run/deaf; while :; do sleep 1; done"
    deaf = {"name": "deaf", "command": ["/bin/sh", "-c", script], "stop_grace": 0.3}
    with booted(image, programs, manifest(deaf)) as box:
        assert box.until(lambda: box.sh("cat /run/deaf") == "deaf")
        box.signal(15)
        assert box.wait(20) == 0, box.logs()


def test_a_manifest_with_a_cycle_is_refused_with_its_path(image: Image, programs: Path) -> None:
    """The check names the file and the ring, and does not end with 0."""
    ring = manifest(*({"name": a, "command": ["true"], "depends_on": [b]} for a, b in ("ab", "bc", "ca")))
    with booted(image, programs, None, command=("--", "sleep", "1000")) as box:
        box.sandbox.write("/tmp/ring.json", ring.encode())
        said = box.sh("supervisor-rs --check --manifest /tmp/ring.json 2>&1; echo code $?")
        assert "ring.json" in said
        assert any(path in said for path in ("a → b → c → a", "a -> b -> c -> a")), said
        assert "code 0" not in said


def test_one_command_is_run_as_by_a_minimal_init(image: Image, programs: Path) -> None:
    """`supervisor-rs -- COMMAND`: its exit status is the command's; 127 for one that is not there."""
    for command, code in ((("sh", "-c", "exit 7"), 7), (("/no/such/program",), 127)):
        with booted(image, programs, None, command=("--", *command)) as box:
            assert box.wait(10) == code, box.logs()
