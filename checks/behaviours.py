"""What a check is made of: small named behaviours, each with its points and what it builds on.

A behaviour is a function that gets a `Trial` and the subject (what the learner made) and returns a
`Finding`: one observation and, where it is not as expected, the hint for exactly that mistake::

    @suite.behaviour("ends", points=1, needs=("starts",), asked="end when the child has ended")
    def ends(trial: Trial, program: Program) -> Finding:
        ...
        return trial.no(expected="PID 1 ends within 3 s", seen="still there", hint="does-not-exit")

`checks.runner` runs a suite: several behaviours at a time, each with its own random numbers, all of
them inside one deadline.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from checks.verdict import Hint, Observation

__all__ = ["Behaviour", "Cancelled", "Finding", "LabFailed", "Suite", "Trial", "until"]

Subject = TypeVar("Subject")
Owned = TypeVar("Owned", bound="Destroyable")
Found = TypeVar("Found")


class Destroyable(Protocol):
    """Something a trial must remove when it ends, however it ends: a sandbox."""

    def destroy(self) -> None: ...


class Cancelled(Exception):
    """The check's deadline has passed; whatever the behaviour still does is of no use."""


class LabFailed(Exception):
    """The lab, not the learner's work, is at fault. The verdict becomes `lab_failed`."""


@dataclass(frozen=True)
class Finding:
    """What one behaviour showed. `hint` is the key of the hint, set where the observation is not ok.

    `doubtful` where a busy computer could have made it look so: the behaviour is then tried again, and
    counts as failed only if it fails every time.
    """

    observation: Observation
    hint: str | None = None
    doubtful: bool = False


class Trial:
    """The run of one behaviour: its random numbers, and the sandboxes it owns.

    `rng` depends on the seed and the behaviour's name only, so what runs beside it changes nothing.
    """

    def __init__(self, name: str, asked: str, seed: int) -> None:
        self.name = name
        self.asked = asked
        self.rng = random.Random(f"{seed}/{name}")
        self._owned: list[Destroyable] = []
        self._lock = threading.Lock()
        self._cancelled = threading.Event()

    def own(self, thing: Owned) -> Owned:
        """Have `thing` destroyed when the trial ends or the deadline passes. Raises `Cancelled`."""
        with self._lock:
            if not self._cancelled.is_set():
                self._owned.append(thing)
                return thing
        thing.destroy()
        raise Cancelled

    def cancel(self) -> None:
        """Destroy everything owned, now, from any thread: every call that waits on it then ends."""
        self._cancelled.set()
        self.close()

    def close(self) -> None:
        """Destroy everything owned."""
        with self._lock:
            owned, self._owned = self._owned, []
        for thing in reversed(owned):
            thing.destroy()

    def until(self, predicate: Callable[[], Found], timeout: float, interval: float = 0.02) -> Found:
        """`until`, giving up with `Cancelled` at once when the check's deadline passes."""

        def step() -> Found:
            if self._cancelled.is_set():
                raise Cancelled
            return predicate()

        return until(step, timeout, interval)

    def pause(self, seconds: float) -> None:
        """Let time pass where time itself is what is measured. Raises `Cancelled`."""
        if self._cancelled.wait(seconds):
            raise Cancelled

    def ok(self, *, expected: str, seen: str, asked: str | None = None) -> Finding:
        """The behaviour is there."""
        return Finding(Observation(asked or self.asked, expected, seen, True))

    def no(
        self, *, expected: str, seen: str, hint: str, asked: str | None = None, doubtful: bool = False
    ) -> Finding:
        """The behaviour is not there; `hint` is the key of the hint for this mistake."""
        return Finding(Observation(asked or self.asked, expected, seen, False), hint, doubtful)


def until(predicate: Callable[[], Found], timeout: float, interval: float = 0.02) -> Found:
    """Ask `predicate` every `interval` seconds until it says something true, at most `timeout` seconds.

    Returns its last answer, true or not; it is asked at least twice, once after the time has passed.
    """
    end = time.monotonic() + timeout
    while not (found := predicate()):
        if time.monotonic() >= end:
            return predicate()
        time.sleep(interval)
    return found


@dataclass(frozen=True)
class Behaviour(Generic[Subject]):
    """One thing asked of the subject. `needs` names behaviours without which it says nothing."""

    name: str
    asked: str
    points: int
    needs: tuple[str, ...]
    run: Callable[[Trial, Subject], Finding]


@dataclass
class Suite(Generic[Subject]):
    """The behaviours of one exercise, in the order they are reported, and its hints by key.

    `control`, where given, turns a subject into a known-good one. A behaviour that fails is tried on
    it too: if it fails there as well, the lab is at fault (`lab_failed`), not the learner.

    A subject may own what its behaviours share, such as a sandbox: its method `check_over`, if it has
    one, is called when the check ends, however it ends.
    """

    hints: Mapping[str, str]
    control: Callable[[Subject], Subject] | None = None
    behaviours: list[Behaviour[Subject]] = field(default_factory=list)

    def behaviour(
        self, name: str, *, asked: str, points: int, needs: Sequence[str] = ()
    ) -> Callable[[Callable[[Trial, Subject], Finding]], Callable[[Trial, Subject], Finding]]:
        """Add the function below to the suite. Needs must stand above it."""
        known = {behaviour.name for behaviour in self.behaviours}
        if name in known or not known.issuperset(needs):
            raise ValueError(f"behaviour {name!r}: its name is taken, or it needs one that is not above it")

        def add(run: Callable[[Trial, Subject], Finding]) -> Callable[[Trial, Subject], Finding]:
            self.behaviours.append(Behaviour(name, asked, points, tuple(needs), run))
            return run

        return add

    def hint(self, key: str) -> Hint:
        """The hint called `key`. KeyError for a key that is not there: a mistake of ours."""
        return Hint(key, self.hints[key])

    @property
    def points(self) -> int:
        """The points of all behaviours together."""
        return sum(behaviour.points for behaviour in self.behaviours)
