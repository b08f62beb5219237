"""Calls of a learner's Python file, watched from outside: the half of `checks.calls` that waits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks.behaviours import LabFailed, Trial
from checks.pid1.box import place, random_word
from helpers.engines.base import MIB, Limits, Pid1, Sandbox
from helpers.errors import SandboxGone
from helpers.filetree import FileTree

__all__ = ["Heard", "Patience", "call"]

_INSIDE = Path(__file__).with_name("inside.py")
Line = dict[str, Any]


@dataclass(frozen=True)
class Patience:
    """Seconds without an answer after which a call counts as endless.

    `cpu` is processor time of the sandbox's PID 1, `wall` real time, on however busy a computer.
    """

    cpu: float
    wall: float = 20.0


@dataclass(frozen=True)
class Heard:
    """What was said: `holds` is what the file holds (None where there is none), `answers` are the others.

    `ended` where Python had come to its end, of itself or by what the learner's code did.
    """

    holds: Line | None
    answers: Sequence[Line]
    ended: bool

    @property
    def failed(self) -> str:
        """Why the file could not be loaded, in words; empty where it could."""
        if self.holds is None:
            return "the file itself never comes to its end"
        if "raised" not in self.holds:
            return ""
        where = f" (line {self.holds['line']})" if self.holds["line"] else ""
        return f"{self.holds['raised']}: {self.holds['message']}{where}"

    @property
    def lacking(self) -> list[str]:
        """The names that the file should have and has not."""
        return list((self.holds or {}).get("lacking", ()))


def call(
    trial: Trial,
    program: Path,
    learner: tuple[str, bytes],
    cases: Sequence[Any],
    patience: Patience,
    *,
    env: Mapping[str, str] | None = None,
    beside: Mapping[str, str | bytes] | None = None,
    whole: Callable[[Line], int] | None = None,
) -> Heard:
    """Run `program` (see `checks.calls.inside`) on `cases` in a sandbox and hear it out.

    `learner` is the file's name and text. `beside` are more files, by path below the folder of the learner's.
    `whole` says from what the file holds how many answers there will be, one for each case else. It ends when
    all is said, when Python has ended, or when no answer came for as long as `patience` says. Raises
    `LabFailed` where the sandbox does not do its part.
    """
    engine, image = place()
    tag = random_word(trial.rng, 12)
    tree = FileTree()
    tree.add("/opt/lab/inside/ask.py", program.read_bytes())
    for package in ("checks", "checks/calls"):  # so that it is imported there as it is here
        tree.add(f"/opt/lab/inside/{package}/__init__.py", "")
    tree.add("/opt/lab/inside/checks/calls/inside.py", _INSIDE.read_bytes())
    tree.add("/opt/lab/cases.json", json.dumps(list(cases)))
    for name, text in {learner[0]: learner[1], **(beside or {})}.items():
        tree.add(f"/opt/lab/{name}", text)
    argv = ("/usr/bin/python3", "/opt/lab/inside/ask.py", "/opt/lab/cases.json", tag)
    limits = Limits(memory=512 * MIB, pids=64, disk=16 * MIB)
    box = trial.own(engine.start(image, Pid1(argv, env=dict(env or {})), tree, limits))
    lines, over = _hear(trial, box, tag, patience, whole or (lambda _: len(cases)))
    if over and not lines:  # not even that the file is about to be loaded
        said = box.logs().decode(errors="replace")[-300:]
        raise LabFailed(f"Python did not start in the sandbox: {said}")
    if over and len(lines) == 1:  # os._exit, a crash: what loading cannot catch
        return Heard(
            {"raised": "SystemExit", "message": "the file itself ended Python", "line": None}, (), True
        )
    return Heard(lines[1] if len(lines) > 1 else None, lines[2:], over)


def _hear(
    trial: Trial, box: Sandbox, tag: str, patience: Patience, whole: Callable[[Line], int]
) -> tuple[list[Line], bool]:
    lines: list[Line] = []
    since, used = time.monotonic(), 0.0
    while True:
        over = box.exit is not None  # asked before the log is read: what ended has then said everything
        new = _read(box.logs().decode(errors="replace"), tag)
        try:
            now = box.processes()[0].cpu
        except (SandboxGone, OSError, IndexError):  # it ended while its table was being read
            now = used
        if len(new) > len(lines):
            lines, since, used = new, time.monotonic(), now
        if over or (len(lines) > 1 and _is_all(lines[1:], whole)):
            return lines, over
        if now - used > patience.cpu or time.monotonic() - since > patience.wall:
            return lines, over
        trial.pause(0.03)


def _is_all(lines: list[Line], whole: Callable[[Line], int]) -> bool:
    first = lines[0]
    return "raised" in first or bool(first["lacking"]) or len(lines) > whole(first)


def _read(log: str, tag: str) -> list[Line]:
    """The lines of answer so far. The last line may not be whole yet."""
    whole = [line for line in log.splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line[len(tag) + 1 :]) for line in whole if line.startswith(tag)]
