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

__all__ = ["MANIFEST", "PROGRAM", "as_pid1"]

PROGRAM = "/opt/lab/supervisor"
MANIFEST = "/etc/lab/manifest.json"


def as_pid1(
    crate: Crate | Path | str,
    services: Sequence[Mapping[str, Any]],
    *,
    files: Mapping[str, str] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    engine: str | Engine | None = None,
    image: Image | None = None,
) -> BareSandbox:
    """Build a crate and start a sandbox with it as PID 1: `supervisor MANIFEST.json`.

    `services` are the manifest's, as dictionaries; `files` maps a path inside to the text of an executable
    file. The sandbox is gone at the end of a `with` block, with `destroy()`, or when this Python ends. Raises
    `RustError` where the crate cannot be built, and what `helpers.engines.base.Engine.start` raises.
    """
    from helpers import image as images
    from helpers.lab import _find_engine

    program = build(crate, profile="dev")
    tree = FileTree()
    tree.add(PROGRAM, program.read_bytes(), 0o755)
    tree.add(MANIFEST, json.dumps({"services": list(services)}, indent=1) + "\n")
    for path, text in (files or {}).items():
        tree.script(path, text)
    found = image or images.ensure()
    return BareSandbox(_find_engine(engine).start(found, Pid1((PROGRAM, MANIFEST)), tree, limits))
