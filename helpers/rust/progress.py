"""How far a long piece of work is, as lines on standard error."""

from __future__ import annotations

import sys
import time

__all__ = ["Lines", "lines"]

_QUIET = 1.5  # seconds that work may take before anything is said
_EVERY = 2.0  # seconds between two lines on the way


class Lines:
    """Plain lines with a name before them; also what a build of an image reports to (`Report`)."""

    def __init__(self, name: str, *, show: bool = True) -> None:
        self._name = name
        self._show = show
        self._last = ""
        self._began = time.monotonic()
        self._told = 0.0

    def say(self, text: str) -> None:
        """One line."""
        if self._show and text != self._last:
            self._last = text
            print(f"{self._name}: {text}", file=sys.stderr, flush=True)

    def phase(self, text: str) -> None:
        """What is being done now."""
        self.say(text)

    def progress(self, done: int, total: int) -> None:
        """A line for each quarter of the way."""
        if 0 < 4 * done // max(total, 1) < 4:
            self.say(f"{25 * (4 * done // total)} % done")

    def step(self, text: str) -> None:
        """How far it is: a line now and then, none where the work is over soon."""
        now = time.monotonic()
        if now - self._began > _QUIET and now - self._told > _EVERY:
            self._told = now
            self.say(text)


def lines(name: str, *, show: bool = True) -> Lines:
    """Lines that begin with `name`; none at all without `show`."""
    return Lines(name, show=show)
