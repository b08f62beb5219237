"""The lab image: one Debian root file system with every init, built once for each user.

`ensure()` is what engines call; the rest is for `initlab image` and for lessons that show what is inside.
Names are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.image.api import clean, ensure, info, packages
    from helpers.image.cache import Cache, ImageState
    from helpers.image.contents import InstalledPackage
    from helpers.image.dockered import docker_tag
    from helpers.image.recipe import Package, Recipe, load_recipe

__all__ = [
    "Cache",
    "ImageState",
    "InstalledPackage",
    "Package",
    "Recipe",
    "clean",
    "docker_tag",
    "ensure",
    "info",
    "load_recipe",
    "packages",
]

_HOMES = {
    "Cache": "helpers.image.cache",
    "ImageState": "helpers.image.cache",
    "InstalledPackage": "helpers.image.contents",
    "Package": "helpers.image.recipe",
    "Recipe": "helpers.image.recipe",
    "clean": "helpers.image.api",
    "docker_tag": "helpers.image.dockered",
    "ensure": "helpers.image.api",
    "info": "helpers.image.api",
    "load_recipe": "helpers.image.recipe",
    "packages": "helpers.image.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home module on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'helpers.image' has no attribute {name!r}")
    return getattr(import_module(home), name)
