"""Nodes and edges of a drawn dependency graph, and how each one looks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LINE", "RED", "Edge", "Node", "colours", "sublabel"]

LINE = "#767676"  # readable on white and on a dark theme's background alike
RED = "#c62828"
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
    """A service in the picture. `row` 0 starts first; `kind` is the service's, or `missing`."""

    name: str
    kind: str = "longrun"
    state: str = ""
    row: int = 0
    in_cycle: bool = False


@dataclass(frozen=True)
class Edge:
    """`source` depends on `target`."""

    source: str
    target: str
    in_cycle: bool = False


def colours(node: Node) -> tuple[str, str, str]:
    """Fill, outline and text. A state given wins over being in a cycle: the arrows show the cycle."""
    if node.state:
        return (*_BY_STATE.get(node.state, _PLAIN), _INK)
    if node.in_cycle or node.kind == "missing":
        return ("#fdecea", RED, _INK)
    return (*_PLAIN, _INK)


def sublabel(node: Node) -> str:
    """The second line of a node: what the colours and outlines say, in words."""
    kind = {"longrun": "", "missing": "no such service"}.get(node.kind, node.kind)
    return ", ".join(part for part in (kind, node.state, "in a cycle" if node.in_cycle else "") if part)
