"""Nodes and edges of a drawn dependency graph, and how each one looks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BLUE", "LINE", "RED", "Edge", "Node", "colours", "edge_look", "outline_width", "sublabel"]

LINE = "#767676"  # readable on white and on a dark theme's background alike
RED = "#c62828"
BLUE = "#1565c0"
_INK = "#1f2933"
_GREEN, _AMBER = "#2e7d32", "#b26a00"
_BY_STATE = {
    "ready": ("#e3f1e4", _GREEN),
    "up": ("#e3f1e4", _GREEN),
    "starting": ("#fff1db", _AMBER),
    "stopping": ("#fff1db", _AMBER),
    "down": ("#eceff1", "#546e7a"),
    "failed": ("#fdecea", RED),
}
_PLAIN = ("#f5f7fa", LINE)


@dataclass(frozen=True)
class Node:
    """A service in the picture. `row` 0 starts first; `kind` is the service's, or `missing`.

    `seconds` is how long it took itself, where that is shown.
    """

    name: str
    kind: str = "longrun"
    state: str = ""
    row: int = 0
    in_cycle: bool = False
    critical: bool = False
    seconds: float | None = None


@dataclass(frozen=True)
class Edge:
    """`source` depends on `target`."""

    source: str
    target: str
    in_cycle: bool = False
    critical: bool = False


def colours(node: Node) -> tuple[str, str, str]:
    """Fill, outline and text. A state given wins over being in a cycle: the arrows show the cycle. What is
    on the critical path keeps its state's fill, and has the path's outline."""
    if node.critical and not node.in_cycle:
        fill, _ = _BY_STATE.get(node.state, _PLAIN)
        return (fill, BLUE, _INK)
    if node.state:
        return (*_BY_STATE.get(node.state, _PLAIN), _INK)
    if node.in_cycle or node.kind == "missing":
        return ("#fdecea", RED, _INK)
    return (*_PLAIN, _INK)


def outline_width(node: Node) -> float:
    """Of the box's outline: the critical path is thick, so that it is seen without colours too."""
    return 3.5 if node.critical else 2.0 if node.in_cycle or node.state else 1.2


def edge_look(edge: Edge) -> tuple[str, float]:
    """Colour and width of an arrow. A cycle wins: a graph that has one has no critical path."""
    return (RED, 2.2) if edge.in_cycle else (BLUE, 3.0) if edge.critical else (LINE, 1.4)


def sublabel(node: Node) -> str:
    """The second line of a node: what the colours and outlines say, in words."""
    kind = {"longrun": "", "missing": "no such service"}.get(node.kind, node.kind)
    took = "" if node.seconds is None else f"{node.seconds:.2f} s"
    return ", ".join(part for part in (kind, node.state, took, "in a cycle" if node.in_cycle else "") if part)
