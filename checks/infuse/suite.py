"""What a learner's `infuse` must do, asked with random calls: the behaviours of the exercise `p1.infuse`.

Every call is made in a sandbox, once. What is expected is what `helpers.infuse` gives, and for a sample what
the real Nix gives with `labs/nix/infuse.nix`; where the two disagree, the lab is at fault.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.infuse.box import Replies, ask
from checks.infuse.cases import GROUPS, cases
from checks.infuse.hints import HINTS
from checks.infuse.model import FLAWS, Case, outcome, python_of, without_empty

__all__ = ["SUITE", "Mine", "expected_of", "explain"]

_NIX = Path(__file__).resolve().parents[2] / "labs" / "nix" / "infuse.nix"
_SAMPLE = 25  # cases that the real Nix is asked, too

Outcome = tuple[str, Any]


@dataclass
class Asked:
    """One call, what it should give, and what it gave; `seen` is None where it was never made."""

    group: str
    case: Case
    expected: Outcome
    seen: Outcome | None = None
    note: str = ""
    changed: bool = False

    @property
    def right(self) -> bool:
        """Whether the answer is the expected one."""
        return same(self.seen, self.expected)


@dataclass
class Mine:
    """The learner's file, and what it answered."""

    text: bytes
    asked: list[Asked] = field(default_factory=list)
    replies: Replies = field(default_factory=Replies)


SUITE: Suite[Mine] = Suite(HINTS)


def same(one: Outcome | None, other: Outcome | None) -> bool:
    """Whether they are equal, `True` and `1` told apart."""
    return json.dumps(one, sort_keys=True, default=repr) == json.dumps(other, sort_keys=True, default=repr)


def expected_of(case: Case) -> Outcome:
    """What the contract says, which must be what `helpers.infuse` does. Raises `LabFailed` if it is not."""
    from helpers.infuse import InfuseError, force, infuse

    ours = outcome(case.target, case.infusion)
    try:
        theirs: Outcome = "value", force(infuse(case.target, case.infusion))
    except InfuseError:
        theirs = "fault", None
    except Exception as error:
        theirs = "raised", type(error).__name__
    if ours[0] != theirs[0] or (ours[0] != "fault" and not same(ours, theirs)):
        raise LabFailed(f"{case}: the contract gives {ours}, helpers.infuse {theirs}")
    return ours


@SUITE.behaviour("loads", points=0, asked="a file with `infuse` and `InfuseError`")
def loads(trial: Trial, mine: Mine) -> Finding:
    """The file is loaded in a sandbox, and every case asked of it there."""
    mine.asked = [
        Asked(group, case, expected_of(case)) for group in GROUPS for case in cases(trial.rng, group)
    ]
    mine.replies = replies = ask(trial, mine.text, [one.case for one in mine.asked])
    expected = "both are there"
    if replies.failed:
        return trial.no(expected=expected, seen=replies.failed, hint="does-not-load")
    if replies.lacking:
        return trial.no(expected=expected, seen=f"no {', no '.join(replies.lacking)}", hint="lacking")
    for one, said in zip(mine.asked, replies.said, strict=False):
        kind = next(kind for kind in ("value", "fault", "raised") if kind in said)
        one.seen = kind, said[kind]
        one.changed = said["changed"]
        if kind == "raised" and said["line"]:
            one.note = f" ({said['message']}, line {said['line']})"
    return trial.ok(expected=expected, seen=f"loaded, and called {len(replies.said)} times")


@SUITE.behaviour(
    "edits", points=2, needs=("loads",), asked="60 calls: functions at any depth, nothing else moves"
)
def edits(trial: Trial, mine: Mine) -> Finding:
    """Functions and attribute sets; paths that are not there are made."""
    return _graded(trial, mine, "edits")


@SUITE.behaviour("pipelines", points=1, needs=("loads",), asked="60 calls: lists, from left to right")
def pipelines(trial: Trial, mine: Mine) -> Finding:
    """Lists, lists in lists, and the empty one."""
    return _graded(trial, mine, "pipelines")


@SUITE.behaviour("sugars", points=2, needs=("loads",), asked="80 calls: sugars, in infuse's order")
def sugars(trial: Trial, mine: Mine) -> Finding:
    """Alone and several in one set, on what is there, what is null and what is missing."""
    return _graded(trial, mine, "sugars")


@SUITE.behaviour("empties", points=1, needs=("loads",), asked="50 calls: attribute sets without a leaf")
def empties(trial: Trial, mine: Mine) -> Finding:
    """A set without a leaf is `{}`."""
    return _graded(trial, mine, "empties")


@SUITE.behaviour("faults", points=1, needs=("loads",), asked="120 calls with one fault: an error, and where")
def faults(trial: Trial, mine: Mine) -> Finding:
    """InfuseError with the path, or what a function raised."""
    return _graded(trial, mine, "faults")


