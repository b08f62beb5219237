"""A booted stack: the sandbox, its init and its manifest."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from helpers.engines.base import ExecResult, Image, Network, Sandbox
from helpers.engines.embedded import Embedded
from helpers.errors import SandboxError
from helpers.inits import registry
from helpers.inits.base import Init, ServiceStatus
from helpers.manifest import Manifest

from .manifests import tree_of

__all__ = ["Machine", "boot", "until"]

WAIT = 20.0


def until(done: Callable[[], Any], what: str, timeout: float = WAIT) -> Any:
    """The first true answer of `done`, asked again and again; fails with `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        answer = done()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {timeout:g} s: {what}"
        time.sleep(0.02)


@dataclass
class Machine:
    """`init` runs `manifest` as PID 1 of `box`."""

    init: Init
    manifest: Manifest
    box: Sandbox

    def status(self) -> dict[str, ServiceStatus]:
        """What the init says of each service."""
        return {row.name: row for row in self.init.status(self.box, self.manifest)}

    def wait_state(self, service: str, state: str) -> ServiceStatus:
        """Wait until the init says that `service` is in `state`."""

        def found() -> ServiceStatus | None:
            row = self.status()[service]
            return row if row.state == state else None

        row = until(found, f"{service} is {state}")
        assert isinstance(row, ServiceStatus)
        return row

    def pids(self) -> dict[str, int]:
        """Each service's main process."""
        return self.init.main_pids(self.box.processes(), self.manifest)

    def sh(self, text: str) -> ExecResult:
        """A shell command inside."""
        return self.box.exec(["/bin/sh", "-c", text])

    def file(self, path: str) -> str:
        """The text of a file inside; empty as long as there is none."""
        try:
            return self.box.read(path).decode()
        except SandboxError:
            return ""

    def records(self, service: str) -> list[dict[str, Any]]:
        """The JSON objects in a service's log, without what the logger put before them."""
        lines = self.file(self.init.log_path(service)).splitlines()
        return [json.loads(line[line.index("{") :]) for line in lines if "{" in line and line.endswith("}")]

    def get(self, port: int, path: str = "/") -> int:
        """The status of an HTTP answer, 0 where there is none."""
        host, outside = self.box.address(port)
        connection = http.client.HTTPConnection(host, outside, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


def boot(init: str, manifest: Manifest, image: Image) -> Machine:
    """Start a sandbox; whoever calls it destroys it. Skips for an init that is built here and cannot be."""
    tree = tree_of(init, manifest)
    if getattr(registry.get(init), "lacks", None) is not None:
        here = registry.runnable(init, image, tree=tree)
        if not here.ok:
            pytest.skip(here.reason)
    ports = tuple(port for service in manifest.services for port in service.ports)
    found = registry.get(init)
    box = Embedded().start(image, found.pid1(), tree, network=Network(ports))
    return Machine(found, manifest, box)
