"""The paths of an infusion as a tree: which attribute, which sugar, and what happens at the end.

Drawn by Graphviz where its program `dot` is installed; in a terminal, and where it is not, as text.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from helpers.show.parts import BLUE, LINE

__all__ = ["InfusionTree", "Step", "infusion_tree"]

_SUGARS = {
    "__init": "a value, if there is none",
    "__default": "a value, if there is none",
    "__assign": "this value",
    "__underlay": "an overlay, before the one there",
    "__overlay": "an overlay, after the one there",
    "__filter": "the elements that it keeps",
    "__prepend": "put before",
    "__append": "put behind",
    "__input": "what .override is given",
    "__output": "what .overrideAttrs changes",
    "__values": "each value",
    "__attrs": "each attribute",
    "__infuse": "infused",
}
# The value of these is an infusion again; the value of all others is data, or a function.
_INNER = ("__underlay", "__overlay", "__input", "__output", "__values", "__attrs", "__infuse")
_SHORT = 40


@dataclass(frozen=True)
class Step:
    """One place of an infusion. `kind` is root, attribute, sugar, list, function or value; `label` what is
    written there, `note` what it means."""

    kind: str
    label: str
    note: str = ""
    steps: tuple[Step, ...] = ()


def infusion_tree(infusion: Any, *, notes: Mapping[str, str] | None = None) -> InfusionTree:
    """The tree of an infusion: of `helpers.infuse` (dicts, lists, callables), or one that `nix.look` saw.

    `notes` says what further sugars mean, by name. A value that failed is drawn as its error.
    """
    words = {**_SUGARS, **(notes or {})}
    return InfusionTree(Step("root", "target", "", _below(_plain(infusion), words)))


class _Said(str):
    """A leaf in words: a function, a derivation, an error."""


def _plain(value: Any) -> Any:
    """What `nix.look` saw, as dicts and lists; functions and the like as `_Said`."""
    from helpers.nix.look import Seen
    from helpers.nix.show import text

    if not isinstance(value, Seen):
        return value
    if value.parts is None:
        return value.value if value.kind == "plain" else _Said(text(value))
    if value.kind == "list":
        return [_plain(part) for part in value.parts.values()]
    return {name: _plain(part) for name, part in value.parts.items()}


def _below(infusion: Any, words: Mapping[str, str]) -> tuple[Step, ...]:
    if isinstance(infusion, list | tuple):
        return tuple(
            Step("list", f"step {number}", "", _below(part, words)) for number, part in enumerate(infusion, 1)
        )
    if not isinstance(infusion, Mapping) or "__functor" in infusion:
        return (_leaf(infusion),)
    steps = []
    for name, part in infusion.items():
        if not name.startswith("__"):
            steps.append(Step("attribute", name, "", _below(part, words)))
            continue
        inner = name in _INNER and isinstance(part, Mapping)
        below = _below(part, words) if inner or name == "__infuse" else (_leaf(part, data=True),)
        steps.append(Step("sugar", name, words.get(name, "a sugar of your own"), below))
    return tuple(steps)


def _leaf(value: Any, *, data: bool = False) -> Step:
    if isinstance(value, _Said):
        return Step("function" if value == "<function>" else "value", value)
    if isinstance(value, Callable) or (isinstance(value, Mapping) and "__functor" in value):  # type: ignore[arg-type]
        return Step("function", "<function>")
    shown = json.dumps(value, ensure_ascii=False, default=lambda _: "…")
    shown = shown if len(shown) <= _SHORT else shown[: _SHORT - 1] + "…"
    return Step("value", shown, "" if data else "no function and no sugar: an error")


@dataclass(frozen=True)
class InfusionTree:
    """A drawn infusion. `root` is its first step."""

    root: Step

    def __str__(self) -> str:
        lines = [self.root.label]

        def walk(step: Step, indent: str) -> None:
            for below in step.steps:
                last = below is step.steps[-1]
                note = f"    ({below.note})" if below.note else ""
                lines.append(f"{indent}{'└─ ' if last else '├─ '}{below.label}{note}")
                walk(below, indent + ("   " if last else "│  "))

        walk(self.root, "")
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path from the root to a leaf, as it is written in Nix, without the leaf's value."""
        found = []

        def walk(step: Step, names: tuple[str, ...]) -> None:
            if step.kind in ("function", "value"):
                found.append(".".join(names))
            for below in step.steps:
                walk(below, (*names, below.label) if below.kind in ("attribute", "sugar") else names)

        walk(self.root, ())
        return tuple(found)

    @property
    def dot(self) -> str:
        """The tree in Graphviz's DOT language. Needs the `graphviz` package."""
        import graphviz

        source = graphviz.Digraph(
            graph_attr={"rankdir": "TB", "bgcolor": "transparent", "nodesep": "0.3", "ranksep": "0.3"},
            node_attr={"shape": "box", "style": "rounded,filled", "fontname": "sans-serif", "fontsize": "13"},
            edge_attr={"color": LINE, "arrowhead": "none"},
        )
        looks = {
            "sugar": {"fillcolor": "#e3ecf9", "color": BLUE, "penwidth": "2"},
            "function": {"fillcolor": "#fff8e1", "color": LINE, "shape": "ellipse", "style": "filled"},
            "value": {"fillcolor": "#fff8e1", "color": LINE, "shape": "ellipse", "style": "filled"},
            "root": {"fillcolor": "#eceff1", "color": LINE},
        }
        numbers = iter(range(1_000_000))

        def walk(step: Step) -> str:
            key = f"n{next(numbers)}"
            label = graphviz.escape(step.label) + (f"\\n{graphviz.escape(step.note)}" if step.note else "")
            source.node(key, label, **looks.get(step.kind, {"fillcolor": "#f5f7fa", "color": LINE}))
            for below in step.steps:
                source.edge(key, walk(below))
            return key

        walk(self.root)
        return str(source.source)

    @property
    def svg(self) -> str | None:
        """The picture as one `<svg>` element with a description; `None` where Graphviz is not installed."""
        if shutil.which("dot") is None:
            return None
        try:
            import graphviz

            drawn = str(graphviz.Source(self.dot).pipe(format="svg", encoding="utf-8", quiet=True))
        except (ImportError, OSError, subprocess.CalledProcessError):
            return None
        opening = f'<svg role="img" aria-label="{escape(str(self))}" style="max-width:100%;height:auto" '
        return opening + drawn[drawn.index("<svg") :].removeprefix("<svg").strip()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        svg = self.svg
        return {"text/plain": str(self)} | ({"image/svg+xml": svg} if svg else {})
