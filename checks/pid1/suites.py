"""The suite for each kind of subject, put together from the modules that hold its behaviours."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from checks.behaviours import Suite
from checks.pid1.subject import Command

__all__ = ["service_suite", "suite_of", "whole_suite"]

_ROOMS = ("command_start", "command_signals", "command_terminal", "command_pressure")
_SERVICES = ("services_start", "services_signals", "services_pressure")


@cache
def whole_suite() -> Suite[Command]:
    """Every behaviour asked of a program that runs one command, in the order of the table."""
    for room in _ROOMS:
        import_module(f"checks.pid1.{room}")
    from checks.pid1.command import SUITE

    return SUITE


@cache
def service_suite() -> Suite[Any]:
    """Every behaviour asked of an init that runs services (they get a `machine.Bench`), in order."""
    for room in _SERVICES:
        import_module(f"checks.pid1.{room}")
    from checks.pid1.services import SUITE

    return SUITE


def suite_of(subject: object) -> Suite[Any]:
    """The suite that judges a subject."""
    return whole_suite() if isinstance(subject, Command) else service_suite()
