"""The inits there are. One line each; a module is imported when its init is asked for."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING

from helpers.errors import RenderError

if TYPE_CHECKING:
    from helpers.inits.base import Init

__all__ = ["get", "names"]

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
    "tini": "helpers.inits.minimal:Tini",
    "dumb-init": "helpers.inits.minimal:DumbInit",
    "catatonit": "helpers.inits.minimal:Catatonit",
}


def names() -> tuple[str, ...]:
    """The names `get` knows, in the order the course meets them."""
    return tuple(_INITS)


def get(name: str) -> Init:
    """The init called `name`. Raises `RenderError` naming the nearest name there is."""
    if not isinstance(name, str) or name not in _INITS:
        near = difflib.get_close_matches(str(name).lower(), _INITS, n=1, cutoff=0.5)
        guess = f'; did you mean "{near[0]}"?' if near else ""
        raise RenderError(f"no init {name!r}{guess}", hint=f"choose one of {', '.join(_INITS)}")
    module, _, attribute = _INITS[name].partition(":")
    init: Init = getattr(import_module(module), attribute)()
    return init
