"""Draw a dependency graph: who needs whom, which can start together, where a cycle is, what takes longest.

An arrow points from a service to what it depends on, so the bottom row starts first. Drawn by
Graphviz where its program `dot` is installed, otherwise by `helpers.show.layers`; in a terminal,
as text.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any, Literal

from helpers.manifest import Graph, Manifest, critical_path, cycles, levels
from helpers.show.layers import draw
from helpers.show.parts import RED, Edge, Node, colours, edge_look, outline_width, sublabel

__all__ = ["DependencyGraph", "dependency_graph"]

_CAPTION = "An arrow points to what a service depends on."


def dependency_graph(
    graph: Graph,
    *,
    state: Mapping[str, str] | None = None,
    cycle: Sequence[str] | None = None,
    seconds: Mapping[str, float] | None = None,
    title: str = "",
    renderer: Literal["auto", "dot", "own"] = "auto",
) -> DependencyGraph:
    """The picture of a manifest's dependencies, or of a mapping from name to the names it needs.

    `state` gives states to show (`ready`, `up`, `starting`, `stopping`, `down`, `failed`); each is
    written out as well as coloured. `cycle` is a path to mark (`("app", "redis", "app")`); by
    default every cycle found is marked. `seconds` says how long each service took itself
    (`helpers.manifest.own_seconds`): then it is written, and the critical path is marked in a graph without
    cycles. Broken graphs are drawn too: a cycle in red, a name that is
    depended on and not there as a box of its own. `renderer` is for tests; the choice is made by
    what is installed.
    """
    kinds, needs = _read(graph)
    known = {name: [need for need in found if need in kinds] for name, found in needs.items()}
    paths = tuple(cycles(known)) if cycle is None else (tuple(cycle),)
    marked = {pair for path in paths for pair in pairwise(path)}
    absent = dict.fromkeys(need for found in needs.values() for need in found if need not in kinds)
    rows = _rows({**known, **{name: [] for name in absent}}, needs)
    states = state or {}
    took = {name: seconds[name] for name in kinds if name in seconds} if seconds else {}
    path = critical_path(known, took) if took and not cycles(known) else ()
    on_path = set(pairwise(path))
    nodes = tuple(
        Node(
            name=name,
            kind=kinds.get(name, "missing"),
            state=states.get(name, ""),
            row=row,
            in_cycle=any(name in pair for pair in marked),
            critical=name in path,
            seconds=took.get(name),
        )
        for row, names in enumerate(rows)
        for name in names
    )
    links = tuple(
        Edge(name, need, in_cycle=(name, need) in marked, critical=(need, name) in on_path)
        for name, found in needs.items()
        for need in found
    )
    default = graph.name if isinstance(graph, Manifest) else "dependencies"
    return DependencyGraph(title or default, nodes, links, paths, renderer, path)


def _read(graph: Graph) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Name → kind, and name → what it needs; unlike `edges`, without a word about missing names."""
    if isinstance(graph, Manifest):
        kinds = {service.name: service.kind for service in graph.services}
        return dict(kinds), {s.name: tuple(dict.fromkeys(s.depends_on)) for s in graph.services}
    needs = {name: tuple(dict.fromkeys(found)) for name, found in graph.items()}
    return dict.fromkeys(needs, "longrun"), needs


