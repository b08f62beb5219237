"""Random targets and infusions, each as a Python value and as Nix text that means the same.

Wrong ones too: leaves that are none, mixed names, sugars of the wrong type. A function fails in Python
where it fails in Nix, and forces what it forces in Nix.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from helpers.infuse.values import call, type_of, used

__all__ = ["Both", "Pair", "nix_text", "pairs", "plain_targets", "sugared"]

Both = tuple[str, Any]
"""Nix text (in brackets where it has to be) and the Python value."""

NAMES = ["a", "b", "c", "d e", "x.y", "ü", "${z}", "_q", "type"]


@dataclass(frozen=True)
class Pair:
    """A target and an infusion for it."""

    target: Both
    infusion: Both

    def nix(self, infuse: str = "infuse") -> str:
        """The Nix expression."""
        return f"{infuse} {self.target[0]} {self.infusion[0]}"


def name_text(name: str) -> str:
    """An attribute's name in Nix, always in quotes."""
    return json.dumps(name, ensure_ascii=False).replace("${", "\\${")


def nix_text(value: Any) -> str:
    """Plain data as Nix."""
    if isinstance(value, dict):
        return "{ " + "".join(f"{name_text(k)} = {nix_text(v)}; " for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[ " + "".join(f"{nix_text(v)} " for v in value) + "]"
    if isinstance(value, str):
        return name_text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"({value})"


def joined(parts: dict[str, Both]) -> Both:
    """An attribute set of parts."""
    text = "".join(f"{name_text(name)} = {nix}; " for name, (nix, _) in parts.items())
    return "{ " + text + "}", {name: py for name, (_, py) in parts.items()}


def listed(parts: list[Both]) -> Both:
    """A list of parts."""
    return "[ " + "".join(f"{nix} " for nix, _ in parts) + "]", [py for _, py in parts]


def strict(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that forces its argument, as most Nix functions do."""
    return lambda value: function(used(value))


def of_mine(_value: Any) -> Any:
    """Fails whatever it is given."""
    raise ValueError("of mine")


FUNCTIONS: list[Both] = [
    ("(x: x)", lambda x: x),
    ("(_: 7)", lambda _: 7),
    ("(x: [ x ])", lambda x: [x]),
    ("(x: { was = x; })", lambda x: {"was": x}),
    ("(x: builtins.typeOf x)", strict(type_of)),
    ("(x: x == null)", strict(lambda x: x is None)),
    (
        "(x: if builtins.isInt x then x + 1 else 0)",
        strict(lambda x: x + 1 if isinstance(x, int) and not isinstance(x, bool) else 0),
    ),
    (
        "(x: if builtins.isList x then x ++ [ 1 ] else [ x ])",
        strict(lambda x: x + [1] if isinstance(x, list) else [x]),  # noqa: RUF005 - the marker's own `+`
    ),
    ("(x: x.a)", strict(lambda x: x["a"])),
    ('(_: throw "of mine")', of_mine),
]
FUNCTORS: list[Both] = [
    (
        "{ by = 2; __functor = self: x: [ self.by x ]; __default_argument = 5; }",
        {"by": 2, "__functor": lambda self: lambda x: [self["by"], x], "__default_argument": 5},
    ),
    ("{ __functor = self: x: [ x ]; }", {"__functor": lambda self: lambda x: [x]}),
]

names = st.sampled_from(NAMES)
words = st.sampled_from(["", "s", "derivation", "two\nlines", '"${q}\\'])
atoms = st.one_of(st.integers(-3, 9), words, st.booleans(), st.none())
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*NAMES, "__append"]), inner, max_size=3)
    ),
    max_leaves=5,
)
plain_targets = st.dictionaries(names, values, max_size=4)
functions = st.sampled_from(FUNCTIONS)


def data(strategy: st.SearchStrategy[Any] = values) -> st.SearchStrategy[Both]:
    """Plain data, both ways."""
    return strategy.map(lambda value: (nix_text(value), value))


def _sugars(inner: st.SearchStrategy[Both], version: str) -> st.SearchStrategy[Both]:
    pended = data(st.one_of(words, st.lists(atoms, max_size=2), st.just([[1]]), atoms))
    each: dict[str, st.SearchStrategy[Both]] = {
        "__init": data(),
        "__default": data(),
        "__assign": data(),
        "__prepend": pended,
        "__append": pended,
        "__infuse": inner,
        "__input": st.one_of(functions, inner),
        "__output": st.one_of(functions, inner),
        "__overlay": data(atoms),
    }
    if version == "2.6":
        picks = st.sampled_from(
            [
                ("(k: v: v != null)", lambda k: lambda v: used(v) is not None),
                ('(k: v: k != "a")', lambda k: lambda v: k != "a"),
                ("(x: x != null)", lambda x: used(x) is not None),
            ]
        )
        each["__filter"] = st.one_of(picks, data(atoms))
        each["__values"] = inner
    chosen = st.lists(st.sampled_from(sorted(each)), min_size=1, max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: each[name] for name in names})).map(
        joined
    )


@cache
def sugared(version: str = "2.4") -> st.SearchStrategy[Both]:
    """Infusions, most of them valid."""
    wrong = st.one_of(data(atoms), st.just(("{ __unknown = 1; }", {"__unknown": 1})))
    leaves = st.one_of(functions, functions, data(st.just({})), st.sampled_from(FUNCTORS), wrong)

    def larger(inner: st.SearchStrategy[Both]) -> st.SearchStrategy[Both]:
        plain = st.dictionaries(names, inner, max_size=3).map(joined)
        mixed = st.dictionaries(st.sampled_from(["a", "__assign"]), inner, min_size=2).map(joined)
        return st.one_of(
            plain, plain, plain, _sugars(inner, version), st.lists(inner, max_size=3).map(listed), mixed
        )

    roots = st.dictionaries(names, st.recursive(leaves, larger, max_leaves=6), max_size=4).map(joined)
    return st.one_of(roots, roots, roots, st.recursive(leaves, larger, max_leaves=6))


def _declared(text: str, function: Callable[[Any], Any]) -> Both:
    """A function that says which arguments it takes, as those of nixpkgs do. v2.6 asks; a Python function
    of one dict cannot tell, so only one that says so can be compared."""
    return (
        f"{{ __functionArgs = {{ a = true; }}; __functor = _: {text}; }}",
        {"__functionArgs": {"a": True}, "__functor": lambda _: function},
    )


_GIVEN: Both = ("(x: { given = x; })", lambda x: {"given": x})
_OVERLAY: Both = (
    "(final: prev: { n = 1; inherit prev; })",
    lambda final: lambda prev: {"n": 1, "prev": prev},
)
_OVERRIDE = _declared("f: { b = f { a = 1; }; }", lambda f: {"b": f({"a": 1})})
_CALL: Both = ("(r: r.f { a = 1; })", lambda r: r["f"]({"a": 1}))
_CALL_TWICE: Both = ("(r: r.f { } { a = 1; })", lambda r: r["f"]({})({"a": 1}))
_DERIVATION: Both = (
    f'{{ type = "derivation"; overrideAttrs = f: f {{ }} {{ a = 1; }}; override = {_OVERRIDE[0]}; }}',
    {"type": "derivation", "overrideAttrs": lambda f: f({})({"a": 1}), "override": _OVERRIDE[1]},
)
CALLED: list[tuple[Both, Both]] = [
    (_declared(*_GIVEN), ("(r: r.f { a = 1; })", lambda r: used_call(r["f"], {"a": 1}))),
    (_declared(*_OVERLAY), ("(r: r.f { } { a = 1; })", lambda r: used_call(used_call(r["f"], {}), {"a": 1}))),
    (_DERIVATION, ("(r: r.f)", lambda r: r["f"])),
]
CALLED_2_4: list[tuple[Both, Both]] = [(_GIVEN, _CALL), (_OVERLAY, _CALL_TWICE)]


def used_call(function: Any, argument: Any) -> Any:
    """A function or a functor, called."""
    return used(call(function, argument))


OVERLAYS: list[Both] = [
    (
        "(final: prev: { n = (prev.n or 0) + 1; m = 2; })",
        lambda final: lambda prev: {"n": prev.get("n", 0) + 1, "m": 2},
    ),
    ("(final: prev: { })", lambda final: lambda prev: {}),
]


@st.composite
def calling(draw: st.DrawFn, version: str) -> Pair:
    """A function, an overlay or a derivation as an attribute, edited, and then called."""
    function, call = draw(st.sampled_from(CALLED if version != "2.4" else CALLED + CALLED_2_4))
    inner = st.one_of(sugared(version), functions)
    each: dict[str, st.SearchStrategy[Both]] = {
        "__input": inner,
        "__output": st.one_of(inner, st.sampled_from(OVERLAYS)),
        "__overlay": st.one_of(st.sampled_from(OVERLAYS), sugared(version)),
        "__underlay": st.one_of(st.sampled_from(OVERLAYS), sugared(version)),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(each)), min_size=1, max_size=2, unique=True))
    edit = joined({"f": joined({name: draw(each[name]) for name in chosen})})
    return Pair(joined({"f": function}), listed([edit, call]))


@cache
def pairs(version: str = "2.4") -> st.SearchStrategy[Pair]:
    """A target and an infusion."""
    targets = st.one_of(data(plain_targets), data(plain_targets), data(values))
    plain = st.builds(Pair, targets, sugared(version))
    return st.one_of(plain, plain, plain, calling(version))
