"""Checks of phase 1. In a notebook: `from checks import phase1`, then `phase1.infuse()`."""

from __future__ import annotations

from pathlib import Path

from checks.answers import learner_file
from checks.generations import SUITE as GENERATIONS
from checks.generations import Change
from checks.infuse.suite import SUITE as INFUSE
from checks.infuse.suite import Mine
from checks.instances.suite import SUITE as INSTANCES
from checks.instances.suite import Instances
from checks.laws.suite import SUITE as LAWS
from checks.laws.suite import Laws
from checks.metaphor import SUITE as METAPHOR
from checks.metaphor import Metaphor
from checks.overrides.suite import SUITE as OVERRIDES
from checks.overrides.suite import Overrides
from checks.predict_ten import SUITE as PREDICT
from checks.predict_ten import Answers
from checks.repair import SUITE as REPAIR
from checks.repair import Repaired
from checks.runner import check
from checks.sixos.suite import SUITE as SIXOS
from checks.sixos.suite import Analysis
from checks.sugar.suite import SUITE as SUGAR
from checks.sugar.suite import Sugar

__all__ = [
    "generations",
    "infuse",
    "instances",
    "laws",
    "metaphor",
    "overrides",
    "predict",
    "repair",
    "sixos",
    "sugar",
]


@check("p1.generations", points=10, deadline=60.0, suite=GENERATIONS, call="phase1.generations")
def generations(file: str | Path | None = None, *, seed: int | None = None) -> Change:
    """Grade a change of a running system by which of its processes move.

    `file` is a Nix file; without it, the `change.nix` of your portfolio. `seed` repeats the random names of
    a run.
    """
    text = learner_file("p1.generations", file, call="phase1.generations")
    return Change(text.decode(errors="replace"))


@check("p1.infuse", points=10, deadline=60.0, suite=INFUSE, call="phase1.infuse")
def infuse(file: str | Path | None = None, *, seed: int | None = None) -> Mine:
    """Grade an `infuse` by 500 random calls, against `helpers.infuse` and the real Nix.

    `file` is a Python file; without it, the `my_infuse.py` of your portfolio. `seed` repeats the
    calls of a run.
    """
    return Mine(learner_file("p1.infuse", file, call="phase1.infuse"))


@check("p1.instances", points=10, deadline=90.0, suite=INSTANCES, call="phase1.instances")
def instances(file: str | Path | None = None, *, seed: int | None = None) -> Instances:
    """Grade three instances of one PostgreSQL by booting them, asking them, stopping and breaking them.

    `file` is a Nix file; without it, the `service.nix` of your portfolio. `seed` repeats the base of a run.
    """
    return Instances(learner_file("p1.instances", file, call="phase1.instances").decode(errors="replace"))


@check("p1.overrides", points=10, deadline=60.0, suite=OVERRIDES, call="phase1.overrides")
def overrides(file: str | Path | None = None, *, seed: int | None = None) -> Overrides:
    """Grade two infusions of a package set by the sets they make, against plain overrides.

    `file` is a Nix file; without it, the `overrides.nix` of your portfolio. `seed` repeats the random
    names of a run.
    """
    return Overrides(learner_file("p1.overrides", file, call="phase1.overrides").decode(errors="replace"))


@check("p1.predict", points=10, deadline=60.0, suite=PREDICT, call="phase1.predict")
def predict(file: str | Path | None = None, *, seed: int | None = None) -> Answers:
    """Grade ten predictions against what the real Nix and `helpers.infuse` evaluate.

    `file` is a list of results; without it, the `predictions.txt` of your portfolio.
    """
    return Answers.read(learner_file("p1.predict", file, call="phase1.predict").decode(errors="replace"))


@check("p1.repair", points=10, deadline=60.0, suite=REPAIR, call="phase1.repair")
def repair(file: str | Path | None = None, *, seed: int | None = None) -> Repaired:
    """Grade five repaired infusions by what they do to random targets, in the real Nix and in Python.

    `file` is a Nix file; without it, the `repair.nix` of your portfolio. `seed` repeats the targets of a run.
    """
    return Repaired(learner_file("p1.repair", file, call="phase1.repair").decode(errors="replace"))


@check("p1.laws", points=10, deadline=60.0, suite=LAWS, call="phase1.laws")
def laws(file: str | Path | None = None, *, seed: int | None = None) -> Laws:
    """Grade laws of infuse: they hold for `helpers.infuse`, and several wrong ones break them.

    `file` is a Python file; without it, the `laws.py` of your portfolio. `seed` repeats the cases of a run.
    """
    return Laws(learner_file("p1.laws", file, call="phase1.laws"))


@check("p1.metaphor", points=0, deadline=20.0, suite=METAPHOR, call="phase1.metaphor")
def metaphor(file: str | Path | None = None, *, seed: int | None = None) -> Metaphor:
    """Look whether a metaphor is told, and in words of one's own.

    `file` is a text; without it, the `metaphor.md` of your portfolio.
    """
    from helpers.course.curriculum import Curriculum
    from helpers.course.regions import Edition, apply

    text = learner_file("p1.metaphor", file, call="phase1.metaphor").decode(errors="replace")
    ours = [source for source in Curriculum.default().notebooks() if source.name.startswith("phase1/0")]
    return Metaphor(text, tuple(apply(one.text(), Edition.LEARNER, file=one.path) for one in ours))


@check("p1.sugar", points=10, deadline=60.0, suite=SUGAR, call="phase1.sugar")
def sugar(file: str | Path | None = None, *, seed: int | None = None) -> Sugar:
    """Grade a sugar of one's own by its laws and its errors, in the real Nix.

    `file` is a Nix file; without it, the `sugar.nix` of your portfolio. `seed` repeats the cases of a run.
    """
    return Sugar(learner_file("p1.sugar", file, call="phase1.sugar").decode(errors="replace"))


@check("p1.sixos", points=10, deadline=60.0, suite=SIXOS, call="phase1.sixos")
def sixos(file: str | Path | None = None, *, seed: int | None = None) -> Analysis:
    """Grade an analysis of SixOS by what it says of graphs, the real one and others, and by its evidence.

    `file` is a Python file; without it, the `sixos.py` of your portfolio. `seed` repeats the graphs of a run.
    """
    return Analysis(learner_file("p1.sixos", file, call="phase1.sixos"))
