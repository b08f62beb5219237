"""runit: `runit` as PID 1 in three stages, `runsvdir`, one `runsv` for each service, `svlogd` for logs.

Sources: runit(8), runsvdir(8), runsv(8), sv(8), svlogd(8), chpst(8) of Debian's runit 2.2.0, and
runit.c where the pages are silent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from signal import SIGINT

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.filetree import FileTree
from helpers.inits.base import Rendered, ServiceStatus, Unsupported
from helpers.inits.chpst import behind_chpst
from helpers.inits.plan import (
    Plan,
    back_off_values,
    backs_off,
    fd_notes,
    limit_notes,
    make_plan,
    oneshot_notes,
    restarts_soon,
    with_bundles,
)
from helpers.inits.readiness import check_command
from helpers.inits.shell import exports, number, quote
from helpers.inits.templates import fill, title
from helpers.manifest.models import Manifest, Service

__all__ = ["Runit", "parse_status"]

_SERVICES = "/etc/service"
_GRACE: float = Service.model_fields["stop_grace"].default
# One exec for all: sv's own lines, then for each service that has a check whether it succeeds.
_STATUS = """
sv status "$@"
for service; do
    cd "/etc/service/$service" 2>/dev/null && [ -x check ] || continue
    ./check && echo "check: $service: yes" || echo "check: $service: no"
done
"""
_LINE = re.compile(
    r"(?P<word>run|finish|down): (?P<name>[^:]+): (?:\(pid (?P<pid>\d+)\) )?(?P<seconds>\d+)s(?P<rest>[^;]*)"
)


class Runit:
    """runit as PID 1.

    A service that ends is started again at once; when it had run for less than a second, after a second
    (runsv(8)). PID 1 ends by reboot(2), which ends the sandbox as SIGINT would (pid_namespaces(7)).
    """

    name = "runit"
    title = "runit"
    package = "runit"
    binary = "/sbin/runit"
    clean_exits = frozenset({130})
    ordering = "none: all at once (run scripts wait)"
    logging = "svlogd: a process for each service, rotated by size, timestamped"

    def render(self, manifest: Manifest) -> Rendered:
        """/etc/runit/1, 2, 3 and a directory in /etc/service for each longrun and oneshot."""
        plan = make_plan(manifest)
        tree = FileTree()
        for name in ("1", "2", "ctrlaltdel", "wait-for"):
            tree.script(f"/etc/runit/{name}", fill("runit", name))
        stops = [f"stop {service.name} {math.ceil(service.stop_grace)}" for service in plan.stop_order]
        names = " ".join(service.name for service in plan.services)
        tree.script("/etc/runit/3", fill("runit", "3", stops=stops, names=names))
        for flag in ("stopit", "reboot"):
            tree.symlink(f"/etc/runit/{flag}", f"/run/runit.{flag}")
        notes: list[Unsupported] = []
        for service in plan.services:
            _render_service(tree, plan, service)
            notes += _notes(service)
        note = "sv controls one service at a time; the bundle's members stand where its name stood"
        notes += [Unsupported(bundle.name, "kind", note) for bundle in plan.bundles]
        return Rendered(tree, tuple(notes))

    def pid1(self) -> Pid1:
        """`runit`, stopped by SIGINT: it runs /etc/runit/ctrlaltdel, which allows the shutdown.

        SIGCONT, the other way, costs a second more: runit.c then looks for the end of stage 2 once a
        second. reboot(2) needs CAP_SYS_BOOT; without it PID 1 never ends.
        """
        return Pid1(("/sbin/runit",), stop_signal=SIGINT, capabilities=("SYS_BOOT",))

    def start(self, service: str) -> Sequence[str]:
        """`sv start`: waits for the service's check."""
        return ("sv", "-w", "15", "start", service)

    def stop(self, service: str) -> Sequence[str]:
        """`sv force-stop`: SIGTERM (or the service's own stop signal), SIGKILL after ten seconds.

        sv exits 1 when it came to that; the second sv tells whether the service is down then.
        """
        return ("/bin/sh", "-c", f"sv -w 10 force-stop {service} || sv -w 5 stop {service}")

    def restart(self, service: str) -> Sequence[str]:
        """`sv restart`: waits for the service's check."""
        return ("sv", "-w", "15", "restart", service)

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """`sv status`, and each service's own check. `ready` is `None` where there is no check."""
        names = [service.name for service in manifest.services if service.kind != "bundle"]
        answer = sandbox.exec(["/bin/sh", "-c", _STATUS, "sh", *names])
        return with_bundles(manifest, parse_status(answer.stdout.decode(errors="replace"), names))

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """The child of `runsv NAME` that is not its logger: also the run script while it still waits.

        A oneshot has no main process: what stays of it does nothing.
        """
        longruns = {service.name for service in manifest.services if service.kind == "longrun"}
        supervisors = {
            process.pid: process.argv[1]
            for process in processes
            if process.comm == "runsv" and len(process.argv) == 2 and process.argv[1] in longruns
        }
        found: dict[str, int] = {}
        logged: set[str] = set()  # services whose logger is there
        waiting: dict[str, int] = {}
        for process in sorted(processes, key=lambda process: process.pid):
            name = supervisors.get(process.ppid)
            if name is None or process.state == "Z" or process.comm == "runsv":
                continue
            if process.comm == "svlogd":
                logged.add(name)
            elif any(word in ("./finish", "control/t") for word in process.argv[:2]):
                continue
            elif "./run" in process.argv[:2]:
                # Two of that name: runsv starts the logger's first, so the later one is the service's.
                if name in waiting:
                    logged.add(name)
                waiting[name] = process.pid
            else:
                found[name] = process.pid
        # A lone ./run may be the logger's, just being started: it does not count.
        found |= {name: pid for name, pid in waiting.items() if name in logged and name not in found}
        return {service.name: found[service.name] for service in manifest.services if service.name in found}

    def log_path(self, service: str) -> str:
        """svlogd's current file; older ones lie beside it, named by time."""
        return f"/var/log/lab/{service}/current"


