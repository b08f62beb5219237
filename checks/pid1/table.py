"""The table of the suite: behaviour by init, each cell with what was seen."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

__all__ = ["Cell", "Result", "Table"]


class Result(StrEnum):
    """What a cell says."""

    KEPT = "kept"
    DIFFERENT = "different by contract"
    NOT_KEPT = "not kept"
    NOT_ASKED = "not asked"
    HUNG = "hung"

    @classmethod
    def _missing_(cls, value: object) -> Result | None:
        """Tables that were saved before have another word for one of them."""
        return cls.DIFFERENT if value == "by contract different" else None


@dataclass(frozen=True)
class Cell:
    """One behaviour of one init.

    `seen` is the observation, `expected` what keeps the behaviour. `deviation` is the key of the way it is
    not
    kept (a hint's key), empty where it is. `why` is the reason of a difference of contract, or why it was not
    asked; `source` where the contract is written. `seconds` it took.
    """

    init: str
    behaviour: str
    result: Result
    asked: str = ""
    expected: str = ""
    seen: str = ""
    deviation: str = ""
    why: str = ""
    source: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Table:
    """All cells of one run. Shows itself in a notebook and in a terminal.

    `seconds` is how long the run took, `seed` repeats its random numbers.
    """

    cells: tuple[Cell, ...]
    seed: int = 0
    seconds: float = 0.0

    @property
    def inits(self) -> tuple[str, ...]:
        """The names of the inits, in the order they were given."""
        return tuple(dict.fromkeys(cell.init for cell in self.cells))

    def cell(self, init: str, behaviour: str) -> Cell | None:
        """One cell, or None where this behaviour was not one of the run."""
        return next((c for c in self.cells if (c.init, c.behaviour) == (init, behaviour)), None)

    def of(self, *results: Result) -> tuple[Cell, ...]:
        """The cells with one of these results."""
        return tuple(cell for cell in self.cells if cell.result in results)

    def count(self, init: str, result: Result) -> int:
        """How many behaviours of an init have a result."""
        return sum(cell.init == init and cell.result is result for cell in self.cells)

    @property
    def conforms(self) -> bool:
        """Whether everything that was asked is kept, or differs by contract."""
        return not self.of(Result.NOT_KEPT, Result.HUNG)

    def to_json(self) -> str:
        """Everything, as JSON text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Table:
        """The table `to_json` wrote. Raises `ValueError` for a text that is none."""
        try:
            data = json.loads(text)
            cells = tuple(Cell(**{**cell, "result": Result(cell["result"])}) for cell in data["cells"])
            return cls(cells, int(data["seed"]), float(data["seconds"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no table of this suite: {error!r}") from None

    def to_csv(self) -> str:
        """A row for each cell (RFC 4180)."""
        out = io.StringIO()
        names = list(asdict(Cell("", "", Result.KEPT)))
        writer = csv.DictWriter(out, names, lineterminator="\r\n")
        writer.writeheader()
        for cell in self.cells:
            writer.writerow({**asdict(cell), "result": str(cell.result), "seconds": f"{cell.seconds:.2f}"})
        return out.getvalue()

    def save(self, folder: Path) -> dict[str, Path]:
        """Write pid1.json, pid1.csv, pid1.html and pid1.txt; their paths by ending."""
        from helpers.course.files import write_atomically

        folder.mkdir(parents=True, exist_ok=True)
        texts = {"json": self.to_json(), "csv": self.to_csv(), "html": self._repr_html_(), "txt": f"{self}\n"}
        files = {ending: folder / f"pid1.{ending}" for ending in texts}
        for ending, text in texts.items():
            write_atomically(files[ending], text.encode())
        return files

    def rows(self) -> list[tuple[str, Sequence[Cell | None]]]:
        """For each behaviour its cells, in the order of `inits`; None where one was not in the run."""
        names = tuple(dict.fromkeys(cell.behaviour for cell in self.cells))
        found = {(cell.init, cell.behaviour): cell for cell in self.cells}
        return [(name, [found.get((init, name)) for init in self.inits]) for name in names]

    def __str__(self) -> str:
        from helpers.show.conformance import conformance_text

        return conformance_text(self)

    def _repr_html_(self) -> str:
        from helpers.show.conformance import conformance_html

        return conformance_html(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """HTML and text, both always."""
        return {"text/plain": str(self), "text/html": self._repr_html_()}
