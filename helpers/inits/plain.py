"""What the inits share that start commands, and know little else of a service.

busybox init, sysvinit, supervisord and a shell launcher start a command and start it again when it has ended.
Order, readiness, stopping one service: that is done by scripts a learner can read, in `labs/inits/plain`, the
same ones under each of them. A service script becomes the service with `exec`, so the init supervises the
service itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from helpers.engines.base import Process, Sandbox
from helpers.filetree import FileTree
from helpers.inits.base import ServiceStatus, Unsupported
from helpers.inits.chpst import behind_chpst
from helpers.inits.plan import (
    Plan,
    back_off_values,
    backs_off,
    fd_notes,
    limit_notes,
    oneshot_notes,
    with_bundles,
)
from helpers.inits.readiness import check_command
from helpers.inits.shell import exports, quote
from helpers.inits.templates import fill, title
from helpers.manifest.models import Manifest, Service

__all__ = ["Plain", "notes", "parse_status", "render"]

_STATUS = """
cd /run/lab || exit
for service; do
    pid=- seconds=- state=- mark=- ready=-
    read -r pid 2>/dev/null <"$service.pid" && read -r _ _ state _ 2>/dev/null <"/proc/$pid/stat"
    [ -e "$service.pid" ] && seconds=$(($(date +%s) - $(stat -c %Y "$service.pid")))
    [ -e "$service.up" ] && mark=up
    [ -e "$service.down" ] && mark=$mark,down
    [ -x "/etc/lab/check/$service" ] && { "/etc/lab/check/$service" && ready=yes || ready=no; }
    echo "$service $pid $state $seconds $mark $ready"
done
"""


class Plain:
    """The part of an init that is the same for all whose services are plain commands."""

    def start(self, service: str) -> Sequence[str]:
        """Our own script: see labs/inits/plain/control."""
        return ("/etc/lab/control", "start", service)

    def stop(self, service: str) -> Sequence[str]:
        """Our own script: the service's signal, SIGKILL after its grace; a mark keeps it down."""
        return ("/etc/lab/control", "stop", service)

    def restart(self, service: str) -> Sequence[str]:
        """Our own script: stop, then start."""
        return ("/etc/lab/control", "restart", service)

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """The marks the service scripts leave, and each service's own check: the init itself has no word
        for it. `ready` is `None` where there is no check."""
        plain = [service for service in manifest.services if service.kind != "bundle"]
        answer = sandbox.exec(["/bin/sh", "-c", _STATUS, "sh", *(service.name for service in plain)])
        return with_bundles(manifest, parse_status(answer.stdout.decode(errors="replace"), plain))

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """The process whose command line is the service script's, or the service's own.

        Looked for among the children of PID 1 and of our own scripts. A program that has renamed itself
        (setproctitle(3bsd)) is known by its file's name; of several with one name the oldest goes to the
        service that comes first in the manifest. A service whose command becomes another program than it
        names (`sh -c "…; exec other"`) is not found: nothing in the table tells whose it is.
        """
        ours = {process.pid for process in processes if _is_ours(process)}
        candidates = [
            p for p in processes if p.state != "Z" and (p.ppid == 1 or p.ppid in ours) and p.pid != 1
        ]
        found: dict[str, int] = {}
        longruns = [service for service in manifest.services if service.kind == "longrun"]
        for known in (_runs_script, _runs_command, _is_called):
            for service in longruns:
                taken = set(found.values())
                for process in candidates:
                    if service.name not in found and process.pid not in taken and known(process, service):
                        found[service.name] = process.pid
        return {service.name: found[service.name] for service in longruns if service.name in found}

    def log_path(self, service: str) -> str:
        """The file the service script writes to."""
        return f"/var/log/lab/{service}/current"


def _is_ours(process: Process) -> bool:
    """One of the launcher's scripts: it starts services, and is none."""
    return process.argv[1:2] in (("/etc/lab/supervise",), ("/etc/lab/launch",))


def _runs_script(process: Process, service: Service) -> bool:
    return process.argv[1:2] == (f"/etc/lab/service/{service.name}",)


def _runs_command(process: Process, service: Service) -> bool:
    """Also behind a program that will become it, as in `env A=b COMMAND`."""
    return process.argv[-len(service.command) :] == service.command


def _is_called(process: Process, service: Service) -> bool:
    name = PurePosixPath(service.command[0]).name
    # The kernel keeps 15 characters (proc_pid_comm(5)). A shell or an interpreter is no service's name.
    return (
        process.comm == name[:15] and name not in ("sh", "python3", "env", "sleep") and not _is_ours(process)
    )


