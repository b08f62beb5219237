"""The page of the landscape that goes into the portfolio."""

from __future__ import annotations

from pathlib import Path

from helpers.landscape import load
from helpers.landscape.page import read_cells, save, whole


def test_a_learners_columns_stand_beside_the_courses(tmp_path: Path) -> None:
    """Value and passage as the course's own cells have them; what is no list of words stays empty."""
    file = tmp_path / "mine.toml"
    file.write_text('[rinit]\ndeps = ["yes", "[r7]"]\n[nitro]\ndeps = "no"\n')
    rows = {row[0]: row for row in whole(load(), read_cells(file), ["deps"]).rows}
    assert rows["rinit"][-1] == "yes [r7]"
    assert rows["nitro"][-1] == rows["dinit"][-1] == ""


def test_what_cannot_be_read_is_no_answer_yet(tmp_path: Path) -> None:
    """No file, no TOML, no text: the page is saved with empty columns."""
    (tmp_path / "torn.toml").write_text("[rinit\n")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    assert [read_cells(tmp_path / name) for name in ("none.toml", "torn.toml", "bytes.toml")] == [{}, {}, {}]


def test_the_page_has_the_table_and_every_passage(tmp_path: Path) -> None:
    """Each passage with its repository, commit and path."""
    file = tmp_path / "phase3" / "landscape.md"
    save(load(), whole(load(), {}, ["deps"]), file)
    text = file.read_text()
    assert "| rinit |" in text
    assert all(f"**{one.id}**" in text and one.where in text for one in load().passages.values())
