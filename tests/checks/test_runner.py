"""How a check runs: seed, deadline, prerequisites, whose fault a failure is, progress, strict mode."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from checks.behaviours import Finding, Suite, Trial, until
from checks.runner import BadArgument, NotPassed, NotStarted, check
from checks.verdict import Outcome, Verdict
from helpers.course import progress
from helpers.course.workspace import Workspace
from helpers.errors import ImageError

HINTS = {"low": "higher", "odd": "even"}
Make = Callable[..., Verdict]


def make(suite: Suite[int], *, deadline: float = 5.0, prepare: Callable[[int], int] | None = None) -> Make:
    """A check of a number."""

    @check("p9.number", points=suite.points, deadline=deadline, suite=suite, call="phase9.number")
    def number(value: int = 1, *, seed: int | None = None) -> int:
        return value if prepare is None else prepare(value)

    return number


def simple(control: Callable[[int], int] | None = None) -> Suite[int]:
    """Two behaviours: above ten, and (where that holds) even."""
    suite: Suite[int] = Suite(HINTS, control=control)

    @suite.behaviour("high", points=2, asked="be above ten")
    def high(trial: Trial, value: int) -> Finding:
        if value > 10:
            return trial.ok(expected="above 10", seen=str(value))
        return trial.no(expected="above 10", seen=str(value), hint="low")

    @suite.behaviour("even", points=3, needs=("high",), asked="be even")
    def even(trial: Trial, value: int) -> Finding:
        if value % 2 == 0:
            return trial.ok(expected="even", seen=str(value))
        return trial.no(expected="even", seen=str(value), hint="odd")

    return suite


class Thing:
    """Something a trial owns."""

    def __init__(self) -> None:
        self.destroyed = threading.Event()

    def destroy(self) -> None:
        self.destroyed.set()


def test_every_behaviour_there_means_passed_with_full_points() -> None:
    """`passed` is given for everything, not for most."""
    verdict = make(simple())(12)
    assert (verdict.outcome, verdict.points, verdict.possible, verdict.hint) == (Outcome.PASSED, 5, 5, None)


def test_the_first_missing_behaviour_gives_the_hint_and_the_others_their_points() -> None:
    """One hint at a time, and what is there counts."""
    verdict = make(simple())(13)
    assert verdict.outcome is Outcome.NOT_YET
    assert verdict.points == 2
    assert verdict.hint is not None
    assert verdict.hint.key == "odd"


def test_asked_for_the_first_failure_only_a_check_ends_when_its_hint_is_certain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What stands behind the first failure is destroyed unheard; what stands before it is waited for."""
    thing = Thing()
    may_fail, hangs_now = threading.Event(), threading.Event()
    suite: Suite[int] = Suite({"early": "The first.", "late": "Another."})

    @suite.behaviour("first", points=1, asked="first")
    def first(trial: Trial, value: int) -> Finding:
        may_fail.wait(20)
        hangs_now.wait(20)
        return trial.no(expected="", seen="", hint="early")

    @suite.behaviour("second", points=1, asked="second")
    def second(trial: Trial, value: int) -> Finding:
        may_fail.set()
        return trial.no(expected="", seen="", hint="late")

    @suite.behaviour("third", points=1, asked="third")
    def third(trial: Trial, value: int) -> Finding:
        trial.own(thing)
        hangs_now.set()
        trial.until(lambda: False, 60)
        return trial.ok(expected="", seen="")

    monkeypatch.setenv("INITLAB_FIRST_FAILURE", "1")
    verdict = make(suite, deadline=40)(1)
    assert verdict.outcome is Outcome.NOT_YET
    assert verdict.hint is not None
    assert verdict.hint.key == "early"
    assert thing.destroyed.is_set()
    assert verdict.observations[2].skipped
    assert verdict.seconds < 20


def test_what_builds_on_a_missing_behaviour_is_not_tried() -> None:
    """A failed prerequisite is told as such, not as a second failure."""
    first, second = make(simple())(3).observations
    assert (first.ok, first.skipped) == (False, False)
    assert second.skipped
    assert second.seen == "not tried: builds on “be above ten”"


