"""The logs that supervisor-rs keeps of its services, and its own events."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from helpers.engines.base import Image
from tests.supervisor.rust import booted, manifest, status

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]

FOLDER = "/var/log/supervisor/talks"
BESIDE = {"name": "beside", "command": ["sleep", "1000"]}


def talks(script: str, **log: object) -> dict[str, object]:
    return {"name": "talks", "command": ["sh", "-c", script], "log": log}


def test_a_log_is_rotated_by_size_and_only_so_many_files_are_kept(image: Image, programs: Path) -> None:
    """Whole lines in each file, none past its size by more than the line that filled it; what is left of 500
    lines is their end, without a gap, in full files."""
    script = "for n in $(seq 500); do echo line $n of a service that talks a lot; done; exec sleep 1000"
    with booted(image, programs, manifest(talks(script, max_bytes=4096, keep=2, timestamps=False))) as box:
        assert box.until(lambda: "line 500 " in box.sh(f"cat {FOLDER}/current")), box.logs()
        assert box.sh(f"ls {FOLDER}").split() == ["current", "current.1", "current.2"]
        sizes = [int(n) for n in box.sh(f"stat -c %s {FOLDER}/*").split()]
        assert all(size < 4096 + 50 for size in sizes), sizes
        assert all(size >= 4096 for size in sizes[1:]), sizes
        lines = box.sh(f"cd {FOLDER}; cat current.2 current.1 current").splitlines()
        numbers = [int(line.split()[1]) for line in lines]
        assert numbers == list(range(numbers[0], 501))
        assert all(line.endswith(" of a service that talks a lot") for line in lines)


def test_a_line_has_the_time_at_its_begin_unless_that_is_unwanted(image: Image, programs: Path) -> None:
    """UTC, to the microsecond; standard error is caught too, and what comes after a restart is appended."""
    script = "echo out; echo err >&2; printf last; exit 1"
    service = {**talks(script), "restart": {"delay": 0.05}}
    with booted(image, programs, manifest(service)) as box:
        assert box.until(lambda: status(box).get("talks", {}).get("starts", 0) >= 3), box.logs()
        lines = box.sh("supervisorctl-rs logs talks").splitlines()
        stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}  "
        assert re.fullmatch(stamp + "out", lines[0])
        assert re.fullmatch(stamp + "err", lines[1])
        assert sum("err" in line for line in lines) >= 2


def test_logs_f_shows_what_is_written_across_rotations(image: Image, programs: Path) -> None:
    """Every line from the first to the last, once and in order; it ends when it is told to."""
    script = "while test ! -e /dev/shm/go; do sleep 0.02; done; for n in $(seq 120); do "
    script += "echo line $n of a service that has a good deal to say, a word at a time; sleep 0.02; done; "
    script += "exec sleep 1000"
    with booted(image, programs, manifest(talks(script, max_bytes=4096, keep=9, timestamps=False))) as box:
        assert box.until(lambda: box.sh(f"ls {FOLDER}/current") == f"{FOLDER}/current"), box.logs()
        box.sh(
            "supervisorctl-rs logs -f talks >/dev/shm/said 2>&1 & echo $! >/dev/shm/pid; touch /dev/shm/go"
        )
        assert box.until(lambda: "line 120 " in box.sh("cat /dev/shm/said"), 60), box.sh("cat /dev/shm/said")
        numbers = [int(line.split()[1]) for line in box.sh("cat /dev/shm/said").splitlines()]
        assert numbers == list(range(1, 121))
        assert box.sh(f"ls {FOLDER} | wc -l") != "1"
        box.sh("kill $(cat /dev/shm/pid)")


def test_a_disk_that_hangs_holds_up_no_supervisor(image: Image, programs: Path) -> None:
    """The log's file is a FIFO that nobody reads: the thread that writes hangs, its service waits at a full
    pipe; others are restarted, questions answered, and PID 1 ends when asked."""
    pipe = f"mkdir -p {FOLDER} && mkfifo {FOLDER}/current"
    prepare = {"name": "prepare", "kind": "oneshot", "command": ["sh", "-c", pipe]}
    flood = {**talks("yes a line that nobody reads"), "depends_on": ["prepare"]}
    with booted(image, programs, manifest(prepare, flood, BESIDE)) as box:
        assert box.until(lambda: status(box).get("talks", {}).get("ready")), box.logs()
        assert box.until(lambda: [p.state for p in box.processes() if p.argv[:1] == ("yes",)] == ["S"])
        before = status(box)
        box.signal(9, before["beside"]["pid"])
        assert box.until(lambda: status(box)["beside"]["starts"] == 2 and status(box)["beside"]["ready"])
        assert status(box)["talks"]["pid"] == before["talks"]["pid"]
        box.signal(15)
        assert box.wait(30) == 0, box.logs()


def test_its_own_events_are_lines_of_json(image: Image, programs: Path) -> None:
    """Each with time, level and event; started, ready and ended with the service and its PID."""
    with booted(image, programs, manifest(BESIDE)) as box:
        assert box.until(lambda: status(box).get("beside", {}).get("ready")), box.logs()
        pid = status(box)["beside"]["pid"]
        box.signal(15)
        assert box.wait(20) == 0
        said = [json.loads(line) for line in box.logs().splitlines()]
        assert all({"time", "level", "event"} <= set(event) for event in said)
        of_it = [event for event in said if event.get("service") == "beside"]
        assert [e["event"] for e in of_it] == ["started", "ready", "stopping", "ended: killed by SIGTERM"]
        assert {event["pid"] for event in of_it} == {pid}


def test_the_status_of_a_service_in_json_has_every_field_of_its_documentation(
    image: Image, programs: Path
) -> None:
    """The fields that the README names, and no other; a bundle's members; one unknown name is refused."""
    bundle = {"name": "all", "kind": "bundle", "depends_on": ["beside"]}
    fails = {"name": "fails", "command": ["false"], "restart": {"delay": 60, "max_delay": 60}}
    readme = Path(__file__).parents[2] / "labs" / "supervisor" / "supervisor-rs" / "README.md"
    (text,) = re.findall(r"of each service (.*?)\. `start`", readme.read_text(), re.DOTALL)
    documented = set(re.findall(r"`(\w+)`", text))
    with booted(image, programs, manifest(BESIDE, fails, bundle)) as box:
        assert box.until(lambda: status(box).get("fails", {}).get("phase") == "backoff"), box.logs()
        now = status(box)
        assert set(now["beside"]) == documented
        assert now["beside"]["kind"] == "longrun"
        assert now["all"]["state"] == "up"
        assert (now["fails"]["exit"], now["fails"]["pid"]) == (1, None)
        assert 0 < now["fails"]["restart_in"] <= 60
        said = box.sh("supervisorctl-rs --json status besides; echo code $?")
        assert 'did you mean \\"beside\\"?' in said
        assert "code 1" in said
