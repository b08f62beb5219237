"""A learner's `sixos.py` in a sandbox: asked one question after the other, watched from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.behaviours import LabFailed, Trial
from checks.pid1.box import place, random_word
from helpers.engines.base import MIB, Limits, Pid1
from helpers.errors import SandboxGone
from helpers.filetree import FileTree

__all__ = ["Asked", "Said", "ask"]

_INSIDE = Path(__file__).with_name("sixos_inside.py")
_CPU = 1.5  # seconds of processor time without an answer: a graph takes less than a millisecond
_WALL = 15.0  # seconds without an answer on however busy a computer


@dataclass(frozen=True)
class Asked:
    """One call of the learner's: a function, a graph, and the name that `needs` is asked for."""

    call: str
    graph: Any
    name: str | None = None


@dataclass
class Said:
    """What the file holds, and what was said of each question, as far as it goes.

    `failed` is why the file could not be loaded, `lacking` what is not in it; `hung` where the question after
    the last reply was never answered.
    """

    failed: str = ""
    lacking: list[str] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)
    refuted: dict[str, Any] = field(default_factory=dict)
    replies: list[dict[str, Any]] = field(default_factory=list)
    hung: bool = False


def ask(trial: Trial, text: bytes, asked: Sequence[Asked]) -> Said:
    """Have every question asked in one sandbox. Raises `LabFailed` where the sandbox does not do its part."""
    engine, image = place()
    tag = random_word(trial.rng, 12)
    tree = FileTree()
    tree.add("/opt/lab/sixos.py", text)
    tree.add("/opt/lab/inside/ask.py", _INSIDE.read_bytes())
    tree.add("/opt/lab/cases.json", json.dumps([vars(one) for one in asked]))
    pid1 = Pid1(("/usr/bin/python3", "/opt/lab/inside/ask.py", "/opt/lab/cases.json", tag))
    box = trial.own(engine.start(image, pid1, tree, Limits(memory=512 * MIB, pids=64, disk=16 * MIB)))
    lines: list[dict[str, Any]] = []
    since, used = time.monotonic(), 0.0
    while True:
        over = box.exit is not None  # asked before the log is read: what ended has then said everything
        log = box.logs().decode(errors="replace").splitlines(keepends=True)
        new = [json.loads(x[len(tag) + 1 :]) for x in log if x.startswith(tag) and x.endswith("\n")]
        try:
            now = box.processes()[0].cpu
        except (SandboxGone, OSError, IndexError):  # it ended while its table was being read
            now = used
        if len(new) > len(lines):
            lines, since, used = new, time.monotonic(), now
        if over or now - used > _CPU or time.monotonic() - since > _WALL:
            break
        trial.pause(0.03)
    if not lines and over:
        raise LabFailed("Python did not start in the sandbox: " + "".join(log)[-300:])
    return _said(lines, len(asked))


def _said(lines: list[dict[str, Any]], count: int) -> Said:
    if not lines:
        return Said(failed="the file itself never comes to its end")
    first = lines[0]
    if "raised" in first:
        where = f" (line {first['line']})" if first["line"] else ""
        return Said(failed=f"{first['raised']}: {first['message']}{where}")
    said = Said(lacking=first["lacking"], replies=lines[1:])
    if not said.lacking:
        said.answers, said.features = first["ANSWERS"], first["FEATURES"]
        said.refuted = first["REFUTED"]
        said.hung = len(said.replies) < count
    return said
