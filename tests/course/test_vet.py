"""The compiler of the course: it passes a good course, and finds each thing that can be wrong with one."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.course import editions, execute
from helpers.course.curriculum import Curriculum
from helpers.course.exercises import Exercise
from helpers.course.vet import Result, vet
from helpers.course.workspace import ENVIRONMENT
from helpers.errors import CourseError

from .fake import CHECKED, EXERCISE, SOURCE, make_checked_course

NAME = "phase0/01-doubling"
SOLUTION = "print(int(sys.argv[1]) * 2)"


@dataclass(frozen=True)
class Hint:
    key: str


@dataclass(frozen=True)
class Verdict:
    outcome: str
    points: int = 0
    possible: int = 10
    hint: Hint | None = None


def run_check(exercise: Exercise, program: Path) -> Verdict:
    """A check by behaviour: twenty-one, doubled."""
    if exercise.untouched(program):
        return Verdict("not_started")
    done = subprocess.run([sys.executable, program, "21"], capture_output=True, text=True, check=False)
    if done.stdout.strip() == "42":
        return Verdict("passed", points=10)
    return Verdict("not_yet", hint=Hint("adds"))


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Curriculum:
    course = make_checked_course(tmp_path / "whole")
    monkeypatch.setenv("INITLAB_CURRICULUM", str(course.root))
    return course


def write(course: Curriculum, old: str, new: str) -> None:
    """Change the source, and build again."""
    assert old in CHECKED
    course.notebook(NAME).path.write_text(CHECKED.replace(old, new))
    editions.write(course)


def quick(course: Curriculum) -> dict[str, Result]:
    """What needs no execution."""
    return {result.name: result for result in vet(course, run_check, fast=True)}


def problems(results: dict[str, Result]) -> str:
    return "\n".join(problem for result in results.values() for problem in result.problems)


@pytest.mark.slow
def test_a_good_course_passes_whole(whole: Curriculum) -> None:
    """Everything there is to vet, by name, and nothing wrong with any."""
    results = {result.name: result for result in vet(whole, run_check)}
    assert problems(results) == ""
    assert list(results) == [
        "unlisted files",
        "links of pages",
        f"source {NAME}",
        "exercise p0.double",
        "exercise p0.even",
        "check p0.double starter",
        "check p0.double solution",
        "check p0.double right/sum.py",
        "check p0.double wrong/adds.py",
        "check p0.even right/zero.py",
        "check p0.even wrong/odd.py",
        f"run {NAME} learner",
        f"run {NAME} solved",
    ]
    assert not (whole.build / "vet").exists()


def test_what_a_notebook_needs_and_the_computer_lacks_skips_all_that_is_run(
    whole: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers are not checked and editions not run, and each says why; what is only read is looked at."""
    write(whole, "  changes: Nothing", "  needs: [rust]\n  changes: Nothing")
    monkeypatch.setenv("INITLAB_RUST", "root")
    monkeypatch.setenv("INITLAB_CACHE", str(whole.root.parent / "empty"))
    results = {result.name: result for result in vet(whole, run_check)}
    assert problems(results) == ""
    skipped = {name for name, result in results.items() if result.skipped}
    assert skipped == {name for name in results if name.startswith(("check ", "run "))}
    assert {results[name].skipped for name in skipped} == {
        "the builder root is not built (next: initlab rust)"
    }
    assert "Rust 1.85" in whole.learner(NAME).read_text()


def _unlisted(course: Curriculum) -> None:
    (course.root / "phase0" / "scratch.ipynb").write_text("{}")


def _edited_edition(course: Curriculum) -> None:
    path = course.learner(NAME)
    path.write_bytes(path.read_bytes().replace(b"Some text", b"Same text"))


def _not_built(course: Curriculum) -> None:
    course.learner(NAME).unlink()


def _page_link(course: Curriculum) -> None:
    (course.root.parent / "README.md").write_text("see [the plan](docs/plan.md)\n")


def _page_path(course: Curriculum) -> None:
    (course.root.parent / "README.md").write_text("see `curriculum/sources/phase9/01-x.md`\n")


