"""What supervisor-rs makes of bad input: it names file, service and field, and nothing else stops.

A manifest that cannot be meant is refused as a whole, before anything starts. What turns out only when a
service is started (a program, a user, a folder that is not there) costs that service; its neighbour runs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.bare import BareSandbox
from helpers.engines.base import Image
from helpers.filetree import FileTree
from tests.supervisor.rust import booted, events, manifest, status

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]

FILE = "/etc/supervisor/manifest.json"
BESIDE = {"name": "beside", "command": ["sleep", "1000"]}


def service(name: str = "odd", **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": ["sleep", "1000"], **fields}


REFUSED: dict[str, tuple[list[dict[str, Any]], str, str, str]] = {
    # The services; the field's place, the service's name, and words of the reason.
    "cycle": (
        [service("a", depends_on=["b"]), service("b", depends_on=["c"]), service("c", depends_on=["a"])],
        "services[0].depends_on[0]",
        "a",
        "a → b → c → a",
    ),
    "itself": ([service(depends_on=["odd"])], "services[0].depends_on[0]", "odd", "depends on itself"),
    "nobody": ([BESIDE, service(depends_on=["besides"])], "services[1].depends_on[0]", "odd", '"beside"'),
    "unknown key": ([service(comand=["true"])], "services[0].comand", "odd", 'did you mean "command"?'),
    "another's word": ([service(after=["x"])], "services[0].after", "odd", 'did you mean "depends_on"?'),
    "key of ours": (
        [service(supervisor_rs={"umsk": "022"})],
        "services[0].supervisor_rs.umsk",
        "odd",
        'did you mean "umask"?',
    ),
    "text for a list": ([service(command="redis --port 1")], "services[0].command", "odd", '"--port", "1"'),
    "text for a number": ([service(ports=["80"])], "services[0].ports[0]", "odd", "without quotes"),
    "number for text": ([service(env={"A": 1})], "services[0].env.A", "odd", 'write "1"'),
    "list for a table": ([service(restart=[])], "services[0].restart", "odd", "must be a table"),
    "no boolean": ([service(log={"timestamps": "no"})], "services[0].log.timestamps", "odd", "true or false"),
    "out of range": ([service(ports=[70000])], "services[0].ports[0]", "odd", "at most 65535"),
    "limit of nothing": ([service(limits={"memory": 0})], "services[0].limits.memory", "odd", "at least 1"),
    "limit nobody has": ([service(limits={"disk": 1})], "services[0].limits.disk", "odd", "no such key"),
    "rlimit nobody has": (
        [service(supervisor_rs={"rlimits": {"nofiles": 1}})],
        "services[0].supervisor_rs.rlimits.nofiles",
        "odd",
        'did you mean "nofile"?',
    ),
    "capability nobody has": (
        [service(supervisor_rs={"capabilities": ["NET_ADMINN"]})],
        "services[0].supervisor_rs.capabilities[0]",
        "odd",
        '"NET_ADMIN"',
    ),
    "two on one port": (
        [service("first", ports=[80]), service(ports=[80])],
        "services[1].ports[0]",
        "odd",
        "listens on 80 too",
    ),
}


def check(programs: Path, file: Path) -> tuple[int, str]:
    command = [programs / "supervisor-rs", "--check", "--manifest", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("what", REFUSED)
def test_a_manifest_that_cannot_be_meant_is_refused(what: str, programs: Path, tmp_path: Path) -> None:
    """With the file, the field's place, the service's name and what to write instead."""
    services, place, name, reason = REFUSED[what]
    file = tmp_path / "odd.json"
    file.write_text(manifest(*services))
    code, said = check(programs, file)
    assert code == 1
    (line,) = (line for line in said.splitlines() if line.startswith(f"{file}: {place}: "))
    assert line.endswith(f'(service "{name}")')
    assert reason in line


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("it.toml", 'name = "x"\n[[services]]\nname = \n', "line 3, column 8: not TOML"),
        ("it.json", '{"name": "x",\n "services": [}', "not JSON: expected value at line 2"),
        ("it.json", '{"name": "x"}', "services: missing"),
        ("it.json", '{"name": "x", "services": []}', "services: empty"),
        ("it.yaml", "name: x", "ends in .toml or .json"),
        ("it.toml", None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(
    file: str, text: str | None, reason: str, programs: Path, tmp_path: Path
) -> None:
    """Also one that is not there: the file, and where in it."""
    if text is not None:
        (tmp_path / file).write_text(text)
    code, said = check(programs, tmp_path / file)
    assert code == 1
    assert said.startswith(f"{tmp_path / file}: ")
    assert reason in said


def test_every_problem_is_told_at_once_and_nothing_starts(image: Image, programs: Path) -> None:
    """PID 1 ends with 1; a service that is good in itself has not been started."""
    touches = {"name": "good", "kind": "oneshot", "command": ["touch", "/dev/shm/started"]}
    bad = manifest(touches, service(kind="daemon"), service("two", stop_grace=-1))
    with booted(image, programs, bad) as box:
        assert box.wait(20) == 1
        for place in ("services[1].kind", "services[2].stop_grace"):
            assert f"{FILE}: {place}: " in box.logs()
        assert "started" not in box.logs()


DEGRADED: dict[str, tuple[dict[str, Any], str, str]] = {
    # The service; the field, and words of the reason. Each is given up or tried again; its neighbour is up.
    "no program": (service(command=["/opt/no/such"]), "command", "/opt/no/such: No such file"),
    "no program in PATH": (service(command=["no-such"]), "command", "no-such: No such file"),
    "a folder": (service(command=["/etc"]), "command", "/etc: Permission denied"),
    "no format": (service(command=["/etc/supervisor/manifest.json"]), "command", "Permission denied"),
    "no user": (service(user="nobody-here"), "user", 'no user "nobody-here" in /etc/passwd'),
    "no group": (
        service(supervisor_rs={"group": "no-group"}),
        "supervisor_rs.group",
        'no group "no-group" in /etc/group',
    ),
    "no groups": (
        service(supervisor_rs={"groups": ["daemon", "no-group"]}),
        "supervisor_rs.groups",
        'no group "no-group" in /etc/group',
    ),
    "no folder": (service(cwd="/no/such"), "cwd", "cannot enter /no/such: No such file"),
    "no entry": (
        service(user="nobody", cwd="/root"),
        "cwd",
        "cannot enter /root: Permission denied",
    ),
    "limit past the kernel's": (
        service(limits={"open_files": 1 << 40}),
        "limits.open_files",
        "cannot be set: Operation not permitted",
    ),
    "oneshot": (
        service(kind="oneshot", command=["/opt/no/such"]),
        "command",
        "cannot execute /opt/no/such",
    ),
}


def told(box: BareSandbox, field: str, name: str = "odd") -> list[dict[str, Any]]:
    """The events about a field of a service; each names the manifest's file."""
    about = [e for e in events(box.logs()) if (e.get("service"), e.get("field")) == (name, field)]
    assert all(event["file"] == FILE and event["level"] == "warn" for event in about), about
    return about


