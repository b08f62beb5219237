"""Verdicts: what a check says of a learner's work.

A learner never reads "wrong" where our lab failed: a check that cannot decide says `lab_failed`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from helpers.show.card import verdict_html, verdict_text

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
    """One behaviour a check looked at: what was asked, what was expected, what was seen.

    `skipped` where it was not tried, because a behaviour it builds on failed.
    """

    asked: str
    expected: str
    seen: str
    ok: bool
    skipped: bool = False


@dataclass(frozen=True)
class Hint:
    """The one hint a verdict carries: a stable `key` (wrong answers name it) and the `text`."""

    key: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """The result of one check of one exercise.

    `points` out of `possible`; `seed` reproduces the random parameters of the run; `seconds` is how
    long the check took; `note` is anything else to tell, a line each; `repeat` is the call that runs
    the same check with the same parameters; `next` is the next command where there is one.

    In a notebook a verdict shows itself as a card, elsewhere as text.
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
    repeat: str = ""
    next: str = ""

    @property
    def passed(self) -> bool:
        """Whether the outcome is `passed`."""
        return self.outcome is Outcome.PASSED

    def __str__(self) -> str:
        return verdict_text(self)

    def _repr_html_(self) -> str:
        return verdict_html(self)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """HTML and text, both always: a front end that strips HTML still has the verdict."""
        return {"text/plain": verdict_text(self), "text/html": verdict_html(self)}