def _rows(known: dict[str, list[str]], needs: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Levels, the first to start first; of each cycle the closing dependency is set aside."""
    left = {name: [need for need in needs.get(name, ()) if need in known] for name in known}
    while found := cycles(left):
        for path in found:
            left[path[-2]].remove(path[-1])
    return levels(left)


@dataclass(frozen=True)
class DependencyGraph:
    """A drawn dependency graph: shows as a picture in a notebook and as text in a terminal."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    cycles: tuple[tuple[str, ...], ...] = ()
    renderer: Literal["auto", "dot", "own"] = "auto"
    critical: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """The length of the critical path in seconds; 0 where none is marked."""
        return sum(node.seconds or 0.0 for node in self.nodes if node.critical)

    def __str__(self) -> str:
        """One line for each service, in levels: the services of a level can start together."""
        rows = 1 + max((node.row for node in self.nodes), default=-1)
        lines = [f"{self.title}: {_count(len(self.nodes), 'service')} in {_count(rows, 'level')}"]
        needs: dict[str, list[str]] = {}
        for edge in self.edges:
            needs.setdefault(edge.source, []).append(edge.target)
        width = max((len(node.name) for node in self.nodes), default=0)
        previous = -1
        for node in self.nodes:
            number = f"{node.row + 1:>2}" if node.row != previous else "  "
            previous = node.row
            notes = [sublabel(node)] if sublabel(node) else []
            if node.name in needs:
                notes.append("needs " + ", ".join(needs[node.name]))
            lines.append(f"{number}  {node.name:<{width}}  {'; '.join(notes)}".rstrip())
        lines += [f"cycle: {' → '.join(path)}" for path in self.cycles]
        if self.critical:
            lines.append(f"critical path: {' → '.join(self.critical)}, {self.seconds:.2f} s")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<DependencyGraph {self.title}: {_count(len(self.nodes), 'service')}>"

    @property
    def caption(self) -> str:
        """What stands below the picture."""
        parts = [_CAPTION, *(f"Cycle: {' → '.join(path)}." for path in self.cycles)]
        if self.critical:
            parts.append(f"Thick: the critical path, {self.seconds:.2f} s.")
        return " ".join(parts)

    @property
    def svg(self) -> str:
        """The picture as one `<svg>` element with a title and a description; the same for the same graph."""
        drawn = self._by_dot() if self.renderer != "own" else None
        return self._described(drawn or draw(self.nodes, self.edges, self.caption, alarm=bool(self.cycles)))

    @property
    def dot(self) -> str:
        """The graph in Graphviz's DOT language. Needs the `graphviz` package."""
        import graphviz

        source = graphviz.Digraph(
            graphviz.escape(self.title),
            graph_attr={"rankdir": "TB", "bgcolor": "transparent", "nodesep": "0.35", "ranksep": "0.5"},
            node_attr={"shape": "box", "style": "rounded,filled", "fontname": "sans-serif", "fontsize": "13"},
            edge_attr={"color": "#767676", "arrowsize": "0.8"},
        )
        source.attr(
            label=graphviz.escape(self.caption),
            labelloc="b",
            fontname="sans-serif",
            fontsize="12",
            fontcolor=RED if self.cycles else "#767676",
        )
        row_of = {node.name: node.row for node in self.nodes}
        ids = {node.name: f"n{i}" for i, node in enumerate(self.nodes)}  # a name may hold a colon: a DOT port
        for row in range(1 + max(row_of.values(), default=-1)):
            with source.subgraph(graph_attr={"rank": "same"}) as level:
                for node in (node for node in self.nodes if node.row == row):
                    fill, line, ink = colours(node)
                    below = sublabel(node)
                    label = node.name + (f"\n{below}" if below else "")
                    style = "rounded,filled" + (",dashed" if node.kind in ("bundle", "missing") else "")
                    level.node(
                        ids[node.name],
                        graphviz.escape(label).replace("\n", "\\n"),
                        fillcolor=fill,
                        color=line,
                        fontcolor=ink,
                        style=style,
                        penwidth=f"{outline_width(node):g}",
                    )
        for edge in self.edges:
            colour, width = edge_look(edge)
            attributes = {"color": colour, "penwidth": f"{width:g}"}
            if row_of[edge.source] <= row_of[edge.target]:
                attributes["constraint"] = "false"  # the dependency that was set aside
            source.edge(ids[edge.source], ids[edge.target], **attributes)
        return str(source.source)

    def _by_dot(self) -> str | None:
        """Drawn by Graphviz; `None` where it is not installed or fails."""
        if shutil.which("dot") is None:
            return None
        try:
            import graphviz

            drawn = str(graphviz.Source(self.dot).pipe(format="svg", encoding="utf-8", quiet=True))
        except (ImportError, OSError, subprocess.CalledProcessError):
            return None
        names = [escape(node.name) for node in self.nodes]

        def in_words(match: re.Match[str]) -> str:
            source, target = names[int(match[1])], match[2] and names[int(match[2])]
            return f"<title>{source}{f' depends on {target}' if target else ''}</title>"

        # dot's own titles, which a browser shows under the pointer, hold the ids of `dot`.
        drawn = re.sub(r"<title>n(\d+)(?:&#45;&gt;n(\d+))?</title>", in_words, drawn)
        return drawn[drawn.index("<svg") :].strip()

    def _described(self, svg: str) -> str:
        """The picture with the title and description that a screen reader tells (SVG 2, 5.7)."""
        text = str(self)
        key = hashlib.sha256(text.encode()).hexdigest()[:10]
        opening = f'<svg role="img" aria-labelledby="t{key} d{key}" style="max-width:100%;height:auto" '
        words = (
            f'<title id="t{key}">Dependencies: {escape(self.title)}</title>'
            f'<desc id="d{key}">{escape(text)}</desc>'
        )
        return re.sub(r"^<svg ([^>]*)>", lambda m: f"{opening}{m[1]}>{words}", svg, count=1)

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "image/svg+xml": self.svg}


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")
