"""What one reply of a learner's `order` or `levels` is worth, for one graph: pure; networkx is the oracle.

Any order that is valid is accepted; levels are compared with the one right answer; a cycle must be a path of
the graph that comes back to where it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from checks.order.box import Asked, Reply
from checks.order.graphs import Graph
from checks.order.hints import GENERAL

__all__ = ["Fault", "judge", "worst"]

_LONG = 260  # characters of a graph or an answer that are shown


@dataclass(frozen=True)
class Fault:
    """A reply that is not as it should be: what was expected, what was seen, and the hint's key."""

    asked: Asked
    expected: str
    seen: str
    hint: str


def worst(faults: Sequence[Fault]) -> Fault:
    """The fault to tell: the most general kind among them, shown on the first graph it was found with."""
    rank = {hint: i for i, hint in enumerate(GENERAL)}
    return max(faults, key=lambda fault: rank.get(fault.hint, len(GENERAL)))


def judge(asked: Asked, reply: Reply) -> Fault | None:
    """None where the reply is right."""
    graph = asked.graph
    if any(need not in graph for need in chain.from_iterable(graph.values())):
        found, expected = _missing(graph, reply), _expected_missing
    elif _find_cycle(graph):
        found, expected = _cycle(graph, reply), _expected_cycle
    else:
        found = _general(reply) or (_order if asked.call == "order" else _levels)(graph, reply.value or [])
        expected = _expected_list
        if found and not graph:
            found = (found[0], "empty-graph")
    if found is None:
        return None
    return Fault(asked, expected(asked), f"{_call(asked)} {found[0]}", found[1])


_Found = tuple[str, str] | None


def _general(reply: Reply) -> _Found:
    """What is wrong with a reply where a list should have come, before anybody looks into the list."""
    if found := _nothing(reply, "endless", "recursion"):
        return found
    if reply.error:
        named = {"Cycle": "false-cycle", "Missing": "false-missing"}
        return _raised(reply), named.get(reply.error, "raises")
    if reply.kind:
        return f"gave {_a(reply.kind)}", "returns-nothing" if reply.kind == "NoneType" else "not-a-list"
    return None


def _nothing(reply: Reply, endless: str, recursion: str) -> _Found:
    if reply.hung:
        return "gave no answer: it was still computing when it was stopped", endless
    if reply.ended:
        return "gave no answer: Python itself ended", "ended"
    if reply.error == "MemoryError":
        return f"ran out of memory{_line(reply)}", endless
    if reply.error == "RecursionError":
        return _raised(reply), recursion
    return None


def _order(graph: Graph, value: list[Any]) -> _Found:
    said = f"gave {_short(value)}"
    if not all(isinstance(name, str) for name in value):
        return said, "not-a-list"
    if found := _names(graph, value, said):
        return found
    place = {name: i for i, name in enumerate(value)}
    wrong = [(name, need) for name in graph for need in graph[name] if place[need] > place[name]]
    if not wrong:
        return None
    name, need = wrong[0]
    backwards = all(place[need] > place[name] for name in graph for need in graph[name])
    return f"{said}: {name} stands before {need}, which it needs", "reversed" if backwards else "wrong-order"


def _names(graph: Graph, value: Sequence[str], said: str) -> _Found:
    """Whether each service of the graph is there, once, and nobody else."""
    seen: set[str] = set()
    for name in value:
        if name in seen:
            return f"{said}: {name} stands in it more than once", "twice"
        seen.add(name)
        if name not in graph:
            return f"{said}: there is no service {name}", "invented"
    lost = [name for name in graph if name not in seen]
    if not lost:
        return None
    needed = set(chain.from_iterable(graph.values()))
    islands = all(not graph[name] and name not in needed for name in lost)
    return f"{said}: {_list(lost)} not in it", "drops-islands" if islands else "loses"


def _levels(graph: Graph, value: list[Any]) -> _Found:
    said = f"gave {_short(value)}"
    if not all(isinstance(group, list | tuple) for group in value):
        return said, "levels-flat"
    groups = [[str(name) for name in group] for group in value]
    if found := _names(graph, list(chain.from_iterable(groups)), said):
        return found
    if not all(groups):
        return said, "levels-empty"
    right = _generations(graph)
    sets = [set(group) for group in groups]
    if sets == right:
        return None
    level = {name: i for i, group in enumerate(groups) for name in group}
    early = [(name, need) for name in graph for need in graph[name] if level[need] >= level[name]]
    if early and sets == right[::-1]:
        return said, "levels-reversed"
    if early:
        name, need = early[0]
        return f"{said}: {name} does not come after {need}, which it needs", "levels-too-early"
    late = next(n for n in graph if level[n] > max((level[need] + 1 for need in graph[n]), default=0))
    return f"{said}: {late} could start earlier", "levels-too-late"


