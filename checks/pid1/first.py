"""What a PID 1 must do, asked of a program from outside: the behaviours of the exercise `p0.pid1`.

The program is run as the real PID 1 of sandboxes, as `PROGRAM [-g] COMMAND ARGS…`, and judged by what
happens to processes, signals and exit codes; nothing looks at its text. What a PID 1 owes its children
is in wait(2), signal(7), kill(2) and pid_namespaces(7); 126, 127 and 128+n are the shell's (POSIX,
XCU 2.8.2, "Exit Status for Commands").
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.pid1.box import Box, Program, random_word
from checks.pid1.first_hints import PID1_HINTS
from helpers.errors import SandboxGone
from helpers.filetree import FileTree

__all__ = ["SUITE", "tini"]

_START = 5.0  # seconds for Python to start on a busy computer
_END = 3.0  # seconds PID 1 has to end after its child has
_PROMPT = 1.0  # seconds a zombie may stay
_LATE = 3.0  # seconds more to tell a slow reaper from none
_FORWARD = 2.0  # seconds a forwarded signal may take
_AT_REST = 0.05  # of one processor
_SERVICE = "/opt/lab/service.sh"

# Signals whose default action ends a process (signal(7)), that leave no core file and that no language
# run time is known to ignore.
_DEADLY = ("KILL", "USR1", "USR2", "ALRM", "VTALRM")


def tini(_: Program) -> Program:
    """A known-good PID 1 (tini(1), in the image): tells our failure from the learner's."""
    return Program(("/usr/bin/tini",), separator=("--",))


SUITE: Suite[Program] = Suite(PID1_HINTS, control=tini)

_Run = Callable[[Trial, Program], Finding]


def _gone(hint: str) -> Callable[[_Run], _Run]:
    """A PID 1 that ends while it is being looked at is a finding (with `hint`), not a failure of the lab."""

    def decorate(run: _Run) -> _Run:
        @wraps(run)
        def wrapped(trial: Trial, program: Program) -> Finding:
            try:
                return run(trial, program)
            except SandboxGone as gone:
                return trial.no(expected="PID 1 runs as long as its child", seen=gone.message, hint=hint)

        return wrapped

    return decorate


@SUITE.behaviour("starts", points=1, asked="run COMMAND, with its arguments, as a child of PID 1")
@_gone("does-not-run")
def starts(trial: Trial, program: Program) -> Finding:
    """The command is PID 1's own child, has its arguments unchanged, and prints to the console."""
    tag = random_word(trial.rng)
    args = [random_word(trial.rng), f"two {random_word(trial.rng)}", "-g", "$HOME", "*"]
    trial.rng.shuffle(args)
    command = ("/opt/lab/arguments.sh", tag, *args)
    expected = f"a child of PID 1 with the arguments {' '.join(map(repr, args))}"
    box = Box(trial, program, command, tag=tag)
    said = box.wait_said("running", *(f"argument {a}" for a in args), timeout=_START)
    if box.exit is not None:
        hint = "arguments" if box.said("running") else "does-not-run"
        return trial.no(expected=expected, seen=box.ended(), hint=hint)
    inside = ("/bin/sh", *command)  # the kernel puts the interpreter in front (execve(2))
    if box.first().argv == inside:
        return trial.no(expected=expected, seen="the command itself is PID 1", hint="exec-not-fork")
    child = box.find(inside)
    if child is None:
        others = [p for p in box.sandbox.processes() if p.ppid == 1]
        if box.said("running") or others:
            seen = "the command was started with other arguments"
            return trial.no(expected=expected, seen=seen, hint="arguments")
        return trial.no(expected=expected, seen="no child of PID 1 after 5 s", hint="never-starts")
    if child.ppid != 1:
        seen = f"its parent is process {child.ppid}, not PID 1"
        return trial.no(expected=expected, seen=seen, hint="not-its-child")
    if not said:
        seen = "it runs, but its output is not on the console"
        return trial.no(expected=expected, seen=seen, hint="output-captured")
    return trial.ok(expected=expected, seen="a child with these arguments")


@SUITE.behaviour("ends", points=1, needs=("starts",), asked="end when the child has ended")
def ends(trial: Trial, program: Program) -> Finding:
    """PID 1 ends soon after its child, whatever the status."""
    tag, status = random_word(trial.rng), trial.rng.randrange(3, 120)
    expected = f"PID 1 ends within {_END:g} s"
    command = ("/bin/sh", "-c", 'sleep 0.1; echo "$0:over"; exit $1', tag, str(status))
    box = Box(trial, program, command, tag=tag)
    box.wait_said("over", timeout=_START)
    if box.wait_exit(_END) is not None:
        return trial.ok(expected=expected, seen="it did")
    try:
        zombies = len(box.zombies())
    except SandboxGone:
        return trial.no(expected=expected, seen=f"it took longer than {_END:g} s", hint="does-not-exit")
    if zombies:
        return trial.no(expected=expected, seen="PID 1 runs on; its child is a zombie", hint="no-reaping")
    return trial.no(expected=expected, seen="PID 1 runs on without a child", hint="does-not-exit")


