"""The manifests these tests render and run."""

from __future__ import annotations

from pathlib import Path

from helpers.filetree import FileTree
from helpers.inits import registry
from helpers.inits.base import carried
from helpers.manifest import Manifest, load

__all__ = ["HERE", "INITS", "LIVE", "MANIFESTS", "tree_of"]

HERE = Path(__file__).resolve().parent
INITS = registry.names()
# Those the image has, and those that are built here: `boot` skips where they cannot be.
LIVE = (*registry.provided(), "supervisor-rs", "horust")
MANIFESTS: dict[str, Manifest] = {
    "web": load(HERE.parents[1] / "labs" / "stacks" / "web" / "manifest.toml"),
    "every": load(HERE / "every.toml"),
}


def tree_of(init: str, manifest: Manifest) -> FileTree:
    """What a lab lays over the image: the rendered tree and the manifest's own files."""
    found = registry.get(init)
    tree = carried(found).merge(found.render(manifest).tree)
    for inside, outside in manifest.files.items():
        tree.add(inside, Path(outside).read_bytes())
    return tree
