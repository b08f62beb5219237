"""systemd: units, `Requires=` and `After=`, a cgroup for each service, `systemctl`.

Sources: systemd(1), systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5),
systemd.syntax(7), systemctl(1) of systemd 257, and its container interface
(https://systemd.io/CONTAINER_INTERFACE).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from signal import SIGRTMIN

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.errors import RenderError, SandboxError
from helpers.filetree import FileTree
from helpers.inits import plain
from helpers.inits.base import Rendered, ServiceStatus, Unsupported
from helpers.inits.plan import backs_off, make_plan, oneshot_notes
from helpers.inits.readiness import check_command, wait_seconds
from helpers.inits.shell import number
from helpers.inits.templates import fill, title
from helpers.manifest.models import Fd, Manifest, Restart, Service

__all__ = ["Systemd", "parse_status"]

_UNITS = "/etc/systemd/system"
# Targets of systemd's own that booting and stopping go through.
_TAKEN = frozenset(
    ("default", "shutdown", "umount", "final", "exit", "halt", "poweroff", "reboot", "kexec", "soft-reboot")
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROPERTIES = "Id,LoadState,ActiveState,SubState,MainPID,Job,StateChangeTimestampMonotonic"
_STATUS = f'cat /proc/uptime; systemctl show --property {_PROPERTIES} -- "$@"'
_UNIT = 'unit=$1.service; [ ! -e "/etc/systemd/system/$1.target" ] || unit=$1.target; '
_STATES = {
    "active": "up",
    "reloading": "up",
    "activating": "starting",
    "deactivating": "stopping",
    "failed": "failed",
}
_ABOUT_NEEDS = "# Requires= alone orders nothing; After= alone starts it even when the other has failed."
_RESTART = {"always": "always", "on-failure": "on-failure", "never": "no"}


class Systemd(plain.Plain):
    """systemd as PID 1 of a container, with the units of the lab alone: no journal, no udev, no D-Bus.

    It needs a cgroup of its own. `systemctl stop` stops what requires the service as well.
    """

    name = "systemd"
    title = "systemd"
    package = "systemd"
    binary = "/usr/lib/systemd/systemd"
    clean_exits = frozenset({0})
    ordering = "native: Requires= and After=, readiness included"
    logging = "native: a plain file; its journal is not started"

    def render(self, manifest: Manifest) -> Rendered:
        """A unit for each service in /etc/systemd/system, and a default.target that wants them all.

        Raises `RenderError` for what no init could order, and for a bundle called as one of systemd's own.
        """
        make_plan(manifest)  # refuses what cannot be ordered
        tree = FileTree()
        units = {service.name: _unit(service) for service in manifest.services}
        wants = [f"Wants={unit}" for unit in units.values()]
        name = _escaped(f"the services of {manifest.name}")
        tree.add(f"{_UNITS}/default.target", fill("systemd", "default.target", title=name, wants=wants))
        # An empty one means that this is the first boot: every unit would be enabled as Debian wants it.
        tree.add("/etc/machine-id", "1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1a\n")
        tree.add("/var/log/lab/README", "What the services write, a file for each.\n")
        notes: list[Unsupported] = []
        for service in manifest.services:
            needs = [units[need] for need in service.depends_on]
            lines = [_ABOUT_NEEDS] if needs else []
            lines += [f"{word}={unit}" for word in ("Requires", "After") for unit in needs]
            _render_service(tree, service, units[service.name], lines)
            notes += _notes(service)
        return Rendered(tree, tuple(notes))

    def pid1(self) -> Pid1:
        """systemd itself, told by `container=` where it is; SIGRTMIN+4 (power off) stops it, with 0."""
        return Pid1(
            (self.binary, "--log-target=console", "--show-status=no"),
            stop_signal=SIGRTMIN + 4,
            env={"container": "initlab", "TERM": "dumb"},
            cgroup=True,
            terminal=True,
        )

    def start(self, service: str) -> Sequence[str]:
        """`systemctl start`: what it requires is started first; returns when it is ready."""
        return ("/bin/sh", "-c", _UNIT + 'systemctl start "$unit"', "sh", service)

    def stop(self, service: str) -> Sequence[str]:
        """`systemctl stop`: what requires it is stopped first; returns when it is down."""
        return ("/bin/sh", "-c", _UNIT + 'systemctl stop "$unit"', "sh", service)

    def restart(self, service: str) -> Sequence[str]:
        """`systemctl restart`: what requires it is restarted too."""
        return ("/bin/sh", "-c", _UNIT + 'systemctl restart "$unit"', "sh", service)

    def reload(self) -> Sequence[str]:
        """`systemctl daemon-reload`: the units are read again; what runs goes on."""
        return ("systemctl", "daemon-reload")

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """`systemctl show`."""
        units = [_unit(service) for service in manifest.services]
        try:
            answer = sandbox.exec(["/bin/sh", "-c", _STATUS, "sh", *units]).stdout
        except SandboxError:
            answer = b""  # it does not listen yet
        return parse_status(answer.decode(errors="replace"), manifest)

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """As `Plain` finds them, among the leaders of a session: systemd makes one for each process.

        What its cgroups tell is not in the process table.
        """
        leaders = [process for process in processes if process.sid == process.pid]
        return super().main_pids(leaders, manifest)

    def log_path(self, service: str) -> str:
        """One file that grows: the journal, which rotates and writes times, is not started."""
        return _log(service)


def _log(name: str) -> str:
    return f"/var/log/lab/{name}.log"


def _unit(service: Service) -> str:
    if service.kind != "bundle":
        return f"{service.name}.service"
    if service.name in _TAKEN:
        raise RenderError(
            f"bundle {service.name}: systemd has a target of its own called {service.name}.target",
            hint="give the bundle another name",
        )
    return f"{service.name}.target"


def _escaped(text: str) -> str:
    """A text as the value of a setting: no specifiers (systemd.unit(5)), no continued line."""
    return text.replace("%", "%%").rstrip("\\ ")


def _word(word: str, *, dollar: bool = False) -> str:
    """One word in double quotes with C escapes (systemd.syntax(7)). Where a command stands (`dollar`),
    `$` would begin a variable."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "%": "%%"}
    if dollar:
        escapes["$"] = "$$"
    quoted = "".join(
        escapes.get(c) or (c if ord(c) >= 32 and ord(c) != 127 else f"\\x{ord(c):02x}") for c in word
    )
    return quoted if re.fullmatch(r"[A-Za-z0-9_./:=,@+-]+", quoted) else f'"{quoted}"'


