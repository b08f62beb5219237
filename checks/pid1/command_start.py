"""A command is started, ends, and its end is told."""

from __future__ import annotations

import signal
import time
from contextlib import suppress

from checks.behaviours import Finding, LabFailed, Trial
from checks.pid1.asking import alive, ignored, mask
from checks.pid1.box import random_word
from checks.pid1.command import END, START, SUITE, or_running, ready, start
from checks.pid1.subject import Command
from helpers.errors import SandboxGone
from helpers.filetree import FileTree

__all__ = ["signal_names"]

_PROMPT = 1.0  # seconds a zombie may stay
_LOOK = 'echo "$0:status $(tr "\\n" ";" </proc/self/status)"; ls -l /proc/self/fd | tail -n +2 | '
_LOOK += 'while read -r _ _ _ _ _ _ _ _ n _ to; do echo "$0:fd $n $to"; done; echo "$0:looked"; sleep 600; :'
# Signals that end a process by default (signal(7)); those that dump core do so only where a limit allows it.
_DEADLY = (*range(1, 17), 24, 25, 26, 27, 29, 30, 31, 34, 64)


@SUITE.behaviour("starts", points=1, asked="run COMMAND, its arguments unchanged, as a child of PID 1")
@alive("never-starts")
def starts(trial: Trial, subject: Command) -> Finding:
    """The command is PID 1's own child and prints to PID 1's own output (execve(2); tini(1), "spawns a single
    child")."""
    tag = random_word(trial.rng)
    args = [random_word(trial.rng), f"two {random_word(trial.rng)}", "-g", "$HOME", "*"]
    trial.rng.shuffle(args)
    expected = f"a child of PID 1 with the arguments {' '.join(map(repr, args))}"
    command = ("/opt/lab/arguments.sh", tag, *args)
    box = start(trial, subject, command, tag=tag)
    said = box.wait_said("running", *(f"argument {a}" for a in args), timeout=START)
    if box.exit is not None:
        return trial.no(expected=expected, seen=box.ended(), hint="never-starts")
    child = box.find(("/bin/sh", *command))  # the kernel puts the interpreter in front (execve(2))
    if box.first().argv == ("/bin/sh", *command):
        return trial.no(expected=expected, seen="the command itself is PID 1", hint="exec-not-fork")
    if child is None:
        return trial.no(expected=expected, seen="no process with these arguments", hint="never-starts")
    if child.ppid != 1:
        return trial.no(expected=expected, seen=f"its parent is process {child.ppid}", hint="not-its-child")
    if not said:
        return trial.no(expected=expected, seen="its output is not on the console", hint="output-captured")
    return trial.ok(expected=expected, seen="a child with these arguments")


@SUITE.behaviour("ends", points=1, needs=("starts",), asked="end when the command has ended")
def ends(trial: Trial, subject: Command) -> Finding:
    """PID 1 ends with its command, whoever else still runs (tini(1); catatonit(1))."""
    expected = f"PID 1 ends within {END:g} s, although an orphan runs on"
    tag = random_word(trial.rng)
    box = start(trial, subject, ("/bin/sh", "-c", '(sleep 600 &); echo "$0:over"', tag), tag=tag)
    box.wait_said("over", timeout=START)
    if box.wait_exit(END) is None:
        return trial.no(expected=expected, seen="PID 1 runs on without its command", hint="does-not-end")
    return trial.ok(expected=expected, seen="it did")


@SUITE.behaviour("exit-status", points=1, needs=("ends",), asked="end with the command's exit status")
def exit_status(trial: Trial, subject: Command) -> Finding:
    """0, 1, 255 and one in between are told as they are (wait(2), WEXITSTATUS)."""
    wanted = [0, 1, trial.rng.randrange(3, 120), 255]
    expected = " ".join(map(str, wanted))
    codes = []
    for code in wanted:
        codes.append(start(trial, subject, ("/bin/sh", "-c", f"exit {code}")).wait_exit(START))
        if codes[-1] != code:
            break
    seen = " ".join(map(or_running, codes))
    if codes == wanted:
        return trial.ok(expected=expected, seen=seen)
    return trial.no(expected=expected, seen=seen, hint="wrong-status")


