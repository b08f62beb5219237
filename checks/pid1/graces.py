"""Several services are stopped at once, each within a grace of its own: asked of `p3.pid1`.

Judged by who was killed and who cleaned up, never by a clock: what ends a service's grace lies at least a
second, or a third of it, from what it is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from checks.behaviours import Finding, Trial
from checks.pid1.files import CLEANS, DEAF
from checks.pid1.machine import Bench, Machine, acts
from checks.pid1.services import came_up
from checks.stages.actor import SAID
from helpers.errors import InitlabError

__all__ = ["HINTS", "stop_at_once"]

HINTS: Mapping[str, str] = {
    "one-after-another": (
        "A service had ended before another one was told. Without an order in the manifest all are told "
        "first, and then waited for together: else the graces add up."
    ),
    "grace-of-another": (
        "A service was killed while it cleaned up, though its own grace was not over. Each has its own, from "
        "its `stop_grace`, or 5 seconds where the manifest says nothing; none has its neighbour's."
    ),
    "outlives-grace": (
        "A deaf service with a short grace still ran when one with a long grace had cleaned up. Each is "
        "killed when its own grace is over."
    ),
    "grace-anew": (
        "Each further stop signal began the grace of a deaf service anew: who sends it often enough never "
        "sees the end. The first one counts."
    ),
}

_CLEANUP = 2.6  # seconds: most of the long grace, and more than half of the default, 5 s
_CLEAN = ("default", "long")
# `last` cleans up a second longer: there is time to read what the others said.
_SERVICES = (
    acts("default", _CLEANUP, program=CLEANS),
    acts("long", _CLEANUP, program=CLEANS, stop_grace=3.8),
    acts("deaf", program=DEAF, stop_grace=1.2),
    acts("short", program=DEAF, stop_grace=0.5),
    acts("last", _CLEANUP + 1, program=CLEANS),
)


@dataclass
class _Seen:
    """The last that was seen of them."""

    said: tuple[str, ...] = ()
    runs: frozenset[str] = frozenset()

    def look(self, machine: Machine) -> bool:
        """Look again; False where PID 1 has ended, and all is gone with it."""
        try:
            self.said = tuple(machine.sandbox.read(SAID).decode(errors="replace").splitlines()) or self.said
            self.runs = frozenset(machine.pids(machine.names))
        except InitlabError:
            self.runs = frozenset()
            return False
        return machine.exit is None

    def that(self, word: str) -> list[str]:
        """Who has said so."""
        return [name for name in _CLEAN if f"{name} {word}" in self.said]

    def ended_before(self, name: str) -> str | None:
        """Who had cleaned up before this one was told, or None: the file has the order of what was said."""
        before = self.said[: self.said.index(f"{name} TERM")] if name in self.that("TERM") else self.said
        return next((one for one in _CLEAN if f"{one} cleaned" in before), None)


def stop_at_once(trial: Trial, bench: Bench) -> Finding:
    """SIGTERM, again and again once `short` is gone: `deaf` is killed all the same, the others clean up."""
    expected = "all are told, then the deaf are killed, each in its time, and the others clean up"
    machine = bench.own(trial, _SERVICES)
    if early := came_up(trial, machine, expected):
        return early
    machine.sandbox.signal(machine.stop_signal)
    seen = _Seen()

    def first() -> bool:
        """Whether one has cleaned up, or nobody is left who could."""
        if not seen.look(machine) or seen.that("cleaned") or not seen.runs & set(_CLEAN):
            return True
        if "short" not in seen.runs:
            with suppress(InitlabError):
                machine.sandbox.signal(machine.stop_signal)
        return False

    trial.until(first, bench.patience.shutdown, 0.2)
    cleaned = seen.that("cleaned")
    for name in _CLEAN:
        if other := seen.ended_before(name):
            what = f"{other} had cleaned up before {name} was told"
            return trial.no(expected=expected, seen=what, hint="one-after-another")
        if name not in seen.that("TERM"):
            return trial.no(expected=expected, seen=f"{name} was not told", hint="not-told")
    for name, grace, hint in (("short", 0.5, "outlives-grace"), ("deaf", 1.2, "grace-anew")):
        if cleaned and name in seen.runs:
            what = f"{cleaned[0]} had cleaned up, and a deaf service with {grace:g} s of grace still ran"
            return trial.no(expected=expected, seen=what, hint=hint, doubtful=True)
    trial.until(lambda: not seen.look(machine) or not seen.runs & set(_CLEAN), bench.patience.shutdown, 0.1)
    for name, graced in (("long", "3.8 s"), ("default", "5 s")):
        if name not in seen.that("cleaned"):
            what = f"a service that needs {_CLEANUP:g} s of its {graced} of grace was killed before"
            return trial.no(expected=expected, seen=what, hint="grace-of-another", doubtful=True)
    return trial.ok(expected=expected, seen="so it was")
