"""The engine protocol: processes seen and signalled from outside, and what they use."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import pytest

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.errors import SandboxError
from tests.engines.support import IDLE, eventually, find, python

FAR = True
Start = Callable[..., Sandbox]


def _process(box: Sandbox, pid: int) -> Process:
    return next(process for process in box.processes() if process.pid == pid)


def test_processes_have_the_numbers_they_have_inside(start: Start) -> None:
    """Every process inside now, with the PIDs seen inside, ordered by PID."""
    box = start(["/bin/sh", "-c", "echo $$; sleep 9801 & echo $!; wait"])
    eventually(lambda: len(box.logs().split()) == 2 and find(box, "sleep", "9801"), "both run")
    assert [process.pid for process in box.processes()] == [int(pid) for pid in box.logs().split()]
    shell, sleep = box.processes()
    assert (shell.pid, shell.ppid, shell.argv[0]) == (1, 0, "/bin/sh")
    assert (sleep.ppid, sleep.argv, sleep.comm) == (1, ("sleep", "9801"), "sleep")
    assert (sleep.pgid, sleep.sid) == (shell.pgid, shell.sid)
    assert sleep.started >= shell.started > 0
    assert sleep.threads == 1
    assert sleep.rss > 0


def test_pid_1_has_a_number_on_the_host_too(start: Start, engine_name: str) -> None:
    """PID of the sandbox's PID 1 as the host numbers it."""
    box = start(["sleep", "9802"])
    with open(f"/proc/{box.pid1}/cmdline", "rb") as file:
        assert file.read() == b"sleep\x009802\x00"
    with open(f"/proc/{box.pid1}/status") as file:
        assert next(line for line in file if line.startswith("NSpid")).split()[-1] == "1"


def test_a_zombie_is_seen(start: Start) -> None:
    """Zombies too: a PID 1 that does not reap keeps its dead children."""
    box = start(["sleep", "9803"])  # knows nothing of children
    box.exec(["sh", "-c", "(exec true) & exit 0"])  # an orphan, adopted by PID 1

    def zombies() -> list[Process]:
        return [process for process in box.processes() if process.state == "Z"]

    zombie = eventually(zombies, "a zombie")[0]
    assert (zombie.ppid, zombie.argv) == (1, ())
    assert box.stats().pids == 2


def test_a_pid_1_that_reaps_has_no_zombies(start: Start) -> None:
    """The counterpart: what is adopted and reaped is gone."""
    box = start()
    box.exec(["sh", "-c", "(exec sleep 0.2) & exit 0"])
    eventually(lambda: not find(box, "0.2") and not [p for p in box.processes() if p.state == "Z"], "reaped")


def test_a_name_with_spaces_and_parentheses_is_read_whole(start: Start) -> None:
    """`comm` is the name as it is (proc_pid_stat(5): it may hold anything)."""
    box = start()
    name = "a) Z 1 (b c"
    box.exec(["cp", "/bin/sleep", f"/root/{name}"])
    with box.popen([f"/root/{name}", "9804"]) as process:
        found = eventually(lambda: [p for p in find(box, "9804") if p.state == "S"], "it sleeps")[0]
        assert found.comm == name
        process.kill()


def test_arguments_are_read_whole(start: Start) -> None:
    """`argv` is the argument vector, empty words and line ends too."""
    box = start()
    words = ["sh", "-c", "sleep 9805; true", "", "two words", "line\nend"]
    with box.popen(words) as process:
        eventually(lambda: find(box, "9805"), "it runs")
        assert [p.argv for p in box.processes() if "two words" in p.argv] == [tuple(words)]
        process.kill()


