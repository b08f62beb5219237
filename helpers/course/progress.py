"""What a learner has done so far: an SQLite file in the workspace.

Checks write here, the command line reads. Everything of one verdict goes in one transaction, so a killed
kernel leaves either the whole verdict or nothing of it (https://www.sqlite.org/atomiccommit.html). The file
stays in SQLite's default rollback-journal mode: write-ahead logging needs shared memory, which home folders
on a network file system do not have (https://www.sqlite.org/wal.html).

From a check::

    receipt = progress.record("p0.pid1", "not_yet", points=0, possible=10, seed=7, seconds=3.2,
                              observations=[{"asked": "...", "expected": "...", "seen": "...", "ok": False}],
                              hint_key="no-reaping")
    receipt.saved, receipt.message

Recording never raises for the state of the computer (no workspace, a read-only disk): a verdict is shown
either way, with `receipt.message` under it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from helpers.course.workspace import Workspace, find
from helpers.errors import CourseError

__all__ = [
    "OUTCOMES",
    "Attempt",
    "ExerciseProgress",
    "Predicted",
    "Receipt",
    "attempts",
    "hint_level",
    "predictions",
    "record",
    "record_hint",
    "record_observed",
    "record_prediction",
    "summary",
]

OUTCOMES = ("passed", "not_yet", "not_started", "lab_failed", "timed_out")
"""What `checks.verdict.Outcome` can say; helpers may not import checks, so the words stand here too."""

_SCHEMAS = (
    """
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, exercise TEXT NOT NULL, outcome TEXT NOT NULL,
    points INTEGER NOT NULL, possible INTEGER NOT NULL, seed INTEGER, seconds REAL NOT NULL,
    hint_key TEXT, note TEXT NOT NULL, observations INTEGER NOT NULL);
CREATE INDEX attempts_by_exercise ON attempts (exercise);
CREATE TABLE observations (
    attempt INTEGER NOT NULL REFERENCES attempts (id), position INTEGER NOT NULL,
    asked TEXT NOT NULL, expected TEXT NOT NULL, seen TEXT NOT NULL, ok INTEGER NOT NULL,
    PRIMARY KEY (attempt, position));
CREATE TABLE predictions (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, exercise TEXT NOT NULL, question TEXT NOT NULL,
    answer TEXT NOT NULL, correct INTEGER);
CREATE TABLE hints (
    exercise TEXT NOT NULL, level INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY (exercise, level));
""",
    """
CREATE TABLE observed (
    exercise TEXT NOT NULL, question TEXT NOT NULL, actual TEXT NOT NULL, PRIMARY KEY (exercise, question));
