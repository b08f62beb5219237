"""The misbehaving daemon by itself, as a process of the computer that runs the tests."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DAEMON = Path(__file__).resolve().parents[2] / "labs" / "daemons" / "misbehave"


def command(*options: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(DAEMON), *options]


@contextmanager
def running(*options: str, pass_fds: tuple[int, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    argv = command(*options)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, pass_fds=pass_fds) as process:
        try:
            yield process
        finally:
            process.kill()


def until(done: Callable[[], object], timeout: float = 15.0) -> None:
    end = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def code(*options: str) -> int:
    return subprocess.run(command(*options), capture_output=True, timeout=30).returncode


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def test_help_names_every_option_and_both_ways_to_run_it() -> None:
    """`--help` says what each option does and shows an example alone and in front of a command."""
    text = subprocess.run(command("--help"), capture_output=True, text=True, check=True).stdout
    for option in ("--start-after", "--never-ready", "--ready-fd", "--port", "--crash-after", "--status"):
        assert option in text
    for option in ("--ignore-term", "--orphans", "--log-rate", "--memory", "--busy", "--zombies"):
        assert option in text
    assert "misbehave --port 8000" in text
    assert "misbehave --ignore-term -- /usr/bin/redis-server" in text


@pytest.mark.parametrize(
    "options",
    [
        ("--start-after", "soon"),
        ("--start-after", "-1"),
        ("--crash-after", "nan"),
        ("--status", "256"),
        ("--orphans", "-2"),
        ("--ignore", "KILL"),
        ("--ignore", "NOSUCH"),
        ("--program", "/bin/true"),
        ("--port", "1", "--", "true"),
        ("--nosuch",),
    ],
)
def test_a_wrong_option_ends_with_2_and_is_named(options: tuple[str, ...]) -> None:
    """Bad input is refused before anything is done, with the option's name."""
    done = subprocess.run(command(*options), capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert options[0] in done.stderr


@pytest.mark.parametrize("front", [(), ("--", "sleep", "30")])
def test_it_crashes_with_the_status_asked_for(front: tuple[str, ...]) -> None:
    """--crash-after S --status N: alone and in front of a command."""
    begin = time.monotonic()
    assert code("--crash-after", "0.2", "--status", "7", *front) == 7
    assert time.monotonic() - begin >= 0.2


def test_with_nothing_to_do_beside_it_becomes_the_command() -> None:
    """execve(2): the PID stays, the command's status is the status."""
    with running("--start-after", "0.1", "--", "sleep", "30") as process:
        until(lambda: status_of(process.pid)["Name"] == "sleep")
    assert code("--", "sh", "-c", "exit 6") == 6
    assert code("--", "/no/such/program") == 127


def test_the_programs_name_may_differ_from_its_file() -> None:
    """--program FILE is executed, with COMMAND as its argument list."""
    argv = command("--program", "/bin/sh", "--", "otherwise", "-c", "echo $0")
    argv[-1] = "tr '\\0' ' ' </proc/$$/cmdline"
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    assert done.stdout.startswith("otherwise -c")


def masks(argv: list[str]) -> dict[str, str]:
    """The signal masks in what `cat /proc/self/status` prints at the end of `argv`."""
    text = subprocess.run(argv, capture_output=True, text=True, timeout=30).stdout
    found = dict(line.split(":\t") for line in text.splitlines() if line.startswith("Sig"))
    return {name: found[name] for name in ("SigBlk", "SigIgn")}


def test_a_command_gets_its_signals_as_if_nobody_stood_in_front() -> None:
    """No signal is blocked or ignored in the command that was not before (python ignores SIGPIPE)."""
    direct = masks(["cat", "/proc/self/status"])
    for options in ([], ["--ignore", "USR1"]):
        assert masks(command(*options, "--", "cat", "/proc/self/status")) == direct


def test_sigterm_is_ignored_and_another_signal_ends_it() -> None:
    """--ignore-term: SIGTERM does nothing, SIGINT ends it with 0."""
    with running("--ignore-term") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "misbehave: ready\n"
        for _ in range(3):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.05)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_a_command_that_is_terminated_along_with_it_leaves_it_standing() -> None:
    """Stopping a whole cgroup reaches COMMAND too: --ignore-term is about the process the init knows."""
    with running("--ignore-term", "--", "sleep", "30") as process:
        until(lambda: children(process.pid))
        (child,) = children(process.pid)
        os.kill(child, signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        until(lambda: not children(process.pid))
        time.sleep(0.3)
        assert process.poll() is None


def test_in_front_it_ends_as_the_command_does_and_passes_signals_on() -> None:
    """The command's status or signal is its own; SIGTERM reaches the command."""
    assert code("--ignore", "USR1", "--", "sh", "-c", "exit 5") == 5
    assert code("--ignore", "USR1", "--", "sh", "-c", "kill -9 $$") == -signal.SIGKILL
    with running("--ignore", "USR1", "--", "sleep", "30") as process:
        until(lambda: children(process.pid))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_the_command_dies_with_it() -> None:
    """SIGKILL leaves no child behind (PR_SET_PDEATHSIG)."""
    with running("--ignore-term", "--", "sleep", "30") as process:
        until(lambda: children(process.pid))
        (child,) = children(process.pid)
        until(lambda: status_of(child)["Name"] == "sleep")
        process.kill()
        process.wait(10)
        until(lambda: not Path(f"/proc/{child}").exists() or status_of(child)["State"].startswith("Z"))


def test_it_says_ready_on_a_descriptor_and_on_its_port_only_then() -> None:
    """--ready-fd gets one newline and its end, --port answers; both after --start-after."""
    port = free_port()
    reading, writing = os.pipe()
    begin = time.monotonic()
    options = ("--start-after", "0.5", "--port", str(port), "--ready-fd", str(writing))
    with running(*options, pass_fds=(writing,)) as process, os.fdopen(reading, "rb") as ready:
        os.close(writing)
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        assert ready.read() == b"\n"
        assert time.monotonic() - begin >= 0.5
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            assert json.load(answer) == {"pid": process.pid, "lines": 0}


def test_never_ready_opens_no_port_and_runs_no_command(tmp_path: Path) -> None:
    """--never-ready: the process is there; the command is not."""
    mark = tmp_path / "mark"
    with running("--never-ready", "--", "touch", str(mark)) as process:
        time.sleep(0.5)
        assert process.poll() is None
        assert not mark.exists()
        process.terminate()
        assert process.wait(10) == 0


def test_orphans_lose_their_parent_and_zombies_keep_theirs() -> None:
    """--orphans N: N processes, none of them its child; --zombies N: N children nobody waits for."""
    name = f"test{os.getpid()}"

    def orphans() -> list[int]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == f"orphan-of-{name}".encode():
                found.append(int(folder.name))
        return found

    with running("--orphans", "3", "--orphan-life", "20", "--zombies", "2", "--name", name) as process:
        try:
            until(lambda: len(orphans()) == 3)
            assert all(int(status_of(pid)["PPid"]) != process.pid for pid in orphans())
            until(lambda: len(children(process.pid)) == 2)
            assert all(status_of(child)["State"].startswith("Z") for child in children(process.pid))
        finally:
            for pid in orphans():
                os.kill(pid, signal.SIGKILL)


def test_it_writes_lines_at_a_rate_and_blocks_when_nobody_reads() -> None:
    """--log-rate N; a full pipe blocks the writer (pipe(7)), and the count it tells stands still."""
    port = free_port()
    with running("--log-rate", "5000", "--port", str(port)) as process:
        seen = []

        def told() -> int:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    seen.append(int(json.load(answer)["lines"]))
            except OSError:
                return 0
            return seen[-1]

        until(lambda: told() > 300)

        def stands_still() -> bool:
            before = told()
            time.sleep(0.3)
            return told() == before > 0

        until(stands_still)
        assert seen[-1] < 1000
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 65536)
        stuck = seen[-1]
        until(lambda: told() > stuck)


def test_memory_and_processor_are_used_as_asked() -> None:
    """--memory MIB is resident; --busy keeps a processor at work."""
    with running("--memory", "40", "--busy") as process:
        until(lambda: int(status_of(process.pid)["VmRSS"].split()[0]) > 40 * 1024)

        def ticks() -> int:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])

        begin = ticks()
        until(lambda: ticks() > begin + 20)
