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
from checks.pid1.graces import HINTS as GRACES
from checks.pid1.graces import stop_at_once
from checks.pid1.machine import Bench, Patience
from checks.pid1.services import at_rest
from checks.pid1.services_hints import HINTS
from checks.pid1.suites import service_suite

__all__ = ["SUITE", "Attempt"]

_PATIENCE = Patience(start=6.0, end=4.0, late=3.0, rest=1.6, after=5.0, shutdown=5.0)
# What a supervisor of stage 2 most likely lacks comes first: its hint is the one told. What stages 1, 2 ask
# more closely (policies, back-off) is not asked again.
_ROWS = (
    "starts",
    "stops",
    "kills-deaf",
    "second-signal",
    "fork-fails",
    "stalled-reader",
    "rest",
    "restarts-killed",
    "own-group",
    "clean-signals",
    "descriptors",
    "reaps-adopted",
    "short-children",
    "memory-short",
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


SUITE: Suite[Attempt] = Suite({**HINTS, **GRACES}, control=lambda attempt: attempt.known_good())


def _of(run: Callable[[Trial, Bench], Finding]) -> Callable[[Trial, Attempt], Finding]:
    def asked(trial: Trial, attempt: Attempt) -> Finding:
        try:
            return run(trial, attempt.bench)
        except NotAsked as reason:
            raise LabFailed(f"this row cannot be asked here: {reason}") from None

    return asked


_KNOWN = {behaviour.name: behaviour for behaviour in service_suite().behaviours}
for _name in _ROWS:
    _needs = ("starts",) if _name != "starts" else ()
    SUITE.behaviour(_name, asked=_KNOWN[_name].asked, points=1, needs=_needs)(_of(_KNOWN[_name].run))


@SUITE.behaviour("outlives", points=1, needs=("starts",), asked="run on after HUP, USR1, PIPE and their like")
@alive("dies-of-signal")
def outlives(trial: Trial, attempt: Attempt) -> Finding:
    """None of them asks for anything here."""
    from checks.pid1.services_signals import outlives as signals

    return signals(trial, attempt.bench, later=0.5)


@SUITE.behaviour("graces", points=1, needs=("stops",), asked="stop all at once, each within its own grace")
def graces(trial: Trial, attempt: Attempt) -> Finding:
    """Several services in one manifest, each with another `stop_grace`."""
    return stop_at_once(trial, attempt.bench)
