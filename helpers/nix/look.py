"""A value looked at attribute by attribute: what failed is an error at its place, the rest is there.

Nix gives all of a value or an error. Asked again for each part of what failed, in one process a level, it
tells what is whole and where exactly the error sits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from helpers.nix.errors import NixError
from helpers.nix.evaluate import Outcome, outcomes
from helpers.nix.places import Place

__all__ = ["Seen", "look", "seen"]

_SHOW = """
let
  show = v:
    if builtins.isFunction v then { kind = "function"; }
    else if builtins.isPath v then { kind = "path"; value = toString v; }
    else if builtins.isList v then { kind = "list"; parts = map show v; }
    else if !builtins.isAttrs v then { kind = "plain"; value = v; }
    else if (v.type or null) == "derivation" then { kind = "derivation"; value = v.name or "?"; }
    # Pairs: a set with `outPath` or `__toString` would be written as that text.
    else { kind = "set"; pairs = map (name: [ name (show v.${name}) ]) (builtins.attrNames v); };
in show
"""
_SHAPE = """
v:
if builtins.isList v then { kind = "list"; parts = builtins.length v; }
else if builtins.isAttrs v && (v.type or null) != "derivation" && !(v ? outPath)
  then { kind = "set"; parts = builtins.attrNames v; }
