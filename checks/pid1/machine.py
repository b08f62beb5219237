"""An init with services that do as they are told, as PID 1 of a sandbox, and what can be seen of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

from checks.behaviours import Cancelled, Trial
from checks.pid1.asking import NotAsked
from checks.pid1.box import place
from checks.pid1.files import CLEANS, DEAF, EATS, TALKS, tools
from checks.pid1.subject import Services
from checks.stages.actor import ACTOR, SAID, actor
from helpers.engines.base import MIB, Exit, Limits, Process, Sandbox
from helpers.errors import SandboxError, SandboxGone
from helpers.inits.base import Init, carried
from helpers.manifest.models import Manifest, Service

__all__ = ["PATIENCE", "Bench", "Machine", "Patience", "acts"]

LIMITS = Limits(memory=320 * MIB, pids=400, disk=64 * MIB)
_ROLES = (ACTOR, CLEANS, DEAF, EATS, TALKS)


def acts(name: str, *words: object, program: str = ACTOR, **fields: Any) -> Service:
    """A service that is an actor (`checks.stages.actor`, or `program`); `fields` as the manifest has them."""
    return Service(name=name, command=(program, name, *map(str, words)), **fields)


@dataclass
class Patience:
    """Seconds the suite waits for inits: for what should be there at once, on a busy computer."""

    start: float = 12.0  # all services are up
    end: float = 8.0  # what should happen at once, or within a second
    late: float = 6.0  # who looks now and then has looked
    rest: float = 5.5  # at rest: runsvdir looks every five (runsvdir(8))
    after: float = 20.0  # an init may hold back what it could not start
    shutdown: float = 15.0  # services are told, a second of grace, and an init's own waits
    later: float = 2.0  # a signal may show what it did
    reload: float = 4.0  # and where that is to begin with a look at the configuration


PATIENCE = Patience()


class Machine:
    """A sandbox whose PID 1 is the init with these services."""

    def __init__(
        self,
        subject: Services,
        services: Sequence[Service],
        *,
        limits: Limits = LIMITS,
        before: Sequence[str] = (),
        patience: Patience = PATIENCE,
    ) -> None:
        self.subject = subject
        self.patience = patience
        self.names = tuple(service.name for service in services)
        manifest = Manifest(name="lab", services=tuple(services))
        rendered = subject.init.render(manifest)
        self.notes = {(note.service, note.field): note.note for note in rendered.unsupported}
        engine, image = place()
        tree = actor().merge(tools()).merge(carried(cast(Init, subject.init)))
        tree = tree.merge(rendered.tree).merge(subject.tree)
        pid1 = subject.init.pid1()
        self.stop_signal = pid1.stop_signal
        if hasattr(subject.init, "package"):  # one of helpers.inits: the image may lack it
            from helpers.inits.runnable import can_run

            found = can_run(cast(Init, subject.init), image, engine=engine, tree=tree)
            if not found.ok:
                raise NotAsked(f"{found.reason}; {found.mend}" if found.mend else found.reason)
        self.sandbox: Sandbox = engine.start(
            image, replace(pid1, argv=(*before, *pid1.argv)), tree, limits, hostname="lab"
        )

    # -- what the services say ----------------------------------------------------------------------

    def said(self, name: str) -> list[str]:
        """What a service has said, in order, without its name."""
        try:
            lines = self.sandbox.read(SAID).decode(errors="replace").splitlines()
        except SandboxGone:
            raise
        except SandboxError:
            return []
        return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == name]

    def up(self) -> set[str]:
        """The services that have run."""
        return {name for name in self.names if any(line.startswith("up ") for line in self.said(name))}

    def starts(self, name: str) -> int:
        """How often a service was started."""
        return sum(line.startswith("up ") for line in self.said(name))

    # -- processes ----------------------------------------------------------------------------------

    @property
    def exit(self) -> Exit | None:
        """How PID 1 ended, or None."""
        return self.sandbox.exit

    def main(self, name: str) -> Process | None:
        """A service's process now, or None. A child of it may have the same command line: that is not it."""
        ours = [
            p
            for p in self.sandbox.processes()
            if p.state != "Z" and p.argv[1:2] and p.argv[1] in _ROLES and p.argv[2:3] == (name,)
        ]
        pids = {p.pid for p in ours}
        return next((p for p in ours if p.ppid not in pids), None)

    def pids(self, names: Iterable[str]) -> dict[str, int]:
        """The PID of each service that runs."""
        found = {name: self.main(name) for name in names}
        return {name: process.pid for name, process in found.items() if process is not None}

    def zombies(self) -> list[Process]:
        """Zombies that PID 1 is the parent of."""
        return [p for p in self.sandbox.processes() if p.state == "Z" and p.ppid == 1]

    def first(self) -> Process:
        """PID 1."""
        return next(p for p in self.sandbox.processes() if p.pid == 1)

    def supervises(self, process: Process) -> bool:
        """Whether a process is PID 1 or one of the init's own: no service, and nothing a service started."""
        by_pid = {p.pid: p for p in self.sandbox.processes()}
        seen: Process | None = process
        while seen is not None and seen.pid != 1:
            if seen.argv[1:2] and seen.argv[1] in _ROLES:
                return False
            seen = by_pid.get(seen.ppid)
        return seen is not None

    def sh(self, script: str) -> None:
        """Run a line of shell beside PID 1. Raises SandboxError where it fails, SandboxGone without PID 1."""
        done = self.sandbox.exec(["/bin/sh", "-c", script])
        if done.code != 0:
            self.sandbox.processes()  # raises where that is because PID 1 is gone
            raise SandboxError(f"`{script[:80]}` failed inside: {done.stderr.decode(errors='replace')}")

    # -- waiting ------------------------------------------------------------------------------------

    def wait(self, trial: Trial, condition: Callable[[], object], seconds: float = 0.0) -> bool:
        """Wait until `condition()` is true or PID 1 has ended: whether it is true. 0 s: `patience.end`."""
        with suppress(SandboxGone):
            trial.until(lambda: condition() or self.exit is not None, seconds or self.patience.end, 0.05)
            return bool(condition())
        return False

    def wait_exit(self, trial: Trial, seconds: float) -> int | None:
        """Wait until PID 1 has ended: its exit code, or None where it still runs."""
        ended = trial.until(lambda: self.exit, seconds)
        return None if ended is None else ended.code

    def ended(self) -> str:
        """In words: how PID 1 ended, with its last line."""
        assert self.exit is not None  # noqa: S101 - only asked where it has
        lines = [line.strip() for line in self.sandbox.logs().decode(errors="replace").splitlines()]
        last = next((line for line in reversed(lines) if line), "")
        return f"PID 1 ended with {self.exit.code}" + (f"; its last line: `{last[:150]}`" if last else "")


