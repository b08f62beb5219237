"""The comparison matrix: what `p0.matrix` asks of the two columns no stopwatch fills."""

from __future__ import annotations

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.matrix.box import FIGURES, LOG, ORDER, ROWS, Columns, Seen, figure
from helpers.errors import InitlabError
from helpers.probes import measures

__all__ = ["HINTS", "SUITE"]

_TWICE = 2.0
_REASON = 80  # characters: a sentence that names a mechanism

HINTS = {
    "not-toml": (
        'The table cannot be read as TOML: a name in brackets, and below it lines of the form key = "text".'
    ),
    "rows-missing": ("Each init has a row of its own, and both cells of it are filled."),
    "unknown-word": (
        "A cell holds a word that is none of the choices. They stand in the table above the exercise, "
        "in quotes."
    ),
    "not-held": (
        "You say that the init keeps a service back. Boot a stack under it whose first service is slow,"
        " and look at the processes before it answers: whose process is there already, and what is it "
        "doing?"
    ),
    "held": (
        "You say that a script waits. Look at the processes while the first service is still slow: "
        "there is no process of the second. So somebody else knows that it is too early."
    ),
    "logger-between": (
        "Between the service and its log file stands another process. Look which process has the file "
        "open for writing: /proc/PID/fd tells, for each process."
    ),
    "pid1-between": (
        "Look at /proc/1/fd of this init. Who holds the log file open, and what must the service's own "
        "standard output be then?"
    ),
    "nobody-between": (
        "No process stands between this service and its file: its own standard output is the file. Who "
        "opened it does not matter; who has it open does."
    ),
    "surprise-missing": (
        "The last table, [surprise], has four lines: init, than, measure and why. Name two inits of the"
        " table and one of the measures listed."
    ),
    "no-reason": (
        "Your surprise has no explanation yet. Write what happens, in a sentence or two: which process "
        "waits for what, which file is read, which package needs which."
    ),
    "not-twice": (
        "Measured again, the number is not twice as large as the other. Either it was noise (look at "
        "the spread, and at the runs one by one), or the two are the wrong way round."
    ),
}

SUITE: Suite[Columns] = Suite(HINTS)


@SUITE.behaviour("filled", points=1, asked="fill both columns for every init")
def filled(trial: Trial, columns: Columns) -> Finding:
    """Each row is there, and each cell holds one of the words."""
    expected = f"{len(ROWS)} rows; order is {_choice(ORDER)}, log is {_choice(LOG)}"
    try:
        columns.table()
    except ValueError as error:
        return trial.no(expected=expected, seen=f"no TOML: {error}", hint="not-toml")
    for init in ROWS:
        for column, words in (("order", ORDER), ("log", LOG)):
            cell = columns.cell(init, column)
            if cell in (None, "", "?"):
                return trial.no(expected=expected, seen=f"{init} has no {column}", hint="rows-missing")
            if cell not in words:
                return trial.no(
                    expected=expected, seen=f"{init} has {column} = {cell!r}", hint="unknown-word"
                )
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("order", points=3, needs=("filled",), asked="say for each init who keeps a service back")
def order(trial: Trial, columns: Columns) -> Finding:
    """As seen in a boot whose first service is slow: by the age of the second one's process."""
    return _compare(trial, columns, "order")


@SUITE.behaviour("log", points=4, needs=("filled",), asked="say for each init who writes the log file")
def log(trial: Trial, columns: Columns) -> Finding:
    """As seen in /proc/PID/fd of a running stack."""
    return _compare(trial, columns, "log")


@SUITE.behaviour(
    "surprise",
    points=2,
    needs=("filled",),
    asked="name a number that is at least twice another init's, and why",
)
def surprise(trial: Trial, columns: Columns) -> Finding:
    """The claim is measured again. What explains it is for a reader to judge: it only has to be there."""
    expected = "init, than, measure and why; measured again, the first is at least twice the second"
    init, than, key = (columns.cell("surprise", name) for name in ("init", "than", "measure"))
    if init not in ROWS or than not in ROWS or init == than or key not in FIGURES:
        seen = f"init = {init!r}, than = {than!r}, measure = {key!r}"
        return trial.no(expected=expected, seen=seen, hint="surprise-missing")
    why = columns.cell("surprise", "why")
    if not isinstance(why, str) or len(" ".join(why.split())) < _REASON:
        return trial.no(expected=expected, seen="no explanation, or hardly one", hint="no-reason")
    measure = measures.get(str(key))
    try:
        one, other = figure(trial, str(init), measure.key), figure(trial, str(than), measure.key)
    except InitlabError as error:
        raise LabFailed(f"{measure.title} cannot be measured here: {error.message}") from None
    unit = f" {measure.show[0]}".rstrip()
    seen = f"{measure.title}: {init} {measure.text(one)}{unit}, {than} {measure.text(other)}{unit}"
    if one < _TWICE * other or one == 0:
        return trial.no(expected=expected, seen=seen, hint="not-twice", doubtful=True)
    return trial.ok(expected=expected, seen=seen)


def _compare(trial: Trial, columns: Columns, column: str) -> Finding:
    expected = "what is seen of each of them in a boot"
    wrong: list[tuple[str, str]] = []
    right: list[str] = []

    def look(init: str, seen: Seen) -> None:
        said = columns.cell(init, column)
        found, words = (seen.order, seen.order_words) if column == "order" else (seen.log, seen.log_words)
        if said == found:
            right.append(init)
        else:
            columns.forget(init)
            wrong.append((f"{init}: you say {said!r}; {words}", found))

    columns.compare(trial, look, backwards=column == "log")
    if not wrong:
        return trial.ok(expected=expected, seen=f"so it is, for {len(right)} inits")
    hints = {
        "init": "held",
        "script": "not-held",
        "service": "nobody-between",
        "logger": "logger-between",
        "pid 1": "pid1-between",
    }
    seen = "; ".join(text for text, _ in wrong[:3]) + (
        f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    )
    return trial.no(expected=expected, seen=seen, hint=hints[wrong[0][1]], doubtful=True)


def _choice(words: tuple[str, ...]) -> str:
    return " or ".join(repr(word) for word in words)
