"""The engine protocol: a PID 1 that divides a cgroup of its own (`Pid1.cgroup`), as systemd does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.engines.base import Engine, Pid1, Sandbox
from helpers.errors import SandboxError
from tests.engines.support import IDLE, eventually

DIVIDING = Pid1(IDLE, cgroup=True)
SYS_ADMIN = 21  # linux/capability.h


@pytest.fixture
def divided(engine: Engine, start: Callable[..., Sandbox]) -> Sandbox:
    found = engine.cgroup_availability()
    if not found.ok:
        pytest.skip(f"{found.reason} (mend: {found.mend})")
    box = start(DIVIDING)
    eventually(lambda: b"up" in box.logs(), "PID 1 is up")
    return box


def groups(box: Sandbox) -> set[Path]:
    """The host's cgroups of version 2 below which the sandbox's processes are."""
    text = Path(f"/proc/{box.pid1}/cgroup").read_text().splitlines()
    own = next(line.removeprefix("0::") for line in text if line.startswith("0::"))
    roots = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
    return {root / own.strip("/") for root in roots if (root / own.strip("/") / "cgroup.procs").exists()}


def test_pid_1_stands_in_the_root_of_a_hierarchy_it_can_divide(divided: Sandbox) -> None:
    """Version 2 at /sys/fs/cgroup, writable: a group is made, a process moved into it, and counted there."""
    assert divided.exec(["stat", "-f", "-c", "%T", "/sys/fs/cgroup"]).text == "cgroup2fs"
    assert "1" in divided.read("/sys/fs/cgroup/cgroup.procs").decode().split()
    moved = divided.exec(
        [
            "sh",
            "-c",
            "cd /sys/fs/cgroup && mkdir some && echo 1 >some/cgroup.procs && cat some/cgroup.procs",
        ]
    )
    assert moved.text == "1", moved.stderr
    assert divided.exec(["echo", "still enters"]).text == "still enters"


def test_it_takes_no_capability_that_the_host_has_to_fear(divided: Sandbox) -> None:
    """Neither PID 1 nor a command may mount: CAP_SYS_ADMIN is in no set of theirs that counts (with
    no_new_privs nothing comes out of the bounding set, PR_SET_NO_NEW_PRIVS(2const))."""
    for process in ("1", "self"):
        status = divided.read(f"/proc/{process}/status").decode().splitlines()
        sets = {
            line.split(":")[0]: int(line.split()[1], 16)
            for line in status
            if line.startswith("Cap") and "Bnd" not in line
        }
        assert not any(mask >> SYS_ADMIN & 1 for mask in sets.values()), (process, sets)
    assert divided.exec(["mount", "-t", "tmpfs", "none", "/mnt"]).code != 0


def test_without_asking_there_is_nothing_to_divide(start: Callable[..., Sandbox]) -> None:
    """No writable hierarchy for a PID 1 that does not ask for one."""
    made = start().exec(["sh", "-c", "mkdir /sys/fs/cgroup/some && cat /sys/fs/cgroup/some/cgroup.procs"])
    assert made.code != 0


def test_the_groups_go_with_the_sandbox(divided: Sandbox) -> None:
    """Those PID 1 has made, too, whoever is in them."""
    made = (
        "mkdir -p /sys/fs/cgroup/a/b; sleep 1000 >/dev/null 2>&1 & echo $! >/sys/fs/cgroup/a/b/cgroup.procs"
    )
    divided.exec(["sh", "-c", f"{made}; :"])
    before = groups(divided)
    assert before
    divided.destroy()
    eventually(lambda: not any(group.exists() for group in before), "the groups are gone")


def test_a_shutdown_that_stops_all_processes_first_does_not_hang(
    engine: Engine, start: Callable[..., Sandbox]
) -> None:
    """As systemd's does: SIGSTOP to everything, then an end. A command that runs inside ends, and PID 1."""
    if not engine.cgroup_availability().ok:
        pytest.skip(engine.cgroup_availability().reason)
    end = "kill -STOP -1; kill -KILL -1; sleep 0.3; exit 7"
    box = start(
        Pid1(
            ("/bin/bash", "-c", f"trap '{end}' TERM; echo up; while :; do sleep 1000 & wait; done"),
            cgroup=True,
        )
    )
    eventually(lambda: b"up" in box.logs(), "PID 1 is up")
    command = box.popen(["sleep", "1000"])
    eventually(
        lambda: any(p.argv == ("sleep", "1000") and p.ppid == 0 for p in box.processes()), "it runs inside"
    )
    began = time.monotonic()
    assert box.stop(8).code == 7
    assert time.monotonic() - began < 6
    command.wait(10)


def test_a_command_that_is_not_there_is_named(divided: Sandbox) -> None:
    """As without a cgroup of its own: whatever carries the command in."""
    with pytest.raises(SandboxError, match="cannot execute /no/such in the sandbox: No such file"):
        divided.exec(["/no/such"])
    assert divided.exec(["sh", "-c", "exit 127"]).code == 127


def test_a_pid_1_that_is_not_there_is_named(engine: Engine, start: Callable[..., Sandbox]) -> None:
    """As without a cgroup of its own, with what to do."""
    if not engine.cgroup_availability().ok:
        pytest.skip(engine.cgroup_availability().reason)
    with pytest.raises(SandboxError, match="cannot execute /no/such as PID 1: no such file") as error:
        start(Pid1(("/no/such",), cgroup=True))
    assert "check the path" in error.value.hint
