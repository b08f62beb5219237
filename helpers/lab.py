"""Lab: a manifest, an init and an engine joined into something that runs.

>>> with Lab("web", init="runit") as lab:        # doctest: +SKIP
...     lab.ready()
...     lab.kill("app")
...     print(lab.timeline())
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from helpers.bare import sandbox
from helpers.engines.base import Engine, Exit, Image, Limits, Network, Sandbox
from helpers.errors import LabError, SandboxError
from helpers.filetree import FileTree
from helpers.inits.base import Init, Rendered, carried
from helpers.lab_view import LabView
from helpers.manifest import Manifest, load
from helpers.manifest.models import Service
from helpers.probes.watch import Watcher

if TYPE_CHECKING:
    from helpers.faults import Faults
    from helpers.probes.record import Recorder
    from helpers.show.dashboard import Dashboard
    from helpers.show.graph import DependencyGraph
    from helpers.show.livegraph import LiveGraph

__all__ = ["STACKS", "Lab", "sandbox"]

STACKS = Path(__file__).resolve().parents[1] / "labs" / "stacks"
_READY_TIMEOUT = 30.0


class Lab(LabView):
    """One stack of services under one init in one sandbox.

    `stack` is the name of a folder of `labs/stacks`, a path to a manifest file, or a `Manifest`;
    `init` is a name from `helpers.inits` or an `Init`; `engine` is `"embedded"`, `"docker"`, an
    `Engine`, or `None` for the first that can run here. `tree` holds further files laid over what the
    init renders.

    A context manager, and a plain object: `Lab(...).start()` … `close()`. Everything it started is gone
    when it is closed, and when the Python process that holds it ends, however it ends.
    """

    def __init__(
        self,
        stack: str | Path | Manifest = "web",
        init: str | Init = "runit",
        *,
        engine: str | Engine | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        tree: FileTree | None = None,
        image: Image | None = None,
    ) -> None:
        self.manifest = _find_stack(stack)
        self.init = _find_init(init)
        self.engine = _find_engine(engine)
        self._limits = limits
        self._extra = tree or FileTree()
        self._image = image
        self._sandbox: Sandbox | None = None
        self._watcher: Watcher | None = None
        self._faults: Faults | None = None
        self._recorders: list[Recorder] = []
        self._changing = threading.RLock()
        self.rendered: Rendered = self.init.render(self.manifest)

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> Lab:
        """Boot the init as PID 1. Returns as soon as PID 1 runs; `ready` waits for the services."""
        with self._changing:
            if self._sandbox is not None and self._sandbox.exit is None:
                return self
            self.close()
            for recorder in self._recorders:
                recorder.prepare()
            try:
                self._sandbox = self.boot()
            except BaseException:
                for recorder in self._recorders:
                    recorder.cancel()
                raise
            self._watcher = Watcher(self._sandbox, self.init, self.manifest)
            for recorder in self._recorders:
                recorder.attach(self._sandbox, self._watcher)
        return self

    def boot(self) -> Sandbox:
        """Boot the init as PID 1 of a sandbox that is the caller's: nobody watches it, `close` leaves it.

        For measuring. Raises what `Engine.start` raises, and `LabError` for an init that cannot run here: it
        is not in the image, or needs a cgroup of its own and cannot have one.
        """
        self._check_runnable()
        ports = tuple(dict.fromkeys(port for service in self.manifest.services for port in service.ports))
        return self.engine.start(
            self._get_image(),
            self.init.pid1(),
            self.tree(),
            self._limits,
            Network(ports),
            hostname=f"{self.manifest.name}-{self.init.name}",
        )

    def _check_runnable(self) -> None:
        from helpers.inits.runnable import can_run

        found = can_run(self.init, self._get_image(), engine=self.engine, tree=self.tree())
        if not found.ok and self.engine.availability().ok:  # the engine itself says best what it lacks
            raise LabError(f"{self.init.title} cannot run here: {found.reason}", hint=found.mend)

    def ready(self, timeout: float = _READY_TIMEOUT) -> Lab:
        """Start if need be, and wait until every service is ready by its own readiness probe.

        Raises `LabError` naming the services that are not, with the last lines of their logs.
        """
        self.start()
        longruns = {s.name for s in self.manifest.services if s.kind == "longrun"}
        end = time.monotonic() + timeout
        if not self._get_watcher().wait_for(lambda watcher: longruns <= watcher.ready(), timeout):
            self._explain_not_ready(longruns - self._get_watcher().ready(), timeout)
        oneshots = {s.name for s in self.manifest.services if s.kind == "oneshot"}
        while oneshots:
            left = oneshots - {row.name for row in self._native_status() if row.state == "up"}
            if not left:
                break
            if time.monotonic() > end:
                self._explain_not_ready(left, timeout)
            time.sleep(0.02)
        return self

    def stop(self, grace: float = 10.0) -> Exit:
        """Shut down as the init does it: its stop signal, then SIGKILL after `grace` seconds."""
        stop_signal = self.init.pid1().stop_signal
        end = time.monotonic() + grace
        # Asked again each second: a signal that comes before PID 1 has its handlers is lost (kill(2)), and
        # a second one does no harm to any init.
        while self.sandbox.exit is None and (left := end - time.monotonic()) > 0:
            with suppress(SandboxError):
                self.sandbox.signal(stop_signal)
                self.sandbox.wait(min(left, 1.0))
        result = self.sandbox.stop(0.0)
        if self._watcher is not None:
            self._watcher.stop()
        return result

    def reset(self) -> Lab:
        """Stop, and boot again on a fresh root: everything written since is gone."""
        with self._changing:
            if self._sandbox is not None and self._sandbox.exit is None:
                self.stop()
            return self.start()

    def close(self) -> None:
        """Remove every trace of the lab. Safe to call twice."""
        with self._changing:
            watcher, box, self._sandbox = self._watcher, self._sandbox, None
            if watcher is not None:
                watcher.stop()
            if box is not None:
                box.destroy()
                for recorder in self._recorders:
                    if recorder.attached:  # the others wait for the next boot
                        recorder.stop()
                self._recorders = [one for one in self._recorders if not one.stopped]

    def __enter__(self) -> Lab:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "not running" if self._sandbox is None or self._sandbox.exit else "running"
        return f"<lab {self.manifest.name} under {self.init.title}: {state}>"

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox of a started lab. Raises `LabError` when it is not started."""
        if self._sandbox is None:
            raise LabError(f"lab {self.manifest.name} is not running", hint="lab.start()")
        return self._sandbox

    @property
    def limits(self) -> Limits:
        """What the sandbox may use, as asked for; `sandbox.limits_missing` says what could not be set."""
        return self._limits

    @property
    def faults(self) -> Faults:
        """What can be broken here, as verbs: `lab.faults.freeze("app")`."""
        if self._faults is None:
            from helpers.faults import Faults

            self._faults = Faults(self)
        return self._faults

    # -- services -----------------------------------------------------------------------------

    def service(self, name: str) -> Service:
        """A service of the manifest. Raises `LabError` with the nearest name."""
        for service in self.manifest.services:
            if service.name == name:
                return service
        import difflib

        names = [service.name for service in self.manifest.services]
        near = difflib.get_close_matches(str(name), names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"its services: {', '.join(names)}"
        raise LabError(f"lab {self.manifest.name} has no service {name!r}", hint=hint)

    def pid(self, service: str) -> int:
        """PID inside of a service's main process, now. Raises `LabError` when it is down."""
        self.service(service)
        pid = self.init.main_pids(self.sandbox.processes(), self.manifest).get(service)
        if pid is None:
            raise LabError(f"service {service} has no main process: it is down", hint="lab.status()")
        return pid

    def kill(self, service: str, signal_: int | str = "KILL") -> int:
        """Send a signal to a service's main process from outside; returns the PID it went to."""
        number = _signal_number(signal_)
        pid = self.pid(service)
        self._get_watcher().note(service, "signalled", pid, f"SIG{signal.Signals(number).name[3:]}")
        self.sandbox.signal(number, pid)
        return pid

    def start_service(self, service: str) -> None:
        """Start a service with the init's own command."""
        self._control("start", service, self.init.start(self.service(service).name))

    def stop_service(self, service: str) -> None:
        """Stop a service with the init's own command, and keep it down."""
        self._control("stop", service, self.init.stop(self.service(service).name))

    def restart(self, service: str) -> None:
        """Restart a service with the init's own command."""
        self._control("restart", service, self.init.restart(self.service(service).name))

    def _control(self, verb: str, service: str, argv: Sequence[str]) -> None:
        pid = self._get_watcher().pids().get(service, 0)
        self._get_watcher().note(service, "asked", pid, verb)
        done = self.sandbox.exec(argv, timeout=60)
        if done.code != 0:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise LabError(f"could not {verb} {service}: {' '.join(argv)} exited {done.code}: {said}")

    def wait_restarted(self, service: str, old_pid: int, timeout: float = _READY_TIMEOUT) -> int:
        """Wait until a service is ready again with another main process than `old_pid`; returns its PID.

        Raises `LabError` when `timeout` seconds pass.
        """
        self.service(service)
        watcher = self._get_watcher()

        def back(watcher: Watcher) -> bool:
            return service in watcher.ready() and watcher.pids()[service] != old_pid

        if not watcher.wait_for(back, timeout):
            now = watcher.pids().get(service)
            seen = "it has no main process" if now is None else f"its main process is {now}"
            raise LabError(
                f"service {service} was not ready again within {timeout:g} s ({seen})", hint="lab.status()"
            )
        return watcher.pids()[service]

    # -- looking ------------------------------------------------------------------------------

    def tree(self) -> FileTree:
        """Every file laid over the image: what the init renders, the manifest's `files`, your own."""
        files = FileTree()
        for inside, outside in self.manifest.files.items():
            path = Path(outside)
            files.add(inside, path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644)
        return files.merge(carried(self.init)).merge(self.rendered.tree).merge(self._extra)

    def record(self, source: str | None = None) -> Recorder:
        """Record the life of every process, from now until `stop()`, the end of a `with`, or PID 1's end.

        Before `start` (or `ready`) it waits for the boot and records it from PID 1's exec on. `source` is
        `"connector+tracing"` (the kernel tells each event, also signals and who waited for whom),
        `"connector"` (without those), `"polling"` (the process table is read again and again), or `None` for
        the first that is permitted. See `helpers.probes.record`.
        """
        from helpers.probes.record import Recorder

        with self._changing:
            names = (self.manifest.name, self.init, self.manifest, self.engine.name)
            recorder = Recorder(*names, source)
            if self._sandbox is not None and self._sandbox.exit is None and self._watcher is not None:
                recorder.attach(self._sandbox, self._watcher)
            self._recorders = [*(one for one in self._recorders if not one.stopped), recorder]
        return recorder

    def note(self, service: str, kind: str, pid: int, detail: str = "") -> None:
        """Add to the events something that was done to a service from outside."""
        self._get_watcher().note(service, kind, pid, detail)

    def dashboard(self) -> Dashboard:
        """A live view: services, PIDs, uptime, restarts, memory, a log tail, and buttons."""
        from helpers.show.dashboard import Dashboard

        self.start()
        return Dashboard(self)

    def graph(self, *, seconds: Mapping[str, float] | None = None) -> DependencyGraph:
        """Who depends on whom, the state of each service now, and the critical path of the boot.

        `seconds` is how long each took itself; by default what was measured in this lab.
        """
        from helpers.show.livegraph import snapshot

        return snapshot(self, seconds)

    def live_graph(self) -> LiveGraph:
        """The same picture, redrawn when something changes, until it is closed or the lab ends."""
        from helpers.show.livegraph import LiveGraph

        self.start()
        return LiveGraph(self)

    # -- inside -------------------------------------------------------------------------------

    def _get_image(self) -> Image:
        if self._image is None:
            from helpers import image

            self._image = image.ensure()
        return self._image


def _find_stack(stack: str | Path | Manifest) -> Manifest:
    if isinstance(stack, Manifest):
        from helpers.manifest import validate

        validate(stack)
        return stack
    if not isinstance(stack, str | os.PathLike):
        raise LabError(f"a lab needs a stack's name, a path or a Manifest, not {type(stack).__name__}")
    if isinstance(stack, str) and "/" not in stack and not stack.endswith((".toml", ".json")):
        folder = STACKS / stack
        if not folder.is_dir():
            names = sorted(path.name for path in STACKS.iterdir() if path.is_dir())
            raise LabError(f"there is no stack {stack!r}", hint=f"choose one of: {', '.join(names)}")
        return load(folder / "manifest.toml")
    return load(Path(stack))


def _find_init(init: str | Init) -> Init:
    if isinstance(init, str):
        from helpers.inits import registry

        return registry.get(init)
    return init


def _find_engine(engine: str | Engine | None) -> Engine:
    if engine is None or isinstance(engine, str):
        from helpers.engines import registry

        return registry.best() if engine is None else registry.get(engine)
    return engine


def _signal_number(given: int | str) -> int:
    try:
        if isinstance(given, str):
            return signal.Signals[given if given.startswith("SIG") else f"SIG{given}"]
        return signal.Signals(given)
    except (KeyError, ValueError):
        raise LabError(f"there is no signal {given!r}", hint='e.g. "KILL", "TERM", "STOP" or 9') from None
