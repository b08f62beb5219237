"""`p1.overrides`: an override rewritten as an infusion, and a package set extended, judged by what comes out.

The learner's two infusions are applied to a package set with names at random, alone, together and in both
orders; so are the plain overrides they stand for. All of it is compared as data, by one process of Nix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.overrides.hints import HINTS
from checks.overrides.world import PARTS, SCENARIOS, World, files_of, questions
from helpers.nix.diff import diff
from helpers.nix.errors import NixError

__all__ = ["HINTS", "SUITE", "Overrides"]

_FUNCTIONS = """let
  names = builtins.fromJSON (builtins.readFile ./names.json);
  walk = path: v:
    if builtins.isFunction v || (builtins.isAttrs v && v ? __functor) then [ path ]
    else if builtins.isList v then builtins.concatMap (walk path) v
    else if builtins.isAttrs v then
      builtins.concatMap (n: walk (if path == "" then n else "${path}.${n}") v.${n}) (builtins.attrNames v)
    else [ ];
in walk "" ((import ./overrides.nix).rewrite names)
"""
_SHAPE = """let answer = import ./overrides.nix; in
if builtins.isAttrs answer
then builtins.filter (n: !builtins.isFunction (answer.${n} or null)) [ "rewrite" "extend" ]
else [ "rewrite" "extend" ]
"""


@dataclass
class Overrides:
    """The learner's file, and what was seen of it: by scenario and part, a value or a `NixError`."""

    text: str
    world: World | None = None
    ours: dict[tuple[str, str], Any] = field(default_factory=dict)
    theirs: dict[tuple[str, str], Any] = field(default_factory=dict)
    functions: Any = None

    def differs(self, scenario: str, part: str) -> bool:
        """Whether a part is not what the plain override makes of it."""
        return bool(isinstance(self.theirs[scenario, part], NixError) or self._lines(scenario, part))

    def _lines(self, scenario: str, part: str) -> list[str]:
        found = diff(self.ours[scenario, part], self.theirs[scenario, part])
        return str(found).splitlines() if found else []

    def seen(self, scenario: str, part: str) -> str:
        """In words: the error, or where it differs."""
        value = self.theirs[scenario, part]
        if isinstance(value, NixError):
            return value.said.splitlines()[0][:300]
        return f"{part}: " + "; ".join(self._lines(scenario, part))[:300]


SUITE: Suite[Overrides] = Suite(HINTS)


@SUITE.behaviour("loads", points=0, asked="a file with `rewrite` and `extend`")
def loads(trial: Trial, mine: Overrides) -> Finding:
    """The file is evaluated, with everything that is asked of it."""
    from helpers import nix

    mine.world = world = World.make(trial.rng)
    files = files_of(world, mine.text)
    asked = questions(world)
    (shape,) = nix.eval_many([_SHAPE], files=files, timeout=6)
    expected = "two functions"
    # One of each alone first: where there is no end to it, that need not be waited for at every question.
    for scenario, part in (("rewrite", "package"), ("extend", "name")):
        (value,) = nix.eval_many([asked["theirs", scenario, part]], files=files, timeout=6)
        if isinstance(value, NixError) and value.kind == "time":
            return trial.no(expected="an evaluation that ends", seen=value.said[:300], hint="time")
    mine.functions, *values = nix.eval_many([_FUNCTIONS, *asked.values()], files=files, timeout=10)
    if isinstance(shape, NixError):
        return trial.no(expected=expected, seen=shape.message[:300], hint=_kind(shape))
    if shape:
        return trial.no(expected=expected, seen=f"no function {', no function '.join(shape)}", hint="lacking")
    for (whose, scenario, part), value in zip(asked, values, strict=True):
        if whose == "ours" and isinstance(value, NixError):
            raise LabFailed(f"{scenario}, {part}: the lab's own overrides fail: {value.message}")
        (mine.ours if whose == "ours" else mine.theirs)[scenario, part] = value
    for part in PARTS:
        if mine.differs("nothing", part):
            raise LabFailed(f"{part} differs without any edit: {mine.seen('nothing', part)}")
    return trial.ok(expected=expected, seen="both are there")


