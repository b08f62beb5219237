"""What the inits' own tools say, read; and who is whose process, read off the process table."""

from __future__ import annotations

import pytest

from helpers.engines.base import Process
from helpers.inits import openrc, registry, runit, s6
from helpers.manifest import Manifest, Service


def service(name: str, **fields: object) -> Service:
    kind = fields.get("kind", "longrun")
    command = [] if kind == "bundle" else ["/bin/sleep", "1000"]
    return Service.model_validate({"name": name, "command": command, **fields})


def manifest(*services: Service) -> Manifest:
    return Manifest(name="test", services=services)


@pytest.mark.parametrize(
    ("line", "state", "pid", "uptime", "ready"),
    [
        ("run: a: (pid 12) 5s; run: log: (pid 11) 5s", "up", 12, 5, None),
        ("run: a: (pid 12) 5s", "up", 12, 5, None),
        ("run: a: (pid 12) 5s, normally down; run: log: (pid 11) 5s\ncheck: a: yes", "up", 12, 5, True),
        ("run: a: (pid 12) 0s; run: log: (pid 11) 0s\ncheck: a: no", "starting", 12, 0, False),
        ("run: a: (pid 12) 5s, want down, got TERM; run: log: (pid 11) 5s", "stopping", 12, 5, None),
        ("run: a: (pid 12) 5s, paused; run: log: (pid 11) 5s", "up", 12, 5, None),
        ("down: a: 3s, normally up; run: log: (pid 11) 5s\ncheck: a: no", "down", None, 3, False),
        ("down: a: 0s, normally up, want up; run: log: (pid 11) 5s", "failed", None, 0, None),
        ("down: a: 7s; run: log: (pid 11) 5s", "down", None, 7, None),
        ("finish: a: (pid 13) 1s; run: log: (pid 11) 5s", "failed", None, 1, None),
        ("finish: a: (pid 13) 1s, want down; run: log: (pid 11) 5s", "stopping", None, 1, None),
        ("warning: a: unable to open supervise/ok: file does not exist", "down", None, None, None),
        ("fail: a: unable to change to service directory: file does not exist", "failed", None, None, None),
        ("fail: a: runsv not running", "failed", None, None, None),
        ("", "failed", None, None, None),
    ],
)
def test_runit_status_in_every_state(
    line: str, state: str, pid: int | None, uptime: float | None, ready: bool | None
) -> None:
    """sv.c's lines: state, PID, seconds; `check` decides between starting and up."""
    text = f"run: ab: (pid 1) 1s; run: log: (pid 2) 1s\n{line}\n"
    found = runit.parse_status(text, ["a"])["a"]
    assert (found.state, found.pid, found.uptime, found.ready) == (state, pid, uptime, ready)
    assert found.raw == line.partition("\n")[0]


@pytest.mark.parametrize(
    ("fields", "state", "pid", "ready"),
    [
        ("true true true false 16 -1 NA 5 5", "up", 16, True),
        ("true true false false 16 -1 NA 5 0", "starting", 16, False),
        ("true false true false 16 -1 NA 5 0", "stopping", 16, True),
        ("false true false false -1 1 NA 0 0", "failed", None, False),
        ("false false false false -1 3 NA 9 9", "down", None, False),
        ("false false false false -1 -1 SIGTERM 9 9", "down", None, False),
        ("", "down", None, None),
    ],
)
def test_s6_status_in_every_state(fields: str, state: str, pid: int | None, ready: bool | None) -> None:
    """`s6-svstat -o`: up and ready are two things; down although wanted is a crash."""
    asked = [service("a", readiness={"kind": "tcp", "port": 1})]
    found = s6.parse_status(f"a\t{fields}\tthe line\n", asked)["a"]
    assert (found.state, found.pid, found.ready, found.raw) == (state, pid, ready, "the line")


def test_s6_says_nothing_of_readiness_where_nothing_reports_it() -> None:
    """A service without readiness is up as soon as its process runs, and `ready` is None."""
    found = s6.parse_status("a\ttrue true false false 16 -1 NA 5 0\tx\n", [service("a")])["a"]
    assert (found.state, found.ready) == ("up", None)


@pytest.mark.parametrize(
    ("line", "state", "uptime"),
    [
        (" a                            [  started 00:01:05 (0) ]", "up", 65),
        (" a                            [  started 1 day(s) 00:00:05 (3) ]", "up", 86405),
        (" a                            [  started  ]", "up", None),
        (" a                            [ starting  ]", "starting", None),
        (" a                            [ stopping  ]", "stopping", None),
        (" a                            [  stopped  ]", "down", None),
        (" a                            [  crashed  ]", "failed", None),
        (" a                            [ unsupervised ]", "failed", None),
        (" a                            [ inactive  ]", "starting", None),
        (" another                      [  started  ]", "failed", None),
        ("", "down", None),
    ],
)
def test_openrc_status_in_every_state(line: str, state: str, uptime: float | None) -> None:
    """rc-status.c's words; a script that is not listed has failed, an empty answer comes before the boot."""
    (found,) = openrc.parse_status(f"{line}\n", manifest(service("a")))
    assert (found.state, found.uptime) == (state, uptime)


