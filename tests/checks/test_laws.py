"""The check of `p1.laws`: its cases, and laws asked in a real sandbox."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from checks import phase1
from checks.infuse.model import FLAWS
from checks.laws.inside import Infuse, note, subjects
from checks.laws.suite import GROUPS, HINTS, SUITE, cases
from checks.verdict import Outcome
from helpers.course import exercises
from helpers.engines.base import Image
from helpers.infuse import force, infuse

EXERCISE = exercises.load("p1.laws")
WRONG = {answer.name: answer for answer in EXERCISE.wrong}


@pytest.mark.parametrize("seed", range(4))
def test_every_case_is_one_that_infuse_can_do(seed: int) -> None:
    """A law that relates calls of infuse meets no error that is not its own."""
    for texts in cases(random.Random(seed)):
        target, a, b = (eval(text, {"note": note}) for text in texts)  # noqa: S307 - our own text
        for infusion in (a, b, [a, b], [b, a], []):
            assert isinstance(force(infuse(target, infusion)), dict)


def test_another_seed_gives_other_cases() -> None:
    """Reading the check does not give the answer."""
    assert cases(random.Random(1)) == cases(random.Random(1)) != cases(random.Random(2))


def test_each_group_names_what_is_asked_inside() -> None:
    """Every wrong one belongs to a group, whose hint there is."""
    named = {name for group in GROUPS.values() for name in group}
    flaws = named & set(FLAWS)
    assert len(flaws) == 5
    assert set(GROUPS) <= set(HINTS)


@pytest.mark.parametrize("name", sorted({name for group in GROUPS.values() for name in group}))
def test_each_wrong_one_is_wrong_about_some_case(name: str, every: dict[str, Infuse]) -> None:
    """And gives another value, or an error, for one case in twenty at least."""
    wrong, true = every[name], every["true"]
    different = 0
    for texts in cases(random.Random(5)):
        target, a, b = (eval(text, {"note": note}) for text in texts)  # noqa: S307 - our own text
        try:
            different += wrong(target, [a, b]) != true(target, [a, b])
        except Exception:
            different += 1
    assert different >= 6


@pytest.fixture(scope="module")
def every() -> dict[str, Infuse]:
    """All that are asked, by name. They are made as in the sandbox, and the modules put back."""
    import sys

    import checks.infuse.model

    before = dict(sys.modules)
    sys.modules["infuse_model"] = checks.infuse.model
    try:
        return dict(subjects())
    finally:
        sys.modules.pop("infuse_model", None)
        sys.modules.update(before)


def test_every_hint_has_a_wrong_answer_that_earns_it() -> None:
    """A hint nobody can get is untested text."""
    assert {answer.hint for answer in EXERCISE.wrong} == set(HINTS)
    assert SUITE.points == EXERCISE.points == 10


@pytest.mark.live
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_the_solution_passes_whatever_the_cases(seed: int, tmp_path: Path, image: Image) -> None:
    """It holds for infuse, and catches all of the others."""
    file = tmp_path / "laws.py"
    file.write_text(EXERCISE.solution)
    verdict = phase1.laws(file, seed=seed)
    assert verdict.passed, str(verdict)


@pytest.mark.live
@pytest.mark.parametrize("name", ["commutes", "update", "key_error", "top_level_only", "turns_the_top_only"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_wrong_law_gets_its_own_hint_whatever_the_cases(name: str, seed: int, image: Image) -> None:
    """The hint does not hang on luck."""
    verdict = phase1.laws(WRONG[name].path, seed=seed)
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key == WRONG[name].hint, str(verdict)


@pytest.mark.live
@pytest.mark.parametrize("line", ["import os; os._exit(0)", "raise SystemExit", "raise KeyboardInterrupt"])
def test_a_law_that_ends_python_is_told_as_such(line: str, tmp_path: Path, image: Image) -> None:
    """It happens in the sandbox, and never passes."""
    law = f"def law_{{}}(infuse, target, a, b):\n    {line}\n"
    file = tmp_path / "laws.py"
    file.write_text("".join(law.format(name) for name in "abc"))
    verdict = phase1.laws(file)
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key in ("endless", "raises")


@pytest.mark.live
def test_no_law_can_find_the_true_infuse(tmp_path: Path, image: Image) -> None:
    """What is asked beside it is not to be imported, from anywhere."""
    file = tmp_path / "laws.py"
    search = "import sys\nFOUND = [n for n in sys.modules if 'infuse' in n or n.startswith('helpers')]\n"
    search += "def law_a(infuse, target, a, b):\n    return not FOUND\n"
    file.write_text(search + "law_b = law_a\nlaw_c = law_a\n")
    verdict = phase1.laws(file)
    assert verdict.hint is not None
    assert verdict.hint.key == "no-infuse", str(verdict)  # it said True: nothing was found
