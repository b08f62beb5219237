"""What can be judged: a program that runs one command as PID 1."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from helpers.filetree import FileTree

__all__ = ["Command"]


@dataclass(frozen=True)
class Command:
    """A program that runs one command, as PID 1: `argv` followed by the command and its arguments.

    `argv` ends with the separator the program wants (`("/usr/bin/tini", "--")`); `tree` is laid over the
    image and holds the program where the image does not; `name` is what tables call it.
    """

    argv: tuple[str, ...]
    tree: FileTree = field(default_factory=FileTree, compare=False)
    name: str = ""

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.name or " ".join(self.argv)

    @property
    def known_as(self) -> str:
        """Whose contract it is held to: the program's own name, as long as no option changes what it does."""
        plain = all(word == "--" for word in self.argv[1:])
        return PurePosixPath(self.argv[0]).name if plain else self.title