def test_what_cannot_be_started_costs_that_service_alone(image: Image, programs: Path) -> None:
    """All of them in one manifest: an event with file, service and field for each, the reason in its status,
    and a neighbour that runs. Those that may yet get better are tried again."""
    bad = {what: {**spec, "name": f"odd{n}"} for n, (what, (spec, _, _)) in enumerate(DEGRADED.items())}
    with booted(image, programs, manifest(*bad.values(), BESIDE)) as box:
        assert box.until(lambda: status(box).get("beside", {}).get("ready")), box.logs()
        now = status(box)
        for what, (_, field, reason) in DEGRADED.items():
            name = bad[what]["name"]
            event = told(box, field, name)[0]
            assert reason in event["error"], (what, event)
            assert reason in now[name]["why"], (what, now[name])
            assert now[name]["state"] == "failed", (what, now[name])
            phase = "failed" if bad[what].get("kind") == "oneshot" else "backoff"
            assert now[name]["phase"] == phase, (what, now[name])
        box.sh("ln -s /bin/sleep /opt/no-such && mkdir -p /opt/no && cp /bin/sleep /opt/no/such")
        assert box.until(lambda: status(box)[bad["no program"]["name"]]["ready"], 20), status(box)
        assert status(box)["beside"]["starts"] == 1
        assert box.zombies() == 0


def test_a_log_folder_that_cannot_be_had_costs_the_log_alone(image: Image, programs: Path) -> None:
    """A file stands where the folder should be: said once, the output counted as lost; written as soon as the
    folder can be made, with how much was lost before."""
    tree = FileTree()
    tree.add("/var/log/supervisor/odd", "in the way\n")
    talks = service(command=["sh", "-c", "while :; do echo something; sleep 0.05; done"])
    with booted(image, programs, manifest(talks, BESIDE), tree=tree) as box:
        assert box.until(lambda: status(box).get("odd", {}).get("log_bytes_lost", 0) > 30), box.logs()
        assert all(s["ready"] and s["starts"] == 1 for s in status(box).values())
        (event,) = told(box, "log")
        assert "/var/log/supervisor/odd" in event["event"]
        box.sh("rm /var/log/supervisor/odd")
        log = "/var/log/supervisor/odd/current"
        assert box.until(lambda: "bytes lost here" in box.sh(f"cat {log}")), box.sh(f"ls -l {log}")
        assert box.until(lambda: "something" in box.sh(f"cat {log}"))


def test_a_limit_that_this_computer_cannot_keep_is_told_by_field(image: Image, programs: Path) -> None:
    """Without cgroups the service runs; for each limit an event says what holds in its place."""
    limits = {"memory": 512_000_000, "pids": 50}
    odd = service(limits=limits, supervisor_rs={"cpu": 0.5})
    with booted(image, programs, manifest(odd, BESIDE)) as box:
        if "cgroup" in box.sh("cat /proc/mounts"):
            pytest.skip("this sandbox has cgroups; the machine's tests ask for them")
        assert box.until(lambda: all(s["ready"] for s in status(box).values()) and status(box)), box.logs()
        for field in ("limits.memory", "limits.pids", "supervisor_rs.cpu"):
            assert told(box, field), box.logs()
        (pid,) = (p.pid for p in box.processes() if p.pid == status(box)["odd"]["pid"])
        assert "512000000" in box.sh(f"grep 'Max address space' /proc/{pid}/limits")


