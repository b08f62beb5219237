"""`p0.run-script` on real sandboxes. `initlab vet` grades every answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from checks import phase0
from checks.behaviours import Trial
from checks.run_script import box as run_script_box
from checks.run_script.box import Absence, Machine, RunScript
from checks.run_script.hints import HINTS
from checks.run_script.suite import SUITE
from checks.verdict import Outcome
from helpers.course import exercises, portfolio
from helpers.course.workspace import Workspace
from helpers.engines.base import Image
from helpers.errors import EngineUnavailable
from helpers.filetree import File
from helpers.lab import STACKS

EXERCISE = exercises.load("p0.run-script")
SOLUTION = EXERCISE.solutions["fieldd/run"]
FIELDD = STACKS / "fieldd" / "fieldd"


def write(workspace: Workspace, text: str, part: str = "fieldd/run") -> Path:
    """Save a part as the learner's cell would; returns the answer's folder."""
    portfolio.save(workspace, EXERCISE, text, part)
    return EXERCISE.path(workspace)


def script(text: str) -> RunScript:
    """A run script, as it is laid into the machine."""
    return RunScript({"run": File(text.encode(), 0o755)})


def test_every_hint_has_a_wrong_answer_that_earns_it() -> None:
    """A hint nobody can get is untested text."""
    assert {answer.hint for answer in EXERCISE.wrong} == set(HINTS)


def test_the_behaviours_are_worth_what_the_exercise_says() -> None:
    """exercise.toml and the check agree."""
    assert SUITE.points == EXERCISE.points == 10


def test_without_a_file_or_with_the_starter_nothing_was_started(workspace: Workspace) -> None:
    """The message names the folder and the cell that fills it."""
    verdict = phase0.run_script()
    assert verdict.outcome is Outcome.NOT_STARTED
    assert "portfolio/phase0/service" in verdict.note
    assert "%%exercise p0.run-script" in verdict.next
    write(workspace, EXERCISE.starters["fieldd/run"])
    assert phase0.run_script().outcome is Outcome.NOT_STARTED


def test_another_file_without_the_run_script_is_no_start(workspace: Workspace) -> None:
    """What is graded is the run script; what lies beside it may help it."""
    write(workspace, EXERCISE.starters["fieldd/run"])
    folder = write(workspace, "#!/bin/sh\necho ended\n", "fieldd/finish")
    assert phase0.run_script(folder).outcome is Outcome.NOT_STARTED


@pytest.mark.parametrize(("given", "told"), [(42, "int"), ([], "list")])
def test_something_that_is_no_path_is_one_clear_message(given: object, told: str) -> None:
    """`phase0.run_script(42)` says what it wants and what it got."""
    verdict = phase0.run_script(given)  # type: ignore[arg-type]
    assert verdict.note == f"phase0.run_script expects a folder or nothing, got {told}"


def test_an_engine_that_cannot_run_is_the_labs_failure(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the learner's fault, and the mend is shown."""

    def none() -> None:
        raise EngineUnavailable("no user namespaces here", hint="sysctl -w user.max_user_namespaces=10000")

    monkeypatch.setattr(run_script_box, "place", none)
    write(workspace, SOLUTION)
    verdict = phase0.run_script()
    assert (verdict.outcome, verdict.points) == (Outcome.LAB_FAILED, 0)
    assert verdict.next == "sysctl -w user.max_user_namespaces=10000"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "usage: fieldd"),
        (["-f", "/no/such/file"], "No such file"),
        (["-f", str(STACKS / "fieldd" / "fieldd.conf")], "PLOT is not set"),
    ],
)
def test_the_daemon_says_what_it_lacks_and_ends(arguments: list[str], told: str) -> None:
    """A learner finds the mistake in the log."""
    command = [sys.executable, str(FIELDD), *arguments]
    done = subprocess.run(command, env={}, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert told in done.stderr


@pytest.mark.live
@pytest.mark.timeout(120)
def test_the_solution_passes_twice_with_the_same_seed(image: Image, workspace: Workspace) -> None:
    """Full points, and a seed that repeats the run."""
    folder = write(workspace, SOLUTION)
    verdict = phase0.run_script(seed=4)
    assert verdict.passed, str(verdict)
    assert verdict.points == EXERCISE.points
    again = phase0.run_script(folder, seed=4)
    assert [o.expected for o in again.observations] == [o.expected for o in verdict.observations]


@pytest.mark.live
@pytest.mark.timeout(120)
def test_a_run_bit_that_was_taken_away_is_seen(image: Image, workspace: Workspace) -> None:
    """The files are booted with the run bits they have in the portfolio."""
    folder = write(workspace, SOLUTION)
    (folder / "fieldd" / "run").chmod(0o644)
    verdict = phase0.run_script()
    assert verdict.hint is not None, str(verdict)
    assert verdict.hint.key == "no-run-bit"


@pytest.mark.live
@pytest.mark.timeout(60)
def test_a_lab_with_one_user_id_only_is_the_labs_failure(
    image: Image, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ordinary user's lab without newuidmap(1): nobody can become www-data there, and that is told."""
    write(workspace, SOLUTION)
    monkeypatch.setattr(run_script_box, "USER", "nobody-of-this-name")
    verdict = phase0.run_script()
    assert verdict.outcome is Outcome.LAB_FAILED
    assert "one user id only" in verdict.note
    assert "uidmap" in verdict.next


@pytest.mark.live
@pytest.mark.timeout(60)
def test_a_script_that_ends_is_absent_and_one_that_stays_is_not(image: Image) -> None:
    """What tells a crash loop from a slow start: for how long runsv had no process."""
    for text, ends in (("#!/bin/sh\nexit 1\n", True), ("#!/bin/sh\nexec sleep 60\n", False)):
        trial = Trial("up", "asked", 1)
        try:
            machine = Machine(trial, script(text))
            absence = Absence(machine)
            assert machine.wait(lambda absence=absence: absence.seconds() > 1.0, 5.0 if ends else 2.0) is ends
        finally:
            trial.close()


@pytest.mark.live
@pytest.mark.timeout(60)
def test_a_daemon_that_forks_away_has_lost_its_parent_and_is_started_again(image: Image) -> None:
    """PID 1 has adopted it, and runsv starts another beside it."""
    trial = Trial("is-it", "asked", 2)
    try:
        machine = Machine(trial, script(SOLUTION.replace(" -f ", " ")))
        assert machine.wait(machine.daemon, 10.0)
        daemon = machine.daemon()
        assert daemon is not None
        assert machine.parent(daemon) == "PID 1"
        assert machine.main() is None or machine.main() != daemon
        machine.sandbox.exec(["sv", "-w", "1", "stop", machine.name])
        assert machine.daemon() == daemon or machine.ask()["pid"] == daemon.pid
    finally:
        trial.close()


@pytest.mark.live
@pytest.mark.timeout(60)
def test_the_known_good_files_are_for_the_same_machine(image: Image) -> None:
    """The control answers for the same random plot a learner's script has to find out."""
    trial = Trial("up", "asked", 3)
    try:
        machine = Machine(trial, script("#!/bin/false\n").known_good())
        assert machine.wait(machine.ask, 10.0)
        assert machine.ask()["plot"] == machine.plot
    finally:
        trial.close()
