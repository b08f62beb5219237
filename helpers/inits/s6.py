"""s6: `s6-svscan` as PID 1, one `s6-supervise` for each service, readiness by file descriptor, `s6-log`.

Sources: the pages s6-svscan, s6-supervise, servicedir, s6-svwait, s6-notifyoncheck, notifywhenup, s6-log
and s6-svstat of s6 2.13 (its documentation is HTML on skarnet.org; Debian's package has none).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.filetree import FileTree
from helpers.inits.base import Rendered, ServiceStatus, Unsupported
from helpers.inits.plan import (
    Plan,
    limit_notes,
    make_plan,
    oneshot_notes,
    restarts_soon,
    with_bundles,
)
from helpers.inits.servicedir import CHECK_FD, LARGEST_LOG, chain, log_run, longrun, main_pids, ms, stopping
from helpers.inits.shell import exports, join
from helpers.inits.templates import fill, title
from helpers.manifest.models import Manifest, Service

__all__ = ["S6", "STATUS", "parse_status"]

_HOME = "/etc/s6/service"
_FIELDS = "up,wantedup,ready,paused,pid,exitcode,signal,updownfor,readyfor"
STATUS = f"""
for service; do
    printf '%s\\t%s\\t%s\\n' "$service" "$(s6-svstat -o {_FIELDS} "/run/service/$service" 2>/dev/null)" \\
        "$(s6-svstat "/run/service/$service" 2>&1)"
done
"""
_RESTART = 's6-svc -wD -T 15000 -d "/run/service/$1" && s6-svc -wu -T 15000 -u "/run/service/$1"'


class S6:
    """s6-svscan as PID 1.

    A service that ends is started again at once; when it had been started less than a second before,
    when that second is over.
    """

    name = "s6"
    title = "s6"
    package = "s6"
    binary = "/usr/bin/s6-svscan"
    clean_exits = frozenset({0})
    ordering = "none: all at once (run scripts wait with s6-svwait)"
    logging = "s6-log: a process for each service, rotated by size, timestamped"

    def render(self, manifest: Manifest) -> Rendered:
        """/etc/s6/service, a scan directory that /etc/s6/init copies to /run/service."""
        plan = make_plan(manifest)
        tree = FileTree()
        tree.script("/etc/s6/init", fill("s6", "init"))
        stops = [f"stop {service.name} {ms(service.stop_grace + 1)}" for service in plan.stop_order]
        tree.script(f"{_HOME}/.s6-svscan/SIGTERM", fill("s6", "SIGTERM", stops=stops))
        tree.script(f"{_HOME}/.s6-svscan/finish", fill("s6", "finish-svscan"))
        notes: list[Unsupported] = []
        for service in plan.services:
            _render_service(tree, plan, service)
            notes += _notes(service)
        note = "a bundle is s6-rc's word; here its members stand where its name stood"
        notes += [Unsupported(bundle.name, "kind", note) for bundle in plan.bundles]
        return Rendered(tree, tuple(notes))

    def pid1(self) -> Pid1:
        """/etc/s6/init, which becomes `s6-svscan /run/service`; stopped by SIGTERM, ends with 0."""
        return Pid1(("/etc/s6/init",))

    def start(self, service: str) -> Sequence[str]:
        """`s6-svc -u`, waiting until the process runs (`-wu`)."""
        return ("s6-svc", "-wu", "-T", "15000", "-u", f"/run/service/{service}")

    def stop(self, service: str) -> Sequence[str]:
        """`s6-svc -d`, waiting until the process and its finish script have ended (`-wD`)."""
        return ("s6-svc", "-wD", "-T", "15000", "-d", f"/run/service/{service}")

    def restart(self, service: str) -> Sequence[str]:
        """Down and up again. `s6-svc -r` would count as an end for a restart policy's finish script."""
        return ("/bin/sh", "-c", _RESTART, "sh", service)

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """`s6-svstat`. `ready` is `None` for a service without readiness."""
        plain = [service for service in manifest.services if service.kind != "bundle"]
        answer = sandbox.exec(["/bin/sh", "-c", STATUS, "sh", *(service.name for service in plain)])
        return with_bundles(manifest, parse_status(answer.stdout.decode(errors="replace"), plain))

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """The child of `s6-supervise NAME`: also the run script while it still waits.

        A oneshot has no main process: what stays of it does nothing.
        """
        return main_pids(processes, manifest)

    def log_path(self, service: str) -> str:
        """s6-log's current file; older ones lie beside it, named by time."""
        return f"/var/log/lab/{service}/current"


