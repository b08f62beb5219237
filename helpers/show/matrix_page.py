"""The comparison matrix as one page: self-contained, nothing in it needs JavaScript or a network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from helpers.probes.measures import MEASURES
from helpers.show.matrix import SIZES, TIMES, UPKEEP, WORDS, heading, notes, unsupported
from helpers.show.matrix_plots import CAPTION

if TYPE_CHECKING:
    from helpers.probes.matrix import Matrix

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2933; background: #f5f7fa; margin: 0; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 60px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; }
h2 { font-size: 20px; margin: 36px 0 10px; }
h3 { font-size: 16px; margin: 18px 0 4px; }
p, ul, dl { margin: 6px 0; max-width: 88ch; }
.lead { color: #52606d; }
.warn { background: #fff4e0; border-left: 4px solid #d98a00; padding: 8px 14px; max-width: none; }
figure, .sheet { background: #fff; border: 1px solid #e1e6ec; border-radius: 8px; margin: 14px 0; }
figure { padding: 14px; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 14px; }
figcaption { color: #52606d; font-size: 14px; }
.sheet { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; width: 100%; }
caption { text-align: left; padding: 10px 12px 4px; font-weight: 600; }
th, td { padding: 7px 9px; text-align: right; vertical-align: top; border-top: 1px solid #edf0f4; }
thead th { border-top: 0; color: #52606d; font-weight: 600; vertical-align: bottom; }
th:first-child, td.word, th.word { text-align: left; }
tbody th { font-weight: 600; white-space: nowrap; position: sticky; left: 0; background: #fff; }
tbody tr:hover td, tbody tr:hover th { background: #f0f5fb; }
small { display: block; color: #6b7683; font-size: 12px; white-space: nowrap; }
.odd { color: #6b7683; font-style: italic; }
dt { font-weight: 600; margin-top: 8px; }
dd { margin: 0 0 0 18px; }
summary { cursor: pointer; font-weight: 600; margin: 10px 0; }
@media print { body { background: #fff; } main { max-width: none; padding: 0; } }
"""


def page(matrix: Matrix) -> str:
    """The whole page as HTML. The same matrix gives the same bytes."""
    count = len(matrix.measured)
    lead = (
        f"The stack “{matrix.stack}” under {count} inits as PID 1, {matrix.rounds()} runs each, round after "
        f"round over all of them, in {matrix.seconds / 60:.1f} minutes."
    )
    parts = [
        f"<h1>Comparison matrix of init systems</h1><p class='lead'>{escape(lead)}</p>",
        *(f"<p class='warn'>{escape(text)}</p>" for text in (_stopped(matrix), matrix.where.noisy) if text),
    ]
    if matrix.measured:
        pictures = "".join(f"<div>{panel.svg()}</div>" for panel in matrix.plot().each())
        caption = f"<figcaption>{escape(CAPTION)}</figcaption>"
        parts.append(f'<figure><div class="panels">{pictures}</div>{caption}</figure>')
    parts += [
        _table(matrix, (*TIMES, *UPKEEP), "Figures: the median, and below it min to max of the runs"),
        _table(matrix, WORDS, "What was seen to happen"),
        _table(matrix, SIZES, "Sizes: of what is written, and of what is installed"),
        "".join(f"<p>{escape(note)}</p>" for note in notes(matrix, [TIMES, UPKEEP, SIZES, WORDS])),
        _added(matrix),
        _declared(matrix),
        _packages(matrix),
        _methods(),
        _where(matrix),
        _notes(matrix),
        _raw(matrix),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Comparison matrix of init systems</title><style>{_STYLE}</style></head>\n"
        f"<body><main>{body}</main></body></html>\n"
    )


def _stopped(matrix: Matrix) -> str:
    return (
        f"The measuring was {matrix.stopped}: this is what had been measured by then."
        if matrix.stopped
        else ""
    )


def _table(matrix: Matrix, keys: tuple[str, ...], caption: str) -> str:
    words = {measure.key for measure in MEASURES if measure.words}
    kind = {key: ' class="word"' if key in words else "" for key in keys}
    head = "".join(f'<th scope="col"{kind[key]}>{escape(heading(key))}</th>' for key in keys)
    body = []
    for row in matrix.measured:
        cells = []
        for key in keys:
            found = matrix.measurement(row.init, key)
            text = escape(found.median)
            if found.n and not found.comparable:
                text = f'<span class="odd" title="{escape(found.why_not)}">{text}&nbsp;*</span>'
            spread = f"<small>{escape(found.spread)}</small>" if found.spread else ""
            cells.append(f"<td{kind[key]}>{text}{spread}</td>")
        body.append(f'<tr><th scope="row">{escape(row.title)}</th>{"".join(cells)}</tr>')
    return _sheet(caption, f'<tr><th scope="col">init</th>{head}</tr>', body)


