"""Asks a learner's laws of several `infuse`, inside a sandbox, as a program; `checks.calls.inside` says how.

Each case is `[target, a, b]`, each the text of a Python expression that knows `note`. The first line says
what laws there are; then comes one for each law and each infuse.

Beside it lie `infuse_model.py` and infuse of the package `helpers`, in a folder `ours`.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from checks.calls.inside import describe, serve

Infuse = Callable[[Any, Any], Any]


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


def laws_of(module: Any) -> dict[str, Callable[..., Any]]:
    """The functions whose names begin with `law_`."""
    return {n: law for n, law in vars(module).items() if n.startswith("law_") and inspect.isfunction(law)}


def holds(module: Any) -> dict[str, Any]:
    """What laws there are; lacking are those that take other arguments."""
    laws = laws_of(module)
    wrong = [name for name, law in laws.items() if list(inspect.signature(law).parameters) != _ARGUMENTS]
    return {"lacking": wrong, "laws": list(laws)}


def main(arguments: list[str]) -> int:
    """Ask everything; 0 once all was asked."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(arguments[0])), "ours"))
    known = subjects()
    del sys.path[0]

    def answers(module: Any, asked: list[Any]) -> Iterator[dict[str, Any]]:
        for name, law in laws_of(module).items():
            for subject, infuse in known.items():
                yield {"law": name, "subject": subject, **judge(law, infuse, asked, subject == "true")}

    return serve("laws", holds, answers, arguments)


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
            said, broken = False, {"case": texts, **describe(error, "laws")}
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
