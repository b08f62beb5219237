"""Differences of contract: where an init does something else, says so, and means it.

A deviation that is listed here is not a failure. One that is not listed is shown as not kept: a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CONTRACTS", "Difference", "difference"]


@dataclass(frozen=True)
class Difference:
    """Why an init deviates, and where it says that it does."""

    why: str
    source: str


CONTRACTS: Mapping[tuple[str, str, str], Difference] = {}
"""By name of the init (or its first word), behaviour, and the deviation seen."""


def difference(init: str, behaviour: str, deviation: str) -> Difference | None:
    """The difference of contract that explains a deviation of an init, or None: then it is a finding."""
    for name in (init, init.split()[0] if init else ""):
        if found := CONTRACTS.get((name, behaviour, deviation)):
            return found
    return None
