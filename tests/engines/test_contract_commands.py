"""The engine protocol: commands beside PID 1, waited for or streamed with."""

from __future__ import annotations

import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.engines.base import Sandbox
from helpers.errors import SandboxError
from tests.engines.support import eventually, find, python

FAR = True
PIPE = subprocess.PIPE


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -KILL $$", 137), ("kill -TERM $$", 143)],
)
def test_a_command_ends_with_its_status_as_a_shell_shows_it(box: Sandbox, script: str, code: int) -> None:
    """A finished command: its exit `code` as a shell shows it."""
    assert box.exec(["sh", "-c", script]).code == code


def test_output_and_errors_come_apart_and_whole(box: Sandbox) -> None:
    """And what it wrote, byte by byte."""
    done = box.exec(
        python("import sys; sys.stdout.buffer.write(bytes(range(256)) * 4096); sys.stderr.write('err\\n')")
    )
    assert done.stdout == bytes(range(256)) * 4096
    assert done.stderr == b"err\n"


def test_input_is_given_and_ends(box: Sandbox) -> None:
    """`input` is the command's standard input, then its end."""
    data = bytes(range(256)) * 16384
    assert box.exec(["cat"], input=data).stdout == data
    assert box.exec(["cat"]).stdout == b""
    assert box.exec(["wc", "-c"], input=b"12345").text == "5"


def test_input_that_is_not_read_does_no_harm(box: Sandbox) -> None:
    """A command may end without reading its input."""
    assert box.exec(["true"], input=b"x" * 4_000_000).code == 0


def test_the_environment_is_the_sandboxs_with_what_is_added(box: Sandbox) -> None:
    """`env` is added to the environment."""
    done = box.exec(["sh", "-c", 'printf "%s|%s|%s" "$A" "$B" "$HOME"'], env={"A": "1 2", "B": "$x'\n"})
    assert done.text == "1 2|$x'\n|/root"


def test_arguments_are_passed_as_they_are(box: Sandbox) -> None:
    """A command is an argument vector: no shell reads it."""
    words = ["a b", "", "$HOME", "'", '"', "*", "ü", "-n", "x\ny"]
    assert box.exec(["printf", "%s|", *words]).stdout.decode() == "".join(f"{w}|" for w in words)


def test_a_command_runs_beside_pid_1(box: Sandbox) -> None:
    """Beside PID 1: in its namespaces, as root, no child of it."""
    done = box.exec(["sh", "-c", "echo $PPID $(id -u) $(pwd); readlink /proc/self/ns/pid /proc/1/ns/pid"])
    ids, mine, pid1s = done.text.splitlines()
    assert ids == "0 0 /"
    assert mine == pid1s


@pytest.mark.parametrize("program", ["/nope/program", "no-such-program"])
def test_a_program_that_is_not_there_is_named(box: Sandbox, program: str) -> None:
    """Raises `SandboxError` when there is no such program (naming it)."""
    with pytest.raises(SandboxError, match=f"{program}.*No such file"):
        box.exec([program, "argument"])


@pytest.mark.parametrize(
    ("path", "data", "mode", "reason"),
    [
        ("/etc/passwd", None, 0, "Permission denied"),
        ("/etc", None, 0, "Permission denied"),
        ("/root/bad-interpreter", b"#!/no/interpreter\n", 0o755, "No such file"),
    ],
)
def test_a_program_that_cannot_be_executed_is_named(
    box: Sandbox, path: str, data: bytes | None, mode: int, reason: str
) -> None:
    """Raises `SandboxError` naming the program, with the kernel's reason (execve(2))."""
    if data is not None:
        box.write(path, data, mode)
    with pytest.raises(SandboxError, match=f"{path}.*{reason}"):
        box.exec([path])


def test_a_command_that_says_it_itself_is_not_mistaken_for_one_that_could_not_run(box: Sandbox) -> None:
    """An exit status of 126 or 127 is the command's own."""
    assert box.exec(["sh", "-c", "echo no such file or directory >&2; exit 127"]).code == 127
    assert box.exec(["sh", "-c", "exit 126"]).code == 126


