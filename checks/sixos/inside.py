"""Asks a learner's `sixos.py` inside a sandbox, as a program; `checks.calls.inside` says how it is called.

Each case is `{"call": NAME, "graph": {…}, "name": …}`. The first line holds the file's tables.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from typing import Any

from checks.calls.inside import describe, serve

FUNCTIONS = ("census", "edges", "needs", "idle")
TABLES = ("ANSWERS", "FEATURES", "REFUTED")


def holds(module: Any) -> dict[str, Any]:
    """The file's tables, and what it should have and has not."""
    lacking = [name for name in FUNCTIONS if not callable(getattr(module, name, None))]
    lacking += [name for name in TABLES if not isinstance(getattr(module, name, None), dict)]
    return {"lacking": lacking, **{name: plain(getattr(module, name, None)) for name in TABLES}}


def answers(module: Any, asked: list[Any]) -> Iterator[dict[str, Any]]:
    """What each call gives."""
    for case in asked:
        yield ask(module, case)


def ask(module: Any, case: dict[str, Any]) -> dict[str, Any]:
    """What the call gave, and whether the graph is still what it was."""
    graph = case["graph"]
    before = copy.deepcopy(graph)
    arguments = [graph] if case["name"] is None else [graph, case["name"]]
    try:
        answer: dict[str, Any] = {"value": plain(getattr(module, case["call"])(*arguments))}
    except BaseException as error:
        answer = describe(error, "sixos")
    return {**answer, "changed": graph != before}


def plain(value: Any) -> Any:
    """A value as JSON can hold it: a set or a tuple becomes a list, what is of no such kind its text."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(one) for one in value), key=str)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)


if __name__ == "__main__":
    sys.exit(serve("sixos", holds, answers, sys.argv[1:]))
