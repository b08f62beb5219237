"""`p1.repair`: five infusions that were broken, judged by what they do to targets nobody has seen.

Each is applied to random targets by the real Nix and by `helpers.infuse`. What it has to do is written below
in plain Python, without infuse.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.infuse.model import nix_of
from helpers import nix
from helpers.infuse import InfuseError, force, infuse
from helpers.nix.magics import INFUSE
from helpers.nix.python import NoPython, evaluate, python_of

__all__ = ["HINTS", "SUITE", "TASKS", "Repaired", "Task"]

HINTS: Mapping[str, str] = {
    "no-nix": "Nix cannot read the file. Its message names the line; every binding ends with `;`.",
    "lacking": "The file is a set of five infusions: tls, listen, user, env, workers. One is gone.",
    "no-python": (
        "Nix can do this and Python's side here cannot read it. Sets, lists, functions of one argument, "
        "operators and sugars are enough for all five."
    ),
    "leaf": (
        "The path ends where a plain value stands. A path of an infusion ends with a function or a sugar: "
        "which one puts a value there whatever was there before?"
    ),
    "append": (
        "The path names the place and the sugar at its end. What that sugar is given must be of the kind "
        "that is there: what kind is `listen`?"
    ),
    "init": (
        "The sugar at the end of the path insists that nothing was there. Read the task again: what should "
        "happen where there is a user already? The message itself names two others."
    ),
    "mixing": (
        "At this path stand a sugar and an ordinary name side by side. Do you need both? What does a set "
        "that is missing become on the way down?"
    ),
    "deep": (
        "The path ends before yours does: what is there is no set, and the infusion goes one name further. "
        "Where does the function belong?"
    ),
    "other-error": (
        "Another error than at the start: the table has it. Its path says at which name; what stands there "
        "in your infusion, and what in the target?"
    ),
    "siblings": (
        "What should be untouched is gone or another. Something in your infusion gives a whole set where one "
        "attribute was meant: let the path go down to that attribute."
    ),
    "where-there": (
        "Where the attribute is missing it is right, and where there is one it is not. The table shows a "
        "target that has one; what does the task want of it?"
    ),
    "where-missing": (
        "Where the attribute is there it is right, and where it is missing it is not. What is handed to what "
        "you wrote, if nothing is there? A function gets a marker, which is neither a set nor a text; a set "
        "on the way down is made."
    ),
    "effect": "No error any more, and the wrong result. The table shows both; the task is the comment above.",
}  # fmt: skip

Value = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One infusion: `change` does to a copy of a target what it should do.

    `vary` gives targets that have the attribute it is about (True), and such as have not.
    """

    name: str
    asked: str
    words: str  # in the error that the broken one gives
    hint: str
    change: Callable[[Value], None]
    vary: Callable[[Value], list[tuple[Value, bool]]]


def _assign_port(nginx: Value) -> None:
    nginx["tls"]["port"] = 8443


def _add_listener(nginx: Value) -> None:
    nginx["listen"] = [*nginx["listen"], {"port": 443}]


def _give_user(nginx: Value) -> None:
    nginx.setdefault("user", "www")


def _set_log(nginx: Value) -> None:
    nginx.setdefault("env", {})["LOG"] = "debug"


def _double(nginx: Value) -> None:
    nginx["limits"]["workers"] *= 2


def _as_it_is(nginx: Value) -> list[tuple[Value, bool]]:
    return [(nginx, True)]


def _without(name: str) -> Callable[[Value], list[tuple[Value, bool]]]:
    """The target with the attribute, and without it."""

    def vary(nginx: Value) -> list[tuple[Value, bool]]:
        return [(nginx, True), ({other: value for other, value in nginx.items() if other != name}, False)]

    return vary


TASKS = (
    Task("tls", "set nginx.tls.port to 8443", "invalid type", "leaf", _assign_port, _as_it_is),
    Task(
        "listen",
        "add a listener to nginx.listen, at its end",
        "unsupported type",
        "append",
        _add_listener,
        _as_it_is,
    ),
    Task("user", "give nginx a user where it has none", "__init", "init", _give_user, _without("user")),
    Task("env", "set LOG in nginx.env, there or not", "mixing special", "mixing", _set_log, _without("env")),
    Task("workers", "double nginx.limits.workers", "attempted to infuse", "deep", _double, _as_it_is),
)
_WORKERS = range(5, 40)  # the lesson shows 4: whoever writes down twice of that is wrong every time
_NAMES = ("cache", "gzip", "index", "proxy", "root", "limit", "zone")


def _target(rng: random.Random, workers: int) -> Value:
    """The set `nginx`, with attributes beside those of the tasks at every level."""

    def more() -> Value:
        return {name: rng.choice([rng.randrange(90), "on", None]) for name in rng.sample(_NAMES, 2)}

    return {
        "tls": {"port": rng.randrange(400, 500), "on": rng.choice([True, False]), **more()},
        "listen": [{"port": rng.randrange(80, 90)} for _ in range(rng.randrange(1, 3))],
        "user": rng.choice(["nginx", "web", "http"]),
        "env": {"HOME": "/" + rng.choice(_NAMES), "LOG": rng.choice(["info", "warn"]), **more()},
        "limits": {"workers": workers, **more()},
        **more(),
    }


