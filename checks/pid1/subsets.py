"""Named subsets of the suite: what a PID 1 must do after each stage of its making."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from checks.behaviours import Behaviour, Suite
from checks.pid1.subject import Command
from checks.pid1.suites import whole_suite

__all__ = ["STAGES", "stage", "subset"]

STAGES: Mapping[str, tuple[str, ...]] = {
    "stage 1: spawn and reap": (
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
    "stage 2: restart": ("starts", "stopped-child", "rest"),
    "stage 3: order and stop": ("starts", "forwards", "child-alone", "second-signal", "keeps-waiting"),
    "stage 4: readiness and logs": ("starts", "stalled-reader"),
}
"""The names of behaviours by stage. Stable: a name stays, a stage may gain some."""


def subset(name: str) -> tuple[Behaviour[Command], ...]:
    """The behaviours of a stage, in the suite's order; needs outside of the stage are left out of `needs`.

    `name` is a key of `STAGES`, or its beginning (`"stage 2"`). Raises `ValueError` for another.
    """
    found = [key for key in STAGES if key == name or key.split(":")[0] == name]
    if not found:
        raise ValueError(f"no subset {name!r}; there are: {', '.join(STAGES)}")
    wanted = STAGES[found[0]]
    chosen = [b for b in whole_suite().behaviours if b.name in wanted]
    return tuple(replace(b, needs=tuple(n for n in b.needs if n in wanted)) for b in chosen)


def stage(name: str, *, points: Mapping[str, int] | None = None) -> Suite[Command]:
    """A stage as a suite for `checks.runner.check`; `points` by name of a behaviour, the suite's own else.

    It is a suite of your own: add behaviours to it, and hints (`suite.hints` is a dict of its own).
    Raises `ValueError` as `subset` does.
    """
    worth = points or {}
    made: Suite[Command] = Suite(dict(whole_suite().hints))
    made.behaviours.extend(replace(b, points=worth.get(b.name, b.points)) for b in subset(name))
    return made
