"""OpenRC: `openrc-init` as PID 1, runlevels, `depend()`, `supervise-daemon` for each longrun.

Sources: openrc-init(8), openrc-run(8), supervise-daemon(8), rc-status(8) of OpenRC 0.56, its
service-script-guide and supervise-daemon-guide, openrc-init.c and /lib/rc/sh where the pages are silent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from helpers.engines.base import Pid1, Process, Sandbox
from helpers.errors import RenderError
from helpers.filetree import FileTree
from helpers.inits.base import Rendered, ServiceStatus, Unsupported
from helpers.inits.plan import fd_notes, limit_notes, make_plan, oneshot_notes
from helpers.inits.readiness import check_command, wait_seconds
from helpers.inits.shell import env_words, exports, join, quote
from helpers.inits.templates import fill, title
from helpers.manifest.models import Manifest, Restart, Service

__all__ = ["OpenRC", "parse_status"]

_POLL = 0.05
_DAEMON = "supervise-daemo"  # the kernel keeps 15 characters (proc_pid_comm(5))
# Names a service script may export without changing OpenRC's own work.
_EXPORTABLE = re.compile(r"(?!RC_|EINFO_|SSD_|EERROR_|EWARN_|IN_)[A-Z][A-Z0-9_]*")
_OURS = frozenset({"PATH", "IFS", "ENV", "PPID", "PWD", "OLDPWD", "OPTIND", "SVCNAME", "TERM", "COLUMNS"})
_LINE = re.compile(
    r"^ *(?P<name>[a-z][a-z0-9_-]*) *\[ *(?P<word>[a-z]+)(?: (?P<time>[0-9:day()s, ]+))? *\]", re.I
)
_STATES = {
    "started": "up",
    "starting": "starting",
    "stopping": "stopping",
    "stopped": "down",
    "inactive": "starting",
    "scheduled": "starting",
    "crashed": "failed",
    "failed": "failed",
    "unsupervised": "failed",
}

_PROVIDED = ("dev", "localmount", "net")  # as rc.conf has it


class OpenRC:
    """openrc-init as PID 1.

    It runs the runlevels sysinit, boot and default one after the other. Stopping takes a little more
    than three seconds: after the runlevel shutdown, openrc-init.c sends SIGTERM to whatever is left and
    then always sleeps for three. PID 1 ends by reboot(2), which ends the sandbox as SIGINT would
    (pid_namespaces(7)).
    """

    name = "openrc"
    title = "OpenRC"
    package = "openrc"
    binary = "/sbin/openrc-init"
    clean_exits = frozenset({130})
    ordering = "depend(): need, use, want, after, before"
    logging = "supervise-daemon: plain files"

    def render(self, manifest: Manifest) -> Rendered:
        """A script in /etc/init.d and a link in /etc/runlevels/default for each service, bundles too.

        Raises `RenderError` for what no init could order, and for a name that rc.conf's rc_provide takes:
        whoever needs it would not wait.
        """
        make_plan(manifest)  # refuses what cannot be ordered
        for service in manifest.services:
            if service.name in _PROVIDED:
                raise RenderError(
                    f"service {service.name}: under OpenRC the sandbox itself provides {service.name}, so "
                    "nobody would wait for the service",
                    hint=f"give it another name, such as lab-{service.name}",
                )
        tree = FileTree()
        tree.script("/etc/openrc/init", fill("openrc", "init"))
        tree.add("/etc/rc.conf", fill("openrc", "rc.conf"))
        notes: list[Unsupported] = []
        for service in manifest.services:
            script = f"/etc/init.d/{service.name}"
            tree.script(script, _SCRIPTS[service.kind](service))
            tree.symlink(f"/etc/runlevels/default/{service.name}", script)
            notes += _notes(service)
        return Rendered(tree, tuple(notes))

    def pid1(self) -> Pid1:
        """/etc/openrc/init, which becomes openrc-init; stopped by SIGTERM.

        reboot(2) needs CAP_SYS_BOOT; without it PID 1 never ends.
        """
        return Pid1(("/etc/openrc/init",), capabilities=("SYS_BOOT",))

    def start(self, service: str) -> Sequence[str]:
        """`rc-service NAME start`: what it needs is started first."""
        return ("rc-service", "--nocolor", service, "start")

    def stop(self, service: str) -> Sequence[str]:
        """`rc-service NAME stop`: what needs it is stopped first."""
        return ("rc-service", "--nocolor", service, "stop")

    def restart(self, service: str) -> Sequence[str]:
        """`rc-service NAME restart`: what needs it is stopped before and started after."""
        return ("rc-service", "--nocolor", service, "restart")

    def reload(self) -> Sequence[str]:
        """`rc-update -u`: the dependencies of all scripts are read again, whatever their times say."""
        return ("rc-update", "--update")

    def status(self, sandbox: Sandbox, manifest: Manifest) -> list[ServiceStatus]:
        """`rc-status --servicelist`. Its words have no PIDs: they are read off the process table."""
        answer = sandbox.exec(["rc-status", "--nocolor", "--servicelist"])
        found = parse_status(answer.stdout.decode(errors="replace"), manifest)
        pids = self.main_pids(sandbox.processes(), manifest)
        return [
            ServiceStatus(
                s.name, s.state, pids.get(s.name) if s.state != "down" else None, s.uptime, s.ready, s.raw
            )
            for s in found
        ]

    def main_pids(self, processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
        """The child of `supervise-daemon NAME`; for a service that is never restarted, the child of PID 1
        with the service's command line, for start-stop-daemon leaves nobody behind who knows it."""
        supervisors = {
            process.pid: process.argv[1]
            for process in processes
            if process.comm == _DAEMON and len(process.argv) > 2 and process.argv[2] == "--start"
        }
        found: dict[str, int] = {}
        for service in manifest.services:
            if service.kind != "longrun":
                continue
            for process in processes:
                # The daemon's child before it has executed the service looks like the daemon.
                if process.state == "Z" or process.comm == _DAEMON:
                    continue
                if service.restart.policy == "never":
                    ours = process.ppid == 1 and process.argv[-len(service.command) :] == service.command
                else:
                    ours = supervisors.get(process.ppid) == service.name
                if ours:
                    found[service.name] = process.pid
                    break
        return found

    def log_path(self, service: str) -> str:
        """One file that grows: OpenRC has no logger of its own."""
        return _log(service)


