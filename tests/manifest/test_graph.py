"""Order, levels, cycles and bundles, against their definitions and against networkx."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import ManifestError
from helpers.manifest import (
    Manifest,
    Service,
    cycles,
    dependencies,
    dependents,
    edges,
    expand,
    levels,
    order,
)
from tests.manifest.strategies import dags, graphs, manifests

WEB = {"redis": [], "app": ["redis"], "nginx": ["app"]}


def digraph(graph: dict[str, list[str]]) -> nx.DiGraph[str]:
    drawn: nx.DiGraph[str] = nx.DiGraph()
    drawn.add_nodes_from(graph)
    drawn.add_edges_from((name, need) for name, needs in graph.items() for need in needs)
    return drawn


def service(name: str, *needs: str, bundle: bool = False) -> Service:
    if bundle:
        return Service(name=name, kind="bundle", depends_on=needs)
    return Service(name=name, command=("/bin/true",), depends_on=needs)


@given(dags())
def test_order_holds_every_name_once_after_all_it_depends_on(graph: dict[str, list[str]]) -> None:
    """order: every name, each after all it depends on."""
    place = {name: i for i, name in enumerate(order(graph))}
    assert sorted(place) == sorted(graph)
    assert all(place[need] < place[name] for name, needs in graph.items() for need in needs)


@given(dags())
def test_order_takes_the_name_written_first_among_equals(graph: dict[str, list[str]]) -> None:
    """order is networkx's lexicographical topological sort by the written order."""
    rank = {name: i for i, name in enumerate(graph)}
    expected = nx.lexicographical_topological_sort(digraph(graph).reverse(), key=rank.__getitem__)
    assert list(order(graph)) == list(expected)


@given(dags())
def test_an_ordered_graph_keeps_its_order(graph: dict[str, list[str]]) -> None:
    """A graph already in such an order is returned as it is."""
    written = order(graph)
    assert order({name: graph[name] for name in written}) == written


@given(dags())
def test_levels_are_the_earliest_possible(graph: dict[str, list[str]]) -> None:
    """levels: a name stands in the first level after all it depends on; nothing is lost or doubled."""
    found = levels(graph)
    level = {name: i for i, names in enumerate(found) for name in names}
    assert sorted(name for names in found for name in names) == sorted(graph)
    for name, needs in graph.items():
        assert level[name] == max((level[need] + 1 for need in needs), default=0)


@given(dags())
def test_there_are_as_many_levels_as_names_on_the_longest_chain(graph: dict[str, list[str]]) -> None:
    """levels cannot be fewer than the longest chain of dependencies."""
    assert len(levels(graph)) == nx.dag_longest_path_length(digraph(graph)) + 1


@given(dags())
def test_names_of_a_level_stay_in_written_order(graph: dict[str, list[str]]) -> None:
    """Where names are equal before the graph, they stay in the order they were written."""
    written = list(graph)
    for names in levels(graph):
        assert list(names) == sorted(names, key=written.index)


@given(graphs())
def test_every_reported_cycle_is_a_real_one(graph: dict[str, list[str]]) -> None:
    """cycles: each path leads back to its first name along dependencies, visiting no other name twice."""
    for path in cycles(graph):
        assert path[0] == path[-1]
        assert len(set(path)) == len(path) - 1 >= 1
        assert all(need in graph[name] for name, need in pairwise(path))


@given(graphs())
def test_cycles_are_reported_exactly_when_there_is_no_order(graph: dict[str, list[str]]) -> None:
    """cycles is empty exactly when the graph can be ordered; each knot of names gives one path."""
    drawn = digraph(graph)
    knots = [
        group
        for group in nx.strongly_connected_components(drawn)
        if len(group) > 1 or any(name in graph[name] for name in group)
    ]
    found = cycles(graph)
    assert len(found) == len(knots)
    assert {frozenset(path) <= frozenset(knot) for path in found for knot in knots if path[0] in knot} <= {
        True
    }
    if found:
        with pytest.raises(ManifestError, match=" → ".join(found[0])):
            order(graph)
        with pytest.raises(ManifestError, match="depend on each other"):
            levels(graph)
    else:
        assert len(order(graph)) == len(graph)


@given(graphs())
def test_a_reported_cycle_is_a_shortest_one_through_the_name_written_first(
    graph: dict[str, list[str]],
) -> None:
    """A long way round is no help to a reader: the path is a shortest cycle through its first name."""
    drawn = digraph(graph)
    for path in cycles(graph):
        shortest = min(
            (
                1 + nx.shortest_path_length(drawn, need, path[0])
                for need in graph[path[0]]
                if nx.has_path(drawn, need, path[0])
            ),
        )
        assert len(path) - 1 == shortest


