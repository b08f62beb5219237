"""The supervisor in Python, as PID 1 of real sandboxes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.bare import BareSandbox
from helpers.engines.base import Image, Pid1
from helpers.engines.registry import best
from helpers.filetree import FileTree
from helpers.lab import STACKS
from helpers.manifest import load

PROGRAM = Path(__file__).resolve().parents[2] / "labs" / "supervisor" / "python" / "supervisor.py"

pytestmark = pytest.mark.timeout(120)


@contextmanager
def booted(image: Image, manifest: str, tree: FileTree | None = None) -> Iterator[BareSandbox]:
    files = tree or FileTree()
    files.add("/opt/lab/supervisor.py", PROGRAM.read_bytes())
    files.add("/etc/lab/manifest.json", manifest)
    argv = ("/usr/bin/python3", "/opt/lab/supervisor.py", "/etc/lab/manifest.json")
    with BareSandbox(best().start(image, Pid1(argv), files)) as box:
        yield box


def manifest(*services: dict[str, Any]) -> str:
    return json.dumps({"name": "test", "services": services})


def test_the_web_stack_comes_up_in_order_and_stops_in_reverse(image: Image) -> None:
    """redis, app and nginx start as soon as what they need is ready; SIGTERM stops them last one first."""
    web = load(STACKS / "web" / "manifest.toml")
    tree = FileTree()
    for inside, outside in web.files.items():
        tree.add(inside, Path(outside).read_bytes())
    ask = "curl -sf http://127.0.0.1:8080/"
    with booted(image, web.model_dump_json(), tree) as box:
        assert box.until(lambda: '"hits"' in box.sh(ask), 30), box.logs()
        box.signal(15)
        assert box.wait(30) == 0
        said = [line.split()[1:3] for line in box.logs().splitlines() if line.startswith("supervisor:")]
        assert [who for who, what in said if what == "started"] == ["redis", "app", "nginx"]
        assert [who for who, what in said if what in ("exited", "killed")] == ["nginx", "app", "redis"]


def test_a_service_that_was_killed_runs_again_and_leaves_no_zombie(image: Image) -> None:
    """SIGKILL from outside: the supervisor reaps it and starts it again; its neighbour keeps its process."""
    two = manifest(
        {"name": "one", "command": ["sleep", "1000"]}, {"name": "two", "command": ["sleep", "2000"]}
    )
    with booted(image, two) as box:

        def pids(seconds: str) -> list[int]:
            return [p.pid for p in box.processes() if p.argv == ("sleep", seconds)]

        assert box.until(lambda: pids("1000") and pids("2000"))
        first, second = pids("1000"), pids("2000")
        box.signal(9, first[0])
        assert box.until(lambda: pids("1000") not in ([], first)), box.logs()
        assert pids("2000") == second
        assert box.until(lambda: box.zombies() == 0)


def test_a_service_deaf_to_its_stop_signal_is_killed_after_its_grace(image: Image) -> None:
    """`stop_grace` seconds after the stop signal comes SIGKILL, and PID 1 ends with 0."""
    script = "trap '' TERM; echo deaf >/run/deaf; while :; do sleep 1; done"
    deaf = {"name": "deaf", "command": ["/bin/sh", "-c", script], "stop_grace": 0.3}
    with booted(image, manifest(deaf)) as box:
        assert box.until(lambda: box.sh("cat /run/deaf") == "deaf")
        box.signal(15)
        assert box.wait(20) == 0
        assert "deaf killed by signal 9" in box.logs()


@pytest.mark.parametrize(
    ("services", "told"),
    [
        pytest.param({"a": ["b"], "b": ["c"], "c": ["a"]}, "a -> b -> c -> a", id="cycle"),
        pytest.param({"a": ["pg"]}, "a depends on pg, and there is no such service", id="missing"),
    ],
)
def test_what_cannot_be_ordered_is_refused_and_nothing_starts(
    image: Image, services: dict[str, list[str]], told: str
) -> None:
    """A cycle is told as its path, a missing name with who needs it; the exit code is 1."""
    specs = [{"name": name, "command": ["true"], "depends_on": needs} for name, needs in services.items()]
    with booted(image, manifest(*specs)) as box:
        assert box.wait(20) == 1
        rings = [told] if "->" not in told else ["a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"]
        assert any(ring in box.logs() for ring in rings), box.logs()
        assert "started" not in box.logs()


def test_a_flood_of_lines_is_rotated_and_holds_up_nobody(image: Image) -> None:
    """No file grows past `max_bytes`, no more than `keep` old ones stay, and PID 1 still ends when asked."""
    flood = {"name": "flood", "command": ["yes"], "log": {"max_bytes": 8192, "keep": 2, "timestamps": False}}
    with booted(image, manifest(flood)) as box:
        folder = "/var/log/lab/flood"
        assert box.until(lambda: box.sh(f"ls {folder}").split() == ["current", "current.1", "current.2"], 20)
        sizes = [int(size) for size in box.sh(f"stat -c %s {folder}/current.*").split()]
        assert max(sizes) <= 8192
        box.signal(15)
        assert box.wait(20) == 0


def test_a_command_that_is_not_there_is_told_on_the_console(image: Image) -> None:
    """Not in the service's log alone, which nobody reads at a boot; and it is given up after five starts."""
    lost = {"name": "lost", "command": ["/opt/lab/not-there"], "restart": {"delay": 0.01}}
    with booted(image, manifest(lost, {"name": "one", "command": ["sleep", "1000"]})) as box:
        assert box.until(lambda: "lost was started 5 times within 1 s: given up" in box.logs()), box.logs()
        assert "lost cannot be started: /opt/lab/not-there" in box.logs()
        assert box.logs().count("lost started as") == 5
        assert "one started as" in box.logs()
        box.signal(15)
        assert box.wait(20) == 0