class Bench:
    """Where one init is judged: a machine that is at rest, shared by the behaviours that leave it as it was.

    What changes it for good gets a machine of its own (`own`). A behaviour that fails in the shared one, or
    is cancelled there, takes it down: the next one boots it anew. `fresh`: each gets one of its own, where
    behaviours run side by side.
    """

    def __init__(
        self,
        subject: Services,
        services: Callable[[], Sequence[Service]],
        *,
        patience: Patience = PATIENCE,
        fresh: bool = False,
    ) -> None:
        self.subject = subject
        self.patience = patience
        self._fresh = fresh
        self._services = services
        self._machine: Machine | None = None
        self._lock = threading.RLock()

    def own(self, trial: Trial, services: Sequence[Service], **more: Any) -> Machine:
        """A machine of the trial's own."""
        machine = Machine(self.subject, services, patience=self.patience, **more)
        trial.own(machine.sandbox)
        return machine

    def shared(self, trial: Trial) -> Machine:
        """The shared machine, booted where there is none that runs. A trial that is cancelled ends it."""
        if self._fresh:
            return self.own(trial, self._services())
        with self._lock:
            if self._machine is None or self._machine.exit is not None:
                self.close()
                self._machine = Machine(self.subject, self._services(), patience=self.patience)
            trial.own(_Loan(self, trial, self._machine))
            return self._machine

    def close(self) -> None:
        """End the shared machine."""
        with self._lock:
            machine, self._machine = self._machine, None
        if machine is not None:
            machine.sandbox.destroy()


class _Loan:
    """The shared machine in the hands of a trial."""

    def __init__(self, bench: Bench, trial: Trial, machine: Machine) -> None:
        self._bench, self._trial, self._machine = bench, trial, machine

    def destroy(self) -> None:
        """The trial is over: a cancelled one takes the machine with it, so that what waits on it ends."""
        try:
            self._trial.pause(0)
        except Cancelled:
            self._machine.sandbox.destroy()
