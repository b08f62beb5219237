"""Calls a learner's `sixos.py` inside a sandbox, as a program.

    python3 ask.py CASES TAG

`CASES` is a JSON list of `{"call": NAME, "graph": {…}, "name": …}`. For each case one line goes to standard
output: the tag and a JSON object. The line of case -1 says what the file holds: its tables, or why it could
not be loaded. What the learner's code prints goes nowhere.

It needs nothing but Python's standard library.
"""

from __future__ import annotations

import copy
import importlib
import json
import os
import resource
import sys
import traceback
from typing import Any, TextIO

MEMORY = 1 << 30  # bytes of address space: an endless list ends with MemoryError
FUNCTIONS = ("census", "edges", "needs", "idle")
TABLES = ("ANSWERS", "FEATURES", "REFUTED")


def main(cases: str, tag: str) -> int:
    """Answer every case of the file; 0 once all were asked."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with open(cases, encoding="utf-8") as file:
        asked = json.load(file)
    sys.path.insert(0, os.path.dirname(os.path.abspath(cases)))
    try:
        module = importlib.import_module("sixos")
    except BaseException as error:
        tell(out, tag, {"case": -1, **describe(error)})
        return 0
    lacking = [name for name in FUNCTIONS if not callable(getattr(module, name, None))]
    lacking += [name for name in TABLES if not isinstance(getattr(module, name, None), dict)]
    tables = {name: plain(getattr(module, name, None)) for name in TABLES}
    tell(out, tag, {"case": -1, "lacking": lacking, **tables})
    if lacking:
        return 0
    for number, case in enumerate(asked):
        tell(out, tag, {"case": number, **ask(module, case)})
    return 0


def ask(module: Any, case: dict[str, Any]) -> dict[str, Any]:
    """What the call gave, and whether the graph is still what it was."""
    graph = case["graph"]
    before = copy.deepcopy(graph)
    arguments = [graph] if case["name"] is None else [graph, case["name"]]
    try:
        answer: dict[str, Any] = {"value": plain(getattr(module, case["call"])(*arguments))}
    except BaseException as error:
        answer = describe(error)
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


def describe(error: BaseException) -> dict[str, Any]:
    """An exception: its type, its message, and the line of the learner's file it came from."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith("sixos.py")]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    return {"raised": type(error).__name__, "message": str(error)[:200], "line": line}


def tell(out: TextIO, tag: str, answer: dict[str, Any]) -> None:
    """One line of answer."""
    out.write(f"{tag} {json.dumps(answer, default=repr)}\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
