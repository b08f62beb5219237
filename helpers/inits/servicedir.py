"""s6 service directories: what s6-supervise and s6-log read, the same under s6-svscan alone and under s6-rc.

Sources: the pages servicedir, s6-supervise, s6-notifyoncheck and s6-log of skarnet.org/software/s6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from helpers.engines.base import Process
from helpers.filetree import FileTree
from helpers.inits.plan import back_off_values, backs_off
from helpers.inits.readiness import check_command
from helpers.inits.shell import env_words, exports, join
from helpers.inits.templates import fill, title
from helpers.manifest.models import Fd, Manifest, Restart, Service

__all__ = ["CHECK_FD", "LARGEST_LOG", "chain", "log_run", "longrun", "main_pids", "ms", "stopping"]

CHECK_FD = 3
"""The descriptor on which s6-supervise is told of readiness where the service does not choose one."""
LARGEST_LOG = 268_435_455
"""s6-log: the largest size before rotation, in bytes."""


def ms(seconds: float) -> int:
    """Whole milliseconds, rounded up."""
    return math.ceil(seconds * 1000)


def longrun(
    tree: FileTree, home: str, service: Service, *, waits: Sequence[str], lines: Sequence[str], notifies: bool
) -> None:
    """`run`, `notification-fd`, `data/check` and `finish` of a longrun in `home`.

    `waits` stand at the top of the run script, `lines` before its last one. `notifies`: whether s6-supervise
    is told when the service is ready.
    """
    fd = service.readiness.fd if isinstance(service.readiness, Fd) else CHECK_FD
    before = exports(service.env)
    if isinstance(service.readiness, Fd):
        before = [*before, f"export NOTIFY_FD={service.readiness.fd}"]
    values = {"title": title(service), "waits": list(waits), "exports": [*before, *lines]}
    tree.script(f"{home}/run", fill("s6", "run", command=_line(service), **values))
    if notifies:
        tree.add(f"{home}/notification-fd", f"{fd}\n")
    check = check_command(service.readiness)
    if check is not None:
        tree.script(f"{home}/data/check", fill("s6", "check", name=service.name, check=check))
    _finish(tree, home, service.restart)


def stopping(tree: FileTree, home: str, service: Service) -> None:
    """`down-signal` and `timeout-kill`."""
    if service.stop_signal != "TERM":
        tree.add(f"{home}/down-signal", f"SIG{service.stop_signal}\n")
    tree.add(f"{home}/timeout-kill", f"{ms(service.stop_grace)}\n")


def main_pids(processes: Sequence[Process], manifest: Manifest) -> dict[str, int]:
    """The child of each `s6-supervise NAME`, read off the process table; PIDs are those seen inside."""
    longruns = {service.name for service in manifest.services if service.kind == "longrun"}
    supervisors = {
        process.pid: process.argv[1]
        for process in processes
        if process.comm == "s6-supervise" and len(process.argv) == 2 and process.argv[1] in longruns
    }
    found = {
        supervisors[process.ppid]: process.pid
        for process in processes
        if process.ppid in supervisors
        and process.state != "Z"
        and process.comm != "s6-supervise"
        and "./finish" not in process.argv[:2]
    }
    return {service.name: found[service.name] for service in manifest.services if service.name in found}


def log_run(service: Service) -> str:
    """The run script of the logger."""
    log = service.log
    return fill(
        "s6",
        "log-run",
        name=service.name,
        options="T " if log.timestamps else "",
        keep=log.keep,
        max_bytes=min(log.max_bytes, LARGEST_LOG),
    )


def _line(service: Service) -> str:
    """The command, behind s6-notifyoncheck where something has to be asked (./data/check, every 50 ms)."""
    words = chain(service, service.command)
    readiness = service.readiness
    if readiness is not None and check_command(readiness) is not None:
        # -d: the asking process is PID 1's child, not the service's; -n 0: as often as it takes, in -T.
        local = "15000" if readiness.kind == "exec" else "2000"
        asking = ["s6-notifyoncheck", "-d", "-n", "0", "-s", "0", "-w", "50", "-t", local, "-T"]
        words = [*asking, str(ms(readiness.timeout)), *words]
    return join(words)


def chain(service: Service, argv: Sequence[str]) -> list[str]:
    """`argv` behind programs that change the process and then execute the next (chain loading)."""
    words: list[str] = []
    limits = service.limits
    options = [("-o", limits.open_files), ("-p", limits.pids), ("-m", limits.memory)]
    asked = [word for flag, limit in options if limit is not None for word in (flag, str(limit))]
    if asked:
        words += ["s6-softlimit", *asked]
    if service.user is not None:
        words += ["s6-setuidgid", service.user]
    return [*words, *env_words(service), *argv]


def _finish(tree: FileTree, home: str, restart: Restart) -> None:
    policy = {"always": "", "on-failure": '[ "$1" != 0 ] || exit 125', "never": "exit 125"}[restart.policy]
    delay = ""
    if restart.policy != "never" and backs_off(restart):
        delay = fill("s6", "finish-backoff", **back_off_values(restart)).rstrip("\n")
        # s6-supervise kills a finish script after 5 s unless told otherwise.
        tree.add(f"{home}/timeout-finish", f"{ms(max(restart.max_delay, restart.delay)) + 5000}\n")
    if policy or delay:
        tree.script(f"{home}/finish", fill("s6", "finish", policy=policy, delay=delay))
