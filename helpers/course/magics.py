"""`%%exercise ID [PART]`: a cell whose text is a file of the learner's portfolio, or one of several.

`%load_ext helpers.course` in a notebook's first cell makes it known. The cell is saved, not run: what a
learner writes there is for a sandbox, where a check starts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.course.exercises import Exercise

__all__ = ["exercise", "load_ipython_extension"]


def exercise(line: str, cell: str) -> None:
    """Save the cell as the learner's answer to the exercise `line` names, and say what was saved and where.

    `line` is its id, and the part where the answer is several files. Raises CourseError for an unknown
    exercise or a part it cannot have, outside a workspace, and when the disk refuses.
    """
    from helpers.course import exercises, portfolio  # here, as every kernel of a workspace loads this module
    from helpers.course.workspace import find
    from helpers.errors import CourseError

    name, part = (*line.split(), "", "")[:2]
    found = exercises.load(name)
    _check_part(found, line.split()[1:])
    if not cell.strip():
        print(
            f"nothing to save: {part or found.file} is what you write below the line"
            f" %%exercise {line.strip()}"
        )
        return
    workspace = find()
    if workspace is None:
        raise CourseError(
            f"{found.file or found.id} was not saved: this notebook is not in a workspace",
            hint="initlab open   (makes a workspace and opens it; copy this cell there)",
        )
    text = cell.strip("\n") + "\n"
    begun = portfolio.begin(workspace, found, text)
    if begun is not None:
        text = begun.text
    saved = portfolio.save(workspace, found, text, part, beginning=begun is not None)
    shown = saved.path.relative_to(workspace.root)
    lines = len(text.splitlines())
    print(f"{'saved' if saved.changed else 'unchanged:'} {shown} ({lines} line{'' if lines == 1 else 's'})")
    if saved.kept is not None:
        print(f"{shown.name} held other work than this cell last saved: it is kept as {saved.kept.name}")
    if begun is not None:
        print(f"it begins with your own {begun.path.name}, which passed: this cell shows it now, go on there")
        print(f"    (if the cell has not changed: open {shown}, and copy it below the line with %%exercise)")
        _show(f"%%exercise {line.strip()}\n{text}")
        return
    if saved.path.suffix == ".py" and (problem := portfolio.syntax_problem(text, shown.name)):
        # In the cell the magic's own line, and blank lines after it, come before the file's first line.
        above = 1 + len(cell) - len(cell.lstrip("\n"))
        where = (
            f"line {problem.lineno} (line {problem.lineno + above} of this cell)" if problem.lineno else "it"
        )
        print(f"not Python yet: {where}: {problem.msg}")
        if problem.text:
            print(f"    {problem.text.rstrip()}")


def _show(text: str) -> None:
    """Put a text into the cell that runs, where the front end can (the payload `set_next_input`,
    https://jupyter-client.readthedocs.io/en/stable/messaging.html#payloads-deprecated)."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None:
        shell.set_next_input(text, replace=True)


def _check_part(found: Exercise, parts: list[str]) -> None:
    """Raise CourseError for a part the exercise cannot have. Beside its own it may have others."""
    from helpers.course.exercises import is_path
    from helpers.errors import CourseError

    known = [f"%%exercise {found.id} {part}" for part in found.parts]
    if not found.parts and parts:
        raise CourseError(f"{found.id} is one file", hint=f"begin the cell with %%exercise {found.id}")
    if found.parts and (len(parts) != 1 or not is_path(parts[0])):
        said = f"{' '.join(parts)!r} is no file of it" if parts else "the line does not say which one this is"
        raise CourseError(f"{found.id} is several files; {said}", hint=" or ".join(known))


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython for `%load_ext` (https://ipython.readthedocs.io/en/stable/config/extensions/)."""
    shell.register_magic_function(exercise, magic_kind="cell", magic_name="exercise")
    if _with_body not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(_with_body)


def _with_body(lines: list[str]) -> list[str]:
    """An empty line below a lone `%%exercise ID`. IPython refuses a cell magic whose cell is empty in words
    of its own, before we are asked (InteractiveShell.run_cell_magic)."""
    alone = lines and lines[0].split()[:1] == ["%%exercise"] and not any(map(str.strip, lines[1:]))
    return [lines[0].rstrip("\n") + "\n", "\n"] if alone else lines