def _log(name: str) -> str:
    return f"/var/log/lab/{name}.log"


class _Words:
    """Words for a setting that OpenRC's scripts split at white space, expand as patterns and then evaluate
    (/lib/rc/sh/supervise-daemon.sh). A word that would not survive that goes into a variable of its own."""

    def __init__(self) -> None:
        self.variables: list[str] = []

    def add(self, word: str, name: str) -> str:
        if quote(word) == word:
            return word
        self.variables.append(f"{name}={quote(word)}")
        return f'"${name}"'


def _head(service: Service) -> list[str]:
    words = " ".join(service.description.split())
    return [f"description={quote(words)}"] if words else []


def _depend(service: Service) -> str:
    return f"need {' '.join(dict.fromkeys(service.depends_on))}" if service.depends_on else ":"


def _log_owner(service: Service) -> list[str]:
    """supervise-daemon opens the log as the service's user, who may not make files there."""
    return [f"checkpath -f -o {service.user} {_log(service.name)}"] if service.user is not None else []


def _ulimits(service: Service) -> list[str]:
    """`ulimit` lines of dash(1): -v counts KiB of address space, -p the user's processes."""
    limits = service.limits
    lines = []
    if limits.open_files is not None:
        lines.append(f"ulimit -n {limits.open_files}")
    if limits.pids is not None:
        lines.append(f"ulimit -p {limits.pids}")
    if limits.memory is not None:
        lines.append(f"ulimit -v {max(1, limits.memory // 1024)}")
    return lines


def _longrun(service: Service) -> str:
    words = _Words()
    settings = _head(service)
    supervised = service.restart.policy != "never"
    command = words.add(service.command[0], "program")
    args = " ".join(words.add(word, f"arg_{i}") for i, word in enumerate(service.command[1:], 1))
    directory = words.add(service.cwd, "folder") if service.cwd is not None else ""
    lines, rest = [], []
    for i, (name, value) in enumerate(service.env.items(), 1):
        if _EXPORTABLE.fullmatch(name) and name not in _OURS:
            lines.append(f"export {name}={quote(value)}")
        else:
            rest.append(f"--env {words.add(f'{name}={value}', f'env_{i}')}")
    if supervised:
        settings += ["supervisor=supervise-daemon", *_respawn(service.restart)]
    else:
        # Nobody supervises: start-stop-daemon puts it into the background and is gone.
        settings += ["command_background=true", f"pidfile=/run/{service.name}.pid"]
    settings += [*words.variables, f"command={quote(command)}"]
    if args:
        settings.append(f"command_args={quote(args)}")
    if service.user is not None:
        settings.append(f"command_user={service.user}")
    if directory:
        settings.append(f"directory={quote(directory)}")
    if rest:
        name = "supervise_daemon_args" if supervised else "start_stop_daemon_args"
        settings.append(f"{name}={quote(' '.join(rest))}")
    settings += [f"output_log={_log(service.name)}", f"error_log={_log(service.name)}"]
    grace = math.ceil(service.stop_grace)
    retry = f"SIG{service.stop_signal}/{grace}"
    settings.append(f"retry={retry if service.stop_signal == 'KILL' else f'{retry}/SIGKILL/5'}")
    check = check_command(service.readiness)
    start_post = ""
    if check is not None:
        seconds = wait_seconds(service.readiness)
        tries = math.ceil(seconds / _POLL)
        quiet = f"{{ {check}; }} >/dev/null 2>&1"
        start_post = fill("openrc", "start_post", check=quiet, tries=tries, seconds=seconds).rstrip("\n")
    return fill(
        "openrc",
        "service",
        title=title(service),
        settings=settings,
        exports=lines,
        depend=_depend(service),
        prepare=[*_log_owner(service), *_ulimits(service)],
        start_post=start_post,
    )


