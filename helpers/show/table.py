"""Tables that read well in a notebook and in a terminal alike."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["html_table", "text_table"]

_CELL = "padding:3px 12px 3px 0;text-align:left;vertical-align:top;border:none"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded with spaces, two between them; no trailing space."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    return "\n".join(line.rstrip() for line in lines)


def html_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str = "",
    colours: Sequence[str | None] = (),
) -> str:
    """An HTML table; `colours[n]`, where given, is the CSS colour of row n's first cell."""
    head = "".join(f'<th scope="col" style="{_CELL};font-weight:600">{escape(cell)}</th>' for cell in header)
    body = []
    for number, row in enumerate(rows):
        colour = colours[number] if number < len(colours) else None
        cells = []
        for column, cell in enumerate(row):
            mark = f";color:{colour};font-weight:600" if colour and column == 0 else ""
            cells.append(f'<td style="{_CELL}{mark}">{escape(cell)}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    title = f'<caption style="text-align:left;padding:0 0 4px">{escape(caption)}</caption>' if caption else ""
    return (
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums;margin:4px 0">'
        f"{title}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )
