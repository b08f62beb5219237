"""Asks a learner's laws of several `infuse`, inside a sandbox, as a program.

    python3 ask.py CASES TAG

`CASES` is a JSON list of `[target, a, b]`, each the text of a Python expression that knows `note`. Lines
go to standard output, each the tag and a JSON object: first what laws there are, then one for each law and
each infuse. What the learner's code prints goes nowhere.

It needs Python's standard library, and beside it `infuse_model.py` and infuse of the package `helpers`.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable
from typing import Any, TextIO

Infuse = Callable[[Any, Any], Any]
MEMORY = 1 << 30  # bytes of address space


def note(name: str) -> Callable[[Any], str]:
    """A function that writes down what it was given: infusions made of it tell their own story."""
    return lambda value: f"{name}({_stable(value)})"


def _stable(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_stable(value[key])}" for key in sorted(value)) + "}"
    return "nothing" if type(value).__name__ in ("_Marker", "_Missing") else repr(value)


def subjects() -> dict[str, Infuse]:
    """The true infuse, and those that are not. Their modules are forgotten again: no law can ask them."""
    true: Any = importlib.import_module("helpers.infuse")
    model: Any = importlib.import_module("infuse_model")
    right: Infuse = lambda target, infusion: true.force(true.infuse(target, infusion))  # noqa: E731

    def flawed(flaw: str) -> Infuse:
        return lambda target, infusion: model._Infuse(flaw).root(target, infusion)

    found = {
        "true": right,
        **{flaw: flawed(flaw) for flaw in ("right-to-left", "returns-nothing", "clobbers", "shallow")},
        "textual-order": flawed("textual-order"),
        "last-step": lambda t, i: right(t, i[-1] if isinstance(i, list) and i else i),
        "no-null": lambda t, i: _without_null(right(t, i)),
        "two-names": lambda t, i: right(t, _two_names(i)),
    }
    for name in [name for name in sys.modules if name.split(".")[0] in ("helpers", "infuse_model")]:
        del sys.modules[name]
    return found


def _without_null(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_null(part) for name, part in value.items() if part is not None}


def _two_names(infusion: Any) -> Any:
    if isinstance(infusion, list):
        return [_two_names(part) for part in infusion]
    if isinstance(infusion, dict) and not any(name.startswith("__") for name in infusion):
        return {name: _two_names(infusion[name]) for name in list(infusion)[:2]}
    return infusion


class Counted:
    """An infuse that counts its calls, and how many different targets it was given."""

    def __init__(self, infuse: Infuse) -> None:
        self.infuse = infuse
        self.calls = 0
        self.targets: set[str] = set()

    def __call__(self, target: Any, infusion: Any) -> Any:
        self.calls += 1
        self.targets.add(_stable(target))
        return self.infuse(target, infusion)


def main(cases: str, tag: str) -> int:
    """Ask everything; 0 once all was asked."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with open(cases, encoding="utf-8") as file:
        asked = json.load(file)
    here = os.path.dirname(os.path.abspath(cases))
    sys.path.insert(0, os.path.join(here, "ours"))
    known = subjects()
    sys.path[0] = here
    try:
        module = importlib.import_module("laws")
    except BaseException as error:
        tell(out, tag, {"failed": describe(error)})
        return 0
    laws = {
        name: law for name, law in vars(module).items() if name.startswith("law_") and inspect.isfunction(law)
    }
    wrong = [name for name, law in laws.items() if list(inspect.signature(law).parameters) != _ARGUMENTS]
    tell(out, tag, {"laws": list(laws), "wrong": wrong})
    for name, law in laws.items() if not wrong else ():
        for subject, infuse in known.items():
            tell(out, tag, {"law": name, "subject": subject, **judge(law, infuse, asked, subject == "true")})
    return 0


_ARGUMENTS = ["infuse", "target", "a", "b"]


def judge(law: Callable[..., Any], infuse: Infuse, asked: list[list[str]], all_of_it: bool) -> dict[str, Any]:
    """How often it said yes, and the first case where it did not; a wrong infuse need not be asked on."""
    counted = Counted(infuse)
    yes, broken = 0, None
    for texts in asked:
        target, a, b = (eval(text, {"note": note}) for text in texts)  # noqa: S307 - the check's own text
        before = copy.deepcopy(target)
        try:
            said = law(counted, target, a, b)
        except BaseException as error:
            said, broken = False, {"case": texts, **describe(error)}
        if target != before:
            broken = {
                "case": texts,
                "raised": "changed",
                "message": "the law changed its target",
                "line": None,
            }
        elif said is False:
            broken = broken or {"case": texts}
        elif said not in (True, None):
            broken = {"case": texts, "raised": "said", "message": repr(said)[:100], "line": None}
        yes += said is True
        if broken:
            break
    return {"yes": yes, "broken": broken, "calls": counted.calls, "targets": len(counted.targets)}


def describe(error: BaseException) -> dict[str, Any]:
    """An exception: its type, its message, and the line of the learner's file it came from."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith("laws.py")]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    return {"raised": type(error).__name__, "message": str(error)[:200], "line": line}


def tell(out: TextIO, tag: str, answer: dict[str, Any]) -> None:
    """One line of answer."""
    out.write(f"{tag} {json.dumps(answer, default=repr)}\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
