"""The suite for each kind of subject, put together from the modules that hold its behaviours."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from checks.behaviours import Suite
from checks.pid1.subject import Kind

__all__ = ["suite_of"]

_ROOMS = {
    "command": ("command_start", "command_signals", "command_terminal", "command_pressure"),
}
_HOME = {"command": "checks.pid1.command"}


@cache
def suite_of(kind: Kind) -> Suite[Any]:
    """Every behaviour asked of a kind of subject, in the order of the table. Raises `ValueError`."""
    if kind not in _ROOMS:
        raise ValueError(f"no kind {kind!r}: there are {', '.join(_ROOMS)}")
    for room in _ROOMS[kind]:
        import_module(f"checks.pid1.{room}")
    suite: Suite[Any] = import_module(_HOME[kind]).SUITE
    return suite
