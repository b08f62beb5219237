"""The faults that are in force, as a table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from helpers.faults.fault import Fault
from helpers.show.status import seconds
from helpers.show.table import html_table, text_table

__all__ = ["FaultTable"]

_HEADER = ("fault", "service", "for", "what is wrong")


class FaultTable:
    """The faults in force when it was made, oldest first; a table in a notebook and in a terminal."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        now = time.monotonic()
        self._rows = [
            (fault.verb, fault.service or "(the lab)", seconds(now - fault.since), fault.what)
            for fault in self.faults
        ]

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.faults)

    def __len__(self) -> int:
        return len(self.faults)

    def __str__(self) -> str:
        return text_table(_HEADER, self._rows) if self._rows else "no fault is in force"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self._rows:
            return "<p>no fault is in force</p>"
        return html_table(_HEADER, self._rows, colours=["#8e24aa"] * len(self._rows))
