"""The status table of a lab."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from helpers.engines.base import MIB, Process
from helpers.inits.base import ServiceStatus
from helpers.probes.events import Events
from helpers.show.table import html_table, text_table

__all__ = ["StatusRow", "StatusTable", "seconds"]

_HEADER = ("service", "state", "ready", "pid", "uptime", "restarts", "memory")
COLOURS = {"ready": "#2e7d32", "up": "#b26a00", "down": "#c62828"}


@dataclass(frozen=True)
class StatusRow:
    """One service: what its init says (`state`), and what is seen from outside.

    `ready` is our own probe's answer; `uptime` is seconds; `memory` is bytes of resident memory of the
    main process; `restarts` counts since the lab was started.
    """

    name: str
    state: str
    ready: bool
    pid: int | None
    uptime: float | None
    restarts: int
    memory: int | None

    @property
    def colour(self) -> str:
        """Green when ready, amber when up and not ready, red when down."""
        return COLOURS["ready" if self.ready else "up" if self.pid is not None else "down"]

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the header's order."""
        return (
            self.name,
            self.state,
            "yes" if self.ready else "no",
            "-" if self.pid is None else str(self.pid),
            "-" if self.uptime is None else seconds(self.uptime),
            str(self.restarts),
            "-" if self.memory is None else f"{self.memory / MIB:.1f} MiB",
        )


def _has_gone(row: ServiceStatus, events: Events) -> bool:
    return row.pid is None and events.first(row.name, "started") is not None


class StatusTable:
    """Rows in the manifest's order; a table in a notebook and in a terminal.

    >>> StatusTable([StatusRow("app", "up", True, 42, 3.0, 0, 12 * MIB)])["app"].pid
    42
    """

    def __init__(self, rows: list[StatusRow]) -> None:
        self.rows = rows

    @classmethod
    def of(
        cls, native: list[ServiceStatus], table: Mapping[int, Process], events: Events, ready: Set[str]
    ) -> StatusTable:
        """Join what the init says with the process table and the events."""
        return cls(
            [
                StatusRow(
                    name=row.name,
                    state=row.state,
                    # An init that says "started" of what has crashed since is not believed.
                    ready=row.name in ready or (bool(row.ready) and not _has_gone(row, events)),
                    pid=row.pid,
                    uptime=row.uptime,
                    restarts=events.restarts(row.name),
                    memory=table[row.pid].rss if row.pid is not None and row.pid in table else None,
                )
                for row in native
            ]
        )

    def __iter__(self) -> Iterator[StatusRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> StatusRow:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def __str__(self) -> str:
        return text_table(_HEADER, [row.cells() for row in self.rows])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(
            _HEADER, [row.cells() for row in self.rows], colours=[row.colour for row in self.rows]
        )


def seconds(value: float) -> str:
    """A duration as people write it: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(int(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
