"""The inits there are. One line each; a module is imported when its init is asked for."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING

from helpers.errors import RenderError

if TYPE_CHECKING:
    from helpers.engines.base import Availability, Engine, Image
    from helpers.filetree import FileTree
    from helpers.inits.base import Init

__all__ = ["get", "names", "provided", "runnable"]

_INITS = {
    "runit": "helpers.inits.runit:Runit",
    "openrc": "helpers.inits.openrc:OpenRC",
    "s6": "helpers.inits.s6:S6",
    "systemd": "helpers.inits.systemd:Systemd",
    "sysvinit": "helpers.inits.sysvinit:SysVinit",
    "busybox": "helpers.inits.busybox:Busybox",
    "finit": "helpers.inits.finit:Finit",
    "supervisord": "helpers.inits.supervisord:Supervisord",
    "runsvdir": "helpers.inits.runsvdir:Runsvdir",
    "s6-rc": "helpers.inits.s6rc:S6Rc",
    "dinit": "helpers.inits.dinit:Dinit",
    "supervisor-rs": "helpers.inits.supervisor_rs:SupervisorRs",
    "horust": "helpers.inits.horust:Horust",
    "tini": "helpers.inits.minimal:Tini",
    "dumb-init": "helpers.inits.minimal:DumbInit",
    "catatonit": "helpers.inits.minimal:Catatonit",
}


def names() -> tuple[str, ...]:
    """The names `get` knows, in the order the course meets them."""
    return tuple(_INITS)


def provided() -> tuple[str, ...]:
    """The names of the inits whose programs the image's recipe brings; the others run where somebody has
    put them into an image, see `runnable`."""
    return tuple(name for name in _INITS if not getattr(get(name), "brings", ""))


def runnable(
    name: str, image: Image, *, engine: Engine | None = None, tree: FileTree | None = None
) -> Availability:
    """Whether the init called `name` boots from `image`, with `tree` laid over it, under `engine` (by default
    the first that can run here); if not, why, and what mends it. Raises `RenderError` as `get` does."""
    from helpers.inits.runnable import can_run

    return can_run(get(name), image, engine=engine, tree=tree)


def get(name: str) -> Init:
    """The init called `name`. Raises `RenderError` naming the nearest name there is."""
    if not isinstance(name, str) or name not in _INITS:
        near = difflib.get_close_matches(str(name).lower(), _INITS, n=1, cutoff=0.5)
        guess = f'; did you mean "{near[0]}"?' if near else ""
        raise RenderError(f"no init {name!r}{guess}", hint=f"choose one of {', '.join(_INITS)}")
    module, _, attribute = _INITS[name].partition(":")
    init: Init = getattr(import_module(module), attribute)()
    return init
