"""The check of `p0.pid1`, on real sandboxes: it accepts what works and names what does not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from checks import phase0
from checks.behaviours import until
from checks.pid1 import box as pid1_box
from checks.pid1 import first as pid1
from checks.pid1.first import SUITE
from checks.pid1.first_hints import PID1_HINTS
from checks.runner import check
from checks.verdict import Outcome, Verdict
from helpers.course import exercises
from helpers.course.workspace import Workspace
from helpers.engines.base import Image, Sandbox
from helpers.errors import EngineUnavailable, SandboxGone

EXERCISE = exercises.load("p0.pid1")
# `initlab vet` grades every wrong answer; here stand those a learner is most likely to give.
_LIKELY = {"no_reaping", "own_child_only", "exits_zero", "ignores_sigterm"}
WRONG = {answer.name: answer for answer in EXERCISE.wrong if answer.name in _LIKELY}
RIGHT = {path.stem: path for path in EXERCISE.right}

# Three checks at a time: they mostly wait, and two cores carry them.
_AT_ONCE = 3


class Graded:
    """Verdicts by the name of the answer, asked for when first needed, several at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._verdicts: dict[str, Future[Verdict]] = {}

    def want(self, names: dict[str, Path]) -> None:
        for name, path in names.items():
            self._verdicts[name] = self._pool.submit(phase0.pid1, path)

    def __getitem__(self, name: str) -> Verdict:
        return self._verdicts[name].result(timeout=300)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory, image: Image) -> Iterator[Graded]:
    """Every answer there is, and the solution, graded with a seed of its own."""
    folder = tmp_path_factory.mktemp("answers")
    solution = folder / "solution.py"
    solution.write_text(EXERCISE.solution)
    found = Graded(folder)
    found.want({"solution": solution, **RIGHT, **{name: answer.path for name, answer in WRONG.items()}})
    yield found
    found.close()


@pytest.mark.live
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["solution", *RIGHT])
def test_a_right_answer_passes_however_it_is_built(graded: Graded, name: str) -> None:
    """Only behaviour is graded: full points, in less than ten seconds of the check's own."""
    verdict = graded[name]
    assert verdict.passed, str(verdict)
    assert verdict.points == EXERCISE.points


@pytest.mark.live
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_rejected_with_its_own_hint(graded: Graded, name: str) -> None:
    """Each way to go wrong is told by name."""
    verdict = graded[name]
    assert verdict.outcome in (Outcome.NOT_YET, Outcome.TIMED_OUT), str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key == WRONG[name].hint, str(verdict)
    assert verdict.points < EXERCISE.points


def test_every_hint_has_a_wrong_answer_that_earns_it() -> None:
    """A hint nobody can get is untested text. These two are for moments no fixed program produces."""
    unreachable = {"ends-early", "lost-status"}
    assert {answer.hint for answer in EXERCISE.wrong} == set(PID1_HINTS) - unreachable


def test_the_behaviours_are_worth_what_the_exercise_says() -> None:
    """exercise.toml and the check agree."""
    assert SUITE.points == EXERCISE.points == 10


@pytest.mark.live
def test_the_known_good_program_passes_every_behaviour(image: Image) -> None:
    """The control must be beyond doubt: tini, written by others, does all that is asked."""

    @check("p0.pid1", points=10, deadline=30, suite=SUITE, call="tini")
    def graded_tini(*, seed: int | None = None) -> pid1_box.Program:
        return pid1.tini(pid1_box.Program())

    verdict = graded_tini()
    assert verdict.passed, str(verdict)


