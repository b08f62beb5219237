"""A small layered graph drawing, for where Graphviz is not installed.

The method of Sugiyama, Tagawa and Toda (1981): rows are given; a line that passes a row gets a bend
there; rows are sorted by the mean position of their neighbours so that few lines cross; then every
box moves towards its neighbours as far as the others let it. Nothing is random: the same graph gives
the same picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from helpers.show.parts import LINE, RED, Edge, Node, colours, edge_look, outline_width, sublabel

__all__ = ["draw"]

_GAP, _ROW, _BOX, _MARGIN = 24.0, 92.0, 42.0, 14.0
_SWEEPS = 8
_FONT = "font-family=\"'DejaVu Sans',Verdana,Arial,sans-serif\""


@dataclass(eq=False)
class _Spot:
    """A box, or the bend of a line in a row it passes (`node` is None)."""

    row: int
    node: Node | None
    width: float
    above: list[_Spot] = field(default_factory=list)
    below: list[_Spot] = field(default_factory=list)
    x: float = 0.0


def draw(nodes: Sequence[Node], edges: Sequence[Edge], caption: str, *, alarm: bool = False) -> str:
    """An `<svg>` element; the caption is red when `alarm`."""
    spots = {node.name: _Spot(node.row, node, _box_width(node)) for node in nodes}
    rows: list[list[_Spot]] = [[] for _ in range(1 + max((node.row for node in nodes), default=-1))]
    for spot in spots.values():
        rows[spot.row].append(spot)
    chains = {edge: _chain(spots[edge.source], spots[edge.target], rows) for edge in edges}
    _sort(rows)
    _place(rows)

    left = min((s.x - s.width / 2 for row in rows for s in row), default=0.0)
    right = max((s.x + s.width / 2 for row in rows for s in row), default=0.0)
    loops = any(edge.source == edge.target for edge in edges)
    boxes_width = right - left + (34 if loops else 0)
    width = max(boxes_width, 6.6 * len(caption)) + 2 * _MARGIN
    shift = (width - boxes_width) / 2 - left
    height = _ROW * max(len(rows), 1) + 20
    for row in rows:
        for spot in row:
            spot.x += shift

    marked_last = sorted(chains.items(), key=lambda chain: (chain[0].in_cycle, chain[0].critical))
    parts = [_line(edge, chain, len(rows)) for edge, chain in marked_last]
    parts += [_box(spot.node, spot.x, _y(spot.row, len(rows))) for row in rows for spot in row if spot.node]
    parts.append(
        f'<text x="{width / 2:.1f}" y="{height - 8:.1f}" text-anchor="middle" font-size="12" {_FONT} '
        f'fill="{RED if alarm else LINE}">{escape(caption)}</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">' + "".join(parts) + "</svg>"
    )


def _box_width(node: Node) -> float:
    return max(76.0, 9.2 * len(node.name) + 26, 6.9 * len(sublabel(node)) + 22)


def _y(row: int, rows: int) -> float:
    """The middle of a row; row 0, which starts first, is the lowest."""
    return _MARGIN + _BOX / 2 + (rows - 1 - row) * _ROW


def _chain(source: _Spot, target: _Spot, rows: list[list[_Spot]]) -> list[_Spot]:
    """The spots a line passes, from source to target, with a new bend in every row between."""
    step = 1 if target.row > source.row else -1
    between = [_Spot(row, None, 10.0) for row in range(source.row + step, target.row, step)]
    for bend in between:
        rows[bend.row].append(bend)
    chain = [source, *between, target]
    for one, other in pairwise(chain):
        if one.row != other.row:
            low, high = sorted((one, other), key=lambda spot: spot.row)
            low.above.append(high)
            high.below.append(low)
    return chain


def _sort(rows: list[list[_Spot]]) -> None:
    """Sort each row by the mean place of its neighbours, downwards and upwards in turn."""
    for sweep in range(_SWEEPS):
        upwards = sweep % 2 == 0
        for row in rows if upwards else reversed(rows):
            place = {id(spot): i for line in rows for i, spot in enumerate(line)}

            def mean(spot: _Spot, upwards: bool = upwards, place: dict[int, int] = place) -> float:
                near = spot.below if upwards else spot.above
                return _mean(place[id(other)] for other in near) if near else place[id(spot)]

            row.sort(key=mean)


def _place(rows: list[list[_Spot]]) -> None:
    for row in rows:
        for i, spot in enumerate(row):
            spot.x = row[i - 1].x + _distance(row[i - 1], spot) if i else 0.0
        middle = (row[0].x + row[-1].x) / 2
        for spot in row:
            spot.x -= middle
    for sweep in range(_SWEEPS * 2):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [_mean(o.x for o in s.above + s.below) if s.above or s.below else s.x for s in row]
            # The mean of two allowed placements, one pushed right and one pushed left, is allowed.
            pushed_right = list(wanted)
            for i in range(1, len(row)):
                pushed_right[i] = max(wanted[i], pushed_right[i - 1] + _distance(row[i - 1], row[i]))
            pushed_left = list(wanted)
            for i in range(len(row) - 2, -1, -1):
                pushed_left[i] = min(wanted[i], pushed_left[i + 1] - _distance(row[i], row[i + 1]))
            for spot, one, other in zip(row, pushed_right, pushed_left, strict=True):
                spot.x = (one + other) / 2
    for row in rows:
        tied = [i for i, spot in enumerate(row) if spot.above or spot.below]
        if tied:  # boxes without lines at either end were left behind: bring them near
            for i in range(tied[0] - 1, -1, -1):
                row[i].x = row[i + 1].x - _distance(row[i], row[i + 1])
            for i in range(tied[-1] + 1, len(row)):
                row[i].x = row[i - 1].x + _distance(row[i - 1], row[i])


def _distance(one: _Spot, other: _Spot) -> float:
    return (one.width + other.width) / 2 + _GAP


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def _port(spot: _Spot, other: _Spot) -> float:
    """Where on a box's upper or lower side a line is tied: lines side by side, in their neighbours' order."""
    if spot.node is None:
        return spot.x
    side = sorted(spot.above if other.row > spot.row else spot.below, key=lambda s: s.x)
    room = min(spot.width * 0.6, 16.0 * (len(side) - 1))
    index = next((i for i, s in enumerate(side) if s is other), 0)
    return spot.x + (room * (index / (len(side) - 1) - 0.5) if len(side) > 1 else 0.0)


def _line(edge: Edge, chain: list[_Spot], rows: int) -> str:
    colour, stroke = edge_look(edge)
    source, target = chain[0], chain[-1]
    if source is target:
        x, y = source.x + source.width / 2, _y(source.row, rows)
        path = _curve(x, y - 9, x + 34, y - 22, x + 34, y + 22, x + 8, y + 9)
        head = f"{x:.1f},{y + 7:.1f} {x + 10:.1f},{y + 4:.1f} {x + 8:.1f},{y + 13:.1f}"
    elif source.row == target.row:  # two of a cycle that ended up side by side: go below both
        x, y = target.x, _y(source.row, rows) + _BOX / 2
        path = _curve(source.x, y, source.x, y + 34, x, y + 34, x, y + 8)
        head = f"{x:.1f},{y:.1f} {x - 5:.1f},{y + 9:.1f} {x + 5:.1f},{y + 9:.1f}"
    else:
        down = 1 if target.row < source.row else -1
        path = ""
        for one, other in pairwise(chain):
            x0, x1 = _port(one, other), _port(other, one)
            y0 = _y(one.row, rows) + (down * _BOX / 2 if one.node else 0)
            y1 = _y(other.row, rows) - (down * (_BOX / 2 + 8) if other.node else 0)
            bend = (y0 + y1) / 2
            path += _curve(x0, y0, x0, bend, x1, bend, x1, y1)
        x, y = _port(target, chain[-2]), _y(target.row, rows) - down * _BOX / 2
        head = f"{x:.1f},{y:.1f} {x - 5:.1f},{y - down * 9:.1f} {x + 5:.1f},{y - down * 9:.1f}"
    return (
        f"<g><title>{escape(edge.source)} depends on {escape(edge.target)}</title>"
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{stroke}"/>'
        f'<polygon points="{head}" fill="{colour}"/></g>'
    )


def _curve(*numbers: float) -> str:
    """A cubic Bézier curve as SVG path data: start, two control points, end."""
    return "M{:.1f} {:.1f}C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}".format(*numbers)


def _box(node: Node, x: float, y: float) -> str:
    fill, outline, ink = colours(node)
    below = sublabel(node)
    width = _box_width(node)
    dashes = ' stroke-dasharray="5 3"' if node.kind in ("bundle", "missing") else ""
    stroke = outline_width(node)
    lines = (
        f'<text x="{x:.1f}" y="{y + (-2 if below else 5):.1f}" text-anchor="middle" font-size="14" '
        f'font-weight="bold" {_FONT} fill="{ink}">{escape(node.name)}</text>'
    )
    if below:
        lines += (
            f'<text x="{x:.1f}" y="{y + 14:.1f}" text-anchor="middle" font-size="11" {_FONT} '
            f'fill="{ink}">{escape(below)}</text>'
        )
    return (
        f'<g><rect x="{x - width / 2:.1f}" y="{y - _BOX / 2:.1f}" width="{width:.1f}" height="{_BOX:.0f}" '
        f'rx="7" fill="{fill}" stroke="{outline}" stroke-width="{stroke}"{dashes}/>{lines}</g>'
    )
