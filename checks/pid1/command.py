"""The suite for programs that run one command: what its modules share.

Contracts: wait(2), signal(7), kill(2), execve(2), setpgid(2), tcsetpgrp(3), pid_namespaces(7); and what the
programs say of themselves: tini(1), dumb-init(1), catatonit(1) and their READMEs.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

from checks.behaviours import Finding, Suite, Trial
from checks.pid1.box import Box, Program, random_word
from checks.pid1.command_hints import HINTS
from checks.pid1.files import HEARS, tools
from checks.pid1.subject import Command
from helpers.engines.base import MIB, Limits
from helpers.filetree import FileTree

__all__ = ["END", "FORWARD", "START", "SUITE", "end_with", "hears", "or_running", "ready", "start"]

START = 8.0  # seconds for Python to start on a busy computer
END = 5.0  # seconds PID 1 has to end after its child has
FORWARD = 3.0  # seconds a forwarded signal may take
_LIMITS = Limits(memory=256 * MIB, pids=400, disk=64 * MIB)

# No control program: no known one passes everything (the table says which contract differs), so a failure of
# the lab shows itself by its own exception.
SUITE: Suite[Command] = Suite(HINTS)


def start(
    trial: Trial,
    subject: Command,
    command: Sequence[str],
    *,
    tag: str | None = None,
    tree: FileTree | None = None,
    limits: Limits = _LIMITS,
    before: Sequence[str] = (),
) -> Box:
    """A sandbox whose PID 1 is the subject, running `command`."""
    files = tools().merge(subject.tree)
    return Box(
        trial,
        Program(subject.argv),
        command,
        tag=tag or random_word(trial.rng),
        tree=files.merge(tree) if tree is not None else files,
        limits=limits,
        before=before,
    )


def hears(trial: Trial, subject: Command, *, code: int, terms: int = 1, file: str = "", **more: Any) -> Box:
    """The same with a command that says which signals it gets, and ends with `code` after `terms` SIGTERM."""
    tag = random_word(trial.rng)
    words = (HEARS, tag, str(code), str(terms), *((file,) if file else ()))
    return start(trial, subject, words, tag=tag, **more)


def ready(trial: Trial, box: Box, expected: str, *words: str) -> Finding | None:
    """Wait until the command has said these words; a finding where it does not."""
    if box.wait_said(*(words or ("ready",)), timeout=START):
        box.settle()
        return None
    seen = "the command did not start" if box.exit is None else box.ended()
    return trial.no(expected=expected, seen=seen, hint="never-starts")


def end_with(trial: Trial, box: Box, expected: str, code: int, seen: str) -> Finding:
    """End the command by SIGTERM: PID 1 must end with `code`. `seen` is what was to be seen until then."""
    box.sandbox.signal(signal.SIGTERM)
    ended = box.wait_exit(END)
    if ended != code:
        return trial.no(
            expected=expected, seen=f"{seen}; then PID 1 ended with {or_running(ended)}", hint="lost-status"
        )
    return trial.ok(expected=expected, seen=seen)


def or_running(code: int | None) -> str:
    """An exit code in words."""
    return "none (it still runs)" if code is None else str(code)
