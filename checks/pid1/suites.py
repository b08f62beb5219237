"""The suite, put together from the modules that hold its behaviours."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from checks.behaviours import Suite
from checks.pid1.subject import Command

__all__ = ["whole_suite"]

_ROOMS = ("command_start", "command_signals", "command_terminal", "command_pressure")


@cache
def whole_suite() -> Suite[Command]:
    """Every behaviour asked of a program that runs one command, in the order of the table."""
    for room in _ROOMS:
        import_module(f"checks.pid1.{room}")
    from checks.pid1.command import SUITE

    return SUITE
