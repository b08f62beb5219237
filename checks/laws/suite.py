"""`p1.laws`: laws of infuse, as a learner states them.

A law is a function `law_…(infuse, target, a, b)`: True where it holds, False where it does not, None where it
says nothing of this case. Each is asked of `helpers.infuse`, for which it has to hold, and of several that
are wrong, and have to break one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from checks.behaviours import Finding, Suite, Trial
from checks.laws.box import ask

__all__ = ["GROUPS", "HINTS", "SUITE", "Laws"]

HINTS: Mapping[str, str] = {
    "does-not-load": "Python could not load the file. The table has the message and the line.",
    "oracle": (
        "The file asks another infuse what is right. That is a comparison, not a law: it says nothing about "
        "infuse to somebody who has none. A law relates calls of the one it is given."
    ),
    "too-few": (
        "Three laws at least: functions whose names begin with `law_`, each with the four arguments infuse, "
        "target, a, b."
    ),
    "raises": "A law ended with an exception; the table has the case. A law answers for each.",
    "no-answer": "A law answers True, False, or None where it does not apply. This one gave something else.",
    "changes": "A law changed the target it was given. What it wants to change it copies first.",
    "false-law": (
        "This does not hold for infuse. The table has a case: evaluate both sides of your law with it. Does "
        "it hold under a condition, or not at all?"
    ),
    "no-infuse": "This law does not call the infuse that it is given, so it cannot be about it.",
    "vacuous": (
        "This law never says True: it says of every case that it does not apply, or forgets to say anything. "
        "A condition that is never met excludes everything."
    ),
    "example": (
        "This law looks at the same target each time, whatever target it is given. That is an example. A law "
        "speaks of all targets."
    ),
    "endless": "A law never came to its end. The table says which, and for which infuse.",
    "idle": (
        "This law holds for infuse, and for everything else that it was asked of. What would an infuse have "
        "to do wrong for this law to be broken?"
    ),
    "steps": (
        "Something got past your laws that treats a list of infusions wrongly. What does a list mean, said "
        "with calls of infuse and without a list?"
    ),
    "rest": (
        "Something got past your laws that does not leave alone what the infusion does not name. Is yours a "
        "statement about every level, and every value?"
    ),
    "order": (
        "Something got past your laws that takes an attribute set for a sequence. The same set can be "
        "written in another order, at every level: sugars, too."
    ),
}  # fmt: skip

GROUPS: Mapping[str, tuple[str, ...]] = {
    "steps": ("right-to-left", "returns-nothing", "last-step"),
    "rest": ("clobbers", "shallow", "no-null"),
    "order": ("textual-order", "two-names"),
}
"""Wrong ones, by what they are wrong about."""

_CASES = 120


def cases(rng: random.Random) -> list[list[str]]:
    """Targets of two levels, and two infusions that fit each of them; as Python text.

    The attribute `z` of each set is a list, the others are plain; so no edit can be of the wrong kind.
    """
    return [_case(rng) for _ in range(_CASES)]


def _case(rng: random.Random) -> list[str]:
    target = {bed: _bed(rng) for bed in rng.sample("abcd", rng.randrange(1, 5))}
    return [repr(target), _edits(rng), _edits(rng)]


def _bed(rng: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: rng.choice([rng.randrange(9), "s", None, {"deep": rng.choice([1, None])}])
        for name in rng.sample("wxy", rng.randrange(1, 4))
    }
    if rng.random() < 0.6:
        found["z"] = [rng.randrange(9)]
    return found


def _edits(rng: random.Random) -> str:
    beds = rng.sample("abcde", rng.randrange(1, 5))
    return "{" + ", ".join(f"{bed!r}: {_edit(rng)}" for bed in beds) + "}"


def _edit(rng: random.Random) -> str:
    names = rng.sample("wxyz", rng.randrange(1, 5))
    return "{" + ", ".join(f"{name!r}: {_leaf(rng, name == 'z')}" for name in names) + "}"


def _leaf(rng: random.Random, is_list: bool) -> str:
    value = f"[{rng.randrange(10, 99)}]" if is_list else rng.choice(["1", "'t'", "None", "{'deep': {}}"])
    if is_list:
        sugars = rng.sample(["__append", "__prepend", "__assign"], rng.randrange(1, 4))
        return "{" + ", ".join(f"{sugar!r}: [{rng.randrange(10, 99)}]" for sugar in sugars) + "}"
    simple = [f"note({rng.choice('fgh')!r})", f"{{'__assign': {value}}}", f"{{'__default': {value}}}"]
    leaf = rng.choice(simple)
    return f"[{leaf}, note('k')]" if rng.random() < 0.2 else leaf


@dataclass
class Laws:
    """The learner's file, and what its laws said: by law, by infuse."""

    text: bytes
    said: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def caught(self, law: str) -> set[str]:
        """The wrong ones that a law is broken by."""
        return {name for name, one in self.said[law].items() if name != "true" and one["broken"]}


