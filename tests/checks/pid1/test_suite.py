"""The conformance suite on real sandboxes: each behaviour is kept by a good PID 1, and lost by a bad one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from checks.behaviours import Trial
from checks.pid1 import Cell, Command, Result, Table, judge, judge_all
from checks.pid1.command_hints import HINTS
from checks.pid1.suites import whole_suite
from helpers.course import exercises
from helpers.engines.base import Image
from helpers.filetree import FileTree

PYTHON = ("/usr/bin/python3", "/opt/lab/pid1.py")
WRONG = {answer.name: answer.path for answer in exercises.load("p0.pid1").wrong}
MINIMAL = (
    Command(("/usr/bin/tini", "--"), name="tini"),
    Command(("/usr/bin/dumb-init", "--"), name="dumb-init"),
    Command(("/usr/bin/catatonit", "--"), name="catatonit"),
)

# A PID 1 that does much; each bad one changes one line of it.
GOOD = """
import os, signal, sys, termios
every = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
signal.pthread_sigmask(signal.SIG_BLOCK, every)
try:
    child = os.fork()
except OSError as error:
    sys.exit(f"pid1: fork: {error}")
if child == 0:
    os.setpgid(0, 0)
    try:
        os.tcsetpgrp(0, os.getpgrp())
    except OSError:
        pass
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        print("pid1:", sys.argv[1], error.strerror, file=sys.stderr, flush=True)
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)
while True:
    number = signal.sigwaitinfo(every).si_signo
    if number == signal.SIGCHLD:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)
    else:
        os.kill(child, number)
