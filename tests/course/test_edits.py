"""Answers told as edits of the course's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.course import exercises
from helpers.course.curriculum import Curriculum
from helpers.course.edits import base, edited
from helpers.course.vet import vet
from helpers.errors import CourseError

from .test_vet import Hint, Verdict

SOLUTION = "import sys\n\nprint(int(sys.argv[1]) * 2)\n"
ADDS = """\
# hint: adds
# It adds two.

<<<<
print(int(sys.argv[1]) * 2)
====
print(int(sys.argv[1]) + 2)
>>>>
"""


def made(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "wrong.edits"
    path.write_text(text)
    return path


def test_what_is_searched_is_replaced_and_the_rest_stands(tmp_path: Path) -> None:
    """The header is none of the answer."""
    assert edited(SOLUTION, made(tmp_path, ADDS)) == "import sys\n\nprint(int(sys.argv[1]) + 2)\n"


def test_edits_are_of_the_solution_not_of_each_other(tmp_path: Path) -> None:
    """In whatever order they stand, and what one puts there no other finds."""
    text = "<<<<\nb\n====\nc\n>>>>\n<<<<\na\n====\nb\n>>>>\n<<<<\nc\n====\n>>>>\n"
    assert edited("a\nb\nc\n", made(tmp_path, text)) == "b\nc\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ADDS.replace("* 2", "* 3"), r":4: what it searches is not in the solution: print\("),
        ("<<<<\nx\n====\ny\n>>>>\n", "is in the solution 2 times: x"),
        ("<<<<\nx\n>>>>\n", r":3: >>>> stands where ==== is expected"),
        ("====\n", r":1: ==== stands where <<<< is expected"),
        ("<<<<\nimport sys\n====\n", r":1: >>>> is missing"),
        ("<<<<\n\n====\ny\n>>>>\n", r":1: it searches for nothing"),
        ("# hint: adds\n", "no edit in it"),
        (
            "<<<<\nimport sys\nx\n====\n>>>>\n<<<<\nimport sys\n====\n>>>>\n",
            "overlap: import sys",
        ),
    ],
)
def test_an_edit_that_does_not_fit_is_told(tmp_path: Path, text: str, told: str) -> None:
    """With its file and line: an answer that has lost its solution must not be graded as something else."""
    solution = "import sys\nx\nx\n" if "import sys\nx" not in text else "import sys\nx\n"
    with pytest.raises(CourseError, match=told):
        edited(solution, made(tmp_path, text))


def test_edits_may_be_of_another_answer(tmp_path: Path) -> None:
    """`# of:` in the first line names it, from the folder of the edits; without it the solution is meant."""
    (tmp_path / "other.py").write_text("x\n")
    assert base(made(tmp_path, ADDS)) is None
    assert base(made(tmp_path, "# of: other.py\n" + ADDS)) == tmp_path / "other.py"
    with pytest.raises(CourseError, match=r"wrong.edits:1: there is no lost.py to edit"):
        base(made(tmp_path, "# of: lost.py\n" + ADDS))


def test_a_shared_right_answer_is_written_once(tmp_path: Path) -> None:
    """The asyncio answer to stage 4 is the one to stage 3 and what stage 4 adds."""
    four, three = exercises.load("p3.stage4"), exercises.load("p3.stage3")
    (path,) = (path for path in four.right if path.stem == "futures")
    (before,) = (path for path in three.right if path.stem == "futures")
    text, shared = four.answer(path)[""], before.read_text()
    assert (base(path) or path).resolve() == before.resolve()
    assert len(set(shared.splitlines()) - set(text.splitlines())) < 20
    assert "class Log:" in text
    assert "class Log:" not in shared


def test_indentation_belongs_to_what_is_searched(tmp_path: Path) -> None:
    """A line is found as a whole from its beginning: `x` is not the `x` of `    x`."""
    with pytest.raises(CourseError, match="is not in the solution"):
        edited("    x\n", made(tmp_path, "<<<<\nx\n====\ny\n>>>>\n"))


def test_an_exercise_has_answers_of_both_kinds(course: Curriculum) -> None:
    """`wrong/NAME.edits` beside `wrong/NAME.py`; right answers too."""
    double = exercises.load("p0.double", curriculum=course)
    (double.folder / "wrong" / "edited.edits").write_text(ADDS)
    (double.folder / "right" / "shift.edits").write_text(
        "# Another way.\n<<<<\nprint(int(sys.argv[1]) * 2)\n====\nprint(int(sys.argv[1]) << 1)\n>>>>\n"
    )
    found = {answer.name: answer for answer in double.wrong}
    assert (found["edited"].hint, found["edited"].why) == ("adds", "It adds two.")
    assert double.answer(found["edited"].path)[""].endswith("+ 2)\n")
    assert double.answer(double.right[0])[""].endswith("<< 1)\n")


def test_vetting_checks_the_edited_text_and_tells_of_edits_that_do_not_fit(course: Curriculum) -> None:
    """The check sees the solution with the edits made."""
    folder = course.exercises / "p0.double" / "wrong"
    (folder / "adds.py").unlink()
    path = folder / "adds.edits"
    path.write_text(ADDS)
    seen = []

    def check(exercise: object, program: Path) -> Verdict:
        seen.append(program.read_text())
        return Verdict("not_yet", hint=Hint("adds"))

    results = {r.name: r for r in vet(course, check, only="p0.double")}
    assert results["check p0.double wrong/adds.edits"].ok
    assert "import sys\n\nprint(int(sys.argv[1]) + 2)\n" in seen
    path.write_text(ADDS.replace("* 2", "* 3"))
    told = [p for r in vet(course, check, only="p0.double", fast=True) for p in r.problems]
    assert any("adds.edits:4" in problem for problem in told)


def test_edits_of_a_part(course: Curriculum) -> None:
    """In an answer of several files, `app/run.edits` is the solution's `app/run`, edited."""
    from .fake import add_parts

    folder = add_parts(course)
    file = folder / "wrong" / "edited" / "app" / "run.edits"
    file.parent.mkdir(parents=True)
    file.write_text("# hint: stays\n# Stays.\n<<<<\nexec app\n====\napp\n>>>>\n")
    two = exercises.load("p0.two", curriculum=course)
    answer = two.answer(folder / "wrong" / "edited")
    assert answer["app/run"] == "#!/bin/sh\napp\n"
    assert "app/run.edits" not in answer
