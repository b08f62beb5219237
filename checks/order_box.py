"""A learner's `order.py` in a sandbox: asked one graph after the other, watched from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.behaviours import LabFailed, Trial
from checks.order_graphs import Graph
from checks.pid1.box import place, random_word
from helpers.engines.base import MIB, Limits, Pid1
from helpers.errors import SandboxGone
from helpers.filetree import FileTree

__all__ = ["Answer", "Asked", "Reply", "ask"]

_INSIDE = Path(__file__).with_name("order_inside.py")
_CPU = 3.0  # seconds of processor time without an answer: a small graph takes less than a millisecond
_WALL = 20.0  # seconds without an answer on however busy a computer


@dataclass(frozen=True)
class Answer:
    """The learner's file."""

    text: bytes


@dataclass(frozen=True)
class Asked:
    """One call: `order` or `levels`, of a graph."""

    call: str
    graph: Graph


@dataclass(frozen=True)
class Reply:
    """What one call gave.

    `value` is a list, or None where `kind` (the name of a type) is something else; `error` is the name of the
    exception's type, `Missing` and `Cycle` for those of the contract and what is derived from them; `line`
    is the line of the file it came from; `path`, `service`, `name` are the exception's own. `hung` where no
    answer came, `ended` where Python itself did. `changed` when the graph is not what it was before.
    """

    value: list[Any] | None = None
    kind: str = ""
    error: str = ""
    message: str = ""
    line: int | None = None
    path: Any = None
    service: Any = None
    name: Any = None
    cpu: float = 0.0
    changed: bool = False
    hung: bool = False
    ended: bool = False


@dataclass
class Replies:
    """The replies as far as they go; `load` is None when the file could be loaded and has what it must."""

    load: Reply | None = None
    lacking: list[str] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)


def ask(
    trial: Trial, answer: Answer, asked: Sequence[Asked], *, cpu: float = _CPU, hash_seed: int = 0
) -> Replies:
    """Have every call made in one sandbox; after one that hangs, or that ends Python, no more are.

    A call hangs when it has used `cpu` seconds of processor time and given nothing. `hash_seed` is Python's
    PYTHONHASHSEED: it decides in which order a set of texts is walked. Raises `LabFailed` where the sandbox
    does not do its part.
    """
    engine, image = place()
    tag = random_word(trial.rng, 12)
    tree = FileTree()
    tree.add("/opt/lab/order.py", answer.text)
    tree.add("/opt/lab/inside/ask.py", _INSIDE.read_bytes())
    tree.add("/opt/lab/cases.json", json.dumps([{"call": a.call, "graph": a.graph} for a in asked]))
    pid1 = Pid1(
        ("/usr/bin/python3", "/opt/lab/inside/ask.py", "/opt/lab/cases.json", tag),
        env={"PYTHONHASHSEED": str(hash_seed)},
    )
    box = trial.own(engine.start(image, pid1, tree, Limits(memory=512 * MIB, pids=64, disk=16 * MIB)))
    return _collect(trial, box, tag, len(asked), cpu)


def _collect(trial: Trial, box: Any, tag: str, count: int, cpu: float) -> Replies:
    found: dict[int, dict[str, Any]] = {}
    since, used = time.monotonic(), 0.0
    while True:
        over = box.exit is not None
        new = _read(box.logs().decode(errors="replace"), tag)
        try:
            now = box.processes()[0].cpu
        except (SandboxGone, OSError, IndexError):  # it ended while its table was being read
            now = used
        if len(new) > len(found):
            found, since, used = new, time.monotonic(), now
        # Asked before the log was read: what ended after it has said everything.
        if len(found) == count + 1 or over or (-1 in found and _bad(found[-1])):
            break
        if now - used > cpu or time.monotonic() - since > _WALL + cpu:
            break
        trial.pause(0.03)
    if -1 not in found and over:
        raise LabFailed("Python did not start in the sandbox: " + box.logs().decode(errors="replace")[-300:])
    if -1 not in found:
        return Replies(load=Reply(hung=True))
    replies = Replies(lacking=list(found[-1].get("lacking", ())))
    if "error" in found[-1]:
        replies.load = _reply(found[-1])
    elif replies.lacking:
        replies.load = Reply()
    else:
        replies.replies = [_reply(found[number]) for number in range(len(found) - 1)]
        if len(replies.replies) < count:
            replies.replies.append(Reply(ended=True) if over else Reply(hung=True))
    return replies


def _bad(loaded: dict[str, Any]) -> bool:
    return "error" in loaded or bool(loaded["lacking"])


def _read(log: str, tag: str) -> dict[int, dict[str, Any]]:
    """The lines of answer so far, by case. The last line may not be whole yet."""
    lines = log.splitlines(keepends=True)
    said = [
        json.loads(line[len(tag) + 1 :]) for line in lines if line.startswith(tag) and line.endswith("\n")
    ]
    return {one["case"]: one for one in said}


def _reply(said: dict[str, Any]) -> Reply:
    return Reply(
        value=said.get("value"),
        kind=said.get("type", ""),
        error=said.get("error", ""),
        message=said.get("message", ""),
        line=said.get("line"),
        path=said.get("path"),
        service=said.get("service"),
        name=said.get("name"),
        cpu=said.get("cpu", 0.0),
        changed=said.get("changed", False),
    )
