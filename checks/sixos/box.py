"""A learner's `sixos.py` in a sandbox: asked one question after the other, watched from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.behaviours import Trial
from checks.calls.outside import Patience, call

__all__ = ["Asked", "Said", "ask"]

_INSIDE = Path(__file__).with_name("inside.py")
_PATIENCE = Patience(cpu=1.5)  # a graph takes less than a millisecond


@dataclass(frozen=True)
class Asked:
    """One call of the learner's: a function, a graph, and the name that `needs` is asked for."""

    call: str
    graph: Any
    name: str | None = None


@dataclass
class Said:
    """What the file holds, and what was said of each question, as far as it goes.

    `failed` is why the file could not be loaded, `lacking` what is not in it; `hung` where the question after
    the last reply was never answered.
    """

    failed: str = ""
    lacking: list[str] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)
    refuted: dict[str, Any] = field(default_factory=dict)
    replies: list[dict[str, Any]] = field(default_factory=list)
    hung: bool = False


def ask(trial: Trial, text: bytes, asked: Sequence[Asked]) -> Said:
    """Have every question asked in one sandbox. Raises `LabFailed` where the sandbox does not do its part."""
    heard = call(trial, _INSIDE, ("sixos.py", text), [vars(one) for one in asked], _PATIENCE)
    said = Said(heard.failed, heard.lacking, replies=list(heard.answers))
    if heard.holds and not said.failed and not said.lacking:
        said.answers, said.features = heard.holds["ANSWERS"], heard.holds["FEATURES"]
        said.refuted = heard.holds["REFUTED"]
        said.hung = len(said.replies) < len(asked)
    return said
