"""One lab for each init, all walked through the same steps, several labs at a time.

Most of a step is waiting: an init holds a restart back for a second. So the labs are walked side by side, and
each test looks at what its step has shown under its init.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from helpers.engines.base import Image
from helpers.errors import LabError
from helpers.lab import Lab

__all__ = ["Step", "Walks", "processes_called", "until"]

Step = Callable[[Lab], None]
AT_A_TIME = 5


def until(done: Callable[[], object], what: str, timeout: float = 20.0) -> None:
    """Wait until `done` answers true; fails with `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < end, f"not within {timeout:g} s: {what}"
        time.sleep(0.02)


def processes_called(lab: Lab, name: str) -> list[int]:
    """The PIDs of the processes, zombies too, whose first word or `comm` is `name`."""
    return [p.pid for p in lab.sandbox.processes() if p.argv[:1] == (name,) or p.comm == name[:15]]


class Walks:
    """The walks of several inits; an init's walk is started when the walks are made."""

    def __init__(self, inits: list[str], steps: list[Step], image: Image) -> None:
        self._pool = ThreadPoolExecutor(AT_A_TIME)
        self._walks: dict[str, Future[dict[str, BaseException | None]]] = {
            init: self._pool.submit(_walk, init, steps, image) for init in inits
        }

    def check(self, init: str, step: str) -> None:
        """Raise what the step raised under this init, if anything; skip for an init that cannot run here."""
        error = self._walks[init].result()[step]
        if isinstance(error, LabError) and "cannot run here" in error.message:
            pytest.skip(error.message)
        if error is not None:
            raise error

    def close(self) -> None:
        """No further walk is started; those that run are waited for."""
        self._pool.shutdown(cancel_futures=True)


def _walk(init: str, steps: list[Step], image: Image) -> dict[str, BaseException | None]:
    seen: dict[str, BaseException | None] = {}
    lab = Lab("misbehave", init=init, engine="embedded", image=image)
    try:
        lab.start()
    except LabError as error:
        return {step.__name__: error for step in steps}
    with lab:
        lab.ready()
        for step in steps:
            try:
                step(lab)
                seen[step.__name__] = None
            except Exception as error:
                seen[step.__name__] = error
                lab.faults.undo()  # the next step shall not suffer for it
                lab.ready()
    return seen
