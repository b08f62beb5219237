"""infuse.nix's three passes: desugar, prune, apply.

Each takes a value and gives a value; what Nix would only find wrong later stays where it is as a `Failed`.
Paths are pairs `(path of the parent, name)`, the root is `None`.

Source: infuse.nix v2.4, <https://codeberg.org/amjoseph/infuse.nix>, its specification in the header of
`default.nix` and `doc/design-notes-*.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from helpers.infuse.errors import InfuseError, show_path
from helpers.infuse.values import (
    MISSING,
    Attrs,
    Failed,
    Native,
    attrs_of,
    call,
    is_attrs,
    is_derivation,
    is_function,
    name_order,
    type_of,
    used,
)

__all__ = [
    "UNDECIDED",
    "Path",
    "Quick",
    "Sugar",
    "SugarMap",
    "apply",
    "default_for",
    "desugar",
    "fail",
    "failed_when_compared",
    "infuse_at",
    "names_of",
    "prune",
    "special",
]

Path: TypeAlias = "tuple[Path, str] | None"
Sugar: TypeAlias = tuple[str, Callable[[list[str]], Callable[[Any], Any]]]
"""A name, and a function of the path (that name at its end), then of the value, to a desugared infusion."""

Quick: TypeAlias = Callable[[Any, Any], Any] | None
UNDECIDED: Any = object()
"""What a quick sugar answers where the careful one has to be asked: it may fail, or look inside a value."""


def names_of(path: Path) -> list[str]:
    """The names of a path, from the root."""
    names = []
    while path is not None:
        path, name = path
        names.append(name)
    return names[::-1]


def fail(path: Path, func: str, message: str) -> Failed:
    """An error of infuse's own, as a value."""
    return Failed(InfuseError(message, func=func, path=show_path(names_of(path))))


class SugarMap:
    """A list of sugars: applied in its order, the first of a name counts."""

    def __init__(self, sugars: Sequence[Sugar], version: str) -> None:
        self.names = [name for name, _ in sugars]
        self.by_name: Mapping[str, Callable[[list[str]], Callable[[Any], Any]]]
        self.by_name = dict(reversed(sugars))
        self.version = version
        # What `fused` may do by itself. Not where a name stands twice in the list: its sugar runs twice.
        once = len(self.names) == len(self.by_name)
        self.quick: dict[str, Quick] = {
            name: sugar.quick
            for name, sugar in self.by_name.items()
            if once and isinstance(sugar, Builtin) and sugar.quick is not UNDECIDED
        }

    def expand(self, path: Path, infusion: dict[str, Any]) -> Any:
        """An attribute set of sugars as a list of desugared infusions, in the order of the sugar list."""
        unknown = [name for name in infusion if name not in self.by_name]
        if unknown:
            if self.version == "2.4":
                # Its own message has two arguments swapped, and Nix complains about that instead.
                return Failed(InfuseError("value is a set while a string was expected"))
            unknown.sort(key=name_order)
            text = "infusion contains __-prefixed attrnames which are not in the sugar-map: "
            return fail(path, "desugar", text + " ".join(unknown))
        return [self._one((path, name), infusion, name) for name in self.names if name in infusion]

    def _one(self, path: Path, infusion: dict[str, Any], name: str) -> Any:
        sugar = self.by_name[name]
        if isinstance(sugar, Builtin):
            return sugar.expand(path, dict.__getitem__(infusion, name))
        try:
            return sugar(names_of(path))(dict.__getitem__(infusion, name))
        except Exception as error:
            return Failed(error)


class Builtin:
    """A sugar of infuse's own: called with a path and then a value, as every sugar.

    `quick` is a function of the sugar's value and the target's to the result, or to `UNDECIDED`; it calls
    nobody's function and cannot fail. `None`: the result is the sugar's value. `UNDECIDED`: it has none.
    """

    __slots__ = ("expand", "quick")

    def __init__(self, expand: Callable[[Path, Any], Any], quick: Quick = UNDECIDED) -> None:
        self.expand = expand
        self.quick = quick

    def __call__(self, path: list[str]) -> Native:
        linked: Path = None
        for name in path:
            linked = (linked, name)
        return Native(lambda value: self.expand(linked, value))