def test_the_same_seed_gives_the_same_random_parameters_whatever_runs_beside() -> None:
    """A behaviour's numbers depend on the seed and its name only."""
    seen: list[float] = []
    suite: Suite[int] = Suite({})

    @suite.behaviour("draw", points=1, asked="draw")
    def draw(trial: Trial, value: int) -> Finding:
        seen.append(trial.rng.random())
        return trial.ok(expected="", seen="")

    run = make(suite)
    first = run(1, seed=7)
    run(1, seed=7)
    run(1, seed=8)
    assert seen[0] == seen[1] != seen[2]
    assert (first.seed, first.repeat) == (7, "phase9.number(1, seed=7)")


def test_without_a_seed_one_is_drawn_and_shown() -> None:
    """A learner can always repeat a run."""
    verdict = make(simple())(12)
    assert verdict.seed is not None
    assert f"seed={verdict.seed})" in str(verdict)


def test_at_the_deadline_everything_owned_is_destroyed_and_the_verdict_says_what_hung() -> None:
    """`timed_out` names the behaviour, and keeps what was found before."""
    thing = Thing()
    suite: Suite[int] = Suite({})

    @suite.behaviour("quick", points=1, asked="be quick")
    def quick(trial: Trial, value: int) -> Finding:
        return trial.ok(expected="", seen="quick")

    @suite.behaviour("hangs", points=1, asked="come to an end")
    def hangs(trial: Trial, value: int) -> Finding:
        trial.own(thing).destroyed.wait(30)
        return trial.ok(expected="", seen="")  # too late: must not count

    @suite.behaviour("later", points=1, needs=("hangs",), asked="come later")
    def later(trial: Trial, value: int) -> Finding:
        raise AssertionError("must not run")

    began = time.monotonic()
    verdict = make(suite, deadline=0.3)()
    assert time.monotonic() - began < 5
    assert thing.destroyed.is_set()
    assert (verdict.outcome, verdict.points) == (Outcome.TIMED_OUT, 1)
    assert "This hung: “come to an end”" in verdict.note
    assert [o.ok for o in verdict.observations] == [True, False, False]
    assert verdict.observations[2].skipped


def test_a_wait_of_a_trial_ends_when_the_deadline_passes() -> None:
    """No thread of a check goes on polling after the verdict."""
    ended = threading.Event()
    suite: Suite[int] = Suite({})

    @suite.behaviour("waits", points=1, asked="wait")
    def waits(trial: Trial, value: int) -> Finding:
        try:
            trial.until(lambda: False, 60)
        finally:
            ended.set()
        return trial.ok(expected="", seen="")

    assert make(suite, deadline=0.2)().outcome is Outcome.TIMED_OUT
    assert ended.wait(5)


def test_what_a_behaviour_owns_is_destroyed_when_it_ends() -> None:
    """Nothing of a check is left, passed or not."""
    things: list[Thing] = []
    suite: Suite[int] = Suite(HINTS)

    @suite.behaviour("a", points=1, asked="a")
    def a(trial: Trial, value: int) -> Finding:
        things.append(trial.own(Thing()))
        return trial.no(expected="", seen="", hint="low")

    make(suite)()
    assert [thing.destroyed.is_set() for thing in things] == [True]


@pytest.mark.parametrize(
    ("error", "told", "then"),
    [
        (ImageError("no image", hint="initlab image build"), "no image", "initlab image build"),
        (ZeroDivisionError("oops"), "Our mistake: ZeroDivisionError: oops", "initlab doctor"),
    ],
)
def test_our_own_failures_are_lab_failed_with_a_log_kept(
    error: Exception, told: str, then: str, workspace: Workspace
) -> None:
    """A learner never reads "wrong" where the lab failed; the log holds the traceback."""
    suite: Suite[int] = Suite({})

    @suite.behaviour("breaks", points=4, asked="break")
    def breaks(trial: Trial, value: int) -> Finding:
        raise error

    verdict = make(suite)()
    assert (verdict.outcome, verdict.points, verdict.next) == (Outcome.LAB_FAILED, 0, then)
    assert told in verdict.note
    (log,) = (workspace.state / "logs").iterdir()
    assert str(log) in verdict.note
    assert f"{type(error).__name__}: " in log.read_text()


