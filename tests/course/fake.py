"""A small course for tests: one notebook with one file exercise, made in a temporary folder."""

from __future__ import annotations

from pathlib import Path

from helpers.course.curriculum import Curriculum

__all__ = ["EXERCISE", "SOURCE", "add_exercise", "make_course"]

SOURCE = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
initlab:
  title: Doubling
  goal: Write a program that doubles a number.
  time: 10
  prerequisites: [none]
  engines: [none]
  changes: Nothing outside the workspace.
---

Some text, with a [link](https://example.org).

```{code-cell} ipython3
%load_ext helpers.course
```

## Make it

```{code-cell} ipython3
:tags: [exercise]
%%exercise p0.double
import sys

### BEGIN SOLUTION
print(int(sys.argv[1]) * 2)
### END SOLUTION
### BEGIN STARTER
print("your program here")
### END STARTER
```

<!-- BEGIN SOLUTION -->
Multiplication by two is a shift by one.
<!-- END SOLUTION -->

```{code-cell} ipython3
# NBVAL_CHECK_OUTPUT
1 + 1
```
"""

EXERCISE = """\
id = "p0.double"
title = "Double a number"
notebook = "phase0/01-doubling"
points = 10
file = "double.py"
check = "checks.phase0:double"
hints = ["Read the argument.", "It is text: make it a number.", "int(sys.argv[1]) * 2"]
stretch = "Do it for a number of any base."
"""


def add_exercise(course: Curriculum, exercise: str = "p0.double", text: str = EXERCISE) -> Path:
    """Write an exercise folder with one wrong and one right answer; returns the folder."""
    folder = course.exercises / exercise
    for name in ("wrong", "right"):
        (folder / name).mkdir(parents=True)
    (folder / "exercise.toml").write_text(text)
    (folder / "wrong" / "adds.py").write_text(
        "# hint: adds\n# It adds two in place of doubling.\nimport sys\n\nprint(int(sys.argv[1]) + 2)\n"
    )
    (folder / "right" / "sum.py").write_text("import sys\n\nn = int(sys.argv[1])\nprint(n + n)\n")
    return folder


def make_course(root: Path) -> Curriculum:
    """A complete small course below `root`."""
    course = Curriculum.at(root / "curriculum")
    (course.sources / "phase0").mkdir(parents=True)
    (course.sources / "phase0" / "01-doubling.md").write_text(SOURCE)
    (root / "README.md").write_text("# A course\n")
    add_exercise(course)
    (course.exercises / "README.md").write_text("# Exercises\n")
    return course
