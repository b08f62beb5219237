"""Ten questions on what infuse gives, with other numbers, names and cases in each variant: `p1.predict`."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["KINDS", "Question", "questions_of"]

_NAMES = ["port", "args", "user", "tls", "env", "log", "host", "limit"]


@dataclass(frozen=True)
class Question:
    """An expression to be predicted; `kind` is what it is about."""

    kind: str
    expression: str


def _function(rng: random.Random) -> str:
    a, b = rng.sample(_NAMES, 2)
    x, y, k = rng.sample(range(2, 10), 3)
    return f"infuse {{ {a} = {x}; {b} = {y}; }} {{ {a} = n: n * {k}; }}"


def _pipeline(rng: random.Random) -> str:
    a = rng.choice(_NAMES)
    x, k = rng.sample(range(2, 9), 2)
    last = rng.choice([f"(r: r.{a} + {k})", f"{{ {a} = n: n + {k}; }}", f"(r: {{ was = r.{a}; }})"])
    return f"infuse {{ {a} = {x}; }} [ {{ {a} = n: n * n; }} {last} ]"


def _order(rng: random.Random) -> str:
    a = rng.choice(_NAMES)
    s, t, u = rng.sample(["-q", "-v", "-x", "-d"], 3)
    sugars = rng.choice(
        [
            f'__append = "{t}"; __assign = "{u}";',
            f'__append = "{t}"; __prepend = "{u}"; __assign = "{s}{s}";',
            f'__prepend = "{t}"; __default = "{u}";',
        ]
    )
    return f'infuse {{ {a} = "{s}"; }} {{ {a} = {{ {sugars} }}; }}'


def _default(rng: random.Random) -> str:
    a = rng.choice(_NAMES)
    n, m = rng.sample(range(10, 99), 2)
    there = rng.choice(["", f"{a} = null; ", f"{a} = {m}; "])
    return f"infuse {{ {there}}} {{ {a}.__default = {n}; }}"


def _init(rng: random.Random) -> str:
    a, b = rng.sample(_NAMES, 2)
    n, m = rng.sample(range(10, 99), 2)
    there = rng.choice([f"{a}.{b} = {m};", f"{a} = {{ }};", f"{a}.{b} = null;"])
    return f"infuse {{ {there} }} {{ {a}.{b}.__init = {n}; }}"


def _leaf(rng: random.Random) -> str:
    a, b = rng.sample(_NAMES, 2)
    n, m = rng.sample(range(10, 99), 2)
    edit = rng.choice([f"{b} = {n};", f"{b} = _: {n};", f'{b} = "{n}";'])
    return f"infuse {{ {a}.{b} = {m}; }} {{ {a}.{edit} }}"


def _clobber(rng: random.Random) -> str:
    a, b, c = rng.sample(_NAMES, 3)
    n, m = rng.sample(range(10, 99), 2)
    edit = rng.choice(
        [f"{a} = _: {{ {b} = {n}; }};", f"{a}.{b} = _: {n};", f"{a}.__assign = {{ {b} = {n}; }};"]
    )
    return f"infuse {{ {a} = {{ {b} = 1; {c} = {m}; }}; }} {{ {edit} }}"


def _pruning(rng: random.Random) -> str:
    a, b, c = rng.sample(_NAMES, 3)
    n, m = rng.sample(range(10, 99), 2)
    return rng.choice(
        [
            f"infuse {{ {a} = {n}; }} {{ {a} = {{ }}; }}",
            f"infuse {{ {b} = {n}; }} {{ {a} = {{ }}; {b}.__assign = {m}; }}",
            f"infuse {{ {a} = {n}; {b} = 1; }} {{ {a} = {{ }}; {b}.__assign = {m}; }}",
            f"infuse {{ {b} = {n}; }} {{ {a}.{c} = {{ }}; }}",
        ]
    )


def _append(rng: random.Random) -> str:
    a, b = rng.sample(_NAMES, 2)
    n, m = rng.sample(range(10, 99), 2)
    value = rng.choice([f"{{ {b} = {m}; }}", f"[ {{ {b} = {m}; }} ]", f"[ {m} ]"])
    return f"infuse {{ {a} = [ {n} ]; }} {{ {a}.__append = {value}; }}"


def _deep(rng: random.Random) -> str:
    a, b, c = rng.sample(_NAMES, 3)
    n, m = rng.sample(range(10, 99), 2)
    there = rng.choice([f"{a}.{b} = {n};", f"{a} = {{ }};", f"{a} = [ {n} ];", f"{c} = {n};"])
    return f"infuse {{ {there} }} {{ {a}.{b}.{c} = _: {m}; }}"


KINDS: dict[str, Callable[[random.Random], str]] = {
    "function": _function,
    "pipeline": _pipeline,
    "order": _order,
    "default": _default,
    "init": _init,
    "leaf": _leaf,
    "clobber": _clobber,
    "pruning": _pruning,
    "append": _append,
    "deep": _deep,
}
"""What the ten questions are about, in their order, and what makes one."""


def questions_of(variant: int) -> list[Question]:
    """The ten questions of a variant: the same each time."""
    rng = random.Random(f"p1.predict/{variant}")
    return [Question(kind, make(rng)) for kind, make in KINDS.items()]
