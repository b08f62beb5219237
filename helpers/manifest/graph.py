"""Who waits for whom: order, levels, cycles, and bundles replaced by their members.

Every function takes a `Manifest` or a plain mapping from a name to the names it depends on:

    >>> levels({"nginx": ["app"], "app": ["redis"], "redis": []})
    (('redis',), ('app',), ('nginx',))

Where names are equal before the graph, they stay in the order they were written: the same manifest
always gives the same answer.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping

from helpers.errors import ManifestError
from helpers.manifest.models import Manifest
from helpers.manifest.problems import no_service

__all__ = [
    "Graph",
    "critical_path",
    "cycles",
    "dependencies",
    "dependents",
    "edges",
    "expand",
    "levels",
    "order",
    "own_seconds",
]

Graph = Manifest | Mapping[str, Iterable[str]]
"""A manifest, or name → the names it depends on."""


def edges(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Name → the names it depends on, each once, in the order they were written.

    Raises `ManifestError` when a name is depended on and not there.
    """
    if isinstance(graph, Manifest):
        found = {service.name: tuple(dict.fromkeys(service.depends_on)) for service in graph.services}
    else:
        found = {name: tuple(dict.fromkeys(needs)) for name, needs in graph.items()}
    for name, needs in found.items():
        for need in needs:
            if need not in found:
                raise ManifestError(f"{name}: {no_service(need, list(found))}")
    return found


def order(graph: Graph) -> tuple[str, ...]:
    """Every name, each after all it depends on; among those that could come next, the one written first.

    A graph already in such an order is returned as it is. Raises `ManifestError` for a cycle, with
    its path.
    """
    needs = edges(graph)
    done = _settled(needs)
    if len(done) < len(needs):
        _raise_cycle(needs)
    return done