def _kind(error: NixError) -> str:
    """The hint for an error, whatever was asked."""
    for words, hint in (
        ("invalid type", "data-as-leaf"),
        ("subattributes of a derivation", "into-a-derivation"),
        ("is broken, and nobody asked for it", "too-eager"),
    ):
        if words in error.raw:
            return hint
    kinds = {"syntax": "no-syntax", "undefined": "no-syntax", "recursion": "recursion", "time": "time"}
    return kinds.get(error.kind, "fails")


def _names(value: Any) -> set[str]:
    return set(value) if isinstance(value, list) else set()


def _made(mine: Overrides, scenario: str) -> set[str]:
    """Attributes that nobody wanted, in any of the sets."""
    return {
        name
        for part in ("outer", "inner", "alias")
        for name in _names(mine.theirs[scenario, part]) - set(mine.ours[scenario, part])
    }


@SUITE.behaviour("rewritten", points=2, needs=("loads",), asked="rewrite: the package is overridden")
def rewritten(trial: Trial, mine: Overrides) -> Finding:
    """No check, one patch more, another LIFETIME; all other attributes as they were."""
    expected = "what the nested override gives"
    if not mine.differs("rewrite", "package"):
        return trial.ok(expected=expected, seen="the same")
    value, made = mine.theirs["rewrite", "package"], _made(mine, "rewrite")
    seen = mine.seen("rewrite", "package") + (f" (made: {', '.join(sorted(made))})" if made else "")
    return trial.no(expected=expected, seen=seen, hint=_why(mine, value, made))


def _why(mine: Overrides, value: Any, made: set[str]) -> str:
    wanted, before = mine.ours["rewrite", "package"], mine.ours["nothing", "package"]
    if made & {"python311", "python311Packages", "dnspython"}:
        return "names-by-heart"
    if isinstance(value, NixError):
        return _kind(value)
    if not isinstance(value, Mapping) or value == before:
        return "no-input" if "packageOverrides" in made else "no-change"
    if wanted["env"].keys() - value["env"].keys():
        return "loses-siblings"
    if set(before["patches"]) - set(value["patches"]):
        return "replaces-list"
    changed = value["doCheck"] is False and value["patches"] == wanted["patches"]
    if changed and value["env"]["LIFETIME"] == before["env"]["LIFETIME"] != wanted["env"]["LIFETIME"]:
        alone = mine.theirs["alone", "package"]  # without what somebody had overridden before
        too_early = isinstance(alone, Mapping) and alone["env"]["LIFETIME"] == wanted["env"]["LIFETIME"]
        return "overlay-order" if too_early else "half-done"
    return "half-done" if value["doCheck"] or value["patches"] == before["patches"] else "touches-others"


@SUITE.behaviour("data", points=1, needs=("rewritten",), asked="rewrite: no function in it")
def data(trial: Trial, mine: Overrides) -> Finding:
    """The infusion is made of attribute sets, lists, sugars and data."""
    expected = "attribute sets, sugars and data only"
    found = mine.functions
    if isinstance(found, NixError):
        return trial.no(expected=expected, seen=found.message[:300], hint=_kind(found))
    if found:
        at = found[0] or "its root"
        return trial.no(expected=expected, seen=f"a function at {at}", hint="function")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "dependents", points=1, needs=("rewritten",), asked="rewrite: its dependents hold the new one"
)
def dependents(trial: Trial, mine: Overrides) -> Finding:
    """Inside the interpreter's set and outside of it."""
    expected = "the new package among their inputs"
    for part in ("dependent", "tool"):
        if mine.differs("rewrite", part):
            return trial.no(expected=expected, seen=mine.seen("rewrite", part), hint="result-not-input")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("others", points=1, needs=("rewritten",), asked="rewrite: everything else as it was")
def others(trial: Trial, mine: Overrides) -> Finding:
    """What was overridden before, other packages, the names in each set; what is broken is left alone."""
    return _rest(trial, mine, "rewrite")


