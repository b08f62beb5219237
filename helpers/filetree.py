"""FileTree: a set of files to lay over a sandbox's root before its PID 1 starts.

What an init's `render` returns and what an engine's `start` takes. A value: no disk is touched
until `write_to`. Paths are absolute and normalised, as seen inside the sandbox.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from helpers.errors import RenderError

__all__ = ["MOUNTED_OVER", "File", "FileTree", "Symlink"]

# An engine mounts something of its own over these before PID 1 starts: files laid there would vanish.
MOUNTED_OVER = ("/proc", "/sys", "/dev", "/run", "/tmp")  # noqa: S108 - names inside the sandbox


@dataclass(frozen=True)
class File:
    """A regular file: its bytes and its permission bits (`0o755` for a run script)."""

    data: bytes
    mode: int = 0o644

    @property
    def text(self) -> str:
        """The content as UTF-8 text."""
        return self.data.decode()


@dataclass(frozen=True)
class Symlink:
    """A symbolic link; `target` is stored as given."""

    target: str


@dataclass
class FileTree:
    """A mapping from absolute path to `File` or `Symlink`; parent directories are implied.

    Raises `RenderError` for a relative path, a path holding `..`, a path an engine mounts over
    (/proc, /sys, /dev, /run, /tmp), or a path that would be both a file and a directory.
    """

    entries: dict[str, File | Symlink] = field(default_factory=dict)

    def add(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Add a regular file; text is stored as UTF-8."""
        self._put(path, File(content.encode() if isinstance(content, str) else content, mode))

    def script(self, path: str, text: str) -> None:
        """Add an executable script (mode 0755)."""
        self.add(path, text, 0o755)

    def symlink(self, path: str, target: str) -> None:
        """Add a symbolic link at `path` pointing to `target`."""
        self._put(path, Symlink(target))

    def _put(self, path: str, entry: File | Symlink) -> None:
        clean = posixpath.normpath(path)
        if clean.startswith("//"):
            clean = clean[1:]
        if not path.startswith("/") or clean == "/" or ".." in path.split("/"):
            raise RenderError(f"file tree: {path!r} is not an absolute path inside the sandbox")
        for mounted in MOUNTED_OVER:
            if clean == mounted or clean.startswith(mounted + "/"):
                raise RenderError(
                    f"file tree: {clean} lies under {mounted}, which the engine mounts over",
                    hint="write it from a start script of the init instead",
                )
        parent = posixpath.dirname(clean)
        while parent != "/":
            if parent in self.entries:
                raise RenderError(f"file tree: {parent} is both a file and the parent of {clean}")
            parent = posixpath.dirname(parent)
        if any(other.startswith(clean + "/") for other in self.entries):
            raise RenderError(f"file tree: {clean} is both a file and a directory")
        self.entries[clean] = entry

    def merge(self, other: FileTree) -> FileTree:
        """A new tree with the entries of both; where both have a path, `other`'s entry is kept."""
        merged = FileTree(dict(self.entries))
        for path, entry in other.entries.items():
            merged._put(path, entry)
        return merged

    @classmethod
    def from_folder(cls, folder: Path, at: str = "/") -> FileTree:
        """Every file and symbolic link below `folder`, placed under `at`; run bits are kept."""
        tree = cls()
        for path in sorted(folder.rglob("*")):
            inside = posixpath.join(at, path.relative_to(folder).as_posix())
            if path.is_symlink():
                tree.symlink(inside, str(path.readlink()))
            elif path.is_file():
                tree.add(inside, path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644)
        return tree

    def write_to(self, folder: Path) -> None:
        """Write the tree below an ordinary folder of the host, to look at it or to pack it."""
        for path, entry in self.entries.items():
            target = folder / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(entry, Symlink):
                target.symlink_to(entry.target)
            else:
                target.write_bytes(entry.data)
                target.chmod(entry.mode)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.entries))

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, path: str) -> File | Symlink:
        return self.entries[path]

    def texts(self) -> Mapping[str, str]:
        """Path → text of every regular file, sorted: what golden tests compare and lessons show."""
        return {p: e.text for p, e in sorted(self.entries.items()) if isinstance(e, File)}
