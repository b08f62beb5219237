"""Checks of phase 0. In a notebook: `from checks import phase0`, then `phase0.pid1()`."""

from __future__ import annotations

import os
from pathlib import Path

from checks import start as _start
from checks.matrix import SUITE as MATRIX
from checks.matrix_box import Columns
from checks.order import SUITE as ORDER
from checks.order_box import Answer
from checks.pid1.box import Program
from checks.pid1.first import SUITE as PID1
from checks.restart_table import SUITE as RESTART_TABLE
from checks.restart_table import Table
from checks.run_script import SUITE as RUN_SCRIPT
from checks.run_script_box import RunScript
from checks.runner import BadArgument, NotStarted, check
from checks.stack import OPENRC, RUNIT
from checks.stack_box import Stack
from helpers.lab import Lab

__all__ = [
    "learner_file",
    "learner_folder",
    "matrix",
    "order",
    "pid1",
    "restart_table",
    "run_script",
    "stack_openrc",
    "stack_runit",
    "start",
]

_LARGEST = 1024 * 1024  # bytes; a PID 1 in Python takes a few thousand


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


def learner_folder(exercise: str, path: object, *, call: str) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The files of an answer in several, by their path in its folder, and which of them were written.

    The folder is `path`, or the exercise's own in the portfolio. Raises as `learner_file` does.
    """
    if path is not None and not isinstance(path, str | os.PathLike):
        raise BadArgument(f"{call} expects a folder or nothing, got {type(path).__name__}", hint=f"{call}()")
    from helpers.course import exercises, workspace

    made = exercises.load(exercise)
    folder = made.path(workspace.require()) if path is None else Path(path).expanduser()
    again = f"run the cells that begin with %%exercise {exercise}"
    if folder.is_file():
        raise BadArgument(f"{call} expects a folder, and {folder} is a file", hint=f"{call}()")
    if not folder.exists():
        raise NotStarted(f"There is no {folder}.", hint=again)
    touched = made.parts_touched(folder)
    if not touched:
        raise NotStarted(f"The files in {folder} say what they said at the start.", hint=again)
    parts = dict(made.files(folder))
    for file in parts.values():
        if file.stat().st_size > _LARGEST:
            raise BadArgument(f"{file} is larger than 1 MiB: that is no file of this exercise", hint=again)
    return parts, touched


def learner_file(exercise: str, path: object, *, call: str) -> bytes:
    """The content of what the learner made: the file at `path`, or the exercise's file in the portfolio.

    Raises `BadArgument` for something that is no path, `NotStarted` for a file that is missing or still
    says what the starter says, and CourseError where it cannot be read.
    """
    if path is not None and not isinstance(path, str | os.PathLike):
        raise BadArgument(f"{call} expects a path or nothing, got {type(path).__name__}", hint=f"{call}()")
    from helpers.course import exercises, workspace
    from helpers.errors import CourseError

    made = exercises.load(exercise)
    if path is None:
        file = made.path(workspace.require())
        again = f"run the cell that begins with %%exercise {exercise}"
    else:
        file = Path(path).expanduser()
        mine = workspace.find()
        again = f"{call}()   looks at your portfolio"
        if mine is not None and file.absolute() == made.path(mine).absolute():
            again = f"run the cell that begins with %%exercise {exercise}"
    if file.is_dir():
        raise BadArgument(f"{call} expects a file, and {file} is a folder", hint=f"{call}()")
    if not file.exists():
        raise NotStarted(f"There is no {file}.", hint=again)
    if made.untouched(file):
        raise NotStarted(
            f"{file} still says what it said at the start.",
            hint=f"write it in the cell that begins with %%exercise {exercise}, and run that cell",
        )
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CourseError(f"{file}: cannot be read: {error.strerror}", hint=f"ls -ld {file}") from error
    if len(data) > _LARGEST:
        raise BadArgument(f"{file} is larger than 1 MiB: that is no program of this exercise", hint=again)
    return data
