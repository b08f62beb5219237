"""A bare sandbox: any command as PID 1, kept from one cell to the next."""

from __future__ import annotations

import signal

import pytest

from helpers.bare import sandbox
from helpers.engines.base import Image
from helpers.errors import LabError, SandboxGone

pytestmark = pytest.mark.live

FORGETFUL = "#!/bin/sh\nmkfifo /run/in\necho ready\nread -r line < /run/in\n"


def test_zombies_of_a_forgetful_pid_1_can_be_seen(image: Image) -> None:
    """What the first cells of the notebook on PID 1 show."""
    with sandbox(["/sbin/forgetful"], files={"/sbin/forgetful": FORGETFUL}, image=image) as box:
        assert box.until(lambda: "ready" in box.logs())
        box.sh("sh -c 'sleep 0.05 >/dev/null 2>&1 &'")
        assert box.until(lambda: box.zombies() == 1)
        assert "zombie" in str(box.table(stable=True))
        assert repr(box) == "<sandbox: running>"


def test_it_lives_without_a_with_block_and_tells_its_end(image: Image) -> None:
    """A plain object: an ended one has an exit code and no processes, and raises nothing to be looked at."""
    box = sandbox(["/bin/sleep", "600"], image=image)
    try:
        assert box.exec("/bin/echo", "hello").text == "hello"
        assert box.sh("echo out; echo err >&2") == "out\nerr"
        with pytest.raises(LabError, match="still runs after"):
            box.wait(timeout=0.05)
        box.signal(signal.SIGKILL)
        assert box.wait() == 137
        assert (box.processes(), box.zombies()) == ([], 0)
        assert repr(box) == "<sandbox: PID 1 ended with 137>"
        with pytest.raises(SandboxGone):
            box.exec("/bin/true")
    finally:
        box.destroy()
        box.destroy()
