"""A crate: a folder with Cargo.toml, and files that stand in place of some of it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from helpers.rust.toolchain import RustError

__all__ = ["LABS", "Crate"]

LABS = Path(__file__).resolve().parents[2] / "labs" / "supervisor"
_ENDS = (".rs", ".toml", ".lock", ".json", ".txt", ".proptest-regressions")


@dataclass(frozen=True)
class Crate:
    """A crate as it will be built: the folder's sources, with `changes` (path in it → text) in their place.

    `changed` are files of somebody else's: the compiler's complaints about them come first.
    """

    folder: Path
    changes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, crate: Crate | Path | str) -> Crate:
        """A crate by its folder, or by its name in `labs/supervisor`. Raises `RustError` for none there."""
        if isinstance(crate, Crate):
            return crate
        folder = LABS / crate if isinstance(crate, str) and "/" not in crate else Path(crate)
        if not (folder / "Cargo.toml").is_file():
            raise RustError(f"{folder} is no crate: it has no Cargo.toml", hint=f"ls {folder}")
        return cls(folder.resolve())

    def changed(self, path: str, text: str) -> Crate:
        """The same crate with another text for one of its files."""
        return replace(self, changes={**self.changes, path: text})

    @property
    def name(self) -> str:
        """Its name in Cargo.toml."""
        return str(self._cargo["package"]["name"])

    def text(self, path: str) -> str:
        """One file of it, as it will be built. Raises `RustError` where there is none."""
        try:
            return self.files[path].decode(errors="replace")
        except KeyError:
            raise RustError(f"crate {self.name}: no file {path}", hint=f"ls {self.folder}") from None

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """Path in the crate → bytes, of all that decides what is built."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            inside = path.relative_to(self.folder)
            hidden = any(part == "target" or part.startswith(".") for part in inside.parts)
            if not hidden and path.is_file() and path.name.endswith(_ENDS):
                found[inside.as_posix()] = path.read_bytes()
        found.update({path: text.encode() for path, text in self.changes.items()})
        return found

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits over every file that a program is made of; `tests/` is not."""
        return _digest({path: data for path, data in self.files.items() if not path.startswith("tests/")})

    @property
    def locked(self) -> bool:
        """Whether the versions of what it depends on are written down."""
        return "Cargo.lock" in self.files

    @cached_property
    def _cargo(self) -> Mapping[str, Mapping[str, object]]:
        try:
            data: Mapping[str, Mapping[str, object]] = tomllib.loads(self.text_of_cargo)
            data["package"]["name"]
        except (tomllib.TOMLDecodeError, KeyError) as error:
            raise RustError(f"{self.folder / 'Cargo.toml'}: {error}", hint="cargo metadata") from None
        return data

    @property
    def text_of_cargo(self) -> str:
        """Cargo.toml."""
        return self.files["Cargo.toml"].decode(errors="replace")


def _digest(files: Mapping[str, bytes]) -> str:
    seen = hashlib.sha256()
    for path, data in files.items():
        seen.update(f"{path}\0{len(data)}\0".encode() + data)
    return seen.hexdigest()[:16]
