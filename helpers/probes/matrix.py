"""The comparison matrix: one stack under every init, measured, with how each figure was obtained.

>>> matrix = measure(["runit", "s6"], runs=3)        # doctest: +SKIP
>>> matrix.table()
>>> matrix.save("results")
>>> Matrix.load("results/matrix.json").frame()
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.errors import LabError
from helpers.inits.base import Unsupported
from helpers.probes import measures
from helpers.probes.boot import WAITS
from helpers.probes.config import Config
from helpers.probes.matrix_packages import Package
from helpers.probes.matrix_run import Run
from helpers.probes.matrix_where import Where
from helpers.probes.measurement import Measurement, Raw

if TYPE_CHECKING:
    import pandas as pd

    from helpers.show.matrix import MatrixTable
    from helpers.show.matrix_plots import Plot

__all__ = ["Matrix", "Row", "measure"]

_FORMAT = 1
_KILLED_BY = {"restart_first", "restart_second", "memory_all", "processes", "wakeups", "cpu"}


@dataclass
class Row:
    """One init: what it is, what was measured in each run, and why something is missing.

    `absent` says why it cannot be run here at all; `trouble` what went wrong in the runs, a sentence each.
    `stands_in` where a program of ours does the work of one the image lacks.
    `ordering` and `logging` are the init's own one-liners; `warm_up` is what the boot that does not count
    showed.
    """

    init: str
    title: str
    ordering: str
    logging: str
    config: Config
    unsupported: tuple[Unsupported, ...] = ()
    package: Package | None = None
    absent: str = ""
    stands_in: bool = False
    trouble: list[str] = field(default_factory=list)
    warm_up: dict[str, Raw] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    @property
    def measured(self) -> bool:
        """Whether at least one run came to its end."""
        return bool(self.runs)

    @property
    def why(self) -> str:
        """Why the row is empty or has holes; empty where it has none."""
        said = [self.absent, *self.trouble]
        said += [reason for run in self.runs for reason in run.failed.values()]
        return "; ".join(dict.fromkeys(filter(None, said)))

    def why_not(self, key: str, service: str) -> str:
        """Why a figure must not be compared with the same of the other inits; empty where it may be."""
        values = {run.values.get(key) for run in self.runs}
        if key in _KILLED_BY and any(
            note.field == "restart.policy" and note.service == service for note in self.unsupported
        ):
            return f"{self.title} restarts nothing: this is our shell launcher"
        if self.stands_in and key in ("boot", "shutdown", "package", "package_all"):
            return f"the image lacks a part of {self.title}: a program of ours stands in for it"
        clean = {str(run.values.get("clean", "yes")) for run in self.runs}
        if key == "shutdown" and any(word.startswith("no") for word in clean):
            return "it did not stop the services, it left them to be killed"
        if key in ("memory_pid1", "memory_all") and any(
            run.values.get("memory_source") == "RSS" for run in self.runs
        ):
            return "RSS: pages shared by several processes count in full for each"
        if values == {None} and self.runs and measures.get(key).varies:
            return "not measured"
        return ""


@dataclass
class Matrix:
    """The comparison matrix. In a notebook it shows itself, with plots; `save` makes the page and the data.

    `service` is the one that was killed; `rest` the seconds at rest that were watched; `seconds` how long
    it all took; `stopped` is why it ended early; `stolen` the share of the processor's time a hypervisor
    gave to others meanwhile. `added` are columns filled in by hand (title → init → text) and `remark` a
    paragraph: the page shows both.
    """

    where: Where
    rows: list[Row]
    stack: str = "web"
    service: str = ""
    runs: int = 5
    rest: float = 0.0
    seconds: float = 0.0
    load_after: float = 0.0
    stolen: float = 0.0
    stopped: str = ""
    added: dict[str, dict[str, str]] = field(default_factory=dict)
    remark: str = ""

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def row(self, init: str) -> Row:
        """The row of an init. Raises KeyError with the inits there are."""
        for row in self.rows:
            if row.init == init:
                return row
        raise KeyError(
            f"no init {init!r} in this matrix; there are {', '.join(row.init for row in self.rows)}"
        )

    @property
    def measured(self) -> list[Row]:
        """The rows with at least one run."""
        return [row for row in self.rows if row.measured]

    @property
    def complete(self) -> bool:
        """Whether every init that can be run here was measured in every run, without a hole; one at least."""
        runnable = [row for row in self.rows if not row.absent]
        return bool(runnable and not self.stopped) and all(
            len(row.runs) >= self.runs and not any(run.failed for run in row.runs) for row in runnable
        )

    def measurement(self, init: str, key: str) -> Measurement:
        """One figure of one init. Raises KeyError for an init or a measure that is not there."""
        row, measure = self.row(init), measures.get(key)
        if measure.varies:
            raw = [values.get(key) for values in (row.warm_up, *(run.values for run in row.runs))]
        else:
            package = row.package
            raw = [
                {
                    "config_own": row.config.own_lines,
                    "config_script": row.config.script_lines,
                    "config_bytes": row.config.bytes,
                    "package": package.size if package else None,
                    "package_all": package.with_dependencies if package else None,
                }[key]
            ]
        values = tuple(value for value in raw if value is not None)
        if key == "order" and WAITS in values:
            values = tuple(value for value in values if value == WAITS)
        return Measurement(measure, values, row.why_not(key, self.service))

    def value(self, init: str, key: str) -> float | str | None:
        """The median of one figure in its raw unit (seconds, bytes), or the word; `None` without one."""
        return self.measurement(init, key).value

    def rounds(self) -> int:
        """How many runs the best-measured init has."""
        return max((len(row.runs) for row in self.rows), default=0)

    # -- showing ------------------------------------------------------------------------------

    def table(self, keys: Iterable[str] | None = None) -> MatrixTable:
        """A table of medians: of all that is usually looked at, or of the measures named."""
        from helpers.show.matrix import MatrixTable

        return MatrixTable(self, tuple(keys) if keys is not None else None)

    def plot(self, *keys: str) -> Plot:
        """A picture with a panel for each measure: every run a dot, the median a line."""
        from helpers.show.matrix_plots import Plot

        return Plot(self, keys)

    def frame(self, *, raw: bool = False) -> pd.DataFrame:
        """Medians in raw units, an init in each row; with `raw`, every run in a row of its own."""
        import pandas as pd

        if raw:
            return pd.DataFrame(
                [
                    {"init": row.init, "run": number, **run.values}
                    for row in self.rows
                    for number, run in enumerate(row.runs, 1)
                ]
            )
        keys = [measure.key for measure in measures.MEASURES]
        data = [
            {"init": row.init, **{key: self.value(row.init, key) for key in keys}} for row in self.measured
        ]
        return pd.DataFrame(data, columns=["init", *keys]).set_index("init")

    def __str__(self) -> str:
        from helpers.show.matrix import matrix_text

        return matrix_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from helpers.show.matrix import matrix_html

        return matrix_html(self)

    # -- keeping ------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write matrix.html (one page, self-contained), .csv, .json and .png; returns their paths by kind.

        Without a single run there is no picture. Another measurement that is there already is kept beside it,
        as `matrix.json.1` and so on. Raises `CourseError` when the disk refuses.
        """
        from helpers.course.files import write_atomically
        from helpers.show.matrix_csv import csv_text
        from helpers.show.matrix_page import page

        texts = {"html": page(self), "csv": csv_text(self), "json": self.to_json()}
        data = {kind: text.encode() for kind, text in texts.items()}
        if self.measured:
            data["png"] = self.plot().png()
        folder = Path(folder).expanduser()
        files = {kind: folder / f"matrix.{kind}" for kind in data}
        if self._is_another(files["json"]):
            for file in (folder / f"matrix.{kind}" for kind in ("html", "csv", "json", "png")):
                if file.exists():
                    file.replace(file.with_name(f"{file.name}.1"))
        for kind, content in data.items():
            write_atomically(files[kind], content)
        return files

    def _is_another(self, file: Path) -> bool:
        """Whether `file` holds a measurement with runs in it that are not among ours."""
        try:
            there = Matrix.load(file)
        except LabError:
            return False
        mine = {row.init: row.runs for row in self.rows}
        return any(run not in mine.get(row.init, []) for row in there.rows for run in row.runs)

    def to_json(self) -> str:
        """Everything, with the raw values of each run."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def load(cls, path: str | Path) -> Matrix:
        """A matrix that was saved: its JSON file, or the folder it is in.

        Raises `LabError` for a file that is missing or no matrix.
        """
        path = Path(path).expanduser()
        path = path / "matrix.json" if path.is_dir() else path
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data.pop("format") != _FORMAT:
                raise ValueError("another format")
            return _restore(data)
        except OSError as error:
            raise LabError(f"{path}: {error.strerror}", hint="initlab matrix --output DIR") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LabError(
                f"{path} is no comparison matrix: {error}", hint="initlab matrix --output DIR"
            ) from None


def _restore(data: dict[str, Any]) -> Matrix:
    rows = []
    for row in data.pop("rows"):
        package = row.pop("package")
        if package is not None:
            package = Package(**package | {"brings": tuple(package["brings"])})
        rows.append(
            Row(
                config=Config(**row.pop("config")),
                unsupported=tuple(Unsupported(**note) for note in row.pop("unsupported")),
                package=package,
                runs=[Run(**run) for run in row.pop("runs")],
                **row,
            )
        )
    return replace(Matrix(Where(**data.pop("where")), rows), **data)


def measure(
    inits: Iterable[str] | None = None,
    *,
    stack: str = "web",
    runs: int = 5,
    rest: float | None = None,
    engine: str | None = None,
    progress: bool = True,
) -> Matrix:
    """Boot a stack under each init and measure it `runs` times; see `helpers.probes.matrix_rounds`."""
    from helpers.probes.matrix_rounds import Rounds

    rounds = Rounds(inits, stack=stack, runs=runs, rest=rest, engine=engine)
    return rounds.measure(progress=progress)