@SUITE.behaviour("status", points=1, needs=("ends",), asked="end with the child's status")
def status(trial: Trial, program: Program) -> Finding:
    """The child's exit code, or 128 + the signal that killed it."""
    wanted = trial.rng.randrange(3, 120)
    name = trial.rng.choice(_DEADLY)
    number = int(signal.Signals[f"SIG{name}"])
    asked = f"a child that exits with {wanted}, another that SIG{name} ({number}) kills"
    expected = f"{wanted} and {128 + number}"

    def run(script: str) -> int | None:
        box = Box(trial, program, ("/bin/sh", "-c", script), tag=random_word(trial.rng))
        return box.wait_exit(_START)

    code = run(f"exit {wanted}")
    code_killed = run(f"kill -{name} $$; exit 99")
    seen = f"{_or_running(code)} and {_or_running(code_killed)}"
    if (code, code_killed) == (wanted, 128 + number):
        return trial.ok(asked=asked, expected=expected, seen=seen)
    if code is None or code_killed is None:
        hint = "does-not-exit"
    elif code == 0:
        hint = "raw-status" if code_killed == number else "exit-zero"
    elif code != wanted:
        hint = "wrong-status"
    elif code_killed == 99:  # the signal did not kill the child
        hint = "blocked-in-child"
    else:
        known = {256 - number: "negative-status", 0: "signal-as-zero"}
        hint = known.get(code_killed, "signal-status")
    return trial.no(asked=asked, expected=expected, seen=seen, hint=hint)


@SUITE.behaviour("reaps", points=2, needs=("ends",), asked="reap every orphan")
@_gone("exits-with-orphan")
def reaps(trial: Trial, program: Program) -> Finding:
    """No adopted zombie stays for a second, also when many die before PID 1 can look."""
    tag, count, code = random_word(trial.rng), trial.rng.randrange(60, 121), trial.rng.randrange(3, 120)
    asked = (
        f"adopt {count} orphans; they die, half of them while PID 1 is stopped; then the child exits {code}"
    )
    expected = f"no zombie {_PROMPT:g} s later, and exit code {code}"
    # The inner shell ends at once: its sleeps lose their parent and become PID 1's (wait(2), "Notes").
    script = (
        "(i=0; while [ $i -lt $1 ]; do sleep 600 & i=$((i+1)); done); "
        'echo "$0:adopted"; until [ -e /tmp/end ]; do sleep 0.05; done; exit $2'
    )
    box = Box(trial, program, ("/bin/sh", "-c", script, tag, str(count), str(code)), tag=tag)
    if not box.wait_said("adopted", timeout=2 * _START):
        if box.exit is not None:
            return trial.no(asked=asked, expected=expected, seen=box.ended(), hint="ends-early")
        raise LabFailed(f"the command did not start {count} processes within {2 * _START:g} s")

    def orphans() -> list[int]:
        return [p.pid for p in box.sandbox.processes() if p.ppid == 1 and p.argv == ("sleep", "600")]

    trial.until(lambda: len(orphans()) == count, 2.0)
    alive = orphans()
    if len(alive) != count:
        raise LabFailed(f"PID 1 has {len(alive)} orphans of {count}: the kernel did not hand them over")

    def failed(batch: int, left: int) -> Finding:
        seen = f"{left} of {batch} zombies {_PROMPT:g} s after they died"
        began = time.monotonic()
        if box.exit is None and trial.until(lambda: not box.zombies(), _LATE, 0.05):
            late = time.monotonic() - began
            seen = f"{seen}, gone {late:.1f} s later"
            doubtful = late < _PROMPT  # a busy computer may do that
            return trial.no(asked=asked, expected=expected, seen=seen, hint="reaps-late", doubtful=doubtful)
        seen = f"{seen}, still there {_LATE:g} s later"
        hint = "orphans-stay" if left == batch else "one-per-signal"
        return trial.no(asked=asked, expected=expected, seen=seen, hint=hint)

    def kill(batch: list[int], dead: Callable[[], bool]) -> None:
        box.sh(f"kill -KILL {' '.join(map(str, batch))}")
        trial.until(lambda: box.exit is not None or dead(), 2.0)

    first, second = alive[: count // 2], alive[count // 2 :]
    # Stopped, PID 1 finds them all dead at once with a single SIGCHLD pending (signal(7): not queued).
    box.sandbox.signal(signal.SIGSTOP)
    kill(first, lambda: len(box.zombies()) == len(first))
    box.sandbox.signal(signal.SIGCONT)
    for batch in (first, second):
        if batch is second:  # right after a clean look: a PID 1 that polls has just polled
            kill(second, lambda: not orphans())
        trial.until(lambda: box.exit is not None or not box.zombies(), _PROMPT)
        if box.exit is not None:
            return trial.no(asked=asked, expected=expected, seen=box.ended(), hint="exits-with-orphan")
        if left := len(box.zombies()):
            return failed(len(batch), left)
    with suppress(SandboxGone):  # PID 1 may end, and all of its namespace with it, before touch has
        box.sh("touch /tmp/end")
    ended = box.wait_exit(_END)
    if ended != code:
        seen = f"no zombie, but exit code {_or_running(ended)}"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="lost-status")
    return trial.ok(asked=asked, expected=expected, seen=f"no zombie, and {ended}")


