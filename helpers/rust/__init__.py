"""Rust for the course: a toolchain found or made, crates built and tested, nothing of it needed beforehand.

`build(crate)` gives the path of a program that runs in any lab; `test(crate)` runs its tests and tells each
one's outcome; `toolchain()` says with what. Names are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.rust.boxed import as_pid1, tables
    from helpers.rust.builds import Built, build, compiles, lint, packed, test
    from helpers.rust.crates import Crate
    from helpers.rust.messages import Diagnostic, TestResult, Tests
    from helpers.rust.toolchain import RustError, Toolchain, availability, toolchain

_HOMES = {
    "Built": "builds",
    "Crate": "crates",
    "Diagnostic": "messages",
    "RustError": "toolchain",
    "TestResult": "messages",
    "Tests": "messages",
    "Toolchain": "toolchain",
    "as_pid1": "boxed",
    "availability": "toolchain",
    "build": "builds",
    "compiles": "builds",
    "lint": "builds",
    "packed": "builds",
    "tables": "boxed",
    "test": "builds",
    "toolchain": "toolchain",
}

__all__ = [
    "Built",
    "Crate",
    "Diagnostic",
    "RustError",
    "TestResult",
    "Tests",
    "Toolchain",
    "as_pid1",
    "availability",
    "build",
    "compiles",
    "lint",
    "packed",
    "tables",
    "test",
    "toolchain",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'helpers.rust' has no attribute {name!r}")
    return getattr(import_module(f"helpers.rust.{_HOMES[name]}"), name)
