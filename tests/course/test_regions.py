"""Solution and starter regions."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.course.regions import Edition, apply, exercise_cells
from helpers.errors import CourseError

from .fake import SOURCE

FILE = Path("x.md")


def cell(*lines: str) -> str:
    return "\n".join(["text", "", "```{code-cell} ipython3", *lines, "```", "", "more", ""])


def test_the_learner_edition_has_no_line_of_a_solution() -> None:
    """Solutions are removed, starters kept, markers gone."""
    learner = apply(SOURCE, Edition.LEARNER, file=FILE)
    assert "* 2" not in learner
    assert "shift by one" not in learner
    assert "your program here" in learner
    assert "BEGIN" not in learner
    assert "END" not in learner


def test_the_solved_edition_has_no_line_of_a_starter() -> None:
    """The reverse."""
    solved = apply(SOURCE, Edition.SOLVED, file=FILE)
    assert "* 2" in solved
    assert "shift by one" in solved
    assert "your program here" not in solved
    assert "BEGIN" not in solved


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["### BEGIN SOLUTION", "x = 1"], r"x\.md:4: the SOLUTION region is not ended"),
        (["### BEGIN SOLUTION", "### BEGIN STARTER"], r"x\.md:5: STARTER begins inside SOLUTION of line 4"),
        (["### BEGIN SOLUTION", "### END STARTER"], r"x\.md:5: END STARTER stands inside SOLUTION of line 4"),
        (["### END SOLUTION"], r"x\.md:4: END SOLUTION ends no region"),
        (["### BEGIN HIDDEN"], r"x\.md:4: unknown region marker"),
        (["### begin solution"], r"x\.md:4: unknown region marker"),
        (["## BEGIN SOLUTION"], r"x\.md:4: unknown region marker"),
        (["###BEGIN SOLUTION"], r"x\.md:4: unknown region marker"),
        (["### BEGIN"], r"x\.md:4: unknown region marker"),
    ],
)
def test_a_malformed_region_is_told_with_its_line(lines: list[str], message: str) -> None:
    """Unclosed, nested, crossed, unknown: CourseError with `file:line`."""
    with pytest.raises(CourseError, match=message):
        apply(cell(*lines), Edition.LEARNER, file=FILE)


def test_a_region_of_text_may_not_swallow_a_code_cell() -> None:
    """Regions do not cross cells."""
    source = "<!-- BEGIN SOLUTION -->\n\n" + cell("x") + "\n<!-- END SOLUTION -->\n"
    with pytest.raises(CourseError, match=r"x\.md:1: the SOLUTION region is not ended"):
        apply(source, Edition.SOLVED, file=FILE)


def test_code_markers_in_text_are_told() -> None:
    """`### BEGIN SOLUTION` in text would be a heading with the solution below it."""
    with pytest.raises(CourseError, match="stands in text"):
        apply("### BEGIN SOLUTION\nx\n", Edition.LEARNER, file=FILE)


def test_markers_in_a_plain_code_block_are_left_alone() -> None:
    """A block that is shown and not run may speak of regions."""
    text = "```python\n### BEGIN SOLUTION\n```\n"
    assert apply(text, Edition.LEARNER, file=FILE) == text


def test_an_exercise_is_found_below_cell_options() -> None:
    """Both forms of MyST cell options are stepped over."""
    body = ["%%exercise p0.a", "### BEGIN SOLUTION", "1", "### END SOLUTION"]
    body += ["### BEGIN STARTER", "2", "### END STARTER"]
    for options in ([], [":tags: [a]", ""], ["---", "tags: [a]", "---"]):
        (found,) = exercise_cells(cell(*options, *body), file=FILE)
        assert (found.exercise, found.is_file, found.solution, found.starter) == ("p0.a", True, "1\n", "2\n")


def test_an_exercise_without_a_file_is_named_by_a_comment() -> None:
    """`# exercise: ID` marks a cell whose answer is not a file."""
    body = ["# exercise: p0.a", "### BEGIN SOLUTION", "1", "### END SOLUTION"]
    body += ["### BEGIN STARTER", "2", "### END STARTER"]
    (found,) = exercise_cells(cell(*body), file=FILE)
    assert (found.exercise, found.is_file) == ("p0.a", False)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["%%exercise"], r"x\.md:4: %%exercise without an id"),
        (["%%exercise p0.a"], r"x\.md:4: exercise p0\.a has no SOLUTION region"),
        (
            ["%%exercise p0.a", "### BEGIN SOLUTION", "1", "### END SOLUTION"],
            r"x\.md:4: exercise p0\.a has no STARTER region",
        ),
    ],
)
def test_an_incomplete_exercise_cell_is_told(lines: list[str], message: str) -> None:
    """An exercise has an id, a solution and a starter."""
    with pytest.raises(CourseError, match=message):
        exercise_cells(cell(*lines), file=FILE)


def test_an_exercise_twice_in_one_source_is_told() -> None:
    """One exercise, one cell."""
    with pytest.raises(CourseError, match="stands at line"):
        exercise_cells(SOURCE + SOURCE.split("---\n", 2)[2], file=FILE)
