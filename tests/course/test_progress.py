"""What is written down of a learner's work, and what becomes of it when things go wrong."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest

from helpers.course import progress
from helpers.course.workspace import ENVIRONMENT, Workspace, find, require
from helpers.errors import CourseError

SEEN = [
    {"asked": "zombies", "expected": "0", "seen": "3", "ok": False},
    {"asked": "exit", "expected": "7", "seen": "7", "ok": True},
]


def test_a_verdict_is_read_back_as_it_was_recorded(workspace: Workspace) -> None:
    """Every field of a verdict survives."""
    receipt = progress.record(
        "p0.double",
        "not_yet",
        points=4,
        possible=10,
        seed=7,
        seconds=1.5,
        observations=SEEN,
        hint_key="adds",
        note="n",
        workspace=workspace,
    )
    assert receipt == progress.Receipt(True, "")
    (attempt,) = progress.attempts(workspace=workspace)
    assert (attempt.exercise, attempt.outcome, attempt.points, attempt.possible) == (
        "p0.double",
        "not_yet",
        4,
        10,
    )
    assert (attempt.seed, attempt.seconds, attempt.hint_key, attempt.note) == (7, 1.5, "adds", "n")
    assert list(attempt.observations) == SEEN
    assert attempt.at.endswith("+00:00")


def test_an_outcome_that_does_not_exist_is_a_mistake_in_the_check(workspace: Workspace) -> None:
    """It raises: a check must not invent outcomes."""
    with pytest.raises(CourseError, match="no outcome 'fine'"):
        progress.record("p0.double", "fine", workspace=workspace)


def test_the_words_for_outcomes_are_those_of_verdicts() -> None:
    """`helpers` may not import `checks`, so the words stand twice: they must be the same."""
    from checks.verdict import Outcome

    assert tuple(outcome.value for outcome in Outcome) == progress.OUTCOMES


def test_a_summary_keeps_the_best_points_and_counts_tries(workspace: Workspace) -> None:
    """Points never go down; verdicts that say nothing of the work are no tries."""
    for outcome, points in [
        ("not_started", 0),
        ("not_yet", 6),
        ("lab_failed", 0),
        ("passed", 10),
        ("not_yet", 2),
    ]:
        progress.record("p0.double", outcome, points=points, possible=10, workspace=workspace)
    progress.record_hint("p0.double", 1, workspace=workspace)
    progress.record_hint("p0.double", 2, workspace=workspace)
    progress.record_hint("p0.double", 2, workspace=workspace)
    progress.record_prediction("p0.double", "how many?", "3", False, workspace=workspace)
    progress.record_prediction("p0.double", "how many?", "4", True, workspace=workspace)
    progress.record_prediction("p0.other", "what?", "z", None, workspace=workspace)
    found = progress.summary(workspace=workspace)
    double = found["p0.double"]
    assert (double.passed, double.points, double.possible, double.attempts) == (True, 10, 10, 3)
    assert (double.hints_used, double.last_outcome) == (2, "not_yet")
    assert (double.predictions, double.predictions_correct) == (2, 1)
    assert found["p0.other"].passed is False
    assert progress.hint_level("p0.double", workspace=workspace) == 2
    assert progress.hint_level("p0.other", workspace=workspace) == 0


def test_without_a_workspace_nothing_is_saved_and_the_learner_is_told_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verdict renders anyway; the receipt says what to do."""
    monkeypatch.chdir(tmp_path)
    receipt = progress.record("p0.double", "passed")
    assert not receipt.saved
    assert "initlab open" in receipt.message
    assert progress.summary() == {}
    assert progress.attempts() == []


