"""What can be judged: a program that runs one command as PID 1, or one that runs services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from helpers.engines.base import Pid1
from helpers.filetree import FileTree
from helpers.inits.base import Rendered
from helpers.manifest.models import Manifest

__all__ = ["Boots", "Command", "ReadsManifest", "Services", "Subject"]

_MANIFEST = "/etc/lab/manifest.json"


@dataclass(frozen=True)
class Command:
    """A program that runs one command, as PID 1: `argv` followed by the command and its arguments.

    `argv` ends with the separator the program wants (`("/usr/bin/tini", "--")`); `tree` is laid over the
    image and holds the program where the image does not; `name` is what tables call it. `absent` is why it
    cannot be asked here.
    """

    argv: tuple[str, ...]
    tree: FileTree = field(default_factory=FileTree, compare=False)
    name: str = ""
    absent: str = ""

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.name or " ".join(self.argv)

    @property
    def known_as(self) -> str:
        """Whose contract it is held to: the program's own name, as long as no option changes what it does."""
        plain = all(word == "--" for word in self.argv[1:])
        return PurePosixPath(self.argv[0]).name if plain else self.title


class Boots(Protocol):
    """What the suite needs of an init: every `helpers.inits.base.Init` has it."""

    @property
    def name(self) -> str:
        """What tables call it, and whose contract it is held to."""

    @property
    def clean_exits(self) -> frozenset[int]:
        """Exit codes of PID 1 that mean a clean shutdown."""

    def render(self, manifest: Manifest) -> Rendered:
        """The services in its own language."""

    def pid1(self) -> Pid1:
        """Its command line as PID 1, and the signal that shuts it down."""


@dataclass(frozen=True)
class ReadsManifest:
    """A program that reads the JSON of `helpers.manifest` itself: `argv… MANIFEST.json`.

    `env` is PID 1's environment. It is shut down by SIGTERM and ends with 0.
    """

    argv: tuple[str, ...]
    name: str
    env: Mapping[str, str] = field(default_factory=dict)
    clean_exits: frozenset[int] = frozenset({0})

    def render(self, manifest: Manifest) -> Rendered:
        """The manifest as it is."""
        tree = FileTree()
        tree.add(_MANIFEST, manifest.model_dump_json(indent=1, exclude_defaults=True) + "\n")
        return Rendered(tree)

    def pid1(self) -> Pid1:
        """The program on the manifest."""
        return Pid1((*self.argv, _MANIFEST), env=self.env)


@dataclass(frozen=True)
class Services:
    """An init that runs services, as PID 1. `tree` is laid over the image and what the init renders; `absent`
    is why it cannot be asked here.
    """

    init: Boots
    tree: FileTree = field(default_factory=FileTree, compare=False)
    absent: str = ""

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.init.name

    @property
    def known_as(self) -> str:
        """Whose contract it is held to."""
        return self.init.name


Subject = Command | Services
