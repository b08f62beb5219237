"""From a source to the notebooks people open."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from helpers.course import editions
from helpers.course.curriculum import Curriculum
from helpers.course.regions import Edition
from helpers.errors import CourseError

from .fake import SOURCE

NAME = "phase0/01-doubling"


def built(course: Curriculum, edition: Edition = Edition.LEARNER) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(editions.build(course.notebook(NAME), edition))
    return found


def texts(notebook: dict[str, Any]) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def edit(course: Curriculum, old: str, new: str) -> None:
    assert old in SOURCE
    course.notebook(NAME).path.write_text(SOURCE.replace(old, new))


def test_the_learner_edition_has_starters_and_no_solution(course: Curriculum) -> None:
    """What a learner opens never holds the answer."""
    text = "\n".join(texts(built(course)))
    assert "your program here" in text
    assert "* 2" not in text
    assert "shift" not in text


def test_the_solved_edition_has_solutions_and_no_starter(course: Curriculum) -> None:
    """The reverse; a text region becomes a text."""
    text = "\n".join(texts(built(course, Edition.SOLVED)))
    assert "print(int(sys.argv[1]) * 2)" in text
    assert "shift by one" in text
    assert "your program here" not in text


def test_a_cell_with_nothing_left_is_not_in_that_edition(course: Curriculum) -> None:
    """No empty cells where a solution stood."""
    assert all(text.strip() for text in texts(built(course)))
    assert len(built(course, Edition.SOLVED)["cells"]) == len(built(course)["cells"]) + 1


def test_two_builds_are_the_same_bytes(course: Curriculum) -> None:
    """Also in another process, with another hash seed."""
    ours = editions.build(course.notebook(NAME), Edition.LEARNER)
    program = (
        "import sys; from helpers.course import editions; from helpers.course.curriculum import Curriculum;"
        f"sys.stdout.buffer.write(editions.build(Curriculum.at({str(course.root)!r}).notebook({NAME!r}),"
        "editions.Edition.LEARNER))"
    )
    theirs = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    assert theirs == ours == editions.build(course.notebook(NAME), Edition.LEARNER)
    assert ours.endswith(b"}\n")


def test_a_built_notebook_is_valid_and_names_its_kernel(course: Curriculum) -> None:
    """nbformat 4.5 with unique ids, the python3 kernel, and no outputs."""
    import nbformat

    notebook = built(course)
    nbformat.validate(notebook)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "jupytext" not in notebook["metadata"]
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(not cell.get("outputs") for cell in notebook["cells"])


def test_the_first_cell_states_what_the_front_matter_says(course: Curriculum) -> None:
    """Title, goal, time, prerequisites, engines, changes; a prerequisite notebook is a link."""
    edit(course, "prerequisites: [none]", "prerequisites: [phase0/00-start-here, some Python]")
    first = texts(built(course))[0]
    assert first.startswith("# Doubling\n\n**Goal.** Write a program that doubles a number.")
    assert "| Time | about 10 minutes |" in first
    assert "[phase0/00-start-here](00-start-here.ipynb), some Python" in first
    assert "| Changes on this computer | Nothing outside the workspace. |" in first


def test_a_heading_that_repeats_the_title_is_not_shown_twice(course: Curriculum) -> None:
    """A source may open in a Markdown editor with its title."""
    edit(course, "Some text", "# Doubling\n\nSome text")
    shown = texts(built(course))
    assert sum("# Doubling" in text for text in shown) == 1
    assert shown[1].startswith("Some text")


def test_another_title_is_told(course: Curriculum) -> None:
    """One notebook, one title."""
    edit(course, "Some text", "# Tripling\n\nSome text")
    with pytest.raises(CourseError, match="second title"):
        built(course)


def test_editing_a_cell_changes_the_id_of_no_other(course: Curriculum) -> None:
    """Ids depend on what a cell says and on no neighbour."""
    before = {
        text: cell["id"] for text, cell in zip(texts(built(course)), built(course)["cells"], strict=True)
    }
    edit(course, "Some text", "## New\n\n```{code-cell} ipython3\n2 + 2\n```\n\nSome other text")
    after = {
        text: cell["id"] for text, cell in zip(texts(built(course)), built(course)["cells"], strict=True)
    }
    same = set(before) & set(after)
    assert len(same) == len(before) - 1
    assert all(before[text] == after[text] for text in same)


def test_equal_cells_have_different_ids(course: Curriculum) -> None:
    """`1 + 1` twice in a notebook is two cells."""
    edit(
        course,
        "## Make it",
        "```{code-cell} ipython3\n1\n```\n\n```{code-cell} ipython3\n1\n```\n\n## Make it",
    )
    ids = [cell["id"] for cell in built(course)["cells"] if cell["source"] == ["1"]]
    assert len(set(ids)) == 2


def test_an_exercise_cell_is_called_after_its_exercise(course: Curriculum) -> None:
    """In both editions, whatever it says."""
    for edition in Edition:
        (cell,) = (c for c in built(course, edition)["cells"] if c["source"][0].startswith("%%exercise"))
        assert cell["id"] == "p0-double"
        assert cell["metadata"]["tags"] == ["exercise"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  goal: Write a program that doubles a number.\n",
            "",
            r"01-doubling\.md: initlab\.goal: field required",
        ),
        ("time: 10", "time: soon", r"01-doubling\.md: initlab\.time"),
        ("time: 10", "time: 0", r"01-doubling\.md: initlab\.time"),
        ("engines: [none]", "engines: []", r"01-doubling\.md: initlab\.engines"),
        ("  title:", "  tittle:", r"initlab\.tittle"),
        ("initlab:\n", "other:\n", "no `initlab:` block"),
        ("### END SOLUTION\n", "", r"01-doubling\.md:34: STARTER begins inside SOLUTION of line 32"),
    ],
)
def test_a_malformed_source_is_told_with_file_and_field(
    course: Curriculum, old: str, new: str, message: str
) -> None:
    """CourseError, never a traceback of YAML or of pydantic."""
    edit(course, old, new)
    with pytest.raises(CourseError, match=message):
        built(course)


def test_front_matter_that_is_not_yaml_is_told(course: Curriculum) -> None:
    """What jupytext's reader says, with the file's name."""
    edit(course, "  time: 10", "  time: [10")
    with pytest.raises(CourseError, match=r"01-doubling\.md"):
        built(course)


def test_write_makes_both_editions_and_says_what_changed(course: Curriculum) -> None:
    """A second build changes nothing; an edited source changes its two editions."""
    assert [w.changed for w in editions.write(course)] == [True, True]
    assert course.learner(NAME).is_file()
    assert course.solved(NAME).is_file()
    assert [w.changed for w in editions.write(course)] == [False, False]
    assert editions.check(course) == []
    edit(course, "Some text", "Some other text")
    assert editions.check(course) == [course.learner(NAME)]
    assert [w.changed for w in editions.write(course)] == [True, True]


def test_a_source_that_does_not_build_leaves_every_edition_as_it_was(course: Curriculum) -> None:
    """All or nothing: no course half of which is new."""
    editions.write(course)
    before = course.learner(NAME).read_bytes()
    edit(course, "Some text", "Some other text")
    (course.sources / "phase0" / "02-broken.md").write_text("no front matter\n")
    with pytest.raises(CourseError, match=r"02-broken\.md"):
        editions.write(course)
    assert course.learner(NAME).read_bytes() == before


def test_a_committed_notebook_that_was_edited_is_found(course: Curriculum) -> None:
    """`--check` compares bytes."""
    editions.write(course)
    path = course.learner(NAME)
    path.write_bytes(path.read_bytes() + b"\n")
    assert editions.check(course) == [path]


def test_a_notebook_whose_source_is_gone_is_found(course: Curriculum) -> None:
    """Renaming a source leaves its former edition behind."""
    editions.write(course)
    old = course.root / "phase0" / "09-gone.ipynb"
    old.write_text("{}")
    assert editions.stale(course) == [old]


def test_expected_outputs_are_in_the_solved_edition_only(course: Curriculum) -> None:
    """Learner editions are stripped; solved ones carry what nbval compares with."""
    output = {"output_type": "stream", "name": "stdout", "text": ["2\n"]}
    solved_cells = built(course, Edition.SOLVED)["cells"]
    marked = next(c["id"] for c in solved_cells if editions.MARK + "\n" in c["source"])
    assert all(editions.MARK + "\n" not in c["source"] for c in built(course)["cells"])
    editions.outputs_file(course.notebook(NAME)).write_text(json.dumps({marked: [output]}))
    assert all(not c.get("outputs") for c in built(course)["cells"])
    solved = {c["id"]: c for c in built(course, Edition.SOLVED)["cells"]}
    assert solved[marked]["outputs"] == [output]


def test_outputs_of_a_cell_that_is_gone_are_told(course: Curriculum) -> None:
    """An edited cell needs its output run again."""
    editions.outputs_file(course.notebook(NAME)).write_text('{"abc": []}')
    with pytest.raises(CourseError, match=r"no longer there: abc"):
        built(course, Edition.SOLVED)


def test_a_source_named_against_the_rule_is_told(course: Curriculum) -> None:
    """The order of the course is the order of the names."""
    (course.sources / "phase0" / "Doubling.md").write_text(SOURCE)
    with pytest.raises(CourseError, match=r"Doubling\.md: a source is named NN-some-words\.md"):
        course.notebooks()
