"""What supervisor-rs starts a service as: user, groups, umask, limits, environment, folder, privileges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.bare import BareSandbox
from helpers.engines.base import Image
from helpers.filetree import FileTree
from tests.supervisor.rust import booted, manifest, status

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]

# The user daemon (1, group 1) is a member of adm as well.
GROUPS = "root:x:0:\ndaemon:x:1:\nadm:x:4:daemon,nobody\ntty:x:5:\nusers:x:100:\n"
NET_BIND_SERVICE = 1 << 10


def service(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": ["sleep", "1000"], **fields}


def about(box: BareSandbox, name: str) -> dict[str, str]:
    """A running service's lines of /proc/PID/status (proc_pid_status(5))."""
    text = box.sh(f"cat /proc/{status(box)[name]['pid']}/status")
    return {key: " ".join(value.split()) for key, value in (line.split(":", 1) for line in text.splitlines())}


def test_a_service_runs_as_its_definition_says(image: Image, programs: Path) -> None:
    """User and group, the groups of /etc/group or those that are named, umask, capability bounding set,
    no_new_privs; one that says nothing keeps what PID 1 has."""
    tree = FileTree()
    tree.add("/etc/group", GROUPS)
    services = [
        service("plain"),
        service("user", user="daemon"),
        service("named", user="daemon", supervisor_rs={"group": "users", "groups": ["tty"]}),
        service("alone", user="daemon", supervisor_rs={"groups": []}),
        service("bare", supervisor_rs={"no_new_privs": True, "capabilities": [], "umask": "077"}),
        service("binds", user="daemon", supervisor_rs={"capabilities": ["net_bind_service"]}),
    ]
    with booted(image, programs, manifest(*services), tree=tree) as box:
        assert box.until(lambda: all(s["ready"] for s in status(box).values()) and status(box)), box.logs()
        pid1 = dict(line.split(":", 1) for line in box.sh("cat /proc/1/status").splitlines())
        seen = {spec["name"]: about(box, spec["name"]) for spec in services}
        assert {name: found["Uid"] for name, found in seen.items()} == {
            **dict.fromkeys(("plain", "bare"), "0 0 0 0"),
            **dict.fromkeys(("user", "named", "alone", "binds"), "1 1 1 1"),
        }
        assert (seen["user"]["Gid"], seen["user"]["Groups"]) == ("1 1 1 1", "1 4")
        assert (seen["named"]["Gid"], seen["named"]["Groups"]) == ("100 100 100 100", "5 100")
        assert seen["alone"]["Groups"] == "1"
        assert seen["plain"]["Umask"] == pid1["Umask"].strip()
        assert seen["bare"]["Umask"] == "0077"
        # A sandbox may have set it for all; the machine's test of limits sees both values.
        assert (seen["plain"]["NoNewPrivs"], seen["bare"]["NoNewPrivs"]) == (pid1["NoNewPrivs"].strip(), "1")
        ours = int(pid1["CapBnd"], 16)
        assert ours
        assert {name: int(found["CapBnd"], 16) for name, found in seen.items()} == {
            **dict.fromkeys(("plain", "user", "named", "alone"), ours),
            "bare": 0,
            "binds": ours & NET_BIND_SERVICE,
        }
        assert int(seen["user"]["CapEff"], 16) == 0


def test_limits_environment_and_folder_are_those_of_the_definition(image: Image, programs: Path) -> None:
    """Each rlimit soft and hard; `env` beside what PID 1 was given; PATH is always there."""
    rlimits = {"core": 0, "fsize": 8192, "nofile": 77, "stack": "unlimited"}
    services = [
        service("limited", supervisor_rs={"rlimits": rlimits}),
        service("files", limits={"open_files": 66}),
        service("at", cwd="/usr/bin", env={"LAB": "a b=c", "HOME": "/srv"}),
    ]
    with booted(image, programs, manifest(*services)) as box:
        assert box.until(lambda: all(s["ready"] for s in status(box).values()) and status(box)), box.logs()
        pids = {name: found["pid"] for name, found in status(box).items()}

        def limit(name: str, what: str) -> list[str]:
            return (
                box.sh(f"grep '^Max {what}' /proc/{pids[name]}/limits")
                .removeprefix(f"Max {what}")
                .split()[:2]
            )

        assert limit("limited", "core file size") == ["0", "0"]
        assert limit("limited", "file size") == ["8192", "8192"]
        assert limit("limited", "open files") == ["77", "77"]
        assert limit("limited", "stack size") == ["unlimited", "unlimited"]
        assert limit("files", "open files") == ["66", "66"]
        assert limit("at", "file size") == ["unlimited", "unlimited"]
        assert box.sh(f"readlink /proc/{pids['at']}/cwd") == "/usr/bin"
        assert box.sh(f"readlink /proc/{pids['files']}/cwd") == "/"
        environment = box.sh(f"tr '\\0' '\\n' </proc/{pids['at']}/environ").splitlines()
        assert {"LAB=a b=c", "HOME=/srv"} <= set(environment)
        assert any(line.startswith("PATH=/") for line in environment)
        assert not any(line.startswith("SUPERVISOR_RS_") for line in environment)
