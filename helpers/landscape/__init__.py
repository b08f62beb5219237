"""Five supervisors compared from their sources: what was read, where, and how they look side by side."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.landscape.data import Landscape, Passage, Project, load
    from helpers.landscape.run import Horust

_HOMES = {"Horust": "run", "Landscape": "data", "Passage": "data", "Project": "data", "load": "data"}

__all__ = ["Horust", "Landscape", "Passage", "Project", "load"]


def __getattr__(name: str) -> Any:
    """Import a public name from its home module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'helpers.landscape' has no attribute {name!r}")
    return getattr(import_module(f"helpers.landscape.{_HOMES[name]}"), name)
