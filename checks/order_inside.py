"""Calls a learner's `order.py` inside a sandbox: the one file of this room that runs there, as a program.

    python3 ask.py CASES TAG

`CASES` is a file with a JSON list of `{"call": "order", "graph": {…}}`. For each case one line goes to
standard output: the tag and a JSON object, flushed at once, so that whoever waits for the next one knows
which case hangs. The line of case -1 says whether the file could be loaded. What the learner's code prints
goes nowhere: it can not be taken for an answer, and a loop that prints fills nothing.

It needs nothing but Python's standard library.
"""

from __future__ import annotations

import copy
import importlib
import json
import os
import resource
import sys
import time
import traceback
from typing import Any, TextIO

MEMORY = 1 << 30  # bytes of address space: an endless list ends with MemoryError
FUNCTIONS = ("order", "levels")
ERRORS = ("Missing", "Cycle")


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
        module = importlib.import_module("order")
    except BaseException as error:
        tell(out, tag, {"case": -1, **describe(error)})
        return 0
    lacking = [name for name in FUNCTIONS if not callable(getattr(module, name, None))]
    lacking += [name for name in ERRORS if not is_error(getattr(module, name, None))]
    tell(out, tag, {"case": -1, "lacking": lacking})
    if lacking:
        return 0
    for number, case in enumerate(asked):
        tell(out, tag, {"case": number, **ask(module, case["call"], case["graph"])})
    return 0


def ask(module: Any, call: str, graph: dict[str, list[str]]) -> dict[str, Any]:
    """What the call gave, what it cost in CPU seconds, and whether the graph is still what it was."""
    before = copy.deepcopy(graph)
    began = time.process_time()
    try:
        answer = plain(getattr(module, call)(graph))
    except BaseException as error:
        answer = describe(error)
        for name in ERRORS:
            if isinstance(error, getattr(module, name)):
                answer["error"] = name
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


def describe(error: BaseException) -> dict[str, Any]:
    """An exception: its type, its message, and the line of the learner's file it came from."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith("order.py")]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    return {"error": type(error).__name__, "message": str(error)[:200], "line": line}


def is_error(value: object) -> bool:
    """Whether it can be raised."""
    return isinstance(value, type) and issubclass(value, Exception)


def tell(out: TextIO, tag: str, answer: dict[str, Any]) -> None:
    """One line of answer."""
    out.write(f"{tag} {json.dumps(answer, default=repr)}\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
