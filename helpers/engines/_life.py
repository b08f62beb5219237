"""How a sandbox's PID 1 runs and ends, as far as both engines say and do it in the same way."""

from __future__ import annotations

import signal
import threading

from helpers.engines._inside import Inside
from helpers.engines.base import Exit
from helpers.errors import SandboxError, SandboxGone

__all__ = ["Life"]


class Life(Inside):
    """Part of `helpers.engines.base.Sandbox`. Whose engine learns of an end calls `_end`."""

    id: str

    def __init__(self, name: str, stop_signal: int) -> None:
        self.id = name
        self._stop_signal = stop_signal
        self._pid1 = 0
        self._exit: Exit | None = None
        self._lost = ""  # why nothing can be asked any more, where it did not simply end
        self._destroyed = False
        self._over = threading.Event()

    def __repr__(self) -> str:
        return f"<sandbox {self.id}: {'running' if self._exit is None else self._exit}>"

    @property
    def pid1(self) -> int:
        """PID of the sandbox's PID 1 as the computer of the engine numbers it."""
        self._check()
        return self._pid1

    @property
    def exit(self) -> Exit | None:
        """How PID 1 ended, or `None` while it runs."""
        return self._exit

    def wait(self, timeout: float) -> Exit:
        """Wait until PID 1 ends. Raises `SandboxError` when `timeout` seconds pass."""
        if not self._over.wait(timeout):
            raise SandboxError(f"PID 1 of sandbox {self.id} still runs after {timeout:g} s")
        assert self._exit is not None  # noqa: S101 - set before the event
        return self._exit

    def stop(self, grace: float = 10.0, signum: int | None = None) -> Exit:
        """See `helpers.engines.base.Sandbox.stop`."""
        if self._exit is None:
            self._signal_pid1(self._stop_signal if signum is None else signum)
            if not self._over.wait(grace):
                self._signal_pid1(signal.SIGKILL)
        return self.wait(30)

    def _end(self, code: int) -> None:
        self._exit = Exit(code)
        self._over.set()

    def _check(self) -> None:
        if self._destroyed:
            raise SandboxGone(f"sandbox {self.id} was destroyed", hint="start a new one")
        if self._exit is None:
            return
        if self._lost:
            raise SandboxGone(f"sandbox {self.id} is gone: {self._lost}", hint="start a new one")
        raise SandboxGone(f"sandbox {self.id} has ended: its PID 1 exited with {self._exit.code}")

    def _signal_pid1(self, signum: int) -> None:
        raise NotImplementedError