def test_a_failure_that_a_known_good_subject_shares_is_the_labs() -> None:
    """The control decides whose fault a missing behaviour is."""
    blamed = make(simple(control=lambda _: 12))(3)
    assert blamed.outcome is Outcome.NOT_YET
    ours = make(simple(control=lambda _: 3))(3)
    assert ours.outcome is Outcome.LAB_FAILED
    assert "A known-good program fails here too. Asked: be above ten." in ours.note


def test_a_doubtful_finding_is_tried_again() -> None:
    """A hiccup of the computer is not held against the learner; a failure that stays is."""
    tries = {"hiccup": 0, "failure": 0}
    suite: Suite[int] = Suite(HINTS)

    @suite.behaviour("hiccup", points=1, asked="hiccup")
    def hiccup(trial: Trial, value: int) -> Finding:
        tries["hiccup"] += 1
        if tries["hiccup"] > 1:
            return trial.ok(expected="", seen="")
        return trial.no(expected="", seen="", hint="low", doubtful=True)

    @suite.behaviour("failure", points=1, asked="fail")
    def failure(trial: Trial, value: int) -> Finding:
        tries["failure"] += 1
        return trial.no(expected="", seen="", hint="odd", doubtful=True)

    verdict = make(suite)()
    assert verdict.hint is not None
    assert (verdict.hint.key, verdict.points, tries) == ("odd", 1, {"hiccup": 2, "failure": 2})


def test_a_hint_key_that_does_not_exist_is_our_mistake() -> None:
    """A behaviour cannot fail without a hint."""
    suite: Suite[int] = Suite({})

    @suite.behaviour("a", points=1, asked="a")
    def a(trial: Trial, value: int) -> Finding:
        return trial.no(expected="", seen="", hint="missing")

    assert make(suite)().outcome is Outcome.LAB_FAILED


def test_nothing_started_is_told_and_recorded(workspace: Workspace) -> None:
    """`not_started` says what to do, and counts as no attempt."""

    def nothing(value: int) -> int:
        raise NotStarted("There is no number.", hint="make one")

    verdict = make(simple(), prepare=nothing)()
    assert (verdict.outcome, verdict.note, verdict.next) == (
        Outcome.NOT_STARTED,
        "There is no number.",
        "make one",
    )
    done = progress.summary(workspace=workspace)["p9.number"]
    assert (done.last_outcome, done.attempts) == ("not_started", 0)


def test_a_bad_argument_is_one_clear_message_and_is_not_recorded(workspace: Workspace) -> None:
    """Neither a traceback nor a verdict on the work."""

    def bad(value: int) -> int:
        raise BadArgument("phase9.number expects a number, got str", hint="phase9.number(1)")

    verdict = make(simple(), prepare=bad)("x")
    assert (verdict.outcome, verdict.next) == (Outcome.NOT_STARTED, "phase9.number(1)")
    assert "expects a number, got str" in str(verdict)
    assert progress.summary(workspace=workspace) == {}


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [
        ((1, 2, 3), {}, "too many positional arguments"),
        ((), {"sed": 3}, "unexpected keyword argument 'sed'"),
        ((), {"seed": "x"}, "expects a whole number as seed, got str"),
    ],
)
def test_a_wrong_call_is_told_not_raised(args: tuple[int, ...], kwargs: dict[str, object], told: str) -> None:
    """A slip in the check cell gives a card, not a TypeError."""
    verdict = make(simple())(*args, **kwargs)
    assert verdict.outcome is Outcome.NOT_STARTED
    assert told in verdict.note


def test_a_verdict_is_recorded_whole(workspace: Workspace) -> None:
    """Progress holds outcome, points, seed, hint and observations."""
    verdict = make(simple())(13, seed=5)
    (attempt,) = progress.attempts("p9.number", workspace=workspace)
    assert (attempt.outcome, attempt.points, attempt.possible, attempt.seed) == ("not_yet", 2, 5, 5)
    assert attempt.hint_key == "odd"
    assert [o["asked"] for o in attempt.observations] == [o.asked for o in verdict.observations]


