"""The timeline and the events behind it."""

from __future__ import annotations

from xml.etree import ElementTree

from helpers.probes.events import Event, Events
from helpers.show.timeline import Timeline

EVENTS = Events(
    [
        Event(0.1, "app", "started", 9),
        Event(0.3, "app", "ready", 9),
        Event(1.0, "app", "signalled", 9, "SIGKILL"),
        Event(1.1, "app", "exited", 9),
        Event(2.1, "app", "started", 12),
        Event(2.4, "app", "ready", 12),
        Event(0.2, "db", "started", 8),
    ]
)


def test_restart_seconds_run_from_the_end_to_ready_again() -> None:
    """The latency a user feels: from the exit to the next readiness."""
    assert EVENTS.restart_seconds("app") == [2.4 - 1.1]
    assert EVENTS.restart_seconds("db") == []


def test_a_restart_without_readiness_counts_to_the_start() -> None:
    """Where nobody saw it ready, the start has to do."""
    events = Events([e for e in EVENTS if e.kind != "ready"])
    assert events.restart_seconds("app") == [2.1 - 1.1]


def test_questions_chain() -> None:
    """`of`, `kind` and `after` narrow down."""
    assert [e.pid for e in EVENTS.of("app").starts().after(1.0)] == [12]
    assert EVENTS.restarts("app") == 1
    assert EVENTS.restarts("nobody") == 0
    assert EVENTS.services() == ["app", "db"]


def test_the_picture_is_well_formed_and_says_the_same_as_the_text() -> None:
    """The SVG holds a bar for each life, a mark for each end, and the text as its description."""
    timeline = Timeline(EVENTS, 3.0, ["app", "db"])
    root = ElementTree.fromstring(timeline._repr_svg_())
    titles = [e.text for e in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles.count("app, PID 9") == 2  # running, then ready
    assert "SIGKILL" in titles
    description = root.find("{http://www.w3.org/2000/svg}desc")
    assert description is not None
    assert description.text == str(timeline)


def test_an_empty_timeline_can_be_drawn() -> None:
    """Before anything has started there are lanes and an axis."""
    ElementTree.fromstring(Timeline(Events(), 0.0, ["app"])._repr_svg_())


def test_names_are_escaped() -> None:
    """A detail never becomes markup."""
    events = Events([Event(0.1, "a", "started", 1), Event(0.2, "a", "signalled", 1, "<b>&")])
    ElementTree.fromstring(Timeline(events, 1.0)._repr_svg_())
