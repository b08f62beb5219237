"""Verdicts and predictions as cards and as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from checks.verdict import Hint, Observation, Outcome, Verdict
from helpers.show.card import prediction_html, prediction_text, question_html

VOID = {"br", "img", "meta"}

NOT_YET = Verdict(
    "p0.pid1",
    Outcome.NOT_YET,
    (
        Observation("reap every orphan", "no zombie", "96 zombies", False),
        Observation("end with the status", "`7`", "`7`", True),
        Observation("forward", "-", "not tried: builds on “end”", False, skipped=True),
    ),
    Hint("orphans-stay", "Only <one> child is waited for: `wait` for any."),
    points=3,
    possible=10,
    seed=42,
    seconds=4.25,
    repeat="phase0.pid1(seed=42)",
)


class Balance(HTMLParser):
    """Complains of tags that are not closed in order, and remembers the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def parse(html: str) -> str:
    parser = Balance()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser.text


def test_a_card_tells_outcome_points_observations_hint_seed_and_time() -> None:
    """Everything of a verdict is on its card, in words."""
    text = parse(NOT_YET._repr_html_())
    for words in ("p0.pid1", "not yet", "3 of 10 points", "96 zombies", "no zombie", "Only <one> child"):
        assert words in text
    for words in ("seed 42", "phase0.pid1(seed=42)", "4.2 s", "not tried: builds on “end”"):
        assert words in text


def test_the_text_of_a_verdict_holds_the_same() -> None:
    """A terminal shows what a notebook shows."""
    text = str(NOT_YET)
    for words in ("p0.pid1: not yet (3 of 10 points)", "expected: no zombie", "seen:     96 zombies"):
        assert words in text
    for words in ("Hint: Only <one> child", "seed 42", "repeat with phase0.pid1(seed=42)"):
        assert words in text


def test_results_are_told_without_colour() -> None:
    """Each observation has a sign with a name for screen readers (WCAG 2.2, 1.4.1 and 1.1.1)."""
    html = NOT_YET._repr_html_()
    assert re.findall(r'role="img" aria-label="([^"]+)"', html) == [
        "not as expected",
        "as expected",
        "not tried",
    ]
    assert 'aria-label="Verdict on p0.pid1: not yet"' in html
    assert html.count('scope="col"') == 3


def test_a_card_loads_nothing_and_follows_the_theme() -> None:
    """No address, no script; every colour is JupyterLab's with a fallback."""
    html = NOT_YET._repr_html_()
    assert "http" not in html
    assert "<script" not in html
    assert "url(" not in html
    assert all("," in use for use in re.findall(r"var\(--jp-[^)]*\)", html))


def test_what_a_program_printed_cannot_become_markup() -> None:
    """A learner's output is escaped wherever it is shown."""
    bad = "<script>alert(1)</script>`"
    verdict = Verdict("p0.x", Outcome.NOT_YET, (Observation(bad, bad, bad, False),), Hint("k", bad), note=bad)
    for html in (
        verdict._repr_html_(),
        prediction_html(bad, bad, bad, False, bad),
        question_html(bad, [bad], None),
    ):
        assert "<script" not in html
        parse(html)


def test_lab_failed_says_whose_failure_it_is_and_what_to_do() -> None:
    """A learner never reads "wrong" where the lab failed."""
    verdict = Verdict(
        "p0.pid1", Outcome.LAB_FAILED, possible=10, note="no room", next="initlab doctor", seed=1
    )
    for shown in (parse(verdict._repr_html_()), str(verdict)):
        assert "the lab failed: this says nothing about your work" in shown
        assert "initlab doctor" in shown
        assert "of 10 points" not in shown


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_headline_in_words(outcome: Outcome) -> None:
    """No outcome is shown by its bare name with an underscore."""
    verdict = Verdict("p0.x", outcome)
    assert "_" not in str(verdict)
    assert "_" not in parse(verdict._repr_html_())


def test_a_verdict_gives_a_notebook_both_html_and_text() -> None:
    """Front ends that strip HTML still have the verdict."""
    bundle = NOT_YET._repr_mimebundle_()
    assert bundle == {"text/plain": str(NOT_YET), "text/html": NOT_YET._repr_html_()}


def test_a_revealed_prediction_shows_both_sides() -> None:
    """Prediction and observation stand beside each other, right or wrong or missing."""
    assert "as you predicted" in prediction_text("q", "a", "a", True)
    wrong = parse(prediction_html("q", "a", "b", False, "because"))
    assert "not what you predicted" in wrong
    assert "because" in wrong
    assert "no prediction made" in prediction_text("q", None, "b", None)
