"""How far the comparison matrix is, on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Bar"]


class Bar:
    """A progress bar of `total` steps while a terminal looks on; a context manager, silent elsewhere."""

    def __init__(self, total: int, *, show: bool = True) -> None:
        self._total = total
        self._show = show
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        from rich.console import Console

        console = Console(stderr=True)
        if self._show and console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("{task.description:<28}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            # Drawn four times a second: more would take from what is being measured.
            self._progress = Progress(*columns, console=console, transient=True, refresh_per_second=4)
            self._progress.start()
            self._task = self._progress.add_task("", total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def say(self, init: str, what: str) -> None:
        """What is going on: which init, and which part of its run."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=f"{init}: {what}" if what else init)

    def step(self) -> None:
        """One boot is done."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task)