SUITE: Suite[Laws] = Suite(HINTS)


@SUITE.behaviour("loads", points=0, asked="three laws that give an answer")
def loads(trial: Trial, laws: Laws) -> Finding:
    """The file is loaded in a sandbox; each law is asked of each infuse there."""
    expected = "three functions law_…(infuse, target, a, b)"
    everyone = 1 + sum(map(len, GROUPS.values()))
    heard = ask(trial, laws.text, cases(trial.rng), everyone)
    if heard.holds is None:
        return trial.no(expected=expected, seen=heard.failed, hint="endless")
    if heard.failed:
        error = heard.holds
        oracle = error["raised"] == "ModuleNotFoundError" and "helpers" in error["message"]
        return trial.no(expected=expected, seen=heard.failed, hint="oracle" if oracle else "does-not-load")
    names = heard.holds["laws"]
    if heard.lacking or len(names) < 3:
        other = f"; other arguments: {', '.join(heard.lacking)}" if heard.lacking else ""
        seen = f"{len(names)}: {', '.join(names) or 'none'}{other}"
        return trial.no(expected=expected, seen=seen, hint="too-few")
    for one in heard.answers:
        laws.said.setdefault(one["law"], {})[one["subject"]] = one
    if len(heard.answers) < len(names) * everyone:
        last = f"after {heard.answers[-1]['law']}" if heard.answers else "in the first law"
        return trial.no(expected="an answer to each case", seen=f"no answer {last}", hint="endless")
    return trial.ok(expected=expected, seen=", ".join(names))


@SUITE.behaviour("hold", points=2, needs=("loads",), asked=f"laws that hold for infuse, in {_CASES} cases")
def hold(trial: Trial, laws: Laws) -> Finding:
    """None is broken by helpers.infuse."""
    for law, said in laws.said.items():
        broken = said["true"]["broken"]
        if broken:
            target, a, b = broken["case"]
            seen = f"{law}: {broken.get('message') or 'not so'} with target = {target}, a = {a}, b = {b}"
            oracle = broken.get("raised") == "ModuleNotFoundError" and "helpers" in broken["message"]
            hint = {"changed": "changes", "said": "no-answer", None: "false-law"}.get(
                broken.get("raised"), "raises"
            )
            return trial.no(expected="True or None", seen=seen[:700], hint="oracle" if oracle else hint)
    return trial.ok(expected="True or None", seen=f"{len(laws.said)} laws hold")


@SUITE.behaviour("speak", points=1, needs=("hold",), asked="laws that say something, of any target")
def speak(trial: Trial, laws: Laws) -> Finding:
    """Each calls infuse, says True of some case, and looks at many targets."""
    expected = "calls of infuse with many targets, and True"
    for law, said in laws.said.items():
        one = said["true"]
        seen = f"{law}: {one['calls']} calls, {one['targets']} targets, {one['yes']} times True"
        hint = "vacuous" if not one["yes"] else "no-infuse" if not one["calls"] else ""
        hint = hint or ("example" if one["targets"] < 10 else "")
        if hint:
            return trial.no(expected=expected, seen=seen, hint=hint)
    return trial.ok(expected=expected, seen="each of them")


@SUITE.behaviour("catch", points=1, needs=("speak",), asked="no law that everything obeys")
def catch(trial: Trial, laws: Laws) -> Finding:
    """Each law is broken by something that is no infuse."""
    wrong = sum(map(len, GROUPS.values()))
    counts = {law: len(laws.caught(law)) for law in laws.said}
    seen = ", ".join(f"{law}: broken by {count} of {wrong}" for law, count in counts.items())
    if not all(counts.values()):
        return trial.no(expected="each is broken by one at least", seen=seen, hint="idle")
    return trial.ok(expected="each is broken by one at least", seen=seen)


def _group(group: str) -> Callable[[Trial, Laws], Finding]:
    def look(trial: Trial, laws: Laws) -> Finding:
        caught = set().union(*(laws.caught(law) for law in laws.said))
        past = [name for name in GROUPS[group] if name not in caught]
        expected = "none gets past all laws"
        count = len(GROUPS[group])
        if past:
            seen = f"{len(past)} of {count} got past {', '.join(laws.said)}"
            return trial.no(expected=expected, seen=seen, hint=group)
        return trial.ok(expected=expected, seen=f"{count} of {count} break a law")

    return look


for _name, _asked in (
    ("steps", "laws that know what a list means"),
    ("rest", "laws that know what stays as it is"),
    ("order", "laws that know what an attribute set is"),
):
    SUITE.behaviour(_name, points=2, needs=("speak",), asked=_asked)(_group(_name))
