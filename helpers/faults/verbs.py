"""The verbs: `lab.faults.freeze("app")` and its neighbours."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from helpers.engines.base import Process, Sandbox
from helpers.errors import FaultError, InitlabError
from helpers.faults import config, logs, resources
from helpers.faults.fault import Fault
from helpers.faults.programs import Programs, is_front
from helpers.faults.service import bring_back, end, main_process, same, wait_front, wait_until
from helpers.faults.table import FaultTable
from helpers.manifest.models import Fd, Service

if TYPE_CHECKING:
    from helpers.lab import Lab

__all__ = ["Faults"]

_LAB = "(lab)"  # in the events, where a fault is no single service's


class Faults:
    """What can be broken in a running lab. Each verb returns a `Fault`, whose `undo()` takes it back.

    Every verb raises `LabError` for a lab that is not running and for a service it does not have, and
    `FaultError` where the service is down, has the same fault already, or where the fault is impossible
    here. A verb that fails or is interrupted leaves nothing behind. Nothing is undone when the lab is
    closed: the sandbox goes, and its faults with it.

    Five verbs change how a service *starts*: `slow_start`, `never_ready`, `crash_after`, `ignore_term`,
    `fork_orphans`. They put `labs/daemons/misbehave` in front of the service's program (see
    `helpers.faults.programs`), and end the service's main process with its stop signal, so that its init
    starts it again, this time with the fault. With `restart=False` they leave it alone: the fault then takes
    effect at the next start, whoever asks for it. Several of them may be in force on one service.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._made: list[Fault] = []
        self._programs: tuple[Sandbox, Programs] | None = None
        self._changing = threading.RLock()

    # -- at once ------------------------------------------------------------------------------

    def kill(self, service: str, signal: int | str = "KILL") -> Fault:
        """Send a signal, SIGKILL unless another is named, to the service's main process from outside.

        Over at once, so it is never in the table; its `undo` starts the service if it has stayed down.
        """
        with self._changing:
            box, wanted = self._box(), self._longrun(service)
            self._process(wanted)
            pid = self._lab.kill(service, signal)
            sent = str(signal) if isinstance(signal, int) else f"SIG{signal.removeprefix('SIG')}"
            fault = Fault(self, box, "kill", service, f"{sent} was sent to PID {pid}")
            fault.on_undo(lambda: bring_back(self._lab, wanted))
            fault.over = True
            return fault

    def freeze(self, service: str) -> Fault:
        """SIGSTOP the service's main process: it is there, and does nothing. Undone by SIGCONT.

        Its other processes go on. An init sees no change: nothing has ended.
        """
        wanted = self._longrun(service)

        def act(fault: Fault) -> None:
            process = self._process(wanted)
            fault.what = f"PID {process.pid} is stopped (SIGSTOP)"
            self._stop(fault, process)

        return self._make("freeze", service, act)

    def _stop(self, fault: Fault, process: Process) -> None:
        def cont() -> None:
            if same(self._lab, process) is not None:
                self._lab.sandbox.signal(signal.SIGCONT, process.pid)

        fault.announce()
        fault.on_undo(cont)
        self._lab.sandbox.signal(signal.SIGSTOP, process.pid)

    # -- from the next start on ---------------------------------------------------------------

    def slow_start(self, service: str, seconds: float = 5.0, *, restart: bool = True) -> Fault:
        """Each start takes `seconds` longer: for so long the process is there and does nothing.

        Restarts the service unless `restart=False`; returns when it is starting, not when it is ready.
        """
        delay = _number("seconds", seconds)
        what = f"starts {delay:g} s later"
        return self._behave("slow_start", service, ["--start-after", f"{delay:g}"], what, restart)

    def never_ready(self, service: str, *, restart: bool = True) -> Fault:
        """The service runs and never gets ready: its command is not run, the daemon stands in its place.

        Restarts the service unless `restart=False`. Raises `FaultError` where a service that runs counts as
        ready: one whose manifest declares no readiness, or whose readiness this init does not ask for.
        """
        wanted = self._longrun(service)
        if wanted.readiness is None:
            raise FaultError(
                f"service {service} declares no readiness, so it is ready as soon as it runs",
                hint="give it a `readiness` in the manifest",
            )
        if isinstance(wanted.readiness, Fd):
            notes = [note for note in self._lab.unsupported() if note.service == service]
            deaf = next((note.note for note in notes if note.field == "readiness"), None)
            if deaf is not None:
                raise FaultError(f"service {service} under {self._lab.init.title}: {deaf}")
        what = "runs and is never ready"
        return self._behave("never_ready", service, ["--never-ready"], what, restart)

    def crash_after(
        self, service: str, seconds: float = 2.0, status: int = 1, *, restart: bool = True
    ) -> Fault:
        """`seconds` after each start the service ends with exit status `status` (0 to 255).

        Restarts the service unless `restart=False`. Its own processes are killed with it.
        """
        delay = _number("seconds", seconds)
        if not isinstance(status, int) or isinstance(status, bool) or not 0 <= status <= 255:
            raise FaultError(f"status is an exit status, a whole number from 0 to 255, not {status!r}")
        options = ["--crash-after", f"{delay:g}", "--status", str(status)]
        what = f"ends with {status} {delay:g} s after each start"
        return self._behave("crash_after", service, options, what, restart)

    def ignore_term(self, service: str, *, restart: bool = True) -> Fault:
        """The service does not end on SIGTERM, nor on the stop signal its manifest names.

        Restarts the service unless `restart=False`. Every other signal reaches it. Raises `FaultError` for a
        service whose stop signal is SIGKILL.
        """
        wanted = self._longrun(service)
        if wanted.stop_signal == "KILL":
            raise FaultError(f"service {service} is stopped by SIGKILL, which no process can ignore")
        options = ["--ignore-term"]
        if wanted.stop_signal != "TERM":
            options += ["--ignore", wanted.stop_signal]
        what = "ignores " + " and ".join(dict.fromkeys(["SIGTERM", f"SIG{wanted.stop_signal}"]))
        return self._behave("ignore_term", service, options, what, restart)

    def fork_orphans(
        self, service: str, count: int = 20, seconds: float = 60.0, *, restart: bool = True
    ) -> Fault:
        """Each start of the service leaves `count` processes whose parent has ended, for `seconds`.

        The kernel gives them to PID 1 (or to the nearest subreaper, prctl(2)), which has to reap them.
        Restarts the service unless `restart=False`. The undo kills those that are left, and only it.
        """
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 10_000:
            raise FaultError(f"count is a whole number of processes from 1 to 10000, not {count!r}")
        life = _number("seconds", seconds)
        options = ["--orphans", str(count), "--orphan-life", f"{life:g}"]
        what = f"leaves {count} orphans at each start"
        return self._behave("fork_orphans", service, options, what, restart)

    def _behave(self, verb: str, service: str, options: Sequence[str], what: str, restart: bool) -> Fault:
        wanted = self._longrun(service)

        def act(fault: Fault) -> None:
            programs = self._get_programs()
            process = main_process(self._lab, service)
            renew = restart and process is not None

            def back() -> None:
                politely = "--ignore-term" not in programs.options(wanted)
                programs.drop(wanted, verb)
                if verb == "fork_orphans":
                    self._end_orphans(service)
                elif programs.options(wanted):
                    self._renew(wanted, programs, politely)
                elif renew or main_process(self._lab, service) is not None:
                    bring_back(self._lab, wanted, politely=politely)

            if not renew:
                fault.what += ", from its next start on"
            fault.announce()
            fault.on_undo(back)
            ignoring = "--ignore-term" in programs.options(wanted)
            programs.put(wanted, verb, options)
            if renew:
                assert process is not None  # noqa: S101 - narrows the type
                end(self._lab, wanted, process, politely=not ignoring)
                wait_front(self._lab, wanted, programs)
                if verb == "fork_orphans":
                    wait_until(lambda: self._orphans(service) != [], 2.0)

        return self._make(verb, service, act, what)

    def _renew(self, service: Service, programs: Programs, politely: bool) -> None:
        """Start a service again with the faults that are left, if one that is not may still show."""
        process = main_process(self._lab, service.name)
        if process is not None and is_front(process):
            programs.forget(service.name)
            end(self._lab, service, process, politely=politely)
            wait_front(self._lab, service, programs)

    def _orphans(self, service: str) -> list[Process]:
        table = self._lab.sandbox.processes()
        return [process for process in table if process.argv[:1] == (f"orphan-of-{service}",)]

    def _end_orphans(self, service: str) -> None:
        for process in self._orphans(service):
            with suppress(InitlabError):  # ended meanwhile
                self._lab.sandbox.signal(signal.SIGKILL, process.pid)

    # -- the lab's limits ---------------------------------------------------------------------

    def fill_disk(self, path: str = "/", leave: int = 0) -> Fault:
        """Fill the file system that holds the directory `path` inside, but for `leave` bytes.

        The undo removes the one file it made. Raises `FaultError` where the file system has no bound of the
        lab's own (the host's disk would be filled), and where filling it would break the memory limit.
        """
        free = int(_number("leave", leave))
        return self._make(
            "fill_disk", "", lambda fault: resources.fill_disk(self._lab, fault, path, free), key=path
        )

    def exhaust_pids(self, leave: int = 0) -> Fault:
        """Take every process the lab's limit allows, but for `leave`: fork(2) then fails with EAGAIN.

        Threads of one process take them (the limit counts both); what ends meanwhile is taken too. No process
        inside can start another until the undo, which ends that one, and most of what the lab itself does
        inside fails with it. Raises `FaultError` where there is no limit.
        """
        number = int(_number("leave", leave))
        return self._make("exhaust_pids", "", lambda fault: resources.exhaust_pids(self._lab, fault, number))

    # -- logs and configuration ---------------------------------------------------------------

    def block_log(self, service: str) -> Fault:
        """Stop the process that reads the service's output: once the pipe between them is full, the service
        blocks in write(2) (pipe(7)). Undone by SIGCONT.

        Raises `FaultError` where nobody reads it (the init lets the service write to a file), and where PID 1
        itself does: stopped, it would supervise nothing.
        """
        wanted = self._longrun(service)

        def act(fault: Fault) -> None:
            reader = logs.reader(self._lab, service, self._process(wanted))
            fault.what = f"{reader.comm}, which reads its output, is stopped (PID {reader.pid})"
            self._stop(fault, reader)

        return self._make("block_log", service, act)

    def break_config(self, service: str, which: str | None = None) -> Fault:
        """Break a file the service needs to start, and end the service: it does not come up again.

        `which` is `"config"` (a file of the manifest's that its command names), `"definition"` (the native
        definition its init reads), or an absolute path inside; without it, the config where there is one. The
        undo puts the very same file back: content, mode, owner and times.
        """
        wanted = self._longrun(service)

        def act(fault: Fault) -> None:
            config.break_files(self._lab, fault, wanted, which)

        return self._make("break_config", service, act)

    # -- all of them --------------------------------------------------------------------------

    def active(self) -> FaultTable:
        """What is in force now, oldest first: nothing of an earlier sandbox, and no `kill`."""
        return FaultTable([fault for fault in list(self._made) if not fault.over and not fault.gone])

    def undo(self) -> None:
        """Undo all that is in force, the last one first.

        What cannot be undone is tried once more after the others; then the first error is raised.
        """
        with self._changing:
            lost = [fault for fault in self._made if not fault.over and fault.gone]
            left = list(self.active())
            if lost and not left:
                self._made = []
                lost[-1].check()
            for last_try in (False, True):
                errors: list[InitlabError] = []
                for fault in reversed(left):
                    try:
                        self.undo_one(fault)
                    except InitlabError as error:
                        errors.append(error)
                left = list(self.active())
                if errors and (last_try or not left):
                    raise errors[0]

    def undo_one(self, fault: Fault) -> None:
        """Undo one fault; see `Fault.undo`."""
        with self._changing:
            if fault.over and not fault.steps_left:
                return
            fault.check()
            fault.take_back()
            self._made = [other for other in self._made if other is not fault]
            self._lab.note(fault.service or _LAB, "fault", 0, f"{fault.verb} undone")

    def note(self, fault: Fault, what: str) -> None:
        """Note a fault in the lab's events, with the main process it meets."""
        process = main_process(self._lab, fault.service) if fault.service else None
        pid = process.pid if process is not None else 0
        self._lab.note(fault.service or _LAB, "fault", pid, f"{fault.verb}: {what}")

    def __repr__(self) -> str:
        return str(self.active())

    # -- inside -------------------------------------------------------------------------------

    def _make(
        self, verb: str, service: str, act: Callable[[Fault], None], what: str = "", key: str = ""
    ) -> Fault:
        with self._changing:
            box = self._box()
            fault = Fault(self, box, verb, service, what, key)
            for other in self.active():
                if (other.verb, other.service, other.key) == (verb, service, key):
                    raise FaultError(
                        f"{other} is in force already: {other.what}",
                        hint="undo it first: lab.faults.undo(), or undo() of what the verb returned",
                    )
            # In the table before anything is done: whatever interrupts the act, the undo knows of it.
            self._made = [*self.active(), fault]
            try:
                act(fault)
                fault.announce()
            except BaseException:
                with suppress(InitlabError):
                    fault.take_back()
                    self._made.remove(fault)
                raise
            return fault

    def _box(self) -> Sandbox:
        box = self._lab.sandbox
        if box.exit is not None:
            raise FaultError(
                f"lab {self._lab.manifest.name} has ended: its PID 1 exited with {box.exit.code}",
                hint="lab.start() boots it afresh",
            )
        return box

    def _longrun(self, name: str) -> Service:
        service = self._lab.service(name)
        if service.kind != "longrun":
            raise FaultError(
                f"service {name} is a {service.kind}: it has no main process to act on",
                hint="choose a longrun: "
                + ", ".join(s.name for s in self._lab.manifest.services if s.kind == "longrun"),
            )
        return service

    def _process(self, service: Service) -> Process:
        process = main_process(self._lab, service.name)
        if process is None:
            raise FaultError(
                f"service {service.name} is down: it has no main process",
                hint=f"lab.start_service({service.name!r})",
            )
        return process

    def _get_programs(self) -> Programs:
        box = self._lab.sandbox
        if self._programs is None or self._programs[0] is not box:
            self._programs = (box, Programs(box, self._lab.manifest))
        return self._programs[1]


def _number(name: str, value: float) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (math.isfinite(value) and value >= 0)
    ):
        raise FaultError(f"{name} is a number, 0 or more, not {value!r}")
    return float(value)