def _toml(old: str, new: str) -> Callable[[Curriculum], None]:
    def change(course: Curriculum) -> None:
        assert old in EXERCISE
        (course.exercises / "p0.double" / "exercise.toml").write_text(EXERCISE.replace(old, new))

    return change


def _source(old: str, new: str) -> Callable[[Curriculum], None]:
    return lambda course: write(course, old, new)


def _no_wrong(course: Curriculum) -> None:
    (course.exercises / "p0.double" / "wrong" / "adds.py").unlink()


def _wrong_is_solution(course: Curriculum) -> None:
    text = f"# hint: adds\n# Not wrong at all.\nimport sys\n\n{SOLUTION}\n"
    (course.exercises / "p0.double" / "wrong" / "adds.py").write_text(text)


def _gone_from_source(course: Curriculum) -> None:
    write(course, "%%exercise p0.double\n", "%%time\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_unlisted, r"scratch\.ipynb: nothing in the course uses it"),
        (_edited_edition, r"01-doubling\.ipynb: differs from a rebuild"),
        (_not_built, r"01-doubling\.ipynb: not built"),
        (_page_link, r"README\.md:1: docs/plan\.md does not exist"),
        (_page_path, r"README\.md:1: `curriculum/sources/phase9/01-x\.md` does not exist"),
        (
            _source("https://example.org", "02-next.ipynb"),
            r"01-doubling\.md:19: 02-next\.ipynb is no notebook",
        ),
        (_source("https://example.org", "../../README.md"), r"README\.md is no notebook a learner gets"),
        (
            _source("Some text", "See `curriculum/x/y.md`"),
            r"01-doubling\.md:19: `curriculum/x/y\.md` does not",
        ),
        (
            _source("p0.double\nimport sys\n\n###", "p0.half\n###"),
            r"01-doubling\.md:29: no exercise 'p0\.half'",
        ),
        (_gone_from_source, r"01-doubling\.md: no exercise p0\.double"),
        (
            _source("%%exercise p0.double", "# exercise: p0.double"),
            "begin the cell with `%%exercise p0.double`",
        ),
        (_source("  goal: Write a program that doubles a number.\n", ""), r"initlab\.goal: field required"),
        (_source('print("your program here")', SOLUTION), "p0.double: its starter is its solution"),
        (_source("1 + 1", "# NBVAL_CHECK_OUTPUT\n1 + 1"), "no output is kept for it"),
        (_toml('"Read the argument.", ', '"int(sys.argv[1]) * 2", '), "two of its hints are the same"),
        (_toml('"Read the argument.", ', ""), r"exercise\.toml: malformed"),
        (_toml("phase0/01-doubling", "phase0/02-other"), "belongs to phase0/02-other by its exercise.toml"),
        (_no_wrong, "p0.double: no wrong answer"),
        (_wrong_is_solution, r"adds\.py: says the same as the solution"),
    ],
)
def test_what_is_wrong_is_found_and_named(
    whole: Curriculum, spoil: Callable[[Curriculum], None], message: str
) -> None:
    """Each thing the compiler looks at, spoiled once."""
    assert problems(quick(whole)) == ""
    with contextlib.suppress(CourseError):  # a source that no longer builds is spoiled as well
        spoil(whole)
    assert re.search(message, problems(quick(whole)))


def test_links_that_hold_are_not_complained_of(whole: Curriculum) -> None:
    """Other notebooks, anchors, the web, mail, links shown in code, and paths that stand for many."""
    text = (
        "[a](01-doubling.ipynb), [b](01-doubling.ipynb#make), [c](#make), [d](https://x.org/y(1)),"
        " [e](mailto:a@b.c), `[f](nowhere.ipynb)`, `curriculum/sources/phaseN/NN-name.md`, `a/b`,"
        " `curriculum/sources`, `build/solved/x.ipynb`\n\n```python\n[g](nowhere.ipynb)\n```\n"
    )
    write(whole, "Some text", text)
    assert problems(quick(whole)) == ""


def _check(course: Curriculum, check: Callable[[Exercise, Path], Verdict] = run_check) -> dict[str, Result]:
    return {result.name: result for result in vet(course, check, only="p0.double")}


