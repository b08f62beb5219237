"""dinit: a file for each service, dependencies hard and soft, readiness by file descriptor, `dinitctl`.

Sources: dinit(8), dinit-service(5), dinitctl(8) of dinit 0.22. Debian has no package of it; the image has it
where somebody has put it there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.errors import RenderError, SandboxError
from helpers.filetree import FileTree
from helpers.inits import plain
from helpers.inits.base import Rendered, ServiceStatus, Unsupported
from helpers.inits.plan import back_off_values, limit_notes, make_plan, oneshot_notes
from helpers.inits.readiness import check_command, wait_seconds
from helpers.inits.shell import env_words, exports, join, number
from helpers.inits.templates import fill, title
from helpers.manifest.models import Fd, Manifest, Service

__all__ = ["Dinit", "parse_status"]

_HOME = "/etc/dinit.d"
_SOCKET = "/run/dinitctl"
_POLL = 0.05
_CHECK_FD = 3
_POLICIES = {"always": "true", "on-failure": "on-failure", "never": "false"}
# `[{+}     ] redis (pid: 12)`: the target in braces, what happens between the sides (dinitctl(8), list).
_LINE = re.compile(r"^\[(?P<marks>.{8})\] (?P<name>[^ ]+)(?: \(.*?pid: (?P<pid>\d+).*\))?")


class Dinit(plain.Plain):
    """dinit as PID 1 of a container: one process that does it all.

    A service that others need hard is stopped after them; `smooth-recovery` lets it come back alone when it
    has ended by itself.
    """

    name = "dinit"
    title = "dinit"
    package = "dinit"
    binary = "/usr/sbin/dinit"
    brings = (
        "Debian has no dinit: lay one over the image, Lab(..., tree=tree) with "
        'tree.add("/usr/sbin/dinit", ..., 0o755) and tree.add("/usr/sbin/dinitctl", ..., 0o755)'
    )
    clean_exits = frozenset({0})
    ordering = "native: depends-on, readiness included"
    logging = "native: a plain file"

    def render(self, manifest: Manifest) -> Rendered:
        """A file in /etc/dinit.d for each service, one called boot that wants them all, scripts in /etc/lab.

        Raises `RenderError` for what no init could order, and for a service called boot.
        """
        make_plan(manifest)  # refuses what cannot be ordered
        if any(service.name == "boot" for service in manifest.services):
            raise RenderError(
                "service boot: dinit starts with the service of that name, and it is ours",
                hint="give the service another name",
            )
        tree = FileTree()
        wanted = [f"waits-for = {service.name}" for service in manifest.services]
        tree.add(f"{_HOME}/boot", fill("dinit", "boot", services=wanted))
        tree.add("/var/log/lab/README", "What the services write, a file for each.\n")
        notes: list[Unsupported] = []
        for service in manifest.services:
            _render_service(tree, service)
            notes += _notes(service)
        return Rendered(tree, tuple(notes))

    def pid1(self) -> Pid1:
        """dinit itself; `--container`: it ends where it would power off. Stopped by SIGTERM, ends with 0."""
        return Pid1((self.binary, "--container", "-d", _HOME, "-p", _SOCKET, "boot"))

    def start(self, service: str) -> Sequence[str]:
        """`dinitctl start`: what it needs is started first; returns when it is ready."""
        return ("dinitctl", "-p", _SOCKET, "start", service)

    def stop(self, service: str) -> Sequence[str]:
        """`dinitctl stop --force`: what needs it is stopped first."""
        return ("dinitctl", "-p", _SOCKET, "stop", "--force", service)

    def restart(self, service: str) -> Sequence[str]:
        """`dinitctl restart --force`: what needs it is restarted too."""
        return ("dinitctl", "-p", _SOCKET, "restart", "--force", service)

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """`dinitctl list`, which tells no times."""
        try:
            answer = sandbox.exec(["dinitctl", "-p", _SOCKET, "list"]).stdout.decode(errors="replace")
        except SandboxError:
            answer = ""
        return parse_status(answer, manifest)

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """As `Plain` finds them, among the leaders of a process group: dinit makes one for each service."""
        leaders = [process for process in processes if process.pgid == process.pid]
        return super().main_pids(leaders, manifest)

    def log_path(self, service: str) -> str:
        """One file that grows."""
        return _log(service)


def _log(name: str) -> str:
    return f"/var/log/lab/{name}.log"


def _value(text: str) -> str:
    """A text as a setting's value: in double quotes, `$` doubled (dinit-service(5))."""
    plain_text = text.replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_./:@+-]+", text):
        return text
    return '"' + plain_text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _render_service(tree: FileTree, service: Service) -> None:
    name = service.name
    values: dict[str, object] = {
        "name": name,
        "title": title(service),
        "log": _log(name),
        "needs": [f"depends-on = {other}" for other in service.depends_on],
    }
    if service.kind == "bundle":
        tree.add(f"{_HOME}/{name}", fill("dinit", "internal", title=values["title"], needs=values["needs"]))
        return
    limits = service.limits
    process = [f"run-as = {service.user}"] if service.user is not None else []
    process += [f"working-dir = {_value(service.cwd)}"] if service.cwd is not None else []
    for setting, limit in (("rlimit-nofile", limits.open_files), ("rlimit-addrspace", limits.memory)):
        process += [f"{setting} = {limit}"] if limit is not None else []
    values["process"] = process
    if service.kind == "oneshot":
        down = [f"stop-command = /etc/lab/down/{name}"] if service.down else []
        tree.add(f"{_HOME}/{name}", fill("dinit", "scripted", down=down, **values))
        tree.script(f"/etc/lab/service/{name}", _script(service, service.command))
        if service.down:
            tree.script(f"/etc/lab/down/{name}", _script(service, service.down))
        return
    notification, notify = _notification(tree, service)
    text = fill(
        "dinit",
        "process",
        notification=notification,
        start_seconds=wait_seconds(service.readiness),
        restart=_restart(service),
        signal=service.stop_signal,
        grace=number(service.stop_grace),
        **values,
    )
    tree.add(f"{_HOME}/{name}", text)
    tree.script(f"/etc/lab/service/{name}", _script(service, service.command, notify))


