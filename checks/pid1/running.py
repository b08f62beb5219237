"""Runs the suite over any number of subjects, a few behaviours at a time, each inside its own deadline."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from checks.behaviours import Behaviour, Cancelled, Finding, LabFailed, Trial
from checks.pid1.asking import NotAsked
from checks.pid1.contracts import difference
from checks.pid1.machine import Bench
from checks.pid1.services import OWN, at_rest
from checks.pid1.subject import Services, Subject
from checks.pid1.suites import service_suite, suite_of, whole_suite
from checks.pid1.table import Cell, Result, Table
from helpers.errors import InitlabError

__all__ = ["DEADLINE", "judge", "judge_all"]

DEADLINE = 45.0
"""Seconds a behaviour may take, both tries together; then its sandbox is killed."""
_AT_ONCE = 3
_TRIES = 2

Told = Callable[[Cell, int, int], None]


def judge(
    subject: Subject,
    *,
    only: str | Collection[str] = (),
    seed: int | None = None,
    told: Told | None = None,
    deadline: float = DEADLINE,
) -> Table:
    """Judge one subject. `only` is a stage (see `STAGES`) or the names of some behaviours; the rest is as
    `judge_all` has it."""
    return judge_all([subject], only=only, seed=seed, told=told, deadline=deadline)


def judge_all(
    subjects: Iterable[Subject],
    *,
    only: str | Collection[str] = (),
    seed: int | None = None,
    told: Told | None = None,
    deadline: float = DEADLINE,
) -> Table:
    """Judge every subject by the suite.

    `told(cell, done, total)` is called after each cell. `seed` repeats the random numbers of a run. Raises
    `ValueError` for a name that is none.
    """
    began = time.monotonic()
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    jobs = [_Line(subject, _chosen(only, subject), seed, deadline) for subject in subjects]
    total = sum(len(job.behaviours) for job in jobs)
    done: list[Cell] = []
    news: SimpleQueue[Cell | BaseException] = SimpleQueue()
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for job in jobs:
            for part in job.parts():
                pool.submit(job.ask_all, part, news)
        while len(done) < total:
            cell = news.get()
            if isinstance(cell, BaseException):
                raise cell
            done.append(cell)
            if told is not None:
                told(cell, len(done), total)
    except BaseException:
        for job in jobs:
            job.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        for job in jobs:
            job.close()
    found = {(cell.init, cell.behaviour): cell for cell in done}
    ordered = [found[job.subject.title, b.name] for job in jobs for b in job.behaviours]
    return Table(tuple(ordered), seed, round(time.monotonic() - began, 1))


def _chosen(only: str | Collection[str], subject: Subject) -> tuple[Behaviour[Any], ...]:
    """The behaviours of `only` that are asked of this kind of subject."""
    from checks.pid1.subsets import subset

    if isinstance(only, str):
        if only:
            return subset(only, subject)
        only = ()
    every = tuple(suite_of(subject).behaviours)
    both = (*whole_suite().behaviours, *service_suite().behaviours)
    known = list(dict.fromkeys(b.name for b in both))
    if unknown := [name for name in only if name not in known]:
        raise ValueError(f"no behaviour {unknown[0]!r}; there are: {', '.join(known)}")
    return tuple(b for b in every if b.name in only) if only else every


@dataclass
class _Line:
    """One subject and its behaviours."""

    subject: Subject
    behaviours: tuple[Behaviour[Any], ...]
    seed: int
    deadline: float

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._trials: set[Trial] = set()
        self._stopped = False
        self._begun = threading.Event()
        self._idle = self.subject.absent  # why nothing further can be asked
        services = isinstance(self.subject, Services)
        self._bench = Bench(self.subject, at_rest) if isinstance(self.subject, Services) else None
        if not services or "starts" not in [b.name for b in self.behaviours]:
            self._begun.set()

    def parts(self) -> list[tuple[Behaviour[Any], ...]]:
        """What can be asked side by side; what shares a machine is asked in turn, and first."""
        if self._bench is None:
            return [(behaviour,) for behaviour in self.behaviours]
        shared = tuple(b for b in self.behaviours if b.name not in OWN)
        own: list[tuple[Behaviour[Any], ...]] = [(b,) for b in self.behaviours if b.name in OWN]
        return [shared, *own] if shared else own

    def ask_all(self, part: Sequence[Behaviour[Any]], news: SimpleQueue[Cell | BaseException]) -> None:
        """The cells of one part, one after the other, as they become known; or what went wrong with us."""
        try:
            for behaviour in part:
                if behaviour.name != "starts":
                    self._begun.wait()
                cell = self.ask(behaviour) if not self._idle else self._not_asked(behaviour, self._idle)
                if behaviour.name == "starts":
                    if self._bench is not None and cell.result not in (Result.KEPT, Result.DIFFERENT):
                        self._idle = cell.why or "it does not start services"
                    self._begun.set()
                if self._bench is not None and part and behaviour is part[-1] and behaviour.name not in OWN:
                    self._bench.close()
                news.put(cell)
        except BaseException as error:  # told where the table is made
            self._begun.set()
            news.put(error)

    def close(self) -> None:
        """End what the behaviours shared."""
        if self._bench is not None:
            self._bench.close()

    def ask(self, behaviour: Behaviour[Any]) -> Cell:
        """One cell, whatever happens."""
        began = time.monotonic()
        trial = Trial(behaviour.name, behaviour.asked, self.seed)
        with self._lock:
            if self._stopped:
                trial.cancel()
            self._trials.add(trial)
        clock = threading.Timer(self.deadline, trial.cancel)
        clock.daemon = True
        clock.start()
        late = False
        cell = self._cell(behaviour, Result.HUNG)
        try:
            cell = self._found(behaviour, self._tried(behaviour, trial))
        except NotAsked as reason:
            cell = self._not_asked(behaviour, str(reason))
        except Cancelled:
            late = True
        except LabFailed as error:
            cell = self._not_asked(behaviour, f"the lab failed: {error}")
        except InitlabError as error:
            late = time.monotonic() - began >= self.deadline  # what a killed sandbox says
            cell = self._not_asked(behaviour, f"the lab failed: {error.message}")
        finally:
            clock.cancel()
            trial.close()
            with self._lock:
                self._trials.discard(trial)
        took = time.monotonic() - began
        if late or took >= self.deadline:
            seen = f"still busy after {self.deadline:g} s with: {behaviour.asked}; its sandbox was killed"
            cell = self._cell(behaviour, Result.HUNG, seen=seen)
        return Cell(**{**vars(cell), "seconds": round(took, 2)})

    def stop(self) -> None:
        """Kill every sandbox of this subject."""
        with self._lock:
            self._stopped = True
            trials = list(self._trials)
        for trial in trials:
            trial.cancel()
        self._begun.set()

    def _not_asked(self, behaviour: Behaviour[Any], why: str) -> Cell:
        return self._cell(behaviour, Result.NOT_ASKED, why=why)

    def _tried(self, behaviour: Behaviour[Any], trial: Trial) -> Finding:
        """A failure that a busy computer could have caused is tried again."""
        finding: Finding | None = None
        for _ in range(_TRIES):
            finding = behaviour.run(trial, self._bench or self.subject)
            if finding.observation.ok:
                break
            if self._bench is not None and behaviour.name not in OWN:
                self._bench.close()  # whatever is wrong there is not to be the next one's
            if not finding.doubtful:
                break
            trial.close()
        assert finding is not None  # noqa: S101 - tried at least once
        return finding

    def _found(self, behaviour: Behaviour[Any], finding: Finding) -> Cell:
        observation, key = finding.observation, finding.hint or ""
        if observation.ok:
            result, why, source = Result.KEPT, "", ""
        else:
            meant = difference(self.subject.known_as, behaviour.name, key)
            result = Result.NOT_KEPT if meant is None else Result.DIFFERENT
            why, source = ("", "") if meant is None else (meant.why, meant.source)
        return Cell(
            self.subject.title,
            behaviour.name,
            result,
            asked=observation.asked,
            expected=observation.expected,
            seen=observation.seen,
            deviation="" if observation.ok else key,
            why=why,
            source=source,
        )

    def _cell(self, behaviour: Behaviour[Any], result: Result, *, seen: str = "", why: str = "") -> Cell:
        return Cell(self.subject.title, behaviour.name, result, asked=behaviour.asked, seen=seen, why=why)
