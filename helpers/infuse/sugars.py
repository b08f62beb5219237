"""The sugars infuse comes with, in the order in which they are applied.

Each is a function of a path and a value to a desugared infusion. Whether a target has the attribute is told
by the missing-attribute-marker (`helpers.infuse.values.is_missing`).

Source: infuse.nix v2.4 and v2.6, `default-sugars`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from helpers.infuse.core import (
    UNDECIDED,
    Builtin,
    Path,
    Quick,
    Sugar,
    SugarMap,
    desugar,
    fail,
    infuse_at,
    prune,
)
from helpers.infuse.core import apply as apply_infusion
from helpers.infuse.errors import InfuseError
from helpers.infuse.values import (
    MISSING,
    Failed,
    Native,
    attrs_of,
    call,
    is_attrs,
    is_derivation,
    is_function,
    is_missing,
    name_order,
    pretty,
    type_of,
    used,
)

__all__ = ["VERSIONS", "default_sugars_for", "sugar_map"]

VERSIONS = ("2.4", "2.6")


def _quick_init(value: Any, prev: Any) -> Any:
    return value if prev is MISSING else UNDECIDED


def _quick_default(value: Any, prev: Any) -> Any:
    if prev is MISSING:
        return value
    return prev if _known(prev) else UNDECIDED


def _quick_append(value: Any, prev: Any) -> Any:
    kind = type(value)
    if kind is list:
        if type(prev) is list and (len(prev) != 1 or type(prev[0]) in _PLAIN):
            return prev + value
    elif kind is str and type(prev) is str:
        return prev + value
    return kind() + value if prev is MISSING and kind in (str, list) else UNDECIDED


def _quick_prepend(value: Any, prev: Any) -> Any:
    return UNDECIDED if prev is MISSING else _quick_append(prev, value)


def _known(prev: Any) -> bool:
    """Whether it is there, and nobody has to look inside to know (`is_missing`)."""
    if type(prev) is list:
        return len(prev) != 1 or type(prev[0]) in _PLAIN
    return type(prev) in _PLAIN


_PLAIN = frozenset({str, int, bool, float, dict, type(None)})
_QUICK: dict[str, Quick] = {
    "__init": _quick_init,
    "__default": _quick_default,
    "__assign": None,
    "__prepend": _quick_prepend,
    "__append": _quick_append,
}


@cache
def default_sugars_for(version: str = "2.4") -> list[Sugar]:
    """The sugars of a version of infuse.nix, `(name, function of path, then of value)` in their order.

    They know each other only: inside of `__infuse` and its like a sugar of your own is not known, as in
    infuse.nix, where the default sugars belong to the file they were imported from. Raises `InfuseError`
    for a version other than 2.4 and 2.6.
    """
    if version not in VERSIONS:
        raise InfuseError(f"there is no version {version!r} of infuse here: choose {' or '.join(VERSIONS)}")
    makers: dict[str, Callable[[Path, Any], Any]] = {
        "__init": lambda path, value: Native(lambda prev: _init(path, value, prev, version)),
        "__default": lambda path, value: Native(lambda prev: value if is_missing(prev) else prev),
        "__assign": lambda path, value: Native(lambda prev: value),
        "__underlay": lambda path, value: _lay(path, value, "prelay", sugar_map(None, version)),
        "__overlay": lambda path, value: _lay(path, value, "overlay", sugar_map(None, version)),
        "__filter": _filter,
        "__prepend": lambda path, value: _pend(path, value, "prepend"),
        "__append": lambda path, value: _pend(path, value, "append"),
        "__input": lambda path, value: _input(path, value, sugar_map(None, version)),
        "__output": lambda path, value: _output(path, value, sugar_map(None, version)),
        "__values": lambda path, value: _values(path, value, sugar_map(None, version), named=False),
        "__attrs": lambda path, value: _values(path, value, sugar_map(None, version), named=True),
        "__infuse": lambda path, value: desugar(path, value, sugar_map(None, version)),
    }
    if version == "2.4":
        for name in ("__filter", "__values", "__attrs"):
            del makers[name]
    return [(name, Builtin(make, _QUICK.get(name, UNDECIDED))) for name, make in makers.items()]


@cache
def _default_map(version: str) -> SugarMap:
    return SugarMap(default_sugars_for(version), version)


def sugar_map(sugars: list[Sugar] | None, version: str) -> SugarMap:
    """The sugars that count: the given ones, which replace the default ones, or these."""
    if version not in VERSIONS:
        default_sugars_for(version)  # says what is wrong with it
    return _default_map(version) if sugars is None else SugarMap(sugars, version)


def _init(path: Path, value: Any, prev: Any, version: str) -> Any:
    if is_missing(prev):
        return value
    try:
        found = pretty(prev)
    except Exception as error:
        if version == "2.4":
            return Failed(error)
        found = "<<throw>>"
    text = f"infused a value to __init but attribute already existed, value={found}; "
    return fail(path, "desugar", text + "maybe you meant to use __assign or __default?")


def _pend(path: Path, value: Any, func: str) -> Any:
    """`__prepend` and `__append`: of a string to a string, of a list to a list."""
    first = func == "prepend"
    if isinstance(value, str):

        def to_string(prev: Any) -> Any:
            prev = "" if is_missing(prev) else prev
            if not isinstance(prev, str):
                return Failed(InfuseError("assertion '(isString string)' failed"))
            return value + prev if first else prev + value

        return Native(to_string)
    if isinstance(value, list | tuple):

        def to_list(prev: Any) -> Any:
            prev = [] if is_missing(prev) else prev
            if not isinstance(prev, list | tuple):
                return Failed(InfuseError("assertion '(isList list)' failed"))
            return [*value, *prev] if first else [*prev, *value]

        return Native(to_list)
    used(value)
    return fail(path, func, f"applied to unsupported type: {type_of(value)}")


def _lay(path: Path, overlay: Any, func: str, sugars: SugarMap) -> Any:
    """`__underlay` and `__overlay`: an overlay composed with the target, before or after it.

    nixpkgs' `lib.composeExtensions f g final prev` is `f final prev`, and over it `g final (prev // that)`.
    """
    used(overlay)
    if is_attrs(overlay):
        infusion = overlay

        def overlay(_final: Any) -> Any:
            return lambda prev: infuse_at(path, infusion, prev, sugars)

    elif not is_function(overlay):
        return fail(path, func, f"applied to unsupported type: {type_of(overlay)}")

    def compose(old: Any) -> Any:
        old = (lambda _final: lambda prev: prev) if is_missing(old) else old
        if not is_function(old):
            return Failed(InfuseError("assertion '(isFunction old)' failed"))
        first, second = (overlay, old) if func == "prelay" else (old, overlay)

        def composed(final: Any) -> Any:
            def with_prev(prev: Any) -> Any:
                applied = _set(call(call(first, final), prev))
                both = attrs_of({**_set(prev), **applied})
                return attrs_of({**applied, **_set(call(call(second, final), both))})

            return with_prev

        return Native(composed)

    return Native(compose)


def _set(value: Any) -> dict[str, Any]:
    """What `//` asks of its operands."""
    used(value)
    if not isinstance(value, dict):
        raise InfuseError(f"value is {_a(value)} while a set was expected")
    return value


def _a(value: Any) -> str:
    word = {"int": "integer", "bool": "Boolean", "lambda": "function"}.get(type_of(value), type_of(value))
    return "null" if word == "null" else f"an {word}" if word == "integer" else f"a {word}"


def _arguments(function: Any) -> dict[str, Any] | None:
    """nixpkgs' `lib.functionArgs`: the arguments a function names; `None` where nobody can know.

    Nix's function of one attribute set is a Python function of one dict, which names nothing; a functor can
    say it in `__functionArgs`. What a sugar made of a function names none, as in Nix.
    """
    if type(function) is Native:
        return {}
    found = function.get("__functionArgs") if isinstance(function, dict) else None
    return found if isinstance(found, dict) else None


def _input(path: Path, value: Any, sugars: SugarMap) -> Any:
    """`__input`: what a function, or a package's `.override`, is given."""
    used(value)
    strict = sugars.version != "2.4"
    desugared = desugar(path, value, sugars) if is_attrs(value) else None
    if is_attrs(value):

        def change(previous: Any) -> Any:
            return apply_infusion(path, prune(desugared), previous)

    elif is_function(value):

        def change(previous: Any) -> Any:
            return call(value, previous)

    elif strict:
        # v2.6 looks at the target first.
        def change(previous: Any) -> Any:
            return fail(path, "input", f"infused an unsupported type to __input: {type_of(value)}")

    else:
        return fail(path, "input", f"infused an unsupported type to __input: {type_of(value)}")

    def wrap(old: Any) -> Any:
        used(old)
        overridable = isinstance(old, dict) and "override" in old
        if not overridable and not is_function(old):
            if strict:
                text = f"attempted to infuse a function to __input attribute of a {type_of(old)}"
            else:
                text = "attempted to infuse a function to target.__input but !(isFunction target)"
            return fail(path, "input", text)
        function = old["override"] if overridable else old
        if strict and is_attrs(value):
            known = _arguments(function)
            if desugared is None or not isinstance(used(desugared), dict):
                raise InfuseError("value is a list while a set was expected")
            for name in sorted(desugared, key=name_order):
                if known is not None and name not in known:
                    text = f"infused to __input.{name} of a function which has no argument named {name}."
                    return fail(path, "input", text)
        if overridable:
            return call(function, change)
        return Native(lambda argument: call(old, change(argument)))

    return Native(wrap)


