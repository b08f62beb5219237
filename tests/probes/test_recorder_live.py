"""The flight recorder on real labs: what the kernel tells of them, and what polling can see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.errors import LabError, SandboxError
from helpers.lab import Lab
from helpers.manifest import Manifest
from helpers.probes import record_kernel
from helpers.probes.connector import refusal
from helpers.probes.recording import Recording
from tests.engines.support import eventually
from tests.engines.test_owner_killed import _processes_with

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

_ROOT = Path(__file__).resolve().parents[2]
_CRASH = 'sleep "$1"; exit 7'
kernel = pytest.mark.skipif(bool(refusal()), reason=refusal() or "it answers")


def _stack(*command: str, policy: str = "always") -> Manifest:
    service = {"name": "app", "command": list(command), "restart": {"policy": policy}}
    return Manifest.model_validate({"name": "one", "services": [service]})


_IDLE = _stack("sleep", "1000")


def _traced(rec: Any) -> bool:
    return bool(rec.source == "connector+tracing")


@kernel
def test_a_boot_is_recorded_from_pid_1s_exec_on() -> None:
    """Recorded before the start: time zero is PID 1's exec, the first event; the engine is not in it."""
    lab = Lab(_IDLE, init="runit")
    rec = lab.record()
    assert len(rec.events) == 0
    with lab:
        lab.ready()
    first = rec.events[0]
    assert (first.kind, first.pid, first.time) == ("exec", 1, 0.0)
    assert "exec" in rec.header.clock
    assert rec.lost == 0
    assert rec.boot_seconds() == rec.first("app", "ready").time  # type: ignore[union-attr]
    assert not [event for event in rec.events if "bwrap" in event.argv[:1]]
    assert rec.stopped  # with its lab


@kernel
def test_a_crash_is_recorded_with_its_status_and_its_successor() -> None:
    """exit 7, reaped by its supervisor, made again: each with time and PID."""
    lab = Lab(_stack("sh", "-c", _CRASH, "sh", "0.5"), init="s6")
    rec = lab.record()
    with lab:
        crash = rec.wait("app exit 7", 30)
        again = rec.wait("app fork main", 30, after=crash)
    assert crash.main
    assert (crash.status, crash.signal) == (7, "")
    assert again.pid != crash.pid
    reaped = rec.of("app").kind("reaped").pid(crash.pid)[0]
    supervisor = next(e for e in rec.kind("exec") if e.pid == reaped.by)
    assert supervisor.argv == ("s6-supervise", "app")
    assert rec.before(crash, reaped)
    assert rec.before(crash, again)


@kernel
def test_kill_9_is_recorded_as_the_owners_signal_and_as_the_end_it_caused() -> None:
    """`signalled` says that we did it; the exit carries the signal, not a status."""
    with Lab(_IDLE, init="runit") as lab:
        lab.ready()
        with lab.record() as rec:
            pid = lab.kill("app")
            rec.wait("app exit SIGKILL main")
            rec.wait("app reaped")
    assert rec.of("app").kind("signalled")[0].pid == pid
    ended = rec.of("app").exits()[0]
    assert (ended.pid, ended.status, ended.signal) == (pid, None, "SIGKILL")
    assert rec.before("app signalled", "app exit")
    if _traced(rec):
        sent = rec.find("app signal SIGKILL")[0]
        assert (sent.pid, sent.by) == (pid, 0)  # from outside
        assert rec.before(sent, ended)


@kernel
def test_an_orphan_is_reaped_by_pid_1() -> None:
    """Its parent ends first, PID 1 adopts it and waits for it; the parent's own reaper is another."""
    orphan = "import os, time\nif os.fork() == 0:\n time.sleep(.3)\n os._exit(42)"
    with Lab(_IDLE, init="tini") as lab:
        lab.ready()
        with lab.record() as rec:
            lab.sandbox.exec(["python3", "-c", orphan])
            exit_ = rec.wait("- exit 42")
            rec.wait(f"- reaped #{exit_.pid}")
    fork = next(e for e in rec.kind("fork") if e.pid == exit_.pid)
    parent_exit = next(e for e in rec.kind("exit") if e.pid == fork.by)
    assert rec.before(parent_exit, exit_)
    assert [e.by for e in rec.kind("reaped").pid(exit_.pid)] == [1]
    assert [e.by for e in rec.kind("reaped").pid(parent_exit.pid)] == [0]  # by whoever ran it, outside


@kernel
def test_a_zombie_is_reaped_by_pid_1_when_its_neglectful_parent_ends() -> None:
    """It stays a zombie as long as its parent lives and does not wait."""
    neglect = "import os, time\nif os.fork() == 0:\n os._exit(43)\ntime.sleep(.5)"
    with Lab(_IDLE, init="tini") as lab:
        lab.ready()
        with lab.record() as rec:
            lab.sandbox.exec(["python3", "-c", neglect])
            exit_ = rec.wait("- exit 43")
            reaped = rec.wait(f"- reaped #{exit_.pid}")
    assert reaped.by == 1
    assert reaped.time - exit_.time > 0.3
    parent = next(e for e in rec.kind("fork") if e.pid == exit_.pid).by
    assert rec.before(next(e for e in rec.kind("exit") if e.pid == parent), reaped)


