"""`p0.restart-table`: what a learner wrote down of five ways to run redis, compared with five labs.

Nothing is known beforehand: each row is looked at again, in a lab of its own. Sources of what is seen there:
init(8), start-stop-daemon(8), supervise-daemon(8), runsv(8), systemd.service(5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from checks.behaviours import Finding, Suite, Trial
from checks.pid1.box import place
from helpers.lab import Lab
from helpers.ways import WAYS, Fate, Way, kill

__all__ = ["COLUMNS", "SUITE", "Table"]

COLUMNS = ("way", "back", "parent", "status")
WORDS = {"back": ("never", "at once", "after a second"), "status": ("running", "dead")}
_NEVER = 2.5  # seconds after which nobody brings it back: the slowest takes one
_SURELY = 5.0  # where the table says that it comes back, and a busy computer may be late
_SETTLED = 1.2  # seconds: what has run for less than one is another case (runsv(8))

HINTS: Mapping[str, str] = {
    "incomplete": (
        "The table has a row for each of the five ways, and four words in a row, with commas between them. "
        "What the columns may say stands above the cell."
    ),
    "says-back": (
        "This daemon stays dead, and the table says that it comes back. Who started it, and what did that "
        "one do after it? Kill it in its lab, wait, and look."
    ),
    "says-never": (
        "This daemon comes back, and the table says never. Somebody was told of its end. Kill it in its "
        "lab, and look again a few seconds later."
    ),
    "how-soon": (
        "It does come back, but not as soon as the table says, or sooner. The service's own files say how "
        "long its supervisor holds it back; the measured seconds say it too."
    ),
    "parent": (
        "The parent is not the one that the table names. lab.processes() draws the tree; look while the "
        "daemon runs, from its line upwards."
    ),
    "status": (
        "The init's own command says something else, a few seconds after the kill. It was not asked "
        "beforehand: a status command looks when somebody asks."
    ),
}

_NAMES = {"pid 1", "pid1", "1", "init", "openrc-init", "systemd", "/sbin/init"}


@dataclass(frozen=True)
class Table:
    """The rows of the learner's file by way; `problem` says what cannot be read, empty where all can."""

    rows: Mapping[str, Mapping[str, str]]
    problem: str = ""

    @classmethod
    def read(cls, text: str) -> Table:
        """From comma-separated text: a header, a row for each way. `#` begins a comment, letters may be any
        case, further columns are left aside."""
        lines = [line.partition("#")[0] for line in text.splitlines()]
        cells = [[cell.strip().lower() for cell in line.split(",")] for line in lines if line.strip()]
        header, rows = (cells[0], cells[1:]) if cells else ([], [])
        if missing := [name for name in COLUMNS if name not in header]:
            return cls({}, f"there is no column {', '.join(missing)}")
        found = {}
        for row in rows:
            named = dict(zip(header, row, strict=False))
            found[named["way"]] = {name: named.get(name, "") for name in COLUMNS}
        return cls(found, next((p for name in WAYS if (p := _problem(name, found.get(name)))), ""))


def _problem(name: str, row: Mapping[str, str] | None) -> str:
    if row is None:
        return f"there is no row {name}"
    for column, words in WORDS.items():
        if row[column] not in words:
            return f"{name}, {column}: `{row[column]}` is none of {', '.join(words)}"
    return "" if row["parent"] not in ("", "?") else f"{name}: no parent"


SUITE: Suite[Table] = Suite(HINTS)


@SUITE.behaviour("complete", points=0, asked="a row for each way, in the table's own words")
def complete(trial: Trial, table: Table) -> Finding:
    """It can be read."""
    expected = f"rows {', '.join(WAYS)}"
    if table.problem:
        return trial.no(expected=expected, seen=table.problem, hint="incomplete")
    return trial.ok(expected=expected, seen="so it is")


@dataclass(frozen=True)
class _Owned:
    lab: Lab

    def destroy(self) -> None:
        self.lab.close()


def _row(way: Way) -> Callable[[Trial, Table], Finding]:
    def look(trial: Trial, table: Table) -> Finding:
        row = table.rows[way.name]
        said = f"as written: {row['back']}, {row['parent']}, {row['status']}"
        if missing := way.missing():
            return trial.ok(expected="not looked at", seen=missing)
        lab = trial.own(_Owned(way.start(place()[1]))).lab
        trial.pause(_SETTLED + trial.rng.random() / 2)
        fate = kill(lab, way, patience=_NEVER if row["back"] == "never" else _SURELY)
        seconds = "" if fate.seconds is None else f" ({fate.seconds:.2f} s)"
        seen = f"{fate.back}{seconds}, {fate.parent}, {fate.status}"
        hint = _differs(row, fate)
        if hint:
            # How soon it was is a matter of time: a busy computer may have made it late.
            return trial.no(expected=said, seen=seen, hint=hint, doubtful=hint == "how-soon")
        return trial.ok(expected=said, seen=seen)

    return look


def _differs(row: Mapping[str, str], fate: Fate) -> str:
    """The hint for the first column that says something else than was seen, empty where none does."""
    if row["back"] != fate.back:
        if fate.back == "never":
            return "says-back"
        return "says-never" if row["back"] == "never" else "how-soon"
    is_first = row["parent"] in _NAMES
    # The kernel keeps 15 characters of a name (proc_pid_comm(5)): a learner may have read it there.
    same = is_first if fate.parent == "PID 1" else row["parent"] in (fate.parent, fate.parent[:15])
    if not same:
        return "parent"
    return "" if row["status"] == fate.status else "status"


for _way in WAYS.values():
    SUITE.behaviour(_way.name, points=1, needs=("complete",), asked=f"{_way.title}: kill -9")(_row(_way))
