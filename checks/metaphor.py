"""`p1.metaphor`: how a learner would explain infuse to somebody else, in words of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from checks.behaviours import Finding, Suite, Trial

__all__ = ["HINTS", "SUITE", "Metaphor"]

HINTS: Mapping[str, str] = {
    "short": (
        "A picture explains something when it is told: what stands for the target, what for the infusion, "
        "and what for the rest that stays. Twenty-five words are enough."
    ),
    "repeated": (
        "The same few words, again and again. A picture needs a thing that is changed, a note that says "
        "where, and the rest that stays: each has a word of its own."
    ),
    "ours": (
        "These are the words of a notebook. Take something that you know and we do not: your kitchen, your "
        "street, your instrument."
    ),
}
_WORDS = 25
_DIFFERENT = 12  # of 25; a sentence repeats its articles and hardly more
_RUN = 7  # words in a row that nobody writes twice by chance


@dataclass(frozen=True)
class Metaphor:
    """What the learner wrote, and the notebooks' own texts."""

    text: str
    ours: tuple[str, ...] = ()


SUITE: Suite[Metaphor] = Suite(HINTS)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", re.sub(r"^#.*$", "", text, flags=re.MULTILINE).lower())


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = _words(text)
    return zip(*(words[start:] for start in range(_RUN)), strict=False)


@SUITE.behaviour("told", points=0, asked=f"a picture of your own, in {_WORDS} words or more")
def told(trial: Trial, metaphor: Metaphor) -> Finding:
    """It is there, in more words than a few repeated, and it is not a notebook's."""
    expected = f"{_WORDS} words of your own"
    count = len(_words(metaphor.text))
    if count < _WORDS:
        return trial.no(expected=expected, seen=f"{count} words", hint="short")
    different = len(set(_words(metaphor.text)))
    if different < _DIFFERENT:
        return trial.no(expected=expected, seen=f"{different} different among {count}", hint="repeated")
    known = {run for text in metaphor.ours for run in _runs(text)}
    copied = next((run for run in _runs(metaphor.text) if run in known), None)
    if copied:
        return trial.no(expected=expected, seen=f"“{' '.join(copied)}”", hint="ours")
    return trial.ok(expected=expected, seen=f"{count} words; your cheat sheet begins with them")
