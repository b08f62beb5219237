"""SIGTERM that comes between fork and the child's setsid: no group has that number yet (setsid(2))."""

from __future__ import annotations

import json
import signal
from contextlib import suppress

import pytest

from helpers.bare import sandbox
from helpers.course import exercises
from helpers.engines.base import Image
from helpers.errors import SandboxGone

SETSID = "    os.setsid()\n"
# The window, held open: the child leads no group before it is told to go on.
HELD = """    while not os.path.exists("/run/go"):
        select.select([], [], [], 0.01)
    os.setsid()
"""
MANIFEST = {"name": "lab", "services": [{"name": "app", "command": ["/bin/sleep", "600"]}]}
STAGES = ("p3.stage1", "p3.stage2", "p3.stage3", "p3.stage4", "p3.pid1")
FALLBACK = "    except ProcessLookupError:"

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


def _stopped_in_the_window(text: str) -> tuple[int, str]:
    """SIGTERM to PID 1 while its child has not come to setsid: PID 1's exit code, and what it said."""
    assert text.count(SETSID) == 1
    files = {"/opt/lab/held.py": text.replace(SETSID, HELD), "/etc/lab/one.json": json.dumps(MANIFEST)}
    with sandbox(["/usr/bin/python3", "/opt/lab/held.py", "/etc/lab/one.json"], files=files) as box:
        assert box.until(lambda: '"event": "start"' in box.logs()), box.logs()
        (child,) = [process.pid for process in box.processes() if process.ppid == 1]
        box.signal(signal.SIGTERM)

        def acted() -> bool:
            """The child has the signal, blocked as yet (proc_pid_status(5)), or PID 1 has died of it."""
            if box.exit is not None:
                return True
            try:
                lines = box.sh(f"cat /proc/{child}/status").splitlines()
            except SandboxGone:  # since it was asked
                return True
            pending = [int(line.split()[1], 16) for line in lines if line.startswith("ShdPnd:")]
            return bool(pending and pending[0] & 1 << (signal.SIGTERM - 1))

        assert box.until(acted), box.logs()
        with suppress(SandboxGone):  # PID 1 may end as soon as the file is there
            box.sandbox.write("/run/go", b"")
        return box.wait(), box.logs()


@pytest.mark.parametrize("name", STAGES)
def test_a_sigterm_before_setsid_reaches_the_child(image: Image, name: str) -> None:
    """PID 1 stops it all the same, and ends with 0: the signal waits until the child unblocks it."""
    code, said = _stopped_in_the_window(exercises.load(name).solution)
    assert code == 0, said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["p3.stage2", "p3.stage3", "p3.pid1"])
def test_a_starter_that_holds_the_stage_before_has_no_such_window(image: Image, name: str) -> None:
    """What a learner begins with is sound."""
    code, said = _stopped_in_the_window(exercises.load(name).starter)
    assert code == 0, said


def test_who_knows_the_group_only_ends_by_a_traceback(image: Image) -> None:
    """The window is really open: without its second way the same program dies of it."""
    text = exercises.load("p3.stage1").solution
    assert text.count(FALLBACK) == 1
    code, said = _stopped_in_the_window(text.replace(FALLBACK, "    except ZeroDivisionError:"))
    assert code != 0
    assert "ProcessLookupError" in said
