"""The engine protocol: a PID 1 whose console is a terminal (`Pid1.terminal`)."""

from __future__ import annotations

from collections.abc import Callable

from helpers.engines.base import Pid1, Sandbox
from tests.engines.support import eventually

FAR = True

SAYS = """
test -t 1 && test -t 2 && echo a terminal
test -c /dev/console && echo console >/dev/console
echo err >&2
exec >/dev/null 2>&1
sleep 0.3
echo opened again >/dev/console
trap 'echo bye >/dev/console; exit 3' TERM
echo up >/dev/console
while :; do sleep 1000 & wait; done
"""


def test_what_is_written_to_the_terminal_is_in_the_logs(start: Callable[..., Sandbox]) -> None:
    """Standard output, error and /dev/console alike; also when PID 1 holds none of them open."""
    box = start(Pid1(("/bin/bash", "-c", SAYS), terminal=True))
    eventually(lambda: b"up\n" in box.logs(), "PID 1 is up")
    assert box.logs() == b"a terminal\nconsole\nerr\nopened again\nup\n"
    assert box.stop(5).code == 3
    assert box.logs().endswith(b"up\nbye\n")


def test_a_terminals_output_is_kept_whole(start: Callable[..., Sandbox]) -> None:
    """Much of it, at once, and the end of it when PID 1 ends right after."""
    box = start(Pid1(("/bin/sh", "-c", "seq 1 20000; sleep 0.2; exit 4"), terminal=True))
    assert box.wait(20).code == 4
    eventually(lambda: box.logs().endswith(b"\n20000\n"), "the last line is there")
    assert box.logs().split() == [b"%d" % number for number in range(1, 20001)]


def test_without_asking_the_console_is_no_terminal(start: Callable[..., Sandbox]) -> None:
    """A pipe, which nothing is added to: what every other PID 1 has."""
    box = start(("/bin/bash", "-c", "test -t 1 || echo no terminal; echo up; exec sleep 1000"))
    eventually(lambda: b"up\n" in box.logs(), "PID 1 is up")
    assert box.logs() == b"no terminal\nup\n"