def _notification(tree: FileTree, service: Service) -> tuple[list[str], list[str]]:
    """The line for dinit, and the lines for the script: how it is told that the service is ready."""
    check = check_command(service.readiness)
    if isinstance(service.readiness, Fd):
        fd = service.readiness.fd
        return [f"ready-notification = pipefd:{fd}"], [f"export NOTIFY_FD={fd}"]
    if check is None:
        return [], []
    tree.script("/etc/lab/notify", fill("dinit", "notify"))
    tree.script(f"/etc/lab/check/{service.name}", fill("dinit", "check", name=service.name, check=check))
    tries = math.ceil(wait_seconds(service.readiness) / _POLL)
    lines = fill("dinit", "notify-check", name=service.name, tries=tries).splitlines()
    return [f"ready-notification = pipefd:{_CHECK_FD}"], lines


def _restart(service: Service) -> list[str]:
    lines = [f"restart = {_POLICIES[service.restart.policy]}"]
    if service.restart.policy != "never":
        lines += ["# It comes back alone: what needs it is not stopped.", "smooth-recovery = true"]
        # Where the delay grows, our script holds it back.
        delay = 0.0 if service.restart.factor > 1 else service.restart.delay
        lines += [
            f"restart-delay = {number(delay) or 0}",
            "# No end of it: the default is three in ten seconds.",
        ]
        lines += ["restart-limit-count = 0"]
    return lines


def _script(service: Service, argv: Sequence[str], notify: Sequence[str] = ()) -> str:
    """What becomes the service: dinit's own files know no quoting that takes every character."""
    restart = service.restart
    backoff = []
    if service.kind == "longrun" and restart.policy != "never" and restart.factor > 1 and restart.delay > 0:
        backoff = fill("dinit", "back-off", name=service.name, **back_off_values(restart)).splitlines()
    # dinit has no limit of its own for processes; -p is dash's and busybox's.
    limits = [f"ulimit -p {service.limits.pids}"] if service.limits.pids is not None else []
    command = join([*env_words(service, cwd=False), *argv])
    return fill(
        "dinit",
        "run",
        title=title(service),
        limits=limits,
        backoff=backoff,
        notify=list(notify),
        exports=exports(service.env),
        command=command,
    )


def _notes(service: Service) -> list[Unsupported]:
    if service.kind == "bundle":
        return []
    note = "output is appended to one file, without times; logrotate would rotate it from outside"
    notes = [Unsupported(service.name, "log", note)]
    if service.kind == "oneshot":
        notes += oneshot_notes(service)
    return notes + limit_notes(service, "setrlimit")


def parse_status(text: str, manifest: Manifest) -> list[ServiceStatus]:
    """`dinitctl list` lines, in the manifest's order.

    `+` on the left is started, `s` skipped, `<<` starting, `>>` stopping, `-` on the right stopped, `X`
    failed; braces or brackets stand around the target.
    """
    rows = {match["name"]: match for match in map(_LINE.match, text.splitlines()) if match}
    return [_status(service, rows.get(service.name)) for service in manifest.services]


def _status(service: Service, match: re.Match[str] | None) -> ServiceStatus:
    asked = service.kind == "longrun" and service.readiness is not None
    if match is None:  # not loaded, or dinit does not listen yet
        return ServiceStatus(service.name, "down", ready=False if asked else None)
    marks = match["marks"]
    if "<<" in marks:
        state = "starting"
    elif ">>" in marks:
        state = "stopping"
    elif "X" in marks:
        state = "failed"
    else:
        state = "up" if "+" in marks or "s" in marks else "down"
    pid = int(match["pid"]) if match["pid"] else None
    return ServiceStatus(service.name, state, pid, None, state == "up" if asked else None, match[0])
