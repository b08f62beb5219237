"""A stage keeps its rows of the PID 1 suite: one behaviour that asks them, in a sandbox that they share."""

from __future__ import annotations

from checks.behaviours import Finding, Suite, Trial
from checks.pid1.asking import NotAsked
from checks.pid1.everyone import program
from checks.pid1.machine import Bench, Patience
from checks.pid1.services import at_rest
from checks.pid1.services_hints import HINTS
from checks.pid1.subsets import named, subset
from checks.stages.box import Stage
from checks.stages.earlier import Owned

__all__ = ["keeps_rows"]

_PATIENCE = Patience(start=6.0, end=4.0, late=3.0, after=5.0, shutdown=5.0, later=0.3, reload=0.3)
_PREFIX = "row-"  # a stage's own hint of the same key says something else


def keeps_rows(suite: Suite[Stage], stage: str) -> None:
    """Add a behaviour `suite` to a stage: the rows of `checks.pid1.STAGES`, in turn, until one is not kept.

    It needs all that the suite asks so far, so that a mistake that the stage has a hint for earns that one.
    It is worth nothing by itself: the rows are a second look at what the points are for. That one's
    observation is told, with the suite's hint under the key `row-KEY`.
    """
    names = named(stage)
    hints = suite.hints
    assert isinstance(hints, dict)  # noqa: S101 - a suite of ours
    hints.update({_PREFIX + key: text for key, text in HINTS.items()})
    needs = tuple(behaviour.name for behaviour in suite.behaviours)
    asked = f"keep these rows of the PID 1 suite: {', '.join(names)}"

    @suite.behaviour("suite", points=0, needs=needs, asked=asked)
    def rows(trial: Trial, made: Stage) -> Finding:
        bench = Bench(program(made.text, f"stage{made.number}.py"), at_rest, patience=_PATIENCE)
        trial.own(_Closed(bench))
        left = []
        for behaviour in subset(stage):
            part = Trial(behaviour.name, behaviour.asked, trial.rng.randrange(1_000_000))
            trial.own(Owned(part))
            try:
                finding = behaviour.run(part, bench)
            except NotAsked:
                left.append(behaviour.name)  # no limits can be set here, for instance
                continue
            finally:
                part.close()
            seen = finding.observation
            if not seen.ok:
                return trial.no(
                    expected=f"{behaviour.name}: {seen.expected}",
                    seen=seen.seen,
                    hint=f"{_PREFIX}{finding.hint}",
                    doubtful=finding.doubtful,
                )
        told = "kept" + (f"; not asked on this computer: {', '.join(left)}" if left else "")
        return trial.ok(expected="all are kept", seen=told)


class _Closed:
    """The machine that the rows share: it ends with the trial."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def destroy(self) -> None:
        self._bench.close()
