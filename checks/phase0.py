"""Checks of phase 0. In a notebook: `from checks import phase0`, then `phase0.pid1()`."""

from __future__ import annotations

from pathlib import Path

from checks import start as _start
from checks.answers import learner_file, learner_folder
from checks.matrix.box import Columns
from checks.matrix.suite import SUITE as MATRIX
from checks.order.box import Answer
from checks.order.suite import SUITE as ORDER
from checks.pid1.box import Program
from checks.pid1.first import SUITE as PID1
from checks.restart_table import SUITE as RESTART_TABLE
from checks.restart_table import Table
from checks.run_script.box import RunScript
from checks.run_script.suite import SUITE as RUN_SCRIPT
from checks.runner import check
from checks.stack.box import Stack
from checks.stack.suite import OPENRC, RUNIT
from helpers.lab import Lab

__all__ = [
    "matrix",
    "order",
    "pid1",
    "restart_table",
    "run_script",
    "stack_openrc",
    "stack_runit",
    "start",
]


@check("p0.matrix", points=10, deadline=60.0, suite=MATRIX, call="phase0.matrix")
def matrix(table: str | Path | None = None, *, seed: int | None = None) -> Columns:
    """Grade the columns of the comparison matrix by booting every init that can run here.

    `table` is the path of the TOML file; without it, the `matrix/columns.toml` of your portfolio. `seed`
    repeats the random parameters of a run.
    """
    return Columns(learner_file("p0.matrix", table, call="phase0.matrix"))


@check("p0.pid1", points=10, deadline=30.0, suite=PID1, call="phase0.pid1")
def pid1(program: str | Path | None = None, *, seed: int | None = None) -> Program:
    """Grade a PID 1 written in Python by what it does as the PID 1 of sandboxes.

    `program` is its path; without it, the `pid1.py` of your portfolio. It is run as
    `/usr/bin/python3 pid1.py [-g] COMMAND ARGS…`. `seed` repeats the random parameters of a run.
    """
    return Program(text=learner_file("p0.pid1", program, call="phase0.pid1"))


@check("p0.order", points=10, deadline=90.0, suite=ORDER, call="phase0.order")
def order(program: str | Path | None = None, *, seed: int | None = None) -> Answer:
    """Grade an ordering of services written in Python: its functions `order` and `levels`, on random graphs.

    `program` is its path; without it, the `order.py` of your portfolio. `seed` repeats the graphs of a run.
    """
    return Answer(learner_file("p0.order", program, call="phase0.order"))


@check("p0.restart-table", points=5, deadline=60.0, suite=RESTART_TABLE, call="phase0.restart_table")
def restart_table(file: str | Path | None = None, *, seed: int | None = None) -> Table:
    """Compare a restart table with five labs in which redis is killed.

    `file` is its path; without it, the `restart-table.csv` of your portfolio.
    """
    text = learner_file("p0.restart-table", file, call="phase0.restart_table")
    return Table.read(text.decode(errors="replace"))


@check("p0.run-script", points=10, deadline=40.0, suite=RUN_SCRIPT, call="phase0.run_script")
def run_script(folder: str | Path | None = None, *, seed: int | None = None) -> RunScript:
    """Grade a run script for runit by the processes it makes, with runit as PID 1.

    `folder` has the file fieldd/run, and whatever else runsv reads; without it, the `service` of your
    portfolio. `seed` repeats the random parameters of a run.
    """
    parts, _ = learner_folder("p0.run-script", folder, call="phase0.run_script")
    return RunScript.by_hand(parts)


@check("p0.start", points=0, deadline=20.0, suite=_start.SUITE, call="phase0.start")
def start(lab: Lab, *, seed: int | None = None) -> Lab:
    """The warm-up: a service of your lab was killed and its supervisor brought it back."""
    return _start.subject(lab)


@check("p0.stack-openrc", points=10, deadline=60.0, suite=OPENRC, call="phase0.stack_openrc")
def stack_openrc(folder: str | Path | None = None, *, seed: int | None = None) -> Stack:
    """Grade the three service scripts for OpenRC by booting them, with openrc-init as PID 1.

    `folder` has the files redis, app and nginx; without it, the `stack/openrc` of your portfolio.
    `seed` repeats the random parameters of a run.
    """
    return _stack("openrc", "p0.stack-openrc", folder, call="phase0.stack_openrc")


@check("p0.stack-runit", points=10, deadline=60.0, suite=RUNIT, call="phase0.stack_runit")
def stack_runit(folder: str | Path | None = None, *, seed: int | None = None) -> Stack:
    """Grade the service directories for runit by booting them, with runit as PID 1.

    `folder` has the files redis/run, app/run, app/log/run and nginx/run, and whatever else runsv reads;
    without it, the `stack/runit` of your portfolio. `seed` repeats the random parameters of a run.
    """
    return _stack("runit", "p0.stack-runit", folder, call="phase0.stack_runit")


def _stack(init: str, exercise: str, folder: object, *, call: str) -> Stack:
    parts, touched = learner_folder(exercise, folder, call=call)
    return Stack.by_hand(init, parts, touched)
