"""What can be asked of a running lab: the part of `helpers.lab.Lab` that only looks."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.engines.base import Sandbox
from helpers.errors import InitlabError, LabError, SandboxError, SandboxGone
from helpers.inits.base import Init, Rendered, ServiceStatus, Unsupported
from helpers.manifest import Manifest
from helpers.manifest.models import Service
from helpers.probes.events import Events
from helpers.probes.watch import Watcher

if TYPE_CHECKING:
    from helpers.lab import Lab
    from helpers.show.http import Response
    from helpers.show.logs import Log
    from helpers.show.status import StatusTable
    from helpers.show.timeline import Timeline
    from helpers.show.tree import ProcessTree

__all__ = ["LabView"]


class LabView:
    """Looks at a lab and changes nothing. `helpers.lab.Lab` is one, and brings what is declared here."""

    manifest: Manifest
    init: Init
    rendered: Rendered
    _watcher: Watcher | None

    if TYPE_CHECKING:

        def start(self) -> Lab: ...

        @property
        def sandbox(self) -> Sandbox: ...

        def service(self, name: str) -> Service: ...

    def unsupported(self) -> tuple[Unsupported, ...]:
        """What the manifest asks for and this init cannot express."""
        return self.rendered.unsupported

    def status(self) -> StatusTable:
        """A table of the services: what the init says, and what is seen from outside."""
        from helpers.show.status import StatusTable

        table = {process.pid: process for process in self.sandbox.processes()}
        watcher = self._get_watcher()
        return StatusTable.of(self._native_status(), table, watcher.events(), watcher.ready())

    def processes(self) -> ProcessTree:
        """The processes inside, as a tree."""
        from helpers.show.tree import ProcessTree

        return ProcessTree(self.sandbox.processes())

    def glance(self) -> StatusTable:
        """The status table as seen from outside alone: nothing is run inside, so nothing is disturbed."""
        from helpers.show.status import StatusTable

        watcher = self._get_watcher()
        table = {process.pid: process for process in self.sandbox.processes()}
        pids, now = watcher.pids(), time.clock_gettime(time.CLOCK_BOOTTIME)
        seen = []
        for service in self.manifest.services:
            process = table.get(pids.get(service.name, -1))
            if process is not None:
                seen.append(ServiceStatus(service.name, "up", process.pid, now - process.started))
            elif service.kind == "longrun":
                seen.append(ServiceStatus(service.name, "down"))
        return StatusTable.of(seen, table, watcher.events(), watcher.ready())

    def events(self) -> Events:
        """What was seen of the services so far."""
        return self._watcher.events() if self._watcher is not None else Events()

    def timeline(self, last: float = 60.0) -> Timeline:
        """The events as a picture of the `last` seconds (0: since the start), and all of them as text."""
        from helpers.show.timeline import Timeline

        until = self._watcher.now() if self._watcher is not None else 0.0
        names = [s.name for s in self.manifest.services if s.kind == "longrun"]
        return Timeline(self.events(), until, names, begin=max(0.0, until - last) if last else 0.0)

    def logs(self, service: str, lines: int = 20) -> Log:
        """The last lines of a service's standard output and error, from the init's own logger.

        `lines=0` gives everything.
        """
        from helpers.show.logs import Log

        path = self.init.log_path(self.service(service).name)
        try:
            text = self.sandbox.read(path).decode(errors="replace")
        except SandboxGone:
            raise
        except SandboxError as error:
            raise LabError(
                f"service {service} has no log yet: {error.message}", hint="lab.status()"
            ) from None
        return Log(service, path, text.splitlines()[-lines:])

    def http(self, service: str, path: str = "/", timeout: float = 5.0) -> Response:
        """GET `path` from a service's first declared port.

        Raises `LabError` when the service declares no port or does not answer.
        """
        from helpers.show.http import fetch

        ports = self.service(service).ports
        if not ports:
            raise LabError(f"service {service} declares no port", hint="add `ports = [...]` to the manifest")
        host, port = self.sandbox.address(ports[0])
        try:
            return fetch(host, port, path, timeout)
        except OSError as error:
            raise LabError(
                f"service {service} does not answer on port {ports[0]}: {error.strerror or error}",
                hint=f"lab.status(), lab.logs({service!r})",
            ) from None

    def shell(self) -> None:
        """Print the command that opens a shell in the lab, for any terminal (also JupyterLab's)."""
        here = Path(sys.executable).with_name("initlab")
        command = "initlab" if shutil.which("initlab") or not here.exists() else str(here)
        print(f"In a terminal on this computer:\n\n    {command} lab shell {self.sandbox.id}\n")

    def _get_watcher(self) -> Watcher:
        if self._watcher is None:
            raise LabError(f"lab {self.manifest.name} is not running", hint="lab.start()")
        return self._watcher

    def _native_status(self) -> list[ServiceStatus]:
        return self.init.status(self.sandbox, self.manifest)

    def _explain_not_ready(self, names: set[str], timeout: float) -> None:
        exit_ = self.sandbox.exit
        if exit_ is not None:
            tail = self.sandbox.logs().decode(errors="replace").strip().splitlines()[-8:]
            raise LabError(
                f"PID 1 ({self.init.title}) ended with {exit_.code} before its services were ready:\n"
                + "\n".join(f"    {line}" for line in tail)
            )
        parts = []
        for name in [s.name for s in self.manifest.services if s.name in names]:
            parts.append(f"  {name}:")
            try:
                lines = self.logs(name, 5).lines
            except InitlabError as error:
                lines = [error.message]
            # What a supervisor says of a service it cannot even start goes to the console.
            console = self.sandbox.logs().decode(errors="replace").splitlines()
            lines += [f"console: {line}" for line in console if name in line][-2:]
            parts += [f"    {line}" for line in lines or ["(its log is empty)"]]
        raise LabError(
            f"not ready after {timeout:g} s: {', '.join(sorted(names))}; the last lines of their logs:\n"
            + "\n".join(parts),
            hint=f"lab.status(), lab.logs({sorted(names)[0]!r})",
        )
