"""Faults on one lab: what is refused, what is told, what an interruption leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.engines.base import MIB, Image, Limits
from helpers.errors import FaultError, LabError
from helpers.faults import verbs
from helpers.faults.programs import is_front
from helpers.faults.service import main_process
from helpers.filetree import FileTree
from helpers.lab import STACKS, Lab
from helpers.manifest import Manifest, load
from helpers.manifest.models import Service

from .walk import processes_called, until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def shared(image: Image) -> Iterator[Lab]:
    with Lab("web", init="runsvdir", engine="embedded", image=image) as lab:
        yield lab


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    yield shared.ready()
    shared.faults.undo()


def test_an_unknown_service_is_refused_with_the_nearest_name(lab: Lab) -> None:
    """Every verb that names a service."""
    faults = lab.faults
    for verb in (
        faults.kill,
        faults.freeze,
        faults.slow_start,
        faults.never_ready,
        faults.crash_after,
        faults.ignore_term,
        faults.fork_orphans,
        faults.block_log,
        faults.break_config,
    ):
        with pytest.raises(LabError, match=r"no service 'ap'[\s\S]*'app'"):
            verb("ap")
    assert len(faults.active()) == 0


def test_a_service_that_is_down_is_refused_where_there_is_nothing_to_act_on(lab: Lab) -> None:
    """kill, freeze and block_log need a main process; a fault of the start waits for it."""
    lab.stop_service("nginx")
    try:
        until(lambda: main_process(lab, "nginx") is None, "nginx is down")
        for verb in (lab.faults.kill, lab.faults.freeze, lab.faults.block_log):
            with pytest.raises(FaultError, match=r"nginx is down[\s\S]*start_service\('nginx'\)"):
                verb("nginx")
        fault = lab.faults.slow_start("nginx", 0.5)
        assert "next start" in fault.what
        assert main_process(lab, "nginx") is None
        fault.undo()
        assert main_process(lab, "nginx") is None, "an undo starts nothing that was stopped on purpose"
    finally:
        lab.start_service("nginx")


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "5", None, True])
def test_bad_numbers_are_refused_before_anything_is_done(lab: Lab, value: object) -> None:
    """Seconds, counts and statuses."""
    pid = lab.pid("app")
    with pytest.raises(FaultError, match="seconds"):
        lab.faults.slow_start("app", value)  # type: ignore[arg-type]
    with pytest.raises(FaultError, match="status"):
        lab.faults.crash_after("app", 1, status=value)  # type: ignore[arg-type]
    with pytest.raises(FaultError, match="count"):
        lab.faults.fork_orphans("app", value)  # type: ignore[arg-type]
    assert lab.pid("app") == pid


def test_the_same_fault_twice_is_refused_and_another_service_is_not(lab: Lab) -> None:
    """The error says what is in force and how to undo it; the first one stays."""
    first = lab.faults.freeze("app")
    with pytest.raises(FaultError, match=r"freeze of app is in force already[\s\S]*lab.faults.undo\(\)"):
        lab.faults.freeze("app")
    lab.faults.freeze("nginx")
    assert [str(fault) for fault in lab.faults.active()] == ["freeze of app", "freeze of nginx"]
    first.undo()
    first.undo()
    assert [str(fault) for fault in lab.faults.active()] == ["freeze of nginx"]
    lab.faults.freeze("app").undo()


def test_what_is_in_force_is_a_table_in_a_notebook_and_in_a_terminal(lab: Lab) -> None:
    """Verb, service, since when and what is wrong; with nothing in force a sentence."""
    assert str(lab.faults.active()) == "no fault is in force"
    with lab.faults.freeze("app"):
        table = lab.faults.active()
        assert str(table).splitlines()[0].split() == ["fault", "service", "for", "what", "is", "wrong"]
        assert f"PID {lab.pid('app')} is stopped" in str(table)
        assert "<table" in table._repr_html_()
        assert repr(lab.faults) == str(table)


def test_a_fault_and_its_undo_are_events_and_are_drawn(lab: Lab) -> None:
    """`kind` is `fault`: first what is wrong, before it shows; then that it is undone."""
    with lab.faults.freeze("app"):
        pass
    seen = list(lab.events().of("app").kind("fault"))[-2:]
    assert seen[0].detail.startswith("freeze: PID")
    assert seen[0].pid == lab.pid("app")
    assert seen[1].detail == "freeze undone"
    assert "fault: freeze undone" in str(lab.timeline())
    assert "fault, or its undo" in lab.timeline()._repr_svg_()


def test_two_faults_of_the_start_hold_together_and_are_undone_one_by_one(lab: Lab) -> None:
    """Slow and deaf to SIGTERM; after one undo the other still holds."""
    slow = lab.faults.slow_start("app", 0.5)
    deaf = lab.faults.ignore_term("app")
    process = main_process(lab, "app")
    assert process is not None
    assert {"--start-after", "--ignore-term"} <= set(process.argv)
    slow.undo()
    process = main_process(lab, "app")
    assert process is not None
    assert "--ignore-term" in process.argv
    assert "--start-after" not in process.argv
    deaf.undo()
    process = main_process(lab, "app")
    assert process is not None
    assert not is_front(process)


def test_another_program_at_the_same_name_goes_on_as_before(lab: Lab) -> None:
    """While python3 is taken over for the app, anybody else's python3 is python3."""
    with lab.faults.never_ready("app"):
        told = lab.sandbox.exec(
            ["python3", "-c", "import sys, json; print(sys.argv, sys.prefix, json.__file__)"]
        )
        assert told.text.startswith("['-c'] /usr /usr/lib/python3")
        assert lab.http("nginx").status == 502


