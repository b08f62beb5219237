"""How large the package of an init is, and what it brings along: from the image's own dpkg data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import ImageError

__all__ = ["Package", "Packages"]

_NAME = re.compile(r"^\s*([a-z0-9][a-z0-9+.-]+)")
_KIB = 1024


@dataclass(frozen=True)
class Package:
    """The Debian package that owns an init's PID 1.

    `size` is its Installed-Size in bytes; `with_dependencies` adds the packages in `brings`: those it
    depends on, directly or not, that a minimal Debian does not have.
    """

    name: str
    version: str
    size: int
    with_dependencies: int
    brings: tuple[str, ...]


class Packages:
    """The installed packages of a Debian tree, by /var/lib/dpkg/status (dpkg-query(1))."""

    def __init__(self, status: str) -> None:
        self._fields: dict[str, dict[str, str]] = {}
        self._provided: dict[str, list[str]] = {}
        for stanza in status.split("\n\n"):
            lines = [line for line in stanza.splitlines() if ": " in line and line[0] not in " \t"]
            fields = dict(line.split(": ", 1) for line in lines)
            if fields.get("Status", "").endswith(" installed"):
                self._fields[fields["Package"]] = fields
        for name, fields in self._fields.items():
            for provided in _names(fields.get("Provides", "")):
                self._provided.setdefault(provided, []).append(name)
        minimal = [
            name
            for name, fields in self._fields.items()
            if fields.get("Essential") == "yes" or fields.get("Priority") == "required"
        ]
        self._minimal = self._closure(minimal)

    @classmethod
    def of(cls, root: Path) -> Packages:
        """The packages of the tree at `root`. Raises `ImageError` when it has no dpkg status."""
        path = root / "var/lib/dpkg/status"
        try:
            return cls(path.read_text(errors="replace"))
        except OSError as error:
            raise ImageError(f"lab image: {path}: {error.strerror}", hint="initlab image build") from None

    def get(self, name: str) -> Package | None:
        """A package with what it brings along; `None` when it is not installed.

        Of alternatives (`a | b`) those count that are installed; Recommends are no dependencies. A minimal
        Debian is what is Essential or of priority `required`, with its dependencies.
        """
        fields = self._fields.get(name)
        if fields is None:
            return None
        brings = sorted(self._closure([name]) - self._minimal - {name})
        own = self._size(name)
        return Package(name, fields["Version"], own, own + sum(map(self._size, brings)), tuple(brings))

    def _size(self, name: str) -> int:
        return int(self._fields[name].get("Installed-Size", "0")) * _KIB

    def _closure(self, names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += self._needs(name)
        return found

    def _needs(self, name: str) -> Iterator[str]:
        fields = self._fields[name]
        for field in ("Pre-Depends", "Depends"):
            for wanted in fields.get(field, "").split(","):
                for alternative in _names(wanted.replace("|", ",")):
                    if alternative in self._fields:
                        yield alternative
                    yield from self._provided.get(alternative, ())


def _names(text: str) -> list[str]:
    """The names in a relationship field, without versions and architectures (deb-control(5))."""
    return [match[1] for part in text.split(",") if (match := _NAME.match(part))]
