"""The check of `p1.predict`: its questions, its reading of answers, and when a prediction counts."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from checks import phase1
from checks.predict_questions import KINDS, questions_of
from checks.predict_ten import HINTS, SUITE, Answers, _draw, _State, evaluated, questions
from checks.verdict import Outcome, Verdict
from helpers.course import exercises, progress
from helpers.course.workspace import Workspace
from helpers.engines.base import Image
from helpers.nix import seen
from helpers.nix.show import text

EXERCISE = exercises.load("p1.predict")


def answers(variant: int, **changed: str) -> str:
    """The right results of a variant, as a learner would write them; `_3="…"` changes one."""
    lines = [f"variant = {variant}"]
    for number, (kind, value) in enumerate(evaluated(questions_of(variant)), 1):
        said = text(seen(value)) if kind == "value" else f"error at {value}"
        lines.append(f"{number} = {changed.get(f'_{number}', ' '.join(said.split()))}")
    return "\n".join(lines) + "\n"


def graded(tmp_path: Path, source: str) -> Verdict:
    """The verdict on a file that says this."""
    file = tmp_path / "predictions.txt"
    file.write_text(source)
    return phase1.predict(file)


def test_a_variant_gives_the_same_questions_and_another_gives_others() -> None:
    """Ten kinds, each once."""
    assert questions_of(7) == questions_of(7)
    assert [q.kind for q in questions_of(7)] == list(KINDS)
    assert len(KINDS) == SUITE.points == EXERCISE.points == 10
    every = {q.expression for variant in range(100) for q in questions_of(variant)}
    assert len(every) > 700


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "variant = ?"),
        ("variant = ?", "variant = ?"),
        ("variant = 3\n1 = { a = 1; }", "no result for 2, 3, 4, 5, 6, 7, 8, 9, 10"),
        ("variant = 3\nwhatever", "`whatever` is no line of this file"),
        ("# variant = 3\nvariant = 4\n" + "\n".join(f"{n} = {n}" for n in range(1, 11)), ""),
    ],
)
def test_what_cannot_be_read_is_told(source: str, problem: str) -> None:
    """The line, or what is missing."""
    assert Answers.read(source).problem == problem


def test_every_hint_has_a_wrong_answer_that_earns_it() -> None:
    """One is earned below: it needs results that were shown."""
    assert {answer.hint for answer in EXERCISE.wrong} == set(HINTS) - {"revealed"}


@pytest.mark.live
@pytest.mark.timeout(200)
def test_nix_and_python_give_the_same_to_every_question(image: Image) -> None:
    """`evaluated` raises where they disagree; each question that fails says where."""
    for first in range(0, 60, 20):
        asked = [q for variant in range(first, first + 20) for q in questions_of(variant)]
        for question, (kind, value) in zip(asked, evaluated(asked), strict=True):
            assert kind == "value" or value, question


@pytest.mark.live
@pytest.mark.parametrize("variant", [11, 12, 13])
def test_right_results_pass_for_any_variant(variant: int, tmp_path: Path, image: Image) -> None:
    """Nothing about one variant is written into the check."""
    _draw(_State.load(), variant)
    verdict = graded(tmp_path, answers(variant))
    assert verdict.passed, str(verdict)


@pytest.mark.live
def test_somebody_elses_answers_are_none_of_mine(tmp_path: Path, image: Image) -> None:
    """The variant is the learner's own; before one was drawn, nobody's answers are."""
    undrawn = graded(tmp_path, answers(4711))
    assert undrawn.hint is not None
    assert undrawn.hint.key == "other-variant"
    mine = questions()
    assert questions().variant == mine.variant
    assert graded(tmp_path, answers(mine.variant)).passed
    other = graded(tmp_path, answers(mine.variant + 1))
    assert other.hint is not None
    assert other.hint.key == "other-variant"
    assert questions(new=True).variant != mine.variant or questions(new=True).variant != mine.variant


def test_a_learner_cannot_choose_a_variant() -> None:
    """The public call takes none: it is drawn."""
    assert list(inspect.signature(questions).parameters) == ["new"]


@pytest.mark.live
def test_a_prediction_is_fixed_once_the_results_were_shown(workspace: Workspace, image: Image) -> None:
    """And the first one said is the one that is kept."""
    mine = _draw(_State.load(), 21)
    file = EXERCISE.path(workspace)
    file.parent.mkdir(parents=True)
    assert "before you have said" in str(mine.reveal())
    file.write_text(answers(21, _1="3"))
    first = phase1.predict()
    assert first.points == 9
    assert first.hint is not None
    assert first.hint.key == "function"
    assert "16" not in first.hint.text
    shown = mine.reveal()
    assert str(shown).count("✗") == 1
    assert "you: 3" in str(shown)
    file.write_text(answers(21))
    again = phase1.predict()
    assert again.outcome is Outcome.NOT_YET
    assert again.hint is not None
    assert again.hint.key == "revealed"
    kept = progress.predictions("p1.predict")
    assert len(kept) == 10
    wrong = [(one.answer, one.actual) for one in kept if one.correct is False]
    assert wrong == [("3", "{ args = 35; limit = 3; }")]
    file.write_text(answers(questions(new=True).variant))
    assert phase1.predict().passed


@pytest.mark.live
@pytest.mark.parametrize("slip", ["{ user = 21 }", "[78, 16]"])
def test_what_nix_cannot_read_is_not_kept_as_the_first_prediction(
    slip: str, workspace: Workspace, image: Image
) -> None:
    """The one after it is, right or wrong; and that one stays."""
    _draw(_State.load(), 21)
    file = EXERCISE.path(workspace)
    file.parent.mkdir(parents=True)
    file.write_text(answers(21, _1=slip))
    verdict = phase1.predict()
    assert verdict.hint is not None
    assert verdict.hint.key == "no-value"
    assert len(progress.predictions("p1.predict")) == 9
    file.write_text(answers(21, _1="3"))
    phase1.predict()
    file.write_text(answers(21))
    assert phase1.predict().passed
    kept = progress.predictions("p1.predict")
    assert len(kept) == 10
    assert [one.answer for one in kept if one.correct is False] == ["3"]


@pytest.mark.live
def test_the_answer_is_not_in_the_verdict(tmp_path: Path, image: Image) -> None:
    """A wrong result is told as wrong; the right one is for the learner to find."""
    verdict = graded(tmp_path, answers(1088, _2="3"))
    assert verdict.points == 9
    assert "51" not in str(verdict)
