"""The book a recorder keeps: which process is which, whose service it belongs to, what happened to it.

It knows nothing of where the facts come from. Times given to it are of the monotonic clock; `events` gives
them from time zero.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from helpers.engines.base import Process
from helpers.inits.base import Init
from helpers.manifest.models import Exec, Http, Manifest, Service, Tcp
from helpers.probes.events import Event, Events

__all__ = ["Ledger", "Life", "Note"]


@dataclass(eq=False, slots=True)
class Life:
    """One process, from its fork until it is reaped. PIDs: `pid` inside (0: not learned), `outside`."""

    pid: int
    outside: int | None
    parent: Life | None
    began: float
    comm: str = ""
    argv: tuple[str, ...] = ()
    leads: tuple[bool, bool] = (False, False)
    """Whether it leads a process group, and a session (setpgid(2), setsid(2))."""
    service: str = ""
    main: bool = False
    asks: str = ""
    """The service whose readiness it asks for: it is a run of that service's probe."""
    ended: float | None = None
    exit_note: Note | None = None
    gone: bool = False
    children: set[Life] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)

    def belongs_to(self) -> str:
        """Its own service, or the nearest ancestor's."""
        life: Life | None = self
        while life is not None:
            if life.service:
                return life.service
            life = life.ancestor
        return ""

    ancestor: Life | None = None
    """Who made it; `parent` changes when that one ends."""


@dataclass(eq=False, slots=True)
class Note:
    """An event still tied to its process, whose service may be learned later."""

    time: float
    kind: str
    life: Life | None
    facts: dict[str, Any]


