"""Writes `SixOS Architecture Analysis.md` from a learner's answers and the facts they cite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from helpers.sixos.data import Fact, SixOS, SixOSError
from helpers.sixos.questions import CLASSES, FEATURES, QUESTIONS, SENTENCES

__all__ = ["analysis"]


def analysis(
    sixos: SixOS,
    answers: Mapping[str, tuple[str, Sequence[str]]],
    features: Mapping[str, tuple[str, str]],
    numbers: Mapping[str, Any],
    *,
    needs: Mapping[str, Sequence[str]] | None = None,
    refuted: Mapping[str, str] | None = None,
) -> str:
    """The analysis as Markdown.

    `answers`: question → (answer's key, ids of facts). `features`: feature → (class, id of a fact).
    `numbers`: what was counted, by name. `needs`: service → what has to be up before it. `refuted`:
    sentence → id of a fact against it. Raises `SixOSError` for an answer, a class or a
    fact that is not there.
    """
    pinned = sixos.about["upstream"]
    lines = ["# SixOS Architecture Analysis", ""]
    lines += [f"Of {pinned['repository']}, commit {pinned['commit']} ({pinned['date']}).", ""]
    total = sixos.about["services_upstream"]
    lines += [f"Its tree has {total} services; {len(sixos.services)} could be read for this.", ""]
    lines += ["## The base system, counted", "", "| what | how many |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in numbers.items()]
    if needs:
        lines += ["", "| service | must be up before it |", "|---|---|"]
        lines += [f"| {name} | {', '.join(found) or 'nothing'} |" for name, found in needs.items()]
    lines += ["", "## Subsystems", ""]
    lines += _table(sixos, sixos.subsystems)
    lines += ["", "## Six questions", ""]
    for key, question in QUESTIONS.items():
        chosen, cited = answers.get(key, ("", ()))
        lines += [f"### {question.asks}", ""]
        if not chosen:
            lines += ["Not answered yet.", ""]
            continue
        if chosen not in question.answers:
            raise SixOSError(f"{key} has no answer {chosen!r}", hint=f"one of: {', '.join(question.answers)}")
        lines += [question.answers[chosen], ""]
        lines += [f"- {_cited(fact)}" for fact in _facts(sixos, cited)]
        lines += [""]
    lines += ["## From NixOS to SixOS", ""]
    lines += [f"- **{name}**: {what}" for name, what in CLASSES.items()]
    lines += ["", "| feature | | evidence |", "|---|---|---|"]
    for group in FEATURES.values():
        for key, what in group.items():
            kind, cited_one = features.get(key, ("", ""))
            if kind and kind not in CLASSES:
                raise SixOSError(f"{key} has no class {kind!r}", hint=f"one of: {', '.join(CLASSES)}")
            where = _cited(_facts(sixos, [cited_one])[0]) if cited_one else ""
            lines.append(f"| {what} | {kind or 'open'} | {where} |")
    if refuted:
        lines += ["", "## Told of SixOS, and not so", ""]
        for key, sentence in SENTENCES.items():
            if refuted.get(key):
                lines.append(f"- “{sentence}” {_cited(_facts(sixos, [refuted[key]])[0])}")
    lines += ["", "## Missing pieces", ""]
    lines += [f"- {_cited(fact)}" for fact in sixos.missing]
    lines += ["", "## Risk areas", ""]
    lines += _table(sixos, sixos.risks)
    return "\n".join([*lines, ""])


def _table(sixos: SixOS, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A point for each name, and below it the facts."""
    lines = []
    for row in rows:
        lines += [f"- **{row['name']}**", *(f"  - {_cited(fact)}" for fact in _facts(sixos, row["facts"]))]
    return lines


def _facts(sixos: SixOS, ids: Sequence[str]) -> list[Fact]:
    for one in ids:
        if one not in sixos.facts:
            raise SixOSError(f"there is no fact {one!r}", hint="sixos.facts.about() shows them all")
    return [sixos.facts[one] for one in ids]


def _cited(fact: Fact) -> str:
    return f"{fact.says} ({fact.id}, `{fact.source}`)"
