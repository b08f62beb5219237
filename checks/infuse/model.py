"""infuse as the exercise `p1.infuse` asks for it, and as those write it who got one rule wrong.

`outcome(target, infusion)` is what the contract says; `outcome(…, flaw)` what an answer with that flaw gives.
A learner's answer that does as a flaw does has that flaw: so the hint is found. What the contract says is
compared with `helpers.infuse` for every case, and with the real Nix for some.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["FLAWS", "Case", "Fn", "nix_of", "outcome", "python_of", "without_empty"]

ORDER = ("__init", "__default", "__assign", "__prepend", "__append")
FLAWS = (
    "clobbers",
    "shallow",
    "returns-nothing",
    "right-to-left",
    "textual-order",
    "null-is-missing",
    "missing-is-empty",
    "no-pruning",
    "drops-empty",
    "prunes-values",
    "assign-infuses",
    "init-on-present",
    "prepend-at-end",
    "append-any-kind",
    "append-same-kind",
    "data-as-leaf",
    "mixing",
    "unknown-sugar",
    "swallows",
    "eager",
    "no-path",
    "sugar-not-in-path",
)


@dataclass(frozen=True)
class Fn:
    """A function both ways: its text in Python and in Nix."""

    python: str
    nix: str
    run: Callable[[Any], Any]

    def __call__(self, value: Any) -> Any:
        return self.run(value)


@dataclass(frozen=True)
class Case:
    """A call of `infuse`."""

    target: Any
    infusion: Any

    def __str__(self) -> str:
        return f"infuse({python_of(self.target)}, {python_of(self.infusion)})"

    @property
    def nix(self) -> str:
        """The same as a Nix expression."""
        return f"(import ./infuse.nix {{ }}).v1.infuse {nix_of(self.target)} {nix_of(self.infusion)}"


def python_of(value: Any) -> str:
    """The value as Python text."""
    if isinstance(value, Fn):
        return value.python
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {python_of(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(python_of, value)) + "]"
    return repr(value)


def nix_of(value: Any) -> str:
    """The value as Nix text, in brackets where it has to be."""
    if isinstance(value, Fn):
        return value.nix
    if isinstance(value, dict):
        return "{ " + "".join(f"{json.dumps(name)} = {nix_of(part)}; " for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[ " + "".join(f"{nix_of(part)} " for part in value) + "]"
    return json.dumps(value)


class _Fault(Exception):
    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path


class _Missing:
    def __repr__(self) -> str:
        return "<object>"  # as a learner's own marker is told


_MISSING = _Missing()
_Thunk = Callable[[], Any]


def outcome(target: Any, infusion: Any, flaw: str = "") -> tuple[str, Any]:
    """`("value", data)`, `("fault", path)` or `("raised", name of the exception's type)`."""
    try:
        return "value", _Infuse(flaw).root(target, infusion)
    except _Fault as fault:
        return "fault", [] if flaw == "no-path" else list(fault.path)
    except Exception as error:
        return "raised", type(error).__name__


def _special(infusion: dict[str, Any]) -> list[str]:
    return [name for name in infusion if name.startswith("__")]


def _leafless(infusion: Any) -> bool:
    return isinstance(infusion, dict) and not _special(infusion) and all(map(_leafless, infusion.values()))


class _Infuse:
    def __init__(self, flaw: str) -> None:
        self.flaw = flaw

    def root(self, target: Any, infusion: Any) -> Any:
        if self.flaw != "no-pruning":
            infusion = self.prune(infusion)
        return self.step((), infusion, lambda: target)

    def prune(self, infusion: Any) -> Any:
        if isinstance(infusion, list):
            return [self.prune(item) for item in infusion]
        if not isinstance(infusion, dict):
            return infusion
        if _special(infusion):
            if self.flaw == "prunes-values":
                return {name: without_empty(value) for name, value in infusion.items()}
            return infusion
        if _leafless(infusion):
            return {}
        pruned = {name: self.prune(part) for name, part in infusion.items()}
        if self.flaw == "drops-empty":
            return {name: part for name, part in pruned.items() if part != {}}
        return pruned

    def step(self, path: tuple[str, ...], infusion: Any, before: _Thunk) -> Any:
        if self.flaw == "swallows":
            try:
                return self.one(path, infusion, before)
            except Exception:
                return before()
        return self.one(path, infusion, before)

    def one(self, path: tuple[str, ...], infusion: Any, before: _Thunk) -> Any:
        if callable(infusion):
            return infusion(before())
        if isinstance(infusion, list):
            steps = infusion[::-1] if self.flaw == "right-to-left" else infusion
            value = self.chain([self.bound(path, item) for item in steps], before)
            return None if self.flaw == "returns-nothing" else value
        if not isinstance(infusion, dict):
            if self.flaw == "data-as-leaf":
                return infusion
            raise _Fault(path)
        if special := _special(infusion):
            return self.sugared(path, infusion, special, before)
        return self.attributes(path, infusion, before)

    def bound(self, path: tuple[str, ...], infusion: Any) -> Callable[[_Thunk], Any]:
        return lambda before: self.step(path, infusion, before)

    def chain(self, steps: list[Callable[[_Thunk], Any]], before: _Thunk) -> Any:
        for run in steps:
            if self.flaw == "eager":
                value = run(before)
                before = _given(value)
            else:
                before = _later(run, before)
        return before()

    def sugared(self, path: tuple[str, ...], infusion: Any, special: list[str], before: _Thunk) -> Any:
        plain = {name: part for name, part in infusion.items() if name not in special}
        if plain and self.flaw != "mixing":
            raise _Fault(path)
        if not set(special) <= set(ORDER) and self.flaw != "unknown-sugar":
            raise _Fault(path)
        names = special if self.flaw == "textual-order" else ORDER
        steps = [
            self.sugar(path, name, infusion[name]) for name in names if name in infusion and name in ORDER
        ]
        if plain:
            steps.append(lambda now: self.attributes(path, plain, now))
        return self.chain(steps, before)

    def sugar(self, path: tuple[str, ...], name: str, value: Any) -> Callable[[_Thunk], Any]:
        where = path if self.flaw == "sugar-not-in-path" else (*path, name)

        def missing(now: Any) -> bool:
            return now is _MISSING or (now is None and self.flaw == "null-is-missing")

        def run(before: _Thunk) -> Any:
            if name == "__assign":
                if self.flaw == "assign-infuses" and isinstance(value, dict | list):
                    return self.step(path, value, before)
                return value
            now = before()
            if name == "__init":
                if missing(now) or self.flaw == "init-on-present":
                    return value
                raise _Fault(where)
            if name == "__default":
                return value if missing(now) else now
            return self.pend(where, name, value, type(value)() if missing(now) else now)

        return run

    def pend(self, where: tuple[str, ...], name: str, value: Any, now: Any) -> Any:
        last = name == "__append" or self.flaw == "prepend-at-end"
        if isinstance(value, str | list) and type(value) is type(now):
            one: Any = value
            return now + one if last else one + now
        if self.flaw == "append-any-kind":
            now, value = (part if isinstance(part, list) else [part] for part in (now, value))
            return now + value if last else value + now
        if self.flaw == "append-same-kind" and type(value) is type(now):
            return now + value if last else value + now
        raise _Fault(where)

    def attributes(self, path: tuple[str, ...], infusion: dict[str, Any], before: _Thunk) -> Any:
        target = before()
        if target is _MISSING or (target is None and self.flaw == "null-is-missing"):
            target = {}
        if not isinstance(target, dict):
            raise _Fault(path)
        result = {} if self.flaw == "clobbers" else dict(target)
        for name, part in infusion.items():
            there = name in target and not (target[name] is None and self.flaw == "null-is-missing")
            now = target[name] if there else self.start(part)
            if (
                self.flaw == "shallow"
                and isinstance(part, dict)
                and not _special(part)
                and isinstance(now, dict)
            ):
                now = {}
            result[name] = self.step((*path, name), part, _given(now))
        return result

    def start(self, part: Any) -> Any:
        if self.flaw == "missing-is-empty":
            return {}
        if isinstance(part, list) and part:
            return self.start(part[0])
        return {} if isinstance(part, dict) and not _special(part) else _MISSING


def _given(value: Any) -> _Thunk:
    return lambda: value


def _later(run: Callable[[_Thunk], Any], before: _Thunk) -> _Thunk:
    return lambda: run(before)


def without_empty(value: Any) -> Any:
    """Without the attributes that hold nothing but empty sets, at any depth."""
    if isinstance(value, list):
        return [without_empty(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {name: without_empty(part) for name, part in value.items() if not _leafless(part)}