@kernel
def test_a_burst_of_forks_is_recorded_whole() -> None:
    """Two thousand children as fast as they come: every fork, every exit with its status, none lost."""
    forker = (
        "import os\nfor n in range(2000):\n"
        " child = os.fork()\n if child == 0: os._exit(n % 251)\n os.waitpid(child, 0)\n"
    )
    with Lab(_IDLE, init="tini") as lab:
        lab.ready()
        with lab.record() as rec:
            assert lab.sandbox.exec(["python3", "-c", forker], timeout=60).code == 0
            parent = next(e for e in rec.kind("exec") if forker in e.argv).pid
            rec.wait_for(lambda rec: len(_of_parent(rec, parent)) >= 2000)
    forks = _of_parent(rec, parent)
    assert rec.lost == 0
    assert len(forks) == 2000
    numbers = {event.outside: n for n, event in enumerate(forks)}
    exits = [event for event in rec.kind("exit") if event.outside in numbers]
    assert [event.status for event in exits] == [n % 251 for n in range(2000)]
    reaps = [event for event in rec.kind("reaped") if event.outside in numbers]
    assert {event.by for event in reaps} == {parent}
    assert len(reaps) == 2000


def _of_parent(rec: Any, parent: int) -> list[Any]:
    return [event for event in rec.kind("fork") if event.by == parent]


@kernel
def test_a_late_recorder_finds_what_is_there() -> None:
    """Each process once, with its parent and its service; when the services were ready is known too."""
    with Lab("web", init="runit") as lab:
        lab.ready()
        with lab.record() as rec:
            there = {process.pid: process.ppid for process in lab.sandbox.processes()}
            found = {event.pid: event.by for event in rec.kind("found")}
            assert found == there
            assert [e.service for e in rec.kind("found").main()] != []
            assert {e.service for e in rec.kind("found").main()} == {"redis", "app", "nginx"}
            assert rec.boot_seconds() is not None
    assert "10 ms" in rec.header.clock


def test_two_recorders_and_other_labs_do_not_mix() -> None:
    """Each recording has the processes of its own lab alone."""
    with Lab(_IDLE, init="s6") as one, Lab(_IDLE, init="runit") as other:
        one.ready()
        other.ready()
        with one.record() as first, one.record(source="polling") as second, other.record() as third:
            one.kill("app")
            for rec in (first, second):
                rec.wait("app exit main")
        assert len(first.kind("exit")) > 0
        assert len(third.of("app").exits()) == 0
        assert not [e for e in third.events if e.comm.startswith("s6-")]


def test_polling_says_what_it_is_and_sees_a_restart() -> None:
    """Source and resolution are in the recording; how a process ended is not seen, and not made up."""
    lab = Lab(_IDLE, init="s6")
    rec = lab.record(source="polling")
    with lab:
        lab.ready()
        pid = lab.kill("app")
        exit_ = rec.wait("app exit main", 30)
        rec.wait("app fork main", 30, after=exit_)
    assert (rec.source, rec.lost) == ("polling", 0)
    assert 0 < rec.resolution < 5
    ended = rec.of("app").exits().main()[0]
    assert (ended.pid, ended.status, ended.signal) == (pid, None, "")
    assert ended.slack > 0
    assert "not seen" in rec.header.facts["status and signal of an exit"]
    assert rec.events.restarts("app") == 1


def test_where_the_connector_is_refused_the_table_is_polled_and_that_is_said(monkeypatch: Any) -> None:
    """As in a container: the recording notes the reason; who insists on the connector gets an error."""

    def refuse() -> None:
        raise PermissionError(1, "the kernel does not answer here (a container?)")

    monkeypatch.setattr(record_kernel, "Connector", refuse)
    lab = Lab(_IDLE, init="runit")
    rec = lab.record()
    with lab:
        lab.ready()
        with pytest.raises(LabError, match="does not answer") as caught:
            lab.record(source="connector")
        assert "polling" in caught.value.hint
    assert rec.source == "polling"
    assert any("does not answer" in note and "polled" in note for note in rec.header.notes)
    assert rec.boot_seconds() is not None


