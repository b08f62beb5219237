"""Predictions: asked first, revealed after, scored apart, never in the way."""

from __future__ import annotations

import pytest

from checks import predict
from checks import predictions as module
from helpers.course import progress
from helpers.course.workspace import Workspace

OPTIONS = ["it ends", "nothing"]


def test_a_prediction_that_came_true_is_saved_and_shown(workspace: Workspace) -> None:
    """Reveal compares, shows both sides and records once."""
    guess = predict("p0.pid1.kill", "`kill -9 1`?", OPTIONS).choose("nothing")
    shown = guess.reveal("nothing", why="because")
    assert shown.right is True
    assert "as you predicted" in str(shown)
    assert "because" in shown._repr_html_()
    guess.reveal("nothing")
    done = progress.summary(workspace=workspace)["p0.pid1"]
    assert (done.predictions, done.predictions_correct) == (1, 1)


def test_a_prediction_is_worth_no_points(workspace: Workspace) -> None:
    """A wrong prediction changes neither points nor passing."""
    predict("p0.pid1.kill", "?", OPTIONS).choose(1).reveal("nothing")
    done = progress.summary(workspace=workspace)["p0.pid1"]
    assert (done.points, done.passed, done.predictions, done.predictions_correct) == (0, False, 1, 0)


def test_without_an_answer_it_says_so_and_saves_nothing(workspace: Workspace) -> None:
    """In CI nobody answers."""
    shown = predict("p0.pid1.kill", "?", OPTIONS).reveal("nothing")
    assert shown.right is None
    assert "no prediction made" in str(shown)
    assert progress.summary(workspace=workspace) == {}


def test_a_prediction_cannot_be_changed_after_the_reveal(capsys: pytest.CaptureFixture[str]) -> None:
    """The observation must not improve the prediction."""
    guess = predict("p0.pid1.kill", "?", OPTIONS).choose("it ends")
    guess.reveal("nothing")
    guess.choose("nothing")
    assert guess.chosen == "it ends"
    assert "revealed already" in capsys.readouterr().out


def test_without_a_notebook_the_question_is_text() -> None:
    """A terminal shows the options by number, and no widget."""
    guess = predict("p0.pid1.kill", "What happens?", OPTIONS).choose(2)
    assert str(guess) == "What happens?\n   1. it ends\n * 2. nothing"
    assert set(guess._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_in_a_kernel_the_buttons_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Picking a radio button is choosing; after the reveal the buttons are off."""
    monkeypatch.setattr(module, "_in_kernel", lambda: True)
    guess = predict("p0.pid1.kill", "What happens?", OPTIONS)
    bundle = guess._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "What happens?" in bundle["text/plain"]
    guess._radio.value = "nothing"
    assert guess.chosen == "nothing"
    assert guess.reveal("nothing").right is True
    assert guess._radio.disabled is True


@pytest.mark.parametrize("options", [[], "one text", [1, 2, 2], None])
def test_odd_options_do_not_raise(options: object) -> None:
    """A prediction never stands in the way of a lesson."""
    guess = predict("x", "?", options)  # type: ignore[arg-type]
    guess._repr_mimebundle_()
    guess.choose("no such option")
    assert guess.chosen is None
    guess.reveal(3)


def test_a_progress_file_that_cannot_be_written_is_only_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken disk costs the record, not the reveal."""

    def broken(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(progress, "record_prediction", broken)
    shown = predict("p0.pid1.kill", "?", OPTIONS).choose(1).reveal("it ends")
    assert "Not saved: OSError: no space left" in str(shown)
