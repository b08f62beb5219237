"""Each verb has its effect, seen from outside, and its undo restores: under every init there is."""

from __future__ import annotations

import functools
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from helpers.engines.base import Image
from helpers.errors import FaultError, LabError, SandboxError
from helpers.faults.programs import is_front
from helpers.faults.service import main_process
from helpers.inits import registry
from helpers.lab import Lab

from .walk import Step, Walks, processes_called, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

STEPS: list[Step] = []


def under_every_init(step: Step) -> Callable[[Walks, str], None]:
    """Make a step of every init's walk, and a test for each init that looks at what it has shown."""
    STEPS.append(step)

    # Not functools.wraps: pytest would ask the step itself for its arguments.
    def test(walks: Walks, init: str) -> None:
        walks.check(init, step.__name__)

    functools.update_wrapper(test, step, assigned=("__name__", "__doc__", "__module__", "__qualname__"))
    del test.__dict__["__wrapped__"]
    return test


@pytest.fixture(scope="module")
def walks(request: pytest.FixtureRequest, image: Image) -> Iterator[Walks]:
    """Of the inits that the selected tests ask for."""
    ours = [item for item in request.session.items if item.path == request.path]
    inits = [item.callspec.params["init"] for item in ours if hasattr(item, "callspec")]
    walks = Walks(list(dict.fromkeys(inits)), STEPS, image)
    yield walks
    walks.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # supervisor-rs is skipped where it cannot be built.
    metafunc.parametrize("init", (*registry.provided(), "supervisor-rs"))


def pids(lab: Lab) -> dict[str, int]:
    return {service.name: lab.pid(service.name) for service in lab.manifest.services}


def lines_told(lab: Lab) -> int:
    """What the teller says it has written; 0 while it says nothing."""
    try:
        return int(lab.http("teller", timeout=2).json()["lines"])
    except LabError:
        return 0


def as_before(lab: Lab) -> None:
    """Nothing is in force, every service is its own program and answers, and no file of ours is left."""
    assert len(lab.faults.active()) == 0
    lab.ready()
    for service in lab.manifest.services:
        process = main_process(lab, service.name)
        assert process is not None
        assert not is_front(process)
    left = lab.sandbox.exec(
        ["find", "/usr/bin", "/opt/lab", "/var/lib", "/", "-maxdepth", "1", "-name", ".init*"]
    )
    assert left.text == ""
    assert lab.sandbox.exec(["readlink", "/usr/bin/python3"]).text.startswith("python3.")


@under_every_init
def test_a_killed_service_is_back_after_the_undo(lab: Lab) -> None:
    """`kill` sends the signal; its undo returns when the service runs again, whoever started it."""
    old = lab.pid("steady")
    fault = lab.faults.kill("steady")
    until(lambda: old not in [p.pid for p in lab.sandbox.processes() if p.state != "Z"], "it is gone")
    fault.undo()
    assert lab.pid("steady") != old
    as_before(lab)


@under_every_init
def test_a_frozen_service_is_stopped_and_goes_on(lab: Lab) -> None:
    """`freeze`: the same process, stopped (state T), answers nobody; the undo makes it answer again."""
    with lab.faults.freeze("steady") as fault:
        process = main_process(lab, "steady")
        assert process is not None
        until(lambda: lab.sandbox.processes() and _state(lab, process.pid) == "T", "it is stopped")
        with pytest.raises(LabError):
            lab.http("steady", timeout=0.3)
        assert list(lab.faults.active()) == [fault]
    assert _state(lab, process.pid) != "T"
    assert lab.http("steady").status == 200
    assert lab.pid("steady") == process.pid


def _state(lab: Lab, pid: int) -> str:
    return next(p.state for p in lab.sandbox.processes() if p.pid == pid)


@under_every_init
def test_faults_of_three_services_show_at_their_next_start(lab: Lab) -> None:
    """`slow_start`, `crash_after` and `ignore_term` with `restart=False` change nothing before a restart;
    then each has its effect, on its service alone."""
    before = pids(lab)
    lab.faults.slow_start("steady", 1.5, restart=False)
    lab.faults.crash_after("teller", 0.6, 7, restart=False)
    lab.faults.ignore_term("quiet", restart=False)
    assert pids(lab) == before
    assert len(lab.faults.active()) == 3
    began = len(lab.events())
    for pid in before.values():
        lab.sandbox.signal(signal.SIGKILL, pid)

    def later(service: str, kind: str) -> list[float]:
        return [
            event.time
            for event in list(lab.events())[began:]
            if (event.service, event.kind) == (service, kind)
        ]

    until(lambda: later("steady", "ready"), "steady is ready, late")
    assert later("steady", "ready")[0] - later("steady", "started")[-1] > 1.3
    until(lambda: len(later("teller", "exited")) >= 3, "teller has crashed again and again")

    def ignoring() -> bool:
        process = main_process(lab, "quiet")
        return process is not None and is_front(process)

    until(ignoring, "quiet runs behind the daemon that ignores SIGTERM")
    quiet = lab.pid("quiet")
    # Its signals are in place when its child has been started.
    until(lambda: any(p.ppid == quiet for p in lab.sandbox.processes()), "quiet's program runs")
    lab.sandbox.signal(signal.SIGTERM, quiet)
    time.sleep(0.5)
    assert lab.pid("quiet") == quiet

    lab.faults.undo()
    as_before(lab)
    quiet = lab.pid("quiet")
    lab.sandbox.signal(signal.SIGTERM, quiet)
    until(
        lambda: quiet not in [p.pid for p in lab.sandbox.processes() if p.state != "Z"], "quiet obeys again"
    )


