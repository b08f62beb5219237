"""Checks of phase 3. In a notebook: `from checks import phase3`, then `phase3.stage1()`."""

from __future__ import annotations

from pathlib import Path

from checks.phase0 import learner_file
from checks.runner import check
from checks.stages.box import Stage
from checks.stages.first import SUITE as STAGE1
from checks.stages.second import SUITE as STAGE2

__all__ = ["stage1", "stage2"]


@check("p3.stage1", points=10, deadline=60.0, suite=STAGE1, call="phase3.stage1")
def stage1(program: str | Path | None = None, *, seed: int | None = None) -> Stage:
    """Grade the first stage of a supervisor by what it does as PID 1 of sandboxes.

    `program` is its path; without it, the `stage1.py` of your portfolio. `seed` repeats the random names of
    a run.
    """
    return Stage(1, learner_file("p3.stage1", program, call="phase3.stage1"))


@check("p3.stage2", points=10, deadline=60.0, suite=STAGE2, call="phase3.stage2")
def stage2(program: str | Path | None = None, *, seed: int | None = None) -> Stage:
    """Grade the second stage of a supervisor: what it does with services that end.

    `program` is its path; without it, the `stage2.py` of your portfolio. `seed` repeats the random names and
    delays of a run.
    """
    return Stage(2, learner_file("p3.stage2", program, call="phase3.stage2"))