def _settled(needs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Kahn's algorithm with a heap; names on a cycle, and what depends on them, are left out."""
    names = list(needs)
    rank = {name: i for i, name in enumerate(names)}
    needed_by = _reverse(needs)
    missing = {name: len(needs[name]) for name in names}
    ready = [rank[name] for name in names if not missing[name]]
    done: list[str] = []
    while ready:
        name = names[heapq.heappop(ready)]
        done.append(name)
        for waiting in needed_by[name]:
            missing[waiting] -= 1
            if not missing[waiting]:
                heapq.heappush(ready, rank[waiting])
    return tuple(done)


def levels(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Groups that can start at the same time: a name is in the first level after all it depends on.

    There are as many levels as names on the longest chain of dependencies. A bundle takes a level
    of its own; `levels(expand(manifest))` tells of processes alone. Raises `ManifestError` for a cycle.
    """
    needs = edges(graph)
    depth: dict[str, int] = {}
    for name in order(needs):
        depth[name] = 1 + max((depth[need] for need in needs[name]), default=-1)
    count = 1 + max(depth.values(), default=-1)
    return tuple(tuple(name for name in needs if depth[name] == level) for level in range(count))


def critical_path(graph: Graph, seconds: Mapping[str, float]) -> tuple[str, ...]:
    """The chain of dependencies that takes longest, in the order it starts: `("redis", "app", "nginx")`.

    `seconds` says how long each takes once all it depends on is there; one that is not named takes no
    time. Started as early as its dependencies allow, nothing can be done before this path is: only a
    service on it makes the whole faster by becoming faster. Of equally long ones, the path through the
    names written first; () for an empty graph. (Kelley and Walker, Critical-Path Planning and Scheduling,
    1959.) Raises `ManifestError` for a cycle, ValueError for a negative or infinite time.
    """
    needs = edges(graph)
    for name in needs:
        if not 0 <= seconds.get(name, 0.0) < math.inf:
            raise ValueError(f"{name} can not take {seconds[name]} seconds")
    rank = {name: i for i, name in enumerate(needs)}
    done: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for name in order(needs):
        last = max(needs[name], key=lambda need: (done[need], -rank[need]), default=None)
        before[name] = last
        done[name] = seconds.get(name, 0.0) + (done[last] if last is not None else 0.0)
    path: list[str] = []
    step = max(done, key=lambda name: (done[name], -rank[name]), default=None)
    while step is not None:
        path.append(step)
        step = before[step]
    return tuple(reversed(path))


def own_seconds(
    graph: Graph, ready: Mapping[str, float], started: Mapping[str, float] | None = None
) -> dict[str, float]:
    """How long each service took itself: it ran, and all it depends on was ready; how long until it was?

    `ready` and `started` say when, in seconds since PID 1 started. A service whose `started` is not known is
    taken to have been started as soon as what it depends on was ready. So what the init takes for itself,
    and the time a service waits for its turn, is nobody's own: `critical_path` of these times is how long
    the boot would take at least, under an init that starts everything as early as it can. A service that is
    not named in `ready` (a bundle, work that was not watched) took no time of its own; nor did one that was
    ready before what it depends on. Raises `ManifestError` for a cycle.
    """
    begun = started or {}
    needs = edges(graph)
    own: dict[str, float] = {}
    at: dict[str, float] = {}
    for name in order(needs):
        before = max((at[need] for need in needs[name]), default=0.0)
        own[name] = max(0.0, ready.get(name, before) - max(before, begun.get(name, before)))
        at[name] = ready.get(name, before)
    return {name: own[name] for name in needs}


def cycles(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Cycles of dependencies, each a path whose last name is its first: `("app", "redis", "app")`.

    A name in a path depends on the one after it. Groups of names that all reach each other (strongly
    connected components) give one path each, a shortest one through the name written first; so the
    result is empty exactly when the graph can be ordered. A name that depends on itself gives
    `("app", "app")`.
    """
    needs = edges(graph)
    if len(_settled(needs)) == len(needs):
        return ()
    import networkx as nx  # 0.2 s to import: only a broken manifest pays it

    whole: nx.DiGraph[str] = nx.DiGraph(dict[str, Iterable[str]](needs))
    rank = {name: i for i, name in enumerate(needs)}
    paths: list[tuple[str, ...]] = []
    for group in nx.strongly_connected_components(whole):
        start = min(group, key=rank.__getitem__)
        if start in needs[start]:
            paths.append((start, start))
        elif len(group) > 1:
            inside = {
                name: [need for need in needs[name] if need in group] for name in needs if name in group
            }
            paths.append(_shortest_way_back(inside, start))
    return tuple(sorted(paths, key=lambda path: rank[path[0]]))


def _shortest_way_back(needs: Mapping[str, Iterable[str]], start: str) -> tuple[str, ...]:
    """Breadth-first in written order, so that of two equally short cycles the same one is always told."""
    came_from: dict[str, str] = {}
    border = [start]
    while start not in came_from:
        following: list[str] = []
        for name in border:
            for need in needs[name]:
                if need not in came_from:
                    came_from[need] = name
                    following.append(need)
        border = following
    path = [start]
    while len(path) == 1 or path[-1] != start:
        path.append(came_from[path[-1]])
    return tuple(reversed(path))


def dependents(graph: Graph, name: str, *, direct: bool = False) -> tuple[str, ...]:
    """Who needs `name`, in written order: directly, or (the default) through others as well.

    These are what has to stop before `name` stops. Raises `ManifestError` for an unknown name.
    """
    return _reach(_reverse(edges(graph)), name, direct)


def dependencies(graph: Graph, name: str, *, direct: bool = False) -> tuple[str, ...]:
    """What `name` needs, in written order: directly, or (the default) through others as well.

    These are what has to be ready before `name` starts. Raises `ManifestError` for an unknown name.
    """
    return _reach(edges(graph), name, direct)


def _reach(neighbours: Mapping[str, tuple[str, ...]], name: str, direct: bool) -> tuple[str, ...]:
    if name not in neighbours:
        raise ManifestError(no_service(name, list(neighbours)))
    found = set(neighbours[name])
    border = [] if direct else list(found)
    while border:
        new = set(neighbours[border.pop()]) - found
        found |= new
        border.extend(new)
    return tuple(other for other in neighbours if other in found)


def expand(manifest: Manifest) -> Manifest:
    """The same manifest without bundles: who depended on a bundle depends on its members.

    Members that are bundles are replaced as well. What is left keeps its order and its fields.
    Raises `ManifestError` for a cycle, an unknown name, or when there is nothing but bundles.
    """
    needs = edges(manifest)
    bundles = {service.name for service in manifest.services if service.kind == "bundle"}
    # Members before the bundles that hold them, so that each name is looked up once.
    plain: dict[str, tuple[str, ...]] = {}
    for name in order(manifest):
        flat = [p for need in needs[name] for p in (plain[need] if need in bundles else (need,))]
        plain[name] = tuple(dict.fromkeys(flat))
    left = tuple(
        service.model_copy(update={"depends_on": plain[service.name]})
        for service in manifest.services
        if service.name not in bundles
    )
    if not left:
        raise ManifestError(f"manifest {manifest.name}: nothing but bundles; add a longrun or a oneshot")
    return manifest.model_copy(update={"services": left})


def _reverse(needs: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    needed_by: dict[str, list[str]] = {name: [] for name in needs}
    for name, found in needs.items():
        for need in found:
            needed_by[need].append(name)
    return {name: tuple(others) for name, others in needed_by.items()}


def _raise_cycle(needs: dict[str, tuple[str, ...]]) -> None:
    paths = "; ".join(" → ".join(path) for path in cycles(needs))
    raise ManifestError(
        f"no order exists, these depend on each other: {paths}", hint="remove one dependency of each path"
    )
