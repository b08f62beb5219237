"""supervisor-rs and cgroups(7), version 2, on a kernel of its own: a service's limits and what it leaves.

The same machine as in test_machine: there supervisor-rs is PID 1 and mounts the tree itself.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.engines.base import Image

from .rust import events
from .test_machine import boot

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]

TOP = "/sys/fs/cgroup"
MB = 1_000_000


def shell(name: str, script: str, **fields: object) -> dict[str, object]:
    return {"name": name, "command": ["/bin/sh", "-c", script], **fields}


def asked(script: str, *services: dict[str, object]) -> str:
    """A manifest with one service more, which runs a script on the console and powers off.

    It depends on none of the others: `supervisorctl-rs stop` of one would stop it first.
    """
    script = f"exec >/dev/console 2>&1; {script}\nsupervisorctl-rs shutdown"
    last = shell("asks", script, kind="oneshot")
    return json.dumps({"name": "cgroups", "services": [*services, last]})


def until(condition: str) -> str:
    """Wait for a condition, 20 seconds at most, in the words of a shell."""
    return f"n=0; until {condition} || test $n = 100; do n=$((n+1)); sleep 0.2; done"


def test_limits_are_written_into_a_tree_of_version_2(image: Image, programs: Path, tmp_path: Path) -> None:
    """memory.max, pids.max, cpu.max of a service's cgroup; its processes in it; controllers handed down."""
    limits = {"memory": 64 * MB, "pids": 7}
    bound = shell("bound", "exec sleep 1000", limits=limits, supervisor_rs={"cpu": 0.5, "no_new_privs": True})
    ask = until(f"grep -q . {TOP}/supervisor-rs/bound/cgroup.procs") + "\n"
    ask += f"cd {TOP}; for f in cgroup.subtree_control supervisor-rs/cgroup.subtree_control; do "
    ask += "echo $f: $(cat $f); done; cd supervisor-rs/bound; for f in memory.max pids.max cpu.max; do "
    ask += "echo $f: $(cat $f); done; for p in $(cat cgroup.procs); do echo runs: $(cat /proc/$p/comm); done"
    ask += "; for p in $p self; do echo $(grep NoNewPrivs /proc/$p/status); done"
    said = boot(image, programs, tmp_path, asked(ask, bound))
    assert "not limited" not in said, said
    assert "no cgroup" not in said, said
    for file in ("cgroup.subtree_control", "supervisor-rs/cgroup.subtree_control"):
        (line,) = (line for line in said.splitlines() if line.startswith(f"{file}: "))
        assert {"memory", "pids", "cpu"} <= set(line.split()[1:]), said
    assert f"memory.max: {64 * MB // 4096 * 4096}\n" in said, said
    assert "pids.max: 7\n" in said
    assert "cpu.max: 50000 100000\n" in said
    assert "runs: sleep\n" in said
    # A sandbox may have set it for all; here it is this service's alone.
    assert "NoNewPrivs: 1\nNoNewPrivs: 0\n" in said, said
    assert "reboot: Power down" in said, said


def test_a_kill_for_want_of_memory_is_told_as_such(image: Image, programs: Path, tmp_path: Path) -> None:
    """The service that went past memory.max, its event with the limit's field; its neighbour runs on."""
    eats = shell("eats", "exec busybox tail -c 200000000 /dev/zero", limits={"memory": 16 * MB})
    beside = shell("beside", "exec sleep 1000")
    ask = until("supervisorctl-rs --json status | grep -q 'out of memory'")
    ask += f"\necho kills: $(grep 'oom_kill ' {TOP}/supervisor-rs/eats/memory.events)"
    ask += "\necho; supervisorctl-rs --json status; echo"
    said = boot(image, programs, tmp_path, asked(ask, eats, beside))
    told = [event for event in events(said) if "out of memory" in json.dumps(event)]
    assert any(event.get("service") == "eats" for event in told), said
    assert f"limits.memory = {16 * MB}" in json.dumps(told)
    assert not any(event.get("service") == "beside" for event in told)
    assert "reboot: Power down" in said, said