@pytest.mark.parametrize(
    ("states", "state", "ready"),
    [(("up", "up"), "up", True), (("up", "starting"), "starting", True), (("down", "up"), "down", True)],
)
def test_a_bundle_an_init_does_not_know_has_its_members_state(
    states: tuple[str, str], state: str, ready: bool
) -> None:
    """Up when all members are up; otherwise in the state of the first that is not."""
    from helpers.inits.base import ServiceStatus
    from helpers.inits.plan import with_bundles

    both = manifest(service("both", kind="bundle", depends_on=["a", "b"]), service("a"), service("b"))
    members = {name: ServiceStatus(name, each, ready=True) for name, each in zip("ab", states, strict=True)}
    found = with_bundles(both, members)
    assert [row.name for row in found] == ["both", "a", "b"]
    assert (found[0].state, found[0].ready) == (state, ready)


THREE = manifest(service("a"), service("b"), service("c"), service("once", kind="oneshot"))


def process(pid: int, ppid: int, *argv: str, comm: str = "", state: str = "S") -> Process:
    return Process(pid, ppid, state, comm or argv[0].rpartition("/")[2][:15], argv)


def test_runits_main_process_is_runsvs_child_that_is_not_the_logger() -> None:
    """Not svlogd, not a finish script, not a zombie, not a fork that has not executed anything yet."""
    table = [
        process(1, 0, "runit"),
        process(2, 1, "runsvdir", "-P", "/etc/service"),
        process(3, 2, "runsv", "a"),
        process(4, 2, "runsv", "b"),
        process(5, 2, "runsv", "c"),
        process(6, 2, "runsv", "once"),
        process(7, 3, "svlogd", "-tt", "/var/log/lab/a"),
        process(8, 3, "/bin/sh", "./run", comm="run"),
        process(9, 8, "/bin/sh", "/etc/runit/wait-for", "b", "15", comm="wait-for"),
        process(10, 4, "/bin/sh", "./finish", "1", "0", comm="finish"),
        process(11, 5, "", comm="sleep", state="Z"),
        process(12, 5, "runsv", "c"),
        process(13, 6, "sleep", "infinity"),
        process(14, 1, "sleep", "1000"),
    ]
    assert registry.get("runit").main_pids(table, THREE) == {"a": 8}
    later = [process(7, 3, "/bin/sh", "./run", comm="run") if each.pid == 7 else each for each in table]
    assert registry.get("runit").main_pids(later, THREE) == {"a": 8}
    alone = [each for each in later if each.pid != 8]
    assert registry.get("runit").main_pids(alone, THREE) == {}, "a lone ./run may be the logger's"


def test_s6s_main_process_is_the_child_of_its_s6_supervise() -> None:
    """The logger has an s6-supervise of its own, called NAME/log."""
    table = [
        process(1, 0, "s6-svscan", "/run/service"),
        process(2, 1, "s6-supervise", "a"),
        process(3, 1, "s6-supervise", "a/log"),
        process(4, 1, "s6-supervise", "b"),
        process(5, 1, "s6-supervise", "c"),
        process(6, 2, "/bin/sleep", "1000"),
        process(7, 3, "s6-log", "/var/log/lab/a"),
        process(8, 4, "/bin/sh", "./finish", "256", "9", "b", "8"),
        process(9, 5, "s6-supervise", "c"),
    ]
    assert registry.get("s6").main_pids(table, THREE) == {"a": 6}


def test_openrcs_main_process_is_the_child_of_its_supervise_daemon() -> None:
    """And of PID 1, by its command line, where nobody supervises it."""
    never = service("d", restart={"policy": "never"}, command=["/opt/d", "-x"])
    daemon = ("--start", "/bin/sleep", "--", "1000")
    table = [
        process(1, 0, "/sbin/openrc-init"),
        process(2, 1, "supervise-daemon", "a", *daemon),
        process(3, 2, "/bin/sleep", "1000"),
        process(4, 1, "supervise-daemon", "b", *daemon),
        process(5, 4, "supervise-daemon", "b", *daemon),
        process(6, 99, "supervise-daemon", "c", "--stop"),
        process(7, 6, "/bin/sleep", "1000"),
        process(8, 1, "/usr/bin/python3", "/opt/d", "-x"),
    ]
    assert registry.get("openrc").main_pids(table, manifest(*THREE.services, never)) == {"a": 3, "d": 8}


@pytest.mark.parametrize("init", registry.names())
def test_an_empty_table_has_no_main_processes(init: str) -> None:
    """Pure: no process, no PID."""
    assert registry.get(init).main_pids([], THREE) == {}
