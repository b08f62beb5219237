"""The inits that only reap and pass signals on: tini, dumb-init, catatonit.

They know one child and no services. So the child is a shell launcher that starts the services and starts
them again: what you measure under one of them, apart from reaping, is that shell script.

Sources: tini(1), dumb-init(1), catatonit(1).
"""

from __future__ import annotations

from helpers.engines.base import Pid1
from helpers.filetree import FileTree
from helpers.inits import plain
from helpers.inits.base import Rendered, Unsupported
from helpers.inits.plan import backs_off, make_plan
from helpers.inits.shell import number
from helpers.inits.templates import fill
from helpers.manifest.models import Manifest, Service

__all__ = ["Catatonit", "DumbInit", "Tini"]


class _Minimal(plain.Plain):
    name: str
    title: str
    package: str
    binary: str
    options: tuple[str, ...] = ("--",)
    clean_exits = frozenset({0})
    ordering = "none: it starts one program (our launcher's scripts wait)"
    logging = "none: our scripts write plain files"

    def render(self, manifest: Manifest) -> Rendered:
        """/etc/lab/launch, /etc/lab/supervise and a script for each service.

        Raises `RenderError` for what no init could order.
        """
        plan = make_plan(manifest)
        tree = FileTree()
        # A shell starts what runs in the background deaf to SIGINT and SIGQUIT (sh(1)).
        lines = [f"env --default-signal=INT,QUIT {_starter(service)} &" for service in plan.services]
        tree.script("/etc/lab/launch", fill("minimal", "launch", services=lines))
        tree.script("/etc/lab/supervise", fill("minimal", "supervise"))
        plain.render(tree, plan)
        notes: list[Unsupported] = []
        for service in manifest.services:
            notes += plain.notes(service, self.title, exits=True)
            if service.kind == "longrun":
                note = f"{self.title} restarts nothing: a shell loop of ours does"
                notes.append(Unsupported(service.name, "restart.policy", note))
        return Rendered(tree, tuple(notes))

    def pid1(self) -> Pid1:
        """The init with the launcher as its child, stopped by SIGTERM, which it passes on; it ends as the
        launcher does, with 0."""
        return Pid1((self.binary, *self.options, "/etc/lab/launch"))


def _starter(service: Service) -> str:
    if service.kind == "oneshot":
        return f"/etc/lab/service/{service.name}"
    # A longer delay is held back by the service's own script.
    delay = 0.0 if backs_off(service.restart) else service.restart.delay
    return f"/etc/lab/supervise {service.name} {service.restart.policy} {number(delay) or 0}"


class Tini(_Minimal):
    """tini as PID 1."""

    name = "tini"
    title = "tini"
    package = "tini"
    binary = "/usr/bin/tini"


class DumbInit(_Minimal):
    """dumb-init as PID 1, told to pass signals to its child alone: by default it sends them to the child's
    whole session, and the services would all end at once (dumb-init(1), `--single-child`)."""

    name = "dumb-init"
    title = "dumb-init"
    package = "dumb-init"
    binary = "/usr/bin/dumb-init"
    options = ("--single-child", "--")


class Catatonit(_Minimal):
    """catatonit as PID 1."""

    name = "catatonit"
    title = "catatonit"
    package = "catatonit"
    binary = "/usr/bin/catatonit"
