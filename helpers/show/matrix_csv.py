"""The comparison matrix as CSV: a row for each init and measure."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from helpers.probes.measures import MEASURES

if TYPE_CHECKING:
    from helpers.probes.matrix import Matrix

__all__ = ["COLUMNS", "csv_text"]

COLUMNS = (
    "init", "measure", "unit", "n", "median", "min", "max", "comparable", "why_not", "never_compare", "method"
)  # fmt: skip


def csv_text(matrix: Matrix) -> str:
    """Raw units (seconds, bytes); of a word, `median` is the word most runs gave. RFC 4180, with a header.

    An init without a figure has its row too: n is 0, and `why_not` says why.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in matrix.rows:
        for measure in MEASURES:
            found = matrix.measurement(row.init, measure.key)
            why_not = found.why_not or ("" if found.n else row.why or "not measured")
            writer.writerow(
                [
                    row.init,
                    measure.key,
                    measure.unit,
                    found.n,
                    _plain(found.value),
                    _plain(found.low),
                    _plain(found.high),
                    "yes" if found.n and found.comparable else "no",
                    why_not,
                    measure.never,
                    measure.method,
                ]
            )
    return out.getvalue()


def _plain(value: float | str | None) -> str:
    """A number with the digits that mean something; microseconds are below what any probe resolves."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
