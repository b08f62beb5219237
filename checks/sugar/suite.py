"""`p1.sugar`: a sugar of the learner's own, judged by its laws, its errors and what it leaves alone.

The learner's list of sugars is given to the lab's infuse, which gives its `desugar` back to the list. All
cases are random, and evaluated by one process of Nix. What should come out is written below in plain
Python, without infuse.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.infuse.model import nix_of
from checks.pid1.box import random_word
from checks.sugar.hints import HINTS
from helpers import nix
from helpers.nix.errors import NixError
from helpers.nix.magics import INFUSE

__all__ = ["HINTS", "SUITE", "Case", "Sugar", "once"]

_EFFECT = ("effect", "repeats-argument", "repeats-target")
NAME = "__unique-append"
_MARKER = "the missing-attribute-marker was forced"
_LIST = "import ./sugar.nix { inherit (mine.v1) default-sugars desugar; }"
_MINE = f"let mine = import ./infuse.nix {{ sugars = {_LIST}; }}; in "
_NAMES = f"{_MINE}map (s: builtins.seq s.value s.name) ({_LIST})"
_OURS = "builtins.map (s: s.name) (import ./infuse.nix { }).v1.default-sugars"
# Every sugar that infuse has, on a target that lets each be seen.
_OTHERS = """infuse {
  kept = [ 1 1 ]; text = "a"; old = 1; overlay = final: prev: { a = 1; };
  f = { n ? 1, m ? [ ] }: { sum = n; list = m; };
} [ {
  new.__init = @n@;
  absent.__default = @n@;
  old = { __default = 5; __assign = @n@; };
  kept = { __append = [ 1 @n@ ]; __prepend = [ @n@ ]; };
  text.__append = "b";
  overlay = { __overlay = final: prev: { b = prev.a; }; __underlay = final: prev: { z = @n@; }; };
  f = { __input.n.__assign = @n@; __output = r: r // { sum = r.sum + 1; }; };
  deep.__infuse.er.__append = [ @n@ @n@ ];
} (r: r // { overlay = r.overlay { } { }; f = r.f { n = 0; }; }) ]"""


def once(items: Sequence[Any]) -> list[Any]:
    """Each item once, in the order in which they are first seen. 1, "1" and true are three."""
    found: dict[str, Any] = {}
    for item in items:
        found.setdefault(json.dumps(item, sort_keys=True), item)
    return list(found.values())


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@dataclass(frozen=True)
class Case:
    """An expression, what it should be (a value, or an error at `path`), and the hint where it is not."""

    expression: str
    expected: Any = None
    path: str = ""
    hint: str = "effect"


@dataclass
class Sugar:
    """The learner's file, and what came of each behaviour's cases: a value or a `NixError`."""

    text: str
    cases: dict[str, list[Case]] = field(default_factory=dict)
    found: dict[str, list[Any]] = field(default_factory=dict)

    def pairs(self, name: str) -> list[tuple[Case, Any]]:
        """The cases of a behaviour with what came out."""
        return list(zip(self.cases[name], self.found[name], strict=True))


def _nested(names: Sequence[str], value: Any) -> dict[str, Any]:
    for name in reversed(names):
        value = {name: value}
    return dict(value)


def _add(target: Any, names: Sequence[str], *arguments: Any) -> str:
    """The sugar at a path, once for each argument."""
    steps = [f"{{ {'.'.join(names)}.{NAME} = {nix_of(a)}; }}" for a in arguments]
    infusion = steps[0] if len(steps) == 1 else f"[ {' '.join(steps)} ]"
    return f"infuse {nix_of(target)} {infusion}"


class _Make:
    """Random cases."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def names(self) -> list[str]:
        """A path of two or three names."""
        return [random_word(self.rng, 5) for _ in range(self.rng.randint(2, 3))]

    def items(self, number: int) -> list[Any]:
        """Different items, not in the order of their names."""
        made: list[Any] = []
        while len(made) < number:
            made = once([*made, random_word(self.rng, 4) if self.rng.random() < 0.5 else f"eth{len(made)}"])
        self.rng.shuffle(made)
        return made if made != sorted(made) else made[::-1]

    def case(self, target: list[Any], argument: list[Any], hint: str) -> Case:
        """The sugar on a target that is there, with a neighbour that must stay."""
        names = self.names()
        world = {**_nested(names, target), "zz": 1}
        return Case(
            _add(world, names, argument), {**_nested(names, once(target + argument)), "zz": 1}, hint=hint
        )

    def effect(self) -> list[Case]:
        """Plain ones first, then repeats in what is appended, then in the target."""
        cases = []
        for _ in range(3):
            a = self.items(6)
            cases.append(self.case(a[:4], [a[2], a[5], a[0], a[4]], "effect"))
        a = self.items(5)
        cases.append(self.case(a[:2], [a[3], a[1], a[3], a[4], a[3]], "repeats-argument"))
        cases.append(self.case([], [a[3], a[1], a[3]], "repeats-argument"))
        cases.append(self.case([a[3], a[1], a[3]], [a[0], a[1]], "repeats-target"))
        return [*cases, self.case([a[3], a[1], a[3]], [], "repeats-target")]

    def kinds(self) -> list[Case]:
        """Numbers, texts, null, sets and lists, some of them alike."""
        n = self.rng.randint(2, 90)
        all_ = [
            n,
            str(n),
            None,
            "",
            {"port": n},
            {"port": str(n)},
            {"port": n, "tls": True},
            [n, n],
            [n],
            True,
        ]
        return [
            *(
                self.case(self.rng.sample(all_, number), self.rng.sample(all_, len(all_)), "kinds")
                for number in (3, 5, 7)
            ),
            *self.equal_for_nix(),
        ]

    def equal_for_nix(self) -> list[Case]:
        """What `==` says and no text of the items does: 1 is 1.0, a set with outPath is no text, and a
        function is equal to nothing else, but has no text at all."""
        n, (x, word) = self.rng.randint(2, 90), self.names()[:2]
        path = f'{{ outPath = "{word}"; }}'
        target, argument = self.rng.choice([(f'"{word}"', path), (path, f'"{word}"')])
        one, other = self.rng.choice([(f"{n}", f"{n}.0"), (f"{n}.0", f"{n}")])

        def joined(kept: str, new: str, shown: str) -> str:
            # Looked at one by one: as JSON a set with outPath would be that text.
            return f"map ({shown}) (infuse {{ {x} = {kept}; }} {{ {x}.{NAME} = {new}; }}).{x}"

        return [
            Case(
                joined(f"[ {one} ]", f'[ {other} "{n}" ]', "builtins.isString"), [False, True], hint="kinds"
            ),
            Case(
                joined(f"[ {target} {n} ]", f"[ {argument} ]", "builtins.typeOf"),
                ["string", "int", "set"] if target.startswith('"') else ["set", "int", "string"],
                hint="kinds",
            ),
            Case(joined("[ (v: v) ]", f"[ {n} {n} ]", "builtins.typeOf"), ["lambda", "int"], hint="kinds"),
        ]

    def missing(self) -> list[Case]:
        """No attribute, at two depths; null is none of these."""
        cases = []
        for depth in (0, 1):
            names, a = self.names(), self.items(3)
            world = _nested(names[:depth], {"zz": 1})
            expected = _nested(names, once(a))
            if depth:
                expected[names[0]] |= {"zz": 1}
            else:
                expected |= {"zz": 1}
            cases.append(Case(_add(world, names, [*a, a[0]]), expected, hint="marker"))
        names = self.names()
        null = Case(_add(_nested(names, None), names, ["a"]), path=".".join(names), hint="null")
        return [*cases, null]

    def laws(self) -> list[Case]:
        """Twice is once; one after the other is both joined. From nothing, too."""
        names, a = self.names(), self.items(6)
        world, both = _nested(names, a[:2]), _nested(names, once(a))
        return [
            Case(_add(world, names, a[1:], a[1:]), both),
            Case(_add(world, names, a[1:4], a[3:]), both),
            Case(_add(world, names, a[1:4] + a[3:]), both),
            Case(_add({}, names, a[:4], a[2:]), both, hint="marker"),
        ]

    def misuse(self) -> list[Case]:
        """Arguments and targets that are no list."""
        cases = []
        for bad in (random_word(self.rng, 4), self.rng.randint(2, 90), {"port": 80}, None):
            for target in ([1], None):
                names = self.names()
                world = {} if target is None else _nested(names, target)
                cases.append(
                    Case(_add(world, names, bad), path=".".join(names), hint="accepts-argument"),
                )
        for bad in (random_word(self.rng, 4), "", self.rng.randint(2, 90), {}, {"port": 80}):
            names = self.names()
            argument = self.rng.choice([["a"], []])
            cases.append(
                Case(_add(_nested(names, bad), names, argument), path=".".join(names), hint="accepts-target")
            )
        return cases

    def together(self) -> list[Case]:
        """Beside other sugars, after a function, below __infuse."""
        a, (x, y) = self.items(5), self.names()[:2]
        new, some = nix_of(a[1:4]), nix_of(a[:2])
        first = f"infuse {{ {x} = [ 7 ]; }} {{ {x} = {{ {NAME} = {new}; __assign = {some}; "
        inner = f"infuse {{ {x}.{y} = {some}; }} {{ {x}.__infuse.{y}.{NAME} = {new}; }}"
        map_ = f"infuse {{ {x} = {some}; }} {{ {x} = [ (l: l ++ [ 7 7 ]) {{ {NAME} = {new}; }} ]; }}"
        given = f"(infuse {{ {x} = {{ {y} ? [ ] }}: {y}; }} {{ {x}.__input.{y}.{NAME} = {new}; }}).{x} "
        return [
            Case(f"{first}}}; }}", {x: a[:4]}, hint="position"),
            Case(f"{first}__append = {new}; __prepend = [ 7 7 ]; }}; }}", {x: [7, *a[:4]]}, hint="position"),
            Case(map_, {x: [*a[:2], 7, *a[2:4]]}, hint="below"),
            Case(inner, {x: {y: a[:4]}}, hint="below"),
            Case(f"{given}{{ {y} = {some}; }}", a[:4], hint="below"),
        ]


SUITE: Suite[Sugar] = Suite(HINTS)


@SUITE.behaviour("reads", points=0, asked="a list of sugars, with yours in it")
def reads(trial: Trial, answer: Sugar) -> Finding:
    """The list, and everything that is asked of it, evaluated at once."""
    make = _Make(trial.rng)
    answer.cases = {
        name: getattr(make, name)() for name in ("effect", "missing", "laws", "kinds", "misuse", "together")
    }
    others = _OTHERS.replace("@n@", str(trial.rng.randint(2, 90)))
    plain = f"let inherit ((import ./infuse.nix {{ }}).v1) infuse; in {others}"
    asked = [case.expression for cases in answer.cases.values() for case in cases] + [others]
    files = {"infuse.nix": INFUSE.read_text(), "sugar.nix": answer.text + "\n"}
    theirs = [f"{_MINE}let inherit (mine.v1) infuse; in {text}" for text in asked]
    # The first case alone: where there is no end to it, that need not be waited for at each.
    names, defaults, wanted, first = nix.eval_many([_NAMES, _OURS, plain, theirs[0]], files=files, timeout=10)
    for ours in (defaults, wanted):
        if isinstance(ours, NixError):
            raise LabFailed(f"the lab's own infuse fails: {ours.message}")
    expected = f"a list with infuse's own sugars and {NAME}"
    if isinstance(names, NixError):
        return trial.no(expected=expected, seen=names.said[:300], hint=_kind(names, "no-list"))
    if lost := [name for name in defaults if name not in names]:
        return trial.no(expected=expected, seen=f"no {', no '.join(lost)}", hint="lost-sugars")
    if NAME not in names:
        return trial.no(expected=expected, seen=", ".join(names), hint="not-there")
    if isinstance(first, NixError) and _kind(first, "") == "endless":
        return trial.no(expected="an evaluation that ends", seen=first.said[:300], hint="endless")
    found = nix.eval_many(theirs, files=files, timeout=10)
    for name, cases in answer.cases.items():
        answer.found[name], found = found[: len(cases)], found[len(cases) :]
    answer.cases["others"] = [Case("every sugar that infuse has", wanted, hint="others")]
    answer.found["others"] = found
    return trial.ok(expected=expected, seen=f"{len(names)} sugars, {len(asked)} infusions")


def _kind(error: NixError, otherwise: str) -> str:
    if _MARKER in error.raw:
        return "marker"
    return "endless" if error.kind in ("recursion", "time", "died") else otherwise


def _lists(value: Any) -> list[list[Any]]:
    """The lists in a value, from the outside in."""
    if isinstance(value, list):
        return [value]
    return [found for part in value.values() for found in _lists(part)] if isinstance(value, dict) else []


def _why(case: Case, value: Any) -> str:
    """What kind of wrong result it is."""
    if isinstance(value, NixError):
        return _kind(
            value, "fails" if case.hint in ("effect", "repeats-argument", "repeats-target") else case.hint
        )
    if case.hint in _EFFECT:
        for mine, wanted in zip(_lists(value), _lists(case.expected), strict=False):
            if not _same(mine, wanted) and sorted(map(str, mine)) == sorted(map(str, wanted)):
                return "order"
    return case.hint


_BEHAVIOURS = {
    "effect": (2, ("reads",), "a list gets items, each once"),
    "missing": (2, ("effect",), "no attribute there counts as [ ]"),
    "kinds": (1, ("effect",), "items of every kind"),
    "laws": (1, ("missing",), "twice is once; a, then b, is a ++ b"),
    "misuse": (2, ("effect",), "what is no list is an error with its path"),
    "together": (1, ("effect",), "beside other sugars, and below them"),
    "others": (1, ("reads",), "infuse's own sugars as they were"),
}


def _judged(name: str, expected: str) -> None:
    def look(trial: Trial, answer: Sugar) -> Finding:
        pairs = answer.pairs(name)
        for case, value in pairs:
            if case.path:
                if not isinstance(value, NixError):
                    seen = f"{case.expression} gives {json.dumps(value)}"
                    return trial.no(expected=expected, seen=seen[:400], hint=case.hint)
                if case.path not in value.said:
                    key = _kind(value, "no-path")
                    return trial.no(
                        expected=f"an error that names {case.path}", seen=value.said[:300], hint=key
                    )
            elif isinstance(value, NixError) or not _same(value, case.expected):
                seen = value.said if isinstance(value, NixError) else json.dumps(value)
                wanted = "as before" if name == "others" else json.dumps(case.expected)
                return trial.no(
                    expected=f"{case.expression[:240]} gives {wanted[:200]}",
                    seen=seen[:300],
                    hint=_why(case, value),
                )
        return trial.ok(expected=expected, seen=f"{len(pairs)} infusions")

    points, needs, asked = _BEHAVIOURS[name]
    SUITE.behaviour(name, points=points, needs=needs, asked=asked)(look)


_judged("effect", "the target's items, then the new ones, each once")
_judged("missing", "the new items, each once; null is an error")
_judged("kinds", "items that are equal for Nix are one")
_judged("laws", "the same")
_judged("misuse", "an error that names the path")
_judged("together", "the last in its set, the same at every place")
_judged("others", "as before")
