"""The commands of learners (`open`, `next`, `check`, `hint`, `progress`, `reset`) and authors (`build`,
`vet`).
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from helpers.errors import CourseError

if TYPE_CHECKING:
    from helpers.course.exercises import Exercise

__all__ = ["add_to"]

_Id = Annotated[
    str, typer.Argument(metavar="ID", help="an exercise, for instance p0.pid1", show_default=False)
]


def add_to(app: typer.Typer) -> None:
    """Make the commands known, in the order of `--help`."""
    app.command("open")(open_)
    app.command("next")(next_)
    app.command()(check)
    app.command()(hint)
    app.command()(progress)
    app.command()(reset)
    app.command()(build)
    app.command()(vet)


def open_(
    folder: Annotated[
        Path | None, typer.Option("--dir", help="the workspace; default: $INITLAB_WORKSPACE or ~/initlab")
    ] = None,
    port: Annotated[int | None, typer.Option(help="default: 8888, or the next free one")] = None,
    browser: Annotated[
        bool | None, typer.Option(help="default: where there is a screen, not as root")
    ] = None,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="make or upgrade the workspace, start nothing")
    ] = False,
) -> None:
    """Make or upgrade your workspace, and open JupyterLab in it."""
    from helpers.course import delivery, jupyter
    from helpers.course.curriculum import Curriculum
    from helpers.course.workspace import Workspace, default_root

    root = Path(os.path.abspath(folder.expanduser())) if folder else default_root()
    workspace = Workspace(root)
    print(delivery.deliver(Curriculum.default(), workspace).text(), flush=True)
    if prepare:
        return
    if url := jupyter.running(workspace):
        print(f"\nJupyterLab runs over it already:\n\n    {url}\n")
        return
    print("Starting JupyterLab …", flush=True)
    show = jupyter.has_display() if browser is None else browser
    _stop_on_hang_up()
    server = jupyter.start(workspace, port=port, browser=show)
    try:
        if server.port_note:
            print(server.port_note)
        print(f"\nOpen in a browser on this computer:\n\n    {server.url}\n\nCtrl-C stops it.", flush=True)
        status = server.wait()
    except KeyboardInterrupt:
        print("\nStopping JupyterLab and its kernels …", flush=True)
        server.stop()
        print(f"Stopped. Your work is in {root}; initlab open continues.")
        return
    finally:
        server.stop()
    if status:
        raise CourseError(f"JupyterLab ended with status {status}", hint=f"less {server.log}")


def _stop_on_hang_up() -> None:
    """A closed terminal or a `kill` stops the server as Ctrl-C does."""

    def stop(number: int, _frame: Any) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def next_() -> None:
    """Say what to do next."""
    from helpers.course import exercises
    from helpers.course.progress import summary
    from helpers.course.workspace import require

    workspace = require()
    done = summary(workspace=workspace)
    every = exercises.load_all()
    for exercise in every:
        stands = done.get(exercise.id)
        if stands and stands.passed:
            continue
        print(f"{exercise.id}  {exercise.title}")
        print(f"  notebook  {workspace.root / exercise.notebook}.ipynb")
        if stands and stands.attempts:
            tries = "try" if stands.attempts == 1 else "tries"
            print(f"  so far    {stands.points} of {exercise.points} points, {stands.attempts} {tries}")
        print(f"  hint      initlab hint {exercise.id}")
        return
    if every:
        print("Every exercise is passed. To go further:")
        for exercise in every:
            print(f"  {exercise.id}  {exercise.stretch}")


def check(
    exercise: _Id,
    file: Annotated[Path | None, typer.Argument(help="default: your file in the portfolio")] = None,
    seed: Annotated[int | None, typer.Option(help="repeat the random parameters of a run")] = None,
) -> None:
    """Check an exercise and print the verdict."""
    from helpers.course import exercises
    from helpers.course.workspace import ENVIRONMENT, find

    found = exercises.load(exercise)
    if found.file is None:
        raise CourseError(
            f"{found.id} is checked in its notebook: it looks at what runs there",
            hint=f"initlab open, then {found.notebook}.ipynb",
        )
    workspace = find(fall_back=True)
    if workspace is not None:
        os.environ[ENVIRONMENT] = str(workspace.root)  # checks look for it from there too
    elif file is None:
        raise CourseError(f"no workspace to find {found.file} in", hint=f"initlab check {found.id} FILE")
    path = file if file is not None or workspace is None else found.path(workspace)
    verdict = _function(found)(path, seed=seed)
    print(verdict)
    outcome = str(verdict.outcome)
    raise typer.Exit({"passed": 0, "lab_failed": 3}.get(outcome, 1))


def hint(
    exercise: _Id,
    level: Annotated[int | None, typer.Option(min=1, max=3, help="1 to 3; default: the next one")] = None,
) -> None:
    """Show a hint: the first, then a clearer one each time."""
    from helpers.course import exercises
    from helpers.course.progress import hint_level, record_hint
    from helpers.course.workspace import find

    found = exercises.load(exercise)
    workspace = find(fall_back=True)
    shown = hint_level(found.id, workspace=workspace) if workspace else 0
    level = level or min(shown + 1, len(found.hints))
    print(f"{found.title}: hint {level} of {len(found.hints)}\n\n{found.hints[level - 1]}")
    if workspace:
        receipt = record_hint(found.id, level, workspace=workspace)
        if receipt.message:
            print(f"\n{receipt.message}", file=sys.stderr)
    elif level < len(found.hints):
        print(f"\nthe next: initlab hint {found.id} --level {level + 1}")


def progress(
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show where you stand."""
    import json
    from dataclasses import asdict

    from helpers.course import exercises
    from helpers.course.progress import ExerciseProgress, summary
    from helpers.course.workspace import require
    from helpers.show.table import text_table

    workspace = require()
    done = summary(workspace=workspace)
    every = exercises.load_all()
    stands = {
        e.id: done.get(e.id) or ExerciseProgress(e.id, False, 0, e.points, 0, 0, None, None) for e in every
    }
    if as_json:
        print(json.dumps([asdict(of) for of in stands.values()], indent=1))
        return
    rows = [
        [
            e.id,
            e.title,
            _words(of),
            f"{of.points}/{e.points}" if e.points else "-",
            str(of.attempts or "-"),
            str(of.hints_used or "-"),
        ]
        for e, of in ((e, stands[e.id]) for e in every)
    ]
    print(text_table(["exercise", "title", "state", "points", "tries", "hints"], rows))
    points, possible = sum(of.points for of in stands.values()), sum(e.points for e in every)
    passed = sum(of.passed for of in stands.values())
    print(f"\n{passed} of {len(every)} exercises passed, {points} of {possible} points")
    predictions = sum(of.predictions for of in done.values())
    if predictions:
        print(f"{sum(of.predictions_correct for of in done.values())} of {predictions} predictions came true")
    print(f"workspace: {workspace.root}")


