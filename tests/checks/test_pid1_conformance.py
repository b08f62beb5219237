"""The PID 1 suite, on an init that keeps what it promises and on programs that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.pid1 import Command, Result, judge
from helpers.filetree import FileTree

WRONG = Path(__file__).resolve().parents[2] / "curriculum" / "exercises" / "p0.pid1" / "wrong"

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]


def python(name: str) -> Command:
    """A wrong answer of p0.pid1 as PID 1."""
    tree = FileTree()
    tree.add("/opt/lab/pid1.py", (WRONG / f"{name}.py").read_bytes())
    return Command(("/usr/bin/python3", "/opt/lab/pid1.py"), tree, name)


def results(subject: Command, *names: str) -> dict[str, Result]:
    return {cell.behaviour: cell.result for cell in judge(subject, only=names, seed=7).cells}


def test_tini_keeps_the_duties_of_a_minimal_init() -> None:
    """Exit statuses, 128+signal, adopted orphans, forwarded signals, and 127 for what is not there."""
    names = ("starts", "exit-status", "signal-status", "reaps-adopted", "short-children", "forwards")
    found = results(Command(("/usr/bin/tini", "--")), *names, "exec-missing", "stop-signals")
    assert set(found.values()) == {Result.KEPT}, found
    assert found.keys() >= set(names)


@pytest.mark.parametrize(
    ("name", "behaviour"),
    [
        ("exits_zero", "exit-status"),
        ("killed_is_success", "signal-status"),
        ("no_reaping", "reaps-adopted"),
        ("ignores_sigterm", "forwards"),
        ("traceback_not_127", "exec-missing"),
        ("leaks_the_mask", "clean-signals"),
        ("signals_everybody", "child-alone"),
        ("busy_loop", "rest"),
    ],
)
def test_a_pid_1_that_lacks_a_duty_is_told_from_one_that_keeps_it(name: str, behaviour: str) -> None:
    """Each behaviour can fail: a program that is wrong in this one way does not keep it."""
    found = results(python(name), "starts", behaviour)
    assert found["starts"] == Result.KEPT
    assert found[behaviour] == Result.NOT_KEPT


def test_what_cannot_be_asked_here_is_not_told_as_kept() -> None:
    """A sandbox has the computer's own clock: no jump, no verdict, but the reason."""
    table = judge(Command(("/usr/bin/tini", "--")), only=("starts", "clock-jumps"), seed=7)
    cell = next(cell for cell in table.cells if cell.behaviour == "clock-jumps")
    assert cell.result == Result.NOT_ASKED
    assert "time_namespaces(7)" in cell.why
