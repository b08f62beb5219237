"""Verdicts: what a check says of a learner's work.

A learner never reads "wrong" where our lab failed: a check that cannot decide says `lab_failed`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Hint", "Observation", "Outcome", "Verdict"]


class Outcome(StrEnum):
    """The five things a verdict can say."""

    PASSED = "passed"
    NOT_YET = "not_yet"
    NOT_STARTED = "not_started"
    LAB_FAILED = "lab_failed"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True)
class Observation:
    """One behaviour a check looked at: what was asked, what was expected, what was seen."""

    asked: str
    expected: str
    seen: str
    ok: bool


@dataclass(frozen=True)
class Hint:
    """The one hint a verdict carries: a stable `key` (wrong answers name it) and the `text`."""

    key: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """The result of one check of one exercise.

    `points` out of `possible`; `seed` reproduces the random parameters of the run; `seconds` is how
    long the check took.
    """

    exercise: str
    outcome: Outcome
    observations: tuple[Observation, ...] = field(default=())
    hint: Hint | None = None
    points: int = 0
    possible: int = 0
    seed: int | None = None
    seconds: float = 0.0
    note: str = ""
