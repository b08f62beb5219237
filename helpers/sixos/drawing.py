"""Draws a graph of targets: kinds by outline, what is said as `after` and as `before` by arrow.

An arrow points from who waits to what it waits for, as everywhere in this course. A `before` is drawn dashed,
from who has to wait: so the picture shows which side says it. Drawn by Graphviz where its program `dot` is
installed, otherwise as text.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

from helpers.show.parts import LINE

__all__ = ["Drawing", "chain", "compiled", "written"]

_LOOK = {
    "bundle": {"style": "rounded,filled,dashed", "fillcolor": "#ffffff", "shape": "box"},
    "oneshot": {"style": "filled", "fillcolor": "#f5f7fa", "shape": "box"},
    "longrun": {"style": "rounded,filled", "fillcolor": "#e3f1e4", "shape": "box"},
    "logger": {"style": "rounded,filled", "fillcolor": "#fff1db", "shape": "box"},
    "step": {"style": "rounded,filled", "fillcolor": "#f5f7fa", "shape": "box"},
}
_WIDTH = "8.6,14"  # inches: a notebook's cell, and a page


@dataclass(frozen=True)
class Drawing:
    """A picture. `nodes`: name → kind; `edges`: from, to, how it is said (`after`, `before`, `holds`)."""

    title: str
    caption: str
    nodes: Mapping[str, str]
    edges: Sequence[tuple[str, str, str]]
    direction: str = "LR"

    def __str__(self) -> str:
        """One line for each node."""
        lines = [self.title]
        for name, kind in self.nodes.items():
            said = [f"{how} {target}" for source, target, how in self.edges if source == name]
            lines.append(f"  {name} ({kind}): {', '.join(said)}".rstrip(": "))
        return "\n".join([*lines, self.caption])

    @property
    def dot(self) -> str:
        """The picture in Graphviz's DOT language. Needs the `graphviz` package."""
        import graphviz

        source = graphviz.Digraph(
            graph_attr={
                "rankdir": self.direction,
                "bgcolor": "transparent",
                "size": _WIDTH,
                "pad": "0.2",
                "nodesep": "0.18",
                "ranksep": "0.3" if self.direction == "TB" else "0.5",
                "label": graphviz.escape(self.caption),
                "fontname": "sans-serif",
                "fontsize": "12",
                "fontcolor": LINE,
            },
            node_attr={"fontname": "sans-serif", "fontsize": "13", "height": "0.3", "color": LINE},
            edge_attr={"color": LINE, "arrowsize": "0.7"},
        )
        ids = {name: f"n{number}" for number, name in enumerate(self.nodes)}
        for name, kind in self.nodes.items():
            source.node(ids[name], graphviz.escape(name), **_LOOK[kind])
        for who, target, how in self.edges:
            look = {"before": {"style": "dashed"}, "holds": {"arrowhead": "empty"}}.get(how, {})
            source.edge(ids[who], ids[target], **look)
        return str(source.source)

    def svg(self) -> str | None:
        """One `<svg>` element; None where Graphviz is not installed or fails."""
        if shutil.which("dot") is None:
            return None
        try:
            import graphviz

            drawn = str(graphviz.Source(self.dot).pipe(format="svg", encoding="utf-8", quiet=True))
        except (ImportError, OSError, subprocess.CalledProcessError):
            return None
        drawn = drawn[drawn.index("<svg") :].strip()
        words = f"<title>{escape(self.title)}</title><desc>{escape(str(self))}</desc>"
        head, _, rest = drawn.partition(">")
        return f'{head} role="img" style="max-width:100%;height:auto">{words}{rest}'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        drawn = self.svg()
        return {"text/plain": str(self), **({"image/svg+xml": drawn} if drawn else {})}


def written(graph: Mapping[str, Any], title: str = "as written") -> Drawing:
    """A graph as `SixOS.graph` gives it: nothing is turned round."""
    targets = graph["targets"]
    edges = []
    for name, one in targets.items():
        how = "holds" if one["kind"] == "bundle" else "after"
        edges += [(name, other, how) for other in one["after"]]
        edges += [(other, name, "before") for other in one["before"]]
    caption = "solid: the left one says it, after or what a bundle holds; dashed: the right one says before"
    return Drawing(title, caption, {name: one["kind"] for name, one in targets.items()}, edges)


def compiled(
    edges: Mapping[str, Sequence[str]], kinds: Mapping[str, str], title: str = "as compiled"
) -> Drawing:
    """Name → what it depends on; `kinds` are those of the targets, what is not among them is a logger."""
    nodes = {name: kinds.get(name, "logger") for name in edges}
    pairs = [(name, other, "after") for name, found in edges.items() for other in found]
    return Drawing(title, "green: longruns; yellow: their loggers; square: oneshots", nodes, pairs)


def chain(steps: Sequence[str], title: str = "chain") -> Drawing:
    """One step after the other, the first on top."""
    pairs = [(one, other, "after") for one, other in pairwise(steps)]
    return Drawing(title, "each becomes the next, or starts it", dict.fromkeys(steps, "step"), pairs, "TB")
