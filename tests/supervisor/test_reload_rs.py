"""supervisor-rs while it runs: another manifest, signals, the limit of starts, wishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.engines.base import Image
from tests.supervisor.rust import booted, events, manifest, status

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]

FILE = "/etc/supervisor/manifest.json"


def service(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": ["sleep", "1000"], **fields}


def test_a_reload_touches_only_what_has_changed(image: Image, programs: Path) -> None:
    """By SIGHUP: a new environment means a new process, and one for who depends on it; a new restart policy
    means none; what is new starts, what is gone ends, all else keeps its process."""
    old = [
        service("same"),
        service("changed", env={"A": "1"}),
        service("needs", depends_on=["changed"]),
        service("in-place"),
        service("gone"),
    ]
    new = [
        service("same"),
        service("changed", env={"A": "2"}),
        service("needs", depends_on=["changed"]),
        service("in-place", restart={"policy": "never"}),
        service("new", depends_on=["same"]),
    ]
    with booted(image, programs, manifest(*old)) as box:
        assert box.until(lambda: all(s["ready"] for s in status(box).values()) and status(box)), box.logs()
        before = {name: s["pid"] for name, s in status(box).items()}
        box.sandbox.write(FILE, manifest(*new).encode())
        box.signal(1)
        names = [spec["name"] for spec in new]
        assert box.until(lambda: list(status(box)) == names and all(s["ready"] for s in status(box).values()))
        after = {name: s["pid"] for name, s in status(box).items()}
        assert {name for name in after if after[name] == before.get(name)} == {"same", "in-place"}
        assert "A=2" in box.sh(f"tr '\\0' '\\n' </proc/{after['changed']}/environ")
        assert before["gone"] not in [process.pid for process in box.processes()]
        # The new policy holds: it is not started again.
        box.signal(9, after["in-place"])
        assert box.until(lambda: status(box)["in-place"]["phase"] == "failed"), status(box)
        (told,) = (e for e in events(box.logs()) if str(e.get("event")).startswith("reloaded"))
        assert [told[k] for k in ("added", "removed", "changed", "in_place")] == [1, 1, 1, 1]
        said = box.sh("supervisorctl-rs reload; echo code $?")
        assert '{"added":[],"removed":[],"changed":[],"in_place":[]}' in said
        assert "code 0" in said


@pytest.mark.parametrize("signal", [15, 2, 30], ids=["SIGTERM", "SIGINT", "SIGPWR"])
def test_a_signal_that_means_the_end_stops_in_reverse_order(
    signal: int, image: Image, programs: Path
) -> None:
    """SIGPWR too: power fails. Each gets its own stop signal, dependents first; PID 1 ends with 0."""
    says = "trap 'echo got {0} >/proc/1/fd/2; exit 0' {0}; while :; do sleep 0.05; done"
    services = [
        service("db", command=["sh", "-c", says.format("INT")], stop_signal="INT"),
        service("app", command=["sh", "-c", says.format("USR1")], stop_signal="USR1", depends_on=["db"]),
        service("web", command=["sh", "-c", says.format("TERM")], depends_on=["app"]),
    ]
    with booted(image, programs, manifest(*services)) as box:
        assert box.until(lambda: all(s["ready"] for s in status(box).values()) and status(box)), box.logs()
        # A shell takes its signal as an end before it has set its trap: one round of its loop is after that.
        asleep = ("sleep", "0.05")
        for s in status(box).values():
            assert box.until(
                lambda p=s["pid"]: any(c.ppid == p and c.argv == asleep for c in box.processes())
            )
        box.signal(signal)
        assert box.wait(30) == 0, box.logs()
        got = [line.split()[1] for line in box.logs().splitlines() if line.startswith("got ")]
        assert got == ["TERM", "USR1", "INT"]


def test_a_start_limit_is_kept_and_a_person_may_try_again(image: Image, programs: Path) -> None:
    """So many starts, then failed, with the reason; `start` counts anew."""
    own = {"start_limit": {"starts": 3, "seconds": 600}}
    fails = service("fails", command=["false"], restart={"delay": 0.01}, supervisor_rs=own)
    with booted(image, programs, manifest(fails, service("beside"))) as box:
        assert box.until(lambda: status(box).get("fails", {}).get("phase") == "failed"), box.logs()
        assert status(box)["fails"]["starts"] == 3
        assert status(box)["fails"]["why"] == "exit status 1; started 3 times in 600 seconds"
        box.sh("supervisorctl-rs start fails")
        assert box.until(lambda: (now := status(box)["fails"])["starts"] == 6 and now["phase"] == "failed")
        assert status(box)["beside"]["starts"] == 1


def test_stop_takes_what_depends_on_it_along_and_start_brings_it_back(image: Image, programs: Path) -> None:
    """`restart` leaves it alone. A oneshot's down command is run at its stop."""
    prepare = {"name": "prepare", "kind": "oneshot", "command": ["touch", "/dev/shm/there"]}
    prepare["down"] = ["rm", "/dev/shm/there"]
    services = [prepare, service("db", depends_on=["prepare"]), service("app", depends_on=["db"])]
    with booted(image, programs, manifest(*services, service("beside"))) as box:
        assert box.until(lambda: all(s["ready"] for s in status(box).values()) and status(box)), box.logs()
        first = status(box)
        assert box.sh("supervisorctl-rs restart db >/dev/null; echo code $?") == "code 0"
        assert status(box)["db"]["starts"] == 2
        assert status(box)["app"]["pid"] == first["app"]["pid"]
        assert box.sh("supervisorctl-rs stop prepare >/dev/null; echo code $?; ls /dev/shm") == "code 0"
        assert [status(box)[name]["pid"] for name in ("db", "app")] == [None, None]
        assert status(box)["beside"]["pid"] == first["beside"]["pid"]
        assert box.sh("supervisorctl-rs start app >/dev/null; echo code $?; ls /dev/shm") == "code 0\nthere"
        assert all(s["ready"] for s in status(box).values()), status(box)
