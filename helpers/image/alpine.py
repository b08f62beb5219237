"""The recipe of the other lab image: Alpine, with the real s6-rc and s6-linux-init.

`labs/image/alpine.toml` says which release and which packages, `labs/image/alpine.sh` what is done. The base
system is pinned by its SHA-256; the keys inside of it are what apk checks every package by (apk-keys(5)).
"""

from __future__ import annotations

import os
import platform
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.errors import ImageError
from helpers.image.recipe import RECIPE_FOLDER, Recipe, read_packages

__all__ = ["BUILD", "AlpineRecipe", "find_alpine_mirror", "load_alpine_recipe"]

BUILD = "initlab image build --recipe alpine"
"""The command that builds this image, for hints."""

_MIRROR = "https://dl-cdn.alpinelinux.org/alpine"
# Alpine's names for what the kernel calls the machine.
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "aarch64"}


@dataclass(frozen=True)
class AlpineRecipe(Recipe):
    """A release (`suite`, such as 3.23.2), and the SHA-256 of its base system for this architecture."""

    sha256: str = ""

    def meaning(self) -> dict[str, Any]:
        """What the digest covers: the base system's hash, too."""
        return {**super().meaning(), "sha256": self.sha256}

    @property
    def branch(self) -> str:
        """The folder of a mirror that holds this release's packages: v3.23 for 3.23.2."""
        return "v" + self.suite.rpartition(".")[0]

    @property
    def base(self) -> str:
        """The base system's path below a mirror."""
        return (
            f"{self.branch}/releases/{self.architecture}/"
            f"alpine-minirootfs-{self.suite}-{self.architecture}.tar.gz"
        )

    def repositories(self, mirror: str) -> list[str]:
        """The addresses for apk: repositories(5) of apk-tools."""
        return [f"{mirror}/{self.branch}/{component}" for component in self.components]


def load_alpine_recipe(folder: Path = RECIPE_FOLDER, architecture: str | None = None) -> AlpineRecipe:
    """Read `alpine.toml` and `alpine.sh` in `folder`.

    Raises `ImageError` naming the file and the key when something is missing or of the wrong kind, and for a
    computer whose base system the recipe has no hash of.
    """
    source = folder / "alpine.toml"
    try:
        data = tomllib.loads(source.read_text())
        script = (folder / "alpine.sh").read_text()
    except OSError as error:
        raise ImageError(
            f"Alpine image: cannot read {error.filename}: {error.strerror}",
            hint="labs/image belongs to the checkout: git status tells whether it is whole",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImageError(f"{source.name}: {error}", hint=f"mend {source}") from None
    release = data.get("release")
    if not isinstance(release, str) or not re.fullmatch(r"\d+\.\d+\.\d+", release):
        raise ImageError(
            f"{source.name}: release: a version of three numbers is needed here, not {release!r}",
            hint=f"mend {source}",
        )
    repositories = data.get("repositories")
    if not isinstance(repositories, list) or not repositories or not all(map(_is_word, repositories)):
        raise ImageError(
            f"{source.name}: repositories: a list of names is needed here", hint=f"mend {source}"
        )
    architecture = architecture or _architecture()
    hashes = data.get("sha256")
    wanted = hashes.get(architecture) if isinstance(hashes, dict) else None
    if wanted is None:
        raise ImageError(
            f"{source.name}: sha256.{architecture} is missing: no base system is pinned for this computer",
            hint="the course goes on without it: the other image has labs/s6rc in s6-rc's place",
        )
    if not isinstance(wanted, str) or not re.fullmatch(r"[0-9a-f]{64}", wanted):
        raise ImageError(
            f"{source.name}: sha256.{architecture}: 64 hexadecimal digits are needed here",
            hint=f"mend {source}",
        )
    return AlpineRecipe(
        suite=release,
        variant="minirootfs",
        components=tuple(repositories),
        packages=read_packages(data, source, versions=False),
        dpkg_options=(),
        tidy=script,
        architecture=architecture,
        file=source.name,
        sha256=wanted,
    )


def find_alpine_mirror(environment: Mapping[str, str] = os.environ) -> str:
    """Where Alpine is fetched from: `INITLAB_ALPINE_MIRROR`, or Alpine's own.

    Raises `ImageError` for what is no address.
    """
    named = environment.get("INITLAB_ALPINE_MIRROR", "").strip().rstrip("/") or _MIRROR
    if not named.startswith(("http://", "https://")) or any(letter.isspace() for letter in named):
        raise ImageError(
            f"INITLAB_ALPINE_MIRROR: {named!r} is not an http:// or https:// address",
            hint=f"INITLAB_ALPINE_MIRROR=https://your.mirror/alpine {BUILD}",
        )
    return named


def _architecture() -> str:
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z]+", value) is not None
