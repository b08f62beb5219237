"""A program under test as PID 1 of a sandbox, and what can be seen of it from outside."""

from __future__ import annotations

import random
import signal
import string
from collections.abc import Sequence
from dataclasses import dataclass

from checks.behaviours import Trial
from helpers.engines.base import MIB, Engine, Exit, Image, Limits, Pid1, Process, Sandbox
from helpers.errors import SandboxError, SandboxGone
from helpers.filetree import FileTree

__all__ = ["Box", "Program", "random_word"]

PATH_INSIDE = "/opt/lab/pid1.py"

# A service: says TERM1, TERM2, … for each SIGTERM, and after $3 of them cleans up and ends with $2.
# The sleep is waited for in the background, because a shell runs a trap only between commands (sh(1)).
_SERVICE = """#!/bin/sh
tag=$1 status=$2 wanted=$3 n=0
trap 'n=$((n+1)); echo "$tag:TERM$n"
      if [ $n -ge $wanted ]; then sleep 0.3; echo "$tag:cleaned"; exit $status; fi' TERM
shift 3
for name in "$@"; do
    case $name in
        outsider*) setsid /bin/sh /opt/lab/helper.sh "$tag" "$name" & ;;
        *) /bin/sh /opt/lab/helper.sh "$tag" "$name" & ;;
    esac
done
echo "$tag:ready"
while :; do sleep 600 & wait $!; done
"""
_ARGUMENTS = """#!/bin/sh
tag=$1
shift
echo "$tag:running"
for argument in "$@"; do echo "$tag:argument $argument"; done
sleep 600
:
"""
_HELPER = """#!/bin/sh
trap 'echo "$1:$2-TERM"' TERM
echo "$1:$2-ready"
while :; do sleep 600 & wait $!; done
"""


@dataclass(frozen=True)
class Program:
    """Something to be PID 1: how it is called inside, and the text to put there, if any."""

    argv: tuple[str, ...] = ("/usr/bin/python3", PATH_INSIDE)
    text: bytes | None = None
    separator: tuple[str, ...] = ()

    def command(self, command: Sequence[str], *, group: bool) -> tuple[str, ...]:
        """The whole command line of PID 1."""
        return (*self.argv, *(("-g",) if group else ()), *self.separator, *command)

    def tree(self) -> FileTree:
        """What is laid over the image: the program, and the services it is tried with."""
        tree = FileTree()
        tree.script("/opt/lab/arguments.sh", _ARGUMENTS)
        tree.script("/opt/lab/service.sh", _SERVICE)
        tree.script("/opt/lab/helper.sh", _HELPER)
        if self.text is not None:
            tree.add(PATH_INSIDE, self.text)
        return tree


def random_word(rng: random.Random, length: int = 6) -> str:
    """Lower-case letters, for names nobody can know beforehand."""
    return "".join(rng.choices(string.ascii_lowercase, k=length))


def place() -> tuple[Engine, Image]:
    """The engine and the image checks run on. Raises EngineUnavailable and ImageError."""
    from helpers import image
    from helpers.engines import registry

    return registry.best(), image.ensure()