def _settable(name: str, value: str) -> bool:
    """Whether Environment= takes it: a name as in a shell, and no control characters but tab and newline."""
    controls = [c for c in value if (ord(c) < 32 and c not in "\t\n") or ord(c) == 127]
    return bool(_NAME.fullmatch(name)) and not controls


def _command(service: Service, argv: Sequence[str], front: Sequence[str] = ()) -> str:
    rest = [f"{name}={value}" for name, value in service.env.items() if not _settable(name, value)]
    words = [*front]
    # A path is to be absolute, and a name is not looked for in the service's own PATH.
    if rest or not argv[0].startswith("/"):
        words += ["/usr/bin/env", *rest]
    # An @, - or : in front of the first word, and a ; alone, would mean something.
    return " ".join(_word(word, dollar=True) if word != ";" else '";"' for word in [*words, *argv])


def _render_service(tree: FileTree, service: Service, unit: str, needs: list[str]) -> None:
    name = service.name
    values: dict[str, object] = {"title": _escaped(title(service)), "needs": needs}
    if service.kind == "bundle":
        tree.add(f"{_UNITS}/{unit}", fill("systemd", "target", **values))
        return
    limits = service.limits
    process = [f"User={service.user}"] if service.user is not None else []
    process += [f"WorkingDirectory={_escaped(service.cwd)}"] if service.cwd is not None else []
    for setting, value in (
        ("LimitNOFILE", limits.open_files),
        ("LimitNPROC", limits.pids),
        ("TasksMax", limits.pids),
        ("LimitAS", limits.memory),
        ("MemoryMax", limits.memory),
    ):
        process += [f"{setting}={value}"] if value is not None else []
    values |= {
        "environment": [
            f"Environment={_word(f'{key}={value}')}"
            for key, value in service.env.items()
            if _settable(key, value)
        ],
        "process": process,
        "log": _log(name),
    }
    if service.kind == "oneshot":
        down = [f"ExecStop={_command(service, service.down)}"] if service.down else []
        command = _command(service, service.command)
        tree.add(f"{_UNITS}/{unit}", fill("systemd", "oneshot", command=command, down=down, **values))
        return
    kind, front, ready = "exec", list[str](), list[str]()
    check = check_command(service.readiness)
    if isinstance(service.readiness, Fd):
        kind, front = "notify", ["/etc/lab/notify", str(service.readiness.fd)]
        ready = ["NotifyAccess=all"]
        tree.script("/etc/lab/notify", fill("systemd", "notify"))
    elif check is not None:
        # +: as root, whatever User= says. systemd counts the service as started when it has returned.
        ready = [f"ExecStartPost=+/etc/lab/wait {name}"]
        tree.script("/etc/lab/wait", fill("systemd", "wait"))
        tree.script(f"/etc/lab/check/{name}", fill("systemd", "check", name=name, check=check))
    text = fill(
        "systemd",
        "service",
        type=kind,
        command=_command(service, service.command, front),
        ready=ready,
        start_seconds=wait_seconds(service.readiness),
        restart=_RESTART[service.restart.policy],
        back_off=_back_off(service.restart),
        signal=service.stop_signal,
        grace=number(service.stop_grace),
        **values,
    )
    tree.add(f"{_UNITS}/{unit}", text)


