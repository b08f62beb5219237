"""The exercise `p3.differences`: two experiments that tell tini, dumb-init and catatonit apart.

The answer is one literal, `DIFFERENCES`: a list of two dictionaries. `command` is a line of shell that each
of the three runs; it says `ready`. Then `signal` is sent to PID 1. `ends` is what the learner predicts: for
each of the three the exit code of PID 1, or `None` where it still runs two seconds later. `because` says why,
with the source. The text is read (`ast.literal_eval`), never executed outside of a sandbox.
"""

from __future__ import annotations

import ast
import re
import signal
import time
from dataclasses import dataclass
from typing import Any

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.pid1.box import Box, Program, random_word

__all__ = ["SUITE", "Answer", "Experiment", "read"]

INITS = {
    "tini": ("/usr/bin/tini", "--"),
    "dumb-init": ("/usr/bin/dumb-init", "--"),
    "catatonit": ("/usr/bin/catatonit", "--"),
}
_READY = 8.0
_RUNS = 2.0  # seconds after the signal
_SIGNALS = {
    "a fault": ("ILL", "TRAP", "ABRT", "BUS", "FPE", "SEGV", "SYS"),
    "a stop": ("TSTP", "TTIN", "TTOU"),
    "a wish": ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "PIPE", "ALRM", "WINCH", "PWR", "CONT"),
}
_KIND = {name: kind for kind, names in _SIGNALS.items() for name in names}
_SHAPE = "a list of two dictionaries with the keys command, signal, ends and because"

SUITE: Suite[Answer] = Suite(
    {
        "unreadable": (
            "The check reads one literal: DIFFERENCES = [ {...}, {...} ], with no call and no name in it. "
            "The table above the cell tells every key."
        ),
        "unknown-signal": (
            "The signal of an experiment is none that the check can send. Write its name as text, "
            "TERM or SIGTERM: the names it knows are in what was seen."
        ),
        "lacks-key": "An experiment lacks one of its four keys: command, signal, ends, because.",
        "no-code": (
            "What is in `ends` is no prediction. Each of tini, dumb-init and catatonit has a number without "
            "quotes, the exit code, or None for `runs on`."
        ),
        "asks-who": (
            "The command asks who PID 1 is. The witness is to tell the three apart by what the signal does, "
            "not by their names: leave /proc, ps and the parent's PID out of it."
        ),
        "ends-anyway": (
            "Without any signal PID 1 ended too, so the end says nothing about the signal. The command has "
            "to stay until a signal reaches it, or something that it started."
        ),
        "same-kind": (
            "Both experiments send the same kind of signal, so they show the same decision twice. Where else "
            "in the table do the three columns differ by contract?"
        ),
        "no-difference": (
            "By your own prediction all three end alike: that tells nobody apart. Look for a row in which "
            "one column has another mark."
        ),
        "unsaid": (
            "A difference is explained by a decision: say in a sentence who decided what, and where it "
            "says so."
        ),
        "not-ready": (
            "The command never said `ready`, so there was nothing to send a signal to. Run it in a shell "
            "first; what a shell traps, it does between commands."
        ),
        "other-end": (
            "It ended otherwise than you predicted. Who got the signal: the command, all of its group, "
            "nobody? And what does the command do with it?"
        ),
    }
)


_ASKS = re.compile(r"/proc|\bPPID\b|\b(ps|pgrep|pstree|top)\b")


class _Unfit(ValueError):
    """An answer that is no experiment: in words, and the key of its hint."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Experiment:
    """One of the two, as the learner wrote it."""

    command: str
    signal: str
    ends: dict[str, int | None]
    because: str

    @property
    def kind(self) -> str:
        """What its signal is to an init."""
        return _KIND[self.signal]


@dataclass(frozen=True)
class Answer:
    """The text of the answer."""

    text: bytes


def read(text: bytes) -> list[Experiment]:
    """The experiments of an answer. Raises `ValueError` with what is wrong, in words."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"it is no Python: {error}") from None
    for statement in module.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "DIFFERENCES" for target in statement.targets
        ):
            try:
                found = ast.literal_eval(statement.value)
            except (ValueError, TypeError):
                raise ValueError("DIFFERENCES is not one literal") from None
            return _experiments(found)
    raise ValueError("there is no DIFFERENCES")


def _experiments(found: object) -> list[Experiment]:
    if not isinstance(found, list) or len(found) != 2 or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"DIFFERENCES is not {_SHAPE}")
    return [_experiment(number, one) for number, one in enumerate(found, 1)]