def _output(path: Path, value: Any, sugars: SugarMap) -> Any:
    """`__output`: what a function, or a derivation's `.overrideAttrs`, gives."""
    used(value)
    if is_attrs(value):
        infusion = value

        def value(_final: Any) -> Any:
            return lambda previous: infuse_at(path, infusion, previous, sugars)

    elif not is_function(value):
        return fail(path, "output", f"applied to unsupported type: {type_of(value)}")

    def two(final: Any) -> Any:
        def with_previous(previous: Any) -> Any:
            applied = used(call(value, final))
            if not is_function(applied):
                text = (
                    "when infusing to drv.__output you must pass a *two*-argument curried function "
                    "(i.e. `__output = finalAttrs: previousAttrs: ...`)"
                )
                raise fail(path, "output", text).error
            return used(call(applied, previous))

        return with_previous

    def wrap(target: Any) -> Any:
        used(target)
        if is_function(target):
            return Native(lambda argument: call(value, call(target, argument)))
        if is_derivation(target) and "overrideAttrs" in target:
            return call(target["overrideAttrs"], two)
        func = "input" if sugars.version == "2.4" else "output"  # v2.4 names the wrong one
        return fail(path, func, f"attempted to infuse to __output of an unsupported type: {type_of(target)}")

    return Native(wrap)


