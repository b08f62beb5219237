"""infuse in one pass, where it can be done in one: what the three passes of `core` give, for less.

Most infusions are attribute sets down to functions and plain sugars. For those nothing has to be built
between the infusion and the result: `edit` walks both at once. What needs more than it knows (lists,
functors, derivations, targets that hold errors, sugars that call) it leaves to the three passes, attribute
by attribute.

The tests compare the two on random infusions; `bench.infuse` compares this with a plain merge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpers.infuse import core
from helpers.infuse.core import UNDECIDED, Path, SugarMap
from helpers.infuse.values import MISSING, Failed, attrs_of, is_attrs, is_derivation, name_order

__all__ = ["infuse", "three_passes"]

_NOTHING: dict[str, Any] = {}  # what stands for an attribute set that is not there


class _Unsettled:
    """What a part of an infusion does depends on its siblings: it has no leaf; or it `failed` when pruning
    looked at it, and is `otherwise` where pruning does not look that far."""

    __slots__ = ("failed", "otherwise")

    def __init__(self, failed: Failed | None = None, otherwise: Any = None) -> None:
        self.failed = failed
        self.otherwise = failed if otherwise is None else otherwise


_LEAFLESS = _Unsettled()
_ODD = frozenset({Failed, _Unsettled})


def infuse(target: Any, infusion: Any, sugars: SugarMap | None) -> Any:
    """The result, or `Failed`: what `three_passes` gives. Without sugars every name is a name like others."""
    if type(infusion) is not dict or "__functor" in infusion or not _editable(target):
        return three_passes(target, infusion, sugars)
    if sugars is not None and core.special(next(iter(infusion), "")):
        return three_passes(target, infusion, sugars)
    try:
        result = _editor(sugars)(None, infusion, target)
    except (TypeError, AttributeError):  # a name that is no string: it is told where names are looked at
        return three_passes(target, infusion, sugars)
    if type(result) is _Unsettled:
        return target.copy() if result.failed is None else result.otherwise
    return result


def three_passes(target: Any, infusion: Any, sugars: SugarMap | None) -> Any:
    """Desugar (where there are sugars), prune and apply, as infuse.nix does."""
    ready = infusion if sugars is None else core.desugar(None, infusion, sugars)
    return core.apply(None, core.prune(ready), target)


def _editable(target: Any) -> bool:
    """Whether it is an attribute set that holds no error and is no derivation."""
    if type(target) is not dict:
        return False
    return "type" not in target or (type(target["type"]) is not Failed and not is_derivation(target))


def _editor(sugars: SugarMap | None) -> Callable[[Path, dict[str, Any], dict[str, Any]], Any]:
    """A function of a path, an infusion and an editable target to an edited copy of that, or `_Unsettled`.

    Its loop runs once for each name of an infusion, and is written for speed: no call that is not needed.
    """
    quick = {} if sugars is None else sugars.quick

    def edit(path: Path, infusion: dict[str, Any], target: dict[str, Any]) -> Any:
        result = target.copy()
        odd: dict[str, Any] | None = None
        for name, part in infusion.items():
            if "__" in name and name.startswith("__") and sugars is not None:
                # Beside other names: desugar says that it cannot be.
                return _Unsettled(core.desugar(path, infusion, sugars))
            value = UNDECIDED
            if type(part) is dict:
                for first in part:  # noqa: B007 - the first name tells what it is
                    break
                else:
                    first = ""
                if first in quick:
                    if len(part) == 1:
                        sugar = quick[first]
                        if sugar is None:
                            result[name] = part[first]
                            continue
                        value = sugar(part[first], target.get(name, MISSING))
                        if value is not UNDECIDED:
                            result[name] = value
                            continue
                elif "__functor" not in part and (sugars is None or not first.startswith("__")):
                    inner = target.get(name, _NOTHING)
                    if type(inner) is dict and ("type" not in inner or _editable(inner)):
                        value = edit((path, name), part, inner)
                        if type(value) is dict:
                            result[name] = value
                            continue
            elif callable(part):
                try:
                    value = part(target.get(name, MISSING))
                except Exception as error:
                    value = Failed(error)
            if value is UNDECIDED:
                value = _carefully((path, name), part, target, sugars)
            result[name] = value
            if type(value) in _ODD:
                odd = odd or {}
                odd[name] = value
        if odd is None:
            return result if infusion else _LEAFLESS
        return _settled(path, infusion, target, result, odd)

    return edit


def _carefully(path: tuple[Path, str], part: Any, target: dict[str, Any], sugars: SugarMap | None) -> Any:
    """A part of several sugars, or that takes the three passes."""
    name = path[1]
    if sugars is not None and type(part) is dict and part and part.keys() <= sugars.quick.keys():
        value = target.get(name, MISSING)
        for sugar in sugars.names:
            if sugar in part:
                run = sugars.quick[sugar]
                value = part[sugar] if run is None else run(part[sugar], value)
                if value is UNDECIDED:
                    break
        else:
            return value
    ready = core.prune(part if sugars is None else core.desugar(path, part, sugars))
    if type(ready) is Failed:
        return _Unsettled(ready)
    if is_attrs(ready) and not ready:
        return _LEAFLESS
    value = core.apply(path, ready, target[name] if name in target else core.default_for(ready))
    failed = core.failed_when_compared(ready)
    return value if failed is None else _Unsettled(failed, value)


def _settled(
    path: Path, infusion: dict[str, Any], target: dict[str, Any], result: dict[str, Any], odd: dict[str, Any]
) -> Any:
    """The result, once it is known which names have no leaf or failed; an error makes it `values.Attrs`."""
    unsettled = {name: value for name, value in odd.items() if type(value) is _Unsettled}
    failures = sum(value.failed is not None for value in unsettled.values())
    if len(unsettled) == len(infusion) and not failures:
        return _LEAFLESS
    for name in sorted(infusion, key=name_order) if failures else ():
        if name not in unsettled:
            break  # a leaf: what comes after it is not looked at
        if unsettled[name].failed is not None:
            return _Unsettled(unsettled[name].failed)
    for name, value in unsettled.items():
        if value.failed is None:  # beside a leaf it is an empty attribute set, infused
            result[name] = core.apply((path, name), {}, target.get(name, _NOTHING))
        else:
            result[name] = value.otherwise
    sealed = attrs_of(result)
    kind = unsettled.get("type")
    if kind is not None and type(kind.otherwise) is Failed:
        return _Unsettled(kind.otherwise, sealed)
    return sealed
