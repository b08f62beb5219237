"""Breaking a file that a service needs to start, so that it can be put back as it was."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from helpers.errors import FaultError
from helpers.faults.service import Steady, ask_start, bring_back, end, main_process
from helpers.filetree import File
from helpers.inits.base import Init
from helpers.manifest.models import Manifest, Service

if TYPE_CHECKING:
    from helpers.faults.fault import Fault
    from helpers.lab import Lab

__all__ = ["break_files", "config_files", "definition_files"]

# No language of a configuration or of a program here takes this for one of its lines.
_BAD = "}{ broken on purpose by a fault of initlab\n"

_SOON = 1.0

# A link first, then rename(2) over the name: the file itself stays as it is, and there is always one.
_BREAK = """
set -e
path=$1 kept=$2
mkdir -p "$(dirname -- "$kept")"
cp -pL -- "$path" "$kept.new"
{ printf %s "$3"; [ "$4" = whole ] || cat -- "$path"; } >"$kept.new"
ln -P -- "$path" "$kept"
mv -f -- "$kept.new" "$path"
"""
_RESTORE = """
set -e
path=$1 kept=$2
if [ -e "$kept" ] || [ -L "$kept" ]; then mv -f -- "$kept" "$path"; fi
rm -f -- "$kept.new"
"""
# An init that has copied its definitions to /run reads the copies.
_COPIES = """
find /run -xdev -type f -size -1024k -name "$2" -path "*/$3*" 2>/dev/null | while read -r copy; do
    cmp -s -- "$1" "$copy" && printf '%s\\n' "$copy"
done
:
"""


def config_files(manifest: Manifest, service: Service) -> list[str]:
    """The manifest's files that the service's arguments name, like `a.conf` or `--conf=a.conf`."""
    words = service.command[1:]
    return [path for path in manifest.files if any(w == path or w.endswith(f"={path}") for w in words)]


def definition_files(init: Init, manifest: Manifest, service: Service) -> list[str]:
    """The files of the init's that hold the service's command: those that are rendered otherwise when the
    command is another."""
    changed = service.model_copy(update={"command": (*service.command, "initlab-other")})
    services = tuple(changed if one.name == service.name else one for one in manifest.services)
    mine = init.render(manifest).tree
    other = init.render(manifest.model_copy(update={"services": services})).tree
    return [
        path
        for path, entry in mine.entries.items()
        if isinstance(entry, File) and other.entries.get(path) != entry
    ]


def break_files(lab: Lab, fault: Fault, service: Service, which: str | None) -> None:
    """See `Faults.break_config`."""
    paths, whole = _choose(lab, service, which)
    if whole and getattr(lab.init, "reads_before_boot", False):
        raise FaultError(
            f"{lab.init.title} does not read {', '.join(paths)} when service {service.name} starts: it would "
            "be started all the same, from what was compiled before the boot",
            hint='break what it does read: a path inside, or which="config"',
        )
    process = main_process(lab, service.name)
    up = _up(lab)
    fault.what = f"broken: {', '.join(paths)}"
    fault.announce()

    def back() -> None:
        for name in up if process is not None else ():
            # With it, an init may have stopped who needs it. Each is waited for: OpenRC schedules a service
            # whose dependency is just starting, and may then forget it.
            if whole and main_process(lab, name) is None:
                lab.sandbox.exec(lab.init.start(name), timeout=60)
            if whole or name == service.name:
                bring_back(lab, lab.service(name))

    fault.on_undo(back)
    fault.on_undo(lambda: _reload(lab))
    if whole and process is not None:
        # Before its definition is broken: afterwards some inits could not even stop it. Others run a service
        # from what they have read, as long as nobody stops it.
        lab.sandbox.exec(lab.init.stop(service.name), timeout=60)
    for number, path in enumerate(paths):
        kept = f"{_room(path)}/{service.name}.{number}"
        fault.on_undo(partial(_sh, lab, _RESTORE, path, kept))
        _sh(lab, _BREAK, path, kept, _BAD, "whole" if whole else "")
    _reload(lab)
    if whole and process is not None:
        ask_start(lab, service.name)
        _check_effect(lab, service, paths)
    elif process is not None:
        end(lab, service, process)


def _check_effect(lab: Lab, service: Service, paths: list[str]) -> None:
    """Raise `FaultError` when the service is soon up in spite of its broken definition."""
    steady = Steady(lab, service)
    end_ = time.monotonic() + _SOON
    while time.monotonic() < end_:
        if steady() and (service.readiness is None or lab.glance()[service.name].ready):
            raise FaultError(
                f"{lab.init.title} started it all the same: it does not read {', '.join(paths)} when service "
                f"{service.name} starts",
                hint='break what it does read: a path inside, or which="config"',
            )
        time.sleep(0.03)


def _up(lab: Lab) -> list[str]:
    """The longruns that have a main process, in the manifest's order."""
    found = lab.init.main_pids(lab.sandbox.processes(), lab.manifest)
    return [service.name for service in lab.manifest.services if service.name in found]


def _choose(lab: Lab, service: Service, which: str | None) -> tuple[list[str], bool]:
    """The files to break, and whether nothing of them is kept (one bad line could be ignored)."""
    if which is not None and which.startswith("/"):
        if lab.sandbox.exec(["/usr/bin/test", "-f", which]).code != 0:
            raise FaultError(f"there is no file {which} in the lab", hint='which="config" or "definition"')
        return [which], False
    if which not in (None, "config", "definition"):
        raise FaultError(f'which is "config", "definition" or a path inside, not {which!r}')
    found = config_files(lab.manifest, service) if which != "definition" else []
    if found:
        return found, False
    if which == "config":
        raise FaultError(
            f"the command of service {service.name} names no file of the manifest's",
            hint='name one by its path inside, or take which="definition"',
        )
    found = definition_files(lab.init, lab.manifest, service)
    copies = []
    for path in found:
        copies += _sh(lab, _COPIES, path, posixpath.basename(path), service.name).split()
    return found + copies, True


def _room(path: str) -> str:
    """Where the file is kept: on the same file system, outside of every directory that an init reads."""
    top = next((mount for mount in ("/run", "/tmp") if path.startswith(mount + "/")), "/var/lib")  # noqa: S108
    return f"{top}/initlab-kept"


def _reload(lab: Lab) -> None:
    """Some inits keep definitions in memory; those say how to read them again (`Init.reload`, optional)."""
    reload = getattr(lab.init, "reload", None)
    if reload is not None:
        argv: Sequence[str] = reload()
        lab.sandbox.exec(argv, timeout=30)


def _sh(lab: Lab, script: str, *args: str) -> str:
    done = lab.sandbox.exec(["/bin/sh", "-c", script, "sh", *args])
    if done.code != 0:
        said = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        raise FaultError(f"cannot change {args[0]} in the lab: {said}", hint="lab.faults.active()")
    return done.text