def _missing(graph: Graph, reply: Reply) -> _Found:
    if found := _nothing(reply, "endless", "recursion"):
        return found
    if not reply.error:
        return f"gave {_short(reply.value)}" if reply.value is not None else _gave(reply), "missing-ignored"
    if reply.error == "Missing":
        told = (reply.service, reply.name)
        pairs = list(_lacks(graph))
        if told in pairs:
            return None
        said = "raised Missing({!r}, {!r})".format(*told)
        return said, "missing-swapped" if told[::-1] in pairs else "missing-wrong"
    named = {"Cycle": "missing-as-cycle", "KeyError": "missing-key-error"}
    return _raised(reply), named.get(reply.error, "raises")


def _cycle(graph: Graph, reply: Reply) -> _Found:
    if found := _nothing(reply, "endless-on-cycle", "recursion-on-cycle"):
        return found
    if not reply.error:
        only_self = not _find_cycle({n: [need for need in graph[n] if need != n] for n in graph})
        said = f"gave {_short(reply.value)}" if reply.value is not None else _gave(reply)
        return said, "self-dependency" if only_self else "cycle-ignored"
    if reply.error != "Cycle":
        return _raised(reply), "false-missing" if reply.error == "Missing" else "cycle-other-error"
    path = reply.path
    said = f"raised Cycle({_short(path)})"
    if not isinstance(path, list) or not path or not all(isinstance(n, str) and n in graph for n in path):
        return said, "path-missing"
    hint = _path_fault(graph, path)
    return (said, hint) if hint else None


def _path_fault(graph: Graph, path: list[str]) -> str:
    """The hint for a path that is no cycle of the graph; empty where it is one."""
    follows, against = _follows(graph, path), _follows(graph, path[::-1])
    if len(path) > 1 and path[0] == path[-1]:
        if follows:
            return "" if len(set(path)) == len(path) - 1 else "path-twice"
        return "path-backwards" if against else "not-a-path"
    closed = [*path, path[0]]
    if len(set(path)) == len(path) and (_follows(graph, closed) or _follows(graph, closed[::-1])):
        return "path-open"
    if follows and path[-1] in path[:-1]:
        return "path-with-tail"
    return "not-a-path"


def _follows(graph: Graph, path: Sequence[str]) -> bool:
    return all(after in graph[name] for name, after in pairwise(path))


# -- the oracle -------------------------------------------------------------------------------------


def _digraph(graph: Graph) -> Any:
    """An edge from what is needed to who needs it."""
    import networkx as nx

    drawn: nx.DiGraph[str] = nx.DiGraph()
    drawn.add_nodes_from(graph)
    drawn.add_edges_from((need, name) for name, needs in graph.items() for need in needs)
    return drawn


def _generations(graph: Graph) -> list[set[str]]:
    import networkx as nx

    return [set(group) for group in nx.topological_generations(_digraph(graph))]


def _find_cycle(graph: Graph) -> list[str]:
    """One cycle as a path that ends where it began; [] where there is none."""
    import networkx as nx

    drawn = _digraph(graph)
    if nx.is_directed_acyclic_graph(drawn):
        return []
    against = [edge[0] for edge in nx.find_cycle(drawn)]
    return [*against, against[0]][::-1]


def _lacks(graph: Graph) -> Iterable[tuple[str, str]]:
    return ((name, need) for name, needs in graph.items() for need in needs if need not in graph)


def _expected_missing(asked: Asked) -> str:
    return "Missing({!r}, {!r})".format(*next(iter(_lacks(asked.graph))))


def _expected_cycle(asked: Asked) -> str:
    cycle = repr(_find_cycle(asked.graph))
    return f"Cycle({cycle})" if len(cycle) <= _LONG else "Cycle, with its path"


def _expected_list(asked: Asked) -> str:
    groups = _generations(asked.graph)
    if asked.call == "levels":
        rank = {name: i for i, name in enumerate(asked.graph)}
        return _short([sorted(group, key=rank.__getitem__) for group in groups], "the right groups")
    import networkx as nx

    order = list(nx.topological_sort(_digraph(asked.graph)))
    if len(repr(order)) > _LONG:
        return "an order that holds"
    return f"{order!r}, or another one that holds" if groups else "[]"


# -- words ------------------------------------------------------------------------------------------


def _call(asked: Asked) -> str:
    shown = repr(asked.graph)
    if len(shown) > _LONG:
        edges = sum(map(len, asked.graph.values()))
        shown = f"a graph of {len(asked.graph)} services and {edges} dependencies"
    return f"{asked.call}({shown})"


def _raised(reply: Reply) -> str:
    path = f"({_short(reply.path)})" if reply.error == "Cycle" else f": {reply.message}"
    return f"raised {reply.error}{path if reply.message else ''}{_line(reply)}"


def _line(reply: Reply) -> str:
    return f" (line {reply.line})" if reply.line else ""


def _gave(reply: Reply) -> str:
    return f"gave {_a(reply.kind)}"


def _a(kind: str) -> str:
    return "None" if kind == "NoneType" else f"an object of type {kind}"


def _short(value: object, instead: str = "") -> str:
    text = repr(value)
    if len(text) <= _LONG:
        return text
    return instead or f"{text[:60]} … ({len(value) if isinstance(value, list) else len(text)} in all)"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{shown} {'is' if len(names) == 1 else 'are'}"
