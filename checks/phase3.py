"""Checks of phase 3. In a notebook: `from checks import phase3`, then `phase3.stage1()`."""

from __future__ import annotations

from pathlib import Path

from checks.answers import learner_file
from checks.extensions import health as _health
from checks.extensions import limits as _limits
from checks.extensions import logs as _logs
from checks.extensions import reload as _reload
from checks.extensions import stopping as _stopping
from checks.extensions import users as _users
from checks.extensions.part import Part
from checks.landscape import SUITE as LANDSCAPE
from checks.landscape import Answer as _Landscape
from checks.listing import SUITE as LISTING
from checks.listing import Listing
from checks.pid1.differences import SUITE as DIFFERENCES
from checks.pid1.differences import Answer
from checks.pid1.learner import SUITE as PID1
from checks.pid1.learner import Attempt
from checks.runner import check
from checks.stages.box import Stage
from checks.stages.first_stopping import SUITE as STAGE1
from checks.stages.fourth_stack import SUITE as STAGE4
from checks.stages.second import SUITE as STAGE2
from checks.stages.third_stopping import SUITE as STAGE3

__all__ = [
    "differences",
    "health",
    "landscape",
    "limits",
    "listing",
    "logging",
    "pid1",
    "reload",
    "signals",
    "stage1",
    "stage2",
    "stage3",
    "stage4",
    "user",
]


@check("p3.stage1", points=10, deadline=60.0, suite=STAGE1, call="phase3.stage1")
def stage1(program: str | Path | None = None, *, seed: int | None = None) -> Stage:
    """Grade the first stage of a supervisor by what it does as PID 1 of sandboxes.

    `program` is its path; without it, the `stage1.py` of your portfolio. `seed` repeats the random names of
    a run.
    """
    return Stage(1, learner_file("p3.stage1", program, call="phase3.stage1"))


@check("p3.stage2", points=10, deadline=60.0, suite=STAGE2, call="phase3.stage2")
def stage2(program: str | Path | None = None, *, seed: int | None = None) -> Stage:
    """Grade the second stage of a supervisor: what it does with services that end.

    `program` is its path; without it, the `stage2.py` of your portfolio. `seed` repeats the random names and
    delays of a run.
    """
    return Stage(2, learner_file("p3.stage2", program, call="phase3.stage2"))


@check("p3.stage3", points=10, deadline=60.0, suite=STAGE3, call="phase3.stage3")
def stage3(program: str | Path | None = None, *, seed: int | None = None) -> Stage:
    """Grade the third stage of a supervisor: what it starts and stops when.

    `program` is its path; without it, the `stage3.py` of your portfolio. `seed` repeats the random graph of
    a run.
    """
    return Stage(3, learner_file("p3.stage3", program, call="phase3.stage3"))


@check("p3.stage4", points=10, deadline=90.0, suite=STAGE4, call="phase3.stage4")
def stage4(program: str | Path | None = None, *, seed: int | None = None) -> Stage:
    """Grade the fourth stage of a supervisor: who is ready, where the lines go; and PID 1 of the web stack.

    `program` is its path; without it, the `stage4.py` of your portfolio. `seed` repeats the random names and
    sizes of a run.
    """
    return Stage(4, learner_file("p3.stage4", program, call="phase3.stage4"))


_BUILD = 180.0  # seconds: a first build compiles what the crate depends on too


def _part(place: str, file: str | Path | None) -> Part:
    text = learner_file(f"p3.{place}", file, call=f"phase3.{place}")
    return Part(place, text.decode(errors="replace"))


@check("p3.logging", points=10, deadline=_BUILD, suite=_logs.SUITE, call="phase3.logging")
def logging(file: str | Path | None = None, *, seed: int | None = None) -> Part:
    """Grade `logging.rs` in the skeleton crate by what it does: a log for each service, rotated.

    `file` is its path; without it, the one in your portfolio. `seed` repeats the random choices of a run.
    """
    return _part("logging", file)


