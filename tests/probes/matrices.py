"""Matrices made up for tests: no lab is booted for them."""

from __future__ import annotations

from helpers.inits.base import Unsupported
from helpers.probes.config import Config
from helpers.probes.matrix import Matrix, Row
from helpers.probes.matrix_packages import Package
from helpers.probes.matrix_run import Run
from helpers.probes.matrix_where import Where

__all__ = ["WHERE", "matrix", "row", "run"]

WHERE = Where(
    "A <Processor>", 2, 4 << 30, True, "6.18.0", "Debian", "embedded", "f" * 64, "trixie", "0.1", "3.11",
    "2026-11-24 02:00 UTC", 0.2, 0,
)  # fmt: skip


def run(boot: float = 0.1, **more: float | str | None) -> Run:
    """A run without a hole."""
    values: dict[str, float | str | None] = {
        "boot": boot, "order": "the init", "restart_first": 0.05, "restart_second": 1.02, "shutdown": 0.2,
        "clean": "yes", "stop_order": "in reverse", "exit": "0", "memory_pid1": 200_000,
        "memory_all": 1_500_000, "memory_source": "PSS", "processes": 8, "wakeups": 0.5, "cpu": 0.0001,
        "zombies": 0, "log_writer": "svlogd", "log_form": "stamped", "log_path": "/var/log/lab/app/current",
    }  # fmt: skip
    return Run(values | more)


def row(init: str = "runit", *runs: Run, restarts: bool = True, absent: str = "") -> Row:
    """An init's row; one that does not restart notes that our launcher does."""
    notes = [Unsupported(name, "depends_on", "orders <nothing>") for name in ("nginx", "app")]
    if not restarts:
        notes.append(Unsupported("app", "restart.policy", "restarts nothing"))
    made = Row(init, init.title(), "in order", "plain files", Config(10, 20, 600, 4), tuple(notes))
    made.absent, made.runs = absent, list(runs)
    if not absent:
        made.package = Package(init, "1.0-1", 500 * 1024, 900 * 1024, ("libone", "libtwo"))
    return made


def matrix(*rows: Row, runs: int = 2) -> Matrix:
    """A matrix of two runs each."""
    return Matrix(WHERE, list(rows), service="app", runs=runs, rest=1.5, seconds=12.0)
