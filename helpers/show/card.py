"""Verdicts and predictions as cards (HTML) and as text.

`helpers` may not import `checks`, so this module asks only for the fields it shows (`VerdictFields`).
The HTML uses JupyterLab's own theme variables, each with a fallback, so a card follows the light and the
dark theme and still reads where there is neither (VS Code, a page on the web); it loads nothing from outside.
Every state is told in words and by a sign, never by colour alone (WCAG 2.2, success criterion 1.4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol

__all__ = [
    "CARD_STYLE",
    "VerdictFields",
    "prediction_html",
    "prediction_text",
    "question_html",
    "verdict_html",
    "verdict_text",
]


class ObservationFields(Protocol):
    """One behaviour a check looked at."""

    @property
    def asked(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def seen(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def skipped(self) -> bool: ...


class HintFields(Protocol):
    """The hint of a verdict."""

    @property
    def text(self) -> str: ...


class VerdictFields(Protocol):
    """What a card shows. `outcome` is one of passed, not_yet, not_started, lab_failed, timed_out."""

    @property
    def exercise(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def observations(self) -> Sequence[ObservationFields]: ...
    @property
    def hint(self) -> HintFields | None: ...
    @property
    def points(self) -> int: ...
    @property
    def possible(self) -> int: ...
    @property
    def seed(self) -> int | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def note(self) -> str: ...
    @property
    def repeat(self) -> str: ...
    @property
    def next(self) -> str: ...


# outcome → (sign, headline, tone)
_HEADLINES = {
    "passed": ("✓", "passed", "good"),
    "not_yet": ("✗", "not yet", "bad"),
    "not_started": ("○", "not started", "calm"),
    "timed_out": ("…", "timed out", "bad"),
    "lab_failed": ("!", "the lab failed: this says nothing about your work", "warn"),
}
_MARKS = {
    "ok": ("✓", "as expected"),
    "no": ("✗", "not as expected"),
    "skipped": ("-", "not tried"),
}

CARD_STYLE = """<style>
.initlab-card{--il-good:var(--jp-success-color1,#2e7d32);--il-bad:var(--jp-error-color1,#c62828);
--il-warn:var(--jp-warn-color1,#b26a00);--il-calm:var(--jp-info-color1,#0277bd);
--il-line:var(--jp-border-color1,rgba(128,128,128,.45));
color:var(--jp-content-font-color1,inherit);background:var(--jp-layout-color1,transparent);
border:1px solid var(--il-line);border-left:5px solid var(--il-tone);border-radius:4px;
padding:.7em 1em;margin:.4em 0;max-width:62em;font-size:var(--jp-content-font-size1,14px);line-height:1.45;
overflow-wrap:anywhere}
.initlab-card.il-good{--il-tone:var(--il-good)}.initlab-card.il-bad{--il-tone:var(--il-bad)}
.initlab-card.il-warn{--il-tone:var(--il-warn)}.initlab-card.il-calm{--il-tone:var(--il-calm)}
.initlab-card .il-head{display:flex;flex-wrap:wrap;gap:.2em .8em;align-items:baseline;margin:0 0 .3em}
.initlab-card .il-head strong{font-size:1.15em}
.initlab-card .il-sign{display:inline-block;min-width:1.5em;height:1.5em;line-height:1.5em;border-radius:1em;
text-align:center;font-weight:bold;color:var(--jp-layout-color1,#fff);background:var(--il-tone)}
.initlab-card .il-side{margin-left:auto}
.initlab-card p{margin:.45em 0}
.initlab-card .il-hint{border-left:3px solid var(--il-calm);padding:.1em 0 .1em .8em}
.initlab-card table{border-collapse:collapse;width:100%;margin:.5em 0;font-size:inherit;table-layout:auto}
.initlab-card th,.initlab-card td{text-align:left!important;vertical-align:top;padding:.3em .6em;
border:0;border-bottom:1px solid var(--il-line);white-space:normal;max-width:none;min-width:10em}
.initlab-card tbody tr,.initlab-card thead tr{background:transparent!important}
.initlab-card th{font-weight:600;color:var(--jp-content-font-color2,inherit)}
.initlab-card .il-mark{white-space:nowrap;font-weight:bold;width:1.2em;min-width:0}
.initlab-card td.il-ok{color:var(--il-good)}.initlab-card td.il-no{color:var(--il-bad)}
.initlab-card tr.il-skipped{opacity:.7}
.initlab-card tr.il-no td{background:color-mix(in srgb,var(--il-bad) 9%,transparent)}
.initlab-card .il-foot{color:var(--jp-content-font-color2,inherit);font-size:.9em}
.initlab-card code{font-family:var(--jp-code-font-family,monospace);color:inherit;
background:var(--jp-layout-color2,transparent);padding:.05em .3em;border-radius:3px;
white-space:pre-wrap}
</style>"""


def _headline(verdict: VerdictFields) -> tuple[str, str, str]:
    outcome = str(verdict.outcome)
    return _HEADLINES.get(outcome, ("?", outcome, "calm"))


def _points(verdict: VerdictFields) -> str:
    if not verdict.possible or str(verdict.outcome) in ("not_started", "lab_failed"):
        return ""
    return f"{verdict.points} of {verdict.possible} point{'' if verdict.possible == 1 else 's'}"


def _kind(seen: ObservationFields) -> str:
    if seen.skipped:
        return "skipped"
    return "ok" if seen.ok else "no"


def _ticks(text: str) -> str:
    """Escaped text with `…` turned into code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:  # an unpaired tick: leave the text as it is
        return escape(text)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def verdict_html(verdict: VerdictFields) -> str:
    """The card of a verdict, one self-contained piece of HTML."""
    sign, headline, tone = _headline(verdict)
    name = escape(verdict.exercise)
    out = [
        CARD_STYLE,
        f'<section class="initlab-card il-{tone}" aria-label="Verdict on {name}: {escape(headline)}">',
        f'<div class="il-head"><span class="il-sign" aria-hidden="true">{sign}</span>'
        f"<span><code>{name}</code></span><strong>{escape(headline)}</strong>"
        f'<span class="il-side">{_points(verdict)}</span></div>',
    ]
    if verdict.note:
        out += [f"<p>{_ticks(line)}</p>" for line in verdict.note.splitlines() if line.strip()]
    if verdict.hint is not None:
        out.append(f'<p class="il-hint"><strong>Hint.</strong> {_ticks(verdict.hint.text)}</p>')
    if verdict.observations:
        out.append(
            '<table><thead><tr><td class="il-mark"></td><th scope="col">asked</th>'
            '<th scope="col">expected</th><th scope="col">seen</th></tr></thead><tbody>'
        )
        for seen in verdict.observations:
            kind = _kind(seen)
            mark, words = _MARKS[kind]
            out.append(
                f'<tr class="il-{kind}"><td class="il-mark il-{kind}">'
                f'<span role="img" aria-label="{words}" title="{words}">{mark}</span></td>'
                f"<td>{_ticks(seen.asked)}</td><td>{_ticks(seen.expected)}</td>"
                f"<td>{_ticks(seen.seen)}</td></tr>"
            )
        out.append("</tbody></table>")
    if verdict.next:
        out.append(f"<p><strong>Next:</strong> <code>{escape(verdict.next)}</code></p>")
    if foot := _foot(verdict, html=True):
        out.append(f'<p class="il-foot">{foot}</p>')
    out.append("</section>")
    return "\n".join(out)


def _foot(verdict: VerdictFields, *, html: bool) -> str:
    parts = []
    if verdict.seed is not None:
        parts.append(f"seed {verdict.seed}")
    if verdict.repeat:
        parts.append("repeat with " + (f"<code>{escape(verdict.repeat)}</code>" if html else verdict.repeat))
    if verdict.seconds:
        parts.append(f"{verdict.seconds:.1f} s")
    return " · ".join(parts)


def verdict_text(verdict: VerdictFields) -> str:
    """The same in plain text, for a terminal; ends without a newline."""
    sign, headline, _ = _headline(verdict)
    points = _points(verdict)
    lines = [f"{sign} {verdict.exercise}: {headline}" + (f" ({points})" if points else "")]
    lines += [f"  {line}" for line in verdict.note.splitlines() if line.strip()]
    for seen in verdict.observations:
        lines.append(f"  {_MARKS[_kind(seen)][0]} {seen.asked}")
        if seen.ok or seen.skipped:
            lines.append(f"      seen:     {seen.seen}")
        else:
            lines += [f"      expected: {seen.expected}", f"      seen:     {seen.seen}"]
    if verdict.hint is not None:
        lines.append(f"  Hint: {verdict.hint.text}")
    if verdict.next:
        lines.append(f"  Next: {verdict.next}")
    if foot := _foot(verdict, html=False):
        lines.append(f"  {foot}")
    return "\n".join(lines)


def _compared(predicted: str | None, actual: str, right: bool | None) -> tuple[str, str, str, str]:
    """(sign, headline, tone, what was predicted) of a revealed prediction."""
    if predicted is None:
        return "○", "no prediction made", "calm", "nothing"
    if right:
        return "✓", "as you predicted", "good", predicted
    return "≠", "not what you predicted", "warn", predicted


def question_html(question: str, options: Sequence[str], chosen: str | None) -> str:
    """A question that waits for a prediction, with its options where there are no buttons for them."""
    rows = "".join(
        f"<li>{_ticks(option)}{' <strong>(chosen)</strong>' if option == chosen else ''}</li>"
        for option in options
    )
    return "\n".join(
        [
            CARD_STYLE,
            '<section class="initlab-card il-calm" aria-label="Say first what you expect">',
            '<div class="il-head"><span class="il-sign" aria-hidden="true">?</span>'
            "<strong>say first what you expect</strong></div>",
            f"<p>{_ticks(question)}</p>",
            *([f"<ol>{rows}</ol>"] if rows else []),
            "</section>",
        ]
    )


def prediction_html(
    question: str, predicted: str | None, actual: str, right: bool | None, why: str = ""
) -> str:
    """A prediction beside what was observed. `predicted` is None when none was made."""
    sign, headline, tone, said = _compared(predicted, actual, right)
    return "\n".join(
        [
            CARD_STYLE,
            f'<section class="initlab-card il-{tone}" aria-label="Prediction: {escape(headline)}">',
            f'<div class="il-head"><span class="il-sign" aria-hidden="true">{sign}</span>'
            f"<strong>{escape(headline)}</strong></div>",
            f"<p>{_ticks(question)}</p>",
            "<table><tbody>"
            f'<tr><th scope="row" style="width:7em">predicted</th><td>{_ticks(said)}</td></tr>'
            f'<tr><th scope="row">observed</th><td>{_ticks(actual)}</td></tr></tbody></table>',
            *([f"<p>{_ticks(why)}</p>"] if why else []),
            "</section>",
        ]
    )


def prediction_text(
    question: str, predicted: str | None, actual: str, right: bool | None, why: str = ""
) -> str:
    """The same in plain text."""
    sign, headline, _, said = _compared(predicted, actual, right)
    lines = [f"{sign} {headline}: {question}", f"  predicted: {said}", f"  observed:  {actual}"]
    return "\n".join(lines + ([f"  {why}"] if why else []))
