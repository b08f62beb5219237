"""What a built tree holds, read from dpkg's own records, and whether it is what the recipe promises."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import ImageError
from helpers.image.recipe import Recipe

__all__ = ["InstalledPackage", "check_contents", "find_inside", "installed_packages"]


@dataclass(frozen=True)
class InstalledPackage:
    """A package of the image: its exact Debian version, and its installed size in bytes as dpkg tells it.

    `reason` is the recipe's, or empty for a package that only came along as a dependency.
    """

    name: str
    version: str
    size: int
    reason: str = ""


def installed_packages(root: Path, recipe: Recipe | None = None) -> list[InstalledPackage]:
    """Every installed package of a Debian tree, by name, from /var/lib/dpkg/status (dpkg-query(1)).

    Raises `ImageError` when the tree has no such file.
    """
    status = root / "var/lib/dpkg/status"
    try:
        text = status.read_text(errors="replace")
    except OSError as error:
        raise ImageError(f"lab image: {status}: {error.strerror}", hint="initlab image build") from None
    reasons = {p.name: p.reason for p in recipe.packages} if recipe else {}
    found = []
    for stanza in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status") == "install ok installed":
            name = fields["Package"]
            size = int(fields.get("Installed-Size", "0")) * 1024
            found.append(InstalledPackage(name, fields["Version"], size, reasons.get(name, "")))
    return sorted(found, key=lambda package: package.name)


def check_contents(recipe: Recipe, root: Path) -> list[InstalledPackage]:
    """The installed packages, after checking each against the recipe.

    Raises `ImageError` listing every package that is absent or has an unexpected version, and every
    program that is not executable.
    """
    packages = installed_packages(root, recipe)
    versions = {package.name: package.version for package in packages}
    faults = []
    for wanted in recipe.packages:
        version = versions.get(wanted.name)
        if version is None:
            faults.append(f"{wanted.name} is not installed")
        elif not wanted.accepts(version):
            faults.append(f"{wanted.name} is {version}, the lessons expect {wanted.version}")
        faults += [
            f"{wanted.name}: {program} cannot be run"
            for program in wanted.programs
            if not _runs(root, program)
        ]
    if faults:
        raise ImageError(
            f"lab image: {recipe.suite} is not what labs/image/packages.toml expects:\n    "
            + "\n    ".join(faults),
            hint="check that the mirror serves this suite, or set the new version in packages.toml",
        )
    return packages


def find_inside(root: Path, path: str, *, links: int = 40) -> Path:
    """The host's path of `path` inside the tree, following links as the lab would (chroot(2)).

    Raises FileNotFoundError when it does not exist and OSError when links go round.
    """
    todo = [part for part in path.split("/") if part]
    inside = "/"
    while todo:
        part = todo.pop(0)
        if part in (".", ".."):
            inside = posixpath.dirname(inside) if part == ".." else inside
            continue
        here = root / inside.lstrip("/") / part
        if stat.S_ISLNK(here.lstat().st_mode):
            links -= 1
            if links < 0:
                raise OSError(f"{path}: too many symbolic links")
            target = os.readlink(here)
            inside = "/" if target.startswith("/") else inside
            todo = [piece for piece in target.split("/") if piece] + todo
        else:
            inside = posixpath.join(inside, part)
    return root / inside.lstrip("/")


def _runs(root: Path, program: str) -> bool:
    try:
        status = find_inside(root, program).stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111)
