"""Nix's values in Python, as far as infuse looks at them.

Nix computes a value when it is used; Python computes it at once. What makes a difference that can be seen is
an error in a value that nobody uses. So an error becomes a value, `Failed`, which stays at its attribute
until something is done with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath
from typing import Any, NoReturn

from helpers.infuse.errors import InfuseError

__all__ = [
    "MISSING",
    "Attrs",
    "Failed",
    "Native",
    "attrs_of",
    "call",
    "force",
    "is_attrs",
    "is_derivation",
    "is_function",
    "is_missing",
    "name_order",
    "pretty",
    "type_of",
    "used",
]


class Failed:
    """A value whose computation ended in `error`. Whoever does something with it gets that error."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __repr__(self) -> str:
        return f"<error: {self.error}>"


def _raise(failed: Failed, *_arguments: object) -> NoReturn:
    raise failed.error


_LOOKS = """getattr getitem iter len bool contains call eq ne lt le gt ge hash str format int float index
    add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow and rand or ror xor neg
    pos invert"""
for _name in _LOOKS.split():
    setattr(Failed, f"__{_name}__", _raise)


class Attrs(dict[str, Any]):
    """An attribute set with an attribute that failed: a dict that raises the error when it is looked at."""

    def __getitem__(self, name: str) -> Any:
        return used(super().__getitem__(name))

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute, or `default`. Raises the attribute's error."""
        return used(super().get(name, default))

    def values(self) -> Any:
        """Every value. Raises the error of the first that failed."""
        return [used(value) for value in super().values()]

    def items(self) -> Any:
        """Every name and value. Raises the error of the first that failed."""
        return [(name, used(value)) for name, value in super().items()]

    def __eq__(self, other: object) -> bool:
        return dict(self.items()) == other

    __hash__ = None


class Native:
    """A function of a sugar's, or one that a sugar made. It is given its argument as it is, also one that
    failed."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[Any], Any]) -> None:
        self.run = run

    def __call__(self, argument: Any) -> Any:
        return used(self.run(argument))


class _Marker(list[Any]):
    """A list that holds a list that holds an error, as in infuse.nix."""

    def __add__(self, other: object) -> Any:
        if isinstance(other, list):
            return [*self, *other]
        raise InfuseError("cannot coerce a list to a string")

    def __radd__(self, other: object) -> Any:
        raise InfuseError("cannot coerce a list to a string")

    def __repr__(self) -> str:
        return "<missing attribute>"


_FORCED = Failed(InfuseError("the missing-attribute-marker was forced"))
MISSING: Any = _Marker([[_FORCED]])
"""What an infused function is given where the target has no such attribute."""


def is_missing(value: Any) -> bool:
    """Nix's `value == missing-attribute-marker`.

    Lists are compared element by element, and what is the same object is equal without a look (Nix's
    `eqValues`). So any other value of the shape `[[v]]` forces the marker's content, and that is its error:
    infuse.nix does so, and so does this.
    """
    if value is MISSING:
        return True
    used(value)
    if not (isinstance(value, list) and len(value) == 1):
        return False
    inner = used(value[0])
    if inner is MISSING[0]:
        return True
    if not (isinstance(inner, list) and len(inner) == 1):
        return False
    if inner[0] is not _FORCED:
        used(inner[0])
        used(_FORCED)
    return True


def used(value: Any) -> Any:
    """The value itself. Raises its error if it failed."""
    if type(value) is Failed:
        raise value.error
    return value


def is_attrs(value: Any) -> bool:
    """An attribute set that is not a function in disguise."""
    return isinstance(value, dict) and "__functor" not in value


def is_function(value: Any) -> bool:
    """nixpkgs' `lib.isFunction`: a function, or an attribute set with `__functor`."""
    return "__functor" in value if isinstance(value, dict) else callable(value)


def is_derivation(value: Any) -> bool:
    """nixpkgs' `lib.isDerivation`: an attribute set whose `type` is "derivation"."""
    return isinstance(value, dict) and value.get("type") == "derivation"


def call(function: Any, argument: Any) -> Any:
    """Apply a function, a functor or a sugar's function; an error becomes a value."""
    try:
        if type(function) is Native:
            return function.run(argument)
        if isinstance(function, dict):
            return call(used(used(function["__functor"])(function)), argument)
        return function(argument)
    except Exception as error:
        return Failed(error)


def attrs_of(values: dict[str, Any]) -> dict[str, Any]:
    """The dict itself, or one that raises the errors it holds."""
    if type(values) is not Attrs and Failed in map(type, values.values()):
        return Attrs(values)
    return values


def name_order(name: str) -> bytes:
    """The key to sort names as Nix does: by their bytes."""
    return name.encode("utf-8", "surrogatepass")


def type_of(value: Any) -> str:
    """Nix's `builtins.typeOf`."""
    for kind, word in (
        (bool, "bool"),
        (int, "int"),
        (float, "float"),
        (str, "string"),
        (type(None), "null"),
        (dict, "set"),
        (list | tuple, "list"),
        (PurePath, "path"),
    ):
        if isinstance(value, kind):
            return word
    return "lambda" if callable(value) else type(value).__name__


def force(value: Any) -> Any:
    """The value as deep plain data, as `nix-instantiate --eval --strict --json` would print it.

    Raises whatever error Nix would raise when the value is used: one that was kept at its attribute, the
    missing-attribute-marker's, and `InfuseError` for a function, which no data can hold. Of several errors
    the one that comes first in the order of names.
    """
    try:
        return _plain(value, ordered=False)
    except RecursionError:
        raise
    except Exception:
        return _plain(value, ordered=True)


def _plain(value: Any, ordered: bool) -> Any:
    if isinstance(value, dict):
        if "outPath" in value:
            return _plain(dict.__getitem__(value, "outPath"), ordered)
        names = sorted(value, key=name_order) if ordered else value
        return {name: _plain(dict.__getitem__(value, name), ordered) for name in names}
    if isinstance(value, list | tuple):
        return [_plain(item, ordered) for item in value]
    if callable(value) and type(value) is not Failed:
        raise InfuseError("cannot convert a function to JSON")
    return used(value)


def pretty(value: Any, indent: str = "") -> str:
    """nixpkgs' `lib.generators.toPretty { }`: what `__init` says it found.

    Raises the error of a value that failed.
    """
    used(value)
    deeper = indent + "  "
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        if "\n" in value:
            lines = value.replace("''", "'''").replace("${", "''${").split("\n")
            return "''\n" + "\n".join(deeper + line for line in lines[:-1]) + f"\n{deeper}{lines[-1]}''"
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'
    if isinstance(value, float):
        return f"~{value:.6f}"
    if isinstance(value, list | tuple):
        if not value:
            return "[ ]"
        return "[\n" + "".join(f"{deeper}{pretty(item, deeper)}\n" for item in value) + f"{indent}]"
    if is_function(value):
        return "<function>"
    if isinstance(value, dict):
        if not value:
            return "{ }"
        if is_derivation(value):
            return f"<derivation {value.get('name', '???')}>"
        rows = [
            f"{deeper}{_name_shown(name)} = {pretty(dict.__getitem__(value, name), deeper)};\n"
            for name in sorted(value, key=name_order)
        ]
        return "{\n" + "".join(rows) + f"{indent}}}"
    return str(value)


def _name_shown(name: str) -> str:
    from helpers.infuse.errors import show_path

    return show_path([name]) if name else '""'
