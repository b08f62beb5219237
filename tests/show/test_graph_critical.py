"""The critical path in the drawn graph."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.manifest import critical_path
from helpers.show.graph import dependency_graph
from helpers.show.parts import BLUE, RED
from tests.manifest.strategies import NAMES, dags

SVG = "{http://www.w3.org/2000/svg}"
SHOP = {"disk": [], "net": [], "db": ["disk"], "cache": ["net"], "app": ["db", "cache"]}
TOOK = {"disk": 0.1, "net": 0.6, "db": 0.2, "cache": 0.1, "app": 0.25}


def test_the_text_tells_the_path_and_each_services_own_time() -> None:
    """In a terminal: seconds on each line, the path below."""
    assert str(dependency_graph(SHOP, seconds=TOOK, title="shop")).splitlines() == [
        "shop: 5 services in 3 levels",
        " 1  disk   0.10 s",
        "    net    0.60 s",
        " 2  db     0.20 s; needs disk",
        "    cache  0.10 s; needs net",
        " 3  app    0.25 s; needs db, cache",
        "critical path: net → cache → app, 0.95 s",
    ]


@pytest.mark.parametrize("renderer", ["own", "auto"])
def test_the_path_is_marked_and_nothing_else_is(renderer: str) -> None:
    """Its boxes and its arrows; the caption says how long it is."""
    plain = dependency_graph(SHOP, renderer="own" if renderer == "own" else "auto").svg
    svg = dependency_graph(SHOP, seconds=TOOK, renderer="own" if renderer == "own" else "auto").svg
    assert BLUE not in plain
    marked = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if BLUE in _drawn(g)]
    texts = {text.strip() for g in marked for text in g.itertext()}
    said = {text for text in texts if text and not text[0].isdigit()}
    named = {"net", "cache", "app", "cache depends on net", "app depends on cache"}
    assert said == named
    assert "the critical path, 0.95 s" in svg


def _drawn(group: ET.Element) -> str:
    """The shapes of a group itself, without those of the groups in it."""
    return "".join(ET.tostring(shape, "unicode") for shape in group if shape.tag != f"{SVG}g")


def test_a_state_keeps_its_fill_on_the_path() -> None:
    """Both are seen: the state inside, the path around."""
    node = next(n for n in dependency_graph(SHOP, seconds=TOOK, state={"app": "failed"}).nodes if n.critical)
    assert node.name == "net"
    svg = dependency_graph(SHOP, seconds=TOOK, state={"app": "failed"}, renderer="own").svg
    app = next(g for g in ET.fromstring(svg).iter(f"{SVG}g") if "failed, 0.25 s" in list(g.itertext()))
    box = app.find(f"{SVG}rect")
    assert box is not None
    assert (box.attrib["stroke"], box.attrib["fill"]) == (BLUE, "#fdecea")


def test_a_graph_with_a_cycle_has_no_critical_path() -> None:
    """The cycle is what is marked."""
    graph = dependency_graph({**SHOP, "disk": ["app"]}, seconds=TOOK, renderer="own")
    assert graph.critical == ()
    assert graph.cycles == (("disk", "app", "db", "disk"),)
    assert BLUE not in graph.svg
    assert RED in graph.svg


def test_seconds_of_others_are_of_no_interest() -> None:
    """Measured times may name services that are not in this graph."""
    assert dependency_graph({"a": []}, seconds={"a": 1.0, "b": 9.0}).critical == ("a",)


@given(dags(), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 99).map(float), min_size=1))
def test_the_marked_arrows_are_the_paths(graph: dict[str, list[str]], seconds: dict[str, float]) -> None:
    """As many as the path has steps, each between two of its services."""
    drawn = dependency_graph(graph, seconds=seconds, renderer="own")
    took = {name: taken for name, taken in seconds.items() if name in graph}
    path = critical_path(graph, took) if took else ()
    assert drawn.critical == path
    assert {(e.target, e.source) for e in drawn.edges if e.critical} == set(pairwise(path))
    assert drawn.seconds == sum(took.get(name, 0.0) for name in path)
