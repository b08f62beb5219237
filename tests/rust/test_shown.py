"""What goes into a pack is what the notebooks show."""

from __future__ import annotations

import textwrap

from helpers.course.curriculum import Curriculum
from helpers.rust import shown


def test_every_change_is_one_and_stands_in_a_notebook() -> None:
    """Each crate that is shown is another one, and the notebooks' cells hold the texts of the changes."""
    crates = [(crate.digest, profile) for crate, profile in shown.shown()]
    assert len(set(crates)) == len(crates) == 6
    listing = Curriculum.default().notebook("phase3/06-supervisor-rs").path.read_text()
    skeleton = Curriculum.default().notebook("phase3/07-six-extensions").path.read_text()
    for text in (*shown._BOXED, *shown._TABLE):
        assert textwrap.dedent(text) in textwrap.dedent(listing)
    assert shown._BLOCKING[0].strip() in skeleton