def _filter(path: Path, value: Any) -> Any:
    """`__filter` (v2.6): keep those elements of a list, or attributes of a set, that a function picks."""
    used(value)
    if not is_function(value):
        return fail(path, "filter", f"tried to infuse a non-function of type {type_of(value)}")

    def keep(target: Any) -> Any:
        used(target)
        if isinstance(target, list | tuple):
            return [item for item in target if _truth(call(value, item))]
        if isinstance(target, dict):
            every = {name: dict.__getitem__(target, name) for name in target}
            return attrs_of({k: v for k, v in every.items() if _truth(call(call(value, k), v))})
        return fail(path, "filter", f"applied to unsupported type: {type_of(target)}")

    return Native(keep)


def _truth(value: Any) -> bool:
    used(value)
    if not isinstance(value, bool):
        raise InfuseError(f"value is {_a(value)} while a Boolean was expected")
    return value


def _values(path: Path, value: Any, sugars: SugarMap, *, named: bool) -> Any:
    """`__values` and `__attrs` (v2.6): one infusion for every attribute of a set; `__attrs`' is a function of
    the attribute's name first."""
    desugared = prune(desugar((path, "__attrs" if named else "__values"), value, sugars))

    def each(target: Any) -> Any:
        used(target)
        if not isinstance(target, dict):
            raise InfuseError(f"value is {_a(target)} while a set was expected")
        result = {}
        for name in target:
            before = dict.__getitem__(target, name)
            if named:
                result[name] = call(apply_infusion(path, desugared, name), before)
            else:
                result[name] = apply_infusion(path, desugared, before)
        return attrs_of(result)

    return Native(each)