else { kind = "leaf"; }
"""
_MOST = 400  # parts asked for one by one
_CELL = "cell.nix"


@dataclass(frozen=True)
class Seen:
    """A value as it is shown. `kind` is set, list, plain, function, derivation, path or error.

    `parts` are the attributes of a set (name → part) or the elements of a list (index → part), `value` what
    a plain one, a path or a derivation's name is, `error` what an error is. `traced` is what
    `builtins.trace` printed.
    """

    kind: str
    parts: Mapping[str, Seen] | None = None
    value: Any = None
    error: NixError | None = None
    traced: tuple[str, ...] = ()

    @property
    def errors(self) -> list[tuple[str, NixError]]:
        """Every error in it with the path where it sits, as Nix writes paths; a position in brackets."""
        from helpers.nix.show import joined

        if self.error is not None:
            return [("", self.error)]
        return [
            (joined(joined("", name, self.kind), path, "path"), error)
            for name, part in (self.parts or {}).items()
            for path, error in part.errors
        ]

    def plain(self) -> Any:
        """The value as Python's data: dict, list, str, int, float, bool, None; a function as `…`.

        Raises the first `NixError` in it.
        """
        if self.error is not None:
            raise self.error
        if self.kind == "set":
            return {name: part.plain() for name, part in (self.parts or {}).items()}
        if self.kind == "list":
            return [part.plain() for part in (self.parts or {}).values()]
        return ... if self.kind == "function" else self.value

    def __str__(self) -> str:
        from helpers.nix.show import text

        return text(self) if self.error is None else f"error: {self.error}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from helpers.nix.show import html

        return html(self)


def seen(value: Any) -> Seen:
    """A Python value, as `helpers.infuse` gives them, as it is shown: functions, derivations, and what failed
    as an error at its place."""
    from helpers.infuse import MISSING, Failed

    if type(value) is Failed:
        return Seen("error", error=NixError(str(value.error)))
    if value is MISSING:
        return Seen("error", error=NixError("the missing-attribute-marker was forced"))
    if isinstance(value, dict):
        if dict.get(value, "type") == "derivation":
            return Seen("derivation", value=dict.get(value, "name", "?"))
        return Seen("set", {str(name): seen(dict.__getitem__(value, name)) for name in sorted(value)})
    if isinstance(value, list | tuple):
        return Seen("list", {str(i): seen(item) for i, item in enumerate(value)})
    return Seen("function") if callable(value) else Seen("plain", value=value)


def look(
    expression: str,
    *,
    files: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    place: Place | None = None,
) -> Seen:
    """Evaluate a Nix expression and show all of it that can be computed. Arguments are those of `eval`; the
    expression is called cell.nix in what Nix says. Raises `EngineUnavailable` where Nix can be run nowhere.
    """
    # No line is added at the end, so that what is missing there is told of a line that the reader has.
    given = {**(files or {}), _CELL: expression.rstrip(), ".show.nix": _SHOW, ".shape.nix": _SHAPE}

    def ask(expressions: Sequence[str]) -> list[Outcome]:
        found = outcomes(expressions, files=given, timeout=timeout, place=place)
        return [replace(one, error=one.error and _without_ours(one.error)) for one in found]

    def show_and_shape(paths: Sequence[list[str | int]]) -> tuple[list[Outcome], list[Outcome]]:
        found = ask(
            [f"import ./{file} ({_at(path)})" for file in (".show.nix", ".shape.nix") for path in paths]
        )
        return found[: len(paths)], found[len(paths) :]

    (whole,), shape = show_and_shape([[]])
    if whole.error is None:
        return replace(_from(whole.value), traced=whole.traced)
    if whole.error.kind in ("syntax", "time"):
        return Seen("error", error=whole.error, traced=whole.traced)
    left = [_MOST]

    def take_apart(
        paths: list[list[str | int]], failures: list[Outcome], shapes: list[Outcome]
    ) -> list[Seen]:
        """What each of some parts that failed is, one level at a time."""
        inner: list[tuple[int, str | int]] = []
        for i, shape in enumerate(shapes):
            if shape.error is None and shape.value["kind"] != "leaf":
                parts = shape.value["parts"]
                inner += [(i, name) for name in (range(parts) if isinstance(parts, int) else parts)]
        if not inner or len(inner) > left[0]:
            return [Seen("error", error=failure.error) for failure in failures]
        left[0] -= len(inner)
        below = [[*paths[i], name] for i, name in inner]
        values, their_shapes = show_and_shape(below)
        failed = [k for k, one in enumerate(values) if one.error is not None]
        again: list[Seen] = []
        if failed:
            again = take_apart(*([of[k] for k in failed] for of in (below, values, their_shapes)))  # type: ignore[arg-type]
        parts_seen = [Seen("error") if one.error else _from(one.value) for one in values]
        for k, part in zip(failed, again, strict=True):
            parts_seen[k] = part
        result = []
        for i, (shape, failure) in enumerate(zip(shapes, failures, strict=True)):
            mine = {str(name): part for (j, name), part in zip(inner, parts_seen, strict=True) if j == i}
            if any(part.errors for part in mine.values()):
                result.append(Seen(shape.value["kind"], mine))
            else:  # no part of it fails by itself: it fails as a whole
                result.append(Seen("error", error=failure.error))
        return result

    return replace(take_apart([[]], [whole], shape)[0], traced=whole.traced)


def _at(path: Sequence[str | int]) -> str:
    """The expression for a part of the cell's value."""
    expression = f"(import ./{_CELL})"
    for step in path:
        if isinstance(step, int):
            expression = f"(builtins.elemAt {expression} {step})"
        else:
            quoted = json.dumps(step, ensure_ascii=False).replace("${", "\\${")
            expression = f"{expression}.{quoted}"
    return expression


def _from(shown: Mapping[str, Any]) -> Seen:
    pairs = shown.get("pairs", enumerate(shown["parts"]) if "parts" in shown else None)
    if pairs is None:
        return Seen(shown["kind"], value=shown.get("value"))
    return Seen(shown["kind"], {str(name): _from(part) for name, part in pairs})


def _without_ours(error: NixError) -> NixError:
    """Without the steps that are ours: asking for a part, showing it."""
    ours = (".show.nix", ".shape.nix", "expression")
    trace = tuple(f for f in error.trace if not (f.position and f.position.file.startswith(ours)))
    position = error.position if error.position and not error.position.file.startswith(ours) else None
    return NixError(
        error.said, kind=error.kind, position=position, trace=trace, raw=error.raw, hint=error.hint
    )
