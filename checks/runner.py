"""Runs a check: seed, deadline, verdict, log, progress.

::

    @check("p0.pid1", points=10, deadline=30.0, suite=SUITE, call="phase0.pid1")
    def pid1(program: str | Path | None = None, *, seed: int | None = None) -> Program:
        \"\"\"Turns the learner's arguments into the subject the behaviours look at.\"\"\"

Calling `pid1()` returns a `Verdict` and raises nothing, except `NotPassed` with `INITLAB_STRICT=1`.
With `INITLAB_FIRST_FAILURE=1` a check ends as soon as its hint is certain: vetting looks at nothing else of a
wrong answer.
"""

from __future__ import annotations

import functools
import inspect
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypeVar

from checks._log import keep_log
from checks.behaviours import Behaviour, Cancelled, Finding, LabFailed, Suite, Trial
from checks.verdict import Hint, Observation, Outcome, Verdict
from helpers.errors import CourseError, InitlabError

__all__ = ["BadArgument", "Interrupted", "NotPassed", "NotStarted", "check"]

Subject = TypeVar("Subject")
P = ParamSpec("P")

_WORKERS = 3  # behaviours mostly wait; more than this makes two cores the thing that is measured
_TRIES = 2  # of a behaviour whose failure may be a hiccup of the computer


class BadArgument(CourseError):
    """A check was called with something it cannot look at."""


class NotStarted(CourseError):
    """There is nothing of the learner's to look at yet."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or the kernel's interrupt, while a check ran. Its sandboxes are gone."""

    def __str__(self) -> str:
        return "the check was interrupted: nothing was recorded, and its labs are gone"

    def _render_traceback_(self) -> list[str]:
        """Shown by IPython instead of a traceback of ours."""
        return [f"Interrupted: {self}"]


class NotPassed(CourseError):
    """With `INITLAB_STRICT=1`: a verdict that is not `passed`. `verdict` holds it."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


def check(
    exercise: str, *, points: int, deadline: float, suite: Suite[Subject], call: str
) -> Callable[[Callable[P, Subject]], Callable[P, Verdict]]:
    """Make a check of a function that turns a learner's arguments into a subject.

    `deadline` is seconds for the whole check; when it passes every sandbox of the check is killed and
    the verdict names the behaviours that were still busy. `call` is how a learner calls the check.
    The function may raise `NotStarted` and `BadArgument`; both become the verdict `not_started`.
    """
    if suite.points != points:
        raise ValueError(f"{exercise}: the behaviours are worth {suite.points} points, not {points}")

    def decorate(prepare: Callable[P, Subject]) -> Callable[P, Verdict]:
        signature = inspect.signature(prepare)

        @functools.wraps(prepare)
        def run(*args: P.args, **kwargs: P.kwargs) -> Verdict:
            started = time.monotonic()
            blank = Verdict(exercise, Outcome.NOT_STARTED, possible=points)
            try:
                seed = _seed(kwargs.get("seed"), call)
                try:
                    signature.bind(*args, **kwargs)
                except TypeError as error:
                    needed = [p.name for p in signature.parameters.values() if p.default is p.empty]
                    raise BadArgument(f"{call}: {error}", hint=f"{call}({', '.join(needed)})") from None
                subject = prepare(*args, **kwargs)
            except BadArgument as error:
                return _strict(replace(blank, note=error.message, next=error.hint))
            except NotStarted as error:
                verdict = replace(blank, note=error.message, next=error.hint)
            except Exception as error:
                verdict = _lab_failed(blank, error, exercise)
            else:
                bench = _Bench(suite, subject, seed, exercise)
                repeat = _repeat(call, args, kwargs, seed)
                try:
                    verdict = bench.verdict(replace(blank, seed=seed, repeat=repeat), deadline)
                except KeyboardInterrupt:
                    raise Interrupted from None
            return _strict(_record(replace(verdict, seconds=round(time.monotonic() - started, 2))))

        return run

    return decorate


def _seed(seed: object, call: str) -> int:
    if seed is None:
        return secrets.randbelow(1_000_000)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise BadArgument(
            f"{call} expects a whole number as seed, got {type(seed).__name__}", hint=f"{call}(seed=1)"
        )
    return seed


def _repeat(call: str, args: tuple[Any, ...], kwargs: dict[str, Any], seed: int) -> str:
    given = [repr(str(a)) if isinstance(a, os.PathLike) else repr(a) for a in args]
    given += [f"{k}={v!r}" for k, v in kwargs.items() if k != "seed"]
    if any(text.startswith("<") for text in given):  # an object such as a lab: nothing to type
        return ""
    return f"{call}({', '.join([*given, f'seed={seed}'])})"


def _strict(verdict: Verdict) -> Verdict:
    if os.environ.get("INITLAB_STRICT") == "1" and not verdict.passed:
        raise NotPassed(verdict)
    return verdict


def _record(verdict: Verdict) -> Verdict:
    """Save the verdict in the learner's progress; a failure to do so only adds a line to it."""
    try:
        from helpers.course import progress

        receipt = progress.record(
            verdict.exercise,
            verdict.outcome,
            points=verdict.points,
            possible=verdict.possible,
            seed=verdict.seed,
            seconds=verdict.seconds,
            observations=[
                {"asked": o.asked, "expected": o.expected, "seen": o.seen, "ok": o.ok}
                for o in verdict.observations
            ],
            hint_key=verdict.hint.key if verdict.hint else None,
            note=verdict.note,
        )
        told = receipt.message
    except Exception as error:
        told = f"Not saved: {type(error).__name__}: {error}"
    return replace(verdict, note="\n".join(filter(None, (verdict.note, told)))) if told else verdict


