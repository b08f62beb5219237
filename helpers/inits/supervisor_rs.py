"""supervisor-rs: the course's own init, which reads the manifest itself.

Sources: its README and its `--help`, `labs/supervisor/supervisor-rs`. No image holds it: it is built from its
sources where this computer can (`helpers.rust`) and laid over the image.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.errors import InitlabError, SandboxError
from helpers.filetree import FileTree
from helpers.inits import plain
from helpers.inits.base import Rendered, ServiceStatus, Unsupported
from helpers.inits.plan import backs_off, limit_notes, make_plan, oneshot_notes
from helpers.manifest.models import Manifest, Service

__all__ = ["SupervisorRs", "parse_status"]

_MANIFEST = "/etc/supervisor/manifest.json"
_LOGS = "/var/log/lab"
_BIN = "/usr/local/bin"
_CONTROL = f"{_BIN}/supervisorctl-rs"


class SupervisorRs(plain.Plain):
    """supervisor-rs as PID 1: one process for the supervision of all services, their logs included.

    `stop` takes what depends on the service along and keeps it down; `start` brings both back.
    """

    name = "supervisor-rs"
    title = "supervisor-rs"
    package = "supervisor-rs"
    binary = f"{_BIN}/supervisor-rs"
    brings = "initlab rust (it finds or fetches what supervisor-rs is built with)"
    clean_exits = frozenset({0})
    reads_before_boot = True
    """It reads its manifest at the boot and on `reload`: to break the file changes nothing that runs."""
    ordering = "native: depends_on, each as soon as what it needs is ready, all in parallel"
    logging = "built in: a file for each service, rotated by size and count, timestamped"

    reads_output = True
    """PID 1 itself, in a thread, reads what services write."""

    def __init__(self) -> None:
        self._fault = ""

    def render(self, manifest: Manifest) -> Rendered:
        """/etc/supervisor/manifest.json: the manifest itself, defaults spelt out.

        Without `files`, which say where things lie on this computer. Raises `RenderError` for what no init
        could order.
        """
        make_plan(manifest)  # refuses what cannot be ordered
        tree = FileTree()
        tree.add(_MANIFEST, manifest.model_dump_json(indent=2, exclude={"files"}) + "\n")
        return Rendered(tree, tuple(note for service in manifest.services for note in _notes(service)))

    def carried(self) -> FileTree:
        """supervisor-rs and supervisorctl-rs, built if they have to be (half a minute the first time).

        Empty where this computer can neither build them nor has them out of a pack: `lacks` says why.
        """
        from helpers import rust

        tree = FileTree()
        self._fault = ""
        try:
            usable = rust.availability()
            if not usable.ok and not rust.packed("supervisor-rs"):
                self._fault = usable.reason
                return tree
            for program in ("supervisor-rs", "supervisorctl-rs"):
                built = rust.build("supervisor-rs", program=program)
                tree.add(f"{_BIN}/{program}", built.read_bytes(), 0o755)
        except InitlabError as error:
            self._fault = error.message.splitlines()[0]
            return FileTree()
        return tree

    def lacks(self) -> str:
        """Why it could not be built, in words; empty where it was, or where nobody has tried."""
        return self._fault

    def pid1(self) -> Pid1:
        """supervisor-rs on its manifest; stopped by SIGTERM, ends with 0."""
        return Pid1((self.binary, "--manifest", _MANIFEST, "--log-dir", _LOGS))

    def start(self, service: str) -> Sequence[str]:
        """`supervisorctl-rs start`: with what it needs; returns when it is ready."""
        return (_CONTROL, "start", service)

    def stop(self, service: str) -> Sequence[str]:
        """`supervisorctl-rs stop`: with what needs it; returns when its process is gone."""
        return (_CONTROL, "stop", service)

    def restart(self, service: str) -> Sequence[str]:
        """`supervisorctl-rs restart`: that service alone; returns when it is ready again."""
        return (_CONTROL, "restart", service)

    def reload(self) -> Sequence[str]:
        """`supervisorctl-rs reload`: a manifest that is refused leaves the old one in force."""
        return (_CONTROL, "reload")

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """`supervisorctl-rs --json status`."""
        try:
            answer = sandbox.exec([_CONTROL, "--json", "status"]).stdout.decode(errors="replace")
        except SandboxError:
            answer = ""
        return parse_status(answer, manifest)

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """As `Plain` finds them, among the leaders of a session: supervisor-rs makes one for each service."""
        leaders = [process for process in processes if process.sid == process.pid]
        return super().main_pids(leaders, manifest)

    def log_path(self, service: str) -> str:
        """The file that grows now; `current.1` and so on are the older ones."""
        return f"{_LOGS}/{service}/current"


def _notes(service: Service) -> list[Unsupported]:
    if service.kind == "bundle":
        return []
    notes = oneshot_notes(service) if service.kind == "oneshot" else []
    if service.kind == "longrun" and service.restart.policy != "never" and backs_off(service.restart):
        text = "from the second restart in a row on, the delay is up to a tenth longer or shorter, at random"
        notes.append(Unsupported(service.name, "restart.delay", text))
    notes += limit_notes(service, "without a cgroup of its own, setrlimit")
    if service.limits.pids is not None and service.user is None:
        # setrlimit(2): RLIMIT_NPROC refuses nobody who is root, so it is not set.
        text = "without a cgroup of its own nothing limits the processes of a service that runs as root"
        notes[-1] = Unsupported(service.name, "limits.pids", text)
    return notes


def parse_status(text: str, manifest: Manifest) -> list[ServiceStatus]:
    """The JSON answer, in the manifest's order. What does not answer yet has every service down.

    `ready` is `None` where nothing was asked for: then it says no more than that the service is up.
    """
    rows: dict[str, dict[str, Any]] = {}
    with suppress(ValueError, KeyError, TypeError):
        rows = {row["name"]: row for row in json.loads(text)["services"]}
    found = []
    for service in manifest.services:
        asked = service.kind == "longrun" and service.readiness is not None
        row = rows.get(service.name)
        if row is None:
            found.append(ServiceStatus(service.name, "down", ready=False if asked else None))
            continue
        ready = bool(row.get("ready")) if asked else None
        raw = json.dumps(row)
        found.append(ServiceStatus(service.name, row["state"], row["pid"], row["uptime"], ready, raw))
    return found