def test_a_workspace_is_found_by_its_variable_or_upwards_of_the_current_folder(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`$INITLAB_WORKSPACE` first, then the nearest folder upwards."""
    deep = workspace.root / "phase0" / "deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert find() == workspace
    assert progress.record("p0.double", "passed").saved
    monkeypatch.chdir(tmp_path)
    assert find() is None
    monkeypatch.setenv(ENVIRONMENT, str(workspace.root))
    assert find() == workspace
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "nowhere"))
    monkeypatch.chdir(deep)
    assert find() is None
    with pytest.raises(CourseError, match="no workspace found from INITLAB_WORKSPACE="):
        require()


def test_a_database_that_cannot_be_opened_is_told_and_not_raised(workspace: Workspace) -> None:
    """The path being a folder stands for every refusal of the system; root may write anywhere."""
    workspace.database.mkdir()
    receipt = progress.record("p0.double", "passed", workspace=workspace)
    assert not receipt.saved
    assert str(workspace.database) in receipt.message
    with pytest.raises(CourseError, match=r"progress\.db"):
        progress.summary(workspace=workspace)


@pytest.mark.parametrize("damage", ["not a database", "page"])
def test_a_damaged_database_is_kept_aside_and_told(workspace: Workspace, damage: str) -> None:
    """Nothing is deleted: the damaged file stays beside the new one."""
    for number in range(200):
        progress.record("p0.double", "passed", seed=number, observations=SEEN, workspace=workspace)
    content = bytearray(workspace.database.read_bytes())
    if damage == "page":
        content[4096:12288] = b"\xff" * 8192
    else:
        content = bytearray(b"this is not a database" * 1000)
    workspace.database.write_bytes(content)
    receipt = progress.record("p0.double", "passed", seed=1, workspace=workspace)
    aside = workspace.database.with_name("progress.db.damaged-1")
    assert receipt.saved
    assert str(aside) in receipt.message
    assert aside.read_bytes() == content
    assert [attempt.seed for attempt in progress.attempts(workspace=workspace)] == [1]
    workspace.database.write_bytes(b"broken again, and long enough to be no empty file" * 20)
    assert "damaged-2" in progress.record("p0.double", "passed", workspace=workspace).message


def test_an_empty_file_is_a_new_database(workspace: Workspace) -> None:
    """What a full disk leaves behind is no obstacle."""
    workspace.database.touch()
    assert progress.record("p0.double", "passed", workspace=workspace) == progress.Receipt(True, "")


def test_a_database_of_an_older_course_is_carried_on(workspace: Workspace) -> None:
    """What a learner has done stays, and what is new can be written beside it."""
    progress.record_prediction("p0.double", "how many?", "3", False, workspace=workspace)
    with sqlite3.connect(workspace.database) as db:
        db.execute("DROP TABLE observed")
        db.execute("PRAGMA user_version = 1")
    db.close()
    assert [one.actual for one in progress.predictions(workspace=workspace)] == [None]
    assert progress.record_observed("p0.double", "how many?", "4", workspace=workspace).saved
    (kept,) = progress.predictions("p0.double", workspace=workspace)
    assert (kept.answer, kept.actual) == ("3", "4")


def test_a_database_of_a_newer_course_is_left_alone(workspace: Workspace) -> None:
    """An older initlab must not write into a format it does not know."""
    with sqlite3.connect(workspace.database) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    receipt = progress.record("p0.double", "passed", workspace=workspace)
    assert not receipt.saved
    assert "newer initlab" in receipt.message


def test_writers_at_once_all_get_through(workspace: Workspace) -> None:
    """Two notebooks may be checked at the same moment, also at the very first."""
    receipts: list[progress.Receipt] = []

    def write(seed: int) -> None:
        receipts.append(progress.record("p0.double", "passed", seed=seed, workspace=workspace))

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert receipts == [progress.Receipt(True, "")] * 20
    assert {attempt.seed for attempt in progress.attempts(workspace=workspace)} == set(range(20))


@pytest.mark.slow
def test_a_killed_writer_leaves_whole_verdicts_only(workspace: Workspace) -> None:
    """A hundred writers are killed (SIGKILL) in the middle: the file is sound, no verdict is half there.

    The writers run one after another on the same file, so each also opens what the killed one left.
    """
    chance = random.Random(8)
    kills = 0
    while kills < 100:
        # Forking is cheaper than starting Python a hundred times; the child does nothing but record.
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                seen = [{"asked": "a" * 500, "expected": str(n), "seen": "", "ok": True} for n in range(40)]
                progress.record("p0.double", "passed", observations=seen, workspace=workspace)
                os.write(writer, b".")
                while True:
                    progress.record("p0.double", "passed", observations=seen, workspace=workspace)
            finally:
                os._exit(9)
        os.close(writer)
        assert os.read(reader, 1) == b".", "the writer could not write after a kill"
        os.close(reader)
        subprocess.run(["sleep", f"{chance.uniform(0, 0.02):.4f}"], check=True)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        kills += 1
        found = progress.attempts(workspace=workspace)
        with sqlite3.connect(workspace.database) as db:
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            told = db.execute("SELECT count(*), sum(observations) FROM attempts").fetchone()
            stored = db.execute("SELECT count(*) FROM observations").fetchone()[0]
        db.close()
        assert len(found) == told[0] >= kills
        assert {len(attempt.observations) for attempt in found} == {40}
        assert told[1] == stored
    assert not list(workspace.state.glob("*.damaged-*"))
