"""What the computer itself offers to labs: kernel features, limits, memory and the tools set-up installs.

Part of `initlab doctor` (see `helpers.doctor`). Each look tries the thing where that is cheap, instead of
guessing from a version or a setting.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from helpers.doctor import Finding
from helpers.engines.base import MIB

__all__ = ["looks"]

_LAB_MEMORY = 1024 * MIB  # two labs with their default limit


def looks() -> Iterator[Finding]:
    """Look at one thing after another."""
    yield _namespaces()
    yield _bubblewrap()
    yield from _limits()
    yield _memory()
    yield _tool("mmdebstrap", "builds the lab image", "mmdebstrap")
    yield _tool("dot", "draws graphs; a plainer drawing stands in for it", "graphviz")


def _namespaces() -> Finding:
    """An ordinary user needs user namespaces (user_namespaces(7)); root needs none."""
    what = "user namespaces"
    if os.geteuid() == 0:
        return Finding(what, True, "not needed: root")
    probe = _run("unshare", "--user", "--map-root-user", "true")
    mend = "sudo sysctl -w user.max_user_namespaces=10000"
    if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
        mend = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    return Finding(what, probe == "", probe or "allowed", mend, needed=False)


def _bubblewrap() -> Finding:
    from helpers.errors import InitlabError

    try:
        from helpers.engines.embedded import _bwrap

        program = _bwrap()
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (InitlabError, OSError, subprocess.CalledProcessError) as error:
        return Finding("bubblewrap", False, str(error).splitlines()[0], "scripts/setup", needed=False)
    return Finding("bubblewrap", True, said)


def _limits() -> Iterator[Finding]:
    """Makes a cgroup as a sandbox would, and removes it (cgroups(7))."""
    from helpers.engines.keeper import cgroups

    groups = cgroups.create(f"doctor-{os.getpid()}", 64 * MIB, 64)
    cgroups.remove(groups.folders())
    if groups.missing:
        for sentence in groups.missing:
            yield Finding("limits", False, sentence, "", needed=False)
    else:
        yield Finding("limits", True, f"memory and processes, by cgroups version {groups.version}")


def _memory() -> Finding:
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(fields["MemAvailable"].split()[0]) * 1024
    seen = f"{available / 1024**3:.1f} GiB available"
    return Finding("memory", available >= _LAB_MEMORY, seen, "close other programs", needed=False)


def _tool(program: str, purpose: str, package: str) -> Finding:
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/bin")
    sudo = "" if os.geteuid() == 0 else "sudo "
    mend = f"{sudo}apt-get install --no-install-recommends {package}"
    return Finding(program, path is not None, path or f"not installed ({purpose})", mend, needed=False)


def _run(*command: str) -> str:
    """What a failing command complained of; empty when it worked."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    return "" if done.returncode == 0 else (done.stderr.strip() or f"exit status {done.returncode}")
