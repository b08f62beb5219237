"""A stage does all that the stages before it do: one behaviour that asks some of theirs again."""

from __future__ import annotations

from collections.abc import Sequence

from checks.behaviours import Finding, Suite, Trial
from checks.stages.box import Stage

__all__ = ["Owned", "keeps"]


def keeps(
    suite: Suite[Stage], before: Suite[Stage], names: Sequence[str], *, points: int, asked: str
) -> None:
    """Add a behaviour `keeps` to a suite: behaviours of the suite before, in this order, until one fails.

    That one's observation and hint are told; its hint is added to the suite's (a `dict`).
    """
    chosen = [behaviour for behaviour in before.behaviours if behaviour.name in names]
    hints = suite.hints
    assert isinstance(hints, dict)  # noqa: S101 - a suite of ours
    hints.update({key: text for key, text in before.hints.items() if key not in hints})

    @suite.behaviour("keeps", points=points, asked=asked)
    def keep(trial: Trial, stage: Stage) -> Finding:
        for behaviour in chosen:
            part = Trial(behaviour.name, behaviour.asked, trial.rng.randrange(1_000_000))
            trial.own(Owned(part))
            try:
                finding = behaviour.run(part, stage)
            finally:
                part.close()
            if not finding.observation.ok:
                return finding
        return trial.ok(expected="; ".join(b.asked for b in chosen), seen="so it does")


class Owned:
    """A trial inside of a trial: it ends with it."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def destroy(self) -> None:
        self._trial.cancel()
