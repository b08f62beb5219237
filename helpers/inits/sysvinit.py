"""sysvinit: /etc/inittab, runlevels, `respawn` and `once`.

Sources: init(8), inittab(5), telinit(8) of Debian's sysvinit-core 3.14.
"""

from __future__ import annotations

from signal import SIGINT

from helpers.engines.base import Pid1
from helpers.filetree import FileTree
from helpers.inits import plain
from helpers.inits.base import Rendered, Unsupported
from helpers.inits.plan import make_plan
from helpers.inits.templates import fill
from helpers.manifest.models import Manifest, Service

__all__ = ["SysVinit"]


class SysVinit(plain.Plain):
    """sysvinit's `init` as PID 1, supervising from inittab (not the scripts of /etc/init.d).

    A service that is started more than ten times in two minutes is left alone for five (init(8)). The
    services are stopped by the `ctrlaltdel` entry, and reboot(2) ends the sandbox as SIGINT would
    (pid_namespaces(7)).
    """

    name = "sysvinit"
    title = "sysvinit"
    package = "sysvinit-core"
    binary = "/sbin/init"
    clean_exits = frozenset({130})
    ordering = "runlevels; in a runlevel none (our scripts wait)"
    logging = "none: our scripts write plain files"

    def render(self, manifest: Manifest) -> Rendered:
        """/etc/inittab, an entry of runlevel 2 for each service, and the scripts in /etc/lab.

        Raises `RenderError` for what no init could order.
        """
        plan = make_plan(manifest)
        tree = FileTree()
        lines = [
            # inittab(5): an id has at most four characters.
            f"s{number}:2:{_action(service)}:/etc/lab/service/{service.name}"
            for number, service in enumerate(plan.services, 1)
        ]
        tree.add("/etc/inittab", fill("sysvinit", "inittab", services=lines))
        # halt(8) would ask init to change the runlevel, which brings us here again.
        plain.render(tree, plan, last="exec busybox poweroff -f")
        notes: list[Unsupported] = []
        for service in manifest.services:
            notes += plain.notes(service, self.title)
        return Rendered(tree, tuple(notes))

    def pid1(self) -> Pid1:
        """`init`, stopped by SIGINT: the kernel's word for ctrl-alt-del (init(8)). reboot(2) needs
        CAP_SYS_BOOT."""
        return Pid1((self.binary,), stop_signal=SIGINT, capabilities=("SYS_BOOT",))


def _action(service: Service) -> str:
    return "once" if service.kind == "oneshot" or service.restart.policy == "never" else "respawn"
