"""Calls a learner's Python file inside a sandbox and says what came of it: the half that runs there.

A check brings a program of its own, which imports this one::

    python3 ask.py CASES TAG

`CASES` is a file with a JSON list; the learner's file lies in the same folder. Lines go to standard output,
each the tag and a JSON object, flushed at once, so that whoever waits for the next one knows which hangs.
The first says that the file is about to be loaded, the second whether it could be and what it lacks, each
further one is an answer. What the learner's code prints goes nowhere: it cannot be
taken for an answer, and a loop that prints fills nothing.

It needs nothing but Python's standard library.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["describe", "is_error", "serve"]

MEMORY = 1 << 30  # bytes of address space: an endless list ends with MemoryError


def serve(
    name: str,
    holds: Callable[[Any], dict[str, Any]],
    answers: Callable[[Any, list[Any]], Iterable[dict[str, Any]]],
    arguments: list[str],
) -> int:
    """Load the learner's `name`.py and say all there is to say; 0 once that is done.

    `arguments` are CASES and TAG. `holds` looks at the module: a dict whose `lacking` names what is missing.
    When nothing is, `answers` gets the module and the cases, and each dict it yields is a line.
    """
    cases, tag = arguments
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with open(cases, encoding="utf-8") as file:
        asked = json.load(file)

    def tell(answer: dict[str, Any]) -> None:
        out.write(f"{tag} {json.dumps(answer, default=repr)}\n")
        out.flush()

    tell({"loading": name})  # who ends Python from here on is the learner's file
    try:
        module = _load(name, os.path.dirname(os.path.abspath(cases)))
    except BaseException as error:  # SystemExit too: the learner's file may end Python
        tell(describe(error, name))
        return 0
    found = holds(module)
    tell(found)
    if not found["lacking"]:
        for answer in answers(module, asked):
            tell(answer)
    return 0


def _load(name: str, folder: str) -> Any:
    sys.path.insert(0, folder)
    return importlib.import_module(name)


def describe(error: BaseException, name: str) -> dict[str, Any]:
    """An exception: its type, its message, and the line of the learner's `name`.py it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if os.path.basename(frame.filename) == f"{name}.py"]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    return {"raised": type(error).__name__, "message": str(error)[:200], "line": line}


def is_error(value: object) -> bool:
    """Whether it is a type that can be raised."""
    return isinstance(value, type) and issubclass(value, Exception)