def test_an_ordinary_user_gets_what_the_kernel_gives_and_is_told_what_is_missing() -> None:
    """Since Linux 6.6 the connector, before that nothing; tracepoints never. The source says which."""
    if os.geteuid() != 0:
        pytest.skip("only root can become an ordinary user")
    code = (
        "import os, json, subprocess, time\n"
        "from helpers.probes.record_kernel import KernelSource\n"
        "from helpers.probes.record_ledger import Ledger\n"
        "os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "ledger = Ledger(None, None); ledger.zero = time.monotonic()\n"
        "try: source = KernelSource(ledger)\n"
        "except OSError as error: print(json.dumps({'refused': error.strerror})); raise SystemExit\n"
        "child = subprocess.Popen(['/bin/sh', '-c', 'exit 3']); child.wait()\n"
        "time.sleep(0.2); source.stop()\n"
        "mine = [e for e in ledger.events() if e.outside == child.pid]\n"
        "print(json.dumps({'name': source.name, 'why': source.refused, 'kinds': [e.kind for e in mine],\n"
        "  'status': [e.status for e in mine if e.kind == 'exit'], 'lost': source.lost}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    if "refused" in seen:
        assert seen["refused"]
        return
    assert seen["name"] == "connector"
    assert "permitted" in seen["why"]
    assert seen["kinds"] == ["fork", "exec", "exit", "reaped"]
    assert seen["status"] == [3]


def test_a_recording_of_a_real_run_is_replayed_without_the_lab(tmp_path: Path) -> None:
    """Saved, loaded, and it says the same; its header names no folder and no user of this computer."""
    lab = Lab(_IDLE, init="runit")
    rec = lab.record()
    with lab:
        lab.ready()
    text = rec.save(tmp_path / "run.jsonl").read_text()
    back = Recording.load(tmp_path / "run.jsonl")
    assert [(e.kind, e.pid, e.service) for e in back.events] == [
        (e.kind, e.pid, e.service) for e in rec.events
    ]
    assert back.header == rec.header
    for private in (str(_ROOT), os.uname().nodename + ".", str(Path.home()) + "/"):
        assert private not in text


def test_a_recorder_leaves_no_thread_and_no_descriptor_behind(monkeypatch: Any) -> None:
    """Stopped with its lab, or by `stop`, or because the lab could not start."""
    with Lab(_IDLE, init="tini") as lab:
        lab.ready()  # whatever is made once is made now
        lab.record().stop()
    before = _open_descriptors()
    for _ in range(3):
        lab = Lab(_IDLE, init="tini")
        rec = lab.record()
        with lab:
            lab.ready()
            lab.record()
        assert rec.stopped
    broken = Lab(_IDLE, init="tini")
    monkeypatch.setattr(broken, "boot", _cannot_boot)
    broken.record()
    with pytest.raises(SandboxError, match="no such file"):
        broken.start()
    eventually(
        lambda: not [t for t in threading.enumerate() if t.name == "initlab-record"], "no thread is left"
    )
    eventually(lambda: _open_descriptors() <= before, "no descriptor is left")


def _cannot_boot() -> None:
    raise SandboxError("cannot execute /no/such as PID 1: no such file in the sandbox")


def _open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_recorder_that_waits_for_the_next_boot_outlives_the_last_one() -> None:
    """One recording is one life of PID 1: a reset ends it; one asked for in between records the next boot."""
    with Lab(_IDLE, init="tini") as lab:
        lab.ready()
        first = lab.record()
        lab.stop()
        second = lab.record()
        lab.ready()
        assert first.stopped
        assert not second.stopped
        assert len(first.kind("ready")) == len(second.kind("ready")) == 1
        assert second.boot_seconds() is not None
    assert second.stopped


def test_a_killed_owner_leaves_nothing_of_its_recorder() -> None:
    """No process, no tracing instance, no mount: all of it belonged to the owner's descriptors."""
    marker = f"{time.time_ns() % 10**12}"
    code = (
        "from helpers.lab import Lab\nfrom helpers.manifest import Manifest\nimport time\n"
        f"stack = Manifest.model_validate({{'name': 'one', 'services': [{{'name': 'app', "
        f"'command': ['sleep', '{marker}']}}]}})\n"
        "lab = Lab(stack, init='tini')\nrec = lab.record()\nlab.ready()\nprint(rec.source, flush=True)\n"
        "time.sleep(1000)\n"
    )
    mounts = Path("/proc/self/mounts").read_text()
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline().strip() in ("connector+tracing", "connector", "polling")
    owner.kill()
    owner.wait()
    owner.stdout.close()
    eventually(lambda: not _processes_with(marker, "no-such-folder"), "nothing is left", 10)
    assert "tracefs" not in set(Path("/proc/self/mounts").read_text().split()) - set(mounts.split())


def test_a_wait_for_what_never_happens_says_what_did() -> None:
    """A deadline, and a message with what the service did instead; a typing error is told at once."""
    with Lab(_IDLE, init="tini") as lab:
        lab.ready()
        with lab.record() as rec:
            with pytest.raises(LabError, match="of app it has"):
                rec.wait("app exit 3", timeout=0.2)
            with pytest.raises(LabError, match="app exit"):
                rec.wait("app exitt", timeout=5)
            with pytest.raises(LabError, match="no source"):
                lab.record(source="magic")
