"""The cheat sheet: only what its owner evaluated, and never over their own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.course import exercises, progress
from helpers.course.workspace import Workspace
from helpers.nix.both import Both, remember
from helpers.nix.errors import NixError
from helpers.nix.look import Seen
from helpers.show.infuse_sheet import sheet


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty workspace, the one in force."""
    found = Workspace(tmp_path)
    found.state.mkdir()
    monkeypatch.setenv("INITLAB_WORKSPACE", str(tmp_path))
    return found


def evaluated(expression: str, value: object, name: str) -> None:
    """As if the learner had run a cell."""
    seen = Seen("plain", value=value) if not isinstance(value, NixError) else Seen("error", error=value)
    remember(Both(expression, seen, seen, "python"), name)


def test_nothing_was_evaluated_and_nothing_is_claimed(workspace: Workspace) -> None:
    """No result, no term, no metaphor."""
    assert sheet().markdown() == "# infuse.nix cheat sheet\n"
    assert "<section>" not in sheet().html()


def test_a_result_is_the_one_that_was_seen(workspace: Workspace) -> None:
    """Whatever it was: the page has no results of its own."""
    evaluated("infuse 3 (x: x * x)", 4711, "a_function")
    evaluated("infuse 1 <b>", NixError("infuse.desugar: at path <root attribute path>: no | good"), "")
    text, page = sheet().markdown(), sheet().html()
    assert "`infuse 3 (x: x * x)` | `4711` |" in text
    assert "pruning" not in text
    assert "no \\| good" in text
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_sugars_stand_in_the_order_they_are_applied_in(workspace: Workspace) -> None:
    """Not in that of the cells, which is another when one has been run again."""
    for name in ("sugar__infuse", "sugar__append", "sugar_v26__filter", "sugar__init"):
        evaluated(name, 1, name)
    text = sheet().markdown()
    places = [text.index(f"`__{name}`") for name in ("init", "filter", "append", "infuse")]
    assert places == sorted(places)


def test_predictions_are_told_right_or_wrong(workspace: Workspace) -> None:
    """As they were said first, beside what came out; a result that was never shown is not given away."""
    progress.record_prediction("p1.predict", "p1.predict.order: infuse x", "ab", True)
    progress.record_prediction("p1.predict", "p1.predict.leaf: infuse y", "1", False)
    progress.record_prediction("p1.predict", "p1.predict.deep: infuse z", "2", False)
    progress.record_observed("p1.predict", "p1.predict.leaf: infuse y", "error at y")
    text = sheet().markdown()
    assert "| ✓ | infuse x | ab |  |" in text
    assert "| ✗ | infuse y | 1 | error at y |" in text
    assert "| ✗ | infuse z | 2 | (not shown to me yet) |" in text


def test_laws_stand_on_it_only_when_the_check_has_passed_them(workspace: Workspace) -> None:
    """A law that was never checked is a guess."""
    file = exercises.load("p1.laws").path(workspace)
    file.parent.mkdir(parents=True)
    file.write_text("def law_of_mine(infuse, target, a, b):\n    return infuse(target, []) == target\n")
    assert "of mine" not in sheet().markdown()
    progress.record("p1.laws", "passed", points=10, possible=10)
    law = "def law_of_mine(infuse, target, a, b):\n    return infuse(target, []) == target"
    assert f"```python\n{law}\n```" in sheet().markdown()
    assert f"<pre>{law}</pre>" in sheet().html()
    progress.record("p1.laws", "not_yet")
    assert "of mine" not in sheet().markdown()


def test_a_law_is_printed_with_all_that_it_uses(workspace: Workspace) -> None:
    """And with nothing else of the file: what it uses, and what that uses."""
    file = exercises.load("p1.laws").path(workspace)
    file.parent.mkdir(parents=True)
    file.write_text(
        "import copy\nNONE = []\n\n\ndef left(value):\n    return deep(value)\n\n\ndef deep(value):\n"
        "    return copy.deepcopy(value)\n\n\ndef idle():\n    pass\n\n\n"
        "def law_of_mine(infuse, target, a, b):\n    return infuse(left(target), NONE) == target\n"
    )
    progress.record("p1.laws", "passed", points=10, possible=10)
    text = sheet().markdown()
    assert all(
        part in text for part in ("import copy", "NONE = []", "def left", "def deep", "def law_of_mine")
    )
    assert "idle" not in text
    assert "<li>Laws of mine: 1</li>" in sheet()._repr_html_()


def test_the_metaphor_stays_as_it_was_written(workspace: Workspace) -> None:
    """The page quotes it; the file is not touched."""
    file = exercises.load("p1.metaphor").path(workspace)
    file.parent.mkdir(parents=True)
    words = "Like a slip\non a score <forte>.\n"
    file.write_text(words)
    sheet().save()
    assert file.read_text() == words
    assert "> Like a slip\n> on a score <forte>." in sheet().markdown()
    assert "&lt;forte&gt;" in sheet().html()


def test_a_page_that_was_changed_by_hand_is_kept(workspace: Workspace) -> None:
    """One that was only made anew is not."""
    markdown, _ = sheet().save()
    sheet().save()
    assert sorted(path.name for path in markdown.parent.iterdir()) == [
        "infuse-cheat-sheet.html",
        "infuse-cheat-sheet.md",
    ]
    markdown.write_text("my own remarks")
    sheet().save()
    assert markdown.with_name("infuse-cheat-sheet.md.1").read_text() == "my own remarks"
