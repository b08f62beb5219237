"""supervisord: programs in an ini file, `supervisorctl`.

Source: the manual of Supervisor 4.2, <https://supervisord.org/configuration.html>.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from helpers.engines.base import Pid1
from helpers.filetree import FileTree
from helpers.inits import plain
from helpers.inits.base import Rendered, Unsupported
from helpers.inits.plan import make_plan
from helpers.inits.templates import fill
from helpers.manifest.models import Manifest, Service

__all__ = ["Supervisord"]


class Supervisord(plain.Plain):
    """supervisord as PID 1. It is made to run under an init; as PID 1 it reaps what it adopts.

    Its loop turns once a second, so a restart takes up to that long. Programs are started in the order of
    their priority, which waits for nothing. They are stopped one at a time in the reverse order, and each end
    is noticed at the next turn: a shutdown takes about a second for each program.
    """

    name = "supervisord"
    title = "supervisord"
    package = "supervisor"
    binary = "/usr/bin/supervisord"
    clean_exits = frozenset({0})
    ordering = "priority: the order of starting, without waiting (our scripts wait)"
    logging = "built in: plain files, rotated by size"

    def render(self, manifest: Manifest) -> Rendered:
        """/etc/supervisord.conf, a program for each service, and the scripts in /etc/lab.

        Raises `RenderError` for what no init could order.
        """
        plan = make_plan(manifest)
        tree = FileTree()
        programs = []
        for service in plan.services:
            programs += fill(
                "supervisord",
                "program",
                name=service.name,
                priority=len(plan.stop_order) - plan.stop_order.index(service),
                autorestart=_autorestart(service),
                signal=service.stop_signal,
                grace=math.ceil(service.stop_grace),
                max_bytes=service.log.max_bytes,
                keep=service.log.keep,
            ).splitlines()
        tree.add(
            "/etc/supervisord.conf", fill("supervisord", "supervisord.conf", programs="\n".join(programs))
        )
        tree.script("/etc/lab/init", fill("supervisord", "init"))
        plain.render(tree, plan, log=False)
        notes: list[Unsupported] = []
        for service in manifest.services:
            notes += plain.notes(service, self.title, exits=True, rotates=True)
        return Rendered(tree, tuple(notes))

    def pid1(self) -> Pid1:
        """/etc/lab/init, which becomes supervisord; stopped by SIGTERM, ends with 0."""
        return Pid1(("/etc/lab/init",))

    def start(self, service: str) -> Sequence[str]:
        """`supervisorctl start`; a oneshot's script is run."""
        return ("/bin/sh", "-c", _START, "sh", service)

    def stop(self, service: str) -> Sequence[str]:
        """`supervisorctl stop`; a oneshot is undone."""
        return ("/bin/sh", "-c", _STOP, "sh", service)

    def restart(self, service: str) -> Sequence[str]:
        """`supervisorctl restart`; a oneshot is undone and done again."""
        return ("/bin/sh", "-c", f"{_STOP}\n{_START}", "sh", service)


# What supervisord stopped is down on purpose: the mark tells our own status.
_STOP = """
if [ -e "/etc/lab/oneshot/$1" ]; then /etc/lab/control stop "$1"
else supervisorctl stop "$1" >&2 && : >"/run/lab/$1.down" && rm -f "/run/lab/$1.up"; fi || exit
"""
_START = """
if [ -e "/etc/lab/oneshot/$1" ]; then /etc/lab/control start "$1"
else
    [ -x "/etc/lab/service/$1" ] || { echo "no service $1" >&2; exit 1; }
    rm -f "/run/lab/$1.down"; supervisorctl start "$1" >&2
fi
"""


def _autorestart(service: Service) -> str:
    if service.kind == "oneshot":
        return "false"
    return {"always": "true", "on-failure": "unexpected", "never": "false"}[service.restart.policy]
