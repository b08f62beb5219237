"""A crate's program as PID 1 of a sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.bare import BareSandbox
from helpers.engines.base import Engine, Image, Limits, Pid1
from helpers.filetree import FileTree
from helpers.rust.builds import build
from helpers.rust.crates import Crate

__all__ = ["MANIFEST", "PROGRAM", "TABLES", "as_pid1", "tables"]

PROGRAM = "/opt/lab/supervisor"
MANIFEST = "/etc/lab/manifest.json"
TABLES = "/etc/lab/services.toml"


def tables(services: Sequence[Mapping[str, Any]]) -> str:
    """The services as a TOML file, one `[[service]]` table for each, in their order.

    Values are strings, numbers, booleans and lists of these: written as in JSON they are TOML (TOML 1.0).
    """
    each = [
        "\n".join(["[[service]]", *(f"{key} = {json.dumps(value)}" for key, value in service.items())])
        for service in services
    ]
    return "\n\n".join(each) + "\n"


def as_pid1(
    crate: Crate | Path | str,
    services: Sequence[Mapping[str, Any]],
    *,
    before: Sequence[str] = (),
    toml: bool = False,
    profile: str = "dev",
    files: Mapping[str, str] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    engine: str | Engine | None = None,
    image: Image | None = None,
) -> BareSandbox:
    """Build a crate and start a sandbox with it as PID 1: `supervisor MANIFEST.json`.

    `before` are arguments that stand before the manifest; with `toml` it is written as `tables`. `services`
    are the manifest's, as dictionaries; `files` maps a path inside to the text of an executable file. The
    sandbox is gone at the end of a `with` block, with `destroy()`, or when this Python ends. Raises
    `RustError` where the crate cannot be built, and what `helpers.engines.base.Engine.start` raises.
    """
    from helpers import image as images
    from helpers.lab import _find_engine

    program = build(crate, profile=profile)
    tree = FileTree()
    tree.add(PROGRAM, program.read_bytes(), 0o755)
    manifest = TABLES if toml else MANIFEST
    text = (
        tables(services) if toml else json.dumps({"name": "lab", "services": list(services)}, indent=1) + "\n"
    )
    tree.add(manifest, text)
    for path, text in (files or {}).items():
        tree.script(path, text)
    found = image or images.ensure()
    return BareSandbox(_find_engine(engine).start(found, Pid1((PROGRAM, *before, manifest)), tree, limits))