def _rest(trial: Trial, mine: Overrides, scenario: str) -> Finding:
    expected = "all the same"
    for part, hint in (
        ("other", "drops-earlier"),
        ("language", "touches-others"),
        ("inner", "touches-others"),
        ("alias", "touches-others"),
        ("outer", "touches-others"),
        ("package", "touches-others"),
        ("dependent", "touches-others"),
        ("tool", "touches-others"),
    ):
        if mine.differs(scenario, part):
            value = mine.theirs[scenario, part]
            key = _kind(value) if isinstance(value, NixError) else hint
            return trial.no(expected=expected, seen=mine.seen(scenario, part), hint=key)
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("extended", points=2, needs=("loads",), asked="extend: two packages more in the set")
def extended(trial: Trial, mine: Overrides) -> Finding:
    """Each under its name, at its version, made of what was asked."""
    expected = "the new package with its input, and the variant"
    world = mine.world or World({})
    if mine.differs("extend", "other") and not isinstance(mine.theirs["extend", "other"], NixError):
        return trial.no(expected=expected, seen=mine.seen("extend", "other"), hint="drops-earlier")
    for part in ("name", "fork"):
        if not mine.differs("extend", part):
            continue
        value, wanted = mine.theirs["extend", part], mine.ours["extend", part]
        seen = mine.seen("extend", part)
        if isinstance(value, NixError):
            return trial.no(expected=expected, seen=seen, hint=_kind(value))
        if value is None:
            outside = world.names[part] in _names(mine.theirs["extend", "outer"])
            seen = f"no {world.names[part]} in {world.names['interpreter']}.pkgs"
            return trial.no(expected=expected, seen=seen, hint="wrong-set" if outside else "not-added")
        if value["name"] != wanted["name"]:
            same = value["name"].rpartition("-")[0] == wanted["name"].rpartition("-")[0]
            return trial.no(expected=expected, seen=seen, hint="wrong-version" if same else "copies")
        hint = "copies" if part == "fork" else "no-dependency"
        return trial.no(expected=expected, seen=seen, hint=hint)
    # Somebody else changes the package afterwards: told here, whatever the learner's own `rewrite` does.
    for part in ("name", "fork"):
        value = mine.theirs["extend, changed", part]
        if isinstance(value, Mapping) and mine.differs("extend, changed", part):
            seen = f"the package is changed after extend, {mine.seen('extend, changed', part)}"
            hint = (
                "copies" if value["name"] != mine.ours["extend, changed", part]["name"] else "prev-not-final"
            )
            return trial.no(expected=expected, seen=seen, hint=hint)
    return trial.ok(expected=expected, seen="both")


@SUITE.behaviour("kept", points=1, needs=("extended",), asked="extend: everything else as it was")
def kept(trial: Trial, mine: Overrides) -> Finding:
    """As for rewrite."""
    return _rest(trial, mine, "extend")


@SUITE.behaviour("orders", points=1, needs=("rewritten", "extended"), asked="both, in either order")
def orders(trial: Trial, mine: Overrides) -> Finding:
    """The new packages hold the package as it is in the end."""
    expected = "the same in either order"
    for scenario in ("rewrite, extend", "extend, rewrite"):
        for part in PARTS:
            if mine.differs(scenario, part):
                value = mine.theirs[scenario, part]
                hint = "prev-not-final" if part in ("name", "fork") else "drops-earlier"
                hint = "on-the-result" if value is None or part == "inner" else hint
                hint = _kind(value) if isinstance(value, NixError) else hint
                seen = f"[ {scenario} ], {mine.seen(scenario, part)}"
                return trial.no(expected=expected, seen=seen, hint=hint)
    return trial.ok(expected=expected, seen="the same")


@SUITE.behaviour("later", points=1, needs=("orders",), asked="both, and somebody overrides it again")
def later(trial: Trial, mine: Overrides) -> Finding:
    """A plain .override after them: all three are there."""
    expected = "all three"
    for part in PARTS:
        if mine.differs("later", part):
            return trial.no(expected=expected, seen=mine.seen("later", part), hint="on-the-result")
    return trial.ok(expected=expected, seen=f"{len(SCENARIOS)} sets compared, {len(PARTS)} parts each")
