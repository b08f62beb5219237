"""Recordings on disk: JSON lines that come back as they were, and errors that name the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import LabError
from helpers.probes.events import KINDS, Event, Events
from helpers.probes.recording import Header, Recording

from .events import RECORDING

_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_EVENTS = st.builds(
    Event,
    time=st.floats(0, 1e5).map(lambda t: round(t, 6)),
    service=_TEXT,
    kind=st.sampled_from(sorted(KINDS)),
    pid=st.integers(0, 4_000_000),
    detail=_TEXT,
    outside=st.none() | st.integers(1, 4_000_000),
    by=st.none() | st.integers(0, 4_000_000),
    comm=_TEXT,
    argv=st.lists(_TEXT, max_size=3).map(tuple),
    status=st.none() | st.integers(0, 255),
    signal=_TEXT,
    main=st.booleans(),
    slack=st.floats(0, 10).map(lambda t: round(t, 6)),
)


@given(events=st.lists(_EVENTS, max_size=8), notes=st.lists(_TEXT, max_size=2))
def test_a_saved_recording_comes_back_as_it_was(events: list[Event], notes: list[str]) -> None:
    """Every field of every event, whatever bytes names hold; times to the microsecond."""
    events.sort(key=lambda event: event.time)
    header = Header(stack="s", source="connector", notes=tuple(notes), machine={"processors": 2})
    back = Recording.loads(Recording(header, Events(events)).dumps())
    assert back.header == header
    assert back.events == Events(events)


def test_each_line_is_json_and_the_first_is_the_header(tmp_path: Path) -> None:
    """So that any tool can read it."""
    path = RECORDING.save(tmp_path / "run.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[0]["initlab"] == "recording"
    assert (rows[0]["source"], rows[0]["init"]) == ("connector", "runit")
    assert len(rows) == 1 + len(RECORDING)
    exit_ = {"t": 1.001, "service": "app", "kind": "exit", "pid": 6, "outside": 106, "comm": "python3"}
    assert rows[-4] == {**exit_, "signal": "SIGKILL", "main": True}
    assert Recording.load(path).events == RECORDING.events


def test_a_last_line_that_breaks_off_is_left_out_and_said(tmp_path: Path) -> None:
    """Its writer was killed: what came before is worth having."""
    path = tmp_path / "run.jsonl"
    path.write_text(RECORDING.dumps()[:-20])
    back = Recording.load(path)
    assert len(back) == len(RECORDING) - 1
    assert any("line 17 breaks off" in note for note in back.header.notes)


@pytest.mark.parametrize(
    ("number", "line", "said"),
    [
        (3, "not json", "line 3: not an event"),
        (2, '{"t": 1, "service": "a", "pid": 1}', "there is no kind None"),
        (2, '{"t": 1, "service": "a", "kind": "fork"}', "pid: "),
        (2, '{"t": "soon", "service": "a", "kind": "fork", "pid": 1}', "soon"),
        (2, '{"t": 1, "service": "a", "kind": "fork", "pid": 1, "colour": 3}', "colour"),
        (2, '{"t": 1, "service": "a", "kind": "fork", "pid": 1, "slack": "x"}', "slack"),
        (2, "[1, 2]", "no JSON object"),
        (1, "[1, 2]", "line 1: not a recording"),
        (1, '{"initlab": "recording", "format": 99}', "format 99"),
        (1, '{"initlab": "recording", "format": 1, "until": "late"}', "line 1: not a recording"),
        (1, '{"initlab": "recording", "format": 1, "services": 3}', "line 1: not a recording"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, number: int, line: str, said: str) -> None:
    """The error names file, line and reason."""
    lines = RECORDING.dumps().splitlines()
    lines[number - 1] = line
    path = tmp_path / "run.jsonl"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(LabError) as caught:
        Recording.load(path)
    assert said in str(caught.value)
    assert "run.jsonl" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\n\n", b"{}\n"])
def test_another_file_is_no_recording(tmp_path: Path, content: bytes) -> None:
    """Neither an empty file nor a binary one nor other JSON."""
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(LabError, match="not a recording"):
        Recording.load(path)


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    """In words, not as a traceback of the operating system."""
    with pytest.raises(LabError, match="cannot read the recording"):
        Recording.load(tmp_path / "none.jsonl")
    with pytest.raises(LabError, match="cannot write the recording"):
        RECORDING.save(tmp_path / "none" / "run.jsonl")


@given(cut=st.integers(0, 2500), junk=st.binary(max_size=6))
def test_a_mangled_file_gives_a_recording_or_our_error(cut: int, junk: bytes) -> None:
    """Whatever a disk has done to it: never another exception."""
    raw = RECORDING.dumps().encode()
    text = (raw[:cut] + junk + raw[cut + len(junk) :]).decode(errors="replace")
    try:
        Recording.loads(text)
    except LabError as error:
        assert "line " in error.message or "format" in error.message  # noqa: PT017
