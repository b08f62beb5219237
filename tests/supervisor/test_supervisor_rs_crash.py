"""What happens to a machine's or container's processes when supervisor-rs itself fails, or ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.engines.base import Image
from tests.supervisor.rust import booted, manifest, status

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]


@pytest.mark.parametrize("kind", ["panic", "fault"])
def test_a_crash_of_pid_1_starts_the_services_anew(kind: str, image: Image, programs: Path) -> None:
    """Same PID 1, new processes of every service, nothing left of the old ones; it still ends with 0."""
    script = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
    services = [
        {"name": "one", "command": ["sleep", "1000"]},
        {"name": "two", "command": ["sh", "-c", script]},
    ]
    with booted(image, programs, manifest(*services)) as box:
        assert box.until(lambda: len([s for s in status(box).values() if s["ready"]]) == 2), box.logs()
        before = {service["pid"] for service in status(box).values()}
        box.sh(f"supervisorctl-rs drill {kind}")
        assert box.until(lambda: all(s["pid"] not in before for s in status(box).values()) and status(box))
        assert box.until(lambda: all(s["ready"] for s in status(box).values()))
        assert not before & {process.pid for process in box.processes()}
        assert box.until(lambda: box.zombies() == 0)
        assert "executing myself again" in box.logs()
        box.signal(15)
        assert box.wait(20) == 0, box.logs()


def test_crashes_one_after_another_are_all_survived(image: Image, programs: Path) -> None:
    """Each image knows how many there were before it."""
    with booted(image, programs, manifest({"name": "one", "command": ["sleep", "1000"]})) as box:
        for crash in (1, 2, 3):
            assert box.until(lambda: status(box).get("one", {}).get("ready")), box.logs()
            box.sh("supervisorctl-rs drill panic")
            assert box.until(lambda n=crash: f'"crashes":{n}' in box.logs()), box.logs()
        assert box.until(lambda: status(box).get("one", {}).get("ready")), box.logs()


def test_a_fault_signal_from_somebody_else_is_no_fault(image: Image, programs: Path) -> None:
    """SIGSEGV, SIGBUS and SIGABRT sent by kill(2) change nothing."""
    with booted(image, programs, manifest({"name": "one", "command": ["sleep", "1000"]})) as box:
        assert box.until(lambda: status(box).get("one", {}).get("ready")), box.logs()
        before = status(box)["one"]["pid"]
        for signal in (11, 7, 6):
            box.signal(signal)
            box.sh(f"kill -{signal} 1")
        assert status(box)["one"]["pid"] == before
        assert "again" not in box.logs()


def test_an_orphan_of_nobody_is_asked_to_end_before_pid_1_does(image: Image, programs: Path) -> None:
    """A process that has left its service's session gets SIGTERM at the end, and time to act upon it."""
    daemon = "trap 'echo asked, and ended; exit 0' TERM; touch /run/there; while :; do sleep 0.05; done"
    leaves = f'setsid sh -c "{daemon}" >/proc/1/fd/2 2>&1 & exec sleep 1000'
    with booted(image, programs, manifest({"name": "one", "command": ["sh", "-c", leaves]})) as box:
        assert box.until(lambda: box.sh("ls /run/there") == "/run/there"), box.logs()
        box.signal(15)
        assert box.wait(20) == 0, box.logs()
        assert "asked, and ended" in box.logs()


def test_an_orphan_deaf_to_it_is_killed(image: Image, programs: Path) -> None:
    """PID 1 does not wait for ever: SIGKILL, and it ends with 0."""
    daemon = "trap '' TERM; touch /run/there; while :; do sleep 1; done"
    leaves = f'setsid sh -c "{daemon}" & exec sleep 1000'
    with booted(image, programs, manifest({"name": "one", "command": ["sh", "-c", leaves]})) as box:
        assert box.until(lambda: box.sh("ls /run/there") == "/run/there"), box.logs()
        box.signal(15)
        assert box.wait(30) == 0, box.logs()


def test_what_a_failed_oneshot_has_left_goes_with_it(image: Image, programs: Path) -> None:
    """A oneshot that succeeds may leave a daemon; one that fails leaves nothing."""
    bad = {"name": "bad", "kind": "oneshot", "command": ["sh", "-c", "sleep 1001 & exit 3"]}
    good = {"name": "good", "kind": "oneshot", "command": ["sh", "-c", "sleep 1002 & exit 0"]}
    with booted(image, programs, manifest(bad, good)) as box:
        assert box.until(lambda: status(box).get("bad", {}).get("phase") == "failed"), status(box)
        assert box.until(lambda: status(box)["good"]["phase"] == "up"), status(box)

        def argvs() -> list[str]:
            return [" ".join(process.argv) for process in box.processes()]

        assert box.until(lambda: "sleep 1001" not in argvs()), argvs()
        assert "sleep 1002" in argvs()