class Box:
    """A sandbox whose PID 1 is the program, running `command`. Ends with its trial.

    What the command prints starts with `tag`, so that it cannot be taken for anything else. `before` is a
    command line that prepares something and becomes the program.
    """

    def __init__(
        self,
        trial: Trial,
        program: Program,
        command: Sequence[str],
        *,
        tag: str,
        group: bool = False,
        tree: FileTree | None = None,
        limits: Limits = Limits(memory=256 * MIB, pids=400, disk=64 * MIB),  # noqa: B008 - frozen
        before: Sequence[str] = (),
    ) -> None:
        self.trial = trial
        self.tag = tag
        self.program = program
        engine, image = place()
        files = program.tree() if tree is None else program.tree().merge(tree)
        argv = (*before, *program.command(command, group=group))
        self.sandbox: Sandbox = trial.own(engine.start(image, Pid1(argv), files, limits))

    # -- what happened ----------------------------------------------------------------------------

    @property
    def exit(self) -> Exit | None:
        """How PID 1 ended, or None."""
        return self.sandbox.exit

    def said(self, *words: str) -> bool:
        """Whether the command (or its helpers) has said all of these."""
        lines = {line.strip() for line in self.sandbox.logs().decode(errors="replace").splitlines()}
        return all(f"{self.tag}:{word}" in lines for word in words)

    def lines(self) -> list[str]:
        """What the command has said, in order, without its tag."""
        text = self.sandbox.logs().decode(errors="replace")
        return [
            line.strip().partition(":")[2] for line in text.splitlines() if line.startswith(f"{self.tag}:")
        ]

    def wait_said(self, *words: str, timeout: float) -> bool:
        """Wait until it has said all of these, or PID 1 has ended: whether it has said them."""
        self.trial.until(lambda: self.said(*words) or self.exit is not None, timeout)
        return self.said(*words)

    def wait_exit(self, timeout: float) -> int | None:
        """Wait until PID 1 has ended: its exit code, or None where it still runs after `timeout` seconds."""
        ended = self.trial.until(lambda: self.exit, timeout)
        return None if ended is None else ended.code

    def last_line(self) -> str:
        """The last line on the console that is not the command's: mostly PID 1's complaint."""
        lines = self.sandbox.logs().decode(errors="replace").splitlines()
        own = [line.strip() for line in lines if line.strip() and not line.startswith(f"{self.tag}:")]
        line = own[-1] if own else ""
        return line if len(line) <= 160 else line[:157] + "..."

    def ended(self) -> str:
        """In words: how PID 1 ended, with its last complaint."""
        assert self.exit is not None  # noqa: S101 - only asked where it has
        last = self.last_line()
        return f"PID 1 ended with {self.exit.code}" + (f"; its last line: `{last}`" if last else "")

    # -- processes --------------------------------------------------------------------------------

    def zombies(self) -> list[Process]:
        """Zombies PID 1 is the parent of."""
        return [p for p in self.sandbox.processes() if p.state == "Z" and p.ppid == 1]

    def find(self, argv: Sequence[str]) -> Process | None:
        """The process with exactly this command line, PID 1 aside."""
        wanted = tuple(argv)
        return next((p for p in self.sandbox.processes() if p.argv == wanted and p.pid != 1), None)

    def first(self) -> Process:
        """PID 1."""
        return next(p for p in self.sandbox.processes() if p.pid == 1)

    def sh(self, script: str) -> None:
        """Run a line of shell beside PID 1.

        Raises SandboxError when it fails, and SandboxGone when that is because PID 1 has ended: the
        shell is then killed with everything else, perhaps before we have been told of the end.
        """
        done = self.sandbox.exec(["/bin/sh", "-c", script])
        if done.code == 0:
            return
        if self.wait_exit(1.0) is not None:
            raise SandboxGone(self.ended())
        raise SandboxError(f"`{script[:80]}` failed inside: {done.stderr.decode(errors='replace')}")

    def blocks(self, pid: int, signum: int) -> bool:
        """Whether a process has a signal blocked (SigBlk of /proc/PID/status, proc(5))."""
        return bool(self._mask(pid, "SigBlk") & _bit(signum))

    def takes(self, signum: int) -> bool:
        """Whether PID 1 has a handler for a signal, or has it blocked to wait for it.

        Without either, the kernel drops it: PID 1 gets no default actions (pid_namespaces(7)).
        """
        return bool((self._mask(1, "SigCgt") | self._mask(1, "SigBlk")) & _bit(signum))

    def _mask(self, pid: int, name: str) -> int:
        status = self.sandbox.exec(["/bin/cat", f"/proc/{pid}/status"]).text
        for line in status.splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1], 16)
        return 0

    def settle(self) -> None:
        """Give PID 1 a moment to get ready for SIGTERM: its child may be ready before it is.

        Waiting for the handler ends the moment early. A PID 1 inside sigwait(3) shows nothing: the kernel
        takes the signals out of its mask while it waits (kernel/signal.c, do_sigtimedwait)."""
        self.trial.until(lambda: self.exit is not None or self.takes(signal.SIGTERM), 0.3, 0.03)


def _bit(signum: int) -> int:
    return 1 << (signum - 1)
