"""The drawn dependency graph, as SVG of both makings and as text."""

from __future__ import annotations

import shutil
import stat
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings

from helpers.manifest import Manifest, Service
from helpers.show.graph import dependency_graph
from helpers.show.parts import RED
from tests.manifest.strategies import graphs, manifests

SVG = "{http://www.w3.org/2000/svg}"
WEB = {"redis": [], "app": ["redis"], "nginx": ["app"]}
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's program dot is not installed")


def boxes(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """Name → left, top, right, bottom of each box that our own drawing made."""
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        box, label = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        if box is not None and label is not None and label.text:
            x, y, w, h = (float(box.attrib[k]) for k in ("x", "y", "width", "height"))
            found[label.text] = (x, y, x + w, y + h)
    return found


def test_the_text_tells_levels_needs_and_states() -> None:
    """In a terminal: one line for each service, in levels."""
    graph = dependency_graph(WEB, state={"redis": "ready", "app": "starting"}, title="web")
    assert str(graph).splitlines() == [
        "web: 3 services in 3 levels",
        " 1  redis  ready",
        " 2  app    starting; needs redis",
        " 3  nginx  needs app",
    ]


def test_kinds_missing_names_and_cycles_are_told_in_words() -> None:
    """Nothing is said by colour alone."""
    manifest = Manifest(
        name="m",
        services=(
            Service(name="mount", kind="oneshot", command=("x",)),
            Service(name="a", command=("x",), depends_on=("b", "mount")),
            Service(name="b", command=("x",), depends_on=("a", "pg")),
            Service(name="all", kind="bundle", depends_on=("a",)),
        ),
    )
    assert str(dependency_graph(manifest)).splitlines() == [
        "m: 5 services in 4 levels",
        " 1  mount  oneshot",
        "    pg     no such service",
        " 2  b      in a cycle; needs a, pg",
        " 3  a      in a cycle; needs b, mount",
        " 4  all    bundle; needs a",
        "cycle: a → b → a",
    ]


def test_a_cycle_is_red_and_nothing_else_is() -> None:
    """A cycle is highlighted in red: its arrows, its boxes and its path below."""
    assert RED not in dependency_graph(WEB, renderer="own").svg
    svg = dependency_graph({**WEB, "redis": ["app"]}, renderer="own").svg
    red = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if RED in ET.tostring(g, "unicode")]
    titles = [title.text for g in red if (title := g.find(f"{SVG}title")) is not None]
    assert sorted(str(t) for t in titles) == ["app depends on redis", "redis depends on app"]
    assert "Cycle: redis → app → redis." in svg


def test_a_given_cycle_is_the_one_that_is_marked() -> None:
    """`cycle` marks a path of the caller's, also in a graph without one."""
    graph = dependency_graph(WEB, cycle=("app", "redis", "app"))
    assert [e for e in graph.edges if e.in_cycle] == [e for e in graph.edges if e.source == "app"]
    assert "cycle: app → redis → app" in str(graph)


@pytest.mark.parametrize("state", ["ready", "up", "starting", "stopping", "down", "failed", "who knows"])
def test_a_state_is_written_and_coloured(state: str) -> None:
    """States are written out as well as coloured."""
    plain = dependency_graph(WEB, renderer="own").svg
    svg = dependency_graph(WEB, state={"app": state}, renderer="own").svg
    assert f">{state}</text>" in svg
    assert svg != plain


@given(graphs())
def test_any_graph_is_drawn_as_well_formed_svg_without_overlaps(graph: dict[str, list[str]]) -> None:
    """Cycles, loops and islands too: every box inside the picture, no two on top of each other."""
    graph["asks"] = ["for what is not there"]
    svg = dependency_graph(graph, renderer="own").svg
    root = ET.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    drawn = boxes(svg)
    assert set(drawn) == {*graph, "for what is not there"}
    for left, top, right, bottom in drawn.values():
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height
    rows: dict[float, list[tuple[float, float]]] = {}
    for left, top, right, _ in drawn.values():
        rows.setdefault(top, []).append((left, right))
    for row in rows.values():
        for one, other in pairwise(sorted(row)):
            assert one[1] < other[0]
    arrows = sum(len(set(needs)) for needs in graph.values())
    assert len(root.findall(f".//{SVG}polygon")) == arrows