def test_threads_and_time_are_counted(start: Start) -> None:
    """`threads` counts threads; `cpu` is seconds of user and system time."""
    box = start()
    code = (
        "import threading, time\n"
        "for _ in range(3): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "end = time.process_time() + 0.3\n"
        "while time.process_time() < end: pass\n"
        "print('done', flush=True); time.sleep(60)"
    )
    with box.popen(python(code), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        found = next(p for p in box.processes() if code in p.argv)
        assert found.threads == 4
        assert 0.25 <= found.cpu < 5
        assert box.stats().cpu >= found.cpu
        process.kill()


@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGHUP])
def test_a_signal_reaches_pid_1s_handler(start: Start, signum: signal.Signals) -> None:
    """Send a signal to PID 1, from outside."""
    box = start(
        ["/bin/sh", "-c", f"trap 'echo got it' {signum.value}; echo up; while :; do sleep 0.05; done"]
    )
    eventually(lambda: b"up" in box.logs(), "the handler is set")
    box.signal(signum)
    eventually(lambda: b"got it" in box.logs(), "the handler ran")


def test_pid_1_is_stopped_continued_and_killed_from_outside(start: Start) -> None:
    """PID 1 can be stopped or killed this way although it is immune from inside (pid_namespaces(7))."""
    box = start()
    box.exec(["sh", "-c", "kill -KILL 1; kill -STOP 1"])
    assert _process(box, 1).state == "S"
    box.signal(signal.SIGSTOP)
    eventually(lambda: _process(box, 1).state == "T", "PID 1 is stopped")
    box.signal(signal.SIGCONT)
    eventually(lambda: _process(box, 1).state == "S", "PID 1 goes on")
    box.signal(signal.SIGKILL)
    assert box.wait(10).code == 137


def test_a_signal_reaches_another_process_by_its_number_inside(start: Start) -> None:
    """Send a signal to a process inside (by its PID inside), from outside."""
    box = start(["/bin/sh", "-c", "sleep 9806 & sleep 9807 & wait"])
    eventually(lambda: find(box, "9806") and find(box, "9807"), "both run")
    box.signal(signal.SIGSTOP, find(box, "9806")[0].pid)
    eventually(lambda: find(box, "9806")[0].state == "T", "the one is stopped")
    box.signal(signal.SIGKILL, find(box, "9807")[0].pid)
    eventually(lambda: not find(box, "9807"), "the other is killed")
    assert find(box, "9806")


def test_a_process_that_is_not_there_is_named(box: Sandbox) -> None:
    """A signal to no process raises `SandboxError` naming its number; nobody else gets it."""
    with pytest.raises(SandboxError, match="no process 54321"):
        box.signal(signal.SIGTERM, 54321)


def test_stats_tell_what_the_whole_sandbox_uses(start: Start) -> None:
    """Bytes of memory, number of processes, CPU seconds so far."""
    box = start()
    eventually(lambda: box.stats().pids == 2, "PID 1 has started its child")
    idle = box.stats()
    assert idle.oom_kills == 0
    code = "x = bytearray(50_000_000); x[::4096] = b'1' * len(x[::4096]); print('held', flush=True); input()"
    with box.popen(python(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        busy = box.stats()
        process.kill()
    assert busy.pids == 3
    assert busy.memory - idle.memory > 45_000_000
    assert busy.memory_source in ("cgroup", "rss")


def test_pid_1_gets_its_environment_and_directory(start: Start) -> None:
    """What to run as PID 1: its arguments, environment and directory."""
    box = start(Pid1(IDLE, env={"LAB": "a b", "HOME": "/srv"}, cwd="/usr/share"))
    environment = box.read("/proc/1/environ").split(b"\0")
    assert b"LAB=a b" in environment
    assert b"HOME=/srv" in environment
    assert b"LANG=C.UTF-8" in environment
    assert box.exec(["readlink", "/proc/1/cwd"]).text == "/usr/share"


def test_pid_1_leads_a_session_without_a_terminal(box: Sandbox) -> None:
    """PID 1 has no terminal of ours: it could push input into it (ioctl_tty(2), TIOCSTI)."""
    first = _process(box, 1)
    assert (first.pgid, first.sid) == (1, 1)
    fields = box.read("/proc/1/stat").rpartition(b")")[2].split()
    assert fields[4] == b"0"  # tty_nr
