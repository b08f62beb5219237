"""finit: one line for each service, conditions, readiness as s6 and systemd have it, `initctl`.

Sources: finit.conf(5), initctl(8) and the documentation of finit 4.12 (doc/config.md, doc/conditions.md).
What Debian's package lacks (every plugin) and what happens at the shutdown was seen here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from signal import SIGUSR2
from typing import Any

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.errors import SandboxError
from helpers.filetree import FileTree
from helpers.inits import plain
from helpers.inits.base import Rendered, ServiceStatus, Unsupported
from helpers.inits.plan import (
    Plan,
    back_off_values,
    backs_off,
    limit_notes,
    make_plan,
    oneshot_notes,
    with_bundles,
)
from helpers.inits.readiness import check_command, wait_seconds
from helpers.inits.setpriv import behind_setpriv
from helpers.inits.shell import exports, number, quote
from helpers.inits.templates import fill, title
from helpers.manifest.models import Fd, Manifest, Service

__all__ = ["Finit", "parse_status"]

_LONGEST = 160  # characters of a list of conditions; finit 4.12 takes 184 and drops 221
_TOGETHER = 3  # names of 32 characters, some more where they stand for parts
_MARKS = "cd /run && ls -d finit/cond/service/*/ready lab/*.up 2>/dev/null"
_STATUS = f"initctl --batch --json || exit; echo; {_MARKS}; :"
_STATES = {
    "running": "up",
    "waiting": "starting",
    "setup": "starting",
    "starting": "starting",
    "restart": "failed",
    "crashed": "failed",
    "missing": "failed",
    "stopping": "stopping",
    "teardown": "stopping",
    "cleanup": "stopping",
}
# initctl returns before the service has ended.
_STOP = """
if [ -e "/etc/lab/oneshot/$1" ]; then
    [ ! -e "/run/lab/$1.up" ] || { rm "/run/lab/$1.up"; [ ! -x "/etc/lab/down/$1" ] || "/etc/lab/down/$1"; }
else
    initctl --batch stop "$1" &&
        while initctl --batch --json status "$1" | grep -q '"stopping"'; do sleep 0.02; done
fi || exit
"""
_START = """
if [ ! -e "/etc/lab/oneshot/$1" ]; then initctl --batch start "$1"
elif [ ! -e "/run/lab/$1.up" ]; then initctl --batch reload "$1"; fi
"""


class Finit(plain.Plain):
    """finit as PID 1.

    Its bootstrap takes a second, whatever there is to do. A service that ends is started again at once
    (`respawn`); our script holds it back where the manifest says so. Signals go to the service's whole
    process group. In a container finit ends by exit(2).
    """

    name = "finit"
    title = "finit"
    package = "finit"
    binary = "/sbin/finit"
    clean_exits = frozenset({0})
    ordering = "native: conditions on readiness"
    logging = "built in, held back in a buffer: our scripts write plain files"

    def render(self, manifest: Manifest) -> Rendered:
        """/etc/finit.conf, a file in /etc/finit.d and a script in /etc/lab for each service.

        Raises `RenderError` for what no init could order.
        """
        plan = make_plan(manifest)
        tree = FileTree()
        folders = [f"mkdir -p /var/log/lab/{service.name}" for service in plan.services]
        tree.script("/etc/lab/init", fill("finit", "init", folders=folders))
        tree.add("/etc/finit.conf", fill("finit", "finit.conf"))
        stops = [
            f"stop {service.name} {service.stop_signal} {math.ceil(service.stop_grace * 10)}"
            for service in plan.stop_order
        ]
        tree.script("/etc/lab/shutdown", fill("finit", "shutdown", stops=stops))
        tree.script("/etc/lab/notify", fill("finit", "notify"))
        for service in plan.services:
            _render_service(tree, plan, service)
        notes = [note for service in manifest.services for note in _notes(service)]
        return Rendered(tree, tuple(notes))

    def pid1(self) -> Pid1:
        """/etc/lab/init, which becomes finit; stopped by SIGUSR2 (power off), ends with 0."""
        return Pid1(("/etc/lab/init",), stop_signal=SIGUSR2)

    def start(self, service: str) -> Sequence[str]:
        """`initctl start`; a task is run again by `initctl reload`."""
        return ("/bin/sh", "-c", _START, "sh", service)

    def stop(self, service: str) -> Sequence[str]:
        """`initctl stop`, waiting until it is down; a oneshot is undone by our own script."""
        return ("/bin/sh", "-c", _STOP, "sh", service)

    def restart(self, service: str) -> Sequence[str]:
        """Down and up again: `initctl restart` returns before the old process has ended."""
        return ("/bin/sh", "-c", _STOP + _START, "sh", service)

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """`initctl --json`, finit's conditions `service/NAME/ready`, and the marks of the oneshots."""
        services = [service for service in manifest.services if service.kind != "bundle"]
        try:
            answer = sandbox.exec(["/bin/sh", "-c", _STATUS]).stdout.decode(errors="replace")
        except SandboxError:
            answer = ""  # finit does not listen yet, or no longer
        return with_bundles(manifest, parse_status(answer, services))

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """As `Plain` finds them, among the leaders of a session: finit makes one for each service."""
        leaders = [process for process in processes if process.sid == process.pid]
        return super().main_pids(leaders, manifest)


