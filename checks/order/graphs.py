"""Random dependency graphs for `p0.order`, each a mapping from a service to what it depends on.

Small ones come first: the first one an answer fails on is about the smallest there is.
"""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["Graph", "chain", "cyclic", "dag", "growing", "large", "repeated", "ring", "with_missing"]

Graph = dict[str, list[str]]

# fmt: off
_NAMES = (
    "acpid", "agent", "api", "app", "auth", "backup", "bus", "cache", "clock", "cron", "db", "disk",
    "dns", "door", "feed", "firewall", "front", "index", "journal", "ldap", "logger", "mail",
    "metrics", "mount", "mq", "net", "nfs", "pg", "proxy", "queue", "redis", "rng", "search",
    "sshd", "store", "syslog", "timer", "udev", "users", "vault", "web", "worker",
)
# fmt: on


def growing(rng: random.Random, count: int, make: Callable[[random.Random, int], Graph]) -> list[Graph]:
    """`count` graphs of `make`, of one service first and of a dozen last, the smallest first."""
    graphs = [make(rng, 1 + number * 12 // count) for number in range(count)]
    return sorted(graphs, key=lambda graph: len(graph) + sum(map(len, graph.values())))


def dag(rng: random.Random, size: int) -> Graph:
    """A graph that can be ordered, its services written in any order, some of them needing nobody."""
    names = rng.sample(_NAMES, size)
    needs = {name: rng.sample(names[:i], rng.randint(0, min(i, 3))) for i, name in enumerate(names)}
    return _shuffled(rng, needs)


def repeated(rng: random.Random, size: int) -> Graph:
    """A graph that can be ordered, in which somebody says the same thing twice."""
    needs = dag(rng, max(size, 2))
    while not any(needs.values()):
        needs = dag(rng, max(size, 2))
    said = [name for name, found in needs.items() if found]
    for name in rng.sample(said, rng.randint(1, len(said))):
        needs[name] = needs[name] + rng.choices(needs[name], k=rng.randint(1, 2))
        rng.shuffle(needs[name])
    return needs


def with_missing(rng: random.Random, size: int) -> Graph:
    """A graph without cycles in which one or two services depend on a name that is not there."""
    needs = dag(rng, size)
    absent = rng.choice([name for name in _NAMES if name not in needs])
    for name in rng.sample(list(needs), min(len(needs), rng.randint(1, 2))):
        needs[name].insert(rng.randint(0, len(needs[name])), absent)
    return needs


def cyclic(rng: random.Random, size: int) -> Graph:
    """A graph with a cycle of one to `size` services, among others before it, behind it and beside it."""
    needs = dag(rng, size)
    loop = rng.sample(list(needs), rng.randint(1, min(size, 5)))
    for name, need in zip(loop, [*loop[1:], loop[0]], strict=True):
        if need not in needs[name]:
            needs[name].insert(rng.randint(0, len(needs[name])), need)
    return needs


def chain(rng: random.Random, size: int) -> Graph:
    """Each needs the one before it; written in one of the two directions, or shuffled."""
    needs = {f"s{i}": [f"s{i - 1}"] if i else [] for i in range(size)}
    return rng.choice([needs, dict(reversed(needs.items())), _shuffled(rng, needs)])


def ring(rng: random.Random, size: int) -> Graph:
    """Each needs the one before it, and the first needs the last."""
    needs = {f"s{i}": [f"s{(i - 1) % size}"] for i in range(size)}
    return _shuffled(rng, needs)


def large(rng: random.Random, size: int, edges: int) -> Graph:
    """`size` services with `edges` dependencies among them, none of them on a cycle."""
    needs: dict[str, list[str]] = {f"s{i}": [] for i in range(size)}
    for _ in range(edges):
        low, high = sorted(rng.sample(range(size), 2))
        needs[f"s{high}"].append(f"s{low}")
    return _shuffled(rng, {name: list(dict.fromkeys(found)) for name, found in needs.items()})


def _shuffled(rng: random.Random, needs: Graph) -> Graph:
    names = list(needs)
    rng.shuffle(names)
    return {name: needs[name] for name in names}