"""


def _made(text: str, name: str = "made") -> Command:
    tree = FileTree()
    tree.add("/opt/lab/pid1.py", text)
    return Command(PYTHON, tree, name)


def _but(*changes: tuple[str, str]) -> Command:
    text = GOOD
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return _made(text)


CLEAN = "    signal.pthread_sigmask(signal.SIG_SETMASK, [])\n"
# ruff: noqa: E501 - one line each: name, the changed line, what is lost
BAD: dict[str, tuple[Command, str, str]] = {
    # name: (the bad PID 1, the behaviour it loses, the deviation)
    "sh": (Command(("/bin/sh", "-c", 'exec "$@"', "sh")), "starts", "exec-not-fork"),
    "between": (Command(("/bin/sh", "-c", '/bin/sh -c \'"$@"; :\' x "$@"; exit', "sh")), "starts", "not-its-child"),
    "captured": (_but(("    os.setpgid(0, 0)\n", "    os.dup2(os.open('/dev/null', 1), 1)\n")), "starts", "output-captured"),
    "never": (_but(("os._exit(code if code >= 0 else 128 - code)", "pass")), "ends", "does-not-end"),
    "low-bits": (_but(("code if code >= 0", "code & 127 if code >= 0")), "exit-status", "wrong-status"),
    "minus": (_but((" else 128 - code", " else code & 255")), "signal-status", "signal-status"),
    "leak": (_but(("    os.setpgid(0, 0)\n", "    os.set_inheritable(os.open('/', 0), True)\n")), "descriptors", "leaks-descriptors"),
    "mask": (_but((CLEAN, "")), "clean-signals", "signals-blocked"),
    "pipe": (_but(("(signal.SIGPIPE, signal.SIGXFSZ, ", "(signal.SIGXFSZ, ")), "clean-signals", "signals-ignored"),
    "group": (_but(("    os.setpgid(0, 0)\n", "")), "own-group", "no-own-group"),
    "own": (_but(("os.waitpid(-1,", "os.waitpid(child,")), "reaps-adopted", "orphans-stay"),
    "one": (_but(("            if pid == child:", "            if pid != child:\n                break\n            else:")), "reaps-adopted", "one-per-signal"),
    "own-short": (_but(("os.waitpid(-1,", "os.waitpid(child,")), "short-children", "orphans-stay"),
    "any-end": (_but(("if pid == child:", "if pid:")), "reaps-adopted", "exits-with-orphan"),
    "silent": (_but(("file=sys.stderr, flush=True", "file=open('/dev/null', 'w')")), "exec-missing", "no-message"),
    "one-code": (_but(("127 if isinstance(error, FileNotFoundError) else 126", "127")), "exec-denied", "other-code"),
    "no-hup": (_but(("    else:\n        os.kill", "    elif number != 1:\n        os.kill")), "forwards", "not-forwarded"),
    "no-segv": (_but(("- {signal.SIGKILL,", "- {signal.SIGSEGV, signal.SIGKILL,")), "forwards-fault", "faults-not-forwarded"),
    "no-rt": (_but(("signal.valid_signals() -", "set(range(1, 32)) -")), "forwards-realtime", "realtime-not-forwarded"),
    "doubled": (_but(("        os.kill(child, number)", "        os.kill(child, number); import time; time.sleep(0.1); os.kill(child, number)")), "forwards", "twice"),
    "to-all": (_but(("os.kill(child, number)", "os.kill(-child, number)")), "child-alone", "whole-group"),
    "once": (_but(("    else:\n        os.kill(child, number)", "    else:\n        os.kill(child, number); every -= {number}")), "second-signal", "lost-status"),
    "impatient": (_but(("        os.kill(child, number)", "        os.kill(child, number); import time; time.sleep(0.3); os.kill(child, 9)")), "keeps-waiting", "ends-on-signal"),
    "no-stop": (_but(("    else:\n        os.kill", "    elif number != signal.SIGTSTP:\n        os.kill")), "stop-signals", "does-not-stop"),
    "no-cont": (_but(("    else:\n        os.kill", "    elif number != signal.SIGCONT:\n        os.kill")), "stop-signals", "does-not-continue"),
    "untraced": (_but(("os.waitpid(-1, os.WNOHANG)", "os.waitpid(-1, os.WNOHANG | os.WUNTRACED)"), ("os.waitstatus_to_exitcode(status)", "status >> 8")), "stopped-child", "stop-is-end"),
    "background": (_but(("        os.tcsetpgrp(0, os.getpgrp())", "        pass")), "terminal", "no-terminal"),
    "no-ctrl-c": (_but(("        os.tcsetpgrp(0, os.getpgrp())", "        pass"), ("    else:\n        os.kill", "    elif number != 2:\n        os.kill")), "interrupt", "no-interrupt"),
    "ctrl-c-twice": (_but(("    else:\n", "    else:\n        if number == 2:\n            os.kill(child, number); import time; time.sleep(0.1)\n"), ("        os.tcsetpgrp(0, os.getpgrp())", "        pass")), "interrupt", "twice"),
    "no-jobs": (_but(("os.setpgid(0, 0)", "os.setsid()")), "job-control", "no-job-control"),
    "polls": (_but(("number = signal.sigwaitinfo(every).si_signo", "got = signal.sigtimedwait(every, 0.5)\n    if got is None:\n        continue\n    number = got.si_signo")), "rest", "polls"),
    "busy": (_but(("number = signal.sigwaitinfo(every).si_signo", "got = signal.sigtimedwait(every, 0)\n    if got is None:\n        continue\n    number = got.si_signo")), "rest", "busy-loop"),
    "chatty": (_but(("    if number == signal.SIGCHLD:", "    print('got', number, flush=True)\n    if number == signal.SIGCHLD:")), "stalled-reader", "stalls"),
    "patient": (_but(("    sys.exit(f\"pid1: fork: {error}\")", "    signal.pause()")), "fork-fails", "waits-for-nothing"),
    "cheerful": (_but(("    sys.exit(f\"pid1: fork: {error}\")", "    sys.exit(0)")), "fork-fails", "hides-failure"),
    "oom-lost": (_but((" else 128 - code", " else 1")), "memory-short", "wrong-status"),
}  # fmt: skip


@pytest.mark.live
@pytest.mark.timeout(120)
def test_a_good_pid_1_keeps_everything_that_can_be_asked(image: Image) -> None:
    """A short Python program keeps the whole suite; the clock alone is not asked, with the reason."""
    table = judge(_made(GOOD))
    assert not table.of(Result.NOT_KEPT, Result.HUNG, Result.DIFFERENT), str(table)
    assert {cell.behaviour for cell in table.of(Result.NOT_ASKED)} <= {
        "clock-jumps",
        "fork-fails",
        "memory-short",
    }
    why = {cell.behaviour: cell.why for cell in table.of(Result.NOT_ASKED)}
    assert all(why.values())
    assert "time_namespaces(7)" in why["clock-jumps"]


@pytest.mark.live
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", BAD)
def test_each_behaviour_is_lost_by_a_pid_1_that_lacks_it(image: Image, name: str) -> None:
    """One line less, and exactly that is told."""
    subject, behaviour, deviation = BAD[name]
    (cell,) = judge(subject, only=[behaviour]).cells
    if cell.result is Result.NOT_ASKED:
        pytest.skip(cell.why)
    assert (cell.result, cell.deviation) == (Result.NOT_KEPT, deviation), cell.seen


def test_every_behaviour_that_can_be_kept_has_a_bad_pid_1() -> None:
    """A behaviour that nobody can lose is no behaviour."""
    lost = {behaviour for _, behaviour, _ in BAD.values()}
    assert {b.name for b in whole_suite().behaviours} - lost == {"clock-jumps"}
    assert {deviation for _, _, deviation in BAD.values()} <= set(HINTS)


@pytest.mark.live
@pytest.mark.timeout(180)
def test_the_minimal_inits_deviate_only_where_it_is_known(image: Image) -> None:
    """What their sources say they do is a difference of contract; the rest is shown as a finding."""
    table = judge_all(MINIMAL)
    found = {(cell.init, cell.behaviour) for cell in table.of(Result.NOT_KEPT, Result.HUNG)}
    assert found <= {
        ("tini", "rest"),
        ("dumb-init", "exec-missing"),
        ("dumb-init", "exec-denied"),
        ("catatonit", "exec-missing"),
        ("catatonit", "exec-denied"),
    }, str(table)
    assert ("dumb-init", "child-alone") in {(c.init, c.behaviour) for c in table.of(Result.DIFFERENT)}
    assert all(cell.why and cell.source for cell in table.of(Result.DIFFERENT))


@pytest.mark.live
@pytest.mark.parametrize(
    ("wrong", "behaviour", "deviation"),
    [
        ("own_child_only", "reaps-adopted", "orphans-stay"),
        ("exits_zero", "exit-status", "wrong-status"),
        ("leaks_the_mask", "clean-signals", "signals-blocked"),
        ("silent_127", "exec-missing", "no-message"),
        ("busy_loop", "rest", "busy-loop"),
    ],
)
def test_wrong_answers_of_the_first_exercise_are_found_here_too(
    image: Image, wrong: str, behaviour: str, deviation: str
) -> None:
    """The suite asks no less than the exercise p0.pid1."""
    (cell,) = judge(_made(WRONG[wrong].read_text()), only=[behaviour]).cells
    assert (cell.result, cell.deviation) == (Result.NOT_KEPT, deviation), cell.seen


@pytest.mark.live
def test_a_behaviour_that_hangs_is_killed_at_its_deadline_and_named(image: Image) -> None:
    """Its sandbox is gone, and the cell says what was asked."""
    (cell,) = judge(_made("import time\ntime.sleep(600)\n"), only=["starts"], deadline=1.0).cells
    assert cell.result is Result.HUNG
    assert "as a child of PID 1" in cell.seen


def test_an_unknown_behaviour_is_named() -> None:
    """With those there are."""
    with pytest.raises(ValueError, match="no behaviour 'reeps'; there are: starts, ends"):
        judge(MINIMAL[0], only=["reeps"])


def test_a_table_is_saved_and_read_back(tmp_path: Path) -> None:
    """JSON holds everything; CSV has a row for each cell; text and HTML say why."""
    cells = (
        Cell("one", "starts", Result.KEPT, "start", "a child", "a child"),
        Cell("one", "rest", Result.NOT_KEPT, "sleep", "none", "2 <b>wake-ups", "polls"),
        Cell("two", "rest", Result.NOT_ASKED, "sleep", why="no /proc"),
    )
    table = Table(cells, 7, 1.5)
    assert Table.from_json(table.to_json()) == table
    assert len(table.to_csv().splitlines()) == 1 + len(cells)
    assert not table.conforms
    assert "✗ one, rest: 2 <b>wake-ups." in str(table)
    assert "2 &lt;b&gt;wake-ups" in table._repr_html_()
    assert set(table.save(tmp_path)) == {"json", "csv", "html", "txt"}
    with pytest.raises(ValueError, match="no table"):
        Table.from_json('{"cells": [{}]}')


def test_a_table_saved_under_the_former_word_can_be_read() -> None:
    """Tables in portfolios outlive a change of words."""
    cell = Cell("tini", "forwards-fault", Result.DIFFERENT)
    text = Table((cell,)).to_json().replace("different by contract", "by contract different")
    assert Table.from_json(text).cells == (cell,)


@pytest.mark.live
def test_a_run_that_is_interrupted_leaves_no_trial(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C kills every sandbox of the run."""
    closed = threading.Event()
    cancel = Trial.cancel
    monkeypatch.setattr(Trial, "cancel", lambda self: (closed.set(), cancel(self))[1])

    def told(cell: Cell, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(MINIMAL[0], only=["exec-missing", "keeps-waiting"], told=told)
    assert closed.is_set()
