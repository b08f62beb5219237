"""The learner's own folder: where it is and what is where in it.

::

    ~/initlab/                     or $INITLAB_WORKSPACE (see `default_root`)
      phase0/00-start-here.ipynb   notebooks, the learner's from delivery on
      portfolio/phase0/pid1.py     what the learner made
      .initlab/progress.db         verdicts, predictions, hints used
      .initlab/delivered.json      the hash of each file as it was delivered

Putting files there is `helpers.course.delivery`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import CourseError

__all__ = ["ENVIRONMENT", "STATE", "Workspace", "default_root", "find", "require"]

ENVIRONMENT = "INITLAB_WORKSPACE"
STATE = ".initlab"


@dataclass(frozen=True)
class Workspace:
    """A workspace; `root` need not exist yet."""

    root: Path

    @property
    def state(self) -> Path:
        """The folder that makes a folder a workspace."""
        return self.root / STATE

    @property
    def portfolio(self) -> Path:
        return self.root / "portfolio"

    @property
    def database(self) -> Path:
        return self.state / "progress.db"

    def exists(self) -> bool:
        """Whether `root` is a workspace already."""
        try:
            return self.state.is_dir()
        except OSError:
            return False


def default_root() -> Path:
    """`$INITLAB_WORKSPACE`, or `~/initlab`; absolute.

    Where `~/initlab` is the course itself (`git clone` calls it so in a home folder), `~/initlab-workspace`.
    """
    if named := os.environ.get(ENVIRONMENT):
        return Path(os.path.abspath(Path(named).expanduser()))
    usual = Path.home() / "initlab"
    course = Path(__file__).resolve().parents[2]
    return usual.with_name("initlab-workspace") if usual.resolve() == course else usual


def find(start: Path | None = None, *, fall_back: bool = False) -> Workspace | None:
    """The workspace in force: `$INITLAB_WORKSPACE`, else the nearest folder upwards of `start` with
    `.initlab/`.

    `start` defaults to the current folder. With `fall_back`, `~/initlab` is taken last where it is a
    workspace. None when there is none, which includes `$INITLAB_WORKSPACE` naming a folder that is not one.
    """
    if os.environ.get(ENVIRONMENT):
        named = Workspace(default_root())
        return named if named.exists() else None
    try:
        here = (start or Path.cwd()).resolve()
    except OSError:  # the current folder was removed under us
        here = None
    for folder in (here, *here.parents) if here else ():
        if Workspace(folder).exists():
            return Workspace(folder)
    usual = Workspace(default_root())
    return usual if fall_back and usual.exists() else None


def require() -> Workspace:
    """`find` with the fall-back. Raises CourseError when there is no workspace."""
    workspace = find(fall_back=True)
    if workspace is None:
        where = f"{ENVIRONMENT}={os.environ[ENVIRONMENT]}" if os.environ.get(ENVIRONMENT) else str(Path.cwd())
        raise CourseError(f"no workspace found from {where}", hint="initlab open   (makes one)")
    return workspace
