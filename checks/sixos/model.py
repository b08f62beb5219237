"""What SixOS makes of a graph of targets, by the rules that `helpers.sixos` cites; and graphs to ask about.

A graph is what `helpers.sixos.SixOS.graph` gives: targets as the Nix files tell them. Used to grade
`p1.sixos`; nothing of a learner's runs here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from checks.pid1.box import random_word

__all__ = ["census", "edges", "idle", "needs", "scenario"]

Graph = Mapping[str, Any]


def census(graph: Graph) -> dict[str, int]:
    """How many targets of each kind, and how many loggers they get."""
    kinds = [one["kind"] for one in graph["targets"].values()]
    found = {kind: kinds.count(kind) for kind in ("longrun", "oneshot", "bundle")}
    return {**found, "logger": sum(one["logger"] is not None for one in graph["targets"].values())}


def edges(graph: Graph) -> dict[str, set[str]]:
    """Name → names it depends on; a bundle's are its contents. `before` is turned round, loggers are there.

    six/mkConfiguration.nix (convert-before-to-after, add-loggers), and s6-rc-compile, for which a producer
    depends on its consumer.
    """
    found = {name: set(one["after"]) for name, one in graph["targets"].items()}
    for name, one in graph["targets"].items():
        for other in one["before"]:
            found[other].add(name)
        if one["logger"] is not None:
            found[name].add(f"{name}-log")
            found[f"{name}-log"] = set(graph["loggers"][one["logger"]])
    return found


def needs(graph: Graph, name: str) -> set[str]:
    """Every service that has to be up before `name`; a bundle is no service, what it holds is."""
    all_edges, seen, left = edges(graph), set[str](), [name]
    while left:
        for other in all_edges[left.pop()]:
            if other not in seen:
                seen.add(other)
                left.append(other)
    return {one for one in seen if graph["targets"].get(one, {"kind": "longrun"})["kind"] != "bundle"}


def idle(graph: Graph) -> set[str]:
    """The services that are there and that bringing up `default` does not bring up."""
    atomic = {name for name in edges(graph) if graph["targets"].get(name, {"kind": ""})["kind"] != "bundle"}
    return atomic - needs(graph, "default")


def scenario(rng: random.Random, real: Graph) -> Graph:
    """A graph without cycles: sometimes the real one, changed; sometimes one with names nobody knows."""
    return _changed(rng, real) if rng.random() < 0.5 else _invented(rng)


def _changed(rng: random.Random, real: Graph) -> Graph:
    """The real graph with two services more, and a few loggers of another sort."""
    targets = {name: {**one} for name, one in real["targets"].items()}
    for number in range(2):
        name = f"{random_word(rng, 4)}{number}"
        targets[name] = {
            "kind": "longrun",
            "after": [rng.choice(["global.coldplug", "sshd", "mounts.", "global.hwclock", "net.iface.lo"])],
            "before": [],
            "logger": rng.choice(["default", "uncaught", None]),
        }
    clock = random_word(rng, 5)
    targets[clock] = {
        "kind": "oneshot",
        "after": ["mounts.sys"],
        "before": ["global.hwclock"],
        "logger": None,
    }
    for name in ("dnscache", "syslog", "nix-daemon"):
        targets[name]["logger"] = rng.choice(["default", "uncaught", None])
    return _shuffled(rng, {"targets": targets, "loggers": {k: list(v) for k, v in real["loggers"].items()}})


def _invented(rng: random.Random) -> Graph:
    """Two layers of oneshots and two of longruns, with bundles between them, and `default` above."""
    names = list(dict.fromkeys(random_word(rng, 5) for _ in range(24)))
    early, base, gates = names[:3], names[3:6], names[6:9]
    late = names[9 : rng.randrange(14, 19)]
    targets: dict[str, Any] = {"default": _one("bundle")}
    for gate in gates:  # the last one holds the first: a bundle in a bundle
        targets[gate] = _one("bundle")
    targets[gates[2]]["after"] = [gates[0]]
    for name in early:
        targets[name] = _one("oneshot", before=rng.sample(gates[:2], rng.randrange(2)))
    for name in base:
        targets[name] = _one("oneshot", after=rng.sample(early, rng.randrange(1, 3)))
        targets[name]["before"] = [gates[0]] if rng.random() < 0.5 else []
    for number, name in enumerate(late):
        earlier = [*early, *base, gates[0], gates[2], *late[:number]]
        targets[name] = _one(
            "longrun",
            after=rng.sample(earlier, rng.randrange(0, 3)),
            logger=rng.choice(["default", "default", "uncaught", None]),
        )
        if rng.random() < 0.5:
            targets[name]["before"] = ["default"]
    targets["default"]["after"] = [rng.choice(late), rng.choice(gates)]
    # A `before` between two services, and not only from a service to a bundle.
    targets[early[0]]["before"].append(late[-1])
    return _shuffled(rng, {"targets": targets, "loggers": {"default": [early[1], base[0]], "uncaught": []}})


def _one(kind: str, *, after: Any = (), before: Any = (), logger: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "after": list(after), "before": list(before), "logger": logger}


def _shuffled(rng: random.Random, graph: dict[str, Any]) -> Graph:
    names = list(graph["targets"])
    rng.shuffle(names)
    return {**graph, "targets": {name: graph["targets"][name] for name in names}}
