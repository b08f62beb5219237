"""What an init is to the rest of the house: a renderer and a way to talk to it.

Adding an init is one module here, one template folder in `labs/inits/<name>/` and one line in
`helpers.inits.registry`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.filetree import FileTree
from helpers.manifest.models import Manifest

__all__ = ["Init", "Rendered", "ServiceStatus", "Unsupported", "carried"]


@dataclass(frozen=True)
class Unsupported:
    """Something the manifest asks for and this init cannot express, and what was rendered instead.

    `service` is the service's name, `field` the manifest field (`readiness`, `depends_on`, `user`,
    `limits.memory`, …), `note` one sentence for the learner.
    """

    service: str
    field: str
    note: str


@dataclass(frozen=True)
class Rendered:
    """A manifest in one init's own language: its files, and what got lost on the way."""

    tree: FileTree
    unsupported: tuple[Unsupported, ...] = ()


@dataclass(frozen=True)
class ServiceStatus:
    """What an init itself says of a service.

    `state` is `up`, `down`, `starting`, `stopping` or `failed`; `uptime` is seconds in that state;
    `ready` is `None` where the init has no notion of readiness; `raw` is the init's own line.
    """

    name: str
    state: str
    pid: int | None = None
    uptime: float | None = None
    ready: bool | None = None
    raw: str = ""


class Init(Protocol):
    """A program that can be PID 1 and start services.

    `render` is pure and deterministic: manifest in, FileTree out; the same manifest gives the same
    bytes. Paths and commands are documented with the manual page they come from.

    An init that the image's recipe does not bring has also `brings`: what puts it into an image.
    """

    name: str
    title: str
    package: str
    """The Debian package that owns PID 1."""
    binary: str
    """The path inside of PID 1's program."""
    clean_exits: frozenset[int]
    """Exit codes of PID 1 (`Exit.code`) that mean a clean shutdown."""
    ordering: str
    """How it puts services in order, in one line: what the comparison matrix shows."""
    logging: str
    """Where a service's output goes, in one line: what the comparison matrix shows."""

    def render(self, manifest: Manifest) -> Rendered:
        """The manifest in this init's own language. Raises `RenderError` where nothing fits."""

    def pid1(self) -> Pid1:
        """The command that is PID 1, its stop signal and the capabilities it needs."""

    def start(self, service: str) -> Sequence[str]:
        """The init's own command that starts a service, to be run inside."""

    def stop(self, service: str) -> Sequence[str]:
        """The init's own command that stops a service (and keeps it down)."""

    def restart(self, service: str) -> Sequence[str]:
        """The init's own command that restarts a service."""

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """Ask the init about every service, in the manifest's order, with the init's own tools."""

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """Which process is which service's main process, read off the process table alone (pure):
        a service that is down is absent. PIDs are those seen inside."""

    def log_path(self, service: str) -> str:
        """The file inside that holds the service's standard output and error."""


def carried(init: Init) -> FileTree:
    """The programs an init brings along for images that lack them: its method `carried`, if it has one."""
    own = getattr(init, "carried", None)
    tree = own() if own is not None else FileTree()
    return tree if isinstance(tree, FileTree) else FileTree()
