"""What a probe looks at: one running stack, with what it needs to know to ask from outside.

All times are `time.monotonic()` seconds (CLOCK_MONOTONIC, clock_gettime(2)).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from helpers.engines.base import Sandbox
from helpers.errors import InitlabError
from helpers.inits.base import Init
from helpers.manifest.graph import expand
from helpers.manifest.models import Exec, Fd, Http, Manifest, Service, Tcp
from helpers.probes.ready import is_ready

if TYPE_CHECKING:
    from helpers.lab import Lab

__all__ = ["STEP", "Target", "longruns", "poll"]

STEP = 0.002
"""Seconds between two looks of a probe: the resolution of every time it takes."""
_LISTEN = "0A"  # include/net/tcp_states.h

Found = TypeVar("Found")


def poll(look: Callable[[], Found], timeout: float, step: float = STEP) -> Found:
    """Look every `step` seconds until what is seen is true, at most `timeout` seconds.

    Returns what the last look saw. It looks at least twice, once after the time has passed.
    """
    end = time.monotonic() + timeout
    while not (found := look()):
        if time.monotonic() >= end:
            return look()
        time.sleep(step)
    return found


def longruns(manifest: Manifest) -> dict[str, Service]:
    """The longruns by name, in the manifest's order, with what they need where a bundle's name stood."""
    return {s.name: s for s in expand(manifest).services if s.kind == "longrun"}


@dataclass(frozen=True)
class Target:
    """A running sandbox, the init in it and the manifest it was given."""

    sandbox: Sandbox
    init: Init
    manifest: Manifest

    @classmethod
    def of(cls, lab: Lab) -> Target:
        """A started lab. Raises `LabError` when it is not started."""
        return cls(lab.sandbox, lab.init, lab.manifest)

    @cached_property
    def longruns(self) -> dict[str, Service]:
        """See `longruns`."""
        return longruns(self.manifest)

    @cached_property
    def proc(self) -> Path | None:
        """The sandbox's own /proc as seen from here; `None` where it cannot be read.

        That is so on another computer, and as another user than the sandbox's.
        """
        path = Path(f"/proc/{self.sandbox.pid1}/root/proc")
        try:
            (path / "1" / "stat").read_text()
        except OSError:
            return None
        return path

    def main_pids(self) -> dict[str, int]:
        """Service → PID inside of its main process, now."""
        return self.init.main_pids(self.sandbox.processes(), self.manifest)

    def host_pids(self) -> dict[int, int]:
        """PID inside → PID as the host numbers it, of every process of the sandbox that can be seen.

        Read off the NSpid line of /proc/PID/status (proc_pid_status(5)).
        """
        found: dict[int, int] = {}
        try:
            namespace = os.readlink(f"/proc/{self.sandbox.pid1}/ns/pid")
        except OSError:
            return found
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            try:
                if os.readlink(f"{entry.path}/ns/pid") != namespace:
                    continue
                status = Path(entry.path, "status").read_text(errors="replace")
            except OSError:
                continue  # ended meanwhile, or another user's
            line = next((line for line in status.splitlines() if line.startswith("NSpid:")), "")
            if line:
                found[int(line.split()[-1])] = int(entry.name)
        return found

    def port(self, service: Service) -> int | None:
        """The port without which a service cannot be ready, where its manifest tells one."""
        if isinstance(service.readiness, Tcp | Http):
            return service.readiness.port
        return service.ports[0] if service.ports else None

    def listens(self, port: int) -> bool | None:
        """Whether a socket listens on `port` inside, off /proc/PID/net/tcp (proc_pid_net(5)); `None` where
        that cannot be read. Nothing is run inside for it."""
        seen = None
        for table in ("tcp", "tcp6"):
            try:
                lines = Path(f"/proc/{self.sandbox.pid1}/net/{table}").read_text().splitlines()[1:]
            except OSError:
                continue
            seen = False
            for line in lines:
                _, local, _, state = line.split()[:4]
                if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                    return True
        return seen

    def is_ready(self, service: Service) -> bool:
        """Ask a service's own readiness probe once, cheapest question first.

        As long as nothing listens on its port, the probe itself is not run: it would cost the booting
        stack the processor, and its answer is known.
        """
        if service.readiness is None:
            return service.name in self.main_pids()
        port = self.port(service)
        if port is not None:
            seen = self.listens(port)
            if seen is False:
                return False
            if seen and isinstance(service.readiness, Tcp):
                return True
        if isinstance(service.readiness, Exec | Tcp | Http):
            return is_ready(self.sandbox, service, running=True)
        assert isinstance(service.readiness, Fd)  # noqa: S101 - narrows the type
        rows = self.init.status(self.sandbox, self.manifest)
        told = next((row.ready for row in rows if row.name == service.name), None)
        return is_ready(self.sandbox, service, service.name in self.main_pids(), told)

    def why_not_ready(self, names: list[str], after: float) -> str:
        """A sentence for services that are not ready, with the last thing said by or of each."""
        ended = self.sandbox.exit
        if ended is not None:
            said = self.sandbox.logs().decode(errors="replace").strip().splitlines()
            tail = f": {said[-1].strip()}" if said else ""
            return f"PID 1 ended with {ended.code} before {', '.join(names)} was ready{tail}"
        said = []
        for name in names:
            try:
                lines = self.sandbox.read(self.init.log_path(name)).decode(errors="replace").splitlines()
            except InitlabError:  # no log yet, or no sandbox any more
                lines = []
            if lines:
                said.append(f"{name}'s log ends with: {lines[-1].strip()[:160]}")
        tail = f"; {'; '.join(said)}" if said else ""
        return f"{', '.join(names)} was not ready within {after:g} s{tail}"