class Ledger:
    """See the module. One writer thread, any number of readers."""

    def __init__(self, init: Init | None, manifest: Manifest | None) -> None:
        self.read: Callable[[int], tuple[str, tuple[str, ...]]] = lambda outside: ("", ())
        """How to read name and command line of a process, by the computer's number."""
        self.changed = threading.Condition(threading.RLock())
        self.zero: float | None = None
        self.lives: set[Life] = set()
        self._init = init
        self._manifest = manifest
        self._notes: list[Note] = []
        self._ready: dict[Life, Note] = {}
        self._unready: dict[str, float] = {}  # service → when it was last found not ready
        self._dirty = False
        self._made: dict[Life, list[Life]] = {}

    # -- what happens to processes ------------------------------------------------------------

    def began(
        self,
        time: float,
        parent: Life | None,
        *,
        pid: int = 0,
        outside: int | None = None,
        kind: str = "fork",
        slack: float = 0.0,
        **facts: Any,
    ) -> Life:
        """A process was made (or `found`); `parent` is `None` when it came from outside."""
        with self.changed:
            life = Life(pid, outside, parent, time, ancestor=parent)
            if parent is not None:
                life.comm, life.argv = parent.comm, parent.argv
                parent.children.add(life)
                self._made.setdefault(parent, []).append(life)
            life.comm, life.argv = facts.pop("comm", life.comm), facts.pop("argv", life.argv)
            self.lives.add(life)
            self._dirty = self._dirty or kind == "found"
            known: dict[str, Any] = {"slack": slack, "comm": life.comm}
            if kind == "found":
                known["argv"] = life.argv
            self._add(time, kind, life, **known, **facts)
            return life

    def executed(self, time: float, life: Life, comm: str, argv: tuple[str, ...], **facts: Any) -> None:
        """A process became another program."""
        with self.changed:
            if life.exit_note is not None and not life.gone:
                # A thread that is not the first has executed: the first one's end was not the process's.
                self._notes.remove(life.exit_note)
                life.notes.remove(life.exit_note)
                life.exit_note = life.ended = None
            life.comm, life.argv = comm, argv
            self._dirty = True
            self._see_probe(life)
            self._add(time, "exec", life, comm=comm, argv=argv, **facts)

    def leading(self, life: Life, group: bool, session: bool) -> None:
        """A process leads a process group or a session, or does not: some inits give one to each service."""
        with self.changed:
            self._dirty = self._dirty or life.leads != (group, session)
            life.leads = (group, session)

    def _see_probe(self, life: Life) -> None:
        if not life.asks and life.argv:
            life.asks = next((s.name for s in self._services() if _probes(life, s)), "")

    def renamed(self, life: Life, comm: str) -> None:
        """A process calls itself otherwise (prctl(2) PR_SET_NAME): no event, but inits are asked again."""
        with self.changed:
            life.comm, self._dirty = comm, True

    def ended(self, time: float, life: Life, **facts: Any) -> None:
        """A process ended; `status`, or `signal` that killed it."""
        with self.changed:
            if life.ended is not None:
                return
            self.settle()
            life.ended = time
            life.exit_note = self._add(time, "exit", life, **facts)
            if life.asks:
                self._asked(time, life, facts.get("status"))

    def reaped(self, time: float, life: Life, **facts: Any) -> None:
        """A process that had ended is gone: its parent has waited for it."""
        with self.changed:
            if life.gone:
                return
            life.gone = True
            self._add(time, "reaped", life, **{"by": _number(life.parent), **facts})
            if life.parent is not None:
                life.parent.children.discard(life)
            self.lives.discard(life)

    def adopted(self, life: Life, parent: Life | None) -> None:
        """A process has another parent now: its own has ended (wait(2), NOTES)."""
        with self.changed:
            if life.parent is not None:
                life.parent.children.discard(life)
            life.parent = parent
            if parent is not None:
                parent.children.add(life)
            self._dirty = True

    def happened(self, time: float, kind: str, life: Life | None, **facts: Any) -> None:
        """Anything else, such as a signal."""
        with self.changed:
            self._add(time, kind, life, **facts)

    def said(self, time: float, service: str, kind: str, pid: int, detail: str, slack: float) -> None:
        """Something the lab's own watcher or the owner noted of a service."""
        with self.changed:
            self.settle()
            life = self.by_pid(pid)
            facts = {"service": service, "pid": pid, "detail": detail, "slack": slack, "main": True}
            if kind == "ready" and life is not None:
                self._is_ready(time, life, **facts)
            else:
                self._add(time, kind, life, **facts)

    def _is_ready(self, time: float, life: Life, **facts: Any) -> None:
        """A main process is ready: of several proofs the earliest counts."""
        note = self._ready.get(life)
        if note is None:
            self._ready[life] = self._add(time, "ready", life, **facts)
        elif time < note.time:
            note.time, note.facts = time, facts

    def _asked(self, time: float, life: Life, status: int | None) -> None:
        """A run of a readiness probe has ended: with status 0 the service was ready by then."""
        mains = [m for m in self.lives if m.main and m.service == life.asks and m.ended is None]
        if not mains:
            return
        if status is None:  # killed, perhaps by its own time-out: that says nothing
            return
        if status != 0:
            self._unready[life.asks] = max(self._unready.get(life.asks, 0.0), life.began)
            return
        main = min(mains, key=lambda life: life.began)
        if main.began < life.began:
            slack = time - max(self._unready.get(life.asks, 0.0), main.began)
            who = f"PID {_number(life.parent)}" if life.parent else "the lab"
            detail = f"its probe succeeded, run by {who}"
            self._is_ready(time, main, detail=detail, slack=slack)

    def listens(self, time: float, life: Life, port: int) -> None:
        """A process listens on a TCP port: where that is the service's probe, it is ready."""
        with self.changed:
            self.settle()
            name = life.belongs_to()
            self._add(time, "listen", life, detail=f"port {port}", comm=life.comm)
            probe = next((s.readiness for s in self._services() if s.name == name), None)
            main: Life | None = life
            while main is not None and not main.main:
                main = main.ancestor
            if isinstance(probe, Tcp) and probe.port == port and main is not None:
                self._is_ready(time, main, detail=f"it listens on port {port}")

    def _add(self, time: float, kind: str, life: Life | None, **facts: Any) -> Note:
        note = Note(time, kind, life, facts)
        self._notes.append(note)
        if life is not None:
            life.notes.append(note)
        self.changed.notify_all()
        return note

    # -- who is who ---------------------------------------------------------------------------

    def _services(self) -> tuple[Service, ...]:
        return self._manifest.services if self._manifest else ()

    def by_pid(self, pid: int) -> Life | None:
        """The process that has this PID inside now."""
        return next((life for life in self.lives if life.pid == pid and not life.gone), None)

    def by_outside(self, outside: int) -> Life | None:
        """The process the computer has this number for."""
        return next((life for life in self.lives if life.outside == outside and not life.gone), None)

    def nameless(self, parent: Life, before: float) -> Life | None:
        """The youngest process `parent` had made by then, if its PID inside is not known."""
        with self.changed:
            made = self._made.get(parent, [])
            number = bisect_right(made, before, key=lambda life: life.began)
            return made[number - 1] if number and not made[number - 1].pid else None

    def settle(self) -> None:
        """Ask the init which process is which service's, where something has changed."""
        with self.changed:
            if not self._dirty or self._init is None or self._manifest is None:
                return
            self._dirty = False
            for life in [one for one in self.lives if not one.argv and one.ended is None]:
                self._read_again(life)
            alive = {life.pid: life for life in self.lives if life.ended is None and life.pid}
            table = [_as_process(life) for life in sorted(alive.values(), key=lambda life: life.pid)]
            for name, pid in self._init.main_pids(table, self._manifest).items():
                alive[pid].service, alive[pid].main = name, True

    def _read_again(self, life: Life) -> None:
        """What could not be read of a process at once may be there now."""
        comm, argv = self.read(life.outside) if life.outside is not None else ("", ())
        if not argv:
            return
        life.comm, life.argv = comm, argv
        self._see_probe(life)
        execs = [note for note in life.notes if note.kind == "exec"]
        if execs and not execs[-1].facts.get("argv"):
            execs[-1].facts |= {"comm": comm, "argv": argv}

    def keep_family(self, root: Life | None) -> set[Life]:
        """Drop every process that does not descend from `root`, and what happened to it; returns the rest."""
        with self.changed:
            lives = {note.life for note in self._notes if note.life is not None} | self.lives
            kept = {life for life in lives if root is not None and _descends(life, root)}
            self.lives &= kept
            self._notes = [note for note in self._notes if note.life is None or note.life in kept]
            if root is not None:
                root.parent = root.ancestor = None
            return kept

    # -- reading ------------------------------------------------------------------------------

    def events(self) -> Events:
        """Everything since time zero, in order."""
        with self.changed:
            self.settle()
            zero, rows = self.zero, list(self._notes)
        if zero is None:
            return Events()
        rows.sort(key=lambda note: note.time)
        return Events(_event(note, zero) for note in rows if note.time >= zero)


