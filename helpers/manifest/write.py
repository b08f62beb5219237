"""Write a manifest as plain data or JSON text; `load` reads it back as the same manifest."""

from __future__ import annotations

import json
from typing import Any

from helpers.manifest.models import Manifest

__all__ = ["dumps", "to_dict"]


def to_dict(manifest: Manifest, *, defaults: bool = False) -> dict[str, Any]:
    """Plain lists, tables, texts and numbers. With `defaults`, every field is spelled out.

    For programs in other languages take `defaults=True`: they then need not know ours.
    """
    data: dict[str, Any] = manifest.model_dump(mode="json", exclude_defaults=not defaults)
    if not defaults:
        for table, service in zip(data["services"], manifest.services, strict=True):
            if service.readiness is not None:
                # `kind` is a default of each kind of readiness, and yet says which one it is.
                table["readiness"] = {"kind": service.readiness.kind, **table.get("readiness", {})}
    return data


def dumps(manifest: Manifest, *, defaults: bool = False) -> str:
    """JSON text, two spaces deep, ending in a newline; the same manifest gives the same text."""
    return json.dumps(to_dict(manifest, defaults=defaults), indent=2, ensure_ascii=False) + "\n"
