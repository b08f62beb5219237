"""The check of `p1.infuse`: its model of wrong answers, its cases, and the whole of it in a real sandbox."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from checks import phase1
from checks.infuse.cases import GROUPS, cases
from checks.infuse.hints import HINTS
from checks.infuse.model import FLAWS, Case, Fn, outcome, python_of
from checks.infuse.suite import SUITE, Asked, expected_of, explain
from checks.verdict import Outcome
from helpers import nix
from helpers.course import exercises
from helpers.engines.base import Image

EXERCISE = exercises.load("p1.infuse")
LIBRARY = Path(__file__).parents[2] / "labs" / "nix" / "infuse.nix"
# `initlab vet` grades every wrong answer; here stand those a learner is most likely to give.
_LIKELY = {
    "only_what_is_named",
    "none_is_missing",
    "as_written",
    "at_once",
    "all_is_well",
    "somewhere",
    "no_return",
}
WRONG = {answer.name: answer for answer in EXERCISE.wrong if answer.name in _LIKELY}
RIGHT = {path.stem: path for path in EXERCISE.right}
SEVEN = Fn("lambda x: 7", "(x: 7)", lambda x: 7)


def every(seed: int) -> list[Asked]:
    """All cases of a run."""
    rng = random.Random(seed)
    return [Asked(group, case, expected_of(case)) for group in GROUPS for case in cases(rng, group)]


@pytest.mark.parametrize("seed", range(5))
def test_the_contract_gives_what_helpers_infuse_gives(seed: int) -> None:
    """500 cases each: `expected_of` raises where the two disagree."""
    assert len(every(seed)) == sum(count for count, _ in GROUPS.values()) == 500


def test_each_group_asks_what_it_is_called_after() -> None:
    """Faults have no value; everything else has one."""
    for one in every(7):
        assert (one.expected[0] == "value") == (one.group != "faults"), one.case


@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_flaw_is_seen_and_told_from_the_others(flaw: str, seed: int) -> None:
    """An answer with one flaw fails in a group, and the first group it fails in names that flaw."""
    asked = every(seed)
    for one in asked:
        one.seen = outcome(one.case.target, one.case.infusion, flaw)
    failing = next(
        found for group in GROUPS if (found := [one for one in asked if one.group == group and not one.right])
    )
    assert explain(failing, asked)[0] == flaw


def test_the_shortest_case_that_shows_the_flaw_is_told() -> None:
    """A learner reads one call, not a hundred."""
    asked = every(4)
    for one in asked:
        one.seen = outcome(one.case.target, one.case.infusion, "clobbers")
    failing = [one for one in asked if one.group == "edits" and not one.right]
    assert explain(failing, asked)[1] is min(failing, key=lambda one: len(str(one.case)))


@pytest.mark.parametrize(
    ("expected", "seen", "key"),
    [
        (("value", {"a": 1}), ("value", None), "returns-nothing"),
        (("value", {"a": 1}), ("value", {"a": 2}), "differs"),
        (("value", {"a": 1}), ("raised", "KeyError"), "raises"),
        (("value", {"a": 1}), ("fault", ["a"]), "refuses"),
        (("fault", ["a"]), ("raised", "TypeError"), "other-error"),
        (("fault", ["a"]), ("fault", ["b"]), "wrong-path"),
        (("fault", ["a"]), ("value", {"a": 9}), "swallows"),
    ],
)
def test_what_no_flaw_explains_is_told_by_its_kind(
    expected: tuple[str, object], seen: tuple[str, object], key: str
) -> None:
    """There is always a hint."""
    one = Asked("edits", Case({"a": 3}, {"a": SEVEN}), expected, seen)
    assert explain([one], [one])[0] == key


def test_true_is_not_one() -> None:
    """Python says True == 1; Nix does not."""
    assert not Asked("edits", Case({}, {}), ("value", {"a": 1}), ("value", {"a": True})).right


def test_a_case_is_told_as_python_that_can_be_pasted() -> None:
    """Both ways round: the text, evaluated, does what the case does."""
    for one in every(9)[::9]:
        if one.group == "faults":
            continue
        case = one.case
        target, infusion = eval(python_of(case.target)), eval(python_of(case.infusion))  # noqa: S307 - our own text
        assert outcome(target, infusion) == one.expected


def test_another_seed_gives_other_cases() -> None:
    """Reading the check does not give the answer."""
    texts = [[str(case) for case in cases(random.Random(seed), "random")] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert texts[0] == sorted(texts[0], key=len)


def test_every_hint_has_a_wrong_answer_that_earns_it() -> None:
    """A hint nobody can get is untested text. The two left out are earned above and by `os._exit`."""
    assert {answer.hint for answer in EXERCISE.wrong} == set(HINTS) - {"raises", "differs", "ended"}
    assert set(FLAWS) <= set(HINTS)


def test_the_behaviours_are_worth_what_the_exercise_says() -> None:
    """exercise.toml and the check agree."""
    assert SUITE.points == EXERCISE.points == 10


@pytest.mark.live
@pytest.mark.timeout(200)
def test_the_real_nix_gives_what_the_contract_gives(image: Image) -> None:
    """Every case of a run: the value, or an error where the contract has one."""
    asked = every(11)
    found = nix.eval_many(
        [one.case.nix for one in asked], files={"infuse.nix": LIBRARY.read_text()}, timeout=100
    )
    for one, value in zip(asked, found, strict=True):
        if isinstance(value, nix.NixError):
            assert one.expected[0] != "value", f"{one.case}: {value}"
        else:
            assert one.expected == ("value", value), one.case


@pytest.mark.live
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["solution", *RIGHT])
def test_a_right_answer_passes_however_it_is_built(name: str, tmp_path: Path, image: Image) -> None:
    """Only behaviour is graded: full points."""
    solution = tmp_path / "solution.py"
    solution.write_text(EXERCISE.solution)
    verdict = phase1.infuse(RIGHT.get(name, solution))
    assert verdict.passed, str(verdict)
    assert verdict.points == EXERCISE.points


@pytest.mark.live
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_rejected_with_its_own_hint(name: str, image: Image) -> None:
    """Each way to go wrong is told by name, and the seed gives the same again."""
    verdict = phase1.infuse(WRONG[name].path)
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key == WRONG[name].hint, str(verdict)
    again = phase1.infuse(WRONG[name].path, seed=verdict.seed)
    assert again.observations == verdict.observations


@pytest.mark.live
@pytest.mark.timeout(100)
@pytest.mark.parametrize(
    ("body", "key"),
    [("import os; os._exit(3)", "ended"), ("raise SystemExit(0)", "raises"), ("while 1: 1", "endless")],
)
def test_an_answer_that_ends_python_or_never_ends_is_told(
    body: str, key: str, tmp_path: Path, image: Image
) -> None:
    """It happens in the sandbox, and the check goes on."""
    file = tmp_path / "my_infuse.py"
    file.write_text(f"class InfuseError(Exception): pass\ndef infuse(target, infusion):\n    {body}\n")
    verdict = phase1.infuse(file)
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key == key
