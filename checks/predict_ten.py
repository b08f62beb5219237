"""`p1.predict`: ten results of infuse, said before they were seen.

Which ten depends on a variant, a number of the learner's own. What is right is what the real Nix and
`helpers.infuse` both evaluate; where they disagree, the lab is at fault.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.predict_questions import KINDS, Question, questions_of
from helpers import nix
from helpers.infuse import InfuseError, force, infuse
from helpers.nix.magics import INFUSE
from helpers.nix.python import evaluate, python_of
from helpers.nix.show import text

__all__ = ["HINTS", "SUITE", "Answers", "Questions", "questions"]

HINTS: Mapping[str, str] = {
    "unreadable": (
        "The file has a line `variant = NUMBER`, and ten lines `NUMBER = RESULT`. A result is a value as Nix "
        "writes it, or `error at PATH`."
    ),
    "other-variant": (
        "These are answers to somebody else's questions, or to older ones of yours. questions() shows yours, "
        "with the number of their variant; where none were drawn yet, it draws them."
    ),
    "revealed": (
        "These results were shown to you already, and you predicted something else. questions(new=True) asks "
        "with other numbers."
    ),
    "no-value": (
        "Where a result is a value, write the value itself. Nix has to read it without knowing infuse: "
        "`{ port = 80; }`, `[ 1 ]`, `\"-v\"`, `3`. For an error write `error at`, and the path."
    ),
    "function": "One attribute is named in the infusion, and a function stands at it. What of the other one?",
    "pipeline": (
        "Each step of a list is given what the step before gave. The last one: is it a function of the whole "
        "set, or a set with a function inside?"
    ),
    "order": (
        "A Nix attribute set has no order, so the text cannot say what comes first. infuse's own list does: "
        "init, default, assign, prepend, append."
    ),
    "default": (
        "`__default` asks one thing: is there an attribute of that name? null is something that is "
        "there."
    ),
    "init": (
        "`__init` insists that nobody was there before. And its complaint names the sugar, as the "
        "path's end."
    ),
    "leaf": (
        "At the end of every path of an infusion stands a function or a sugar. Find out what stands "
        "here, and who complains about it, before anything is called."
    ),
    "clobber": (
        "Where does the function stand: at the set, or at an attribute inside it? What it gives replaces "
        "exactly what it stood at."
    ),
    "pruning": (
        "A set without a leaf becomes `{ }`, at any depth, and an infusion that is `{ }` as a whole changes "
        "nothing. With a leaf beside it, its name stays, and `{ }` is applied there like any set."
    ),
    "append": "Lists are joined with lists, texts with texts. Is what you append one of the two?",
    "deep": (
        "On the way down, what is missing becomes `{ }`. What is there has to be a set; if it is none, the "
        "error stands at that place and not at the end of the path."
    ),
}  # fmt: skip

_COURSE = 1088  # the variant of the course's own answers; nobody is ever drawn it
_LINE = re.compile(r"\s*(variant|\d+)\s*=\s*(.*?)\s*")
_ERROR = re.compile(r"error(?:\s+at)?(?:\s+path)?\s*:?\s*`?([^`]*?)`?", re.IGNORECASE)
_NO_VALUE = "no value"
_PATH = re.compile(r"infuse\.[\w-]+: at path (\S+):")


@dataclass
class Answers:
    """The learner's file: the variant and a result for each question by number, as written.

    `problem` says what cannot be read.
    """

    variant: int
    results: Mapping[int, str]
    problem: str = ""
    graded: dict[str, tuple[bool, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, source: str) -> Answers:
        """From the text of the file. A line that begins with `#` is a comment."""
        found: dict[str, str] = {}
        for line in source.splitlines():
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            match = _LINE.fullmatch(line)
            if match is None:
                return cls(0, {}, f"`{line.strip()[:60]}` is no line of this file")
            found[match[1]] = match[2]
        variant = found.pop("variant", "")
        if not variant.isdecimal():
            return cls(0, {}, f"variant = {variant or '?'}")
        results = {int(number): result for number, result in found.items()}
        missing = [n for n in range(1, len(KINDS) + 1) if results.get(n, "?") in ("", "?")]
        problem = f"no result for {', '.join(map(str, missing))}" if missing else ""
        return cls(int(variant), results, problem)


SUITE: Suite[Answers] = Suite(HINTS)


@SUITE.behaviour("complete", points=0, asked="ten results, for the questions of your variant")
def complete(trial: Trial, answers: Answers) -> Finding:
    """It can be read, the variant is the learner's own, and nothing was seen before it was said."""
    expected = "a result for each of ten"
    if answers.problem:
        return trial.no(expected=expected, seen=answers.problem, hint="unreadable")
    mine = _State.load()
    if mine.path is not None and answers.variant != (mine.variant or _COURSE):
        drawn = f"yours is {mine.variant}" if mine.variant else "none has been drawn for you yet"
        seen = f"variant {answers.variant}; {drawn}"
        return trial.no(expected=expected, seen=seen, hint="other-variant")
    if mine.revealed is not None and mine.revealed != _said(answers):
        return trial.no(expected=expected, seen="other results than before", hint="revealed")
    _grade(answers)
    if mine.variant is not None:
        _remember(answers)
    return trial.ok(expected=expected, seen=f"ten results, variant {answers.variant}")