def _respawn(restart: Restart) -> list[str]:
    """respawn_max=0: no end, where the default gives up after ten. A delay of 0, the default, is refused.

    A delay is never rounded down to none. Without one, a service that always ends at once is started
    hundreds of times a second, and supervise-daemon loses sight of it after some thousand: an end between
    its fork(2) and its open(2) of the fifo wakes nobody (supervise-daemon.c, seen here with 0.56).
    """
    delay = math.ceil(restart.delay)
    return [*([f"respawn_delay={delay}"] if delay else []), "respawn_max=0"]


def _oneshot(service: Service) -> str:
    def command(argv: Sequence[str]) -> str:
        prefix = env_words(service)
        if service.user is not None:
            group = f'"$(id -g {service.user})"'
            head = f"setpriv --reuid {service.user} --regid {group} --init-groups "
        else:
            head = ""
        return head + join([*prefix, *argv])

    lines = exports(service.env)
    down = ["(", *(f"    {line}" for line in lines), f"    exec {command(service.down)}", ")"]
    return fill(
        "openrc",
        "oneshot",
        title=title(service),
        settings=_head(service),
        exports=lines,
        depend=_depend(service),
        limits=_ulimits(service),
        log=_log(service.name),
        command=command(service.command),
        down=down if service.down else ":",
    )


def _bundle(service: Service) -> str:
    return fill("openrc", "bundle", title=title(service), settings=_head(service), depend=_depend(service))


_SCRIPTS = {"longrun": _longrun, "oneshot": _oneshot, "bundle": _bundle}


def _notes(service: Service) -> list[Unsupported]:
    if service.kind == "bundle":
        return []
    notes: list[Unsupported] = []

    def note(field: str, text: str) -> None:
        notes.append(Unsupported(service.name, field, text))

    note("log", "output is appended to one file, without times; logrotate would rotate it from outside")
    if service.kind == "oneshot":
        return notes + oneshot_notes(service) + limit_notes(service, "ulimit")
    notes += fd_notes(service, "it counts as ready as soon as it has been forked")
    restart = service.restart
    if restart.policy == "on-failure":
        note(
            "restart.policy",
            "supervise-daemon restarts whatever ends, with any exit status; rendered as always",
        )
    if restart.policy != "never":
        whole = math.ceil(restart.delay)
        if restart.delay != whole:
            note("restart.delay", f"respawn_delay counts whole seconds; rendered as {whole}")
        if restart.delay and restart.factor > 1:
            note("restart.factor", "respawn_delay is the same after every end")
    if service.stop_grace != math.ceil(service.stop_grace):
        note("stop_grace", f"retry counts whole seconds; rendered as {math.ceil(service.stop_grace)}")
    return notes + limit_notes(service, "ulimit")


def parse_status(text: str, manifest: Manifest) -> list[ServiceStatus]:
    """`rc-status --servicelist` lines, like ` redis   [  started 00:00:05 (0)  ]`, in the manifest's order.

    OpenRC counts a service as started when start_post has returned: then it is ready.
    """
    rows = {match["name"]: match for match in map(_LINE.match, text.splitlines()) if match}
    found = []
    for service in manifest.services:
        match = rows.get(service.name)
        if match is None:  # no such script, or PID 1 has not come that far
            found.append(ServiceStatus(service.name, "failed" if rows else "down"))
            continue
        state = _STATES.get(match["word"].lower(), "failed")
        asked = service.kind != "longrun" or check_command(service.readiness) is not None
        ready = state == "up" if asked else None
        found.append(
            ServiceStatus(
                service.name, state, None, _seconds(match["time"] or ""), ready, " ".join(match[0].split())
            )
        )
    return found


def _seconds(text: str) -> float | None:
    """`1 day(s) 00:00:05 (0)` → 86405.0; the number in parentheses counts restarts."""
    match = re.search(r"(?:(\d+) day\(s\) )?(\d+):(\d\d):(\d\d)", text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
