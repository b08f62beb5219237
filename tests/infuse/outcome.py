"""What became of an infusion: a value, or words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpers.infuse import InfuseError, force

__all__ = ["outcome"]


def outcome(compute: Callable[[], Any]) -> tuple[str, Any]:
    """`("value", plain data)`, `("infuse", infuse's own words)` or `("error", "")` for any other error."""
    try:
        return "value", force(compute())
    except InfuseError as error:
        return ("error", "") if error.func is None else ("infuse", str(error))
    except Exception:
        return "error", ""
