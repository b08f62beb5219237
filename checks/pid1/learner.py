"""The exercise `p3.pid1`: a supervisor in Python, one file, is asked what every init is asked.

The rows are the suite's own (`services_*`), each in a sandbox of its own, with less patience than inits get
that look now and then. `Attempt` is the subject: the text of the program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.pid1.asking import NotAsked, alive
from checks.pid1.everyone import program
from checks.pid1.machine import Bench, Patience
from checks.pid1.services import at_rest
from checks.pid1.services_hints import HINTS
from checks.pid1.suites import service_suite

__all__ = ["SUITE", "Attempt"]

_PATIENCE = Patience(start=6.0, end=4.0, late=3.0, rest=1.6, after=6.0, shutdown=6.0)
# Cheap ones first. What stages 1 and 2 ask more closely (policies, back-off) is not asked again.
_ROWS = (
    "starts",
    "own-group",
    "clean-signals",
    "descriptors",
    "restarts-killed",
    "reaps-adopted",
    "short-children",
    "stops",
    "second-signal",
    "kills-deaf",
    "rest",
    "stalled-reader",
    "memory-short",
    "fork-fails",
)


@dataclass(frozen=True)
class Attempt:
    """A supervisor as a learner wrote it: run as `python3 FILE MANIFEST.json`."""

    text: bytes

    @cached_property
    def bench(self) -> Bench:
        """Where it is judged."""
        return Bench(program(self.text, "supervisor.py"), at_rest, patience=_PATIENCE, fresh=True)

    def known_good(self) -> Attempt:
        """The course's own solution: tells our failure from the learner's."""
        from helpers.course import exercises

        return Attempt(exercises.load("p3.pid1").solution.encode())


SUITE: Suite[Attempt] = Suite(dict(HINTS), control=lambda attempt: attempt.known_good())


def _of(run: Callable[[Trial, Bench], Finding]) -> Callable[[Trial, Attempt], Finding]:
    def asked(trial: Trial, attempt: Attempt) -> Finding:
        try:
            return run(trial, attempt.bench)
        except NotAsked as reason:
            raise LabFailed(f"this row cannot be asked here: {reason}") from None

    return asked


for _row in service_suite().behaviours:
    if _row.name in _ROWS:
        needs = ("starts",) if _row.name != "starts" else ()
        SUITE.behaviour(_row.name, asked=_row.asked, points=1, needs=needs)(_of(_row.run))


@SUITE.behaviour("outlives", points=1, needs=("starts",), asked="run on after HUP, USR1, PIPE and their like")
@alive("dies-of-signal")
def outlives(trial: Trial, attempt: Attempt) -> Finding:
    """None of them asks for anything here."""
    from checks.pid1.services_signals import outlives as signals

    return signals(trial, attempt.bench, later=0.5)