def test_recording_that_breaks_does_not_break_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict is shown either way, with a line under it."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(progress, "record", broken)
    verdict = make(simple())(12)
    assert verdict.passed
    assert "Not saved: RuntimeError: disk on fire" in verdict.note


def test_outside_a_workspace_the_verdict_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing can be saved, that is told and the work is graded all the same."""
    monkeypatch.setenv("INITLAB_WORKSPACE", str(tmp_path / "nowhere"))
    verdict = make(simple())(12)
    assert verdict.passed
    assert "Not saved" in verdict.note


def test_strict_mode_raises_what_is_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`INITLAB_STRICT=1` is for CI: only `passed` comes back."""
    monkeypatch.setenv("INITLAB_STRICT", "1")
    run = make(simple())
    assert run(12).passed
    with pytest.raises(NotPassed, match=r"p9\.number: not yet") as raised:
        run(3)
    assert raised.value.verdict.outcome is Outcome.NOT_YET


def test_interrupting_a_check_destroys_what_it_owns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C goes on to the learner, and leaves no sandbox behind."""
    thing, owned = Thing(), threading.Event()
    suite: Suite[int] = Suite({})

    @suite.behaviour("hangs", points=1, asked="hang")
    def hangs(trial: Trial, value: int) -> Finding:
        trial.own(thing)
        owned.set()
        thing.destroyed.wait(30)
        return trial.ok(expected="", seen="")

    def interrupted(self: threading.Condition, *_: object) -> None:
        self.release()
        owned.wait(10)
        self.acquire()
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Condition, "wait_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(suite)()
    assert thing.destroyed.is_set()


def test_points_that_do_not_add_up_are_refused_at_once() -> None:
    """A check whose behaviours are worth something else than the exercise cannot be defined."""
    with pytest.raises(ValueError, match="worth 5 points, not 6"):
        check("p9.number", points=6, deadline=1, suite=simple(), call="phase9.number")


def test_a_behaviour_may_only_need_what_stands_above_it() -> None:
    """No cycle, no unknown name, no name twice."""
    suite = simple()
    for name, needs in (("high", ()), ("new", ("unknown",)), ("new", ("new",))):
        with pytest.raises(ValueError, match="behaviour"):
            suite.behaviour(name, points=1, needs=needs, asked="x")


def test_until_asks_once_more_after_the_time_has_passed() -> None:
    """A busy computer that skipped the whole interval still gets its answer seen."""
    answers = iter([False, True])
    assert until(lambda: next(answers), timeout=0) is True


class Shared:
    """A subject that owns something all behaviours use."""

    def __init__(self) -> None:
        self.open = True

    def check_over(self) -> None:
        self.open = False

    def close(self) -> None:
        raise AssertionError("that is for whoever made the subject: a learner's own lab has a `close`")


@pytest.mark.parametrize("ends", ["passes", "fails", "breaks", "hangs"])
def test_a_subject_is_told_when_its_check_is_over(ends: str) -> None:
    """After the last behaviour, not between them, and however the check ends."""
    shared, seen = Shared(), []
    suite: Suite[Shared] = Suite(HINTS)

    @suite.behaviour("first", points=1, asked="something")
    def first(trial: Trial, subject: Shared) -> Finding:
        return trial.ok(expected="x", seen="x")

    @suite.behaviour("second", points=1, needs=("first",), asked="something more")
    def second(trial: Trial, subject: Shared) -> Finding:
        seen.append(subject.open)
        if ends == "breaks":
            raise RuntimeError("no")
        if ends == "hangs":
            until(lambda: not subject.open, 5.0)
        if ends == "fails":
            return trial.no(expected="x", seen="y", hint="low")
        return trial.ok(expected="x", seen="x")

    @check("p9.shared", points=2, deadline=1.0, suite=suite, call="phase9.shared")
    def of_shared(*, seed: int | None = None) -> Shared:
        return shared

    verdict = of_shared()
    assert seen == [True]
    assert not shared.open
    outcomes = {"passes": "PASSED", "fails": "NOT_YET", "breaks": "LAB_FAILED", "hangs": "TIMED_OUT"}
    assert verdict.outcome.name == outcomes[ends]
