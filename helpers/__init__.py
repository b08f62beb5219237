"""What lessons are written with: labs, engines, inits, manifests, probes and pictures.

`from helpers import Lab` is all most notebooks need. Names are imported when first used, so that
`import helpers` costs milliseconds (measured in `bench/`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.errors import InitlabError
    from helpers.lab import Lab
    from helpers.manifest import Manifest

__all__ = ["InitlabError", "Lab", "Manifest"]

_HOMES = {
    "InitlabError": "helpers.errors",
    "Lab": "helpers.lab",
    "Manifest": "helpers.manifest",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home module on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'helpers' has no attribute {name!r}")
    return getattr(import_module(home), name)