@dataclass(frozen=True)
class Asked:
    """A task on one target: what should come out, and what did: `("value", data)` or `("error", message)`.

    `there` tells whether the target has the attribute that the task is about.
    """

    target: Value
    expected: Value
    seen: tuple[str, Any]
    there: bool

    @property
    def right(self) -> bool:
        """Whether it is what should come out."""
        return self.seen[0] == "value" and not nix.diff(self.expected, self.seen[1])


@dataclass
class Repaired:
    """The learner's file, and what its infusions did, by name."""

    text: str
    asked: dict[str, list[Asked]] = field(default_factory=dict)


SUITE: Suite[Repaired] = Suite(HINTS)


@SUITE.behaviour("reads", points=0, asked="a file of Nix with five infusions")
def reads(trial: Trial, answer: Repaired) -> Finding:
    """All are there; each is applied to each of its targets, by both."""
    expected = ", ".join(task.name for task in TASKS)
    cases = [
        (task, {"nginx": nginx, "redis": {"port": 6379}}, there)
        for task in TASKS
        for workers in trial.rng.sample(_WORKERS, 2)
        for nginx, there in task.vary(_target(trial.rng, workers))
    ]
    start = "let infuse = (import ./infuse.nix { }).v1.infuse; in infuse"
    names, *found = nix.eval_many(
        ["builtins.attrNames (import ./repair.nix)"]
        + [f"{start} {nix_of(target)} (import ./repair.nix).{task.name}" for task, target, _ in cases],
        files={"infuse.nix": INFUSE.read_text(), "repair.nix": answer.text + "\n"},
    )
    if isinstance(names, nix.NixError):
        return trial.no(expected=expected, seen=names.message[:300], hint="no-nix")
    if gone := [task.name for task in TASKS if task.name not in names]:
        return trial.no(expected=expected, seen=f"no {', no '.join(gone)}", hint="lacking")
    try:
        for (task, target, there), value in zip(cases, found, strict=True):
            seen = ("error", value.said) if isinstance(value, nix.NixError) else ("value", value)
            _agrees(answer.text, task.name, target, seen)
            wanted = copy.deepcopy(target)
            task.change(wanted["nginx"])
            answer.asked.setdefault(task.name, []).append(Asked(target, wanted, seen, there))
    except NoPython as error:
        return trial.no(expected="an infusion both can read", seen=error.message, hint="no-python")
    return trial.ok(expected=expected, seen=f"{len(cases)} targets infused, by Nix and by Python")


def _agrees(text: str, name: str, target: Value, seen: tuple[str, Any]) -> None:
    """Python gives what Nix gave. Raises `NoPython`, and `LabFailed` where it gives something else."""
    python = python_of(f"infuse {nix_of(target)} (\n{text}\n).{name}")
    try:
        mine: tuple[str, Any] = "value", force(evaluate(python, infuse))
    except InfuseError as error:
        mine = "error", str(error)
    except Exception as error:  # the learner's own function failed: in Nix, too?
        mine = "error", f"{type(error).__name__}: {error}"
    if mine[0] != seen[0] or (mine[0] == "value" and nix.diff(seen[1], mine[1])):
        raise LabFailed(f"{name}: Nix gives {seen}, Python {mine}")


def _judged(task: Task) -> Callable[[Trial, Repaired], Finding]:
    def look(trial: Trial, answer: Repaired) -> Finding:
        expected = "only what the task says has changed"
        asked = answer.asked[task.name]
        wrong = [one for one in asked if not one.right]
        if not wrong:
            return trial.ok(expected=expected, seen=f"for {len(asked)} targets, by Nix and by Python")
        one = wrong[0]
        kind, value = one.seen
        of_one_kind = _of_one_kind(asked)
        if kind == "error":
            hint = task.hint if task.words in value else of_one_kind or "other-error"
            return trial.no(expected=expected, seen=value[:300], hint=hint)
        seen = f"{nix_of(one.target['nginx'])}: from what is expected to what came out: " + "; ".join(
            str(nix.diff(one.expected, value)).splitlines()[:3]
        )
        return trial.no(expected=expected, seen=seen[:600], hint=_why(one, of_one_kind))

    return look


def _of_one_kind(asked: list[Asked]) -> str:
    """The hint where all targets with the attribute come out right and none without it, or the other way."""
    right = {(one.there, one.right) for one in asked}
    if right == {(True, True), (False, False)}:
        return "where-missing"
    return "where-there" if right == {(True, False), (False, True)} else ""


def _why(one: Asked, of_one_kind: str) -> str:
    """What kind of wrong result it is."""
    touched = {change.path for change in nix.diff(one.target, one.expected)}
    lost = [
        change
        for change in nix.diff(one.expected, one.seen[1])
        if change.kind == "removed" and not any(change.path.startswith(path) for path in touched)
    ]
    if lost:
        return "siblings"
    return of_one_kind or "effect"


for _task in TASKS:
    SUITE.behaviour(_task.name, points=2, needs=("reads",), asked=_task.asked)(_judged(_task))
