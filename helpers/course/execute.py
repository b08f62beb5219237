"""Running notebooks from top to bottom, in a workspace made for the run.

Verdicts are read from that workspace's progress file, never from outputs: what a cell prints is the learner's
affair.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.course import editions, progress
from helpers.course.curriculum import NotebookSource
from helpers.course.files import write_atomically
from helpers.course.progress import Attempt
from helpers.course.regions import Edition
from helpers.course.workspace import ENVIRONMENT, Workspace
from helpers.errors import CourseError

__all__ = ["CELL_SECONDS", "Run", "is_marked", "keep_outputs", "run"]

CELL_SECONDS = 120
"""How long one cell may take, unless it is told otherwise."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Run:
    """An executed notebook: where it was saved, what stopped it (None if nothing), the verdicts, seconds
    taken.
    """

    path: Path
    error: str | None
    attempts: tuple[Attempt, ...]
    seconds: float

    def cells(self) -> list[dict[str, Any]]:
        """The cells as executed, with their outputs."""
        return list(json.loads(self.path.read_text(encoding="utf-8"))["cells"])


def run(notebook: bytes, name: str, root: Path, *, cell_seconds: int = CELL_SECONDS) -> Run:
    """Run a built notebook called `name` (`phase0/01-pid-1`) in a new workspace at `root`.

    An exception in a cell ends the run and is told in `Run.error`; the executed notebook is saved either way.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    workspace = Workspace(root)
    workspace.state.mkdir(parents=True, exist_ok=True)
    path = root / f"{name}.ipynb"
    write_atomically(path, notebook)
    client = NotebookClient(
        nbformat.reads(notebook.decode(), as_version=4),  # type: ignore[no-untyped-call]
        timeout=cell_seconds,
        startup_timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    began = time.monotonic()
    error = None
    try:
        with (workspace.state / "kernel.log").open("wb") as log:
            client.execute(env=_environment(workspace), stdout=log, stderr=log)
    except (CellControlSignal, DeadKernelError, RuntimeError) as raised:
        error = _ANSI.sub("", str(raised)).strip()
    seconds = time.monotonic() - began
    write_atomically(
        path, (json.dumps(client.nb, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    )
    return Run(path, error, tuple(progress.attempts(workspace=workspace)), seconds)


def keep_outputs(source: NotebookSource, root: Path) -> tuple[Path, int]:
    """Run the solved edition and keep what its marked cells gave as what they must give.

    Returns the file and the number of cells; the file is removed where no cell is marked. Raises CourseError
    when the notebook does not run to its end.
    """
    done = run(editions.build(source, Edition.SOLVED, outputs={}), source.name, root)
    if done.error:
        raise CourseError(f"{source.name}: does not run to its end:\n{done.error}", hint=f"see {done.path}")
    kept = {
        cell["id"]: [_lasting(output) for output in _joined(cell["outputs"])]
        for cell in done.cells()
        if cell["cell_type"] == "code" and is_marked(cell)
    }
    path = editions.outputs_file(source)
    if kept:
        text = json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True)
        write_atomically(path, (text + "\n").encode())
    else:
        path.unlink(missing_ok=True)
    return path, len(kept)


def is_marked(cell: dict[str, Any]) -> bool:
    """Whether nbval compares this cell's output."""
    return any(line.strip() == editions.MARK for line in "".join(cell["source"]).splitlines())


def _environment(workspace: Workspace) -> dict[str, str]:
    return os.environ | {ENVIRONMENT: str(workspace.root), "JUPYTER_PREFER_ENV_PATH": "1"}


def _joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring pieces of one stream as one: how a stream is cut depends on timing."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output["output_type"] == "stream" and last.get("name") == output.get("name"):
            last["text"] = "".join(last["text"]) + "".join(output["text"])
        else:
            joined.append(dict(output))
    return joined


def _lasting(output: dict[str, Any]) -> dict[str, Any]:
    """An output without its running number."""
    return output | {"execution_count": None} if "execution_count" in output else output
