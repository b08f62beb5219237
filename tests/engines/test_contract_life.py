"""The engine protocol: from start to end."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.engines.base import Engine, Exit, Image, Limits, Pid1, Sandbox
from helpers.errors import ImageError, SandboxError, SandboxGone
from helpers.filetree import FileTree
from tests.engines.support import IDLE, eventually, python

Start = Callable[..., Sandbox]
DEAF = ("/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")


@pytest.mark.parametrize("code", [0, 1, 3, 126, 255])
def test_pid_1s_exit_status_is_told(start: Start, code: int) -> None:
    """How PID 1 ended, as a shell shows it: its exit status."""
    box = start(["sh", "-c", f"exit {code}"])
    assert box.wait(20) == Exit(code)
    assert box.exit == Exit(code)


def test_no_exit_is_missed_however_soon_it_comes(engine: Engine, image: Image, engine_name: str) -> None:
    """`wait` returns although PID 1 may have ended before `start` did."""
    for _ in range(40 if engine_name == "embedded" else 4):
        box = engine.start(image, ["true"])
        assert box.wait(20) == Exit(0)
        box.destroy()


def test_a_pid_1_killed_by_a_signal_ends_with_128_and_its_number(start: Start) -> None:
    """128 + the signal that killed it."""
    box = start(["sleep", "9901"])
    assert box.exit is None
    box.signal(signal.SIGKILL)
    assert box.wait(20) == Exit(137)


@pytest.mark.parametrize(("how", "code"), [("poweroff", 130), ("reboot", 129)])
def test_reboot_ends_the_sandbox_and_not_the_host(start: Start, how: str, code: int) -> None:
    """reboot(2) inside a PID namespace ends its PID 1 with SIGHUP or SIGINT: 129 or 130."""
    box = start(Pid1(("busybox", how, "-f"), capabilities=("SYS_BOOT",)))
    assert box.wait(20) == Exit(code)


def test_waiting_ends_at_its_deadline(box: Sandbox) -> None:
    """Raises `SandboxError` when `timeout` seconds pass."""
    began = time.monotonic()
    with pytest.raises(SandboxError, match=r"still runs after 0.2 s"):
        box.wait(0.2)
    assert 0.15 < time.monotonic() - began < 3
    assert box.exit is None


def test_everything_inside_ends_with_pid_1(start: Start) -> None:
    """A sandbox is its PID 1: when that ends, so does the rest (pid_namespaces(7))."""
    box = start(["sh", "-c", "setsid sleep 9902 & sleep 0.3"])
    assert box.wait(20) == Exit(0)
    with pytest.raises(SandboxGone):
        box.processes()


def test_stop_asks_and_returns_how_pid_1_ended(start: Start) -> None:
    """Ask PID 1 to shut down (its stop signal) and return how PID 1 ended."""
    box = start()
    eventually(lambda: b"up" in box.logs(), "PID 1 is up")
    began = time.monotonic()
    assert box.stop(grace=10) == Exit(0)
    assert time.monotonic() - began < 5


def test_stop_sends_the_stop_signal_of_pid_1(start: Start) -> None:
    """`Pid1.stop_signal`, or `signum`."""
    argv = ("/bin/sh", "-c", "trap 'exit 4' HUP; trap 'exit 5' USR1; echo up; while :; do sleep 0.05; done")
    for given, code in ((None, 4), (signal.SIGUSR1, 5)):
        box = start(Pid1(argv, stop_signal=signal.SIGHUP))
        eventually(lambda box=box: b"up" in box.logs(), "PID 1 is up")  # type: ignore[misc]
        assert box.stop(10, given) == Exit(code)


def test_stop_kills_after_its_grace(start: Start) -> None:
    """Kill everything after `grace` seconds."""
    box = start(DEAF)
    eventually(lambda: b"up" in box.logs(), "PID 1 is up")
    began = time.monotonic()
    assert box.stop(grace=0.5) == Exit(137)
    assert 0.4 < time.monotonic() - began < 6


def test_stop_kills_a_stopped_pid_1(start: Start) -> None:
    """A PID 1 held by SIGSTOP takes no other signal; SIGKILL it does."""
    box = start()
    box.signal(signal.SIGSTOP)
    assert box.stop(grace=0.2) == Exit(137)


def test_stop_works_on_an_ended_sandbox(start: Start) -> None:
    """Also works on an ended sandbox, as often as one likes."""
    box = start(["sh", "-c", "exit 6"])
    box.wait(20)
    assert box.stop() == box.stop(0.1) == Exit(6)


def test_destroy_ends_what_runs_and_is_safe_to_repeat(start: Start) -> None:
    """Kill what still runs and remove every trace. Safe to call twice."""
    box = start(DEAF)
    box.destroy()
    box.destroy()
    assert box.exit == Exit(137)
    assert box.wait(1) == box.stop(1) == Exit(137)


METHODS: list[tuple[str, Callable[[Sandbox], object]]] = [
    ("exec", lambda box: box.exec(["true"])),
    ("popen", lambda box: box.popen(["true"])),
    ("shell_command", lambda box: box.shell_command()),
    ("signal", lambda box: box.signal(15)),
    ("signal another", lambda box: box.signal(15, 7)),
    ("processes", lambda box: box.processes()),
    ("stats", lambda box: box.stats()),
    ("read", lambda box: box.read("/etc/passwd")),
    ("write", lambda box: box.write("/etc/x", b"")),
    ("pid1", lambda box: box.pid1),
]


def _gone(call: Callable[[Sandbox], object], box: Sandbox) -> str:
    with pytest.raises(SandboxGone) as caught:
        call(box)
    return str(caught.value)


def test_after_the_end_every_method_tells_that_it_has_ended_and_how(start: Start) -> None:
    """Every method raises `SandboxGone` once PID 1 has ended, except those that tell what happened."""
    box = start(["sh", "-c", "echo said; exit 7"])
    box.wait(20)
    for name, call in METHODS:
        assert "exited with 7" in _gone(call, box), name
    assert box.logs() == b"said\n"
    assert box.exit == box.wait(0) == box.stop() == Exit(7)


def test_after_destroy_every_method_tells_so(start: Start) -> None:
    """And the logs are still there."""
    box = start(["sh", "-c", "echo said; exec sleep 9903"])
    eventually(lambda: box.logs() == b"said\n", "it has spoken")
    box.destroy()
    for name, call in METHODS:
        assert "was destroyed" in _gone(call, box), name
    assert box.logs() == b"said\n"


def test_a_command_running_when_pid_1_ends_says_so(start: Start) -> None:
    """A command inside ends with the sandbox, and `exec` raises `SandboxGone`."""
    box = start()
    timer = threading.Timer(0.5, lambda: box.signal(signal.SIGKILL))
    timer.start()
    with pytest.raises(SandboxGone, match="137"):
        box.exec(["sleep", "9904"])
    timer.join()


def test_logs_hold_what_pid_1_and_its_children_wrote(start: Start) -> None:
    """What PID 1 and its children wrote to the console so far, bytes as they were.

    Each stream's bytes are in order; Docker carries standard output and error in two pipes.
    """
    box = start(
        ["sh", "-c", "echo out; echo err >&2; printf '\\377\\000\\n'; sh -c 'echo child'; exec sleep 9905"]
    )
    eventually(lambda: len(box.logs()) == len(b"out\nerr\n\xff\0\nchild\n"), "all is in the logs")
    assert box.logs().replace(b"err\n", b"") == b"out\n\xff\0\nchild\n"
    box.exec(["echo", "not this"])
    assert b"not this" not in box.logs()


def test_the_last_words_of_pid_1_are_in_the_logs(start: Start) -> None:
    """Nothing written before the end is lost."""
    box = start(python("import sys; sys.stdout.write('x' * 200_000 + 'last words'); sys.stdout.flush()"))
    box.wait(20)
    assert len(box.logs()) == 200_010
    assert box.logs().endswith(b"last words")


def test_a_talkative_pid_1_has_its_newest_words_kept(start: Start) -> None:
    """The last 8 MiB."""
    box = start(["sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo newest"])
    box.wait(60)
    assert 4 << 20 <= len(box.logs()) <= 8 << 20
    assert box.logs().endswith(b"x\nnewest\n")


BAD: list[tuple[str, bytes | None, int, str]] = [
    ("/nope/init", None, 0, "no such file"),
    ("no-such-program", None, 0, "no such file"),
    ("/root/init", b"#!/bin/sh\n", 0o644, "no run bit"),
    ("/root/init", b"#!/no/interpreter\n", 0o755, "interpreter"),
    ("/root/init", b"echo no first line\n", 0o755, "format"),
    ("/root/init", b"", 0o755, "format"),
    ("/etc", None, 0, "run bit"),
]


@pytest.mark.parametrize(("program", "data", "mode", "reason"), BAD)
def test_a_pid_1_that_cannot_be_executed_is_named(
    start: Start, program: str, data: bytes | None, mode: int, reason: str
) -> None:
    """Raises `SandboxError` when PID 1 cannot be executed (naming it)."""
    tree = FileTree()
    if data is not None:
        tree.add(program, data, mode)
    with pytest.raises(SandboxError, match=f"(?s)cannot execute {program} as PID 1.*{reason}") as caught:
        start([program, "argument"], tree)
    assert not isinstance(caught.value, SandboxGone)


def test_an_empty_command_is_refused(start: Start) -> None:
    """No command for PID 1: one clear message."""
    with pytest.raises(SandboxError, match="no command was given for PID 1"):
        start([])


def test_a_capability_that_does_not_exist_is_named(start: Start) -> None:
    """The mistake is told with the name in it."""
    with pytest.raises(SandboxError, match="NO_SUCH"):
        start(Pid1(IDLE, capabilities=("NO_SUCH",)))


def test_an_image_that_is_none_is_named(engine: Engine, tmp_path: object) -> None:
    """`ImageError` with the command that builds one."""
    from pathlib import Path

    with pytest.raises(ImageError, match="is not a lab image") as caught:
        engine.start(Image(Path(str(tmp_path)), "0" * 64), IDLE)
    assert caught.value.hint == "initlab image build"


def test_a_failed_start_leaves_the_engine_as_it_was(start: Start, engine: Engine) -> None:
    """What fails to start leaves nothing, and the next start works."""
    import os

    def mine() -> set[str]:
        return {box.id for box in engine.running() if box.owner == os.getpid()}

    before = mine()
    with pytest.raises(SandboxError):
        start(["/nope"])
    assert mine() == before
    assert start().exec(["echo", "fine"]).text == "fine"


def test_running_sandboxes_are_listed_with_the_way_in(start: Start, engine: Engine) -> None:
    """The sandboxes of this user that run now, in every process, oldest first."""
    import os

    boxes = [start(hostname="listed"), start(hostname="listed")]
    found = [row for row in engine.running() if row.id in {box.id for box in boxes}]
    assert [row.id for row in found] == [box.id for box in boxes]
    assert found[0].title.startswith("listed: /bin/sh -c")
    assert (found[0].engine, found[0].owner) == (engine.name, os.getpid())
    assert list(found[0].shell)[-2:] == ["/bin/bash", "-l"]
    boxes[0].destroy()
    assert boxes[0].id not in {row.id for row in engine.running()}


def test_several_threads_start_sandboxes_at_once(engine: Engine, image: Image, engine_name: str) -> None:
    """One engine, many threads."""
    count = 8 if engine_name == "embedded" else 4

    def run(number: int) -> bytes:
        box = engine.start(image, ["sh", "-c", f"echo {number}"])
        box.wait(60)
        box.destroy()
        return box.logs()

    with ThreadPoolExecutor(count) as pool:
        assert list(pool.map(run, range(count))) == [f"{n}\n".encode() for n in range(count)]


def test_a_sandbox_outlives_the_thread_that_started_it(start: Start) -> None:
    """The owner is the process, not the thread (prctl(2), PR_SET_PDEATHSIG follows the thread)."""
    started: list[Sandbox] = []
    thread = threading.Thread(target=lambda: started.append(start()))
    thread.start()
    thread.join()
    with pytest.raises(SandboxError, match="still runs"):
        started[0].wait(0.5)
    assert started[0].exec(["echo", "alive"]).text == "alive"


def test_two_engine_objects_share_one_process(start: Start, engine: Engine, image: Image) -> None:
    """Two engines of a kind in one process do not disturb each other."""
    first = start()
    second = type(engine)().start(image, IDLE)
    second.destroy()
    assert first.exec(["echo", "alive"]).text == "alive"


def test_a_sandbox_shows_what_it_is(box: Sandbox) -> None:
    """Its `id` is told, and whether it runs."""
    assert box.id in repr(box)
    assert "running" in repr(box)


def test_limits_and_network_have_defaults(start: Start) -> None:
    """A start needs no more than an image and a PID 1."""
    box = start(["sleep", "9906"])
    assert box.exec(["true"]).code == 0
    assert Limits().memory == 512 << 20


_FIRST_STATUS = """
import sys
from pathlib import Path
from helpers.engines.base import Image
from helpers.engines.registry import get
box = get(sys.argv[1]).start(Image(Path(sys.argv[2]), sys.argv[3]), ["cat", "/proc/self/status"])
box.wait(20)
print(box.logs().decode())
box.destroy()
"""


def test_pid_1_ignores_and_blocks_nothing_whatever_its_owner_does(engine_name: str, image: Image) -> None:
    """execve(2) hands on what is ignored; a shell's `&` and nohup(1) have a program ignore some signals."""
    deaf = "trap '' HUP INT QUIT USR1 USR2 TERM WINCH; exec \"$@\""
    where = [engine_name.partition("-")[0], str(image.rootfs), image.digest]
    command = ["sh", "-c", deaf, "sh", sys.executable, "-c", _FIRST_STATUS, *where]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    masks = dict(
        line.split(":\t") for line in ended.stdout.splitlines() if line.startswith(("SigIgn", "SigBlk"))
    )
    # 32 and 33 are the C library's own (nptl(7)): make's posix_spawn(3) leaves 32 ignored, for good.
    own = 1 << 31 | 1 << 32
    assert {name: int(mask, 16) & ~own for name, mask in masks.items()} == {"SigIgn": 0, "SigBlk": 0}
