"""The engines there are, and the one to use here."""

from __future__ import annotations

import os

from helpers.engines.base import Engine
from helpers.errors import EngineUnavailable

__all__ = ["best", "get", "names"]


def names() -> tuple[str, ...]:
    """The names of all engines, the preferred one first."""
    return ("embedded", "docker")


def get(name: str) -> Engine:
    """The engine called `name`, usable here or not. Raises `EngineUnavailable` for any other name."""
    if name == "embedded":
        from helpers.engines.embedded import Embedded

        return Embedded()
    if name == "docker":
        from helpers.engines.docker import Docker

        return Docker()
    raise EngineUnavailable(f"there is no engine {name!r}", hint=f"use one of: {', '.join(names())}")


def best() -> Engine:
    """The first engine that can run on this computer; with `INITLAB_ENGINE`, the one it names or none.

    Raises `EngineUnavailable` telling for each engine why it cannot, and the command that mends it.
    """
    reasons, mends = [], []
    named = os.environ.get("INITLAB_ENGINE", "")
    for name in (named,) if named else names():
        engine = get(name)
        found = engine.availability()
        if found.ok:
            return engine
        reasons.append(f"{name}: {found.reason}")
        mends.append(f"{name}: {found.mend}")
    raise EngineUnavailable(
        "no engine can run a lab on this computer; " + "; ".join(reasons),
        hint=("either of: " if len(mends) > 1 else "") + "; ".join(mends),
    )
