"""What the columns of a comparison matrix are compared with: inits booted with a stack nobody has seen.

Two services of random names: the first listens after a random delay, the second needs it and logs JSON
lines. From outside is then seen who kept the second back, and who has its log open.
"""

from __future__ import annotations

import statistics
import threading
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from checks.behaviours import LabFailed, Trial
from checks.pid1.box import place, random_word
from helpers.engines.base import Sandbox
from helpers.errors import InitlabError, LabError
from helpers.filetree import FileTree
from helpers.lab import Lab
from helpers.manifest import Manifest
from helpers.manifest.models import Service, Tcp
from helpers.probes.boot import HELD, booted
from helpers.probes.config import config_size
from helpers.probes.logs import ITSELF, PID1, log_kept
from helpers.probes.matrix_packages import Packages
from helpers.probes.matrix_run import SINGLE, measure_one
from helpers.probes.target import poll

__all__ = ["FIGURES", "LOG", "ORDER", "ROWS", "Columns", "Seen", "figure"]

ROWS = (
    "runit", "openrc", "s6", "s6-rc", "systemd", "sysvinit", "busybox", "finit", "supervisord", "runsvdir",
    "tini", "dumb-init", "catatonit",
)  # fmt: skip
ORDER = ("init", "script")
LOG = ("service", "logger", "pid 1")
FIGURES = (*SINGLE, "config_own", "config_script", "package", "package_all")
_LEAST = 4  # inits that have to boot for a verdict to mean something
_LOGGED = 8.0  # seconds until the first line is in the log

_FIRST = """
import socket, sys, time
time.sleep(float(sys.argv[1]))
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
while True:
    listener.accept()[0].close()
"""
_SECOND = """
import json, sys, time
while True:
    print(json.dumps({"event": sys.argv[1]}), flush=True)
    time.sleep(0.1)
"""


@dataclass(frozen=True)
class Seen:
    """What an init did: `order` and `log` as the columns call it, and in words."""

    order: str
    log: str
    order_words: str
    log_words: str


@dataclass
class Columns:
    """A learner's table, as bytes, and what the inits do, looked at once and kept."""

    text: bytes
    _seen: dict[str, Seen | None] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(
        default_factory=lambda: {name: threading.Lock() for name in ROWS}
    )

    def table(self) -> dict[str, Any]:
        """The table as it parses. Raises ValueError for what is no TOML."""
        return tomllib.loads(self.text.decode())

    def cell(self, init: str, column: str) -> object:
        """What stands in a cell; None where there is nothing."""
        row = self.table().get(init)
        return row.get(column) if isinstance(row, dict) else None

    def compare(self, trial: Trial, look: Callable[[str, Seen], None], *, backwards: bool) -> None:
        """Call `look` for every init that can be booted here, in the order of `ROWS`.

        `backwards` boots them in the other order: of two columns that are looked at together each then boots
        half of them. Raises LabFailed when too few can be booted.
        """
        for name in reversed(ROWS) if backwards else ROWS:
            self._see(trial, name)
        seen = {name: self._see(trial, name) for name in ROWS}
        if sum(found is not None for found in seen.values()) < _LEAST:
            raise LabFailed("too few of the inits can be booted on this computer")
        for name, found in seen.items():
            if found is not None:
                look(name, found)

    def forget(self, init: str) -> None:
        """Look at an init anew when it is asked for next: a busy computer may have shown it wrongly."""
        with self._locks[init]:
            self._seen.pop(init, None)

    def _see(self, trial: Trial, init: str) -> Seen | None:
        with self._locks[init]:  # both columns ask; who comes second gets what the first has seen
            if init not in self._seen:
                try:
                    self._seen[init] = _watch(trial, init)
                except InitlabError:
                    self._seen[init] = None  # not in this image, or this computer lacks what it needs
            return self._seen[init]


class _Owned(Lab):
    """A lab whose sandbox ends with a trial."""

    def __init__(self, trial: Trial, stack: str | Manifest, init: str, tree: FileTree | None = None) -> None:
        engine, image = place()
        super().__init__(stack, init, engine=engine, image=image, tree=tree)
        self._trial = trial

    def boot(self) -> Sandbox:
        return self._trial.own(super().boot())


def _watch(trial: Trial, init: str) -> Seen | None:
    rng = trial.rng
    first, second = random_word(rng, 8), random_word(rng, 9)
    port, delay = rng.randrange(3000, 30000), round(rng.uniform(0.3, 0.6), 2)
    tree = FileTree()
    tree.add("/opt/lab/first.py", _FIRST)
    tree.add("/opt/lab/second.py", _SECOND)
    python = "/usr/bin/python3"
    services = (
        Service(
            name=first,
            command=(python, "/opt/lab/first.py", str(delay), str(port)),
            readiness=Tcp(kind="tcp", port=port),
            ports=(port,),
        ),
        Service(name=second, command=(python, "/opt/lab/second.py", random_word(rng)), depends_on=(first,)),
    )
    with booted(_Owned(trial, Manifest(name="columns", services=services), init, tree)) as boot:
        poll(lambda: log_kept(boot.target, second).form, _LOGGED, step=0.05)
        log = log_kept(boot.target, second)
    if boot.keeps_order is None or log.writer is None:
        return None
    held = boot.keeps_order == HELD
    return Seen(
        order="init" if held else "script",
        log={ITSELF: "service", PID1: "pid 1"}.get(log.writer, "logger"),
        order_words="no process of the service before what it needs was there"
        if held
        else "a process of the service was there before what it needs, and waited",
        log_words=f"{log.writer} has {log.path.replace(second, 'NAME')} open",
    )


def figure(trial: Trial, init: str, key: str) -> float:
    """A figure of the web stack under an init, in raw units; measured now where it has to be measured.

    Raises InitlabError where it cannot be had.
    """
    lab = _Owned(trial, "web", init)
    if key in SINGLE:
        # A boot is soon done; now and then one is quite another (runsvdir's, when a second has just ended).
        return statistics.median(measure_one(lab, key) for _ in range(3 if key == "boot" else 1))
    if key.startswith("config"):
        size = config_size(lab.rendered)
        return {"config_own": size.own_lines, "config_script": size.script_lines}[key]
    package = Packages.of(place()[1].rootfs).get(lab.init.package)
    if package is None:
        raise LabError(f"package {lab.init.package} is not in this image", hint="initlab image build")
    return package.size if key == "package" else package.with_dependencies