def _experiment(number: int, one: dict[Any, Any]) -> Experiment:
    if lost := sorted({"command", "signal", "ends", "because"} - set(one)):
        raise _Unfit(f"experiment {number} has no {lost[0]!r}", "lacks-key")
    if not isinstance(one["command"], str) or not isinstance(one["because"], str):
        raise ValueError(f"experiment {number}: command and because are texts")
    name = str(one["signal"]).removeprefix("SIG")
    if name not in _KIND:
        raise _Unfit(f"experiment {number}: signal is one of {', '.join(sorted(_KIND))}", "unknown-signal")
    ends = one["ends"]
    good = isinstance(ends, dict) and set(ends) == set(INITS)
    if not good or not all(code is None or type(code) is int for code in ends.values()):
        raise _Unfit(
            f"experiment {number}: ends has a number or None for each of {', '.join(INITS)}", "no-code"
        )
    return Experiment(one["command"], name, ends, one["because"])


@SUITE.behaviour("told", points=1, asked="tell two experiments that differ")
def told(trial: Trial, answer: Answer) -> Finding:
    """Two kinds of signal, predictions that are not all alike, and a reason."""
    expected = "two experiments, two kinds of signal, not all three alike, and why"
    try:
        experiments = read(answer.text)
    except ValueError as error:
        hint = error.hint if isinstance(error, _Unfit) else "unreadable"
        return trial.no(expected=expected, seen=str(error), hint=hint)
    for one in experiments:
        if asks := _ASKS.search(one.command):
            return trial.no(expected=expected, seen=f"{asks[0]} in a command", hint="asks-who")
    if experiments[0].kind == experiments[1].kind:
        seen = f"{experiments[0].signal} and {experiments[1].signal} are both {experiments[0].kind}"
        return trial.no(expected=expected, seen=seen, hint="same-kind")
    for one in experiments:
        if len(set(one.ends.values())) == 1:
            return trial.no(
                expected=expected, seen=f"at SIG{one.signal} all three end alike", hint="no-difference"
            )
    for one in experiments:
        if len(one.because.split()) < 5:
            return trial.no(expected=expected, seen=f"because: {one.because!r}", hint="unsaid")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("first", points=2, needs=("told",), asked="predict how PID 1 ends in the first one")
def first(trial: Trial, answer: Answer) -> Finding:
    """Run under each of the three; what is seen is what counts."""
    return _tried(trial, read(answer.text)[0])


@SUITE.behaviour("second", points=2, needs=("told",), asked="predict how PID 1 ends in the second one")
def second(trial: Trial, answer: Answer) -> Finding:
    """The same for the other."""
    return _tried(trial, read(answer.text)[1])


def _tried(trial: Trial, one: Experiment) -> Finding:
    expected = f"SIG{one.signal}: {_words(one.ends)}"
    tag = random_word(trial.rng)
    # The same without the signal, begun first: it has run longer when the others are judged.
    controls = {
        name: Box(trial, Program(argv), ("/bin/sh", "-c", one.command), tag=tag)
        for name, argv in INITS.items()
    }
    boxes = {
        name: Box(trial, Program(argv), ("/bin/sh", "-c", one.command), tag=tag)
        for name, argv in INITS.items()
    }

    def ready(box: Box) -> bool:
        return b"ready" in box.sandbox.logs().split() or box.exit is not None

    trial.until(lambda: all(ready(box) for box in (*controls.values(), *boxes.values())), _READY)
    deaf = [name for name, box in boxes.items() if b"ready" not in box.sandbox.logs().split()]
    if deaf:
        return trial.no(expected=expected, seen=f"under {deaf[0]} it never said ready", hint="not-ready")
    for name, box in boxes.items():
        box.settle()
        if box.exit is not None:
            seen = f"under {name} it had ended before the signal"
            return trial.no(expected=expected, seen=seen, hint="ends-anyway")
        box.sandbox.signal(signal.Signals[f"SIG{one.signal}"])
    end = time.monotonic() + _RUNS
    trial.until(lambda: all(box.exit is not None for box in boxes.values()), _RUNS)
    if time.monotonic() > end + 2 * _RUNS:
        raise LabFailed("this computer is too busy to tell what still runs")
    trial.until(lambda: any(box.exit is not None for box in controls.values()), 0.5)
    for name, box in controls.items():
        if box.exit is not None:
            seen = f"under {name} PID 1 ended with {box.exit.code} without a signal"
            return trial.no(expected=expected, seen=seen, hint="ends-anyway")
    ended = {name: None if box.exit is None else box.exit.code for name, box in boxes.items()}
    if ended != one.ends:
        # A prediction of an end may be right and late.
        return trial.no(expected=expected, seen=_words(ended), hint="other-end", doubtful=True)
    return trial.ok(expected=expected, seen=_words(ended))


def _words(ends: dict[str, int | None]) -> str:
    return ", ".join(
        f"{name} {'runs on' if code is None else f'ends with {code}'}" for name, code in ends.items()
    )
