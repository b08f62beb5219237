"""Where Debian packages come from: read from this computer's own apt settings, never written down here.

Both of apt's formats are understood (sources.list(5)): one-line `deb …` and deb822 `.sources`. On a computer
that is not Debian, `INITLAB_DEBIAN_MIRROR` names a mirror (and `INITLAB_DEBIAN_SECURITY_MIRROR`, if
wanted, the one for security updates).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import ImageError

__all__ = ["KEYRING", "Mirrors", "Source", "find_mirrors", "parse_deb822", "parse_one_line", "source_lines"]

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# Suites of the main archive. Anything else in sources.list is another distribution or a third party.
_CODENAMES = frozenset({"bullseye", "bookworm", "trixie", "forky", "duke", "sid"})
_SUITES = _CODENAMES | {"oldoldstable", "oldstable", "stable", "testing", "unstable"}


@dataclass(frozen=True)
class Source:
    """One `deb` entry of apt: where, which suites, which components."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""


@dataclass(frozen=True)
class Mirrors:
    """The mirror of Debian's main archive, and of its security archive if the computer has one."""

    main: str
    security: str = ""


def parse_one_line(text: str) -> Iterator[Source]:
    """Entries of the one-line format: `deb [options] uri suite component…`."""
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        match = re.fullmatch(r"deb(?:\s+\[([^\]]*)\])?\s+(\S+)\s+(\S+)((?:\s+\S+)*)", line)
        if match:
            options, uri, suite, components = match.groups()
            signed = re.search(r"signed-by=(\S+)", options or "")
            yield Source(uri, (suite,), tuple(components.split()), signed.group(1) if signed else "")


def parse_deb822(text: str) -> Iterator[Source]:
    """Entries of the deb822 format: stanzas of `Field: value`, continued by indented lines."""
    for stanza in re.split(r"\n(?:[ \t]*\n)+", text):
        fields: dict[str, str] = {}
        last = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t") and last:
                fields[last] += "\n" + line.strip()
            elif ":" in line:
                last, value = line.split(":", 1)
                last = last.strip().lower()
                fields[last] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() not in (
            "no",
            "false",
        ):
            for uri in fields.get("uris", "").split():
                yield Source(
                    uri,
                    tuple(fields.get("suites", "").split()),
                    tuple(fields.get("components", "").split()),
                    fields.get("signed-by", ""),
                )


def find_mirrors(etc_apt: Path = Path("/etc/apt"), environment: Mapping[str, str] = os.environ) -> Mirrors:
    """The mirrors to build from.

    Raises `ImageError` when `INITLAB_DEBIAN_MIRROR` is unset and apt's settings name no Debian mirror that
    can be reached over HTTP.
    """
    named = environment.get("INITLAB_DEBIAN_MIRROR", "").strip()
    if named:
        if not _usable(named):
            raise ImageError(
                f"INITLAB_DEBIAN_MIRROR: {named!r} is not an http:// or https:// address",
                hint="INITLAB_DEBIAN_MIRROR=http://your.mirror/debian initlab image build",
            )
        return Mirrors(named, environment.get("INITLAB_DEBIAN_SECURITY_MIRROR", "").strip())
    main = security = ""
    for source in _sources(etc_apt):
        if "main" not in source.components:
            continue
        for uri in _resolve(source.uri):
            if not main and any(suite in _SUITES for suite in source.suites):
                main = uri
            if not security and any(_is_security(suite) for suite in source.suites):
                security = uri
    if not main:
        raise ImageError(
            "lab image: this computer's apt settings name no Debian mirror",
            hint="INITLAB_DEBIAN_MIRROR=http://your.mirror/debian initlab image build",
        )
    return Mirrors(main, security)


def source_lines(
    mirrors: Mirrors, suite: str, components: Iterable[str], keyring: Path = KEYRING
) -> list[str]:
    """The `deb` lines mmdebstrap builds from: the suite, its updates and its security updates.

    A computer set up without a security mirror gets none here either.
    """
    tail = " ".join(components)
    option = f"[signed-by={keyring}] " if keyring.exists() else ""
    lines = [
        f"deb {option}{mirrors.main} {suite} {tail}",
        f"deb {option}{mirrors.main} {suite}-updates {tail}",
    ]
    if mirrors.security:
        lines.append(f"deb {option}{mirrors.security} {suite}-security {tail}")
    return lines


def _sources(etc_apt: Path) -> Iterator[Source]:
    files = [etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*"))]
    for file in files:
        try:
            if file.suffix == ".sources":
                yield from parse_deb822(file.read_text(errors="replace"))
            elif file.suffix == ".list":
                yield from parse_one_line(file.read_text(errors="replace"))
        except OSError:
            continue  # not there, or not ours to read


def _is_security(suite: str) -> bool:
    name = suite.split("/", 1)[0]  # trixie-security, or buster/updates as it was once written
    return name.endswith("-security") and name.removesuffix("-security") in _SUITES


def _usable(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def _resolve(uri: str) -> list[str]:
    """Addresses behind a source: itself, or the first of a local mirror list (apt-transport-mirror(1)).

    Debian's cloud images use such a list. The second stage of the build runs apt inside the new tree,
    which cannot see the list.
    """
    if uri.startswith("mirror+file:"):
        listing = Path("/" + uri.removeprefix("mirror+file:").lstrip("/"))
        try:
            lines = listing.read_text().splitlines()
        except OSError:
            return []
        return [first for line in lines if _usable(first := line.split("#", 1)[0].strip().split("\t")[0])][:1]
    return [uri] if _usable(uri) else []
