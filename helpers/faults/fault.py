"""One fault: what was done, and the steps that take it back."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from helpers.engines.base import Sandbox
from helpers.errors import FaultError, SandboxGone

if TYPE_CHECKING:
    from helpers.faults.verbs import Faults

__all__ = ["Fault"]


class Fault:
    """A fault in a running lab, made by a verb of `lab.faults`; also a context manager that undoes it.

    `verb` is the verb's name, `service` the service's (empty where the whole lab is meant), `what` says in
    words what is wrong now, `since` is seconds of the monotonic clock. `key` tells two faults of one verb
    apart where both may be in force (the path of a full disk).
    """

    def __init__(
        self, faults: Faults, box: Sandbox, verb: str, service: str, what: str, key: str = ""
    ) -> None:
        self.verb = verb
        self.service = service
        self.what = what
        self.key = key
        self.since = time.monotonic()
        self._faults = faults
        self._box = box
        self._steps: list[Callable[[], object]] = []
        self.announced = False
        self.over = False
        """Whether it has been undone, or was over at once (`kill`)."""

    def on_undo(self, step: Callable[[], object]) -> None:
        """Called *before* the act that `step` takes back: an interrupted act can then be undone, so a step
        must do no harm where its act was never done. The last one is the first to be undone."""
        self._steps.append(step)

    def announce(self) -> None:
        """Note the fault in the lab's events: called when `what` is known, right before the act."""
        if not self.announced:
            self.announced = True
            self._faults.note(self, self.what)

    def undo(self) -> None:
        """Take it back. Safe to call twice.

        Raises `FaultError` when the sandbox it was made in is gone, or when the service does not come back.
        """
        self._faults.undo_one(self)

    def take_back(self) -> None:
        """Run the steps, the last one first. A step that fails is the first of the next try."""
        while self._steps:
            self._steps[-1]()
            self._steps.pop()
        self.over = True

    @property
    def steps_left(self) -> bool:
        """Whether there is something to take back."""
        return bool(self._steps)

    @property
    def gone(self) -> bool:
        """Whether the sandbox it was made in has ended."""
        return self._box.exit is not None

    def check(self) -> None:
        """Raise `FaultError` when the sandbox it was made in has ended."""
        if self.gone:
            raise FaultError(
                f"{self} cannot be undone: the sandbox it was made in has ended, and the fault with it",
                hint="lab.start() boots a fresh one",
            )

    def __enter__(self) -> Fault:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.gone:  # the lab was closed inside the block, and took the fault along
            return
        try:
            self.undo()
        except SandboxGone:
            return

    def __str__(self) -> str:
        return f"{self.verb} of {self.service}" if self.service else self.verb

    def __repr__(self) -> str:
        state = "over" if self.over else "gone with its sandbox" if self.gone else "in force"
        return f"<{self}: {self.what} ({state})>"
