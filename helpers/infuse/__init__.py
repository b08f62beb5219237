"""infuse in Python: one attribute set edited by another, deeply.

Faithful to infuse.nix v2.4 (and, asked for, v2.6): <https://codeberg.org/amjoseph/infuse.nix>. Attribute sets
are dicts, functions are callables of one argument (an overlay is `lambda final: lambda prev: {...}`), a
functor is a dict with `__functor`, a derivation a dict whose `type` is `"derivation"`.

>>> infuse({"a": {"b": 1}, "c": 2}, {"a": {"b": lambda b: b + 1}})
{'a': {'b': 2}, 'c': 2}
>>> infuse({"args": "-v"}, {"args": {"__append": " -q"}, "port": {"__default": 80}})
{'args': '-v -q', 'port': 80}

Nix computes what is used, Python computes at once. So an error is kept at the attribute where it happened
and raised when that attribute is used:

>>> result = infuse({"a": 1, "b": 1}, {"a": lambda a: a / 0, "b": lambda b: b + 1})
>>> result["b"]
2
>>> result
{'a': <error: division by zero>, 'b': 2}
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from helpers.infuse import core, fused
from helpers.infuse import optimize as _optimize
from helpers.infuse.core import Sugar
from helpers.infuse.errors import InfuseError
from helpers.infuse.sugars import VERSIONS, default_sugars_for, sugar_map
from helpers.infuse.values import MISSING, Failed, force, used

__all__ = [
    "MISSING",
    "VERSIONS",
    "Failed",
    "InfuseError",
    "Sugar",
    "default_sugars",
    "default_sugars_for",
    "desugar",
    "force",
    "infuse",
    "infuse_desugared",
    "optimize",
]

_DEEP = 50_000  # frames; a level of nesting takes three

default_sugars: list[Sugar] = default_sugars_for("2.4")
"""infuse.nix v2.4's sugars. Put your own before or after them: `[*default_sugars, ("__mine", …)]`."""


@contextmanager
def _room() -> Iterator[None]:
    """Python's limit of frames is made for loops without an end; a deep attribute set has one."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def infuse(target: Any, infusion: Any, *, sugars: list[Sugar] | None = None, version: str = "2.4") -> Any:
    """Infuse `target` with `infusion`; neither is changed.

    * a function is applied to the target;
    * a list is applied from left to right;
    * an attribute set is applied attribute by attribute to a target that is one too, and no derivation;
      where all its names begin with `__` they are sugars, in the order of `sugars`.

    `sugars` replaces the default ones: `(name, lambda path: lambda value: desugared infusion)` pairs, `path`
    the list of names down to the sugar's own. Raises `InfuseError`, or what a function raised, when the
    result itself failed; an attribute that failed raises its error when it is used (`force` uses all).
    """
    with _room():
        return used(fused.infuse(target, infusion, sugar_map(sugars, version)))


def infuse_desugared(target: Any, infusion: Any) -> Any:
    """Infuse with an infusion that has no sugars: names that begin with `__` are names like others.

    Raises as `infuse` does.
    """
    with _room():
        return used(fused.infuse(target, infusion, None))


def desugar(infusion: Any, *, sugars: list[Sugar] | None = None, version: str = "2.4") -> Any:
    """The infusion with every attribute set of sugars replaced by a list of functions.

    `infuse(t, i)` is `infuse_desugared(t, desugar(i))`. Raises `InfuseError` for an infusion that is no
    function, list or attribute set; what is wrong further down raises when it is used.
    """
    with _room():
        return core.shown(used(core.desugar(None, infusion, sugar_map(sugars, version))))


def optimize(infusion: Any) -> Any:
    """An infusion that does the same in fewer steps, if it is a desugared one (`helpers.infuse.optimize`)."""
    with _room():
        return _optimize.optimize(infusion)