def test_two_services_of_one_name_are_refused_by_name(image: Image) -> None:
    """Nothing starts, and the exit code is 1."""
    one = {"name": "one", "command": ["true"]}
    with booted(image, manifest(one, {"name": "two", "command": ["true"]}, one)) as box:
        assert box.wait(20) == 1
        assert "two services are called one" in box.logs()
        assert "started" not in box.logs()


def test_a_line_that_comes_in_pieces_is_kept_whole(image: Image) -> None:
    """Where files change hands between the pieces, too; last words without an end get one."""
    script = """for i in $(seq 60); do printf "%s-begin" $i; sleep 0.01; echo "-end"; done; printf last"""
    log = {"max_bytes": 300, "keep": 9, "timestamps": False}
    talks = {
        "name": "talks",
        "command": ["/bin/sh", "-c", script],
        "restart": {"policy": "never"},
        "log": log,
    }
    with booted(image, manifest(talks)) as box:
        assert box.until(lambda: "talks exited 0" in box.logs(), 30), box.logs()
        assert box.sh("ls /var/log/lab/talks | wc -l") not in ("0", "1")
        lines = box.sh("cd /var/log/lab/talks && cat current*").split()
        assert sorted(lines) == sorted(["last", *(f"{n}-begin-end" for n in range(1, 61))])


def test_a_console_that_nobody_has_open_any_more_ends_nothing(image: Image) -> None:
    """A write there fails with EPIPE (pipe(7)): the services are looked after, and stop when asked."""
    gone = """import os
ours, theirs = os.pipe()
os.dup2(theirs, 1)
os.dup2(theirs, 2)
os.close(ours)
os.execv("/usr/bin/python3", ["python3", "/opt/lab/real.py", "/etc/lab/manifest.json"])
"""
    files = FileTree()
    files.add("/opt/lab/supervisor.py", gone)
    files.add("/opt/lab/real.py", PROGRAM.read_bytes())
    files.add("/etc/lab/manifest.json", manifest({"name": "one", "command": ["sleep", "1000"]}))
    with BareSandbox(best().start(image, Pid1(("/usr/bin/python3", "/opt/lab/supervisor.py")), files)) as box:

        def pids() -> list[int]:
            return [p.pid for p in box.processes() if p.argv == ("sleep", "1000")]

        assert box.until(pids)
        first = pids()
        box.signal(9, first[0])
        assert box.until(lambda: pids() not in ([], first))
        box.signal(15)
        assert box.wait(20) == 0