@pytest.mark.parametrize(
    ("item", "verdict", "message"),
    [
        ("solution", Verdict("not_yet", hint=Hint("adds")), "should pass: not_yet with hint 'adds'"),
        ("solution", Verdict("lab_failed"), "should pass: lab_failed"),
        ("solution", Verdict("passed", points=9), "should give 10 points by exercise.toml: 9 of 10"),
        (
            "solution",
            Verdict("passed", points=9, possible=9),
            "should give 10 points by exercise.toml: 9 of 9",
        ),
        ("right/sum.py", Verdict("not_yet", hint=Hint("adds")), "should pass: not_yet"),
        ("wrong/adds.py", Verdict("passed", points=10), "should be rejected with hint 'adds': passed"),
        ("wrong/adds.py", Verdict("lab_failed"), "should be rejected with hint 'adds': lab_failed"),
        ("wrong/adds.py", Verdict("not_started"), "should be rejected with hint 'adds': not_started"),
        ("wrong/adds.py", Verdict("not_yet", hint=Hint("other")), "the hint was 'other'"),
        ("wrong/adds.py", Verdict("not_yet"), "the hint was None"),
        ("starter", Verdict("not_yet"), "should be not_started: not_yet"),
        ("starter", Verdict("passed", points=10), "should be not_started: passed"),
    ],
)
def test_a_check_that_judges_otherwise_is_found(
    whole: Curriculum, item: str, verdict: Verdict, message: str
) -> None:
    """The solution with full points, each wrong answer with its hint, each right one, the starter."""
    texts = {"solution": SOLUTION, "right/sum.py": "n + n", "wrong/adds.py": "+ 2", "starter": "your program"}

    def misjudges(exercise: Exercise, program: Path) -> Verdict:
        return verdict if texts[item] in program.read_text() else run_check(exercise, program)

    results = _check(whole, misjudges)
    spoiled = results.pop(f"check p0.double {item}")
    assert message in spoiled.problems[0]
    assert problems(results) == ""
    kept = whole.build / "vet" / spoiled.name
    assert (kept / "verdict.txt").read_text() == f"{verdict}\n"
    assert (kept / "workspace/portfolio/phase0/double.py").is_file()


def test_what_fails_once_and_then_holds_is_unsteady(whole: Curriculum) -> None:
    """A check that failed for the computer's sake is run once more, by itself; what it said is kept."""
    calls: list[str] = []

    def hiccup(exercise: Exercise, program: Path) -> Verdict:
        calls.append(program.name)
        return Verdict("lab_failed") if len(calls) == 2 else run_check(exercise, program)

    results = list(vet(whole, hiccup, only="p0.double"))
    assert all(result.ok for result in results)
    assert [result.name for result in results if result.unsteady] == [results[-1].name]


def test_what_fails_twice_has_failed(whole: Curriculum) -> None:
    """A second look does not make a wrong judgement right."""
    results = list(vet(whole, lambda exercise, program: Verdict("lab_failed"), only="p0.double"))
    failed = [result for result in results if not result.ok]
    assert failed
    assert not any(result.unsteady for result in failed)


def test_an_answer_that_hangs_is_rejected_by_a_time_out_with_its_hint(whole: Curriculum) -> None:
    """`timed_out` with the right hint is a rejection."""

    def times_out(exercise: Exercise, program: Path) -> Verdict:
        said = run_check(exercise, program)
        return Verdict("timed_out", hint=said.hint) if said.hint else said

    assert problems(_check(whole, times_out)) == ""