@SUITE.behaviour(
    "signal-status", points=1, needs=("ends",), asked="end with 128 + the signal that killed the command"
)
def signal_status(trial: Trial, subject: Command) -> Finding:
    """For every signal that ends a process: 128 + its number, as a shell tells it (POSIX, XCU 2.8.2)."""
    expected = f"128 + n for each of {len(_DEADLY)} signals"
    wrong = []
    # Nothing of PID 1's own is asked here: the command takes every signal as the kernel means it.
    script = 'exec env --default-signal /bin/sh -c "ulimit -c 0; kill -$0 \\$\\$; exit 99" x'
    for number in _DEADLY:
        command = ("/bin/sh", "-c", script.replace("$0", str(number)))
        code = start(trial, subject, command).wait_exit(START)
        if code != 128 + number:
            wrong.append(f"{number}: {or_running(code)}")
            if len(wrong) == 3:
                break
    if wrong:
        return trial.no(expected=expected, seen="; ".join(wrong), hint="signal-status")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "descriptors", points=1, needs=("starts",), asked="give the command no file descriptors but 0, 1 and 2"
)
@alive("ends-early")
def descriptors(trial: Trial, subject: Command) -> Finding:
    """What PID 1 opens for itself is closed on exec (execve(2), open(2), O_CLOEXEC)."""
    expected = "0, 1 and 2"
    tag = random_word(trial.rng)
    box = start(trial, subject, ("/bin/sh", "-c", _LOOK, tag), tag=tag)
    if early := ready(trial, box, expected, "looked"):
        return early
    lines = [line for line in box.lines() if line.startswith("fd ")]
    own = [line for line in lines if "/proc/" in line]  # the folder ls itself is reading
    more = [line[3:] for line in lines if line not in own and int(line.split()[1]) > 2]
    if more:
        return trial.no(expected=expected, seen=f"also {'; '.join(more)}", hint="leaks-descriptors")
    return trial.ok(expected=expected, seen="no other")


@SUITE.behaviour(
    "clean-signals", points=1, needs=("starts",), asked="start the command with no signal blocked or ignored"
)
@alive("ends-early")
def clean_signals(trial: Trial, subject: Command) -> Finding:
    """The mask and what is ignored outlive fork and execve (signal(7)); the command gets them
    as PID 1 did."""
    expected = "nothing blocked, nothing ignored"
    tag = random_word(trial.rng)
    box = start(trial, subject, ("/bin/sh", "-c", _LOOK, tag), tag=tag)
    if early := ready(trial, box, expected, "looked"):
        return early
    status = next(line for line in box.lines() if line.startswith("status ")).replace(";", "\n")
    blocked, deaf = mask(status, "SigBlk"), ignored(status)
    if blocked:
        return trial.no(expected=expected, seen=f"blocked: {signal_names(blocked)}", hint="signals-blocked")
    if deaf:
        return trial.no(expected=expected, seen=f"ignored: {signal_names(deaf)}", hint="signals-ignored")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "own-group", points=1, needs=("starts",), asked="start the command in a process group of its own"
)
@alive("ends-early")
def own_group(trial: Trial, subject: Command) -> Finding:
    """What a terminal, or kill(-n), sends to the command's group does not reach PID 1 (setpgid(2))."""
    expected = "the command leads its group, and PID 1 is not in it"
    tag = random_word(trial.rng)
    box = start(trial, subject, ("/opt/lab/arguments.sh", tag), tag=tag)
    if early := ready(trial, box, expected, "running"):
        return early
    child = box.find(("/bin/sh", "/opt/lab/arguments.sh", tag))
    if child is None or child.pgid != child.pid:
        return trial.no(expected=expected, seen="the command is in another's group", hint="no-own-group")
    session = "a session of its own too" if child.sid == child.pid else "PID 1's session"
    return trial.ok(expected=expected, seen=f"a group of its own, in {session}")