def _steps(restart: Restart) -> int:
    """RestartSteps=: so many steps from the first delay to the longest, each the same factor; 0 for none."""
    if restart.factor == 1 or restart.delay == 0 or restart.max_delay <= restart.delay:
        return 0
    return max(1, round(math.log(restart.max_delay / restart.delay, restart.factor)))


def _factor(restart: Restart) -> float:
    """The factor that RestartSteps= makes of the delays."""
    return math.exp(math.log(restart.max_delay / restart.delay) / _steps(restart))


def _back_off(restart: Restart) -> list[str]:
    if restart.policy == "never":
        return []
    # 0 is a delay of none; a very small one is none to systemd, too.
    lines = [f"RestartSec={number(restart.delay) or 0}"]
    if restart.policy == "on-failure":
        # systemd takes an end by these signals for a clean one (systemd.service(5)).
        lines.append("RestartForceExitStatus=SIGHUP SIGINT SIGTERM SIGPIPE")
    if _steps(restart):
        lines += [f"RestartSteps={_steps(restart)}", f"RestartMaxDelaySec={number(restart.max_delay)}"]
    return lines


def _notes(service: Service) -> list[Unsupported]:
    if service.kind == "bundle":
        return []
    notes: list[Unsupported] = []

    def note(field: str, text: str) -> None:
        notes.append(Unsupported(service.name, field, text))

    note("log", "output is appended to one file, without times; the journal, which has them, is not started")
    if service.limits.memory is not None:
        note(
            "limits.memory",
            "MemoryMax= limits the service's total where the kernel has the memory controller in cgroup "
            "version 2; LimitAS= the address space of each process, everywhere",
        )
    if service.limits.pids is not None:
        note(
            "limits.pids",
            "TasksMax= limits the service's own processes where the kernel has the pids controller in cgroup "
            "version 2; LimitNPROC= those of the service's user, and never root's",
        )
    if service.kind == "oneshot":
        return notes + oneshot_notes(service)
    if isinstance(service.readiness, Fd):
        note(
            "readiness",
            "systemd listens on a socket (sd_notify), not on a descriptor; a process of ours carries it over",
        )
    restart = service.restart
    if restart.policy != "never" and backs_off(restart) and _steps(restart):
        note("restart.factor", "systemd counts on until someone starts it by hand; a calm changes nothing")
        if not math.isclose(_factor(restart), restart.factor, rel_tol=0.01):
            factor = f"{_factor(restart):.3g}"
            note("restart.factor", f"RestartSteps= counts whole steps; the factor is rendered as {factor}")
    return notes


def parse_status(text: str, manifest: Manifest) -> list[ServiceStatus]:
    """`/proc/uptime` and what `systemctl show` says of each unit, blocks with empty lines between, in the
    manifest's order. Times are microseconds since the boot of the computer, as CLOCK_MONOTONIC has it."""
    first, _, rest = text.partition("\n")
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in rest.split("\n\n")]
    rows = {block["Id"]: block for block in blocks if "Id" in block}
    try:
        now = float(first.split()[0])
    except (IndexError, ValueError):
        now = 0.0
    return [_status(service, rows.get(_unit(service), {}), now) for service in manifest.services]


def _status(service: Service, row: Mapping[str, str], now: float) -> ServiceStatus:
    active, sub = row.get("ActiveState", "inactive"), row.get("SubState", "dead")
    state = _STATES.get(active, "down")
    if sub.startswith("auto-restart"):
        state = "failed"  # down although it shall be up: the restart is held back
    elif state == "down" and row.get("Job", "0") not in ("", "0"):
        state = "starting"  # it waits for what it requires
    elif row.get("LoadState") not in (None, "loaded"):
        state = "failed"
    since = int(row.get("StateChangeTimestampMonotonic") or 0) / 1e6
    uptime = max(0.0, now - since) if since else None
    asked = service.kind == "longrun" and service.readiness is not None
    ready = state == "up" if asked else None
    pid = int(row.get("MainPID") or 0) or None
    raw = f"{_unit(service)} {active} ({sub})" if row else ""
    return ServiceStatus(service.name, state, pid, uptime, ready, raw)
