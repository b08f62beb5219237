"""busybox init: /etc/inittab, `respawn` and `once`.

Sources: `busybox init --help`, init/init.c and examples/inittab of busybox 1.37; it has no manual page of
its own in Debian beyond busybox(1).
"""

from __future__ import annotations

from signal import SIGUSR2

from helpers.engines.base import Pid1
from helpers.filetree import FileTree
from helpers.inits import plain
from helpers.inits.base import Rendered, Unsupported
from helpers.inits.plan import make_plan
from helpers.inits.templates import fill
from helpers.manifest.models import Manifest, Service

__all__ = ["Busybox"]


class Busybox(plain.Plain):
    """busybox init as PID 1.

    init.c looks for children that have ended about once a second, so a restart takes up to that long. It
    stops the services with the `shutdown` action, then sends SIGTERM and a second later SIGKILL to all, and
    calls reboot(2), which ends the sandbox as SIGINT would (pid_namespaces(7)).
    """

    name = "busybox"
    title = "busybox init"
    package = "busybox-static"
    binary = "/bin/busybox"
    clean_exits = frozenset({130})
    ordering = "none: all at once (our scripts wait)"
    logging = "none: our scripts write plain files"

    def render(self, manifest: Manifest) -> Rendered:
        """/etc/inittab, a line for each service, and the scripts in /etc/lab."""
        plan = make_plan(manifest)
        tree = FileTree()
        lines = [f"::{_action(service)}:/etc/lab/service/{service.name}" for service in plan.services]
        tree.add("/etc/inittab", fill("busybox", "inittab", services=lines))
        plain.render(tree, plan)
        notes: list[Unsupported] = []
        for service in manifest.services:
            notes += plain.notes(service, self.title)
        return Rendered(tree, tuple(notes))

    def pid1(self) -> Pid1:
        """`busybox init`, stopped by SIGUSR2 (power off). reboot(2) needs CAP_SYS_BOOT."""
        return Pid1((self.binary, "init"), stop_signal=SIGUSR2, capabilities=("SYS_BOOT",))


def _action(service: Service) -> str:
    """What runs once: a oneshot, and a service that is not to be started again."""
    return "once" if service.kind == "oneshot" or service.restart.policy == "never" else "respawn"
