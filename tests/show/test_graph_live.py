"""The graph of a running lab, and the view that follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from checks.behaviours import until
from helpers.engines.base import Image
from helpers.lab import Lab
from helpers.show.livegraph import LiveGraph, measured_seconds

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.fixture
def lab(image: Image) -> Iterator[Lab]:
    with Lab("web", init="openrc", image=image) as lab:
        yield lab


def state(graph: object) -> dict[str, str]:
    lines = [line.split(";")[0].split() for line in str(graph).splitlines()[1:] if " needs " in line]
    return {words[1]: words[2].rstrip(",") for words in lines}


def test_a_lab_that_was_not_started_is_drawn_without_states(image: Image) -> None:
    """The manifest alone can be drawn."""
    assert str(Lab("web", image=image).graph()).splitlines()[1] == " 1  redis"


def test_the_measured_critical_path_is_a_part_of_the_boot(lab: Lab) -> None:
    """lab.graph(): the times along the path, each from the start of the process until it was ready."""
    assert lab.graph().critical == ()
    lab.ready()
    graph = lab.graph()
    assert graph.critical == ("redis", "app", "nginx")
    last = lab.events().first("nginx", "ready")
    assert last is not None
    assert graph.seconds == pytest.approx(sum(measured_seconds(lab).values()))
    assert 0 < graph.seconds < last.time
    assert "redis  ready" in str(graph)


def test_given_seconds_take_the_place_of_the_measured_ones(lab: Lab) -> None:
    """lab.graph(seconds=…)."""
    assert "nginx  ready, 2.00 s" in str(lab.ready().graph(seconds={"nginx": 2.0}))


def follow(view: LiveGraph, seen: Callable[[dict[str, str]], bool]) -> bool:
    return until(lambda: seen(state(view._picture)), timeout=20)


def test_the_view_follows_the_lab_to_its_end(lab: Lab) -> None:
    """live_graph: redrawn when a service stops, is back, and when the lab is closed; then it rests."""
    pytest.importorskip("ipywidgets")
    view = lab.ready().live_graph()
    bundle = view._repr_mimebundle_()
    assert {"text/plain", "image/svg+xml", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert follow(view, lambda state: state["nginx"] == "ready")
    lab.stop_service("app")
    assert follow(view, lambda state: state["nginx"] == state["app"] == "down")
    lab.start_service("nginx")
    assert follow(view, lambda state: state["nginx"] == state["app"] == "ready")
    assert ">ready" in view._drawing.value
    lab.close()
    assert until(view._over.is_set, timeout=20)
    assert set(state(view).values()) == {"down"}


def test_a_closed_view_asks_nothing_any_more(lab: Lab) -> None:
    """close(): what was last shown stays."""
    view = lab.ready().live_graph()
    view._repr_mimebundle_()
    view.close()
    shown = str(view)
    lab.stop_service("redis")
    assert str(view) == shown
