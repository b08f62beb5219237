"""An init whose service definitions were written by hand: a folder of files in place of what we render.

What an init needs besides them (PID 1's own files, the runlevel) is rendered as ever, so that a `Lab` with it
boots, and everything else of a lab works too::

    Lab("web", init=by_hand("runit", folder))       # folder/redis/run, folder/app/run, folder/app/log/run, …
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.errors import LabError, RenderError
from helpers.filetree import FileTree
from helpers.inits import registry
from helpers.inits.base import Init, Rendered, ServiceStatus
from helpers.manifest.models import Manifest

__all__ = ["HOMES", "ByHand", "by_hand", "given"]

HOMES = {"openrc": "/etc/init.d", "runit": "/etc/service", "s6": "/etc/s6/service"}
"""Where each init that can be written by hand has its service definitions."""

# Rendered to be used by rendered run scripts, or made for their loggers: not the init's own.
_OF_SERVICES = ("/etc/runit/wait-for", "/var/log/lab/")
_LEFT_OUT = re.compile(r".*\.\d+|.*~|\..*")  # a copy that was kept beside, an editor's, a hidden one


def given(init: Init, manifest: Manifest) -> FileTree:
    """What `init` renders for the stack, without the service definitions: what a learner is given.

    Raises `RenderError` for an init whose services cannot be written by hand.
    """
    drop = (f"{_home(init.name)}/", *_OF_SERVICES)
    tree = init.render(manifest).tree
    return FileTree({path: entry for path, entry in tree.entries.items() if not path.startswith(drop)})


def by_hand(init: str, folder: str | Path) -> ByHand:
    """The init called `init` with the service definitions that are in `folder`; run bits are kept.

    Raises `LabError` where the folder is not there or empty, `RenderError` for an init that has no such one.
    """
    path = Path(folder)
    files = FileTree()
    for inside, entry in FileTree.from_folder(path).entries.items():
        if not any(_LEFT_OUT.fullmatch(name) for name in inside.strip("/").split("/")):
            files.entries[inside] = entry
    if not files.entries:
        raise LabError(
            f"{path}: no service definitions there", hint="run the %%exercise cells: they save them"
        )
    return ByHand(registry.get(init), files)


def _home(name: str) -> str:
    if name not in HOMES:
        raise RenderError(
            f"{name}: no folder of service definitions", hint=f"choose one of {', '.join(HOMES)}"
        )
    return HOMES[name]


class ByHand:
    """An init with its service definitions given as files (paths relative to the init's own folder)."""

    def __init__(self, init: Init, files: FileTree) -> None:
        self._init = init
        self._home = _home(init.name)
        self._files = files
        self.name = init.name
        self.title = f"{init.title}, by hand"
        self.package = init.package
        self.binary = init.binary
        self.clean_exits = init.clean_exits
        self.ordering = init.ordering
        self.logging = init.logging

    def render(self, manifest: Manifest) -> Rendered:
        """What is given, and the files as they are. Nothing is told of what they cannot express."""
        mine = FileTree()
        for path, entry in self._files.entries.items():
            mine.entries[f"{self._home}{path}"] = entry
        return Rendered(given(self._init, manifest).merge(mine))

    def pid1(self) -> Pid1:
        """As the init itself."""
        return self._init.pid1()

    def start(self, service: str) -> Sequence[str]:
        """As the init itself."""
        return self._init.start(service)

    def stop(self, service: str) -> Sequence[str]:
        """As the init itself."""
        return self._init.stop(service)

    def restart(self, service: str) -> Sequence[str]:
        """As the init itself."""
        return self._init.restart(service)

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """As the init itself."""
        return self._init.status(sandbox, manifest)

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """As the init itself."""
        return self._init.main_pids(processes, manifest)

    def log_path(self, service: str) -> str:
        """As the init itself: where the exercise asks for it."""
        return self._init.log_path(service)