@pytest.mark.live
def test_a_hanging_check_is_stopped_and_says_what_hung(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the deadline the sandboxes are killed; the verdict names the behaviour."""
    silent = tmp_path / "pid1.py"
    silent.write_text("import time\nwhile True:\n    time.sleep(100)\n")

    @check("p0.pid1", points=10, deadline=1.5, suite=SUITE, call="hanging")
    def hanging(*, seed: int | None = None) -> pid1_box.Program:
        return pid1_box.Program(text=silent.read_bytes())

    engine, image = pid1_box.place()
    started: list[Sandbox] = []

    class Recording:
        def start(self, *args: Any, **kwargs: Any) -> Sandbox:
            started.append(engine.start(*args, **kwargs))
            return started[-1]

    monkeypatch.setattr(pid1_box, "place", lambda: (Recording(), image))
    verdict = hanging()
    assert verdict.outcome is Outcome.TIMED_OUT
    assert "run COMMAND, with its arguments, as a child of PID 1" in verdict.note
    assert verdict.seconds < 10
    assert started
    # One that was just being started at the deadline is destroyed as soon as it is there.
    assert until(lambda: all(_gone(sandbox) for sandbox in started), 10)


def _gone(sandbox: Sandbox) -> bool:
    try:
        sandbox.processes()
    except SandboxGone:
        return True
    return False


@pytest.mark.live
def test_the_same_seed_asks_the_same(image: Image, tmp_path: Path) -> None:
    """`seed` repeats the numbers of a run, so a learner can look at one failure twice."""
    broken = tmp_path / "pid1.py"
    broken.write_text("import sys\nprint('nothing here', file=sys.stderr)\nsys.exit(9)\n")
    one, two, other = (phase0.pid1(broken, seed=seed) for seed in (1, 1, 2))
    assert one.observations == two.observations
    assert one.observations[0].expected != other.observations[0].expected
    assert one.observations[0].seen == "PID 1 ended with 9; its last line: `nothing here`"


@pytest.mark.live
def test_a_program_that_is_no_python_is_told_with_pythons_own_words(image: Image, tmp_path: Path) -> None:
    """A syntax error shows the last line of what Python said."""
    broken = tmp_path / "pid1.py"
    broken.write_text("import os\nos.fork(\n")
    verdict = phase0.pid1(broken)
    assert verdict.hint is not None
    assert verdict.hint.key == "does-not-run"
    assert "SyntaxError" in verdict.observations[0].seen


def test_without_a_file_nothing_was_started(workspace: Workspace) -> None:
    """The message names the file and the cell that makes it."""
    verdict = phase0.pid1()
    assert verdict.outcome is Outcome.NOT_STARTED
    assert "portfolio/phase0/pid1.py" in verdict.note
    assert "%%exercise p0.pid1" in verdict.next


def test_the_starter_as_it_came_is_not_started(workspace: Workspace) -> None:
    """An unchanged starter is no attempt; a comment more changes nothing."""
    mine = EXERCISE.path(workspace)
    mine.parent.mkdir(parents=True)
    mine.write_text(EXERCISE.starter + "\n# not yet\n")
    verdict = phase0.pid1()
    assert verdict.outcome is Outcome.NOT_STARTED
    assert "still says what it said at the start" in verdict.note


@pytest.mark.parametrize(
    ("given", "told"),
    [(42, "int"), ([], "list"), (b"pid1.py", "bytes"), (print, "builtin_function_or_method")],
)
def test_something_that_is_no_path_is_one_clear_message(given: object, told: str) -> None:
    """`phase0.pid1(42)` says what it wants and what it got."""
    verdict = phase0.pid1(given)  # type: ignore[arg-type]
    assert verdict.outcome is Outcome.NOT_STARTED
    assert verdict.note == f"phase0.pid1 expects a path or nothing, got {told}"
    assert verdict.next == "phase0.pid1()"


def test_a_folder_and_a_missing_path_are_told_apart(tmp_path: Path) -> None:
    """Each names the path."""
    assert f"{tmp_path} is a folder" in phase0.pid1(tmp_path).note
    assert f"There is no {tmp_path / 'x.py'}" in phase0.pid1(tmp_path / "x.py").note


def test_outside_a_workspace_the_next_command_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a workspace there is no portfolio to look at; nothing is blamed on the learner."""
    monkeypatch.setenv("INITLAB_WORKSPACE", str(tmp_path / "nowhere"))
    monkeypatch.chdir(tmp_path)
    verdict = phase0.pid1()
    assert verdict.outcome is not Outcome.NOT_YET
    assert "initlab open" in verdict.next


def test_an_engine_that_cannot_run_is_the_labs_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No user namespaces: not the learner's fault, and the mend is shown."""

    def none() -> None:
        raise EngineUnavailable("no user namespaces here", hint="sysctl -w user.max_user_namespaces=10000")

    monkeypatch.setattr(pid1_box, "place", none)
    mine = tmp_path / "pid1.py"
    mine.write_text("print('something')\n")
    verdict = phase0.pid1(mine)
    assert (verdict.outcome, verdict.points) == (Outcome.LAB_FAILED, 0)
    assert "no user namespaces here" in verdict.note
    assert verdict.next == "sysctl -w user.max_user_namespaces=10000"