def _sheet(caption: str, head: str, body: list[str]) -> str:
    return (
        f'<div class="sheet"><table><caption>{escape(caption)}</caption><thead>{head}</thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _words_row(title: str, cells: list[str]) -> str:
    rest = "".join(f'<td class="word">{escape(cell)}</td>' for cell in cells)
    return f'<tr><th scope="row">{escape(title)}</th>{rest}</tr>'


def _words_head(*names: str) -> str:
    return "<tr>" + "".join(f'<th scope="col" class="word">{escape(name)}</th>' for name in names) + "</tr>"


def _added(matrix: Matrix) -> str:
    """What somebody filled in by hand, and remarked."""
    parts = []
    if matrix.added:
        columns = list(matrix.added)
        rows = [row for row in matrix.rows if any(row.init in matrix.added[name] for name in columns)]
        body = [
            _words_row(row.title, [matrix.added[name].get(row.init, "") for name in columns]) for row in rows
        ]
        parts.append(_sheet("Filled in by hand", _words_head("init", *columns), body))
    if matrix.remark:
        parts.append(f"<h2>A surprising number</h2><p>{escape(matrix.remark)}</p>")
    return "".join(parts)


def _declared(matrix: Matrix) -> str:
    body = [_words_row(row.title, [row.ordering, row.logging]) for row in matrix.rows]
    return _sheet("In one line", _words_head("init", "order", "log"), body)


def _packages(matrix: Matrix) -> str:
    body = []
    for row in matrix.rows:
        package = row.package
        if package is None:
            body.append(_words_row(row.title, [row.absent or "not a package of this image", "", "", ""]))
            continue
        brings = ", ".join(package.brings) or "nothing"
        sizes = [f"{size // 1024} KiB" for size in (package.size, package.with_dependencies)]
        body.append(_words_row(row.title, [f"{package.name} {package.version}", *sizes, brings]))
    head = _words_head("init", "package", "installed size", "with what it brings", "brings along")
    return _sheet("Packages, from the image's own dpkg data", head, body)


def _methods() -> str:
    """Each method once, with the measures that come from it and what they must not be compared with."""
    grouped: dict[str, list[str]] = {}
    never: dict[str, str] = {}
    for measure in MEASURES:
        grouped.setdefault(measure.method, []).append(measure.title)
        if measure.never:
            never.setdefault(measure.method, measure.never)
    parts = []
    for method, titles in grouped.items():
        more = f"<dd><strong>Not comparable</strong> {escape(never[method])}.</dd>" if method in never else ""
        parts.append(f"<dt>{escape(', '.join(titles))}</dt><dd>{escape(method)}</dd>{more}")
    return f"<h2>How each figure was obtained</h2><dl>{''.join(parts)}</dl>"


def _where(matrix: Matrix) -> str:
    lines = [
        *matrix.where.lines(),
        ("load at the end", f"{matrix.load_after:.2f}"),
        ("taken by a hypervisor", f"{matrix.stolen:.1%} of the processor's time meanwhile"),
        ("killed", f"the service {matrix.service}"),
        ("watched at rest", f"{matrix.rest:g} s in each run"),
    ]
    body = [_words_row(name, [value]) for name, value in lines]
    return f"<h2>On what machine</h2>{_sheet('', _words_head('', ''), body)}"


def _notes(matrix: Matrix) -> str:
    parts = []
    for row in matrix.rows:
        said = [row.absent] if row.absent else []
        said += row.trouble + unsupported(row)
        if said:
            items = "".join(f"<li>{escape(text)}</li>" for text in said)
            parts.append(f"<h3>{escape(row.title)}</h3><ul>{items}</ul>")
    lead = "What the stack asks for and an init has no words for, and what our renderer wrote instead."
    return f"<h2>What cannot be said</h2><p>{lead}</p>{''.join(parts)}" if parts else ""


def _raw(matrix: Matrix) -> str:
    body = []
    for row in matrix.measured:
        for measure in MEASURES:
            found = matrix.measurement(row.init, measure.key)
            if measure.varies and not measure.words and found.n:
                values = "  ".join(measure.text(value) for value in found.values)
                body.append(_words_row(f"{row.title}: {measure.title}", [measure.show[0], values]))
    if not body:
        return ""
    sheet = _sheet("Each run, in the order they were made", _words_head("", "unit", "values"), body)
    return f"<details><summary>Every single run</summary>{sheet}</details>"
