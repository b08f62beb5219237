"""A learner's `my_infuse.py` in a sandbox: called for one case after the other, watched from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.behaviours import LabFailed, Trial
from checks.infuse_model import Case, python_of
from checks.pid1.box import place, random_word
from helpers.engines.base import MIB, Limits, Pid1
from helpers.errors import SandboxGone
from helpers.filetree import FileTree

__all__ = ["Replies", "ask"]

_INSIDE = Path(__file__).with_name("infuse_inside.py")
_CPU = 2.0  # seconds of processor time without an answer: a case takes less than a millisecond
_WALL = 15.0  # seconds without an answer on however busy a computer


@dataclass
class Replies:
    """What was said of each case, as far as it goes.

    `failed` is why the file could not be loaded, `lacking` what is not in it; `hung` where the case after the
    last reply never came to its end, `ended` where Python itself did.
    """

    said: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""
    lacking: list[str] = field(default_factory=list)
    hung: bool = False
    ended: bool = False


def ask(trial: Trial, text: bytes, asked: Sequence[Case]) -> Replies:
    """Have every call made in one sandbox. Raises `LabFailed` where the sandbox does not do its part."""
    engine, image = place()
    tag = random_word(trial.rng, 12)
    tree = FileTree()
    tree.add("/opt/lab/my_infuse.py", text)
    tree.add("/opt/lab/inside/ask.py", _INSIDE.read_bytes())
    tree.add("/opt/lab/cases.json", json.dumps([[python_of(c.target), python_of(c.infusion)] for c in asked]))
    pid1 = Pid1(("/usr/bin/python3", "/opt/lab/inside/ask.py", "/opt/lab/cases.json", tag))
    box = trial.own(engine.start(image, pid1, tree, Limits(memory=512 * MIB, pids=64, disk=16 * MIB)))
    found: dict[int, dict[str, Any]] = {}
    since, used = time.monotonic(), 0.0
    while True:
        over = box.exit is not None  # asked before the log is read: what ended has then said everything
        new = _read(box.logs().decode(errors="replace"), tag)
        try:
            now = box.processes()[0].cpu
        except (SandboxGone, OSError, IndexError):  # it ended while its table was being read
            now = used
        if len(new) > len(found):
            found, since, used = new, time.monotonic(), now
        if (
            over
            or len(found) == len(asked) + 1
            or now - used > _CPU
            or time.monotonic() - since > _WALL + _CPU
        ):
            break
        trial.pause(0.03)
    if -1 not in found and over:
        raise LabFailed("Python did not start in the sandbox: " + box.logs().decode(errors="replace")[-300:])
    said = [found[number] for number in range(len(found) - 1)]
    replies = Replies(said, lacking=found.get(-1, {}).get("lacking", []))
    if -1 not in found:
        replies.failed = "the file itself never comes to its end"
    elif "raised" in found[-1]:
        error = found[-1]
        where = f" (line {error['line']})" if error["line"] else ""
        replies.failed = f"{error['raised']}: {error['message']}{where}"
    elif not replies.lacking and len(said) < len(asked):
        replies.ended, replies.hung = over, not over
    return replies


def _read(log: str, tag: str) -> dict[int, dict[str, Any]]:
    """The lines of answer so far, by case. The last line may not be whole yet."""
    lines = [line for line in log.splitlines(keepends=True) if line.startswith(tag) and line.endswith("\n")]
    said = [json.loads(line[len(tag) + 1 :]) for line in lines]
    return {one["case"]: one for one in said}