@SUITE.behaviour("forwards", points=1, needs=("ends",), asked="forward SIGTERM to the child alone")
@_gone("exits-before-child")
def forwards(trial: Trial, program: Program) -> Finding:
    """The child gets it, its neighbours in its process group do not, and its answer is waited for."""
    tag, code = random_word(trial.rng), trial.rng.randrange(3, 120)
    expected = f"the child gets it, cleans up, exits {code}; PID 1 ends with {code}"
    box = Box(trial, program, (_SERVICE, tag, str(code), "1", "helper"), tag=tag)
    if early := _not_ready(trial, box, expected, "ready", "helper-ready"):
        return early
    box.sandbox.signal(signal.SIGTERM)
    if not box.wait_said("TERM1", timeout=_FORWARD):
        return _not_forwarded(trial, box, expected, "sigterm-not-forwarded")
    ended = box.wait_exit(_END)
    if box.said("helper-TERM"):
        seen = "another process of the child's group got it too"
        return trial.no(expected=expected, seen=seen, hint="signals-too-many")
    return _afterwards(trial, box, expected, code, "exits-before-child", ended)


@SUITE.behaviour(
    "group", points=1, needs=("forwards",), asked="with -g, forward SIGTERM to the child's process group"
)
@_gone("exits-before-child")
def group(trial: Trial, program: Program) -> Finding:
    """The child and what it started get it; a process in another session does not."""
    tag, code = random_word(trial.rng), trial.rng.randrange(3, 120)
    names = [f"{random_word(trial.rng, 4)}-{n}" for n in range(trial.rng.randrange(2, 4))]
    expected = f"the child and its {len(names)} helpers get it, nobody else; exit code {code}"
    command = (_SERVICE, tag, str(code), "1", *names, "outsider")
    box = Box(trial, program, command, tag=tag, group=True)
    ready = ("ready", "outsider-ready", *(f"{name}-ready" for name in names))
    if not box.wait_said(*ready, timeout=_START):
        seen = "the command did not start" if box.exit is None else box.ended()
        return trial.no(expected=expected, seen=seen, hint="option-g")
    child = box.find(("/bin/sh", *command))
    if child is not None and child.pgid == box.first().pgid:
        seen = "the child is in PID 1's own process group"
        return trial.no(expected=expected, seen=seen, hint="no-own-group")
    box.settle()
    box.sandbox.signal(signal.SIGTERM)
    if not box.wait_said("TERM1", timeout=_FORWARD):
        return _not_forwarded(trial, box, expected, "group-not-signalled")
    ended = box.wait_exit(_END)
    deaf = [name for name in names if not box.said(f"{name}-TERM")]
    if deaf:
        seen = f"{len(deaf)} of {len(names)} helpers did not get it"
        return trial.no(expected=expected, seen=seen, hint="group-not-signalled")
    if box.said("outsider-TERM"):
        seen = "a process of another session got it too"
        return trial.no(expected=expected, seen=seen, hint="signals-too-many")
    return _afterwards(trial, box, expected, code, "exits-before-child", ended)


@SUITE.behaviour(
    "second", points=1, needs=("forwards",), asked="survive a second SIGTERM, and forward it too"
)
@_gone("exits-before-child")
def second(trial: Trial, program: Program) -> Finding:
    """A child that ends only at the second SIGTERM gets both."""
    tag, code = random_word(trial.rng), trial.rng.randrange(3, 120)
    expected = f"the child gets two, then exits {code}; PID 1 ends with {code}"
    box = Box(trial, program, (_SERVICE, tag, str(code), "2"), tag=tag)
    if early := _not_ready(trial, box, expected, "ready"):
        return early
    box.sandbox.signal(signal.SIGTERM)
    if not box.wait_said("TERM1", timeout=_FORWARD):
        return _not_forwarded(trial, box, expected, "sigterm-not-forwarded")
    if box.wait_exit(0.3) is not None:
        return trial.no(expected=expected, seen=f"after the first, {box.ended()}", hint="exits-before-child")
    box.sandbox.signal(signal.SIGTERM)
    if not box.wait_said("TERM2", timeout=_FORWARD):
        if box.exit is not None:
            return trial.no(expected=expected, seen=f"at the second, {box.ended()}", hint="dies-on-second")
        return trial.no(expected=expected, seen="the child got one", hint="second-signal-lost")
    ended = box.wait_exit(_END)
    return _afterwards(trial, box, expected, code, "dies-on-second", ended)