def _asked(number: int, kind: str) -> Callable[[Trial, Answers], Finding]:
    def look(trial: Trial, answers: Answers) -> Finding:
        right, seen = answers.graded[kind]
        expected = "what Nix and Python both give"
        if right:
            return trial.ok(expected=expected, seen=seen)
        hint = "no-value" if seen.startswith(_NO_VALUE) else kind
        return trial.no(expected=expected, seen=seen, hint=hint)

    return look


for _number, _kind in enumerate(KINDS, 1):
    SUITE.behaviour(_kind, points=1, needs=("complete",), asked=f"predict result {_number}")(
        _asked(_number, _kind)
    )


def evaluated(asked: Sequence[Question], said: Sequence[str] = ()) -> list[Any]:
    """What each question gives: `("value", data)` or `("error", path)`; then the values of what was said.

    Raises `LabFailed` where Nix and Python disagree.
    """
    start = "let infuse = (import ./infuse.nix { }).v1.infuse; in "
    found = nix.eval_many(
        [*(start + q.expression for q in asked), *said], files={"infuse.nix": INFUSE.read_text()}
    )
    results: list[Any] = []
    for question, value in zip(asked, found, strict=False):
        mine = ("error", _path(value.said)) if isinstance(value, nix.NixError) else ("value", value)
        try:
            python: tuple[str, Any] = "value", force(evaluate(python_of(question.expression), infuse))
        except InfuseError as error:
            python = "error", error.path
        if mine[0] != python[0] or mine[1] is None or nix.diff(mine[1], python[1]):
            raise LabFailed(f"{question.expression}: Nix gives {mine}, Python {python}")
        results.append(mine)
    return results + found[len(asked) :]


def _path(said: str) -> str:
    found = _PATH.search(said)
    return found[1] if found else ""


def _grade(answers: Answers) -> list[Any]:
    """Compare each result with what is evaluated; returns that."""
    asked = questions_of(answers.variant)
    said = [answers.results[number] for number in range(1, len(asked) + 1)]
    errors = [_ERROR.fullmatch(result) for result in said]
    texts = ["null" if error else result for error, result in zip(errors, said, strict=True)]
    found = evaluated(asked, texts)
    actual, values = found[: len(asked)], found[len(asked) :]
    for question, result, error, value, (kind, is_) in zip(asked, said, errors, values, actual, strict=True):
        if error is not None:
            right = kind == "error" and error[1].strip() == is_
        elif isinstance(value, nix.NixError):
            answers.graded[question.kind] = False, f"{_NO_VALUE}: {result}: {value.said}"[:200]
            continue
        else:
            right = kind == "value" and not nix.diff(value, is_)
        answers.graded[question.kind] = right, f"{question.expression} → you say: {result}"
    return actual


# -- the learner's questions ----------------------------------------------------------------------


@dataclass
class _State:
    """Which questions are this learner's, and what they had said when the results were shown."""

    variant: int | None = None
    revealed: dict[str, str] | None = None
    path: Path | None = None

    @classmethod
    def load(cls) -> _State:
        from helpers.course import workspace

        mine = workspace.find()
        if mine is None:
            return cls()
        path = mine.state / "predict.json"
        try:
            kept = json.loads(path.read_text())
            return cls(kept["variant"], kept["revealed"], path)
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path=path)

    def save(self) -> None:
        from helpers.course.files import write_atomically

        if self.path is not None:
            kept = {"variant": self.variant, "revealed": self.revealed}
            write_atomically(self.path, json.dumps(kept).encode())