LISTENS = """import socket, time
taken = socket.socket()
taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
taken.bind(("127.0.0.1", {port}))
taken.listen()
open("/dev/shm/listens", "w")
time.sleep(1000)
"""


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"ports": [7070]}, "ports"),
        ({"readiness": {"kind": "tcp", "port": 7070, "timeout": 2}}, "readiness.port"),
        ({"readiness": {"kind": "http", "port": 7070, "timeout": 2}}, "readiness.port"),
    ],
)
def test_a_port_that_somebody_has_already_is_told(
    fields: dict[str, Any], field: str, image: Image, programs: Path
) -> None:
    """Before the service is started, as who holds the port would answer its probe. Its status says so, too,
    when it has failed, and its neighbours run."""
    holder = {"name": "holder", "command": ["python3", "-c", LISTENS.format(port=7070)]}
    holder |= {"readiness": {"kind": "exec", "command": ["test", "-e", "/dev/shm/listens"]}}
    binds = LISTENS.format(port=7070).replace("/dev/shm/listens", "/dev/shm/never")
    odd = service(command=["python3", "-c", binds], depends_on=["holder"], **fields)
    odd["restart"] = {"policy": "never"}
    with booted(image, programs, manifest(holder, odd, BESIDE)) as box:
        assert box.until(lambda: status(box).get("odd", {}).get("phase") == "failed", 20), box.logs()
        (event,) = told(box, field)
        assert "port 7070 is in use" in event["event"]
        assert "port 7070 was in use when it was started" in status(box)["odd"]["why"]
        assert "Address already in use" in box.sh("supervisorctl-rs logs odd")
        assert status(box)["holder"]["starts"] == status(box)["beside"]["starts"] == 1


def test_a_port_of_its_own_is_no_stranger_s(image: Image, programs: Path) -> None:
    """A service that is killed and started again, its connections still closing, meets nobody."""
    serves = LISTENS.format(port=7070)
    odd = service(command=["python3", "-c", serves], ports=[7070], readiness={"kind": "tcp", "port": 7070})
    with booted(image, programs, manifest(odd)) as box:
        assert box.until(lambda: status(box).get("odd", {}).get("ready"), 20), box.logs()
        box.signal(9, status(box)["odd"]["pid"])
        assert box.until(lambda: status(box)["odd"]["starts"] == 2 and status(box)["odd"]["ready"], 20)
        assert not told(box, "ports")
        assert "in use" not in box.logs()


PROBES: dict[str, tuple[dict[str, Any], str]] = {
    "readiness": (
        {"readiness": {"kind": "exec", "command": ["/no/such"], "timeout": 0.3}},
        "readiness.command",
    ),
    "liveness": (
        {"supervisor_rs": {"liveness": {"kind": "exec", "command": ["/no/such"], "interval": 0.1}}},
        "supervisor_rs.liveness.command",
    ),
}


@pytest.mark.parametrize("what", PROBES)
def test_a_probe_that_cannot_be_asked_is_told_by_field(what: str, image: Image, programs: Path) -> None:
    """Readiness that cannot be asked for does not come: the service goes on, degraded."""
    fields, field = PROBES[what]
    with booted(image, programs, manifest(service(**fields), BESIDE)) as box:
        assert box.until(lambda: told(box, field)), box.logs()
        assert "/no/such" in told(box, field)[0]["event"]
        if what == "readiness":
            assert box.until(lambda: status(box)["odd"]["degraded"]), status(box)
            assert status(box)["odd"]["pid"]
        assert status(box)["beside"]["ready"]


def test_a_reload_of_a_bad_manifest_leaves_everything_as_it_is(image: Image, programs: Path) -> None:
    """The refusal names file and place, to who asked and in the events; the services keep their PIDs."""
    changes: list[tuple[Callable[[str], str], str]] = [
        (lambda text: text[:-1], "not JSON"),
        (lambda text: text.replace('"command"', '"comand"'), "services[0].comand"),
    ]
    good = manifest(service(), BESIDE)
    with booted(image, programs, good) as box:
        assert box.until(lambda: all(s["ready"] for s in status(box).values()) and status(box)), box.logs()
        before = {name: s["pid"] for name, s in status(box).items()}
        for change, reason in changes:
            box.sandbox.write(FILE, change(good).encode())
            said = box.sh("supervisorctl-rs reload; echo code $?")
            assert reason in said
            assert FILE in said
            assert "code 1" in said
            count = box.logs().count("the manifest was not taken")
            box.signal(1)
            assert box.until(lambda n=count: box.logs().count("the manifest was not taken") > n)
            assert {name: s["pid"] for name, s in status(box).items()} == before
        assert FILE in box.logs()
