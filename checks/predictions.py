"""Say first what you expect: a question asked before an observation, and both shown side by side after.

::

    guess = predict("p0.pid1.kill-9", "`kill -9 1`, sent from inside. What happens?", ["it ends", "nothing"])
    guess                                   # radio buttons in a notebook, text elsewhere
    ...                                     # the observation
    guess.reveal("nothing", why="…")        # prediction and observation

A prediction is worth no points: a wrong one that was made is worth more than none. Nothing here
raises; a run without anybody to answer says "no prediction made".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from helpers.show.card import prediction_html, prediction_text, question_html

__all__ = ["Prediction", "Revealed", "predict"]


def predict(id: str, question: str, options: Iterable[object]) -> Prediction:
    """Ask `question`; the learner picks one of `options`.

    `id` is the exercise it belongs to and a name of its own: `p0.pid1.kill-9`.
    """
    return Prediction(id, question, options)


class Revealed:
    """A prediction beside what was observed. `right` is None where no prediction was made."""

    def __init__(self, question: str, predicted: str | None, actual: str, why: str, note: str) -> None:
        self.question = question
        self.predicted = predicted
        self.actual = actual
        self.why = why
        self.note = note
        self.right = None if predicted is None else predicted == actual

    def __str__(self) -> str:
        why = "\n  ".join(filter(None, (self.why, self.note)))
        return prediction_text(self.question, self.predicted, self.actual, self.right, why)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        why = " ".join(filter(None, (self.why, self.note)))
        return prediction_html(self.question, self.predicted, self.actual, self.right, why)


class Prediction:
    """A question and, once the learner has picked one, the answer they expect."""

    def __init__(self, id: str, question: str, options: Iterable[object]) -> None:
        self.id = str(id)
        self.question = str(question)
        self.options = _texts(options)
        self.chosen: str | None = None
        self._widget: Any = None
        self._radio: Any = None
        self._revealed = False

    def choose(self, option: object) -> Prediction:
        """Pick an option, by its text or its number (from 1): for where there are no buttons to press."""
        text = str(option).strip()
        if isinstance(option, int) and not isinstance(option, bool) and 1 <= option <= len(self.options):
            text = self.options[option - 1]
        if self._revealed:
            print("This was revealed already: the prediction stays as it was.")
        elif text not in self.options:
            print(f"{text!r} is not among the options: {', '.join(map(repr, self.options))}")
        else:
            self.chosen = text
            if self._radio is not None:
                self._radio.value = text
        return self

    def reveal(self, actual: object, why: str = "") -> Revealed:
        """Show what was observed beside what was predicted, and save it; the answer is then fixed."""
        observed, note = str(actual).strip(), ""
        if self.chosen is not None and not self._revealed:
            note = self._record(observed)
        self._revealed = True
        if self._radio is not None:
            self._radio.disabled = True
        return Revealed(self.question, self.chosen, observed, str(why), note)

    def _record(self, observed: str) -> str:
        """Save it in the learner's progress; returns what to tell, mostly nothing."""
        exercise = ".".join(self.id.split(".")[:2])
        try:
            from helpers.course import progress

            question = f"{self.id}: {self.question}"
            receipt = progress.record_prediction(
                exercise, question, self.chosen or "", self.chosen == observed
            )
            progress.record_observed(exercise, question, observed)
            return receipt.message
        except Exception as error:
            return f"Not saved: {type(error).__name__}: {error}"

    # -- showing ----------------------------------------------------------------------------------

    def __str__(self) -> str:
        lines = [self.question]
        for number, option in enumerate(self.options, 1):
            mark = "*" if option == self.chosen else " "
            lines.append(f" {mark} {number}. {option}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """Text and HTML always; radio buttons too where a notebook's kernel runs this."""
        bundle: dict[str, Any] = {
            "text/plain": str(self),
            "text/html": question_html(self.question, self.options, self.chosen),
        }
        try:
            widget = self._buttons()
            if widget is not None:
                shown = widget._repr_mimebundle_()
                bundle |= {kind: data for kind, data in shown.items() if kind != "text/plain"}
        except Exception as error:  # no widgets here: what stands above is enough
            bundle["text/plain"] += f"\n(no buttons: {error})"
        return bundle

    def _buttons(self) -> Any:
        """The widget, made when first shown; None outside of a notebook's kernel."""
        if self._widget is None and _in_kernel():
            import ipywidgets as widgets

            self._radio = widgets.RadioButtons(
                options=self.options,
                value=self.chosen,
                disabled=self._revealed,
                layout=widgets.Layout(width="max-content", max_width="100%"),
            )
            self._radio.observe(self._picked, names="value")
            text = widgets.HTML(question_html(self.question, (), None))
            self._widget = widgets.VBox([text, self._radio])
        return self._widget

    def _picked(self, change: dict[str, Any]) -> None:
        if not self._revealed:
            self.chosen = change["new"]


def _in_kernel() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def _texts(options: object) -> list[str]:
    """The options as different texts; a single text is one option, not its letters."""
    if isinstance(options, str) or not isinstance(options, Iterable):
        options = [options]
    return list(dict.fromkeys(str(option).strip() for option in options))