@SUITE.behaviour("reaps-adopted", points=2, needs=("ends",), asked="reap orphans, also many at once")
@alive("exits-with-orphan")
def reaps_adopted(trial: Trial, subject: Command) -> Finding:
    """SIGCHLD is not queued (signal(7)): one may stand for many dead. PID 1 adopts (pid_namespaces(7))."""
    count, code = trial.rng.randrange(60, 121), trial.rng.randrange(3, 120)
    asked = f"adopt {count} orphans; they die while PID 1 is stopped; then the command exits {code}"
    expected = f"no zombie {_PROMPT:g} s later, and exit code {code}"
    script = (
        "(i=0; while [ $i -lt $1 ]; do sleep 600 & i=$((i+1)); done); "
        'echo "$0:adopted"; until [ -e /tmp/end ]; do sleep 0.05; done; exit $2'
    )
    tag = random_word(trial.rng)
    box = start(trial, subject, ("/bin/sh", "-c", script, tag, str(count), str(code)), tag=tag)
    if early := ready(trial, box, expected, "adopted"):
        return early

    def orphans() -> list[int]:
        return [p.pid for p in box.sandbox.processes() if p.ppid == 1 and p.argv == ("sleep", "600")]

    if not trial.until(lambda: len(orphans()) == count, 5.0):
        raise LabFailed(f"PID 1 has {len(orphans())} orphans of {count}: the kernel did not hand them over")
    box.sandbox.signal(signal.SIGSTOP)
    box.sh(f"kill -KILL {' '.join(map(str, orphans()))}")
    trial.until(lambda: len(box.zombies()) == count, 3.0)
    box.sandbox.signal(signal.SIGCONT)
    began = time.monotonic()
    trial.until(lambda: box.exit is not None or not box.zombies(), 3 * _PROMPT)
    took = time.monotonic() - began
    if box.exit is not None:
        return trial.no(asked=asked, expected=expected, seen=box.ended(), hint="exits-with-orphan")
    if left := len(box.zombies()):
        hint = "orphans-stay" if left == count else "one-per-signal"
        seen = f"{left} of {count} are zombies after {took:.1f} s"
        return trial.no(asked=asked, expected=expected, seen=seen, hint=hint)
    if took > _PROMPT:
        seen = f"the last zombie was gone after {took:.1f} s"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="reaps-late", doubtful=True)
    with suppress(SandboxGone):
        box.sh("touch /tmp/end")
    ended = box.wait_exit(END)
    if ended != code:
        seen = f"no zombie, but exit code {or_running(ended)}"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="lost-status")
    return trial.ok(asked=asked, expected=expected, seen=f"none, and {ended}")


@SUITE.behaviour("short-children", points=1, needs=("ends",), asked="leave no zombie of 1,000 short orphans")
@alive("exits-with-orphan")
def short_children(trial: Trial, subject: Command) -> Finding:
    """A zombie keeps its place in the process table (wait(2), Notes); here there are 400 places."""
    tag = random_word(trial.rng)
    expected = "all 1,000 could be started, and no zombie is left a second later"
    script = 'i=0; while [ $i -lt 1000 ]; do ( : & ); i=$((i+1)); done; echo "$0:started"; sleep 600; :'
    box = start(trial, subject, ("/bin/sh", "-c", script, tag), tag=tag)
    if not box.wait_said("started", timeout=2 * START):
        seen = box.ended() if box.exit is not None else f"stuck, with {len(box.zombies())} zombies"
        return trial.no(expected=expected, seen=seen, hint="orphans-stay")
    trial.until(lambda: not box.zombies(), _PROMPT)
    if left := len(box.zombies()):
        return trial.no(expected=expected, seen=f"{left} zombies are left", hint="orphans-stay")
    return trial.ok(expected=expected, seen="none")


@SUITE.behaviour("exec-missing", points=1, needs=("ends",), asked="say so and end with 127: no such COMMAND")
def exec_missing(trial: Trial, subject: Command) -> Finding:
    """A message that names it, and 127, as a shell (POSIX, XCU 2.8.2)."""
    return _cannot(trial, subject, 127)


@SUITE.behaviour(
    "exec-denied", points=1, needs=("ends",), asked="say so and end with 126: COMMAND may not be executed"
)
def exec_denied(trial: Trial, subject: Command) -> Finding:
    """A message that names it, and 126, as a shell (POSIX, XCU 2.8.2)."""
    return _cannot(trial, subject, 126)


def _cannot(trial: Trial, subject: Command, wanted: int) -> Finding:
    path = f"/opt/lab/{random_word(trial.rng)}"
    tree = FileTree()
    if wanted == 126:
        tree.add(path, "not a program\n", 0o644)
    expected = f"{wanted}, and a message that names the command"
    box = start(trial, subject, (path, "x"), tree=tree)
    code = box.wait_exit(START)
    named = path in box.sandbox.logs().decode(errors="replace")
    seen = f"{or_running(code)}, {'with' if named else 'without'} a message that names it"
    if code is None or code == 0:
        return trial.no(expected=expected, seen=seen, hint="hides-failure")
    if not named:
        return trial.no(expected=expected, seen=seen, hint="no-message")
    if code != wanted:
        return trial.no(expected=expected, seen=seen, hint="other-code")
    return trial.ok(expected=expected, seen=seen)


def signal_names(bits: int) -> str:
    """The signals of a mask in words: their names, or how many they are."""
    found = []
    for number in range(1, 65):
        if bits & (1 << (number - 1)):
            try:
                found.append(signal.Signals(number).name[3:])
            except ValueError:
                found.append(str(number))
    return " ".join(found) if len(found) <= 6 else f"{len(found)} signals"
