"""runsvdir alone: runit's supervision without runit's three stages.

Source: runsvdir(8) of Debian's runit 2.2.0.
"""

from __future__ import annotations

from signal import SIGHUP

from helpers.engines.base import Pid1
from helpers.filetree import FileTree
from helpers.inits.base import Rendered, Unsupported
from helpers.inits.runit import Runit
from helpers.manifest.models import Manifest

__all__ = ["Runsvdir"]


class Runsvdir(Runit):
    """`runsvdir` as PID 1, as small containers have it: the service directories are runit's.

    There is no stage 3. On SIGHUP runsvdir sends SIGTERM to every runsv and ends at once with 111, and what
    has not ended by then is killed with PID 1 (pid_namespaces(7)).
    """

    name = "runsvdir"
    title = "runsvdir"
    package = "runit"
    binary = "/usr/bin/runsvdir"
    clean_exits = frozenset({111})

    def render(self, manifest: Manifest) -> Rendered:
        """The directories in /etc/service, as `Runit` has them, and nothing of /etc/runit but `wait-for`."""
        whole = super().render(manifest)
        kept = {
            path: entry
            for path, entry in whole.tree.entries.items()
            if not path.startswith("/etc/runit/") or path == "/etc/runit/wait-for"
        }
        notes = list(whole.unsupported)
        for service in manifest.services:
            if service.kind == "longrun":
                note = "runsvdir ends at once when it is stopped, and the service with it: no order, no grace"
                notes.append(Unsupported(service.name, "stop_grace", note))
        return Rendered(FileTree(kept), tuple(notes))

    def pid1(self) -> Pid1:
        """`runsvdir -P`: each runsv in a process group of its own; stopped by SIGHUP, ends with 111."""
        return Pid1((self.binary, "-P", "/etc/service"), stop_signal=SIGHUP)
