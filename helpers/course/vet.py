"""The compiler of the course: whether everything in `curriculum/` holds together and does what it says.

`items` yields what is to be vetted, one thing each, so that a caller can show progress. Running a check is a
function the caller gives (`run_check`): helpers know nothing of checks.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from helpers.course import editions, execute, exercises, links
from helpers.course.curriculum import Curriculum, NotebookSource
from helpers.course.exercises import Exercise
from helpers.course.needs import Need, lacking
from helpers.course.regions import Edition, exercise_cells
from helpers.course.vet_answers import RunCheck, Said, judged, not_started, passes, rejected, said_of
from helpers.errors import CourseError, InitlabError
from helpers.scratch import scratch

__all__ = ["Item", "Result", "items", "vet"]


_RUN = ("check ", "run ")  # items that run something
_FEW = 5


@dataclass(frozen=True)
class Item:
    """One thing to vet. `look` returns what is wrong with it, a sentence each; none when it holds. Where the
    computer lacks one of `needs` nobody looks; with `prebuilt`, programs that came in a pack will do.
    """

    name: str
    look: Callable[[], list[str]]
    needs: tuple[Need, ...] = ()
    prebuilt: bool = False


@dataclass(frozen=True)
class Result:
    """What became of an item. `unsteady` holds what a first look found, where a second one found nothing;
    `skipped` says why nobody looked.
    """

    name: str
    problems: tuple[str, ...]
    seconds: float
    unsteady: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def ok(self) -> bool:
        return not self.problems


def vet(
    curriculum: Curriculum, run_check: RunCheck, *, only: str | None = None, fast: bool = False, jobs: int = 1
) -> Iterator[Result]:
    """Vet item by item. `fast` executes nothing; `only` is the id of an exercise or the name of a notebook.

    With `jobs` above 1 that many processes look at items at once (checks mostly wait), and `run_check` must
    be a function of a module; results come in the order of the items either way. The few that failed by being
    run are looked at once more at the end, by themselves: on a busy computer a deadline can pass for no fault
    of the course. Artefacts of what failed are put in `build/vet/`. Raises CourseError when `only` names
    nothing.
    """
    failed = curriculum.build / "vet"
    if only is None:
        shutil.rmtree(failed, ignore_errors=True)
    with scratch("vet") as room:
        found = list(items(curriculum, run_check, room, only=only, fast=fast))
        if not found:
            known = [source.name for source in curriculum.notebooks()]
            known += sorted(path.name for path in curriculum.exercises.glob("*/"))
            raise CourseError(f"nothing to vet is called {only!r}", hint=f"there are: {', '.join(known)}")
        look = partial(_look, room=room, failed=failed)
        first: list[tuple[Item, Result]] = []
        for item, result in zip(found, _looks(look, found, jobs), strict=True):
            if result.ok or not item.name.startswith(_RUN):
                yield result
            else:
                first.append((item, result))
        for item, result in first:
            second = look(item) if len(first) <= _FEW else result
            yield replace(second, unsteady=result.problems) if second.ok else result


def _looks(look: Callable[[Item], Result], found: list[Item], jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(look, found)
        return
    # Spawned, not forked: labs keep threads, which do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(look, found)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _look(item: Item, *, room: Path, failed: Path) -> Result:
    if why := lacking(item.needs, prebuilt=item.prebuilt):
        return Result(item.name, (), 0.0, skipped=why)
    began = time.monotonic()
    try:
        problems = item.look()
    except InitlabError as error:
        problems = [str(error)]
    kept = room / item.name
    if problems and kept.is_dir():
        shutil.copytree(kept, failed / item.name, dirs_exist_ok=True)
    shutil.rmtree(kept, ignore_errors=True)
    return Result(item.name, tuple(problems), time.monotonic() - began)


def items(
    curriculum: Curriculum, run_check: RunCheck, room: Path, *, only: str | None = None, fast: bool = False
) -> Iterator[Item]:
    """What there is to vet, the quick things first. Things made on the way are put in `room/<item name>/`."""
    sources = curriculum.notebooks()
    ids = sorted(path.name for path in curriculum.exercises.glob("*/"))
    if only is None:
        yield Item("unlisted files", partial(_unlisted, curriculum))
        yield Item("links of pages", partial(_pages, curriculum))
    chosen = [source for source in sources if only in (None, source.name)]
    for source in chosen:
        yield Item(f"source {source.name}", partial(_source, curriculum, source))
    broken: set[str] = set()
    for exercise in ids:
        try:
            notebook = exercises.load(exercise, curriculum=curriculum).notebook
        except CourseError:
            notebook = None
        if only in (None, exercise) or notebook == only:
            yield Item(f"exercise {exercise}", partial(_exercise, curriculum, exercise))
        else:
            broken.add(exercise)
    if fast:
        return
    for exercise in ids:
        if exercise not in broken:
            yield from _answers(curriculum, exercise, run_check, room)
    for source in chosen:
        for edition in Edition:
            name = f"run {source.name} {edition}"
            yield Item(
                name,
                partial(_run, curriculum, source, edition, room / name),
                editions.facts(source).needs,
                prebuilt=edition is Edition.LEARNER,
            )


# What needs no execution


def _unlisted(curriculum: Curriculum) -> list[str]:
    root = curriculum.root
    listed = {curriculum.exercises / "README.md"}
    for source in curriculum.notebooks():
        listed |= {source.path, curriculum.learner(source.name)}
        if editions.outputs_file(source).exists():
            listed.add(editions.outputs_file(source))
    for toml in curriculum.exercises.glob("*/exercise.toml"):
        listed.add(toml)
        listed |= {path for kind in ("wrong", "right") for path in toml.parent.rglob(f"{kind}/**/*")}
    ours = {"__pycache__", ".ipynb_checkpoints"}
    return [
        f"{path}: nothing in the course uses it"
        for path in sorted(root.rglob("*"))
        if path.is_file() and path not in listed and not ours & set(path.parts)
    ]


def _pages(curriculum: Curriculum) -> list[str]:
    root = curriculum.root.parent
    pages = [*root.glob("*.md"), *root.glob("docs/**/*.md"), curriculum.exercises / "README.md"]
    return [problem for page in sorted(pages) if page.is_file() for problem in links.in_page(page, root)]


def _source(curriculum: Curriculum, source: NotebookSource) -> list[str]:
    editions.facts(source)
    problems = links.in_source(source, curriculum)
    learner = curriculum.learner(source.name)
    if not learner.is_file():
        problems.append(f"{learner}: not built (initlab build)")
    elif learner.read_bytes() != editions.build(source, Edition.LEARNER):
        problems.append(f"{learner}: differs from a rebuild (initlab build)")
    for cell in exercise_cells(source.text(), file=source.path):
        at = f"{source.path}:{cell.line}"
        try:
            exercise = exercises.load(cell.exercise, curriculum=curriculum)
        except CourseError as error:
            problems.append(f"{at}: {error.message}")
            continue
        if exercise.notebook != source.name:
            problems.append(f"{at}: {cell.exercise} belongs to {exercise.notebook} by its exercise.toml")
        if cell.is_file != (exercise.file is not None):
            says = "has a `file`" if exercise.file else "has no `file`"
            problems.append(f"{at}: its exercise.toml {says}: begin the cell with {_first_line(exercise)}")
        elif cell.part not in (exercise.parts or ("",)):
            says = f"its exercise.toml names no part {cell.part!r}" if cell.part else "it says no part"
            problems.append(f"{at}: {says}: there are {', '.join(exercise.parts) or 'none'}")
    for built in json.loads(editions.build(source, Edition.SOLVED))["cells"]:
        if built["cell_type"] == "code" and execute.is_marked(built) and not built["outputs"]:
            problems.append(
                f"{source.path}: a cell is marked {editions.MARK} and no output is kept for it"
                f" (initlab build --outputs {source.name}): {''.join(built['source']).splitlines()[-1]}"
            )
    return problems


def _first_line(exercise: Exercise) -> str:
    return f"`%%exercise {exercise.id}`" if exercise.file else f"`# exercise: {exercise.id}`"


def _exercise(curriculum: Curriculum, name: str) -> list[str]:
    exercise = exercises.load(name, curriculum=curriculum)
    problems = []
    before = exercise.before
    if before is not None and (before.file is None or before.parts or before.phase != exercise.phase):
        problems.append(f"{name}: it continues {before.id}, which is not one file of the same phase")
    if exercises.same_answer(exercise, exercise.starters, exercise.solutions):
        problems.append(f"{name}: its starter is its solution")
    if len(set(exercise.hints)) < len(exercise.hints):
        problems.append(f"{name}: two of its hints are the same")
    if exercise.points and not exercise.wrong:
        problems.append(f"{name}: no wrong answer in {exercise.folder / 'wrong'}")
    texts = {"the starter": exercise.starters, "the solution": exercise.solutions}
    for path in [*(wrong.path for wrong in exercise.wrong), *exercise.right]:
        answer = exercise.answer(path)
        for other, known in texts.items():
            if exercises.same_answer(exercise, answer, known):
                problems.append(f"{path}: says the same as {other}")
        texts[path.name] = answer
    return problems


# What executes


def _answers(curriculum: Curriculum, name: str, run_check: RunCheck, room: Path) -> Iterator[Item]:
    """An item for each answer of an exercise. One that does not load has been told of already."""
    try:
        exercise = exercises.load(name, curriculum=curriculum)
        wrong = [(answer, exercise.answer(answer.path)) for answer in exercise.wrong]
        right = exercise.right
        texts = {"solution": exercise.solutions} | {f"right/{p.name}": exercise.answer(p) for p in right}
        starter = exercise.starters
        wanted = editions.facts(curriculum.notebook(exercise.notebook)).needs
    except CourseError:
        return

    def item(
        what: str, text: Mapping[str, str], judge: Callable[[Said], list[str]], hint_only: bool = False
    ) -> Item:
        label = f"check {name} {what}"
        look = partial(judged, exercise, text, run_check, judge, room / label, hint_only)
        return Item(label, look, wanted)

    if exercise.file is not None:
        yield item("starter", starter, not_started)
        yield item("solution", texts["solution"], partial(passes, exercise))
    for what, text in texts.items():
        if what != "solution":
            yield item(what, text, partial(passes, exercise))
    for answer, text in wrong:
        yield item(f"wrong/{answer.path.name}", text, partial(rejected, answer.hint), hint_only=True)


def _run(curriculum: Curriculum, source: NotebookSource, edition: Edition, folder: Path) -> list[str]:
    """Run an edition: no exception, and the verdicts it must give."""
    done = execute.run(editions.build(source, edition), source.name, folder)
    problems = [f"stopped: {done.error}"] if done.error else []
    known = {e.id: e for e in exercises.load_all(curriculum)}
    here = [e for e in known.values() if e.notebook == source.name]
    for attempt in done.attempts:
        if attempt.exercise not in known:
            problems.append(f"a verdict on {attempt.exercise}, which is no exercise")
    for exercise in here:
        verdicts = [said_of(attempt) for attempt in done.attempts if attempt.exercise == exercise.id]
        if not verdicts:
            problems.append(f"{exercise.id}: its check was never called")
        judge = not_started if edition == Edition.LEARNER else partial(passes, exercise)
        problems += [f"{exercise.id}: {problem}" for said in verdicts for problem in judge(said)]
    return problems
