"""The exercises registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.course import exercises
from helpers.course.curriculum import Curriculum
from helpers.course.workspace import Workspace
from helpers.errors import CourseError

from .fake import EXERCISE, SOURCE, add_exercise


def test_an_exercise_has_its_starter_and_solution_from_the_source(course: Curriculum) -> None:
    """`.starter` and `.solution` are the cell's code in either edition, without the magic line."""
    double = exercises.load("p0.double", curriculum=course)
    assert double.starter == 'import sys\n\nprint("your program here")\n'
    assert double.solution == "import sys\n\nprint(int(sys.argv[1]) * 2)\n"
    assert double.points == 10
    assert double.check == "checks.phase0:double"


def test_a_portfolio_path_is_below_the_phase_of_the_notebook(course: Curriculum, tmp_path: Path) -> None:
    """`path(workspace)` is `<workspace>/portfolio/phase0/<file>`."""
    double = exercises.load("p0.double", curriculum=course)
    assert double.path(tmp_path) == tmp_path / "portfolio/phase0/double.py"
    assert double.path(Workspace(tmp_path)) == double.path(tmp_path)


def test_wrong_and_right_answers_are_listed_with_hint_and_reason(course: Curriculum) -> None:
    """A wrong answer's header says which hint it must get and what is wrong."""
    double = exercises.load("p0.double", curriculum=course)
    (wrong,) = double.wrong
    assert (wrong.name, wrong.hint, wrong.why) == ("adds", "adds", "It adds two in place of doubling.")
    assert [path.name for path in double.right] == ["sum.py"]


def test_a_rust_answer_has_rust_comments(course: Curriculum) -> None:
    """The header of a wrong answer may begin with `//`; such a comment is none of what an answer says."""
    double = exercises.load("p0.double", curriculum=course)
    path = double.folder / "wrong" / "other.rs"
    path.write_text("// hint: adds\n// It adds.\nfn main() {}\n")
    (found,) = [wrong for wrong in double.wrong if wrong.path == path]
    assert (found.hint, found.why) == ("adds", "It adds.")
    assert exercises.same_code("// mine\nfn main() {}\n", "fn main() {}\n", python=False)
    assert not exercises.same_code("#[tokio::main]\nfn main() {}\n", "fn main() {}\n", python=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, True),
        ('import sys\n\n\n# mine\nprint( "your program here" )\n', True),
        ("import sys\nprint(2)\n", False),
        ("import sys\nprint(\n", False),
        ("\0", False),
    ],
    ids=["missing", "only comments added", "changed", "does not parse", "null byte"],
)
def test_a_file_is_untouched_while_it_says_what_the_starter_says(
    course: Curriculum, tmp_path: Path, text: str | None, expected: bool
) -> None:
    """Missing, or equal to the starter by its syntax tree, is untouched; anything else is the learner's
    work.
    """
    program = tmp_path / "double.py"
    if text is not None:
        program.write_text(text)
    assert exercises.load("p0.double", curriculum=course).untouched(program) is expected


def test_a_shell_answer_is_compared_without_comments_and_layout() -> None:
    """Files that are not Python are compared line by line; the `#!` line counts."""
    assert exercises.same_code("#!/bin/sh\n# x\n  exec a\n", "#!/bin/sh\nexec a\n", python=False)
    assert not exercises.same_code("#!/bin/bash\nexec a\n", "#!/bin/sh\nexec a\n", python=False)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('title = "Double a number"\n', "", "title"),
        ("points = 10", 'points = "10"', "points"),
        ("points = 10", "points = -1", "points"),
        ('"int(sys.argv[1]) * 2"]', "]", "hints"),
        ('"Read the argument."', '""', "hints.0"),
        ("checks.phase0:double", "phase0.double", "check"),
        ('file = "double.py"', 'file = "../double.py"', "file"),
        ("stretch =", "strech =", "strech"),
        ('id = "p0.double"', 'id = "p0.other"', "id"),
    ],
)
def test_a_malformed_field_is_named_with_its_file(course: Curriculum, old: str, new: str, field: str) -> None:
    """CourseError names `exercise.toml` and the field."""
    file = course.exercises / "p0.double" / "exercise.toml"
    assert old in EXERCISE
    file.write_text(EXERCISE.replace(old, new))
    with pytest.raises(CourseError) as caught:
        exercises.load("p0.double", curriculum=course)
    assert str(file) in caught.value.message
    assert f" {field}" in caught.value.message


def test_text_that_is_not_toml_is_named(course: Curriculum) -> None:
    """CourseError names the file."""
    file = course.exercises / "p0.double" / "exercise.toml"
    file.write_text("id = ")
    with pytest.raises(CourseError, match=r"exercise\.toml: not TOML"):
        exercises.load("p0.double", curriculum=course)


def test_an_unknown_exercise_is_answered_with_the_nearest(course: Curriculum) -> None:
    """A slip of the finger is met with the name meant."""
    with pytest.raises(CourseError, match=r"did you mean 'p0\.double'"):
        exercises.load("p0.doble", curriculum=course)


@pytest.mark.parametrize("name", ["", "..", "../sources", "p0.double/wrong"])
def test_an_id_is_never_taken_for_a_path(course: Curriculum, name: str) -> None:
    """An id is a name of one folder, not a way out of it."""
    with pytest.raises(CourseError, match="no exercise"):
        exercises.load(name, curriculum=course)


def test_an_exercise_the_source_lacks_is_told(course: Curriculum) -> None:
    """The registry and the sources must agree."""
    add_exercise(course, "p0.triple", EXERCISE.replace("p0.double", "p0.triple"))
    with pytest.raises(CourseError, match=r"01-doubling\.md: no exercise p0\.triple"):
        _ = exercises.load("p0.triple", curriculum=course).starter


def test_a_wrong_answer_without_header_is_named(course: Curriculum) -> None:
    """Both header lines are needed."""
    wrong = course.exercises / "p0.double" / "wrong" / "adds.py"
    wrong.write_text("# hint: adds\nprint(1)\n")
    with pytest.raises(CourseError, match=r"adds\.py: no comment says"):
        _ = exercises.load("p0.double", curriculum=course).wrong
    wrong.write_text("# It adds.\nprint(1)\n")
    with pytest.raises(CourseError, match=r"adds\.py: no `# hint: KEY`"):
        _ = exercises.load("p0.double", curriculum=course).wrong


def test_exercises_come_in_the_order_of_their_cells(course: Curriculum) -> None:
    """Order of the notebooks, then of the cells: not of the alphabet."""
    source = course.sources / "phase0" / "01-doubling.md"
    cell = SOURCE[SOURCE.index("```{code-cell} ipython3\n:tags") : SOURCE.index("<!--")]
    source.write_text(SOURCE + "\n" + cell.replace("p0.double", "p0.again").rstrip() + "\n")
    add_exercise(course, "p0.again", EXERCISE.replace("p0.double", "p0.again"))
    assert [found.id for found in exercises.load_all(course)] == ["p0.double", "p0.again"]