def _notifies(service: Service) -> bool:
    """Whether s6-supervise learns when the service is ready; otherwise who needs it waits for its process."""
    return service.kind == "oneshot" or service.readiness is not None or bool(service.depends_on)


def _render_service(tree: FileTree, plan: Plan, service: Service) -> None:
    home = f"{_HOME}/{service.name}"
    waits: list[str] = []
    for other, seconds in plan.waits(service):
        what = "-U" if _notifies(other) else "-u"
        text = fill("s6", "wait", name=other.name, what=what, milliseconds=ms(seconds))
        waits += text.splitlines()
    if service.kind == "oneshot":
        lines = exports(service.env)
        command = join(chain(service, service.command))
        values = {"title": title(service), "waits": waits, "exports": lines}
        tree.script(f"{home}/run", fill("s6", "run-oneshot", command=command, **values))
        down = "exec " + join(chain(service, service.down)) if service.down else ""
        tree.script(f"{home}/finish", fill("s6", "finish-oneshot", exports=lines if down else "", down=down))
        tree.add(f"{home}/notification-fd", f"{CHECK_FD}\n")
        if service.down:  # its down command may take as long as it needs
            tree.add(f"{home}/timeout-finish", "0\n")
    else:
        told = service.readiness is None and bool(service.depends_on)
        # Up all the time for s6-supervise, which is told here that the waiting is over.
        lines = [f"echo >&{CHECK_FD}", f"exec {CHECK_FD}>&-"] if told else []
        longrun(tree, home, service, waits=waits, lines=lines, notifies=_notifies(service))
    stopping(tree, home, service)
    tree.script(f"{home}/log/run", log_run(service))


def _notes(service: Service) -> list[Unsupported]:
    notes: list[Unsupported] = []

    def note(field: str, text: str) -> None:
        notes.append(Unsupported(service.name, field, text))

    if service.kind == "oneshot":
        note("kind", "s6 alone has no oneshots (s6-rc has); a run script does the work once and then stays")
        notes += oneshot_notes(service)
    if service.depends_on:
        note(
            "depends_on", "s6-svscan starts everything at the same time; the run script waits with s6-svwait"
        )
    if restarts_soon(service):
        note("restart.delay", "s6-supervise waits until a second has passed since the last start, never less")
    if service.log.max_bytes > LARGEST_LOG:
        note("log.max_bytes", f"s6-log rotates at {LARGEST_LOG} bytes at the latest")
    return notes + limit_notes(service, "s6-softlimit")


def parse_status(
    text: str, services: Sequence[Service], notifies: Callable[[Service], bool] | None = None
) -> dict[str, ServiceStatus]:
    """The lines of `STATUS`: name, `s6-svstat -o`, `s6-svstat`, tabs between.

    `notifies`: whether s6-supervise is told when a service is ready (by default as `S6` renders it).
    """
    told = notifies or _notifies
    rows = {line.partition("\t")[0]: line.split("\t") for line in text.splitlines()}
    found: dict[str, ServiceStatus] = {}
    for service in services:
        row = rows.get(service.name, [])
        raw = row[2] if len(row) > 2 else ""
        fields = row[1].split() if len(row) > 1 else []
        if len(fields) != 9:  # no s6-supervise, or not yet
            found[service.name] = ServiceStatus(service.name, "down", raw=raw)
            continue
        up, wanted, is_ready = (field == "true" for field in fields[:3])
        pid = int(fields[4])
        tells = told(service)
        if up:
            state = "stopping" if not wanted else "starting" if tells and not is_ready else "up"
        else:
            # Down although it shall be up: it has ended, and the restart is held back.
            state = "failed" if wanted else "down"
        found[service.name] = ServiceStatus(
            service.name,
            state,
            pid if up and pid > 0 else None,
            float(fields[7]),
            is_ready if tells else None,
            raw,
        )
    return found
