"""What a built tree holds, by dpkg's or apk's own records, and whether it is what the recipe promises."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import ImageError
from helpers.image.recipe import Recipe

__all__ = ["InstalledPackage", "check_contents", "find_inside", "installed_packages"]

# apk-tools 2 and 3; the second where /lib is a link to /usr/lib.
_APK_PLACES = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass(frozen=True)
class InstalledPackage:
    """A package of the image: its exact version, and its installed size in bytes as dpkg or apk tells it.

    `reason` is the recipe's, or empty for a package that only came along as a dependency.
    """

    name: str
    version: str
    size: int
    reason: str = ""


def installed_packages(root: Path, recipe: Recipe | None = None) -> list[InstalledPackage]:
    """Every installed package of a tree, by name: a Debian tree's from /var/lib/dpkg/status (dpkg-query(1)),
    an Alpine tree's from the database of apk (apk-tools, doc/apk.8).

    Raises `ImageError` when the tree has no such file.
    """
    for place in _APK_PLACES:
        if (root / place).is_file():
            return _apk_packages((root / place).read_text(errors="replace"), recipe)
    status = root / "var/lib/dpkg/status"
    try:
        text = status.read_text(errors="replace")
    except OSError as error:
        raise ImageError(f"lab image: {status}: {error.strerror}", hint="initlab image build") from None
    reasons = _reasons(recipe)
    found = []
    for stanza in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status") == "install ok installed":
            name = fields["Package"]
            size = int(fields.get("Installed-Size", "0")) * 1024
            found.append(InstalledPackage(name, fields["Version"], size, reasons.get(name, "")))
    return sorted(found, key=lambda package: package.name)


def _apk_packages(text: str, recipe: Recipe | None) -> list[InstalledPackage]:
    """One stanza for each package: `P:` name, `V:` version, `I:` installed size in bytes."""
    reasons = _reasons(recipe)
    found = []
    for stanza in text.split("\n\n"):
        fields = dict(line.split(":", 1) for line in stanza.splitlines() if line[1:2] == ":")
        if "P" in fields:
            name, size = fields["P"], int(fields.get("I", "0"))
            found.append(InstalledPackage(name, fields.get("V", ""), size, reasons.get(name, "")))
    return sorted(found, key=lambda package: package.name)


def _reasons(recipe: Recipe | None) -> dict[str, str]:
    return {package.name: package.reason for package in recipe.packages} if recipe else {}


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
            f"lab image: {recipe.suite} is not what labs/image/{recipe.file} expects:\n    "
            + "\n    ".join(faults),
            hint=f"check that the mirror serves this suite, or change labs/image/{recipe.file}",
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
    if not program.startswith("/"):
        return any(_runs(root, f"{folder}/{program}") for folder in _FOLDERS)
    try:
        status = find_inside(root, program).stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111)
