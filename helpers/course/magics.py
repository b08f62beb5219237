"""`%%exercise ID`: a cell whose text is a file of the learner's portfolio.

`%load_ext helpers.course` in a notebook's first cell makes it known. The cell is saved, not run: what a
learner writes there is for a sandbox, where a check starts it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["exercise", "load_ipython_extension"]


def exercise(line: str, cell: str) -> None:
    """Save the cell as the learner's answer to exercise `line`, and say what was saved and where.

    Raises CourseError for an unknown exercise, outside a workspace, and when the disk refuses.
    """
    from helpers.course import exercises, portfolio  # here, as every kernel of a workspace loads this module
    from helpers.course.workspace import find
    from helpers.errors import CourseError

    found = exercises.load(line.strip())
    workspace = find()
    if workspace is None:
        raise CourseError(
            f"{found.file or found.id} was not saved: this notebook is not in a workspace",
            hint="initlab open   (makes a workspace and opens it; copy this cell there)",
        )
    text = cell.strip("\n") + "\n"
    saved = portfolio.save(workspace, found, text)
    shown = saved.path.relative_to(workspace.root)
    lines = len(text.splitlines())
    print(f"{'saved' if saved.changed else 'unchanged:'} {shown} ({lines} line{'' if lines == 1 else 's'})")
    if saved.kept is not None:
        print(f"{shown.name} held other work than this cell last saved: it is kept as {saved.kept.name}")
    if saved.path.suffix == ".py" and (problem := portfolio.syntax_problem(text, shown.name)):
        # In the cell the magic's own line, and blank lines after it, come before the file's first line.
        above = 1 + len(cell) - len(cell.lstrip("\n"))
        where = (
            f"line {problem.lineno} (line {problem.lineno + above} of this cell)" if problem.lineno else "it"
        )
        print(f"not Python yet: {where}: {problem.msg}")
        if problem.text:
            print(f"    {problem.text.rstrip()}")


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython for `%load_ext` (https://ipython.readthedocs.io/en/stable/config/extensions/)."""
    shell.register_magic_function(exercise, magic_kind="cell", magic_name="exercise")