def test_a_command_that_takes_too_long_is_killed_with_all_it_started(box: Sandbox) -> None:
    """Raises `SandboxError` when `timeout` seconds pass (the command is killed)."""
    began = time.monotonic()
    with pytest.raises(SandboxError, match=r"sleep 9719.*did not end within 0.7 s"):
        box.exec(["sh", "-c", "sleep 9718 & sh -c 'sleep 9717; true'; sleep 9719"], timeout=0.7)
    assert time.monotonic() - began < 6
    eventually(lambda: not any(find(box, n) for n in ("9717", "9718", "9719")), "nothing of it is left")
    assert box.exit is None


def test_commands_run_at_the_same_time(box: Sandbox) -> None:
    """`exec` may be called from many threads."""
    with ThreadPoolExecutor(8) as pool:
        texts = list(
            pool.map(lambda n: box.exec(["sh", "-c", f"echo {n}; cat"], input=b"in").text, range(16))
        )
    assert texts == [f"{n}\nin" for n in range(16)]


def test_commands_leave_no_process_behind(box: Sandbox) -> None:
    """A command that has ended has been reaped: it was never PID 1's child."""
    for _ in range(5):
        box.exec(["true"])
    eventually(lambda: not [p for p in box.processes() if p.state == "Z"], "no zombie")


def test_a_streamed_command_answers_while_it_runs(box: Sandbox) -> None:
    """Start a command inside and stream with it."""
    with box.popen(["cat"], stdin=PIPE, stdout=PIPE) as cat:
        assert cat.stdin is not None
        assert cat.stdout is not None
        for line in (b"one\n", b"two\n", bytes(range(11, 256)) + b"\n"):
            cat.stdin.write(line)
            cat.stdin.flush()
            assert cat.stdout.readline() == line
        cat.stdin.close()
        assert cat.stdout.read() == b""
        assert cat.wait(10) == 0


def test_a_streamed_command_ends_with_its_status(box: Sandbox) -> None:
    """`popen`'s process ends when the command does, with its status."""
    with box.popen(["sh", "-c", "echo out; echo err >&2; exit 7"], stdout=PIPE, stderr=PIPE) as process:
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (7, b"out\n", b"err\n")


def test_streams_can_be_joined_and_thrown_away(box: Sandbox) -> None:
    """`stdin` … are as for `subprocess.Popen`."""
    command = ["sh", "-c", "cat; echo err >&2"]
    with box.popen(command, stdout=PIPE, stderr=subprocess.STDOUT) as process:
        out, _ = process.communicate(timeout=20)
    assert out == b"err\n"
    with box.popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert process.wait(20) == 0


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_a_streamed_command_is_ended_from_here(box: Sandbox, how: str) -> None:
    """Signals reach the command itself, not only what carries its streams."""
    number = "9720" if how == "kill" else "9721"
    with box.popen(["sleep", number]) as process:
        eventually(lambda: find(box, number), "the command runs")
        getattr(process, how)()
        code = process.wait(10)
    signum = signal.SIGKILL if how == "kill" else signal.SIGTERM
    assert code in (-signum, 128 + signum)
    assert not find(box, number)


def test_a_signal_sent_at_once_is_not_lost(box: Sandbox) -> None:
    """A command is ended although it has hardly begun."""
    with box.popen(["sleep", "9722"]) as process:
        process.terminate()
        assert process.wait(20) != 0
    eventually(lambda: not find(box, "9722"), "it does not run on")


def test_a_streamed_command_may_handle_a_signal(box: Sandbox) -> None:
    """`send_signal` delivers that signal, once."""
    script = "trap 'echo hup' HUP; trap 'echo end; exit 5' USR1; echo up; while :; do sleep 0.05; done"
    with box.popen(["sh", "-c", script], stdout=PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == b"hup\n"
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.read() == b"end\n"
        assert process.wait(10) == 5


def test_a_shell_opens_inside_from_a_terminal(box: Sandbox) -> None:
    """The command line, for a terminal on the host, that opens a shell inside."""
    import os
    import pty

    command = box.shell_command()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)  # noqa: S606 - no shell wanted
    try:
        os.write(terminal, b"stty -echo; echo in-$(hostname)-$((6 * 7)); tty; exit 9\n")
        seen = b""
        while True:
            try:
                data = os.read(terminal, 4096)
            except OSError:  # the terminal's other end is closed: how a pty says the end
                break
            if not data:
                break
            seen += data
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(terminal)
    assert b"in-lab7-42" in seen, seen
    assert os.waitstatus_to_exitcode(status) == 9