def _render_service(tree: FileTree, plan: Plan, service: Service) -> None:
    name = service.name
    conditions, gates = _conditions(service)
    limits = service.limits
    rlimits = [("nofile", limits.open_files), ("nproc", limits.pids), ("as", limits.memory)]
    folder = [f"cd {quote(service.cwd)} || exit 1"] if service.cwd is not None else []
    conf: dict[str, object] = {
        "name": name,
        "title": title(service),
        # They hold for all that follows in the same file.
        "limits": [*(f"rlimit {what} {limit}" for what, limit in rlimits if limit is not None), *gates],
    }
    values: dict[str, object] = {"name": name, "title": title(service), "exports": exports(service.env)}
    command = f"exec {behind_setpriv(service, service.command)}"
    if service.kind == "oneshot":
        tree.add(f"/etc/finit.d/{name}.conf", fill("finit", "task", conditions=conditions, **conf))
        work = "; ".join([*folder, command])
        tree.script(f"/etc/lab/service/{name}", fill("finit", "run-oneshot", command=work, **values))
        tree.add(f"/etc/lab/oneshot/{name}", "done once, no process stays\n")
        if service.down:
            command = "; ".join([*folder, f"exec {behind_setpriv(service, service.down)}"])
            tree.script(f"/etc/lab/down/{name}", fill("finit", "down-oneshot", command=command, **values))
        return
    notifies = service.readiness is not None
    options = [
        "notify:s6" if notifies else "notify:none",
        "restart:0" if service.restart.policy == "never" else "respawn",
        f"halt:SIG{service.stop_signal}",
        f"kill:{_grace(service)}",
        *conditions.split(),
    ]
    wanted = any(name in other.depends_on for other in plan.services)
    up = fill("finit", "up", name=name).splitlines() if wanted else []
    text = fill(
        "finit",
        "service",
        options=" ".join(options),
        descriptor="%n " if notifies else "",
        up=up,
        **conf,
    )
    tree.add(f"/etc/finit.d/{name}.conf", text)
    script = fill(
        "finit",
        "run",
        backoff=_back_off(service),
        notify=_notify(service),
        folder=folder,
        command=command,
        **values,
    )
    tree.script(f"/etc/lab/service/{name}", script)
    check = check_command(service.readiness)
    if check is not None:
        tree.script(f"/etc/lab/check/{name}", fill("finit", "check", name=name, check=check))


