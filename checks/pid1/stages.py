"""Named subsets of the suite: what a supervisor must do after each stage of its making."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from checks.behaviours import Behaviour, Suite
from checks.pid1.subject import Kind
from checks.pid1.suites import suite_of

__all__ = ["STAGES", "stage", "subset"]

STAGES: Mapping[str, Mapping[Kind, tuple[str, ...]]] = {
    "stage 1: spawn and reap": {
        "command": (
            "starts",
            "ends",
            "exit-status",
            "signal-status",
            "descriptors",
            "clean-signals",
            "own-group",
            "reaps-adopted",
            "short-children",
            "exec-missing",
            "exec-denied",
        ),
    },
    "stage 2: restart": {
        "command": ("rest", "stopped-child"),
    },
    "stage 3: order and stop": {
        "command": ("forwards", "keeps-waiting", "second-signal"),
    },
    "stage 4: readiness and logs": {
        "command": ("stalled-reader",),
    },
}
"""The names of behaviours by stage and kind. Stable: a name stays, a stage may gain some."""


def subset(name: str, kind: Kind) -> tuple[Behaviour[Any], ...]:
    """The behaviours of a stage, in order; needs outside of the stage are left out of their `needs`.

    `name` is a key of `STAGES`, or its beginning (`"stage 2"`). Raises `ValueError` for another.
    """
    found = [key for key in STAGES if key == name or key.split(":")[0] == name]
    if not found:
        raise ValueError(f"no subset {name!r}; there are: {', '.join(STAGES)}")
    wanted = STAGES[found[0]].get(kind, ())
    known = {behaviour.name: behaviour for behaviour in suite_of(kind).behaviours}
    chosen = [known[one] for one in wanted]
    return tuple(replace(b, needs=tuple(n for n in b.needs if n in wanted)) for b in chosen)


def stage(name: str, kind: Kind, *, points: Mapping[str, int] | None = None) -> Suite[Any]:
    """A stage as a suite for `checks.runner.check`; `points` by name of a behaviour, 1 where not told.

    It is a suite of your own: add behaviours to it, and hints (`suite.hints` is a dict of its own).
    Known-good programs are judged where one fails (`Suite.control`): tini, runit.
    """
    whole = suite_of(kind)
    worth = points or {}
    made: Suite[Any] = Suite(dict(whole.hints), control=whole.control)
    made.behaviours.extend(replace(b, points=worth.get(b.name, b.points)) for b in subset(name, kind))
    return made
