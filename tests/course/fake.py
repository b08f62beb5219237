"""Small courses for tests, made in a temporary folder.

`make_course` has one notebook with one exercise that is a file. `make_checked_course` adds a second notebook
whose cells check what they make, so that it can be vetted whole, and an exercise that is no file.
"""

from __future__ import annotations

from pathlib import Path

from helpers.course.curriculum import Curriculum

__all__ = [
    "CHECKED",
    "EXERCISE",
    "EXERCISE_EVEN",
    "SOURCE",
    "add_exercise",
    "add_parts",
    "make_checked_course",
    "make_course",
]

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


_CHECK_CELLS = """
```{code-cell} ipython3
import subprocess
import sys

from helpers.course import exercises, progress, workspace

double = exercises.load("p0.double")
program = double.path(workspace.require())
if double.untouched(program):
    progress.record("p0.double", "not_started", possible=10)
else:
    seen = subprocess.run([sys.executable, program, "21"], capture_output=True, text=True).stdout.strip()
    if seen == "42":
        progress.record("p0.double", "passed", points=10, possible=10)
    else:
        progress.record("p0.double", "not_yet", possible=10, hint_key="adds")
```

```{code-cell} ipython3
# exercise: p0.even
### BEGIN SOLUTION
even = 4
### END SOLUTION
### BEGIN STARTER
even = None
### END STARTER
```

```{code-cell} ipython3
if even is None:
    progress.record("p0.even", "not_started")
elif even % 2:
    progress.record("p0.even", "not_yet", hint_key="odd")
else:
    progress.record("p0.even", "passed")
```
"""

CHECKED = SOURCE.replace("# NBVAL_CHECK_OUTPUT\n", "") + _CHECK_CELLS

EXERCISE_EVEN = """\
id = "p0.even"
title = "An even number"
notebook = "phase0/01-doubling"
points = 0
check = "checks.phase0:even"
hints = ["Not odd.", "Twice something.", "Divide it by two and look at the rest."]
stretch = "A number that is even in every base."
"""


def make_checked_course(root: Path) -> Curriculum:
    """A small course that can be vetted whole; built."""
    from helpers.course import editions

    course = make_course(root)
    (course.sources / "phase0" / "01-doubling.md").write_text(CHECKED)
    folder = add_exercise(course, "p0.even", EXERCISE_EVEN)
    (folder / "wrong" / "adds.py").unlink()
    (folder / "right" / "sum.py").unlink()
    (folder / "wrong" / "odd.py").write_text("# hint: odd\n# Three is odd.\neven = 3\n")
    (folder / "right" / "zero.py").write_text("even = 0\n")
    editions.write(course)
    return course


PARTS = """
```{code-cell} ipython3
%%exercise p0.two app/run
#!/bin/sh
### BEGIN SOLUTION
exec app
### END SOLUTION
### BEGIN STARTER
# app: not yet
### END STARTER
```

```{code-cell} ipython3
%%exercise p0.two db.py
### BEGIN SOLUTION
print("db")
### END SOLUTION
### BEGIN STARTER
# db: not yet
### END STARTER
```
"""

EXERCISE_TWO = """\
id = "p0.two"
title = "Two files"
notebook = "phase0/01-doubling"
points = 10
file = "stack/two"
parts = ["app/run", "db.py"]
check = "checks.phase0:two"
hints = ["One.", "Two.", "Three."]
stretch = "A third."
"""


def add_parts(course: Curriculum) -> Path:
    """An exercise whose answer is two files, with a wrong and a right answer; returns its folder."""
    source = course.sources / "phase0" / "01-doubling.md"
    source.write_text(source.read_text() + PARTS)
    folder = course.exercises / "p0.two"
    for kind, text in (
        ("wrong", "#!/bin/sh\n# hint: stays\n# Does not become the app.\napp\n"),
        ("right", "#!/bin/sh\nexec  app\ntrue\n"),
    ):
        file = folder / kind / "other" / "app" / "run"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    (folder / "exercise.toml").write_text(EXERCISE_TWO)
    return folder
