"""The check of `p1.sixos`: its model, its key, and the whole of it in real sandboxes."""

from __future__ import annotations

import random
from pathlib import Path

import networkx as nx
import pytest

from checks import phase1
from checks.behaviours import Trial
from checks.sixos import model as sixos_model
from checks.sixos.hints import HINTS
from checks.sixos.key import BORNE_OUT, CLASSIFIED, REFUTING
from checks.sixos.suite import SUITE, questions
from checks.verdict import Outcome
from helpers.course import edits, exercises
from helpers.engines.base import Image
from helpers.sixos import CLASSES, FEATURES, QUESTIONS, SENTENCES, load

EXERCISE = exercises.load("p1.sixos")
WRONG = {answer.name: answer for answer in EXERCISE.wrong}
REAL = load().graph()


def told(name: str) -> str:
    """The text of a wrong answer that is told as edits."""
    return edits.edited(EXERCISE.solution, WRONG[name].path)


def scenarios(count: int) -> list[sixos_model.Graph]:
    rng = random.Random(7)
    return [sixos_model.scenario(rng, REAL) for _ in range(count)]


def test_every_hint_has_a_wrong_answer_that_earns_it() -> None:
    """A hint nobody can get is untested text."""
    assert {answer.hint for answer in EXERCISE.wrong} == set(HINTS)
    assert SUITE.points == EXERCISE.points == 10


# -- the model ----------------------------------------------------------------------------------


def test_graphs_that_are_asked_about_have_no_cycle_and_no_dangling_name() -> None:
    """The contract speaks of graphs that compile."""
    for graph in scenarios(200):
        drawn = nx.DiGraph(sixos_model.edges(graph))
        assert nx.is_directed_acyclic_graph(drawn)
        assert set(drawn) == set(sixos_model.edges(graph))


def test_what_is_needed_is_what_networkx_calls_descendants() -> None:
    """Without the bundles."""
    for graph in [REAL, *scenarios(50)]:
        drawn = nx.DiGraph(sixos_model.edges(graph))
        bundles = {name for name, one in graph["targets"].items() if one["kind"] == "bundle"}
        for name in graph["targets"]:
            assert sixos_model.needs(graph, name) == nx.descendants(drawn, name) - bundles


def test_the_remount_is_what_sshd_waits_for_though_its_file_is_silent() -> None:
    """By way of its logger; and mdevd does not."""
    assert REAL["targets"]["sshd"]["after"] == []
    assert "mounts." in sixos_model.needs(REAL, "sshd")
    assert sixos_model.needs(REAL, "mdevd") == {"mdevd-log", "mounts.proc", "mounts.sys", "mounts.dev.pts"}


def test_one_run_holds_every_mistake_that_can_be_made_with_a_graph() -> None:
    """Loggers of each sort, none, idle services, bundles in bundles, `before` between services."""
    for seed in range(30):
        graphs = [one.graph for one in questions(Trial("loads", "", seed)) if one.call == "census"]
        targets = [(graph, one) for graph in graphs for one in graph["targets"].values()]
        sorts = {one["logger"] for _, one in targets if one["kind"] == "longrun"}
        assert sorts == {"default", "uncaught", None}
        assert any(sixos_model.idle(graph) for graph in graphs)
        assert any(
            graph["targets"][other]["kind"] != "bundle" for graph, one in targets for other in one["before"]
        )


# -- the key ------------------------------------------------------------------------------------


def test_the_key_answers_what_is_asked_with_facts_that_exist() -> None:
    """Each question, each feature; and no fact is in two groups of which one each is needed."""
    facts = load().facts
    assert BORNE_OUT.keys() == QUESTIONS.keys()
    for name, key in BORNE_OUT.items():
        assert key.answer in QUESTIONS[name].answers
        assert key.bears <= facts.keys()
        assert sum(map(len, key.must)) == len(frozenset().union(*key.must))
    assert list(CLASSIFIED) == [name for group in FEATURES.values() for name in group]
    assert REFUTING.keys() == SENTENCES.keys()
    assert all(refuting and refuting <= facts.keys() for refuting in REFUTING.values())
    for kind, bears in CLASSIFIED.values():
        assert kind in CLASSES
        assert bears <= facts.keys()


@pytest.mark.parametrize(
    ("question", "cited", "covered"),
    [
        ("ownerboot", {"F47", "F48"}, True),
        ("ownerboot", {"F47", "F27"}, True),
        ("ownerboot", {"F48"}, False),
        ("modules", {"F44", "F49"}, True),
        ("modules", {"F44"}, False),
        ("timers-sockets-logs", {"F39", "F40"}, False),
    ],
)
def test_evidence_has_to_cover_the_question(question: str, cited: set[str], covered: bool) -> None:
    """One fact for each part, or those that say it together."""
    key = BORNE_OUT[question]
    assert key.covered(cited) is covered
    assert key.enough <= key.bears


def test_each_group_of_features_has_more_than_one_class() -> None:
    """So that one word for all is not right anywhere."""
    for group in FEATURES.values():
        assert len({CLASSIFIED[name][0] for name in group}) > 1


# -- the whole ----------------------------------------------------------------------------------


@pytest.mark.live
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_solution_passes_whatever_the_graphs(seed: int, tmp_path: Path, image: Image) -> None:
    """Full points."""
    file = tmp_path / "sixos.py"
    file.write_text(EXERCISE.solution)
    verdict = phase1.sixos(file, seed=seed)
    assert verdict.passed, str(verdict)


@pytest.mark.live
@pytest.mark.parametrize(
    "name", ["before_for_bundles", "one_sort_of_logger", "two_steps", "loggers_never_idle"]
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_wrong_analysis_gets_its_own_hint_whatever_the_graphs(
    name: str, seed: int, tmp_path: Path, image: Image
) -> None:
    """The hint does not hang on luck."""
    file = tmp_path / "sixos.py"
    file.write_text(told(name))
    verdict = phase1.sixos(file, seed=seed)
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key == WRONG[name].hint, str(verdict)


@pytest.mark.live
def test_a_wrong_answer_does_not_tell_the_right_one(tmp_path: Path, image: Image) -> None:
    """Neither which of the six it is, nor what it should be."""
    file = tmp_path / "sixos.py"
    file.write_text(told("infuse_resolves"))
    said = str(phase1.sixos(file))
    assert "follow from the facts" in said
    assert "infuse" not in said
    assert "edit" not in said


@pytest.mark.live
@pytest.mark.parametrize("line", ["import os; os._exit(0)", "raise SystemExit"])
def test_a_file_that_ends_python_is_told_as_such(line: str, tmp_path: Path, image: Image) -> None:
    """It happens in the sandbox, and never passes."""
    file = tmp_path / "sixos.py"
    file.write_text(EXERCISE.solution.replace("    targets = graph", f"    {line}\n    targets = graph", 1))
    verdict = phase1.sixos(file)
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key in ("endless", "raises")


@pytest.mark.live
@pytest.mark.parametrize("seed", [1, 2])
def test_a_file_that_ends_python_at_its_top_is_not_a_lab_that_failed(
    seed: int, tmp_path: Path, image: Image
) -> None:
    """`os._exit` while it is loaded: nothing but the learner's file can have done it."""
    file = tmp_path / "sixos.py"
    file.write_text("import os\nos._exit(0)\n")
    verdict = phase1.sixos(file, seed=seed)
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key == "does-not-load"
