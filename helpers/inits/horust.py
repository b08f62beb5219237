"""Horust: a TOML file for each service; from the Rust registry, under a main program of ours.

Sources: the documentation of Horust 0.1.14 (DOCUMENTATION.md of its repository) and its source. No image
holds it: `labs/landscape/horust` is built where this computer can (`helpers.rust`) and laid over the image.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from helpers.engines.base import Pid1
from helpers.errors import InitlabError
from helpers.filetree import FileTree
from helpers.inits import plain
from helpers.inits.base import Rendered, Unsupported
from helpers.inits.plan import make_plan
from helpers.inits.templates import fill
from helpers.manifest.models import Manifest, Service

__all__ = ["CRATE", "Horust"]

CRATE = Path(__file__).resolve().parents[2] / "labs" / "landscape" / "horust"
_SERVICES = "/etc/horust/services"


class Horust(plain.Plain):
    """Horust as PID 1: a thread for each service, and a bus of events between them.

    `start-after` orders the starts of services it thinks up, which is as soon as their process runs: our
    scripts wait for readiness. Built without optimisation, as its build takes minutes either way.
    """

    name = "horust"
    title = "Horust"
    package = "horust"
    binary = "/usr/local/bin/horust-lab"
    brings = "initlab rust (it finds or fetches what Horust is built with)"
    clean_exits = frozenset({0})
    ordering = (
        "start-after, shutdown-after: the order of starting and of stopping; our scripts wait for readiness"
    )
    logging = "built in: files, rotated by size; our scripts write plain files"

    def __init__(self) -> None:
        self._fault = ""

    def render(self, manifest: Manifest) -> Rendered:
        """A file in /etc/horust/services for each service, and the scripts in /etc/lab.

        Raises `RenderError` for what no init could order.
        """
        plan = make_plan(manifest)
        tree = FileTree()
        for service in plan.services:
            dependents = [f"{other.name}.toml" for other in plan.services if service.name in other.depends_on]
            after = [f"{name}.toml" for name in service.depends_on]
            text = fill(
                "horust",
                "service.toml",
                name=service.name,
                after=json.dumps(after),
                dependents=json.dumps(dependents),
                strategy=_strategy(service),
                signal=service.stop_signal,
                grace=math.ceil(service.stop_grace),
            )
            tree.add(f"{_SERVICES}/{service.name}.toml", text)
        tree.script("/etc/lab/init", fill("horust", "init"))
        plain.render(tree, plan)
        notes: list[Unsupported] = []
        for service in manifest.services:
            notes += plain.notes(service, self.title, exits=True)
        return Rendered(tree, tuple(notes))

    def carried(self) -> FileTree:
        """Horust, built if it has to be (minutes the first time).

        Empty where this computer cannot build it: `lacks` says why.
        """
        from helpers import rust
        from helpers.rust.crates import Crate

        tree = FileTree()
        self._fault = ""
        try:
            usable = rust.availability()
            if not usable.ok:
                self._fault = usable.reason
                return tree
            tree.add(self.binary, rust.build(Crate.of(CRATE), profile="dev").read_bytes(), 0o755)
        except InitlabError as error:
            self._fault = error.message.splitlines()[0]
        return tree

    def lacks(self) -> str:
        """Why it could not be built, in words; empty where it was, or where nobody has tried."""
        return self._fault

    def pid1(self) -> Pid1:
        """/etc/lab/init, which becomes Horust; stopped by SIGTERM, ends with 0."""
        return Pid1(("/etc/lab/init",))


def _strategy(service: Service) -> str:
    return "never" if service.kind == "oneshot" else service.restart.policy