def test_a_check_runs_on_a_file_like_a_learners(whole: Curriculum) -> None:
    """In the portfolio of a workspace made for it, which is the workspace in force; ours is not touched."""
    seen = []

    def looks(exercise: Exercise, program: Path) -> Verdict:
        workspace = Path(os.environ[ENVIRONMENT])
        seen.append((workspace, program.relative_to(workspace).as_posix()))
        return run_check(exercise, program)

    assert problems(_check(whole, looks)) == ""
    assert len({workspace for workspace, _ in seen}) == 4
    assert {name for _, name in seen} == {"portfolio/phase0/double.py"}
    assert ENVIRONMENT not in os.environ


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "failing", "message"),
    [
        ("1 + 1", "1 / 0", "learner", "ZeroDivisionError"),
        ("even = None", "even = 5", "learner", "p0.even: should be not_started: not_yet"),
        ("even = 4", "even = 7", "solved", "p0.even: should pass: not_yet with hint 'odd'"),
        (
            "if even is None:",
            "if even == 4:\n    pass\nelif even is None:",
            "solved",
            "p0.even: its check was never",
        ),
        ('"p0.even", "not_started"', '"p0.evan", "not_started"', "learner", "a verdict on p0.evan"),
    ],
    ids=[
        "exception",
        "learner edition rejected",
        "solution rejected",
        "check not called",
        "unknown exercise",
    ],
)
def test_an_edition_that_does_not_run_as_it_must_is_found(
    whole: Curriculum, old: str, new: str, failing: str, message: str
) -> None:
    """Verdicts are read from the progress file of the run; the executed notebook is kept."""
    write(whole, old, new)
    name = f"run {NAME} {failing}"
    (found,) = itertools.islice(
        (result for result in vet(whole, run_check, only=NAME) if result.name == name), 1
    )
    assert message in "\n".join(found.problems)
    kept = json.loads((whole.build / "vet" / name / f"{NAME}.ipynb").read_text())
    assert any(cell.get("execution_count") for cell in kept["cells"])


def test_only_takes_an_exercise_or_a_notebook(whole: Curriculum) -> None:
    """And nothing else."""
    assert list(_check(whole)) == [
        "exercise p0.double",
        "check p0.double starter",
        "check p0.double solution",
        "check p0.double right/sum.py",
        "check p0.double wrong/adds.py",
    ]
    with pytest.raises(CourseError, match=r"nothing to vet is called 'p0\.none'"):
        list(vet(whole, run_check, only="p0.none"))


@pytest.mark.slow
def test_outputs_of_marked_cells_are_kept_and_hold(whole: Curriculum, tmp_path: Path) -> None:
    """Run, kept beside the source, part of the solved edition, and nbval agrees with them; it can
    disagree.
    """
    marked = "# NBVAL_CHECK_OUTPUT\nprint('a', flush=True)\nprint('b')\n1 + 1"
    whole.notebook(NAME).path.write_text(CHECKED.replace("1 + 1", marked))
    path, cells = execute.keep_outputs(whole.notebook(NAME), tmp_path / "run")
    assert cells == 1
    (outputs,) = json.loads(path.read_text()).values()
    assert [output["output_type"] for output in outputs] == ["stream", "execute_result"]
    assert outputs[1]["execution_count"] is None
    editions.write(whole)
    assert problems(quick(whole)) == ""
    nbval = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q", "-c", os.devnull]
    room = tmp_path / "room"
    (room / ".initlab").mkdir(parents=True)
    env = os.environ | {ENVIRONMENT: str(room)}
    done = subprocess.run(
        [*nbval, str(whole.solved(NAME))], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    solved = whole.solved(NAME)
    solved.write_text(solved.read_text().replace('"a\\n', '"c\\n'))
    done = subprocess.run([*nbval, str(solved)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    whole.notebook(NAME).path.write_text(CHECKED)
    assert execute.keep_outputs(whole.notebook(NAME), tmp_path / "again") == (path, 0)
    assert not path.exists()


@pytest.mark.slow
def test_outputs_of_a_notebook_that_stops_are_not_kept(whole: Curriculum, tmp_path: Path) -> None:
    """The error of the cell is in the message."""
    whole.notebook(NAME).path.write_text(SOURCE.replace("1 + 1", "1 / 0"))
    with pytest.raises(CourseError, match="ZeroDivisionError"):
        execute.keep_outputs(whole.notebook(NAME), tmp_path / "run")


@pytest.mark.slow
def test_a_cell_that_takes_too_long_and_a_kernel_that_dies_are_told(
    whole: Curriculum, tmp_path: Path
) -> None:
    """Neither hangs the vetting nor breaks it."""
    for code, message in [("import time; time.sleep(60)", "timed out"), ("import os; os._exit(1)", "died")]:
        whole.notebook(NAME).path.write_text(SOURCE.replace("1 + 1", code))
        data = editions.build(whole.notebook(NAME), editions.Edition.SOLVED)
        done = execute.run(data, NAME, tmp_path / message, cell_seconds=3)
        assert done.error is not None
        assert message in done.error.lower()
