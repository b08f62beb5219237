"""Makes the lab image's tree with mmdebstrap(1), or with a Docker engine where there is no mmdebstrap.

As root the tree is made in place. An ordinary user's mmdebstrap works in a user namespace and hands over an
archive, which is unpacked as the user's own files (see `unpack`).
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from helpers.errors import ImageError
from helpers.image import failures
from helpers.image.mirror import find_mirrors, source_lines
from helpers.image.progress import OutputReader, Report
from helpers.image.recipe import Recipe
from helpers.image.staging import Staging, remove_tree
from helpers.image.unpack import Owners, unpack

__all__ = ["Builder", "apt_options", "build_with_mmdebstrap", "mmdebstrap_command"]

# Fills staging.rootfs, writing everything its tools say to the log; returns the owners it could not set.
Builder = Callable[[Recipe, Staging, Report, Path], Owners]

# The computer's own apt settings that decide whether its mirror can be reached; the rest is none of the
# image's business.
_APT_SETTINGS = (
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
    "Acquire::https::CAInfo",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::Retries",
    "Acquire::ForceIPv4",
)
_CA_FILE = "/etc/ssl/certs/ca-certificates.crt"


def build_with_mmdebstrap(recipe: Recipe, staging: Staging, report: Report, log: Path) -> Owners:
    """A `Builder` on mmdebstrap. Raises `ImageError`; the log holds every line the tools printed."""
    failures.require_tools()
    as_root = os.geteuid() == 0
    if not as_root:
        failures.require_user_namespaces()
    failures.require_space(staging.folder.parent)
    mirrors = find_mirrors()
    sources = source_lines(mirrors, recipe.suite, recipe.components)
    target = str(staging.rootfs) if as_root else "-"
    command = mmdebstrap_command(recipe, sources, target, apt_options())
    if not as_root:
        scratch = staging.scratch(_scratch_parent())
        failures.require_space(scratch)
        command = ["env", f"TMPDIR={scratch}", *command]

    owners: Owners = {}
    reader = OutputReader(report)
    with log.open("w") as record:
        print("$", shlex.join(command), file=record, flush=True)

        def on_line(line: str) -> None:
            print(line, file=record, flush=True)
            reader.line(line)

        try:
            status = staging.run(
                command,
                on_line,
                None if as_root else lambda stream: owners.update(unpack(stream, staging.rootfs)),
            )
        except ImageError:
            # An archive cut short is the echo of a builder that failed: its own words tell more.
            if not any(line.startswith("E:") for line in reader.tail):
                raise
            status = 1
    if status != 0:
        raise failures.explain(reader.tail, status, mirrors.main, staging.folder.parent, log)
    # Engines mount a /dev of their own; a user's archive is unpacked without device nodes anyway.
    for node in (staging.rootfs / "dev").iterdir():
        remove_tree(node) if node.is_dir() and not node.is_symlink() else node.unlink()
    # What held the certificates lent to an https mirror.
    for folder in ("etc/ssl/certs", "etc/ssl"):
        with contextlib.suppress(OSError):
            (staging.rootfs / folder).rmdir()
    return owners


def mmdebstrap_command(recipe: Recipe, sources: list[str], target: str, options: list[str]) -> list[str]:
    """The command line: root's builds go to the folder `target`, a user's to standard output (`-`)."""
    as_user = target == "-"
    command = [
        "mmdebstrap",
        "--verbose",
        f"--mode={'unshare' if as_user else 'root'}",
        f"--format={'tar' if as_user else 'directory'}",
        f"--variant={recipe.variant}",
        f"--architectures={recipe.architecture}",
        f"--include={','.join(recipe.names)}",
    ]
    command += [f"--dpkgopt={option}" for option in recipe.dpkg_options]
    command += [f"--aptopt={option}" for option in options]
    if any(" https://" in line for line in sources):
        # The second half of the build runs apt inside the new tree, which has no certificates yet.
        command.append(f'--essential-hook=mkdir -p "$1/etc/ssl/certs" && cp {_CA_FILE} "$1/etc/ssl/certs/"')
    # Passed as text: the user namespace's root may not be allowed into the checkout's folder.
    command.append(f"--customize-hook={recipe.tidy}")
    return [*command, recipe.suite, target, *sources]


def apt_options() -> list[str]:
    """The computer's apt settings the build needs too, as apt.conf(5) lines; none without apt-config."""
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return []
    options = []
    for line in dump.splitlines():
        name, _, value = line.partition(" ")
        if name in _APT_SETTINGS and value not in ('"";', ""):
            options.append(f"{name} {value.rstrip(';')}")
    return options


def _scratch_parent() -> Path:
    """Where mmdebstrap's own copy of the tree goes: a disk other users can walk to.

    /var/tmp rather than /tmp, which is memory on many systems.
    """
    for candidate in (os.environ.get("TMPDIR", ""), "/var/tmp", tempfile.gettempdir()):  # noqa: S108
        if candidate and os.access(candidate, os.W_OK | os.X_OK):
            return Path(candidate)
    return Path(tempfile.gettempdir())