def _conditions(service: Service) -> tuple[str, list[str]]:
    """`<usr/A,usr/B> ` or nothing, and the lines of the tasks that stand for parts of a long list."""
    names, tasks = list(service.depends_on), list[str]()
    while len(",".join(f"usr/{name}" for name in names)) > _LONGEST:
        parts = [names[start : start + _TOGETHER] for start in range(0, len(names), _TOGETHER)]
        # No service has capital letters in its name.
        names = [f"{service.name}-PART{len(tasks) + number}" for number in range(len(parts))]
        for part, name in zip(parts, names, strict=True):
            listed = ",".join(f"usr/{other}" for other in part)
            tasks.append(f"task name:{name} [2] <{listed}> /sbin/initctl cond set {name} --")
    needed = ",".join(f"usr/{name}" for name in names)
    gates = fill("finit", "gate", tasks=tasks).splitlines() if tasks else []
    return (f"<{needed}> " if needed else ""), gates


def _grace(service: Service) -> int:
    """`kill:` takes whole seconds from 1 to 60."""
    return min(math.ceil(service.stop_grace), 60)


def _back_off(service: Service) -> list[str]:
    if service.restart.policy == "never" or service.restart.delay == 0:
        return []
    if not backs_off(service.restart):
        return fill("finit", "hold", name=service.name, delay=number(service.restart.delay)).splitlines()
    values = back_off_values(service.restart)
    return fill("finit", "back-off", name=service.name, **values).splitlines()


def _notify(service: Service) -> list[str]:
    if isinstance(service.readiness, Fd):
        return fill("finit", "notify-fd", fd=service.readiness.fd).splitlines()
    if service.readiness is not None:
        seconds = wait_seconds(service.readiness)
        return fill("finit", "notify-check", name=service.name, seconds=seconds).splitlines()
    return []


def _notes(service: Service) -> list[Unsupported]:
    notes: list[Unsupported] = []

    def note(field: str, text: str) -> None:
        notes.append(Unsupported(service.name, field, text))

    if service.kind == "bundle":
        note("kind", "finit has no names for several services; the members stand where its name stood")
        return notes
    if service.kind == "oneshot":
        note("kind", "finit's task is done once; that it is up, and how it is undone, our scripts remember")
        notes += oneshot_notes(service)
    if service.depends_on:
        note(
            "depends_on",
            "finit's condition service/NAME/ready would stop it whenever NAME ends; rendered as a condition "
            "that stays",
        )
    if service.kind == "longrun":
        if service.restart.policy == "on-failure":
            note("restart.policy", "finit does not look at the exit status: it starts the service again")
        if service.stop_grace != _grace(service):
            note("stop_grace", f"kill: counts whole seconds from 1 to 60; rendered as {_grace(service)}")
    note(
        "log",
        "finit's log writer holds lines back until it has 4 KiB; our script writes a plain file, without "
        "times, without rotation",
    )
    return notes + limit_notes(service, "rlimit")


def parse_status(text: str, services: Sequence[Service]) -> dict[str, ServiceStatus]:
    """What `_STATUS` prints: the JSON of `initctl`, then a line for each condition and each mark."""
    document, _, marks = text.partition("\n]\n")
    rows: dict[str, Mapping[str, Any]] = {}
    if document.startswith("["):
        rows = {row["identity"]: row for row in json.loads(document + "\n]")}
    found = set(marks.split())
    return {service.name: _status(service, rows.get(service.name), found) for service in services}


def _status(service: Service, row: Mapping[str, Any] | None, marks: set[str]) -> ServiceStatus:
    name = service.name
    if row is None:  # finit has not read its files yet
        return ServiceStatus(name, "down")
    word, pid = str(row["status"]), int(row["pid"]) or None
    raw = f"{name} {word} {pid or '-'}"
    if service.kind == "oneshot":
        state = "up" if f"lab/{name}.up" in marks else "starting" if word != "done" else "down"
        if word == "done" and row.get("exit", {}).get("code"):
            state = "failed"
        return ServiceStatus(name, state, raw=raw)
    ready = None if service.readiness is None else f"finit/cond/service/{name}/ready" in marks
    state = _STATES.get(word, "down")
    if state == "up" and ready is False:
        state = "starting"
    return ServiceStatus(
        name, state, pid, float(row["uptime"]), ready if pid or ready is None else False, raw
    )
