"""Why a build failed, said in one message with the next command; the whole story stays in the log."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from helpers.errors import ImageError

__all__ = [
    "NEEDED_BYTES",
    "explain",
    "from_os_error",
    "require_space",
    "require_tools",
    "require_user_namespaces",
]

NEEDED_BYTES = 700 * 1024 * 1024
"""Room for the tree, the packages and the package lists while building (521 MB measured, as a user)."""

_AGAIN = "initlab image build"
# What apt says of a mirror it cannot use.
_UNREACHABLE = (
    r"Could not resolve|Temporary failure resolving|Could not connect|Unable to connect"
    r"|Network is unreachable|Connection (refused|timed out|failed)|does not have a Release file"
    r"|Certificate verification failed|Could not handshake|Failed to fetch"
)


def require_tools(os_release: Path = Path("/etc/os-release")) -> None:
    """Raise `ImageError` with the exact command when mmdebstrap is not installed."""
    if shutil.which("mmdebstrap") is None:
        raise ImageError(
            "lab image: mmdebstrap is not installed", hint=_install_hint("mmdebstrap", os_release)
        )


def require_user_namespaces(os_release: Path = Path("/etc/os-release")) -> None:
    """Raise `ImageError` when an ordinary user could not build here (user_namespaces(7), subuid(5))."""
    if shutil.which("newuidmap") is None:
        raise ImageError("lab image: newuidmap is not installed", hint=_install_hint("uidmap", os_release))
    probe = subprocess.run(["unshare", "--user", "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        switch = Path("/proc/sys/kernel/unprivileged_userns_clone")
        if switch.exists() and switch.read_text().strip() == "0":
            mend = "sudo sysctl -w kernel.unprivileged_userns_clone=1"
        elif Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
            mend = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        else:
            mend = "sudo sysctl -w user.max_user_namespaces=10000"
        reason = probe.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise ImageError(
            f"lab image: an ordinary user may not make user namespaces here ({reason[0]})",
            hint=f"{mend}   (or build as root)",
        )


def require_space(folder: Path, needed: int = NEEDED_BYTES) -> None:
    """Raise `ImageError` when the disk of `folder` has fewer than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ImageError(
            f"lab image: {folder} has {_mb(free)} free, building needs {_mb(needed)}",
            hint=f"make room, or use another disk: INITLAB_CACHE=/folder/on/it {_AGAIN}",
        )


def from_os_error(error: OSError, folder: Path, log: Path | None = None) -> ImageError:
    """The message for a system call that failed while the image was made in `folder`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(folder, log)
    path = error.filename or folder
    reason = error.strerror or str(error)
    return ImageError(
        f"lab image: {path}: {reason}{_see(log)}",
        hint=f"use a folder you may write to: INITLAB_CACHE=/folder {_AGAIN}",
    )


def explain(lines: Sequence[str], status: int, mirror: str, folder: Path, log: Path) -> ImageError:
    """The message for a builder that ended with `status` after printing `lines`."""
    text = "\n".join(lines)
    if re.search(r"No space left on device|Disk quota exceeded|enough free space", text):
        return _full(folder, log)
    if re.search(r"NO_PUBKEY|is not signed|EXPKEYSIG|Missing key|cannot find keyring|sqv.*error", text):
        return ImageError(
            f"lab image: the signature of {mirror} cannot be checked{_see(log)}",
            hint=_install_hint("debian-archive-keyring"),
        )
    if re.search(_UNREACHABLE, text):
        return ImageError(
            f"lab image: cannot fetch packages from {mirror}{_detail(lines, _UNREACHABLE)}{_see(log)}",
            hint=f"check the network, then: {_AGAIN}   (another mirror: INITLAB_DEBIAN_MIRROR=http://…/debian)",
        )
    if unknown := re.search(r"Unable to locate package (\S+)", text):
        return ImageError(
            f"lab image: {mirror} has no package {unknown.group(1)}{_see(log)}",
            hint=f"use a complete mirror: INITLAB_DEBIAN_MIRROR=http://…/debian {_AGAIN}",
        )
    if re.search(r"/etc/subuid|newuidmap|unshare.* failed|user namespaces", text):
        user = os.environ.get("USER") or str(os.geteuid())
        return ImageError(
            f"lab image: no subordinate user ids for {user}{_detail(lines)}{_see(log)}",
            hint=f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
        )
    return ImageError(
        f"lab image: the build ended with status {status}{_detail(lines)}{_see(log)}",
        hint=f"read the log, then: {_AGAIN}",
    )


def _install_hint(package: str, os_release: Path = Path("/etc/os-release")) -> str:
    try:
        family = os_release.read_text()
    except OSError:
        family = ""
    if re.search(r"^ID(_LIKE)?=.*\b(debian|ubuntu)\b", family, re.MULTILINE):
        sudo = "" if os.geteuid() == 0 else "sudo "
        return f"{sudo}apt-get install --no-install-recommends {package}"
    return f"install {package} with your package manager, or use Docker: initlab image build --with docker"


def _full(folder: Path, log: Path | None) -> ImageError:
    return ImageError(
        f"lab image: the disk of {folder} is full{_see(log)}",
        hint=f"make room, or use another disk: INITLAB_CACHE=/folder/on/it {_AGAIN}",
    )


def _detail(lines: Sequence[str], pattern: str = "") -> str:
    """The line that says most: the first that has `pattern`, else the last error, else the last line."""
    if pattern:
        telling = [line for line in lines if re.search(pattern, line)][:1]
    else:
        errors = [line for line in lines if line.startswith(("E:", "dpkg: error", "guard:"))]
        # mmdebstrap's own last word says only that there was an error.
        telling = [line for line in errors if line != "E: mmdebstrap failed to run"] or errors or list(lines)
    return f": {telling[-1].strip().removeprefix('E: ')}" if telling else ""


def _see(log: Path | None) -> str:
    return f"\n  log: {log}" if log else ""


def _mb(count: int) -> str:
    return f"{count // (1024 * 1024)} MB"