@given(dags(), st.data())
def test_an_edge_that_closes_a_circle_is_reported_as_that_circle(
    graph: dict[str, list[str]], data: st.DataObject
) -> None:
    """A graph with one edge too many: the reported cycle runs over that edge."""
    name = data.draw(st.sampled_from(sorted(graph)))
    upstream = [name, *dependencies(graph, name)]
    low = data.draw(st.sampled_from(upstream))
    graph[low] = [*graph[low], name]
    (path,) = cycles(graph)
    assert (low, name) in list(pairwise(path))


@given(dags(), st.data())
def test_dependents_and_dependencies_are_each_others_mirror(
    graph: dict[str, list[str]], data: st.DataObject
) -> None:
    """dependents: who needs a name, through others as well; dependencies: what it needs."""
    drawn = digraph(graph)
    name = data.draw(st.sampled_from(sorted(graph)))
    assert set(dependencies(graph, name)) == nx.descendants(drawn, name)
    assert set(dependents(graph, name)) == nx.ancestors(drawn, name)
    assert set(dependencies(graph, name, direct=True)) == set(graph[name])
    assert set(dependents(graph, name, direct=True)) == set(drawn.predecessors(name))


@given(manifests())
def test_expanding_leaves_no_bundle_and_who_waits_for_whom_unchanged(manifest: Manifest) -> None:
    """expand: who depended on a bundle depends on its members, transitively, and on nothing else."""
    plain = expand(manifest)
    bundles = {s.name for s in manifest.services if s.kind == "bundle"}
    assert [s.name for s in plain.services] == [s.name for s in manifest.services if s.name not in bundles]
    for s in plain.services:
        assert s.kind != "bundle"
        assert set(dependencies(plain, s.name)) == set(dependencies(manifest, s.name)) - bundles


def test_bundles_inside_bundles_are_expanded_in_written_order() -> None:
    """Members that are bundles are replaced as well, each name once."""
    manifest = Manifest(
        name="m",
        services=(
            service("web", "everything", "redis"),
            service("everything", "stores", "log", bundle=True),
            service("stores", "pg", "redis", bundle=True),
            service("log"),
            service("pg"),
            service("redis"),
        ),
    )
    assert edges(expand(manifest))["web"] == ("pg", "redis", "log")
    assert levels(expand(manifest)) == (("log", "pg", "redis"), ("web",))


def test_a_manifest_of_nothing_but_bundles_cannot_be_expanded() -> None:
    """expand raises when there is nothing but bundles."""
    manifest = Manifest(name="m", services=(service("a", bundle=True), service("b", "a", bundle=True)))
    with pytest.raises(ManifestError, match="nothing but bundles"):
        expand(manifest)


def test_a_mapping_and_a_manifest_give_the_same_answers() -> None:
    """Every function takes a manifest or a plain mapping."""
    manifest = Manifest(name="web", services=tuple(service(n, *needs) for n, needs in WEB.items()))
    for graph in (WEB, manifest):
        assert order(graph) == ("redis", "app", "nginx")
        assert levels(graph) == (("redis",), ("app",), ("nginx",))
        assert cycles(graph) == ()
        assert dependents(graph, "redis") == ("app", "nginx")
        assert dependents(graph, "redis", direct=True) == ("app",)
        assert dependencies(graph, "nginx") == ("redis", "app")


def test_nothing_at_all_has_an_order() -> None:
    """An empty mapping is a graph."""
    assert order({}) == ()
    assert levels({}) == ()


def test_unknown_names_are_told_with_the_nearest_one() -> None:
    """A name that is depended on, or asked for, and not there."""
    with pytest.raises(ManifestError, match='app: no service "reddis"; did you mean "redis"'):
        order({"redis": [], "app": ["reddis"]})
    with pytest.raises(ManifestError, match='no service "ngnix"; did you mean "nginx"'):
        dependents(WEB, "ngnix")
    manifest = Manifest(name="web", services=tuple(service(n, *needs) for n, needs in WEB.items()))
    with pytest.raises(ManifestError, match='manifest web: no service "ap"; did you mean "app"'):
        manifest.service("ap")
    assert manifest.service("app").depends_on == ("redis",)


def test_a_thousand_services_in_one_chain_are_ordered() -> None:
    """No recursion: the depth of a graph is not limited by Python's stack."""
    names = [f"s{i}" for i in range(3000)]
    chain = {name: names[i + 1 : i + 2] for i, name in enumerate(names)}
    assert order(chain) == tuple(reversed(names))
    assert len(levels(chain)) == 3000
    chain[names[-1]] = [names[0]]
    assert cycles(chain) == ((*names, names[0]),)


def test_a_good_manifest_is_read_without_importing_networkx() -> None:
    """Only a broken manifest pays for the import of networkx."""
    code = (
        "import sys; from helpers.manifest import loads, order;"
        'order(loads(\'name = "m"\\n[[services]]\\nname = "a"\\ncommand = ["x"]\'));'
        "assert 'networkx' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
