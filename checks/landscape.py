"""`p3.landscape`: a table of five supervisors, in which every cell cites what it rests on.

The key below says which passages of `labs/landscape/facts.json` carry which value. A right word with a
passage that does not say it is no better than a wrong one: the table is for somebody who has not read the
sources.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from checks.behaviours import Finding, Suite, Trial
from helpers.landscape.data import UNKNOWN, load

__all__ = ["CHOICES", "HINTS", "KEY", "SUITE", "Answer"]

CHOICES = {
    "deps": ("yes", "no"),
    "restart": ("always", "on or off", "always, on-failure or never", "until too many starts fail"),
    "ready": ("descriptor", "notification socket", "file or HTTP"),
    "pid1": ("machine", "container"),
    "reaps": ("yes", "no"),
}
"""What a cell may say, besides `not known here`."""

KEY: dict[str, dict[str, dict[str, str]]] = {  # feature → project → passage → the value that it carries
    "deps": {
        "dinit": {"d6": "yes"},
        "nitro": {"n8": "no"},
        "rinit": {"r7": "yes"},
        "rustysd": {"s5": "yes"},
        "horust": {"h6": "yes"},
    },
    "restart": {
        "dinit": {"d8": "on or off"},
        "nitro": {"n6": "always"},
        "rinit": {"r5": "until too many starts fail"},
        "rustysd": {"s8": "on or off"},
        "horust": {"h7": "always, on-failure or never"},
    },
    "ready": {
        "dinit": {"d4": "descriptor"},
        "nitro": {"n7": "descriptor"},
        "rinit": {},
        "rustysd": {"s7": "notification socket"},
        "horust": {"h4": "file or HTTP"},
    },
    "pid1": {
        "dinit": {"d7": "machine"},
        "nitro": {"n5": "machine"},
        "rinit": {},
        "rustysd": {"s4": "container"},
        "horust": {"h8": "container"},
    },
    "reaps": {
        "dinit": {},
        "nitro": {"n4": "yes"},
        "rinit": {},
        "rustysd": {"s6": "no"},
        "horust": {"h5": "yes"},
    },
}

OPEN = frozenset({("nitro", "deps"), ("horust", "pid1")})
"""Where a careful reader may also say that it is not known: n8 lists files, and n7 knows another one; h8 says
"containers", and not PID 1."""

HINTS = {
    "not-toml": (
        "The table cannot be read as TOML: a project in brackets, below it lines as in the starter."
    ),
    "cell-missing": (
        "A cell is empty. Each of the five projects has five, and one you cannot fill has words too."
    ),
    "no-list": (
        "A cell is no list of words. It has the value in quotes and, after a comma, the passage in quotes: "
        'key = ["value", "passage"].'
    ),
    "unknown-word": "A cell says something that is none of the choices, which stand above the exercise.",
    "no-citation": (
        "A cell has a value and cites nothing. Who reads the table has to take your word for it, and "
        "yours is not a source."
    ),
    "no-such-passage": "A cell cites a passage that there is not.",
    "other-project": (
        "A cell cites what was read of another project. What one of them does says nothing of the next."
    ),
    "not-supported": (
        "The passage that a cell cites does not say what the cell says. Read it once more, without what "
        "you know or expect: does this sentence alone let somebody answer the question?"
    ),
    "misread": (
        "The cited passage is about the question, and answers it otherwise than the cell does. Which of "
        "the choices does it allow?"
    ),
    "overclaimed": (
        "A cell claims something that nothing here tells. It may well be so: a name that promises, a "
        "thing that every such program must do. But nobody has read it, and there are words for that."
    ),
    "told": (
        "A cell says that something is not known here, and a passage tells it. Go through that "
        "project's passages once more with the question in mind."
    ),
}


@dataclass
class Answer:
    """A learner's table, as text."""

    text: bytes

    def known_good(self) -> Answer:
        """The course's own."""
        from helpers.course import exercises

        return Answer(exercises.load("p3.landscape").solution.encode())

    def cells(self) -> dict[str, Any]:
        """Project → feature → what stands there. Raises ValueError where it is no TOML, with the line."""
        return tomllib.loads(self.text.decode())


SUITE: Suite[Answer] = Suite(HINTS, control=Answer.known_good)


@SUITE.behaviour("table", points=1, asked="be a table of five rows and five columns")
def table(trial: Trial, answer: Answer) -> Finding:
    """Every cell is there, as [value, passage] or [value], with a value of the choices."""
    expected = "a value of the choices in each of 25 cells"
    try:
        cells = answer.cells()
    except ValueError as error:
        return trial.no(expected="TOML", seen=str(error), hint="not-toml")
    for project in load().projects:
        row = cells.get(project.id)
        for feature, choices in CHOICES.items():
            cell = row.get(feature) if isinstance(row, dict) else None
            place = f"{project.id}.{feature}"
            if not cell:
                return trial.no(expected=expected, seen=f"{place} is empty", hint="cell-missing")
            if not isinstance(cell, list) or not all(isinstance(word, str) for word in cell):
                seen = f"{place} is {cell!r}, and no list of words"
                return trial.no(expected=expected, seen=seen, hint="no-list")
            if cell[0] not in (*choices, UNKNOWN) or len(cell) > 2:
                return trial.no(expected=expected, seen=f"{place} is {cell}", hint="unknown-word")
    return trial.ok(expected=expected, seen="so it is")


def _wrong(project: str, feature: str, cell: list[str]) -> tuple[str, str] | None:
    """What is wrong with a cell, and the hint for it."""
    key = KEY[feature][project]
    value, cited = cell[0], cell[1].strip("[] ") if len(cell) > 1 else ""
    passages = load().passages
    if cited and cited not in passages:
        return f"no passage {cited}", "no-such-passage"
    if value == UNKNOWN:
        return ("it is told in a passage", "told") if key and (project, feature) not in OPEN else None
    if cited and passages[cited].project != project:
        return f"{cited} is about {passages[cited].project}", "other-project"
    if not key:
        return f"nothing here says {value!r}", "overclaimed"
    if not cited:
        return "nothing is cited", "no-citation"
    if cited not in key:
        return f"{cited} does not say so", "not-supported"
    return None if key[cited] == value else (f"{cited} does not say {value!r}", "misread")


def _add(feature: str, points: int, asked: str) -> None:
    @SUITE.behaviour(feature, points=points, needs=("table",), asked=asked)
    def column(trial: Trial, answer: Answer) -> Finding:
        """Five cells, each with a passage of its own project that says so, or known to be unknown."""
        cells = answer.cells()
        expected = "five values, each said by the passage it cites, or not known here where none says it"
        projects = [project.id for project in load().projects]
        trial.rng.shuffle(projects)
        found = {project: _wrong(project, feature, cells[project][feature]) for project in projects}
        wrong = {project: one for project, one in found.items() if one}
        if wrong:
            seen = "; ".join(f"{project}: {one[0]}" for project, one in wrong.items())
            return trial.no(expected=expected, seen=seen, hint=next(iter(wrong.values()))[1])
        return trial.ok(expected=expected, seen="so it is")


_add("deps", 1, "say who can name what a service needs")
_add("restart", 2, "say when an ended service is started again")
_add("ready", 2, "say how a service tells that it is ready")
_add("pid1", 2, "say where it can be PID 1")
_add("reaps", 2, "say who waits for every child")