def test_never_ready_is_refused_where_running_is_being_ready(image: Image) -> None:
    """A service without a declared readiness: the error says so, nothing is restarted."""
    with Lab("misbehave", init="runsvdir", engine="embedded", image=image) as lab:
        pid = lab.ready().pid("quiet")
        with pytest.raises(FaultError, match="quiet declares no readiness"):
            lab.faults.never_ready("quiet")
        assert lab.pid("quiet") == pid


def test_an_interruption_in_the_middle_of_a_verb_leaves_the_lab_as_it_was(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the service is being restarted: nothing is in force, the program is back in its place."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verbs, "wait_front", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lab.faults.never_ready("app")
    assert len(lab.faults.active()) == 0
    assert lab.sandbox.exec(["readlink", "/usr/bin/python3"]).text.startswith("python3.")
    process = main_process(lab, "app")
    assert process is not None
    assert not is_front(process)
    lab.ready()


def test_a_broken_config_is_put_back_byte_for_byte(lab: Lab) -> None:
    """nginx does not start with it, and does with the undo; a path of one's own choice works as well."""

    def look() -> str:
        return lab.sandbox.exec(["stat", "-c", "%a %u %g %Y %s %i", "/opt/lab/nginx.conf"]).text

    before, data = look(), lab.sandbox.read("/opt/lab/nginx.conf")
    lab.sandbox.exec(["chmod", "600", "/opt/lab/nginx.conf"])
    before = look()
    for which in (None, "/opt/lab/nginx.conf"):
        with lab.faults.break_config("nginx", which):
            assert lab.sandbox.read("/opt/lab/nginx.conf").endswith(data)
            until(lambda: not lab.glance()["nginx"].ready, "nginx is down")
            assert look().split()[:3] == before.split()[:3]
        assert lab.sandbox.read("/opt/lab/nginx.conf") == data
        assert look() == before
        lab.ready()
    with pytest.raises(FaultError, match="no file /nosuch"):
        lab.faults.break_config("nginx", "/nosuch")
    with pytest.raises(FaultError, match="which is"):
        lab.faults.break_config("nginx", "all")


def test_room_and_processes_can_be_left(lab: Lab) -> None:
    """`leave`: bytes of disk, processes."""
    with lab.faults.fill_disk("/var", leave=MIB):
        lab.sandbox.write("/var/some", b"x" * (MIB // 2))
        lab.sandbox.exec(["rm", "/var/some"])
    with lab.faults.fill_disk("/tmp"):
        assert lab.sandbox.exec(["sh", "-c", "echo x >/tmp/x"]).code != 0
        assert lab.sandbox.exec(["sh", "-c", "echo x >/var/x"]).code == 0
    with lab.faults.exhaust_pids(leave=20):
        assert lab.sandbox.exec(["true"]).code == 0
    with pytest.raises(FaultError, match="no directory /nosuch"):
        lab.faults.fill_disk("/nosuch")


def test_the_computers_own_disk_and_processes_are_not_exhausted(image: Image) -> None:
    """Without a limit the verbs refuse, and so does a fill that would end in the OOM killer."""
    limits = Limits(memory=None, pids=None, disk=None)
    with Lab("misbehave", init="runsvdir", engine="embedded", image=image, limits=limits) as lab:
        with pytest.raises(FaultError, match=r"disk of this computer[\s\S]*without a disk limit"):
            lab.faults.fill_disk()
        with pytest.raises(FaultError, match="without a limit"):
            lab.faults.exhaust_pids()
    limits = Limits(memory=128 * MIB, disk=512 * MIB)
    with Lab("misbehave", init="runsvdir", engine="embedded", image=image, limits=limits) as lab:
        if any(text.startswith("no memory") for text in lab.sandbox.limits_missing):
            pytest.skip("memory cannot be limited here")
        with pytest.raises(FaultError, match="are memory"):
            lab.faults.fill_disk()


def test_a_oneshot_has_nothing_to_act_on(image: Image) -> None:
    """The error names the longruns."""
    web = load(STACKS / "misbehave" / "manifest.toml")
    once = Service(name="once", kind="oneshot", command=("/bin/true",))
    manifest = web.model_copy(update={"services": (*web.services, once)})
    with (
        Lab(manifest, init="runsvdir", engine="embedded", image=image) as lab,
        pytest.raises(FaultError, match=r"once is a oneshot[\s\S]*steady"),
    ):
        lab.faults.slow_start("once")


def test_after_the_labs_end_every_verb_says_so(image: Image) -> None:
    """A fault of a sandbox that is gone cannot be undone; a lab that died cannot be faulted; a fresh one has
    no faults; leaving a `with` block over a closed lab is no error."""
    with Lab("misbehave", init="runsvdir", engine="embedded", image=image) as lab:
        fault = lab.ready().faults.freeze("steady")
        lab.sandbox.signal(9)
        lab.sandbox.wait(10)
        with pytest.raises(FaultError, match=r"PID 1 exited with 137[\s\S]*lab.start\(\)"):
            lab.faults.kill("steady")
        with pytest.raises(FaultError, match=r"freeze of steady cannot be undone[\s\S]*lab.start\(\)"):
            fault.undo()
        with pytest.raises(FaultError, match="cannot be undone"):
            lab.faults.undo()
        lab.reset()
        assert len(lab.faults.active()) == 0
        lab.faults.undo()
        with lab.ready().faults.freeze("steady"):
            lab.close()
    with pytest.raises(LabError, match=r"not running[\s\S]*lab.start\(\)"):
        lab.faults.kill("steady")


ODD = (
    Service(name="nobodys", command=("/opt/lab/misbehave", "--name", "n"), user="nobody"),
    Service(name="bare", command=("sleep", "1000"), env={"EMPTY": ""}),
    Service(name="shell", command=("/bin/sh", "-c", "exec sleep 1001 # it's '$HOME'")),
    Service(name="relative", command=("./odd", "a b"), cwd="/opt/lab"),
    Service(name="busy", command=("/usr/bin/busybox", "sleep", "1002")),
)


@pytest.fixture(scope="module")
def odd(image: Image) -> Iterator[Lab]:
    daemon = (STACKS / "misbehave" / "misbehave").read_bytes()
    tree = FileTree()
    tree.add("/opt/lab/misbehave", daemon, 0o755)
    tree.script("/opt/lab/odd", "#!/usr/bin/env python3\nimport time\nwhile True: time.sleep(1)\n")
    with Lab(Manifest(name="odd", services=ODD), init="s6", engine="embedded", image=image, tree=tree) as lab:
        yield lab.ready()


@pytest.mark.parametrize("service", [one.name for one in ODD])
def test_whatever_a_command_looks_like_the_daemon_gets_in_front_and_out_again(odd: Lab, service: str) -> None:
    """Another user's service, a name looked up in PATH, a shell's, a script by a relative path, busybox: in
    force, then undone, with the same command line as before."""
    before = main_process(odd, service)
    with odd.faults.ignore_term(service):
        process = main_process(odd, service)
        assert process is not None
        assert is_front(process)
        others = [one.name for one in ODD if one.name != service]
        assert not any(is_front(found) for name in others if (found := main_process(odd, name)))
    after = main_process(odd, service)
    assert before is not None
    assert after is not None
    assert after.pid != before.pid
    until(lambda: (found := main_process(odd, service)) and found.argv == before.argv, "it is itself again")
    assert odd.sandbox.exec(["find", "/", "-xdev", "-name", ".initlab*"]).text == ""


def test_orphans_of_a_sleep_are_found_again(odd: Lab) -> None:
    """The orphans sleep by sleep(1), whose name this service's fault has taken over."""
    with odd.faults.fork_orphans("bare", count=3):
        until(lambda: len(processes_called(odd, "orphan-of-bare")) == 3, "three orphans")
    until(lambda: not processes_called(odd, "orphan-of-bare"), "they are gone")


def test_the_log_of_another_users_service_is_blocked_too(odd: Lab) -> None:
    """Root without CAP_SYS_PTRACE cannot see another user's files (ptrace(2)), the user can."""
    with odd.faults.block_log("nobodys") as fault:
        assert "s6-log" in fault.what
