"""What the learner made: where it lies, and whether there is anything in it yet."""

from __future__ import annotations

import os
from pathlib import Path

from checks.runner import BadArgument, NotStarted

__all__ = ["learner_file", "learner_folder"]

_LARGEST = 1024 * 1024  # bytes; a PID 1 in Python takes a few thousand


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
