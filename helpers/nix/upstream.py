"""The originals this course speaks of, fetched at pinned revisions: infuse.nix and SixOS.

The course does not need them: it has its own infuse in Python and in Nix. With a network they are fetched by
git, which checks every object against the commit's hash; what is kept is checked again against a list of
hashes made then, each time it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import InitlabError

__all__ = ["SOURCES", "Source", "UpstreamError", "fetch", "find", "source"]

_TIMEOUT = 180
_RECORD = ".initlab-upstream.json"


class UpstreamError(InitlabError):
    """An original could not be fetched, or is not what it was."""


@dataclass(frozen=True)
class Source:
    """One original: where it is fetched from (the first address that answers), at which commit, and a file it
    must have. A commit given by its first digits is written down whole when it is fetched."""

    name: str
    urls: tuple[str, ...]
    commit: str
    branch: str
    must_have: str
    licence: str
    what: str


SOURCES = (
    Source(
        "infuse-2.6",
        ("https://codeberg.org/amjoseph/infuse.nix", "https://git.sr.ht/~amjoseph/infuse.nix"),
        "364ea18b5611b5fd6a6acd7151411b430a70e194",
        "v2.6",
        "default.nix",
        "MIT",
        "infuse.nix v2.6",
    ),
    Source(
        "infuse-2.4",
        ("https://github.com/eclairevoyant/infuse.nix", "https://codeberg.org/amjoseph/infuse.nix"),
        "c8fb739",
        "",
        "default.nix",
        "MIT",
        "infuse.nix v2.4, the commit of 2025-02-04",
    ),
    Source(
        "sixos",
        ("https://codeberg.org/amjoseph/sixos", "https://github.com/G-structure/sixos"),
        "92cab84",
        "",
        "six/mkService.nix",
        "GPL-3.0-only",
        "SixOS, the commit of 2025-05-10",
    ),
)


def source(name: str) -> Source:
    """The original of that name. Raises `UpstreamError` for any other."""
    for one in SOURCES:
        if one.name == name:
            return one
    raise UpstreamError(
        f"there is no original {name!r}", hint=f"choose of: {', '.join(one.name for one in SOURCES)}"
    )


def _folder(wanted: Source) -> Path:
    from helpers.image.cache import cache_folder

    return cache_folder() / "upstream" / f"{wanted.name}-{wanted.commit[:7]}"


def find(wanted: Source | str) -> Path | None:
    """The folder of an original that has been fetched, None where it has not.

    Raises `UpstreamError` where a file of it is not what was fetched.
    """
    wanted = source(wanted) if isinstance(wanted, str) else wanted
    folder = _folder(wanted)
    record = folder / _RECORD
    if not record.is_file():
        return None
    if json.loads(record.read_text())["files"] != _hashes(folder):
        raise UpstreamError(
            f"{folder} is not what was fetched", hint=f"initlab upstream fetch --again {wanted.name}"
        )
    return folder


def fetch(wanted: Source | str, *, again: bool = False) -> Path:
    """Fetch an original if it is not there: its folder, whole or not at all.

    Raises `UpstreamError` without a network, without git, and where no address has the commit.
    """
    wanted = source(wanted) if isinstance(wanted, str) else wanted
    folder = _folder(wanted)
    if again:
        shutil.rmtree(folder, ignore_errors=True)
    elif (there := find(wanted)) is not None:
        return there
    if shutil.which("git") is None:
        raise UpstreamError(
            "originals are fetched by git, which is not installed", hint="apt-get install git"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    said = []
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as work:
        for number, url in enumerate(wanted.urls):
            tree = Path(work, str(number))
            try:
                commit = _checked_out(wanted, url, tree)
            except UpstreamError as error:
                said.append(f"{url}: {error.message}")
                continue
            record = {"name": wanted.name, "url": url, "commit": commit, "files": _hashes(tree)}
            (tree / _RECORD).write_text(json.dumps(record, indent=1))
            shutil.rmtree(folder, ignore_errors=True)
            tree.rename(folder)
            return folder
    raise UpstreamError(
        f"{wanted.what} could not be fetched; " + "; ".join(said),
        hint="the course goes on without it; with a network: initlab upstream fetch " + wanted.name,
    )


def _checked_out(wanted: Source, url: str, tree: Path) -> str:
    """Clone, check out the pinned commit, take git's own folder away: the commit's whole hash."""
    branch = ["--branch", wanted.branch, "--depth", "1"] if wanted.branch else []
    _git("clone", "--quiet", "--no-checkout", *branch, url, str(tree))
    commit = _git("-C", str(tree), "rev-parse", "--verify", "--quiet", f"{wanted.commit}^{{commit}}").strip()
    if not commit.startswith(wanted.commit):
        raise UpstreamError(f"{wanted.commit} is commit {commit} there")
    _git("-C", str(tree), "checkout", "--quiet", "--detach", commit)
    shutil.rmtree(tree / ".git")
    if not (tree / wanted.must_have).is_file():
        raise UpstreamError(f"commit {commit[:12]} has no {wanted.must_have}")
    return commit


def _git(*words: str) -> str:
    # What git receives it checks; nobody is asked for a password; a configuration of the user's is no matter.
    settings = [
        "-c",
        "transfer.fsckObjects=true",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.symlinks=false",
    ]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *settings, *words],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise UpstreamError(f"no end after {_TIMEOUT} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        what = "it has not the pinned commit" if "rev-parse" in words else f"git failed ({done.returncode})"
        raise UpstreamError(lines[-1] if lines else what)
    return done.stdout


def _hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file's content, and of every link's target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = hashlib.sha256(os.readlink(path).encode()).hexdigest()
        elif path.is_file() and path.name != _RECORD:
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
