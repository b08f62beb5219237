"""A terminal: the command gets it, and the keys that send signals reach it once."""

from __future__ import annotations

import contextlib
import re
import subprocess
from typing import IO

from checks.behaviours import Finding, Trial
from checks.pid1.asking import alive
from checks.pid1.box import Box, random_word
from checks.pid1.command import START, SUITE, start
from checks.pid1.files import TERMINAL, TYPIST
from checks.pid1.subject import Command

__all__: list[str] = []


class _Screen:
    """A terminal whose other end is ours: `type` what a user types, `shows` what is on it."""

    def __init__(self, trial: Trial, box: Box) -> None:
        self._trial = trial
        self._out = b""
        self._box = box
        self._process = trial.own(
            _Typist(box.sandbox.popen([TYPIST], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        )

    def type(self, text: str) -> None:
        """Press keys; `\\x03` is Ctrl-C and `\\x1a` Ctrl-Z."""
        self._process.write(text.encode())

    def text(self) -> str:
        """What has been shown so far."""
        self._out += self._process.read()
        return self._out.decode(errors="replace").replace("\r\n", "\n")

    def shows(self, pattern: str, timeout: float = START) -> bool:
        """Wait until it shows `pattern` (or PID 1 has ended): whether it does."""
        self._trial.until(lambda: re.search(pattern, self.text()) or self._box.exit is not None, timeout)
        return re.search(pattern, self.text()) is not None


class _Typist:
    """The process at the other end, gone with the trial."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        import os

        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        self._process = process
        self._stdin: IO[bytes] = process.stdin
        self._stdout: IO[bytes] = process.stdout
        os.set_blocking(self._stdout.fileno(), False)

    def write(self, data: bytes) -> None:
        self._stdin.write(data)
        self._stdin.flush()

    def read(self) -> bytes:
        return self._stdout.read() or b""

    def destroy(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):  # what was still to be typed
                pipe.close()


def _on_terminal(trial: Trial, subject: Command, *command: str) -> tuple[Box, _Screen]:
    box = start(trial, subject, command, before=(TERMINAL,))
    return box, _Screen(trial, box)


@SUITE.behaviour("terminal", points=2, needs=("starts",), asked="hand the terminal over to the command")
@alive("ends-early")
def terminal(trial: Trial, subject: Command) -> Finding:
    """The command is the terminal's foreground process group, so it may read (tcsetpgrp(3), SIGTTIN)."""
    word = random_word(trial.rng)
    expected = "the command reads a line that is typed"
    script = 'printf "ask""ing\\n"; read -r line; printf "%s" "read""<$line>"; sleep 600; :'
    box, screen = _on_terminal(trial, subject, "/bin/sh", "-c", script)
    if not screen.shows("asking"):
        seen = box.ended() if box.exit is not None else "the command is not heard of"
        return trial.no(expected=expected, seen=seen, hint="never-starts")
    screen.type(f"{word}\n")
    if not screen.shows(f"read<{word}>", 2.0):
        child = next(
            (p for p in box.sandbox.processes() if p.ppid == 1 and p.argv[:2] == ("/bin/sh", "-c")), None
        )
        state = "stopped by SIGTTIN" if child is not None and child.state == "T" else "not reading"
        return trial.no(expected=expected, seen=f"the command is {state}", hint="no-terminal")
    return trial.ok(expected=expected, seen="it did")


@SUITE.behaviour("interrupt", points=1, needs=("starts",), asked="let Ctrl-C reach the command once")
@alive("ends-on-signal")
def interrupt(trial: Trial, subject: Command) -> Finding:
    """The terminal sends SIGINT to its foreground group (termios(3), ISIG): a PID 1 in that group that also
    forwards doubles it."""
    expected = "one SIGINT"
    tag = random_word(trial.rng)
    script = 'trap "echo $0:INT" INT; echo $0:ready; while :; do sleep 0.05; done'
    # The shell runs each sleep in its own group, so that a SIGINT of the terminal ends the sleep as well.
    _, screen = _on_terminal(trial, subject, "/bin/sh", "-c", script, tag)
    if not screen.shows(f"{tag}:ready"):
        return trial.no(expected=expected, seen="the command is not heard of", hint="never-starts")
    screen.type("\x03")
    if not screen.shows(f"{tag}:INT", 2.0):
        return trial.no(expected=expected, seen="none", hint="no-interrupt")
    trial.pause(0.3)
    count = screen.text().count(f"{tag}:INT")
    if count != 1:
        return trial.no(expected=expected, seen=f"{count}", hint="twice")
    return trial.ok(expected=expected, seen="one")


@SUITE.behaviour("job-control", points=1, needs=("terminal",), asked="let a shell control its jobs")
@alive("ends-early")
def job_control(trial: Trial, subject: Command) -> Finding:
    """An interactive shell as the command: Ctrl-Z stops a job, fg continues it (bash(1), JOB CONTROL)."""
    expected = "Ctrl-Z stops a job, and fg continues it"
    shell = ("/bin/bash", "--norc", "--noprofile", "--noediting", "-i")
    box, screen = _on_terminal(trial, subject, *shell)
    screen.type("PS1='pro''mpt> '\n")
    if not screen.shows("prompt> "):
        seen = box.ended() if box.exit is not None else "no prompt"
        return trial.no(expected=expected, seen=seen, hint="no-job-control")
    if "job control" in screen.text():
        return trial.no(expected=expected, seen="the shell says: no job control", hint="no-job-control")
    screen.type("sleep 7777\n")
    trial.until(lambda: any(p.argv == ("sleep", "7777") for p in box.sandbox.processes()), 2.0)
    screen.type("\x1a")
    if not screen.shows("Stopped", 2.0):
        return trial.no(expected=expected, seen="Ctrl-Z did not stop it", hint="no-job-control")
    screen.type("fg\n")
    if not trial.until(
        lambda: any(p.argv == ("sleep", "7777") and p.state == "S" for p in box.sandbox.processes()), 2.0
    ):
        return trial.no(expected=expected, seen="fg did not continue it", hint="no-job-control")
    return trial.ok(expected=expected, seen="so it is")