@check("p3.signals", points=10, deadline=_BUILD, suite=_stopping.SUITE, call="phase3.signals")
def signals(file: str | Path | None = None, *, seed: int | None = None) -> Part:
    """Grade `signals.rs` in the skeleton crate by what it does: how it stops services.

    `file` is its path; without it, the one in your portfolio. `seed` repeats the random choices of a run.
    """
    return _part("signals", file)


@check("p3.user", points=8, deadline=_BUILD, suite=_users.SUITE, call="phase3.user")
def user(file: str | Path | None = None, *, seed: int | None = None) -> Part:
    """Grade `user.rs` in the skeleton crate by what it does: each service as its user.

    `file` is its path; without it, the one in your portfolio. `seed` repeats the random choices of a run.
    """
    return _part("user", file)


@check("p3.limits", points=6, deadline=_BUILD, suite=_limits.SUITE, call="phase3.limits")
def limits(file: str | Path | None = None, *, seed: int | None = None) -> Part:
    """Grade `limits.rs` in the skeleton crate by what it does: each service within its limits.

    `file` is its path; without it, the one in your portfolio. `seed` repeats the random choices of a run.
    """
    return _part("limits", file)


@check("p3.health", points=10, deadline=_BUILD, suite=_health.SUITE, call="phase3.health")
def health(file: str | Path | None = None, *, seed: int | None = None) -> Part:
    """Grade `health.rs` in the skeleton crate by what it does: services asked by TCP, HTTP and a command.

    `file` is its path; without it, the one in your portfolio. `seed` repeats the random choices of a run.
    """
    return _part("health", file)


@check("p3.reload", points=10, deadline=_BUILD, suite=_reload.SUITE, call="phase3.reload")
def reload(file: str | Path | None = None, *, seed: int | None = None) -> Part:
    """Grade `reload.rs` in the skeleton crate by what it does: from one manifest to another.

    `file` is its path; without it, the one in your portfolio. `seed` repeats the random choices of a run.
    """
    return _part("reload", file)


@check("p3.listing", points=10, deadline=_BUILD, suite=LISTING, call="phase3.listing")
def listing(file: str | Path | None = None, *, seed: int | None = None) -> Listing:
    """Grade the mended listing (`src/main.rs` of its crate) by what it does as PID 1 of sandboxes.

    `file` is its path; without it, the `listing.rs` of your portfolio. `seed` repeats the random choices of a
    run.
    """
    return Listing(learner_file("p3.listing", file, call="phase3.listing").decode(errors="replace"))


@check("p3.pid1", points=16, deadline=120.0, suite=PID1, call="phase3.pid1")
def pid1(program: str | Path | None = None, *, seed: int | None = None) -> Attempt:
    """Grade a supervisor by what the PID 1 suite asks of every init that runs services.

    `program` is its path; without it, the `supervisor.py` of your portfolio. `seed` repeats the random
    numbers of a run.
    """
    return Attempt(learner_file("p3.pid1", program, call="phase3.pid1"))


@check("p3.differences", points=5, deadline=60.0, suite=DIFFERENCES, call="phase3.differences")
def differences(answer: str | Path | None = None, *, seed: int | None = None) -> Answer:
    """Grade two experiments that tell tini, dumb-init and catatonit apart, by running them.

    `answer` is the path of the file; without it, the `differences.py` of your portfolio.
    """
    return Answer(learner_file("p3.differences", answer, call="phase3.differences"))


@check("p3.landscape", points=10, deadline=30.0, suite=LANDSCAPE, call="phase3.landscape")
def landscape(table: str | Path | None = None, *, seed: int | None = None) -> _Landscape:
    """Grade a table of five supervisors: whether the passage that each cell cites says what the cell says.

    `table` is its path; without it, the `landscape.toml` of your portfolio. `seed` repeats the order in which
    rows are looked at.
    """
    return _Landscape(learner_file("p3.landscape", table, call="phase3.landscape"))
