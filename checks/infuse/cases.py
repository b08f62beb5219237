"""Random calls of `infuse` for the exercise `p1.infuse`: a target, and an infusion made to fit it.

A case gives a value, or has exactly one fault in it: so there is one right answer. No list in them is of the
form `[[v]]`, and no function hands on what it is given where the attribute is missing: what infuse.nix does
then is a story of its own, and no part of the exercise.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from checks.infuse.model import Case, Fn, outcome

__all__ = ["GROUPS", "cases", "faulty", "lazy"]

NAMES = ["args", "env", "host", "log", "port", "run", "tls", "user", "_x"]
_WORDS = ["", "a", "b", "-q"]
_CONSTANT = Fn("lambda x: 7", "(x: 7)", lambda x: 7)
_FAILS = Fn("lambda x: 1 // 0", '(x: throw "of mine")', lambda x: 1 // 0)
_WAS = Fn("lambda x: {'was': x}", "(x: { was = x; })", lambda x: {"was": x})
_NULL = Fn("lambda x: x is None", "(x: x == null)", lambda x: x is None)
_FOR: dict[type, list[Fn]] = {
    int: [
        Fn("lambda x: x + 1", "(x: x + 1)", lambda x: x + 1),
        Fn("lambda x: x * 3", "(x: x * 3)", lambda x: x * 3),
    ],
    str: [
        Fn("lambda x: x + '!'", '(x: x + "!")', lambda x: x + "!"),
        Fn("lambda x: '<' + x", '(x: "<" + x)', lambda x: "<" + x),
    ],
    list: [
        Fn("lambda x: [*x, 1]", "(x: x ++ [ 1 ])", lambda x: [*x, 1]),
        Fn("lambda x: [0, *x]", "(x: [ 0 ] ++ x)", lambda x: [0, *x]),
    ],
    dict: [Fn("lambda x: {**x, 'on': True}", "(x: x // { on = true; })", lambda x: {**x, "on": True})],
}
_NONE = object()
"""No such attribute."""


def _scalar(rng: random.Random) -> Any:
    return rng.choice([rng.randrange(10), rng.choice(_WORDS), rng.choice([True, False]), None])


def _list(rng: random.Random) -> list[Any]:
    return [rng.choice([rng.randrange(10), rng.choice(_WORDS)]) for _ in range(rng.randrange(3))]


def _data(rng: random.Random, depth: int) -> Any:
    kind = rng.random()
    if depth and kind < 0.5:
        return {name: _data(rng, depth - 1) for name in rng.sample(NAMES, rng.randrange(4))}
    return _list(rng) if kind < 0.7 else _scalar(rng)


def _target(rng: random.Random, size: int) -> dict[str, Any]:
    found = {name: _data(rng, 2 if size > 3 else 1) for name in rng.sample(NAMES, min(size, 5))}
    if size > 1:
        found["env"] = {"host": _scalar(rng), "log": _list(rng)}
    return found


class _Maker:
    """Makes infusions of the given kinds that fit what is there before."""

    def __init__(self, rng: random.Random, kinds: str) -> None:
        self.rng = rng
        self.kinds = kinds.split()

    def infusion(self, before: Any, depth: int) -> Any:
        rng = self.rng
        kinds = [kind for kind in self.kinds if kind in ("function", "sugar") or depth > 0]
        kinds = [kind for kind in kinds if kind != "set" or before is _NONE or isinstance(before, dict)]
        kind = rng.choice(kinds or ["function"])
        if kind == "set":
            return self.set({} if before is _NONE else before, depth - 1)
        if kind == "list":
            return self.list(before, depth - 1)
        return self.sugars(before) if kind == "sugar" else self.function(before)

    def function(self, before: Any) -> Fn:
        if before is _NONE:
            return _CONSTANT
        fitting = _FOR.get(type(before), [_NULL])
        return self.rng.choice([*fitting, *fitting, _WAS, _CONSTANT])

    def set(self, before: dict[str, Any], depth: int) -> dict[str, Any]:
        rng = self.rng
        there = rng.sample(list(before), rng.randrange(len(before) + 1))[:3]
        absent = [name for name in NAMES if name not in before]
        names = there + rng.sample(absent, min(len(absent), rng.randrange(2)))
        if not names:
            names = [rng.choice(NAMES)]
        return {name: self.infusion(before.get(name, _NONE), depth) for name in names if name[:2] != "__"}

    def list(self, before: Any, depth: int) -> list[Any]:
        steps: list[Any] = []
        for _ in range(self.rng.randrange(0 if before is not _NONE else 1, 4)):
            step = self.infusion(before, depth)
            if not steps and before is _NONE and step == {}:
                step = _CONSTANT
            kind, value = _after(before, step)
            if kind != "value":
                break
            steps.append(step)
            before = value
        return steps if steps or before is not _NONE else [_CONSTANT]

    def sugars(self, before: Any) -> dict[str, Any]:
        rng = self.rng
        names = rng.sample(["__default", "__assign", "__prepend", "__append"], rng.randrange(1, 4))
        if before is _NONE and rng.random() < 0.4:
            names.append("__init")
        pended = any(name in ("__prepend", "__append") for name in names)
        kind = type(before) if before is not _NONE and "__assign" not in names else rng.choice([str, list])
        if pended and kind not in (str, list):
            names = [name for name in names if name not in ("__prepend", "__append")] or ["__default"]
            pended = False
        rng.shuffle(names)
        return {name: self.value(kind if pended else None) for name in names}

    def value(self, kind: type | None) -> Any:
        rng = self.rng
        if kind is str:
            return rng.choice(["x", "y", "-v"])
        if kind is list:
            return [rng.choice([1, 2, "x"])]
        return rng.choice(
            [_data(rng, 2), _scalar(rng), {"log": {}}, {"__append": "x"}, {"tls": {"on": {}}, "a": 1}]
        )


def _after(before: Any, step: Any) -> tuple[str, Any]:
    """What a step makes of what was there, or of nothing."""
    if before is not _NONE:
        return outcome(before, step)
    kind, value = outcome({}, {"x": step})
    return (kind, value["x"]) if kind == "value" and "x" in value else ("none", None)


def _made(kinds: str) -> Callable[[random.Random, int], Case]:
    def make(rng: random.Random, size: int) -> Case:
        target = _target(rng, size)
        return Case(target, _Maker(rng, kinds).set(target, 1 + size // 2))

    return make


def _empty(rng: random.Random, depth: int) -> dict[str, Any]:
    if depth == 0:
        return {}
    return {name: _empty(rng, rng.randrange(depth)) for name in rng.sample(NAMES, rng.randrange(1, 3))}


def _pruned(rng: random.Random, size: int) -> Case:
    """Attribute sets without a leaf: alone, beside a leaf, in a list, onto something that is no set."""
    target = _target(rng, size)
    bare = _empty(rng, rng.randrange(1, 4))
    if rng.random() < 0.5:
        return Case(target, rng.choice([bare, [bare], {"run": bare}]))
    without = {name: value for name, value in target.items() if name != "run"}
    leaf = rng.choice([_CONSTANT, {"__assign": {"log": {}}}, {"__assign": 2}])
    return Case(without, {"run": rng.choice([bare, [bare]]), "port": leaf})


def faulty(rng: random.Random, size: int) -> Case:
    """One fault, somewhere, with edits beside it that are right."""
    there, wrong = _fault(rng)
    target: Any = there
    infusion: Any = [wrong] if rng.random() < 0.2 else wrong
    for name in rng.sample(NAMES, min(3, rng.randrange(1 + size // 2))):
        beside = {"keep": rng.randrange(9)} | ({"other": 1} if rng.random() < 0.5 else {})
        target = {**beside, name: target}
        infusion = {name: infusion}
        if rng.random() < 0.5:
            infusion["more"] = _CONSTANT
    return Case(target, infusion)


def _fault(rng: random.Random) -> tuple[Any, Any]:
    """What is there, and the wrong infusion for it."""
    return rng.choice(
        [
            (_scalar(rng), rng.choice([3, "text", True, None])),
            (rng.choice([5, None, "s", [1]]), {"log": _CONSTANT}),
            ({"log": 1}, {"log": _CONSTANT, "__assign": {"port": 1}}),
            ({"log": 1}, {"__assign": {"port": 1}, "log": _CONSTANT}),
            ({"log": 1}, {"__set": 3}),
            (rng.choice([3, None, "s"]), {"__init": 1}),
            (rng.choice([3, None]), {"__init": 1}),
            ("s", {rng.choice(["__append", "__prepend"]): rng.choice([5, None, {"a": 1}])}),
            ([1], {rng.choice(["__append", "__prepend"]): "x"}),
            ("s", {rng.choice(["__append", "__prepend"]): ["x"]}),
            (rng.choice([None, 3]), {"__append": "x"}),
            (rng.choice([3, 0]), {rng.choice(["__append", "__prepend"]): rng.choice([5, 2])}),
            ({"log": 1}, {rng.choice(["__append", "__prepend"]): {"port": 1}}),
            ({}, {"tls": {rng.choice(["__append", "__prepend"]): rng.choice([5, {"port": 1}])}}),
            (1, _FAILS),
        ]
    )


def lazy(rng: random.Random, size: int) -> Case:
    """A step that fails, and an `__assign` after it."""
    value = _data(rng, 1)
    then: list[Any] = [{"__assign": value}]
    edit = rng.choice(
        [
            [_FAILS, *then],
            [[_FAILS], *then],
            [_CONSTANT, _FAILS, [*then]],
            [{"__init": 1}, *then],
            {"__init": 1, "__assign": value},
            {"__assign": value, "__init": {"a": 1}},
        ]
    )
    target = _target(rng, size)
    return Case({**target, "run": 1}, {"run": edit})


GROUPS: dict[str, tuple[int, Callable[[random.Random, int], Case]]] = {
    "edits": (60, _made("function set set")),
    "pipelines": (60, _made("function list set")),
    "sugars": (80, _made("sugar sugar set")),
    "empties": (50, _pruned),
    "faults": (120, faulty),
    "lazy": (30, lazy),
    "random": (100, _made("function set list sugar")),
}
"""For each group how many cases are asked, and what makes one."""


def cases(rng: random.Random, group: str) -> list[Case]:
    """The cases of a group, the shortest first."""
    count, make = GROUPS[group]
    return sorted(
        (make(rng, 1 + 5 * number // count) for number in range(count)), key=lambda case: len(str(case))
    )
