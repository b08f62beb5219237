"""A learner's `my_infuse.py` in a sandbox: called for one case after the other, watched from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.behaviours import Trial
from checks.calls.outside import Patience, call
from checks.infuse.model import Case, python_of

__all__ = ["Replies", "ask"]

_INSIDE = Path(__file__).with_name("inside.py")
_PATIENCE = Patience(cpu=2.0)  # a case takes less than a millisecond


@dataclass
class Replies:
    """What was said of each case, as far as it goes.

    `failed` is why the file could not be loaded, `lacking` what is not in it; `hung` where the case after the
    last reply never came to its end, `ended` where Python itself did.
    """

    said: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""
    lacking: list[str] = field(default_factory=list)
    hung: bool = False
    ended: bool = False


def ask(trial: Trial, text: bytes, asked: Sequence[Case]) -> Replies:
    """Have every call made in one sandbox. Raises `LabFailed` where the sandbox does not do its part."""
    cases = [[python_of(c.target), python_of(c.infusion)] for c in asked]
    heard = call(trial, _INSIDE, ("my_infuse.py", text), cases, _PATIENCE)
    replies = Replies(list(heard.answers), failed=heard.failed, lacking=heard.lacking)
    if not replies.failed and not replies.lacking and len(replies.said) < len(asked):
        replies.ended, replies.hung = heard.ended, not heard.ended
    return replies