def _lab_failed(blank: Verdict, error: BaseException, exercise: str, seen: str = "") -> Verdict:
    """`lab_failed` with what happened, where the log is, and the next command."""
    if isinstance(error, InitlabError):
        what, then = error.message, error.hint or "initlab doctor"
    elif isinstance(error, LabFailed):
        what, then = str(error), "initlab doctor"
    else:
        what, then = f"Our mistake: {type(error).__name__}: {error}", "initlab doctor"
    kept = keep_log(exercise, blank.seed, error, seen)
    return replace(
        blank,
        outcome=Outcome.LAB_FAILED,
        note="\n".join(filter(None, (what, f"The log is kept in {kept}" if kept else ""))),
        next=then,
    )


@dataclass
class _Job:
    behaviour: Behaviour[Any]
    state: str = "waiting"  # waiting → running → done | skipped
    trial: Trial | None = None
    finding: Finding | None = None
    missing: str = ""


class _Bench:
    """Runs the behaviours of a suite in a few threads, and sums them up."""

    def __init__(self, suite: Suite[Any], subject: Any, seed: int, exercise: str) -> None:
        self._suite = suite
        self._subject = subject
        self._seed = seed
        self._exercise = exercise
        self._jobs = {b.name: _Job(b) for b in suite.behaviours}
        self._changed = threading.Condition()
        self._failure: BaseException | None = None
        self._stopped = False
        self._first_failure = os.environ.get("INITLAB_FIRST_FAILURE") == "1"

    def verdict(self, blank: Verdict, deadline: float) -> Verdict:
        """Run everything, at most `deadline` seconds; afterwards no sandbox of the check is left."""
        for number in range(_WORKERS):
            # Daemon threads: one that hangs in the learner's code must not keep Python from ending.
            threading.Thread(target=self._work, name=f"check-{number}", daemon=True).start()
        try:
            with self._changed:
                self._changed.wait_for(self._finished, deadline)
                self._stopped = True
                self._changed.notify_all()
                running = [job for job in self._jobs.values() if job.state == "running"]
                hung = [] if self._settled() else running
        finally:
            self._stopped = True  # also on Ctrl-C, which goes on to the learner
            self._kill_all()
            self._close_subject()
        if self._failure is not None:
            return _lab_failed(blank, self._failure, self._exercise, self._summary())
        return self._sum_up(blank, hung, deadline)

    def _kill_all(self) -> None:
        for job in self._jobs.values():
            if job.state == "running" and job.trial is not None:
                try:
                    job.trial.cancel()
                except Exception as error:
                    self._failure = self._failure or error

    def _close_subject(self) -> None:
        """A subject that all behaviours share may own a sandbox: it has a method `check_over`.

        Not `close`: a learner's own lab is a subject too, and stays theirs.
        """
        check_over = getattr(self._subject, "check_over", None)
        if callable(check_over):
            try:
                check_over()
            except Exception as error:
                self._failure = self._failure or error

    def _finished(self) -> bool:
        over = self._failure is not None or self._settled()
        return over or all(j.state in ("done", "skipped") for j in self._jobs.values())

    def _settled(self) -> bool:
        """Whether nothing that still runs can change the hint, where no more is asked for."""
        if not self._first_failure:
            return False
        first = next((job for job in self._jobs.values() if not _good(job)), None)
        return first is not None and first.state == "done"

    def _next(self) -> _Job | None:
        """The next behaviour whose needs are met; marks those whose needs failed. Waits; None at the end."""
        with self._changed:
            while True:
                if self._stopped or self._finished():
                    return None
                for job in self._jobs.values():
                    if job.state != "waiting":
                        continue
                    needs = [self._jobs[name] for name in job.behaviour.needs]
                    lost = next((n for n in needs if not _good(n) and n.state in ("done", "skipped")), None)
                    if lost is not None:
                        job.state, job.missing = "skipped", lost.behaviour.asked
                        self._changed.notify_all()
                        break
                    if all(_good(need) for need in needs):
                        job.state = "running"
                        return job
                else:
                    self._changed.wait()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            failure: BaseException | None = None
            finding: Finding | None = None
            try:
                finding = self._try(job)
            except Cancelled:
                return
            except Exception as error:
                failure = error
            with self._changed:
                if self._stopped:  # what a killed sandbox made the behaviour say is of no use
                    return
                if failure is not None:
                    self._failure = self._failure or failure
                job.finding, job.state = finding, "done"
                self._changed.notify_all()

    def _try(self, job: _Job) -> Finding:
        for _ in range(_TRIES):
            finding = self._run(job, self._subject)
            if finding.observation.ok:
                return finding
            if not finding.doubtful:
                break
        self._suite.hint(finding.hint or "")  # an unknown key is our mistake: say so now
        if self._suite.control is not None:
            known_good = self._run(job, self._suite.control(self._subject))
            if not known_good.observation.ok:
                was = known_good.observation
                raise LabFailed(
                    f"A known-good program fails here too. Asked: {was.asked}. Expected: {was.expected}. "
                    f"Seen: {was.seen}."
                )
        return finding

    def _run(self, job: _Job, subject: Any) -> Finding:
        trial = Trial(job.behaviour.name, job.behaviour.asked, self._seed)
        with self._changed:
            if self._stopped:
                raise Cancelled
            job.trial = trial
        try:
            return job.behaviour.run(trial, subject)
        finally:
            trial.close()

    def _sum_up(self, blank: Verdict, hung: list[_Job], deadline: float) -> Verdict:
        observations, points = [], 0
        hint: Hint | None = None
        for job in self._jobs.values():
            behaviour = job.behaviour
            if job.finding is not None:
                observations.append(job.finding.observation)
                points += behaviour.points if job.finding.observation.ok else 0
                if hint is None and job.finding.hint is not None:
                    hint = self._suite.hint(job.finding.hint)
            elif job in hung:
                seen = f"still busy after {deadline:g} s; its sandbox was killed"
                observations.append(Observation(behaviour.asked, "an end", seen, False))
            else:
                seen = f"not tried: builds on “{job.missing}”" if job.missing else "not tried: no time left"
                observations.append(Observation(behaviour.asked, "-", seen, False, skipped=True))
        everything = all(o.ok for o in observations)
        note = ""
        if hung:
            names = ", ".join(f"“{job.behaviour.asked}”" for job in hung)
            note = f"The check was stopped after {deadline:g} s. This hung: {names}."
        outcome = Outcome.TIMED_OUT if hung else Outcome.PASSED if everything else Outcome.NOT_YET
        return replace(
            blank, outcome=outcome, observations=tuple(observations), points=points, hint=hint, note=note
        )

    def _summary(self) -> str:
        return "\n".join(f"{name}: {job.state} {job.finding}" for name, job in self._jobs.items())


def _good(job: _Job) -> bool:
    return job.finding is not None and job.finding.observation.ok