@under_every_init
def test_a_service_that_never_gets_ready_runs_and_its_twin_is_not_touched(lab: Lab) -> None:
    """`never_ready`: the main process lives and is not ready; another service with the same program restarts
    as ever."""
    twin = lab.pid("teller")
    fault = lab.faults.never_ready("steady")
    pid = lab.pid("steady")
    lab.faults.kill("teller")
    lab.wait_restarted("teller", twin)
    assert lab.pid("steady") == pid
    assert not lab.glance()["steady"].ready
    fault.undo()
    as_before(lab)


@under_every_init
def test_orphans_are_adopted_and_reaped(lab: Lab) -> None:
    """`fork_orphans`: their parent is PID 1; the undo ends them, and none stays a zombie."""
    lab.faults.fork_orphans("quiet", count=6)
    until(lambda: len(processes_called(lab, "orphan-of-quiet")) == 6, "six orphans")
    mine = processes_called(lab, "orphan-of-quiet")
    # What forked them ends after the last fork, not with it.
    parents = lambda: {p.ppid for p in lab.sandbox.processes() if p.pid in mine}  # noqa: E731
    until(lambda: parents() == {1}, "PID 1 has adopted them")
    lab.faults.undo()
    until(lambda: not {p.pid for p in lab.sandbox.processes()} & set(mine), "all are gone, zombies too")
    as_before(lab)


@under_every_init
def test_a_blocked_log_blocks_the_service_or_the_reason_is_told(lab: Lab) -> None:
    """`block_log`: the service stops writing once the pipe is full; where there is no pipe or PID 1 reads it,
    the error says so and nothing is stopped."""
    fault = refused = None
    try:
        fault = lab.faults.block_log("teller")
    except FaultError as error:
        refused = error.message
    if fault is None:
        assert refused is not None
        output = ["stat", "-L", "-c", "%F", f"/proc/{lab.pid('teller')}/fd/1"]
        if lab.sandbox.exec(output).text == "regular file":
            assert "no process reads it" in refused
        else:
            assert "PID 1 reads" in refused
            assert lab.init.name in ("supervisord", "supervisor-rs")
        assert not [p for p in lab.sandbox.processes() if p.state == "T"]
        assert len(lab.faults.active()) == 0
        return

    def stands_still() -> bool:
        count = lines_told(lab)
        time.sleep(0.4)
        return 0 < count == lines_told(lab)

    until(stands_still, "the teller blocks")
    stuck = lines_told(lab)
    fault.undo()
    until(lambda: lines_told(lab) > stuck, "the teller goes on")
    as_before(lab)


@under_every_init
def test_a_broken_definition_keeps_the_service_down_and_comes_back_as_it_was(lab: Lab) -> None:
    """`break_config(…, "definition")`: the service is not ready; the undo restores content, mode, owner and
    time. An init that starts it all the same, from what it compiled before, is told of in the error."""

    def look(paths: list[str]) -> str:
        return lab.sandbox.exec(["sh", "-c", 'stat -c "%n %a %u %g %Y %s" "$@"; cat "$@"', "sh", *paths]).text

    everything = sorted(path for path in lab.tree() if not path.startswith("/opt"))
    before = look(everything)
    try:
        fault = lab.faults.break_config("steady", "definition")
    except FaultError as error:
        refused = error.message
    else:
        refused = ""
    if refused:
        assert "does not read" in refused
        assert look(everything) == before
        as_before(lab)
        return
    assert look(everything) != before
    until(lambda: not lab.glance()["steady"].ready, "steady is not ready")
    time.sleep(0.5)
    assert not lab.glance()["steady"].ready
    fault.undo()
    assert look(everything) == before
    as_before(lab)


@under_every_init
def test_a_full_disk_refuses_a_byte_and_takes_it_again(lab: Lab) -> None:
    """`fill_disk`: no space is left on the writable layer; after the undo there is as much as before."""
    room = ["stat", "-f", "-c", "%a", "/"]
    before = int(lab.sandbox.exec(room).text)
    with lab.faults.fill_disk():
        with pytest.raises(SandboxError, match=r"error|space"):
            lab.sandbox.write("/var/one-more", b"x" * 65536)
        assert int(lab.sandbox.exec(room).text) == 0
    lab.sandbox.write("/var/one-more", b"x" * 65536)
    assert int(lab.sandbox.exec(room).text) > before * 0.9
    as_before(lab)


@under_every_init
def test_exhausted_pids_let_nothing_start_until_the_undo(lab: Lab) -> None:
    """`exhaust_pids`: fork(2) fails inside; after the undo it works, and every service still runs."""
    if any(text.startswith("no pids") for text in lab.sandbox.limits_missing):
        with pytest.raises(FaultError, match="without a limit"):
            lab.faults.exhaust_pids()
        return
    fault = lab.faults.exhaust_pids()
    with pytest.raises(SandboxError, match="no process to spare"):
        lab.sandbox.exec(["true"])
    fault.undo()
    assert lab.sandbox.exec(["true"]).code == 0
    as_before(lab)
