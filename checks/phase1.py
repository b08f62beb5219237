"""Checks of phase 1. In a notebook: `from checks import phase1`, then `phase1.generations()`."""

from __future__ import annotations

from pathlib import Path

from checks.generations import SUITE as GENERATIONS
from checks.generations import Change
from checks.phase0 import learner_file
from checks.runner import check

__all__ = ["generations"]


@check("p1.generations", points=10, deadline=60.0, suite=GENERATIONS, call="phase1.generations")
def generations(file: str | Path | None = None, *, seed: int | None = None) -> Change:
    """Grade a change of a running system by which of its processes move.

    `file` is a Nix file; without it, the `change.nix` of your portfolio. `seed` repeats the random names of
    a run.
    """
    text = learner_file("p1.generations", file, call="phase1.generations")
    return Change(text.decode(errors="replace"))
