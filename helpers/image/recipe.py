"""The lab image's recipe: what goes into it, and the digest that names the result.

The recipe is the folder `labs/image`: `packages.toml` (suite, packages, versions), `dpkg.cfg` (what dpkg
leaves out) and `tidy.sh` (the last step). The digest covers their meaning, the architecture and
`STEPS_VERSION`, so an image built from another recipe is never mistaken for this one. `alpine` reads the
other recipe that is there.
"""

from __future__ import annotations

import hashlib
import json
import platform
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from helpers.errors import ImageError

__all__ = [
    "RECIPE_FOLDER",
    "STEPS_VERSION",
    "Package",
    "Recipe",
    "load_recipe",
    "machine_architecture",
    "read_packages",
]

RECIPE_FOLDER = Path(__file__).resolve().parents[2] / "labs" / "image"

# Raise it when build.py or unpack.py starts to make a different tree from the same recipe.
STEPS_VERSION = 1

# Debian's names (dpkg-architecture(1)) for what the kernel calls the machine.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "ppc64le": "ppc64el"}


@dataclass(frozen=True)
class Package:
    """One package asked for by name.

    `version` is a prefix of the upstream version, cut at a component: "2.2" accepts 2.2.0, not 2.20; an empty
    one accepts any. `programs` must be executable in the finished image: absolute paths, or names that one of
    the usual folders has.
    """

    name: str
    version: str
    reason: str
    programs: tuple[str, ...] = ()

    def accepts(self, debian_version: str) -> bool:
        """Whether a Debian version (`epoch:upstream-revision`, deb-version(7)) has our prefix."""
        upstream = debian_version.split(":", 1)[-1].rsplit("-", 1)[0]
        rest = upstream.removeprefix(self.version)
        return not self.version or (upstream.startswith(self.version) and not rest[:1].isdigit())


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the image holds."""

    suite: str
    variant: str
    components: tuple[str, ...]
    packages: tuple[Package, ...]
    dpkg_options: tuple[str, ...]
    tidy: str
    architecture: str
    file: str = "packages.toml"

    @cached_property
    def digest(self) -> str:
        """64 hexadecimal digits: SHA-256 over the recipe, the build steps' version and the architecture.

        Reasons and comments do not count, nor does the order packages are listed in.
        """
        return hashlib.sha256(json.dumps(self.meaning(), sort_keys=True).encode()).hexdigest()

    def meaning(self) -> dict[str, Any]:
        """What the digest covers."""
        return {
            "steps": STEPS_VERSION,
            "architecture": self.architecture,
            "suite": self.suite,
            "variant": self.variant,
            "components": self.components,
            "packages": sorted((p.name, p.version) for p in self.packages),
            "dpkg": self.dpkg_options,
            "tidy": [line for line in self.tidy.splitlines() if not line.lstrip().startswith("#")],
        }

    @property
    def short(self) -> str:
        """The first 12 digits of the digest: the name of the cache folder and of the Docker tag."""
        return self.digest[:12]

    @property
    def names(self) -> list[str]:
        """The packages' names, sorted."""
        return sorted(p.name for p in self.packages)


def machine_architecture() -> str:
    """This computer's architecture as Debian names it.

    Raises `ImageError` for one the lab image is not made for.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise ImageError(
            f"lab image: no recipe for a {machine or 'nameless'} computer",
            hint="use a computer with an x86-64 or 64-bit ARM processor",
        )
    return _ARCHITECTURES[machine]


def load_recipe(folder: Path = RECIPE_FOLDER, architecture: str | None = None) -> Recipe:
    """Read the recipe in `folder`.

    Raises `ImageError` naming the file and the key when something is missing or of the wrong kind.
    """
    source = folder / "packages.toml"
    try:
        data = tomllib.loads(source.read_text())
        dpkg_lines = (folder / "dpkg.cfg").read_text().splitlines()
        tidy = (folder / "tidy.sh").read_text()
    except OSError as error:
        raise ImageError(
            f"lab image: cannot read {error.filename}: {error.strerror}",
            hint="labs/image belongs to the checkout: git status tells whether it is whole",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImageError(f"{source.name}: {error}", hint=f"mend {source}") from None
    packages = read_packages(data, source)
    return Recipe(
        suite=_text(data, "suite", source),
        variant=_text(data, "variant", source),
        components=tuple(data.get("components", ("main",))),
        packages=packages,
        dpkg_options=tuple(line for line in dpkg_lines if line and not line.startswith("#")),
        tidy=tidy,
        architecture=architecture or machine_architecture(),
    )


def read_packages(data: dict[str, Any], source: Path, *, versions: bool = True) -> tuple[Package, ...]:
    """The `[[package]]` entries of a recipe; without `versions` they have none.

    Raises `ImageError` naming the entry and the key.
    """
    entries = data.get("package")
    if not isinstance(entries, list) or not entries:
        raise ImageError(f"{source.name}: no [[package]]", hint=f"mend {source}")
    packages = []
    seen: set[str] = set()
    for number, entry in enumerate(entries):
        where = f"package[{number}]"
        name = _text(entry, "name", source, where)
        if name in seen:
            raise ImageError(f"{source.name}: {where}: {name} is listed twice", hint=f"mend {source}")
        seen.add(name)
        packages.append(
            Package(
                name=name,
                version=_text(entry, "version", source, where) if versions else "",
                reason=_text(entry, "reason", source, where),
                programs=tuple(entry.get("programs", ())),
            )
        )
    return tuple(packages)


def _text(table: dict[str, Any], key: str, source: Path, where: str = "") -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        path = f"{where}.{key}" if where else key
        raise ImageError(f"{source.name}: {path}: a text is needed here", hint=f"mend {source}")
    return value