def _render_service(tree: FileTree, plan: Plan, service: Service) -> None:
    home = f"{_SERVICES}/{service.name}"
    waits = [
        f"/etc/runit/wait-for {other.name} {seconds} || exit 1" for other, seconds in plan.waits(service)
    ]
    lines = exports(service.env)
    folder = [f"cd {quote(service.cwd)} || exit 1"] if service.cwd is not None else []
    if _marks(service):
        waits = ["rm -f started", *waits, ": >started"]
    head = {"title": title(service), "waits": waits}
    command = f"exec {behind_chpst(service, service.command)}"
    if service.kind == "oneshot":
        # Its marks lie in the service's directory: only the command itself goes elsewhere.
        work = "; ".join([*folder, command])
        tree.script(f"{home}/run", fill("runit", "run-oneshot", exports=lines, command=work, **head))
        down = [*lines, *folder, f"exec {behind_chpst(service, service.down)}"] if service.down else []
        tree.script(f"{home}/finish", fill("runit", "finish-oneshot", down=down))
        tree.script(f"{home}/check", fill("runit", "check-oneshot"))
    else:
        text = fill("runit", "run", exports=[*lines, *folder], command=command, **head)
        tree.script(f"{home}/run", text)
        check = check_command(service.readiness)
        if _marks(service):
            check = "[ -e started ]"
        if check is not None:
            tree.script(f"{home}/check", fill("runit", "check", name=service.name, check=check))
        _render_finish(tree, home, service)
    log = service.log
    options = "-tt " if log.timestamps else ""
    tree.script(f"{home}/log/run", fill("runit", "log-run", name=service.name, options=options))
    config = fill("runit", "log-config", max_bytes=log.max_bytes, keep=log.keep)
    tree.add(f"/var/log/lab/{service.name}/config", config)


def _marks(service: Service) -> bool:
    """Whether the run script leaves a mark when it has done waiting: for runsv it is up all the time, and
    nothing else tells who needs it when the service itself starts."""
    return service.kind == "longrun" and bool(service.depends_on) and check_command(service.readiness) is None