def desugar(path: Path, infusion: Any, sugars: SugarMap) -> Any:
    """Sugars replaced by functions. A wrong leaf fails at its place: the rest is not touched by it."""
    if is_function(infusion):
        return infusion
    if isinstance(infusion, list | tuple):
        return [desugar(path, item, sugars) for item in infusion]
    if not isinstance(infusion, dict):
        if type(infusion) is Failed:
            return infusion
        return fail(path, "desugar", f"invalid type {type_of(infusion)}")
    sugared = sum(map(special, infusion))
    if not sugared:
        return {name: desugar((path, name), dict.__getitem__(infusion, name), sugars) for name in infusion}
    if sugared < len(infusion):
        text = (
            'mixing special (hasPrefix "__") and non-special attributes at the same path level is not (yet) '
        )
        return fail(path, "desugar", text + "supported")
    return sugars.expand(path, infusion)


def special(name: str) -> bool:
    """Whether it is a sugar's name. Raises `InfuseError` for a name that is no string."""
    if not isinstance(name, str):
        raise InfuseError(f"an attribute's name is a string, not {name!r}")
    return name.startswith("__")


def prune(infusion: Any) -> Any:
    """Every attribute set without a leaf, at any depth, replaced by an empty one.

    An attribute set has a leaf if one of its values is anything but an attribute set without a leaf. Values
    are looked at in the order of their names until one has a leaf: what failed before that one is the error.
    """
    if isinstance(infusion, list):
        return [prune(item) for item in infusion]
    if not is_attrs(infusion):
        return infusion
    pruned = {name: prune(dict.__getitem__(infusion, name)) for name in infusion}
    if any(failed_when_compared(value) is not None for value in pruned.values()):
        for name in sorted(pruned, key=name_order):
            value = pruned[name]
            failed = failed_when_compared(value)
            if failed is not None:
                return failed
            if not _empty(value):
                return pruned
    return pruned if any(not _empty(value) for value in pruned.values()) else {}


def failed_when_compared(value: Any) -> Any:
    """The `Failed` that Nix meets when it asks `value == { }`, or None.

    Before it compares two attribute sets it looks whether both are derivations, so it uses the first one's
    `type` (Nix's `EvalState::eqValues`).
    """
    if type(value) is Failed:
        return value
    if isinstance(value, dict) and "type" in value:
        kind = dict.__getitem__(value, "type")
        return kind if type(kind) is Failed else None
    return None


def _empty(value: Any) -> bool:
    return isinstance(value, dict) and not value


def apply(path: Path, infusion: Any, target: Any) -> Any:
    """A pruned, desugared infusion applied to a target (infuse.nix: `flip-infuse-desugared-pruned`)."""
    if type(infusion) is Failed:
        return infusion
    if is_function(infusion):
        return call(infusion, target)
    if isinstance(infusion, list | tuple):
        for index, item in enumerate(infusion):
            target = apply((path, f"[{index}]"), item, target)
        return target
    func = "flip-infuse-desugared-pruned"
    if not isinstance(infusion, dict):
        text = "desugared infusions must contain only functions, lists, and attrsets; found a "
        return fail(path, func, text + type_of(infusion))
    if type(target) is Failed:
        return target
    try:
        if is_derivation(target):
            text = "attempted to infuse to subattributes of a derivation (did you forget to use desugar?)"
            return fail(path, func, text)
    except Exception as error:  # its `type` is what failed
        return Failed(error)
    if not isinstance(target, dict):
        return fail(path, func, f"attempted to infuse an attrset to a target of type {type_of(target)}")
    result = dict(target)  # of Attrs too: a plain copy, with what failed in it
    for name, part in infusion.items() if type(infusion) is dict else dict(infusion).items():
        before = dict.__getitem__(target, name) if name in target else default_for(part)
        result[name] = apply((path, name), part, before)
    return attrs_of(result)


def default_for(infusion: Any) -> Any:
    """What stands for a target's attribute that does not exist (doc/design-notes-on-missing-attributes)."""
    if isinstance(infusion, dict):
        if "__default_argument" in infusion:
            return dict.__getitem__(infusion, "__default_argument")
        return MISSING if "__functor" in infusion else {}
    if isinstance(infusion, list | tuple) and infusion:
        return default_for(infusion[0])
    return infusion if type(infusion) is Failed else MISSING


def infuse_at(path: Path, infusion: Any, target: Any, sugars: SugarMap) -> Any:
    """Desugar, prune and apply, as a sugar does it with what it was given. Raises the result's error."""
    return used(apply(path, prune(desugar(path, infusion, sugars)), target))


def shown(infusion: Any) -> Any:
    """A desugared infusion for its user: attribute sets raise the errors they hold when looked at."""
    if isinstance(infusion, list):
        return [shown(item) for item in infusion]
    if is_attrs(infusion):
        inner = {name: shown(dict.__getitem__(infusion, name)) for name in infusion}
        return Attrs(inner) if Failed in map(type, inner.values()) else inner
    return infusion
