"""What infuse costs beside a plain recursive merge that edits the same attributes, and how that grows.

Run: `.venv/bin/python -m bench.infuse [--runs N] [--json FILE]`. Both by turns in one process; medians of
process time, and ratios, for the machine it ran on. The attribute set is one of services of eight attributes
with an environment each, and three edits of every service; "one of them edited" edits a single one.

The merge is what everybody writes: an attribute set in both is merged, everything else replaced. It knows no
functions, no sugars, no paths and no errors.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.infuse import desugar, infuse, infuse_desugared

Attrs = dict[str, Any]
KINDS = ("assignments", "functions", "sugars", "both")


def merge(target: Attrs, change: Attrs) -> Attrs:
    """A plain recursive merge; neither is changed."""
    result = dict(target)
    for name, value in change.items():
        before = target.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            result[name] = merge(before, value)
        else:
            result[name] = value
    return result


def services(count: int) -> Attrs:
    """An attribute set of `count` services."""
    return {
        f"service-{i}": {
            "kind": "longrun",
            "command": ["/usr/bin/postgres", "-D", f"/data/{i}"],
            "env": {"PGDATA": f"/data/{i}", "PGPORT": "5432", "LANG": "C"},
            "user": "postgres",
            "depends_on": ["network"],
            "restart": {"policy": "always", "delay": 1},
            "log": {"keep": 10},
            "replicas": 1,
        }
        for i in range(count)
    }


def one_more(number: int) -> int:
    """A function as a leaf."""
    return number + 1


def edits() -> dict[str, tuple[Attrs, Attrs]]:
    """What is edited: name of the way of writing → (infusion, what the merge replaces); made anew, as a
    service's own edits are.
    """
    return {
        "assignments": (
            {
                "env": {"PGPORT": {"__assign": "5433"}},
                "depends_on": {"__assign": ["network", "disk"]},
                "user": {"__assign": "learner"},
            },
            {"env": {"PGPORT": "5433"}, "depends_on": ["network", "disk"], "user": "learner"},
        ),
        "sugars": (
            {
                "env": {"PGPORT": {"__assign": "5433"}},
                "depends_on": {"__append": ["disk"]},
                "nice": {"__default": 5},
            },
            {"env": {"PGPORT": "5433"}, "depends_on": ["network", "disk"], "nice": 5},
        ),
        "functions": (
            {"env": {"PGPORT": lambda _: "5433"}, "depends_on": lambda d: [*d, "disk"], "replicas": one_more},
            {"env": {"PGPORT": "5433"}, "depends_on": ["network", "disk"], "replicas": 2},
        ),
        "both": (
            {
                "env": {"PGPORT": {"__assign": "5433"}},
                "depends_on": {"__append": ["disk"]},
                "replicas": one_more,
            },
            {"env": {"PGPORT": "5433"}, "depends_on": ["network", "disk"], "replicas": 2},
        ),
    }


def seconds(function: Callable[[], object]) -> float:
    """Process time of one call, the collector of cycles held off as `timeit` does."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        function()
        return time.process_time() - began
    finally:
        gc.enable()


def side_by_side(runs: int, *functions: Callable[[], object]) -> list[list[float]]:
    """Every function once by turns, `runs` times, after a round that does not count."""
    rounds = [[seconds(function) for function in functions] for _ in range(runs + 1)]
    return [list(times) for times in zip(*rounds[1:], strict=True)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    figures: dict[str, list[float]] = {}

    def show(name: str, ours: list[float], plain: list[float]) -> None:
        figures[f"{name}: infuse"], figures[f"{name}: merge"] = ours, plain
        a, b = statistics.median(ours), statistics.median(plain)
        ratio = statistics.median(x / y for x, y in zip(ours, plain, strict=True))
        print(f"{name:<42} infuse {a * 1e3:8.2f} ms   merge {b * 1e3:8.2f} ms   ratio {ratio:5.2f}")

    for count in (1_000, 10_000, 100_000):
        target = services(count)
        for kind in KINDS:
            i, c = ({name: edits()[kind][side] for name in target} for side in (0, 1))
            assert infuse(target, i) == merge(target, c), "not the same edits"
            ours, plain = side_by_side(
                options.runs, lambda t=target, i=i: infuse(t, i), lambda t=target, c=c: merge(t, c)
            )
            show(f"{count} services, {kind}", ours, plain)
        infusion, change = edits()["sugars"]
        i, c = ({name: edits()["sugars"][side] for name in target} for side in (0, 1))
        ready = desugar(i)
        ours, plain = side_by_side(
            options.runs, lambda t=target, r=ready: infuse_desugared(t, r), lambda t=target, c=c: merge(t, c)
        )
        show(f"{count} services, desugared before", ours, plain)
        name = f"service-{count // 2}"
        alone, merged = {name: infusion}, {name: change}
        ours, plain = side_by_side(
            options.runs, lambda t=target, a=alone: infuse(t, a), lambda t=target, m=merged: merge(t, m)
        )
        show(f"{count} services, one of them edited", ours, plain)
    for kind in KINDS:
        growth = []
        for what in ("infuse", "merge"):
            small, large = (
                statistics.median(figures[f"{n} services, {kind}: {what}"]) for n in (10_000, 100_000)
            )
            growth.append(f"{what} {large / small:.1f}")
        print(f"ten times the services, {kind}: {', '.join(growth)} times the time")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
