"""infuse.nix's optimizer: the same infusion with fewer steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from helpers.infuse.values import is_attrs, used

__all__ = ["optimize"]


def optimize(infusion: Any) -> Any:
    """Nested lists flattened, and neighbouring attribute sets of a list merged into one.

    Only for desugared infusions: in a sugared one it also flattens the lists that are data
    (`{"x": {"__assign": [[1], [2]]}}` would assign `[1, 2]`). Source: infuse.nix v2.4, `optimize`.
    """
    if is_attrs(infusion):
        return type(infusion)({k: optimize(dict.__getitem__(infusion, k)) for k in infusion})
    if not isinstance(infusion, list | tuple):
        return infusion
    done: list[Any] = []
    for item in _flat(infusion):
        if is_attrs(item) and done and is_attrs(done[-1]):
            done[-1] = _composed(done[-1], item)
        else:
            done.append(item)
    return [optimize(item) for item in done]


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    """nixpkgs' `lib.flatten`."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from _flat(value)
        else:
            yield used(value)


def _composed(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """`infuse (infuse t first) second` as one attribute set: what both have becomes a list."""
    both = {name: list(_flat([first[name], second[name]])) for name in first if name in second}
    return {**first, **second, **both}