def _said(answers: Answers) -> dict[str, str]:
    return {str(number): result for number, result in sorted(answers.results.items())}


def _recorded(question: Question) -> str:
    """What a question is called in the learner's progress."""
    return f"p1.predict.{question.kind}: {question.expression}"


def _remember(answers: Answers) -> None:
    """Save the first prediction for each question in the learner's progress.

    What Nix cannot read is a slip of the pen and no prediction: the next one counts as the first.
    """
    from helpers.course import progress

    known = {one.question for one in progress.predictions("p1.predict")}
    for number, question in enumerate(questions_of(answers.variant), 1):
        text = _recorded(question)
        right, seen = answers.graded[question.kind]
        if text not in known and not seen.startswith(_NO_VALUE):
            progress.record_prediction("p1.predict", text, answers.results[number], right)


class Questions:
    """Ten expressions, shown as a list."""

    def __init__(self, variant: int) -> None:
        self.variant = variant
        self.all = questions_of(variant)

    def __str__(self) -> str:
        lines = [f"variant = {self.variant}"]
        lines += [f"{number:>2}. {q.expression}" for number, q in enumerate(self.all, 1)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        items = "".join(
            f'<li style="margin:.2em 0"><code>{escape(q.expression)}</code></li>' for q in self.all
        )
        return f"<div>Your questions: <code>variant = {self.variant}</code><ol>{items}</ol></div>"

    def reveal(self) -> Revealed | str:
        """Each prediction beside what is evaluated now. After that they are fixed.

        Where there are no predictions yet it only says so.
        """
        from helpers.course import exercises, progress, workspace

        made = exercises.load("p1.predict").path(workspace.require())
        answers = Answers.read(made.read_text(encoding="utf-8")) if made.exists() else Answers(0, {}, "?")
        if answers.problem or answers.variant != self.variant:
            return f"Nothing is shown before you have said ten results for variant {self.variant}."
        state = _State.load()
        if state.revealed is None:
            state.revealed = _said(answers)
            state.save()
        rows = []
        for number, (question, (kind, actual)) in enumerate(zip(self.all, _grade(answers), strict=True), 1):
            shown = text(nix.seen(actual)) if kind == "value" else f"error at {actual}"
            progress.record_observed("p1.predict", _recorded(question), " ".join(shown.split()))
            rows.append(
                (question.expression, answers.results[number], shown, answers.graded[question.kind][0])
            )
        return Revealed(rows)


class Revealed:
    """Predictions beside results: rows of expression, prediction, result, and whether it was right."""

    def __init__(self, rows: list[tuple[str, str, str, bool]]) -> None:
        self.rows = rows

    def __str__(self) -> str:
        return "\n".join(
            f"{number:>2}. {expression}\n    you: {said}\n    is:  {shown}{'' if right else '   ✗'}"
            for number, (expression, said, shown, right) in enumerate(self.rows, 1)
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from helpers.show.table import html_table

        return html_table(
            ("", "expression", "you said", "it is"),
            [("✓" if right else "✗", *map(str, row)) for *row, right in self.rows],
            colours=["#2e7d32" if right else "#c62828" for *_, right in self.rows],
        )


def questions(*, new: bool = False) -> Questions:
    """The learner's ten questions: the same ones until `new=True` asks for others.

    Which they are is drawn, not chosen. Kept in the workspace; without one they are others each time.
    """
    state = _State.load()
    if state.variant is None or new:
        return _draw(state, secrets.randbelow(8_900) + 1_100)  # not _COURSE
    return Questions(state.variant)


def _draw(state: _State, variant: int) -> Questions:
    """Make a variant the learner's own; nothing of it has been revealed."""
    state.variant, state.revealed = variant, None
    state.save()
    return Questions(variant)


def _course_s_own() -> Questions:
    """The questions that the course's own solution answers: they have to be the same in every build."""
    return _draw(_State.load(), _COURSE)
