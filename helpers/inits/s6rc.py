"""s6-rc: services in a database compiled before the boot, brought up in order over s6.

Sources: the pages s6-rc-compile (the source format), s6-rc-init and s6-rc of skarnet.org/software/s6-rc.
Debian has no s6-rc: where an image lacks it, the manager of `labs/s6rc` reads the same sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.filetree import FileTree
from helpers.inits.base import Rendered, ServiceStatus, Unsupported
from helpers.inits.plan import limit_notes, make_plan, oneshot_notes, restarts_soon, with_bundles
from helpers.inits.s6 import STATUS, parse_status
from helpers.inits.s6rc_manager import CARRIED
from helpers.inits.servicedir import LARGEST_LOG, chain, log_run, longrun, main_pids, ms, stopping
from helpers.inits.shell import exports, join
from helpers.inits.templates import fill, title
from helpers.manifest.models import Manifest, Service

__all__ = ["S6Rc"]

_SOURCE = "/etc/s6-rc/source"
_MANAGER = Path(__file__).resolve().parents[2] / "labs" / "s6rc"
_CARRIED = ("s6rc/*.py", "bin/*", "linux-init/*", "linux-init/skel/*")
_UP = """
. /etc/s6-rc/path
echo "up: $(s6-rc -a list 2>/dev/null | sed /^s6rc-/d | tr '\\n' ' ')"
"""
# What depends on the service goes down with it, and comes back.
_RESTART = """
. /etc/s6-rc/path
up=$(s6-rc -a list | sed /^s6rc-/d) && s6-rc -bd change "$1" && s6-rc -bu change $up "$1"
"""


class S6Rc:
    """s6-svscan as PID 1, and s6-rc for the order; s6-linux-init around them where an image has it.

    A service that ends is started again by s6-supervise, as under `S6`; s6-rc does not watch it.
    """

    name = "s6-rc"
    title = "s6-rc"
    package = "s6"
    binary = "/usr/bin/s6-svscan"
    clean_exits = frozenset({0})
    reads_before_boot = True
    """Its definitions are compiled and looked at no more: to break one now changes nothing."""
    ordering = "dependencies compiled before the boot, in parallel, each after the readiness of what it needs"
    logging = "s6-log at the end of a pipeline: rotated by size, timestamped"

    def render(self, manifest: Manifest) -> Rendered:
        """/etc/s6-rc/source: a definition directory for each service, each logger and each bundle.

        Raises `RenderError` for what no init could order.
        """
        plan = make_plan(manifest)
        tree = FileTree()
        for name in ("init", "rc.init", "with"):
            tree.script(f"/etc/s6-rc/{name}", fill("s6-rc", name))
        tree.add("/etc/s6-rc/path", fill("s6-rc", "path"))
        tree.script("/etc/s6-rc/svscan/SIGTERM", fill("s6-rc", "SIGTERM"))
        tree.script("/etc/s6-rc/svscan/finish", fill("s6-rc", "finish-svscan"))
        for service in plan.services:
            _render_service(tree, service)
        for bundle in plan.bundles:
            _render_bundle(tree, bundle.name, bundle.depends_on)
        if not any(service.name == "default" for service in manifest.services):
            _render_bundle(tree, "default", tuple(service.name for service in plan.services))
        notes = [note for service in plan.services for note in _notes(service)]
        return Rendered(tree, tuple(notes))

    def carried(self) -> FileTree:
        """The manager for images without s6-rc, and the way those with s6-linux-init boot: it is nobody's
        configuration, so it is no part of `render`."""
        tree = FileTree()
        for path in (found for pattern in _CARRIED for found in sorted(_MANAGER.glob(pattern))):
            if path.is_file():
                inside = f"{CARRIED}/{path.relative_to(_MANAGER)}"
                tree.add(inside, path.read_bytes(), 0o644 if path.suffix == ".py" else 0o755)
        return tree

    def pid1(self) -> Pid1:
        """/etc/s6-rc/init, which becomes `s6-svscan` on /run/service; stopped by SIGTERM, ends with 0."""
        return Pid1(("/etc/s6-rc/init",))

    def start(self, service: str) -> Sequence[str]:
        """`s6-rc -u change`: with all it depends on, waiting until it is ready."""
        return ("/etc/s6-rc/with", "s6-rc", "-bu", "change", service)

    def stop(self, service: str) -> Sequence[str]:
        """`s6-rc -d change`: with all that depends on it."""
        return ("/etc/s6-rc/with", "s6-rc", "-bd", "change", service)

    def restart(self, service: str) -> Sequence[str]:
        """Down, with all that depends on it, and everything up again that was."""
        return ("/bin/sh", "-c", _RESTART, "sh", service)

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """`s6-rc -a list` for oneshots, `s6-svstat` for longruns. `ready` is `None` without readiness."""
        plain = [service for service in manifest.services if service.kind != "bundle"]
        longruns = [service for service in plain if service.kind == "longrun"]
        names = [service.name for service in longruns]
        answer = sandbox.exec(["/bin/sh", "-c", _UP + STATUS, "sh", *names])
        head, _, rest = answer.stdout.decode(errors="replace").partition("\n")
        up = head.removeprefix("up:").split()
        found = parse_status(rest, longruns, _notifies)
        for service in plain:
            if service.kind == "oneshot":
                state = "up" if service.name in up else "down"
                found[service.name] = ServiceStatus(service.name, state, raw=f"s6-rc -a list: {state}")
        return with_bundles(manifest, found)

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """The child of `s6-supervise NAME`."""
        return main_pids(processes, manifest)

    def log_path(self, service: str) -> str:
        """s6-log's current file; a oneshot's script writes its own."""
        return f"/var/log/lab/{service}/current"


def _notifies(service: Service) -> bool:
    return service.readiness is not None


def _render_service(tree: FileTree, service: Service) -> None:
    home = f"{_SOURCE}/{service.name}"
    tree.add(f"{home}/type", f"{service.kind}\n")
    _names(tree, f"{home}/dependencies.d", service.depends_on)
    if service.kind == "oneshot":
        for verb, argv in (("up", service.command), ("down", service.down)):
            if argv:
                path = f"/etc/s6-rc/oneshots/{service.name}/{verb}"
                values = {"title": title(service), "name": service.name, "exports": exports(service.env)}
                tree.script(path, fill("s6-rc", "oneshot", command=join(chain(service, argv)), **values))
                tree.add(f"{home}/{verb}", f"{path}\n")
        return
    longrun(tree, home, service, waits=[], lines=[], notifies=_notifies(service))
    stopping(tree, home, service)
    if service.readiness is not None:
        tree.add(f"{home}/timeout-up", f"{ms(service.readiness.timeout)}\n")
    log = f"{service.name}-log"
    tree.add(f"{home}/producer-for", f"{log}\n")
    tree.add(f"{_SOURCE}/{log}/type", "longrun\n")
    tree.add(f"{_SOURCE}/{log}/consumer-for", f"{service.name}\n")
    tree.add(f"{_SOURCE}/{log}/pipeline-name", f"{service.name}-pipe\n")
    tree.script(f"{_SOURCE}/{log}/run", log_run(service))


def _render_bundle(tree: FileTree, name: str, members: Sequence[str]) -> None:
    tree.add(f"{_SOURCE}/{name}/type", "bundle\n")
    _names(tree, f"{_SOURCE}/{name}/contents.d", members)


def _names(tree: FileTree, folder: str, names: Sequence[str]) -> None:
    """A file for each name: s6-rc looks at the names alone."""
    for name in dict.fromkeys(names):
        tree.add(f"{folder}/{name}", "# see the name\n")


def _notes(service: Service) -> list[Unsupported]:
    notes: list[Unsupported] = []

    def note(field: str, text: str) -> None:
        notes.append(Unsupported(service.name, field, text))

    if service.kind == "oneshot":
        notes += oneshot_notes(service)
    if restarts_soon(service):
        note("restart.delay", "s6-supervise waits until a second has passed since the last start, never less")
    if service.log.max_bytes > LARGEST_LOG:
        note("log.max_bytes", f"s6-log rotates at {LARGEST_LOG} bytes at the latest")
    return notes + limit_notes(service, "s6-softlimit")