""",
)
"""What each version of the file adds to the one before."""
_VERSION = len(_SCHEMAS)
_BUSY_SECONDS = 10.0
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True)
class Receipt:
    """Whether something was saved. `message` is for the learner: empty when there is nothing to tell."""

    saved: bool
    message: str = ""


@dataclass(frozen=True)
class Attempt:
    """One recorded verdict, `observations` as they were given; `at` is UTC, ISO 8601; `seconds` the check's
    time.
    """

    exercise: str
    outcome: str
    points: int
    possible: int
    seed: int | None
    seconds: float
    hint_key: str | None
    note: str
    at: str
    observations: tuple[dict[str, Any], ...] = field(default=())


@dataclass(frozen=True)
class ExerciseProgress:
    """Where a learner stands with one exercise: the best `points` of all attempts, and how many there were.

    `attempts` counts verdicts on their work (`not_started` and `lab_failed` say nothing of it).
    """

    exercise: str
    passed: bool
    points: int
    possible: int
    attempts: int
    hints_used: int
    last_outcome: str | None
    last_at: str | None
    predictions: int = 0
    predictions_correct: int = 0


def record(
    exercise: str,
    outcome: str,
    *,
    points: int = 0,
    possible: int = 0,
    seed: int | None = None,
    seconds: float = 0.0,
    observations: Iterable[Mapping[str, Any]] = (),
    hint_key: str | None = None,
    note: str = "",
    workspace: Workspace | None = None,
) -> Receipt:
    """Save one verdict, whole or not at all.

    `outcome` is one of `OUTCOMES` (a `StrEnum` member will do); each observation has `asked`, `expected`,
    `seen` and `ok`. Raises CourseError for an outcome that does not exist: that is a mistake in the check.
    """
    if str(outcome) not in OUTCOMES:
        raise CourseError(f"verdict of {exercise}: no outcome {outcome!r}; there are {', '.join(OUTCOMES)}")
    rows = [(str(o["asked"]), str(o["expected"]), str(o["seen"]), bool(o["ok"])) for o in observations]

    def write(db: sqlite3.Connection) -> None:
        cursor = db.execute(
            "INSERT INTO attempts (at, exercise, outcome, points, possible, seed, seconds, hint_key, note,"
            " observations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_now(), exercise, str(outcome), points, possible, seed, seconds, hint_key, note, len(rows)),
        )
        db.executemany(
            "INSERT INTO observations VALUES (?, ?, ?, ?, ?, ?)",
            [(cursor.lastrowid, position, *row) for position, row in enumerate(rows)],
        )

    return _save(write, workspace)


def record_prediction(
    exercise: str, question: str, answer: str, correct: bool | None, *, workspace: Workspace | None = None
) -> Receipt:
    """Save what a learner predicted before looking; `correct` is None while the answer is not known."""

    def write(db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT INTO predictions (at, exercise, question, answer, correct) VALUES (?, ?, ?, ?, ?)",
            (_now(), exercise, question, answer, correct),
        )

    return _save(write, workspace)


def record_observed(
    exercise: str, question: str, actual: str, *, workspace: Workspace | None = None
) -> Receipt:
    """Save what came out, once the learner has been shown it; shown again, the last one counts."""

    def write(db: sqlite3.Connection) -> None:
        db.execute("INSERT OR REPLACE INTO observed VALUES (?, ?, ?)", (exercise, question, actual))

    return _save(write, workspace)


@dataclass(frozen=True)
class Predicted:
    """A recorded prediction: the question, what the learner said, and whether it was so.

    `actual` is what came out; None where the learner has not been shown it.
    """

    exercise: str
    question: str
    answer: str
    correct: bool | None
    actual: str | None = None


def predictions(exercise: str | None = None, *, workspace: Workspace | None = None) -> list[Predicted]:
    """Every recorded prediction, oldest first. Raises CourseError when the file cannot be read."""
    found = workspace or find()
    if found is None or not found.database.exists():
        return []
    with _open(found) as (db, _):
        rows = db.execute(
            "SELECT p.*, o.actual FROM predictions p LEFT JOIN observed o USING (exercise, question)"
            " ORDER BY p.id"
        ).fetchall()
    return [
        Predicted(
            o["exercise"],
            o["question"],
            o["answer"],
            None if o["correct"] is None else bool(o["correct"]),
            o["actual"],
        )
        for o in rows
        if exercise in (None, o["exercise"])
    ]


def record_hint(exercise: str, level: int, *, workspace: Workspace | None = None) -> Receipt:
    """Save that a hint was shown; the first time counts."""

    def write(db: sqlite3.Connection) -> None:
        db.execute("INSERT OR IGNORE INTO hints VALUES (?, ?, ?)", (exercise, level, _now()))

    return _save(write, workspace)


def hint_level(exercise: str, *, workspace: Workspace | None = None) -> int:
    """The highest hint level shown so far, 0 when none."""
    found = workspace or find()
    if found is None or not found.database.exists():
        return 0
    with _open(found) as (db, _):
        return int(
            db.execute(
                "SELECT coalesce(max(level), 0) FROM hints WHERE exercise = ?", (exercise,)
            ).fetchone()[0]
        )


def attempts(exercise: str | None = None, *, workspace: Workspace | None = None) -> list[Attempt]:
    """Every recorded verdict, oldest first. Raises CourseError when the file cannot be read."""
    found = workspace or find()
    if found is None or not found.database.exists():
        return []
    with _open(found) as (db, _):
        seen: dict[int, list[dict[str, Any]]] = {}
        for o in db.execute("SELECT * FROM observations ORDER BY attempt, position"):
            seen.setdefault(o["attempt"], []).append(
                {"asked": o["asked"], "expected": o["expected"], "seen": o["seen"], "ok": bool(o["ok"])}
            )
        names = [f for f in Attempt.__dataclass_fields__ if f != "observations"]
        return [
            Attempt(**{name: row[name] for name in names}, observations=tuple(seen.get(row["id"], ())))
            for row in db.execute("SELECT * FROM attempts ORDER BY id")
            if exercise in (None, row["exercise"])
        ]


def summary(*, workspace: Workspace | None = None) -> dict[str, ExerciseProgress]:
    """Where the learner stands, by exercise id, for every exercise with a verdict, prediction or hint.

    Empty without a workspace. Raises CourseError when the file cannot be read.
    """
    found = workspace or find()
    if found is None or not found.database.exists():
        return {}
    with _open(found) as (db, _):
        rows = db.execute(_SUMMARY).fetchall()
    return {row["exercise"]: ExerciseProgress(**{**dict(row), "passed": bool(row["passed"])}) for row in rows}


_SUMMARY = """
WITH ids AS (SELECT exercise FROM attempts UNION SELECT exercise FROM predictions
             UNION SELECT exercise FROM hints)