def _render_finish(tree: FileTree, home: str, service: Service) -> None:
    restart = service.restart
    judged = restart.policy != "always"
    policy = fill("runit", "finish-asked").rstrip("\n") if judged else ""
    if restart.policy == "on-failure":
        policy += '\n[ "$1" != 0 ] || exec sv down .'
    elif restart.policy == "never":
        policy += "\nexec sv down ."
    delay = ""
    if restart.policy != "never" and backs_off(restart):
        delay = fill("runit", "finish-backoff", **back_off_values(restart)).rstrip("\n")
    if policy or delay:
        tree.script(f"{home}/finish", fill("runit", "finish", policy=policy, delay=delay))
    if judged or service.stop_signal != "TERM":
        asked = ": >asked" if judged else ""
        signal = (
            f'kill -{service.stop_signal} "$(cat supervise/pid)"' if service.stop_signal != "TERM" else ""
        )
        # Any other exit status than 0, and runsv sends SIGTERM itself.
        tree.script(f"{home}/control/t", fill("runit", "control-t", asked=asked, signal=signal or "exit 1"))
    if service.stop_grace != _GRACE:
        tenths = math.ceil(service.stop_grace * 10)
        text = fill("runit", "control-d", grace=number(service.stop_grace), tenths=tenths)
        tree.script(f"{home}/control/d", text)


def _notes(service: Service) -> list[Unsupported]:
    notes: list[Unsupported] = []

    def note(field: str, text: str) -> None:
        notes.append(Unsupported(service.name, field, text))

    if service.kind == "oneshot":
        note("kind", "runit has no oneshots; a run script does the work once and then stays, doing nothing")
        notes += oneshot_notes(service)
    if service.depends_on:
        note("depends_on", "runit starts everything at the same time; the run script waits for the others")
    if service.kind == "longrun":
        notes += fd_notes(service, "it counts as ready as soon as its process runs")
    if restarts_soon(service):
        note("restart.delay", "after less than a second of running, runsv waits a second, never less")
    if service.stop_grace > 10:
        note(
            "stop_grace", "sv's -w says how long to wait, here 10 s; the shutdown waits as long as asked for"
        )
    return notes + limit_notes(service, "chpst")


def parse_status(text: str, names: Sequence[str]) -> dict[str, ServiceStatus]:
    """`sv status` lines (sv.c) and the lines of `_STATUS` as statuses.

    Shapes: `run: NAME: (pid 12) 5s, want down, got TERM; run: log: …`, `down: NAME: 3s, normally up`,
    `finish: NAME: (pid 13) 0s; …`, `fail: NAME: …`, `warning: NAME: …`.
    """
    ready = dict(re.findall(r"^check: ([^:]+): (yes|no)$", text, re.MULTILINE))
    lines = [line for line in text.splitlines() if not line.startswith("check: ")]
    found: dict[str, ServiceStatus] = {}
    for name in names:
        raw = next((line for line in lines if line.partition(": ")[2].startswith(f"{name}: ")), "")
        match = _LINE.match(raw)
        if match is None:
            # `unable to open supervise/ok`: no runsv, or not yet.
            found[name] = ServiceStatus(name, "down" if "supervise/ok" in raw else "failed", raw=raw)
            continue
        pid = int(match["pid"]) if match["pid"] else None
        uptime = float(match["seconds"])
        rest = match["rest"]
        is_ready = {"yes": True, "no": False}.get(ready.get(name, ""))
        if match["word"] == "run":
            if "want down" in rest or "got TERM" in rest:
                state = "stopping"
            else:
                state = "starting" if is_ready is False else "up"
        elif match["word"] == "finish":
            # Still wanted: it has ended, and its finish script holds the restart back.
            state, pid = "stopping" if "want down" in rest else "failed", None
        else:
            # Down although it shall be up: it has ended, and runsv holds the restart back.
            state = "failed" if "want up" in rest else "down"
        if state not in ("up", "starting"):
            is_ready = None if is_ready is None else False
        found[name] = ServiceStatus(name, state, pid, uptime, is_ready, raw)
    return found
