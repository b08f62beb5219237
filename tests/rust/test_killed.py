"""A build whose owner goes away half-way: nothing of it runs on, and the next one works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import rust
from helpers.image.guard import descendants

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("rust")]

# A build script (The Cargo Book, "Build Scripts") that stands still while a file of its crate is there.
_STANDS_STILL = """
fn main() {
    while std::path::Path::new("wait.txt").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
"""
_OWNER = "import sys; from helpers import rust; rust.build(sys.argv[1], progress=False)"


def _until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_build_does_not_outlive_its_owner_and_the_next_one_works(
    crate: Path, number: signal.Signals
) -> None:
    """The owner alone is killed, or its whole group told (as Ctrl-C does it), while a build script runs."""
    (crate / "build.rs").write_text(_STANDS_STILL)
    (crate / "wait.txt").touch()
    command = [sys.executable, "-c", _OWNER, str(crate)]
    owner = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        assert _until(lambda: "build-script-bu" in map(_comm, descendants(owner.pid))), "it never ran"
        below = descendants(owner.pid)
        if number is signal.SIGINT:
            os.killpg(owner.pid, number)
        else:
            owner.send_signal(number)
        owner.wait(30)
        assert _until(lambda: not any(map(_runs, below)), 30), [pid for pid in below if _runs(pid)]
    finally:
        owner.kill()
        (crate / "wait.txt").unlink()
    program = rust.build(crate, progress=False)
    assert subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout == "sown\n"


def _comm(pid: int) -> str:
    """A process's name, of which the kernel keeps fifteen characters (proc_pid_comm(5))."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _runs(pid: int) -> bool:
    """Whether it is there and not a zombie that somebody else has to reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
