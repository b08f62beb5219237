"""A table of every file of a tree, to tell later whether the tree is still what was built.

The quick comparison reads names, kinds, modes, sizes and modification times only (one lstat(2) for each
file, about 80 ms for the lab image); the deep one reads every byte.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Table", "compare", "compare_hashes", "hash_files", "scan"]

# Path below the root -> [kind, permission bits, size, modification time in ns, link target], as JSON has it.
# Kinds: d folder, f file, l symbolic link, ? anything else. A folder has neither size nor time: they differ
# between file systems, and what is in it is in the table itself.
Table = dict[str, list[Any]]


def scan(root: Path, *, targets: bool = False) -> Table:
    """Look at every entry below `root`. Link targets are read only with `targets` (a system call each).

    Raises OSError when `root` cannot be read.
    """
    table: Table = {}
    todo = [(os.fspath(root), "")]
    while todo:
        folder, prefix = todo.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                mode = status.st_mode
                name = prefix + entry.name
                if stat.S_ISDIR(mode):
                    table[name] = ["d", mode & 0o7777, 0, 0, ""]
                    todo.append((entry.path, name + "/"))
                elif stat.S_ISLNK(mode):
                    target = os.readlink(entry.path) if targets else ""
                    table[name] = ["l", 0o777, status.st_size, status.st_mtime_ns, target]
                else:
                    kind = "f" if stat.S_ISREG(mode) else "?"
                    table[name] = [kind, mode & 0o7777, status.st_size, status.st_mtime_ns, ""]
    return table


def compare(expected: Mapping[str, Sequence[Any]], root: Path, *, targets: bool = False) -> str:
    """What differs first between a table and the tree at `root`, as words; empty when nothing does."""
    try:
        found = scan(root, targets=targets)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    if missing := sorted(expected.keys() - found.keys()):
        return f"/{missing[0]} is missing{_more(missing)}"
    if added := sorted(found.keys() - expected.keys()):
        return f"/{added[0]} was added{_more(added)}"
    last = 5 if targets else 4
    changed = sorted(name for name, entry in found.items() if entry[:last] != expected[name][:last])
    if changed:
        return (
            f"/{changed[0]} was changed ({_change(expected[changed[0]], found[changed[0]])}){_more(changed)}"
        )
    return ""


def hash_files(root: Path, table: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """SHA-256 of every regular file of the table, by path."""
    hashes = {}
    for name, entry in sorted(table.items()):
        if entry[0] == "f":
            with (root / name).open("rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def compare_hashes(expected: Mapping[str, str], root: Path) -> str:
    """The first file whose bytes differ, as words; empty when none does. Reads the whole tree."""
    for name, digest in sorted(expected.items()):
        try:
            with (root / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    return f"/{name} has other bytes than were built"
        except OSError as error:
            return f"/{name}: {error.strerror}"
    return ""


def _change(before: Sequence[Any], after: Sequence[Any]) -> str:
    if before[0] != after[0]:
        return "another kind of file"
    if before[2] != after[2]:
        return f"{before[2]} bytes became {after[2]}"
    if before[1] != after[1]:
        return f"mode {before[1]:04o} became {after[1]:04o}"
    return "written after the build"


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""