@SUITE.behaviour("idle", points=1, needs=("starts",), asked="use no processor while nothing happens")
@_gone("ends-early")
def idle(trial: Trial, program: Program) -> Finding:
    """CPU time of PID 1 over a second in which its child sleeps (proc(5), /proc/PID/stat)."""
    tag = random_word(trial.rng)
    expected = f"less than {_AT_REST:.0%} of one processor"
    box = Box(trial, program, ("/bin/sh", "-c", 'echo "$0:ready"; sleep 600; :', tag), tag=tag)
    if early := _not_ready(trial, box, expected, "ready"):
        return early
    before = box.first().cpu
    trial.pause(1.0)
    used = box.first().cpu - before
    if used < _AT_REST:
        return trial.ok(expected=expected, seen=f"{used:.0%}")
    return trial.no(expected=expected, seen=f"{used:.0%}", hint="busy-loop", doubtful=True)


@SUITE.behaviour("cannot", points=1, needs=("ends",), asked="report a COMMAND that cannot be executed")
def cannot(trial: Trial, program: Program) -> Finding:
    """A message that names it and 127 where it does not exist, 126 where it may not be executed."""
    missing, plain = (f"/opt/lab/{random_word(trial.rng)}" for _ in range(2))
    asked = "a COMMAND that does not exist, another that may not be executed"
    expected = "127 and 126, each with a message that names the command"
    tree = FileTree()
    tree.add(plain, "not a program\n", 0o644)
    codes, named = [], []
    for command in (missing, plain):
        box = Box(trial, program, (command, "x"), tag=random_word(trial.rng), tree=tree)
        codes.append(box.wait_exit(_START))
        named.append(command in box.sandbox.logs().decode(errors="replace"))
    seen = " and ".join(map(_or_running, codes))
    if codes[0] != 127:
        return trial.no(asked=asked, expected=expected, seen=seen, hint="not-found")
    if codes[1] != 126:
        return trial.no(asked=asked, expected=expected, seen=seen, hint="not-executable")
    if not all(named):
        return trial.no(asked=asked, expected=expected, seen=f"{seen}, without a message", hint="no-message")
    return trial.ok(asked=asked, expected=expected, seen=f"{seen}, each with a message")


def _or_running(code: int | None) -> str:
    return "none (it still runs)" if code is None else str(code)


def _not_ready(trial: Trial, box: Box, expected: str, *words: str) -> Finding | None:
    """Wait until the command is ready and PID 1 takes signals; a finding where that fails."""
    if not box.wait_said(*words, timeout=_START):
        seen = "the command did not start" if box.exit is None else box.ended()
        return trial.no(expected=expected, seen=seen, hint="ends-early" if box.exit else "never-starts")
    box.settle()
    return None


def _not_forwarded(trial: Trial, box: Box, expected: str, hint: str) -> Finding:
    """The child has not got the signal: because PID 1 ended, because it is blocked, or for `hint`."""
    if box.exit is not None:
        return trial.no(expected=expected, seen=box.ended(), hint="exits-before-child")
    blocked = any(
        box.blocks(p.pid, signal.SIGTERM)
        for p in box.sandbox.processes()
        if p.ppid == 1 and _SERVICE in p.argv
    )
    if blocked:
        return trial.no(expected=expected, seen="SIGTERM is blocked in the child", hint="blocked-in-child")
    return trial.no(expected=expected, seen=f"nothing at the child after {_FORWARD:g} s", hint=hint)


def _afterwards(trial: Trial, box: Box, expected: str, code: int, early: str, ended: int | None) -> Finding:
    """The child got what it should: did PID 1 wait for it, and end with its status?"""
    if ended is None:
        seen = "the child has ended, PID 1 runs on"
        return trial.no(expected=expected, seen=seen, hint="does-not-exit")
    if not box.said("cleaned"):
        return trial.no(expected=expected, seen=f"{box.ended()} before the child was done", hint=early)
    if ended != code:
        return trial.no(expected=expected, seen=box.ended(), hint="wrong-status")
    return trial.ok(expected=expected, seen=f"so it did, and PID 1 ended with {ended}")