SELECT exercise,
       EXISTS (SELECT 1 FROM attempts a WHERE a.exercise = ids.exercise AND outcome = 'passed') AS passed,
       (SELECT coalesce(max(points), 0) FROM attempts a WHERE a.exercise = ids.exercise) AS points,
       (SELECT coalesce(max(possible), 0) FROM attempts a WHERE a.exercise = ids.exercise) AS possible,
       (SELECT count(*) FROM attempts a WHERE a.exercise = ids.exercise
        AND outcome NOT IN ('not_started', 'lab_failed')) AS attempts,
       (SELECT coalesce(max(level), 0) FROM hints h WHERE h.exercise = ids.exercise) AS hints_used,
       (SELECT outcome FROM attempts a WHERE a.exercise = ids.exercise ORDER BY id DESC LIMIT 1)
         AS last_outcome,
       (SELECT at FROM attempts a WHERE a.exercise = ids.exercise ORDER BY id DESC LIMIT 1) AS last_at,
       (SELECT count(*) FROM predictions p WHERE p.exercise = ids.exercise) AS predictions,
       (SELECT coalesce(sum(correct), 0) FROM predictions p WHERE p.exercise = ids.exercise)
         AS predictions_correct
FROM ids ORDER BY exercise
"""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _save(write: Any, workspace: Workspace | None) -> Receipt:
    found = workspace or find()
    if found is None:
        return Receipt(
            False,
            "Not saved: not inside a workspace. `initlab open` makes one; notebooks opened there save.",
        )
    try:
        with _open(found) as (db, told), db:  # `with db` is the transaction
            db.execute("BEGIN IMMEDIATE")
            write(db)
        return Receipt(True, told)
    except CourseError as error:
        return Receipt(False, f"Not saved: {error.message}" + (f" Next: {error.hint}" if error.hint else ""))


@contextmanager
def _open(workspace: Workspace) -> Iterator[tuple[sqlite3.Connection, str]]:
    """The database, made where missing, and what to tell the learner about it. Raises CourseError."""
    path = workspace.database
    told = ""
    try:
        try:
            db = _connect(path)
        except sqlite3.DatabaseError as error:
            if _code(error) not in _DAMAGED:
                raise
            told = _move_aside(path)
            db = _connect(path)
        try:
            yield db, told
        finally:
            db.close()
    except sqlite3.Error as error:
        raise CourseError(
            f"{path}: {error}",
            hint=f"ls -ld {path.parent} {path}   (it must be a file you may write, on a disk with room)",
        ) from error


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code (https://www.sqlite.org/rescode.html): the low byte of the extended
    one.
    """
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def _connect(path: Path) -> sqlite3.Connection:
    """Open, look the file over, and make the tables. sqlite3.Error when any of that fails."""
    # isolation_level=None: we say BEGIN ourselves, so that nothing commits behind our back.
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        fault = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if fault != "ok":
            damaged = sqlite3.DatabaseError(fault)
            damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damaged
        if _version(db) < _VERSION:
            # Two checks may come here at once: the second waits for the lock and then finds the tables made.
            db.execute("BEGIN IMMEDIATE")
            for schema in _SCHEMAS[_version(db) :]:
                for statement in filter(str.strip, schema.split(";")):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {max(_version(db), _VERSION)}")
            db.execute("COMMIT")
        if _version(db) > _VERSION:
            raise CourseError(
                f"{path} was written by a newer initlab", hint="upgrade the course: git pull && make lab"
            )
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _move_aside(path: Path) -> str:
    """Put a damaged database out of the way; nothing is deleted. Returns what to tell."""
    with FileLock(path.with_name(path.name + ".lock")):
        try:
            _connect(path).close()
            return ""  # another process has moved it in the meantime
        except sqlite3.DatabaseError as error:
            if _code(error) not in _DAMAGED:
                raise
        number = 1
        while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
            number += 1
        # A journal needs no care: SQLite plays it back, or drops it, before it looks at the file at all.
        path.rename(aside)
    return f"The progress file was damaged. It is kept as {aside}; a new one was started."
