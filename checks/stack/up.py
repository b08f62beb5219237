"""Why a stack does not come up: what can be told at once, and what only time tells."""

from __future__ import annotations

import posixpath
import time

from checks.stack.box import PORTS, SERVICES, Machine
from helpers.engines.base import Process

__all__ = ["Boot"]

_SETTLED = 0.4  # seconds without a process of OpenRC's boot: between two runlevels there are a few


class Boot:
    """Looks at a machine that boots, again and again."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._since: dict[str, float] = {}

    def wrong(self, stuck: float) -> tuple[str, str] | None:
        """What makes waiting any longer needless: what is seen, and the key of the hint. `stuck` is how many
        seconds a state that may pass has to last."""
        return self._files() or self._app() or self._console() or self._openrc(stuck) or self._idle(2 * stuck)

    def absent(self) -> tuple[str, str]:
        """Why the chain does not answer: the first service that is missing, in the order of their needs."""
        for service in SERVICES:
            if self._machine.process(service) is None:
                return self._missing(service)
        status = self._machine.get("/")[0]
        return f"all three run; nginx answers {status or 'nothing'}", "wrong-address"

    def _missing(self, service: str) -> tuple[str, str]:
        said = self._machine.complaint(service)
        seen = f"no process of {service}" + (f"; the last line on the console: `{said}`" if said else "")
        return seen, "does-not-start"

    def _files(self) -> tuple[str, str] | None:
        stack = self._machine.stack
        for path in stack.scripts():
            found = stack.file(path)
            if found is not None and not found.mode & 0o100:
                return f"{path} may not be executed", "no-run-bit"
        return None

    def _app(self) -> tuple[str, str] | None:
        for note in self._machine.notes("app"):
            missing = [name for name in ("LISTEN", "REDIS") if not note[name]]
            if missing:
                return f"the app was started without {' and '.join(missing)} in its environment", "no-env"
            for name, service in (("LISTEN", "app"), ("REDIS", "redis")):
                if not note[name].endswith(f":{PORTS[service]}"):
                    return f"the app was started with {name}={note[name]}", "wrong-address"
        return None

    def _console(self) -> tuple[str, str] | None:
        lines = self._machine.console()
        for service in SERVICES:
            if any(f"ERROR: {service} failed to start" in line for line in lines):
                return self._missing(service)
        return None

    def _idle(self, stuck: float) -> tuple[str, str] | None:
        """A service that does not appear although what it needs has been there for long."""
        missing = [self._machine.process(service) is None for service in SERVICES]
        needed = [False, *missing[:-1]]
        for service, absent, need in zip(SERVICES, missing, needed, strict=True):
            if self._lasts(f"idle {service}", absent and not need, stuck):
                return self._missing(service)
        return None

    def _openrc(self, stuck: float) -> tuple[str, str] | None:
        """OpenRC starts one service after the other: one that hangs holds up all others."""
        if self._machine.stack.init.name != "openrc":
            return None
        processes = self._machine.processes()
        booting = any(p.comm == "openrc" for p in processes)
        if self._lasts("booted", not booting and bool(self._machine.console()), _SETTLED):
            gone = next((s for s in SERVICES if self._machine.process(s) is None), None)
            if gone is not None and self._lasts(f"no {gone}", True, stuck):
                return self._missing(gone)
        early = any(not note["begun"] for note in self._machine.notes("app"))
        early = booting and early and self._machine.process("redis") is None
        if self._lasts("app before redis", early, stuck):
            return "OpenRC has started the app, and starts redis after it", "no-order"
        for service in SERVICES:
            process = self._machine.process(service)
            inside = process is not None and booting and self._in_foreground(process, processes)
            if self._lasts(f"{service} in the foreground", inside, stuck):
                return f"OpenRC waits until {service} ends", "foreground"
            daemon = next((p for p in processes if p.argv[:2] == ("supervise-daemon", service)), None)
            folder = _log_folder(daemon) if daemon is not None else None
            barren = daemon is not None and process is None and folder is not None
            if self._lasts(f"no child of {service}", barren, stuck) and not self._machine.exists(
                folder or "/"
            ):
                return (
                    f"supervise-daemon cannot start {service}: there is no folder {folder}",
                    "no-log-folder",
                )
        return None

    def _in_foreground(self, process: Process, processes: list[Process]) -> bool:
        """Whether the process has its service script among its ancestors."""
        table = {p.pid: p for p in processes}
        above = table.get(process.ppid)
        while above is not None and above.pid != 1:
            if above.comm.startswith("openrc-run"):
                return True
            above = table.get(above.ppid)
        return False

    def _lasts(self, what: str, is_so: bool, seconds: float) -> bool:
        """Whether something has been so for some seconds, as often as it was looked at."""
        if not is_so:
            self._since.pop(what, None)
            return False
        return time.monotonic() - self._since.setdefault(what, time.monotonic()) >= seconds


def _log_folder(daemon: Process) -> str | None:
    """The folder of the log supervise-daemon was told to write (supervise-daemon(8): --stdout, --stderr)."""
    for option, value in zip(daemon.argv, daemon.argv[1:], strict=False):
        if option in ("--stdout", "--stderr", "-1", "-2") and value.startswith("/"):
            return posixpath.dirname(value)
    return None
