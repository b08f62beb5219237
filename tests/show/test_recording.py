"""A recording's pictures: lanes, bars, SVG, PNG, and what the interactive one is given."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import LabError
from helpers.probes.events import Event, Events
from helpers.probes.recording import Header, Recording
from helpers.show.recording import RecordingTimeline
from helpers.show.recording_lanes import REST, lanes
from helpers.show.recording_view import RecordingView
from tests.probes.events import RECORDING

_SVG = "{http://www.w3.org/2000/svg}"


def test_each_life_is_a_bar_in_its_services_lane() -> None:
    """From fork to exit, with how it ended and who reaped it; the init's own are in the last lane."""
    found = {lane.name: lane for lane in lanes(RECORDING)}
    assert list(found) == ["db", "app", REST]
    bars = [(bar.pid, bar.start, bar.ready, bar.end, bar.outcome, bar.reaper) for bar in found["app"].bars]
    assert bars == [
        (6, 0.2, 0.52, 1.001, "failed", 1),
        (7, 0.22, None, 0.3, "failed", 6),
        (9, 2.0, 2.5, None, "unseen", None),
    ]
    assert [(bar.pid, bar.main) for bar in found["db"].bars] == [(5, True)]
    assert [bar.pid for bar in found[REST].bars] == [1]


def test_main_processes_lie_above_their_helpers() -> None:
    """The first row is the service; its second life follows in the same row."""
    app = lanes(RECORDING, ["app"])[0]
    assert [(bar.pid, bar.row) for bar in app.bars] == [(6, 0), (7, 1), (9, 0)]


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 10), st.booleans(), st.booleans()), max_size=30))
def test_no_two_bars_of_a_row_overlap(lives: list[tuple[float, float, bool, bool]]) -> None:
    """However lives lie; one without an end takes its row for good."""
    events = []
    for number, (start, length, main, ends) in enumerate(lives, 2):
        events.append(Event(start, "a", "fork", number, outside=number, main=main))
        if ends:
            events.append(Event(start + length, "a", "exit", number, outside=number, main=main, status=0))
    events.sort(key=lambda event: event.time)
    lane = lanes(Recording(Header(services=("a",)), Events(events)), ["a"])[0]
    assert len(lane.bars) == len(lives)
    for row in range(lane.rows):
        bars = sorted((bar for bar in lane.bars if bar.row == row), key=lambda bar: bar.start)
        for one, next_ in itertools.pairwise(bars):
            assert one.end is not None
            assert one.end <= next_.start
        assert len({bar.main for bar in bars}) <= 1


def test_the_picture_is_well_formed_and_says_the_same_as_the_text() -> None:
    """Each process has its story under the mouse; the description is the text; the source is stated."""
    timeline = RECORDING.timeline()
    root = ElementTree.fromstring(timeline._repr_svg_())
    titles = [e.text or "" for e in root.iter(f"{_SVG}title")]
    assert any("PID 6: /usr/bin/python3 app.py" in title and "SIGKILL" in title for title in titles)
    assert any("reaped by PID 6" in title for title in titles)
    description = root.find(f"{_SVG}desc")
    assert description is not None
    assert description.text == str(timeline)
    assert "no events lost" in "".join(e.text or "" for e in root.iter(f"{_SVG}text"))


def test_the_text_tells_every_event_in_words() -> None:
    """One line each, in order, with time and service."""
    lines = str(RECORDING.timeline()).splitlines()
    assert len(lines) == len(RECORDING) + 1
    assert lines[0] == "   0.0000 s  runit  PID 1 becomes /sbin/runit"
    assert lines[8] == "   0.4000 s  db     PID 5 is ready (or up to 50 ms earlier)"
    assert lines[12] == "   1.0010 s  app    PID 6 (python3) ends by SIGKILL"
    assert lines[13] == "   1.2000 s  app    PID 6 is reaped by PID 1"


def test_a_burst_makes_no_endless_picture() -> None:
    """Twenty thousand short lives: drawn as far as they can be told apart, listed as far as anyone reads."""
    events = []
    for number in range(20_000):
        at = number / 10_000
        events.append(Event(at, "a", "fork", number + 2, outside=number + 2))
        events.append(Event(at + 1e-5, "a", "exit", number + 2, outside=number + 2, status=0))
    timeline = Recording(Header(until=2.0, services=("a",)), Events(events)).timeline()
    assert len(timeline._repr_svg_()) < 1_000_000
    assert "and 39000 more events" in str(timeline)


def test_a_part_can_be_shown() -> None:
    """Some services, some seconds. An unknown service is an error that lists the known ones."""
    part = RECORDING.timeline("app", begin=0.9, end=1.3)
    assert [line.split()[2] for line in str(part).splitlines()[:-1]] == ["app"] * 3
    root = ElementTree.fromstring(part._repr_svg_())
    words = [e.text for e in root.iter(f"{_SVG}text")]
    assert "app" in words
    assert "db" not in words
    with pytest.raises(LabError, match="'nginx'"):
        RECORDING.timeline("nginx")


def test_a_polled_recording_says_so() -> None:
    """Resolution in the caption; an end nobody saw has its own mark."""
    header = Header(stack="s", init="s6", source="polling", resolution=0.02, services=("a",))
    events = [Event(0.1, "a", "fork", 3, main=True), Event(0.5, "a", "exit", 3, main=True, slack=0.02)]
    timeline = Recording(header, Events(events)).timeline()
    assert "20 ms" in str(timeline)
    assert "ended, how unseen" in timeline._repr_svg_()
    assert lanes(timeline.recording)[0].bars[0].outcome == "unseen"


def test_an_empty_recording_and_odd_names_can_be_drawn(tmp_path: Path) -> None:
    """Nothing happened; or a process has called itself something with markup and dollar signs in it."""
    ElementTree.fromstring(Recording(Header(), Events()).timeline()._repr_svg_())
    odd = Event(0.1, "<a>", "fork", 3, outside=3, comm="$x^{<b>&", main=True)
    timeline = Recording(Header(until=1.0), Events([odd])).timeline()
    ElementTree.fromstring(timeline._repr_svg_())
    timeline.png(tmp_path / "odd.png")


def test_the_picture_is_written_as_svg_and_png(tmp_path: Path) -> None:
    """Both are what their names say, the PNG with two dots to the pixel; a missing folder is named."""
    timeline = RECORDING.timeline()
    ElementTree.fromstring(timeline.svg(tmp_path / "a.svg").read_text())
    data = timeline.png(tmp_path / "a.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(data[16:20], "big") == round(timeline.scene().width * 2)
    with pytest.raises(LabError, match="cannot write the picture"):
        timeline.png(tmp_path / "none" / "a.png")


def test_the_interactive_view_has_a_text_and_a_picture_to_fall_back_on() -> None:
    """Everything a widget shows can be read without one; its data is plain JSON."""
    view = RecordingView(RECORDING)
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"] == str(RECORDING.timeline())
    assert bundle["text/html"].startswith("<svg")
    assert "application/vnd.jupyter.widget-view+json" in bundle
    data = json.loads(json.dumps(view.data()))
    assert [lane["name"] for lane in data["lanes"]] == ["db", "app", "runit"]
    assert len(data["events"]) == len(RECORDING)
    assert RecordingTimeline(RECORDING).end == data["end"]
