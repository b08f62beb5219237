"""A bare sandbox: no manifest and no init, any command as PID 1.

>>> box = sandbox(["/bin/sleep", "60"])        # doctest: +SKIP
>>> box.table()                                # doctest: +SKIP
>>> box.destroy()                              # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from helpers.engines.base import Engine, ExecResult, Exit, Image, Limits, Pid1, Process, Sandbox
from helpers.errors import LabError, SandboxGone
from helpers.filetree import FileTree

if TYPE_CHECKING:
    from helpers.show.processes import ProcessTable

__all__ = ["BareSandbox", "sandbox"]


def sandbox(
    argv: Sequence[str],
    *,
    files: Mapping[str, str] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    engine: str | Engine | None = None,
    image: Image | None = None,
) -> BareSandbox:
    """Start a sandbox with `argv` as its PID 1.

    `files` maps a path inside to the text of an executable file. In a `with` block the sandbox is gone
    at the end of the block; otherwise with `destroy()`, or when this Python process ends.
    Raises what `helpers.engines.base.Engine.start` raises.
    """
    from helpers.lab import _find_engine

    if image is None:
        from helpers import image as images

        image = images.ensure()
    tree = FileTree()
    for path, text in (files or {}).items():
        tree.script(path, text)
    return BareSandbox(_find_engine(engine).start(image, Pid1(tuple(argv)), tree, limits))


class BareSandbox:
    """A running sandbox, as lessons use one. `sandbox` is the engine's own object, with everything else."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def __repr__(self) -> str:
        ended = self.exit
        return "<sandbox: running>" if ended is None else f"<sandbox: PID 1 ended with {ended.code}>"

    @property
    def exit(self) -> Exit | None:
        """How PID 1 ended, or None while it runs."""
        return self.sandbox.exit

    @property
    def pid1(self) -> int:
        """PID of the sandbox's PID 1 as the host numbers it. Raises `SandboxGone` once it has ended."""
        return self.sandbox.pid1

    def processes(self) -> list[Process]:
        """Every process inside now, zombies too; none once PID 1 has ended."""
        try:
            return self.sandbox.processes()
        except SandboxGone:
            return []

    def table(self, *, stable: bool = False) -> ProcessTable:
        """The same as a table; `stable` leaves out what differs from run to run."""
        from helpers.show.processes import process_table

        return process_table(self.processes(), stable=stable)

    def zombies(self) -> int:
        """How many zombies there are."""
        return sum(process.state == "Z" for process in self.processes())

    def exec(self, *argv: str, timeout: float = 30.0) -> ExecResult:
        """Run a command beside PID 1 and wait for it."""
        return self.sandbox.exec(argv, timeout=timeout)

    def sh(self, script: str, timeout: float = 30.0) -> str:
        """Run a line of shell beside PID 1; what it printed, errors too."""
        done = self.sandbox.exec(["/bin/sh", "-c", script], timeout=timeout)
        return (done.stdout + done.stderr).decode(errors="replace").rstrip("\n")

    def signal(self, signum: int, pid: int = 1) -> None:
        """Send a signal from outside, as root of the computer would."""
        self.sandbox.signal(signum, pid)

    def logs(self) -> str:
        """What PID 1 and its children wrote to the console."""
        return self.sandbox.logs().decode(errors="replace").rstrip("\n")

    def until(self, predicate: Callable[[], object], timeout: float = 10.0) -> bool:
        """Wait until `predicate()` is true: whether it was before `timeout` seconds had passed."""
        end = time.monotonic() + timeout
        while not predicate():
            if time.monotonic() > end:
                return bool(predicate())
            time.sleep(0.02)
        return True

    def wait(self, timeout: float = 10.0) -> int:
        """Wait until PID 1 ends: its exit code. Raises `LabError` when `timeout` seconds pass."""
        if not self.until(lambda: self.exit is not None, timeout) or self.exit is None:
            raise LabError(f"PID 1 still runs after {timeout:g} s", hint="box.destroy() ends it")
        return self.exit.code

    def destroy(self) -> None:
        """Kill what still runs and remove every trace. Safe to call twice."""
        self.sandbox.destroy()

    def __enter__(self) -> BareSandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.destroy()
