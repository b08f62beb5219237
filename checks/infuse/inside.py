"""Asks a learner's `my_infuse.py` inside a sandbox, as a program (see `checks.calls.inside`).

Each case is `[target, infusion]`, each the text of a Python expression.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from typing import Any

from checks.calls.inside import describe, is_error, serve


def holds(module: Any) -> dict[str, Any]:
    """What the file should have and has not."""
    lacking = [] if callable(getattr(module, "infuse", None)) else ["infuse"]
    return {"lacking": lacking + ([] if is_error(getattr(module, "InfuseError", None)) else ["InfuseError"])}


def answers(module: Any, asked: list[Any]) -> Iterator[dict[str, Any]]:
    """What each call gives."""
    for target, infusion in asked:
        yield ask(module, target, infusion)


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
        answer = describe(error, "my_infuse")
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


if __name__ == "__main__":
    sys.exit(serve("my_infuse", holds, answers, sys.argv[1:]))