def _descends(life: Life, root: Life) -> bool:
    above: Life | None = life
    while above is not None and above is not root:
        above = above.ancestor
    return above is root


def _number(life: Life | None) -> int | None:
    """PID inside; 0 for nobody inside, `None` where it was not learned."""
    return 0 if life is None else life.pid or None


def _as_process(life: Life) -> Process:
    """What an init's `main_pids` looks at. Of groups and sessions only their leaders are told."""
    ppid = life.parent.pid if life.parent is not None else 0
    group, session = (life.pid if leads else 0 for leads in life.leads)
    return Process(life.pid, ppid, "S", life.comm, life.argv, group, session, started=life.began)


def _event(note: Note, zero: float) -> Event:
    facts, life = dict(note.facts), note.life
    if life is not None:
        facts.setdefault("service", life.belongs_to())
        facts.setdefault("main", life.main)
        facts.setdefault("pid", life.pid)
        facts.setdefault("outside", life.outside)
        if note.kind in ("exit", "reaped"):
            facts.setdefault("comm", life.comm)
        elif note.kind in ("fork", "found"):  # its parent's number may have been learned since
            facts.setdefault("by", _number(life.ancestor))
    facts.setdefault("service", "")
    facts.setdefault("pid", 0)
    return Event(time=note.time - zero, kind=note.kind, **facts)


def _probes(life: Life, service: Service) -> bool:
    """Whether a process runs the service's readiness probe, as the inits' scripts and the watcher do."""
    probe, argv = service.readiness, life.argv
    match probe:
        case Exec(command=command):
            return argv == command
        case Tcp(port=port):
            return argv[:2] == ("busybox", "nc") and argv[4:6] == ("127.0.0.1", str(port))
        case Http(port=port, path=path):
            return argv[:2] == ("busybox", "wget") and argv[-1] == f"http://127.0.0.1:{port}{path}"
    return False
