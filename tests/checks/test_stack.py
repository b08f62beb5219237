"""`p0.stack-openrc` and `p0.stack-runit` on real sandboxes. `initlab vet` grades every answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from checks import phase0
from checks.answers import learner_folder
from checks.behaviours import Trial
from checks.stack import box as stack_box
from checks.stack.box import Machine, Stack
from checks.stack.hints import OPENRC_HINTS, RUNIT_HINTS
from checks.stack.suite import OPENRC, RUNIT
from checks.verdict import Outcome, Verdict
from helpers.course import exercises, portfolio
from helpers.course.workspace import Workspace
from helpers.engines.base import Image
from helpers.errors import EngineUnavailable

BOTH = {
    "openrc": (exercises.load("p0.stack-openrc"), phase0.stack_openrc, OPENRC, OPENRC_HINTS),
    "runit": (exercises.load("p0.stack-runit"), phase0.stack_runit, RUNIT, RUNIT_HINTS),
}
Check = Callable[..., Verdict]


def write(init: str, workspace: Workspace, parts: dict[str, str]) -> Path:
    """Save parts as the learner's cells would; returns the answer's folder."""
    exercise = BOTH[init][0]
    for part, text in parts.items():
        portfolio.save(workspace, exercise, text, part)
    return exercise.path(workspace)


@pytest.mark.parametrize("init", BOTH)
def test_every_hint_has_a_wrong_answer_that_earns_it(init: str) -> None:
    """A hint nobody can get is untested text."""
    exercise, _, _, hints = BOTH[init]
    assert {answer.hint for answer in exercise.wrong} == set(hints)


@pytest.mark.parametrize("init", BOTH)
def test_the_behaviours_are_worth_what_the_exercise_says(init: str) -> None:
    """exercise.toml and the check agree."""
    exercise, _, suite, _ = BOTH[init]
    assert suite.points == exercise.points == 10


@pytest.mark.parametrize("init", BOTH)
def test_without_files_or_with_the_starters_nothing_was_started(init: str, workspace: Workspace) -> None:
    """The message names the folder and the cells that fill it."""
    exercise, check, _, _ = BOTH[init]
    verdict = check()
    assert verdict.outcome is Outcome.NOT_STARTED
    assert f"portfolio/phase0/stack/{init}" in verdict.note
    assert f"%%exercise {exercise.id}" in verdict.next
    write(init, workspace, dict(exercise.starters))
    verdict = check()
    assert verdict.outcome is Outcome.NOT_STARTED
    assert "say what they said at the start" in verdict.note


@pytest.mark.parametrize("init", BOTH)
def test_one_service_of_three_is_told_without_booting(init: str, workspace: Workspace) -> None:
    """Work that has begun is no longer `not_started`; what is missing is named."""
    exercise, check, _, _ = BOTH[init]
    first = exercise.parts[0]
    write(init, workspace, {**exercise.starters, first: exercise.solutions[first]})
    verdict = check()
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key == "not-written"
    assert exercise.parts[1] in verdict.observations[0].seen


@pytest.mark.parametrize(("given", "told"), [(42, "int"), ([], "list")])
def test_something_that_is_no_path_is_one_clear_message(given: object, told: str) -> None:
    """`phase0.stack_runit(42)` says what it wants and what it got."""
    verdict = phase0.stack_runit(given)  # type: ignore[arg-type]
    assert verdict.outcome is Outcome.NOT_STARTED
    assert verdict.note == f"phase0.stack_runit expects a folder or nothing, got {told}"


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    """One file is not the answer."""
    (tmp_path / "run").write_text("#!/bin/sh\n")
    assert "is a file" in phase0.stack_runit(tmp_path / "run").note


def test_an_engine_that_cannot_run_is_the_labs_failure(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the learner's fault, and the mend is shown."""

    def none() -> None:
        raise EngineUnavailable("no user namespaces here", hint="sysctl -w user.max_user_namespaces=10000")

    monkeypatch.setattr(stack_box, "place", none)
    write("runit", workspace, dict(BOTH["runit"][0].solutions))
    verdict = phase0.stack_runit()
    assert (verdict.outcome, verdict.points) == (Outcome.LAB_FAILED, 0)
    assert verdict.next == "sysctl -w user.max_user_namespaces=10000"


@pytest.mark.live
@pytest.mark.timeout(120)
def test_where_our_own_files_fail_too_the_lab_is_at_fault(
    image: Image, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong answer on a lab that is broken is no verdict on the answer."""
    folder = write("runit", workspace, dict(BOTH["runit"][0].solutions))
    (folder / "redis" / "run").chmod(0o644)
    monkeypatch.setattr(RUNIT, "control", lambda stack: replace(stack, touched=None))
    verdict = phase0.stack_runit()
    assert verdict.outcome is Outcome.LAB_FAILED, str(verdict)
    assert "A known-good program fails here too" in verdict.note


@pytest.mark.live
@pytest.mark.timeout(120)
def test_a_run_bit_that_was_taken_away_is_seen(image: Image, workspace: Workspace) -> None:
    """The files are booted with the run bits they have in the portfolio."""
    folder = write("runit", workspace, dict(BOTH["runit"][0].solutions))
    (folder / "app" / "log" / "run").chmod(0o644)
    verdict = phase0.stack_runit()
    assert verdict.hint is not None, str(verdict)
    assert verdict.hint.key == "no-run-bit", str(verdict)
    assert "app/log/run" in verdict.observations[0].seen


@pytest.mark.live
@pytest.mark.timeout(120)
@pytest.mark.parametrize("init", BOTH)
def test_a_copy_kept_beside_is_no_service(init: str, image: Image, workspace: Workspace) -> None:
    """What the cell magic has put beside a file is not laid into the machine; the solution passes."""
    exercise, check, _, _ = BOTH[init]
    folder = write(init, workspace, dict(exercise.solutions))
    part = exercise.parts[0]
    (folder / f"{part}.1").write_text("#!/bin/false\n")
    assert f"{part}.1" not in learner_folder(exercise.id, folder, call="")[0]
    verdict = check()
    assert verdict.passed, str(verdict)
    assert verdict.points == exercise.points


@pytest.mark.live
@pytest.mark.timeout(60)
def test_the_witnesses_see_who_was_early(image: Image) -> None:
    """A slow redis that nobody waits for: the app's note says so, whatever the app then does."""
    exercise = BOTH["runit"][0]
    wrong = next(answer for answer in exercise.wrong if answer.name == "no_wait")
    trial = Trial("order", "asked", 1)
    try:
        files = Stack.by_hand("runit", {}, ()).files
        for part, text in exercise.answer(wrong.path).items():
            files.script(f"/etc/service/{part}", text)
        machine = Machine(trial, Stack.by_hand("runit", {}, ()), slow=(1.0, 0.1))
        machine.sandbox.destroy()
        machine = Machine(trial, replace(machine.stack, files=files), slow=(1.0, 0.1))
        assert machine.wait(lambda: machine.notes("app"), 5.0)
        assert machine.notes("app")[0]["ready"] is False
        assert machine.wait(machine.answers, 5.0)
        assert machine.notes("nginx")[0] == {"ready": True}
    finally:
        trial.close()
