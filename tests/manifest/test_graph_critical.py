"""The critical path, against networkx and against its definition."""

from __future__ import annotations

import math
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import ManifestError
from helpers.manifest import critical_path, dependencies, own_seconds
from tests.manifest.strategies import NAMES, dags

# Whole milliseconds in floats that add up exactly, so that equal lengths are equal.
times = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 5000).map(lambda n: n / 1024))
WEB = {"redis": [], "app": ["redis"], "nginx": ["app"], "cron": []}


def longest(graph: dict[str, list[str]], seconds: dict[str, float]) -> float:
    """networkx's answer: a service is an edge as long as it takes, from its start to its readiness."""
    drawn: nx.DiGraph[tuple[str, str]] = nx.DiGraph()
    for name, needs in graph.items():
        drawn.add_edge((name, "start"), (name, "ready"), weight=seconds.get(name, 0.0))
        for need in needs:
            drawn.add_edge((need, "ready"), (name, "start"), weight=0.0)
    path = nx.dag_longest_path(drawn)
    return float(nx.path_weight(drawn, path, "weight"))


@given(dags(), times)
def test_no_path_takes_longer(graph: dict[str, list[str]], seconds: dict[str, float]) -> None:
    """critical_path: a chain of dependencies as long as networkx's dag_longest_path."""
    path = critical_path(graph, seconds)
    assert all(before in graph[after] for before, after in pairwise(path))
    assert sum(seconds.get(name, 0.0) for name in path) == longest(graph, seconds)


@given(dags(), times)
def test_the_path_begins_with_what_needs_nothing(
    graph: dict[str, list[str]], seconds: dict[str, float]
) -> None:
    """What is left out of the front would have to be waited for as well."""
    assert graph[critical_path(graph, seconds)[0]] == []


@given(dags(), times)
def test_only_the_path_made_faster_makes_the_whole_faster(
    graph: dict[str, list[str]], seconds: dict[str, float]
) -> None:
    """Services beside the critical path may take no time at all: the end stays where it was."""
    path = critical_path(graph, seconds)
    beside = {name: taken for name, taken in seconds.items() if name in path}
    assert longest(graph, beside) == longest(graph, seconds)


def test_of_equally_long_paths_the_one_written_first_is_told() -> None:
    """The same graph always gives the same path."""
    assert critical_path(WEB, {"redis": 1, "cron": 1}) == ("redis",)
    assert critical_path(dict(reversed(WEB.items())), {"redis": 1, "cron": 1}) == ("cron",)


@given(dags(), st.data())
def test_where_everything_waits_the_path_adds_up_to_the_last_ready(
    graph: dict[str, list[str]], data: st.DataObject
) -> None:
    """own_seconds: of a boot that kept the order, the path's own times are the whole boot."""
    took = {name: data.draw(st.integers(0, 5000)) / 1024 for name in graph}
    ready: dict[str, float] = {}
    for name in sorted(graph, key=lambda name: len(dependencies(graph, name))):
        ready[name] = took[name] + max((ready[need] for need in graph[name]), default=0.0)
    own = own_seconds(graph, ready)
    assert own == took
    assert sum(own[name] for name in critical_path(graph, own)) == max(ready.values())


def test_time_spent_in_a_queue_is_nobodys_own() -> None:
    """own_seconds: of an init that starts one after the other, only what each took itself is counted."""
    ready = {"redis": 1.0, "cron": 1.5, "app": 2.5, "nginx": 3.0}
    started = {"redis": 0.2, "cron": 1.0, "app": 1.6, "nginx": 2.5}
    own = own_seconds(WEB, ready, started)
    assert own == pytest.approx({"redis": 0.8, "app": 0.9, "nginx": 0.5, "cron": 0.5})
    assert critical_path(WEB, own) == ("redis", "app", "nginx")


def test_a_script_that_waits_for_its_dependencies_is_not_charged_with_them() -> None:
    """own_seconds: under runit everything is started at once; the wait is not the service's own."""
    started = dict.fromkeys(WEB, 0.1)
    assert own_seconds(WEB, {"redis": 1.0, "app": 1.5, "nginx": 2.0, "cron": 0.3}, started) == pytest.approx(
        {"redis": 0.9, "app": 0.5, "nginx": 0.5, "cron": 0.2}
    )


def test_who_did_not_wait_took_no_time_of_its_own() -> None:
    """A service that was ready before what it depends on is not charged a negative time."""
    assert own_seconds(WEB, {"redis": 2.0, "app": 1.5, "nginx": 2.5, "cron": 0.5}) == {
        "redis": 2.0,
        "app": 0.0,
        "nginx": 1.0,
        "cron": 0.5,
    }


def test_what_was_not_watched_takes_no_time() -> None:
    """A bundle has no moment of its own: it is ready when its members are."""
    graph = {"redis": [], "all": ["redis"], "app": ["all"]}
    assert own_seconds(graph, {"redis": 1.0, "app": 1.5}) == {"redis": 1.0, "all": 0.0, "app": 0.5}


def test_an_empty_graph_has_an_empty_path() -> None:
    """Nothing to wait for."""
    assert critical_path({}, {}) == ()


def test_a_cycle_has_no_critical_path() -> None:
    """It is refused with the cycle's path, as by order."""
    with pytest.raises(ManifestError, match="a → b → a"):
        critical_path({"a": ["b"], "b": ["a"]}, {})


@pytest.mark.parametrize("taken", [-0.1, math.inf, math.nan])
def test_a_time_that_cannot_be_is_refused(taken: float) -> None:
    """The message names the service."""
    with pytest.raises(ValueError, match="app"):
        critical_path(WEB, {"app": taken})