def _words(stands: Any) -> str:
    if stands.passed:
        return "passed"
    return "begun" if stands.attempts or stands.hints_used else "not started"


def reset(exercise: _Id) -> None:
    """Put an exercise's starter back; your file is kept beside it."""
    from helpers.course import exercises, portfolio
    from helpers.course.workspace import require

    workspace = require()
    done = portfolio.reset(workspace, exercises.load(exercise))
    for saved in done:
        if saved.kept:
            print(f"your file is kept as {saved.kept}")
        print(f"{saved.path} is the starter {'again' if saved.changed else 'already'}")
    if any(saved.changed for saved in done):
        print("the notebook's cell still holds your text: run it, and it is saved again")


def build(
    check_only: Annotated[
        bool,
        typer.Option("--check", help="write nothing; fail where a committed notebook differs from a rebuild"),
    ] = False,
    outputs: Annotated[
        str | None,
        typer.Option(
            metavar="NOTEBOOK", help="run this notebook (or `all`) and keep what its marked cells give"
        ),
    ] = None,
) -> None:
    """Build the notebooks from their sources (for authors)."""
    from helpers.course import editions
    from helpers.course.curriculum import Curriculum

    course = Curriculum.default()
    if check_only:
        wrong = editions.check(course) + editions.stale(course)
        for path in wrong:
            print(f"differs from a rebuild: {_short(path)}")
        print(
            f"{len(course.notebooks()) - len(editions.check(course))} of {len(course.notebooks())} as built"
        )
        raise typer.Exit(1 if wrong else 0)
    if outputs is not None:
        _keep_outputs(outputs)
    written = editions.write(course)
    for edition in written:
        print(f"{'built    ' if edition.changed else 'unchanged'} {_short(edition.path)}")
    for path in editions.stale(course):
        print(f"no source: {_short(path)}   (git rm it)")


def _keep_outputs(name: str) -> None:
    from helpers.course import execute
    from helpers.course.curriculum import Curriculum
    from helpers.scratch import scratch

    course = Curriculum.default()
    for source in course.notebooks() if name == "all" else [course.notebook(name)]:
        with scratch("outputs") as root:
            path, cells = execute.keep_outputs(source, root)
        print(f"{_short(path)}: {cells} marked cell{'' if cells == 1 else 's'}")


def vet(
    only: Annotated[str | None, typer.Option(metavar="ID", help="one exercise, or one notebook")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="execute nothing")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="how many things to look at at once")] = 3,
) -> None:
    """Vet the whole course: does it hold together, and do its checks judge as they should? (for authors)"""
    import time

    from helpers.course import vet as compiler
    from helpers.course.curriculum import Curriculum

    course = Curriculum.default()
    began = time.monotonic()
    failed = passed = skipped = 0
    for result in compiler.vet(course, _run_check, only=only, fast=fast, jobs=1 if fast else jobs):
        word = "FAIL" if result.problems else "UNSTEADY" if result.unsteady else "ok  "
        if result.skipped:
            print(f"skip     -    {result.name}: {result.skipped}", flush=True)
            skipped += 1
            continue
        print(f"{word} {result.seconds:6.1f} s  {result.name}", flush=True)
        for problem in result.problems or result.unsteady:
            print("\n".join(f"                 {line}" for line in problem.splitlines()), flush=True)
        passed, failed = passed + result.ok, failed + (not result.ok)
    print(f"vetted in {time.monotonic() - began:.0f} s")
    if (course.build / "vet").is_dir():
        print(f"what failed is kept in {_short(course.build / 'vet')}")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    raise typer.Exit(1 if failed else 0)


def _run_check(exercise: Exercise, program: Path) -> Any:
    return _function(exercise)(program)


def _function(exercise: Exercise) -> Any:
    """The check of an exercise. Raises CourseError, naming it, where there is none."""
    module, _, name = exercise.check.partition(":")
    where = f"{exercise.folder / 'exercise.toml'}: check: {exercise.check}"
    try:
        found = getattr(import_module(module), name, None)
    except ModuleNotFoundError as error:
        raise CourseError(f"{where}: {error}") from error
    if not callable(found):
        raise CourseError(f"{where}: {module} has no function {name}")
    return found


def _short(path: Path) -> Path:
    """Relative to the current folder where it is below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
