"""Whether an init can be PID 1 here: is it in the image, and may the engine give it what it needs."""

from __future__ import annotations

import posixpath
from pathlib import Path

from helpers.engines.base import Availability, Engine, Image
from helpers.filetree import FileTree
from helpers.image.contents import find_inside
from helpers.inits.base import Init

__all__ = ["can_run"]


def can_run(
    init: Init, image: Image, *, engine: Engine | None = None, tree: FileTree | None = None
) -> Availability:
    """Whether `init` boots from `image`, with `tree` laid over it, under `engine` (by default the first that
    can run here); if not, why, and what mends it. Nothing is started.
    """
    binary = getattr(init, "binary", "")
    if binary and not _holds(image.rootfs, tree, binary):
        package = getattr(init, "package", "")
        lacks = getattr(init, "lacks", None)
        why = lacks() if lacks is not None else ""
        return Availability(
            False,
            f"the image has no {init.title}: there is no {binary} in it" + (f"; {why}" if why else ""),
            getattr(init, "brings", "") or f"initlab image build (the recipe has {package})",
        )
    if engine is None:
        from helpers.engines import registry
        from helpers.errors import EngineUnavailable

        try:
            engine = registry.best()
        except EngineUnavailable as error:
            return Availability(False, error.message, error.hint)
    found = engine.availability()
    if found.ok and init.pid1().cgroup:
        found = engine.cgroup_availability()
        if not found.ok:
            reason = f"{init.title} needs a cgroup of its own to divide: {found.reason}"
            return Availability(False, reason, found.mend)
    return found


def _holds(rootfs: Path, tree: FileTree | None, path: str) -> bool:
    """Whether there is such a file in the image or in the tree, as the lab would see it."""
    try:
        if find_inside(rootfs, path).is_file():
            return True
    except OSError:
        pass
    name = posixpath.basename(path)
    laid = [entry for entry in tree or FileTree() if posixpath.basename(entry) == name]
    return any(_place(rootfs, entry) == _place(rootfs, path) for entry in laid)


def _place(rootfs: Path, path: str) -> str:
    """Where a file laid at `path` comes to lie: its folder may be reached by a link of the image (/sbin)."""
    folder, name = posixpath.split(path)
    try:
        return posixpath.join("/", str(find_inside(rootfs, folder).relative_to(rootfs)), name)
    except OSError:
        return path  # no such folder in the image: there will be one
