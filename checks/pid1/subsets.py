"""Named subsets of the suite: what a supervisor newly keeps after each stage of its making."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from checks.behaviours import Behaviour
from checks.pid1.subject import Subject
from checks.pid1.suites import service_suite, suite_of

__all__ = ["STAGES", "named", "subset"]

STAGES: Mapping[str, tuple[str, ...]] = {
    "stage 1: spawn and reap": (
        "starts",
        "own-group",
        "clean-signals",
        "descriptors",
        "reaps-adopted",
        "short-children",
        "outlives-hup",
        "outlives-usr",
        "outlives-others",
        "stops",
        "second-signal",
    ),
    "stage 2: restart": ("restarts-killed", "restarts-ended", "crash-loop", "memory-short"),
    "stage 3: order and stop": ("kills-deaf",),
    "stage 4: readiness and logs": ("stalled-writer",),
}
"""The names of behaviours by stage: the course's solution of a stage keeps them, that of the stage before
keeps none of them (measured: `tests/checks/pid1/test_subsets.py`). What is in no stage is `p3.pid1`'s."""


def named(stage: str) -> tuple[str, ...]:
    """The names of a stage's behaviours. `stage` is a key of `STAGES`, or its beginning (`"stage 2"`).

    Raises `ValueError` for another.
    """
    found = [key for key in STAGES if key == stage or key.split(":")[0] == stage]
    if not found:
        raise ValueError(f"no subset {stage!r}; there are: {', '.join(STAGES)}")
    return STAGES[found[0]]


def subset(stage: str, subject: Subject | None = None) -> tuple[Behaviour[Any], ...]:
    """The behaviours of a stage, in the suite's order; needs outside of the stage are left out of `needs`.

    They are those asked of a supervisor; where a `subject` that runs one command is given, those of the same
    names that are asked of it. Raises `ValueError` as `named` does.
    """
    wanted = named(stage)
    suite = service_suite() if subject is None else suite_of(subject)
    chosen = [b for b in suite.behaviours if b.name in wanted]
    return tuple(replace(b, needs=tuple(n for n in b.needs if n in wanted)) for b in chosen)
