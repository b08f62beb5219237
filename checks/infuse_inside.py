"""Calls a learner's `my_infuse.py` inside a sandbox, as a program.

    python3 ask.py CASES TAG

`CASES` is a file with a JSON list of `[target, infusion]`, each the text of a Python expression. For each one
line goes to standard output: the tag and a JSON object, flushed at once. The line of case -1 says whether the
file could be loaded. What the learner's code prints goes nowhere.

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

MEMORY = 1 << 30  # bytes of address space


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
        module = importlib.import_module("my_infuse")
    except BaseException as error:
        tell(out, tag, {"case": -1, **describe(error)})
        return 0
    lacking = [] if callable(getattr(module, "infuse", None)) else ["infuse"]
    if not is_error(getattr(module, "InfuseError", None)):
        lacking.append("InfuseError")
    tell(out, tag, {"case": -1, "lacking": lacking})
    if not lacking:
        for number, (target, infusion) in enumerate(asked):
            tell(out, tag, {"case": number, **ask(module, target, infusion)})
    return 0


def ask(module: Any, target_text: str, infusion_text: str) -> dict[str, Any]:
    """What the call gave, and whether what it was given is still what it was."""
    target, infusion = eval(target_text, {}), eval(infusion_text, {})  # noqa: S307 - the check's own text
    before = copy.deepcopy((target, infusion))
    try:
        answer: dict[str, Any] = {"value": plain(module.infuse(target, infusion))}
    except module.InfuseError as error:
        path = getattr(error, "path", None)
        answer = {"fault": list(path) if isinstance(path, list | tuple) else repr(path)}
    except BaseException as error:
        answer = describe(error)
    return {**answer, "changed": (target, infusion) != before}


def plain(value: Any) -> Any:
    """Data as it is; whatever is none as its type in brackets."""
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return f"<{type(value).__name__}>"


def describe(error: BaseException) -> dict[str, Any]:
    """An exception: its type, its message, and the line of the learner's file it came from."""
    lines = [
        f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith("my_infuse.py")
    ]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    return {"raised": type(error).__name__, "message": str(error)[:200], "line": line}


def is_error(value: object) -> bool:
    """Whether it can be raised."""
    return isinstance(value, type) and issubclass(value, Exception)


def tell(out: TextIO, tag: str, answer: dict[str, Any]) -> None:
    """One line of answer."""
    out.write(f"{tag} {json.dumps(answer, default=repr)}\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
