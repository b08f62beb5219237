"""A learner's `order.py` in a sandbox: asked one graph after the other, watched from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.behaviours import Trial
from checks.calls.outside import Patience, call
from checks.order.graphs import Graph

__all__ = ["Answer", "Asked", "Reply", "ask"]

_INSIDE = Path(__file__).with_name("inside.py")
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
    heard = call(
        trial,
        _INSIDE,
        ("order.py", answer.text),
        [{"call": one.call, "graph": one.graph} for one in asked],
        Patience(cpu, _WALL + cpu),
        env={"PYTHONHASHSEED": str(hash_seed)},
    )
    if heard.holds is None:
        return Replies(load=Reply(hung=True))
    if "raised" in heard.holds:
        return Replies(load=_reply(heard.holds))
    if heard.lacking:
        return Replies(load=Reply(), lacking=heard.lacking)
    replies = [_reply(one) for one in heard.answers]
    if len(replies) < len(asked):
        replies.append(Reply(ended=True) if heard.ended else Reply(hung=True))
    return Replies(replies=replies)


def _reply(said: dict[str, Any]) -> Reply:
    return Reply(
        value=said.get("value"),
        kind=said.get("type", ""),
        error=said.get("raised", ""),
        message=said.get("message", ""),
        line=said.get("line"),
        path=said.get("path"),
        service=said.get("service"),
        name=said.get("name"),
        cpu=said.get("cpu", 0.0),
        changed=said.get("changed", False),
    )
