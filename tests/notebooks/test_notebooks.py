"""Every notebook, in both editions, by tools that are not ours: papermill runs it, nbval compares marked
outputs.

`initlab vet` runs them too (nbclient) and asks more of the course; these are the second opinion.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.course import editions, exercises, progress
from helpers.course.curriculum import Curriculum
from helpers.course.execute import is_marked
from helpers.course.needs import lacking
from helpers.course.regions import Edition
from helpers.course.workspace import ENVIRONMENT, Workspace

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(600)]

COURSE = Curriculum.default()
NAMES = [source.name for source in COURSE.notebooks()]
LOGS = COURSE.build / "notebooks"


@pytest.fixture
def workspace(tmp_path: Path, image: object) -> Workspace:
    """A fresh workspace; the lab image is there before the first cell waits for it."""
    made = Workspace(tmp_path / "workspace")
    made.state.mkdir(parents=True)
    return made


def put(workspace: Workspace, name: str, edition: Edition) -> Path:
    """The notebook where a learner would have it. Skips, saying so, what this computer cannot run."""
    needs = editions.facts(COURSE.notebook(name)).needs
    if why := lacking(needs, prebuilt=edition is Edition.LEARNER):
        pytest.skip(why)
    path = workspace.root / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(editions.build(COURSE.notebook(name), edition))
    return path


def run(workspace: Workspace, folder: Path, label: str, *command: str | Path) -> None:
    """Run a tool on a notebook in its folder; its log is kept when it fails, and shown."""
    # Without PYTEST_*: pytest-xdist's worker variables make nbval's pytest take itself for a worker.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env |= {ENVIRONMENT: str(workspace.root), "JUPYTER_PREFER_ENV_PATH": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / f"{label}.log"
        log.write_text(done.stdout)
        pytest.fail(f"{command[0]} ended with {done.returncode}; log: {log}\n{done.stdout[-3000:]}")


def papermill(workspace: Workspace, name: str, edition: Edition) -> dict[str, list[progress.Attempt]]:
    """Execute; the verdicts by exercise, for every exercise of the notebook."""
    path = put(workspace, name, edition)
    executed = LOGS / f"{name.replace('/', '-')}-{edition}.ipynb"
    executed.parent.mkdir(parents=True, exist_ok=True)
    options = ["--kernel", "python3", "--no-progress-bar", "--execution-timeout", "120", "--cwd", path.parent]
    run(workspace, path.parent, executed.stem, "papermill", path, executed, *options)
    verdicts: dict[str, list[progress.Attempt]] = {
        exercise.id: [] for exercise in exercises.load_all(COURSE) if exercise.notebook == name
    }
    for attempt in progress.attempts(workspace=workspace):
        verdicts[attempt.exercise].append(attempt)
    return verdicts


def test_there_are_notebooks() -> None:
    """The tests below run once for each; none would pass in silence."""
    assert "phase0/00-start-here" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_solved_edition_runs_and_passes_every_check_with_full_points(
    workspace: Workspace, name: str
) -> None:
    """No exception; at least one verdict for each exercise; all of them passed."""
    for exercise, verdicts in papermill(workspace, name, Edition.SOLVED).items():
        possible = exercises.load(exercise, curriculum=COURSE).points
        said = [(verdict.outcome, verdict.points, verdict.hint_key) for verdict in verdicts]
        assert said, f"{exercise} was never checked"
        assert said == [("passed", possible, None)] * len(said)


@pytest.mark.parametrize("name", NAMES)
def test_the_learner_edition_runs_to_its_end_with_nothing_started(workspace: Workspace, name: str) -> None:
    """Neither an exception nor a pass: every check says `not_started`."""
    for exercise, verdicts in papermill(workspace, name, Edition.LEARNER).items():
        assert verdicts, f"{exercise} was never checked"
        assert {verdict.outcome for verdict in verdicts} == {"not_started"}


@pytest.mark.parametrize("name", NAMES)
def test_marked_cells_give_the_output_that_is_kept(workspace: Workspace, name: str) -> None:
    """nbval, lax: cells marked `# NBVAL_CHECK_OUTPUT` are compared, all others only run."""
    path = put(workspace, name, Edition.SOLVED)
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] for cell in cells if is_marked(cell)), f"initlab build --outputs {name}"
    options = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "120"]
    # Not our configuration: its warnings-are-errors is about our code, not about nbval's.
    plain = ["-c", os.devnull, "--rootdir", workspace.root, "-p", "no:cacheprovider", "-q"]
    run(workspace, path.parent, f"{name.replace('/', '-')}-nbval", "pytest", *plain, *options, path)