@settings(max_examples=25)
@given(manifests())
def test_what_a_service_depends_on_is_drawn_below_it(manifest: Manifest) -> None:
    """The bottom row starts first."""
    drawn = boxes(dependency_graph(manifest, renderer="own").svg)
    for service in manifest.services:
        for need in service.depends_on:
            assert drawn[need][1] > drawn[service.name][1]


@settings(max_examples=25)
@given(manifests())
def test_the_same_graph_gives_the_same_picture(manifest: Manifest) -> None:
    """Deterministic: nothing random, nothing of the time or the process."""
    copy = Manifest.model_validate(manifest.model_dump())
    one, other = (dependency_graph(m, renderer="own") for m in (manifest, copy))
    assert (str(one), one.svg) == (str(other), other.svg)


def test_a_screen_reader_is_told_the_title_and_the_whole_graph() -> None:
    """role=img, title and desc, tied by aria-labelledby."""
    graph = dependency_graph(WEB, title="web", renderer="own")
    root = ET.fromstring(graph.svg)
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert desc is not None
    assert (title.text, desc.text) == ("Dependencies: web", str(graph))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {desc.attrib['id']}"


def test_a_notebook_gets_the_picture_and_the_text() -> None:
    """_repr_mimebundle_: SVG, and text for where no picture shows."""
    graph = dependency_graph(WEB)
    bundle = graph._repr_mimebundle_()
    assert bundle == {"text/plain": str(graph), "image/svg+xml": graph._repr_svg_()}
    assert repr(graph) == "<DependencyGraph dependencies: 3 services>"


def test_names_are_shown_as_they_are_written() -> None:
    """Nothing in a name is read as markup."""
    name = 'a<b>&"c"\\n:d'
    assert set(boxes(dependency_graph({name: []}, renderer="own").svg)) == {name}


def test_no_services_at_all_are_a_picture_too() -> None:
    """An empty mapping is drawn empty."""
    graph = dependency_graph({}, renderer="own")
    assert str(graph) == "dependencies: 0 services in 0 levels"
    assert boxes(graph.svg) == {}


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense >&2; kill -9 $$"])
def test_a_graphviz_that_fails_is_done_without(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken `dot` costs the learner nothing: our own drawing is shown."""
    dot = tmp_path / "dot"
    dot.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
    dot.chmod(dot.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    graph = dependency_graph(WEB)
    assert set(boxes(graph.svg)) == set(WEB)
    assert graph.svg == dependency_graph(WEB, renderer="own").svg


def test_dots_language_holds_every_name_and_dependency() -> None:
    """`.dot` is for people who want Graphviz's own tools."""
    dot = dependency_graph({**WEB, "redis": ["nginx"]}).dot
    for name in WEB:
        assert f'label="{name}' in dot
    assert dot.count(" -> ") == 3
    assert "constraint=false" in dot
    assert RED in dot


@needs_dot
@settings(max_examples=10)
@given(graphs())
def test_graphviz_draws_every_name_and_dependency(graph: dict[str, list[str]]) -> None:
    """Where `dot` is installed it draws the same graph, with the same title and description."""
    picture = dependency_graph(graph, renderer="dot")
    root = ET.fromstring(picture.svg)
    titles = {title.text for title in root.iter(f"{SVG}title")}
    assert set(graph) <= titles
    assert {f"{a} depends on {b}" for a, needs in graph.items() for b in needs} <= titles
    desc = root.find(f"{SVG}desc")
    assert desc is not None
    assert desc.text == str(picture)
