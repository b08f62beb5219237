"""Asks a learner's `order.py` inside a sandbox, as a program; `checks.calls.inside` says how it is called.

Each case is `{"call": "order", "graph": {…}}`.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Iterator
from typing import Any

from checks.calls.inside import describe, is_error, serve

FUNCTIONS = ("order", "levels")
ERRORS = ("Missing", "Cycle")


def holds(module: Any) -> dict[str, Any]:
    """What the file should have and has not."""
    lacking = [name for name in FUNCTIONS if not callable(getattr(module, name, None))]
    return {"lacking": lacking + [name for name in ERRORS if not is_error(getattr(module, name, None))]}


def answers(module: Any, asked: list[Any]) -> Iterator[dict[str, Any]]:
    """What each call gives."""
    for case in asked:
        yield ask(module, case["call"], case["graph"])


def ask(module: Any, call: str, graph: dict[str, list[str]]) -> dict[str, Any]:
    """What the call gave, what it cost in CPU seconds, and whether the graph is still what it was."""
    before = copy.deepcopy(graph)
    began = time.process_time()
    try:
        answer = plain(getattr(module, call)(graph))
    except BaseException as error:
        answer = describe(error, "order")
        for name in ERRORS:
            if isinstance(error, getattr(module, name)):
                answer["raised"] = name
        for name in ("path", "service", "name"):
            value = getattr(error, name, None)
            answer[name] = list(value) if isinstance(value, list | tuple) else value
    changed = graph != before or list(graph) != list(before)
    return {**answer, "cpu": time.process_time() - began, "changed": changed}


def plain(value: Any) -> dict[str, Any]:
    """A value as lists; the name of its type where it is none of the kinds that were asked for."""
    if isinstance(value, list | tuple):
        inner = [sorted(part, key=str) if isinstance(part, set | frozenset) else part for part in value]
        return {"value": inner}
    return {"type": type(value).__name__}


if __name__ == "__main__":
    sys.exit(serve("order", holds, answers, sys.argv[1:]))