@SUITE.behaviour(
    "lazy", points=1, needs=("loads",), asked="30 calls: nothing runs that `__assign` throws away"
)
def lazy(trial: Trial, mine: Mine) -> Finding:
    """What comes before an `__assign` can not fail."""
    return _graded(trial, mine, "lazy")


@SUITE.behaviour("untouched", points=1, needs=("loads",), asked="leave target and infusion as they were")
def untouched(trial: Trial, mine: Mine) -> Finding:
    """Neither is another one after the call, of whatever kind."""
    expected = "both are the same before and after"
    for one in sorted(mine.asked, key=lambda one: len(str(one.case))):
        if one.changed:
            seen = f"{one.case} left another target or infusion behind"
            return trial.no(expected=expected, seen=seen, hint="changes-its-input")
    return trial.ok(expected=expected, seen=f"so they were, {len(mine.replies.said)} times")


@SUITE.behaviour(
    "random", points=1, needs=("loads",), asked="100 calls of everything; 25 asked of the real Nix too"
)
def random(trial: Trial, mine: Mine) -> Finding:
    """All of it together, against real Nix."""
    from helpers import nix
    from helpers.nix import NixError

    sample = trial.rng.sample(
        [one for one in mine.asked if one.group in ("random", "lazy", "faults")], _SAMPLE
    )
    found = nix.eval_many(
        [one.case.nix for one in sample], files={"infuse.nix": _NIX.read_text()}, timeout=20
    )
    for one, value in zip(sample, found, strict=True):
        failed = isinstance(value, NixError)
        if failed != (one.expected[0] != "value") or not (failed or same(("value", value), one.expected)):
            raise LabFailed(f"{one.case}: expected {one.expected}, and the real Nix gives {value}")
    return _graded(trial, mine, "random")


def explain(failing: Sequence[Asked], every: Sequence[Asked]) -> tuple[str, Asked]:
    """The hint's key, and the shortest failing case it explains.

    Of the flaws that give what was seen in a third of the failing cases, the one that gives what was seen in
    most of all cases; where none does, the hint goes by the kind of what was seen.
    """
    best: tuple[int, str, list[Asked]] = (0, "", [])
    for flaw in FLAWS:
        as_seen = [
            one for one in failing if same(one.seen, outcome(one.case.target, one.case.infusion, flaw))
        ]
        if 3 * len(as_seen) >= len(failing):  # fewer may be chance
            score = sum(
                same(one.seen, outcome(one.case.target, one.case.infusion, flaw))
                for one in every
                if one.seen is not None
            )
            if score > best[0]:
                best = (score, flaw, as_seen)
    if best[1]:
        return best[1], best[2][0]
    if pruned := [one for one in failing if _pruned_data(one)]:
        return "prunes-values", pruned[0]
    first = failing[0]
    seen = first.seen or ("", None)
    if seen == ("value", None):
        return "returns-nothing", first
    if seen[0] == "raised":
        return ("other-error" if first.expected[0] == "fault" else "raises"), first
    if seen[0] == "fault":
        return ("wrong-path" if first.expected[0] == "fault" else "refuses"), first
    return ("swallows" if first.expected[0] != "value" else "differs"), first


def _pruned_data(one: Asked) -> bool:
    """Whether only empty sets differ, in a call whose sugars have some in their values."""
    if one.seen is None or (one.seen[0], one.expected[0]) != ("value", "value"):
        return False
    meant = _has_empty(one.case.infusion, inside=False)
    return meant and same(("", without_empty(one.seen[1])), ("", without_empty(one.expected[1])))


def _has_empty(value: Any, *, inside: bool) -> bool:
    """Whether the value of a sugar has an empty set in it; `inside` of one, any."""
    if isinstance(value, list):
        return any(_has_empty(part, inside=inside) for part in value)
    if not isinstance(value, dict):
        return False
    if inside and not value:
        return True
    return any(_has_empty(part, inside=inside or name[:2] == "__") for name, part in value.items())


def _graded(trial: Trial, mine: Mine, group: str) -> Finding:
    ours = [one for one in mine.asked if one.group == group]
    failing = [one for one in ours if one.seen is not None and not one.right]
    if failing:
        hint, one = explain(failing, mine.asked)
        seen = f"{one.case} {_words(one.seen)}{one.note}"
        return trial.no(expected=_words(one.expected), seen=seen, hint=hint)
    for one in ours:
        if one.seen is None:
            first = next(one for one in mine.asked if one.seen is None)
            how = "never came to an end" if mine.replies.hung else "ended Python itself"
            hint = "endless" if mine.replies.hung else "ended"
            return trial.no(expected="an answer", seen=f"{first.case} {how}", hint=hint)
    return trial.ok(expected="right for each of them", seen=f"{len(ours)} of {len(ours)}")


def _words(found: Outcome | None) -> str:
    kind, value = found or ("", None)
    if kind == "value":
        return f"gives {python_of(value)}"
    if kind == "fault":
        return (
            f"raises InfuseError, path {value}"
            if isinstance(value, list)
            else f"raises InfuseError, path {value} (no list)"
        )
    return f"raises {value}"