def test_a_stop_leaves_no_process_and_no_cgroup(image: Image, programs: Path, tmp_path: Path) -> None:
    """A grandchild in its own session, deaf to SIGTERM, is killed too; the cgroup is removed."""
    deaf = "trap '' TERM HUP; echo \\$\\$ >/run/deaf; while :; do sleep 0.2; done"
    script = f'(busybox setsid sh -c "{deaf}" &); trap "exit 0" TERM; while :; do sleep 0.1; done'
    leaver = shell("leaver", script, limits={"pids": 20})
    group = f"{TOP}/supervisor-rs/leaver"
    ask = until("test -s /run/deaf") + f"\necho before: $(cat {group}/cgroup.procs | busybox wc -l)"
    ask += f"\nsupervisorctl-rs stop leaver\n{until(f'test ! -e {group}')}"
    ask += f"\ntest -e {group} && echo it stays: $(cat {group}/cgroup.procs)"
    ask += "\ntest -d /proc/$(cat /run/deaf) && echo outlived"
    ask += f"\nsupervisorctl-rs start leaver; {until(f'grep -q . {group}/cgroup.procs')}; "
    ask += f"grep -q . {group}/cgroup.procs && echo again"
    said = boot(image, programs, tmp_path, asked(ask, leaver))
    before = next(line for line in said.splitlines() if line.startswith("before: "))
    assert int(before.split()[1]) >= 2, said
    assert "it stays" not in said, said
    assert "outlived\n" not in said, said
    assert "again\n" in said
    assert "reboot: Power down" in said, said


def test_a_pid_1_that_crashed_finds_its_cgroups_again(image: Image, programs: Path, tmp_path: Path) -> None:
    """Executed again, it takes the same tree, none below the old one."""
    bound = shell("bound", "exec sleep 1000", limits={"pids": 7})
    ask = "test -e /run/once || { touch /run/once; supervisorctl-rs drill fault; sleep 60; }\n"
    ask += until(f"grep -q . {TOP}/supervisor-rs/bound/cgroup.procs") + "\n"
    ask += f"busybox find {TOP} -type d -name bound"
    said = boot(image, programs, tmp_path, asked(ask, bound))
    places = [line for line in said.splitlines() if line.startswith(TOP) and line.endswith("/bound")]
    assert places == [f"{TOP}/supervisor-rs/bound"], said
    assert "executing myself again" in said
    assert "reboot: Power down" in said, said


def test_a_service_that_makes_cgroups_of_its_own_can_end_in_any_way(
    image: Image, programs: Path, tmp_path: Path
) -> None:
    """Another supervisor as a service, in a cgroup that is not the tree's top: it moves away to hand
    its controllers down. Killed, it takes along what it has made, and is started again in the same place."""
    deep = json.dumps({"name": "inner", "services": [shell("deep", "exec sleep 1000", limits={"pids": 5})]})
    script = f"echo '{deep}' >/run/inner.json; "
    script += "exec /init --manifest /run/inner.json --run-dir /run/inner --log-dir /run/inner/log"
    inner = shell("inner", script, limits={"pids": 50, "memory": 64 * MB})
    group = f"{TOP}/supervisor-rs/inner"
    runs = f"grep -q . {group}/supervisor-rs/deep/cgroup.procs"
    ask = until(runs) + f"\ncat {group}/supervisor-rs/cgroup.subtree_control\n"
    ask += f"first=$(cat {group}/supervisor-rs/deep/cgroup.procs); echo deep: $first\n"
    ask += f"kill -9 $(cat {group}/supervisor-rs.self/cgroup.procs)\n"
    ask += until("supervisorctl-rs --json status inner | grep -q '\"starts\":2'") + "\n"
    ask += f"{until(runs)}; echo deep: $(cat {group}/supervisor-rs/deep/cgroup.procs)\n"
    ask += "test -d /proc/$first && echo outlived\n"
    ask += f"supervisorctl-rs stop inner; {until(f'test ! -e {group}')}; test -e {group} && echo it stays"
    said = boot(image, programs, tmp_path, asked(ask, inner))
    pids = [line.split()[1:] for line in said.splitlines() if line.startswith("deep: ")]
    assert [len(each) for each in pids] == [1, 1], said
    assert pids[0] != pids[1]
    assert "memory pids" in said
    for bad in ("no cgroup", "outlived\n", "it stays\n"):
        assert bad not in said, said
    assert "reboot: Power down" in said, said