def render(tree: FileTree, plan: Plan, *, log: bool = True, backoff: bool = True, last: str = "") -> None:
    """The scripts of every service, and those that look after them, in /etc/lab.

    `log`: whether the scripts send their output to the log file themselves. `backoff`: whether they hold
    restarts back. `last` is what the script /etc/lab/shutdown does in the end.
    """
    for name in ("held", "back-off", "wait-for"):
        tree.script(f"/etc/lab/{name}", fill("plain", name))
    folders = [f"mkdir -p /var/log/lab/{service.name}" for service in plan.services]
    tree.script("/etc/lab/prepare", fill("plain", "prepare", folders=folders))
    signals = [
        f"{service.name}) signal={service.stop_signal} tenths={math.ceil(service.stop_grace * 10)} ;;"
        for service in plan.services
    ]
    tree.script("/etc/lab/control", fill("plain", "control", signals=signals))
    stops = [f"/etc/lab/control stop {service.name}" for service in plan.stop_order]
    tree.script("/etc/lab/shutdown", fill("plain", "shutdown", stops=stops, last=last))
    for service in plan.services:
        _render_service(tree, plan, service, log=log, backoff=backoff)


def _render_service(tree: FileTree, plan: Plan, service: Service, *, log: bool, backoff: bool) -> None:
    name = service.name
    waits = [f"/etc/lab/wait-for {other.name} {seconds} || exit 1" for other, seconds in plan.waits(service)]
    folder = [f"cd {quote(service.cwd)} || exit 1"] if service.cwd is not None else []
    values: dict[str, object] = {
        "name": name,
        "title": title(service),
        "waits": waits,
        "exports": exports(service.env),
        "log": [f"exec >>/var/log/lab/{name}/current 2>&1"] if log else ["exec 2>&1"],
    }
    command = f"exec {behind_chpst(service, service.command)}"
    if service.kind == "oneshot":
        work = "; ".join([*folder, command])
        tree.script(f"/etc/lab/service/{name}", fill("plain", "run-oneshot", command=work, **values))
        tree.add(f"/etc/lab/oneshot/{name}", "done once, no process stays\n")
        if service.down:
            command = "; ".join([*folder, f"exec {behind_chpst(service, service.down)}"])
            text = fill("plain", "down-oneshot", **values | {"command": command})
            tree.script(f"/etc/lab/down/{name}", text)
        return
    held = []
    if backoff and service.restart.policy != "never" and backs_off(service.restart):
        v = back_off_values(service.restart)
        words = f"{v['delay']} {v['factor']} {v['max_delay']} {v['calm']}"
        held = [f'[ "$1" = now ] || exec /etc/lab/back-off {name} {words}']
    text = fill("plain", "run", backoff=held, folder=folder, command=command, **values)
    tree.script(f"/etc/lab/service/{name}", text)
    check = check_command(service.readiness)
    if check is not None:
        tree.script(f"/etc/lab/check/{name}", fill("plain", "check", name=name, check=check))


def notes(service: Service, title: str, *, exits: bool = False, rotates: bool = False) -> list[Unsupported]:
    """What a service asks for and an init called `title` cannot say.

    `exits`: whether it looks at exit statuses; `rotates`: whether it rotates logs.
    """
    found: list[Unsupported] = []

    def note(field: str, text: str) -> None:
        found.append(Unsupported(service.name, field, text))

    if service.kind == "bundle":
        note("kind", f"{title} has no names for several services; the members stand where its name stood")
        return found
    if service.kind == "oneshot":
        note("kind", f"{title} knows no work that is done and can be undone; our script leaves a mark")
        found += oneshot_notes(service)
    if service.depends_on:
        note("depends_on", f"{title} orders nothing; the service's script waits for the others")
    if service.kind == "longrun":
        found += fd_notes(service, "it counts as ready as soon as its process runs")
        if service.readiness is not None and service.readiness.kind != "fd":
            note("readiness", f"{title} does not ask; our scripts do, for those who wait")
        if service.restart.policy == "on-failure" and not exits:
            note("restart.policy", f"{title} does not look at the exit status: it starts the service again")
    if not rotates:
        note("log", "the log is a plain file: nobody writes the time before a line, nobody rotates it")
    elif service.log.timestamps:
        note("log", f"{title} rotates the log by size, and writes no time before a line")
    return found + limit_notes(service, "chpst")


def parse_status(text: str, services: Sequence[Service]) -> dict[str, ServiceStatus]:
    """The lines of `_STATUS`: name, PID, state of the process, seconds, marks, ready."""
    rows: Mapping[str, list[str]] = {
        line.split()[0]: line.split() for line in text.splitlines() if line.strip()
    }
    return {service.name: _status(service, rows.get(service.name, [])) for service in services}


def _status(service: Service, row: list[str]) -> ServiceStatus:
    if len(row) != 6:
        return ServiceStatus(service.name, "down", raw=" ".join(row))
    _, word, letter, seconds, marks, answer = row
    raw = " ".join(row)
    values: dict[str, Any] = {"raw": raw, "uptime": None if seconds == "-" else float(seconds)}
    alive = letter not in ("-", "Z", "X")
    up, down = "up" in marks.split(","), "down" in marks.split(",")
    ready = {"yes": True, "no": False}.get(answer)
    if service.kind == "oneshot":
        state = "up" if up else "starting" if alive else "down"
        return ServiceStatus(service.name, state, **values)
    if not alive:
        state = "down" if down or word == "-" or service.restart.policy == "never" else "failed"
        return ServiceStatus(service.name, state, ready=None if ready is None else False, **values)
    state = "stopping" if down else "starting" if not up or ready is False else "up"
    return ServiceStatus(
        service.name, state, int(word), ready=None if ready is None else ready and up, **values
    )
