"""Whether orphans are reaped."""

from __future__ import annotations

from helpers.probes.supervision import sort_out
from helpers.probes.target import Target, poll

__all__ = ["zombies_left"]

_ORPHANS = 5
# Each is started by a shell that ends at once; they end a moment later, together.
_MAKE = "for n in {numbers}; do (sleep 0.1 >/dev/null 2>&1 &); done"


def zombies_left(target: Target, patience: float = 1.5) -> int:
    """Zombies: how many of five orphans that ended are still in the process table 1.5 s later.

    A shell inside starts five processes and ends, so PID 1 inherits them (pid_namespaces(7)); they end a
    tenth of a second later, together. Counted in the sandbox's own process table (state Z), at once when
    there are none any more.
    """
    numbers = " ".join(str(number) for number in range(_ORPHANS))
    target.sandbox.exec(["/bin/sh", "-c", _MAKE.format(numbers=numbers)])

    def sleeping() -> bool:
        return any(p.comm == "sleep" and p.argv == ("sleep", "0.1") for p in target.sandbox.processes())

    def zombies() -> int:
        return len(sort_out(target.sandbox.processes(), {}).zombies)

    poll(lambda: not sleeping(), 2.0, step=0.01)
    poll(lambda: not zombies(), patience, step=0.02)
    return zombies()
