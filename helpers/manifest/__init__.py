"""The service model: what a lab runs, declared once, rendered for every init.

>>> from helpers.manifest import load, levels
>>> levels(load("labs/stacks/web/manifest.toml"))
(('redis',), ('app',), ('nginx',))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from helpers.manifest.graph import (
    Graph,
    critical_path,
    cycles,
    dependencies,
    dependents,
    edges,
    expand,
    levels,
    order,
    own_seconds,
)
from helpers.manifest.load import from_dict, load, loads
from helpers.manifest.models import (
    Exec,
    Fd,
    Http,
    Limits,
    Log,
    Manifest,
    Readiness,
    Restart,
    Service,
    Tcp,
)
from helpers.manifest.rules import validate
from helpers.manifest.write import dumps, to_dict

if TYPE_CHECKING:
    from helpers.manifest.schema import json_schema

__all__ = [
    "Exec",
    "Fd",
    "Graph",
    "Http",
    "Limits",
    "Log",
    "Manifest",
    "Readiness",
    "Restart",
    "Service",
    "Tcp",
    "critical_path",
    "cycles",
    "dependencies",
    "dependents",
    "dumps",
    "edges",
    "expand",
    "from_dict",
    "json_schema",
    "levels",
    "load",
    "loads",
    "order",
    "own_seconds",
    "to_dict",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import `json_schema` when first used, so that `python -m helpers.manifest.schema` runs it once."""
    if name == "json_schema":
        from helpers.manifest.schema import json_schema

        return json_schema
    raise AttributeError(f"module 'helpers.manifest' has no attribute {name!r}")
