"""The check of `p0.order`: its judgement by itself, and the whole of it in real sandboxes."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import phase0
from checks.behaviours import Trial
from checks.order import graphs as order_graphs
from checks.order.box import Answer, Asked, Reply, ask
from checks.order.graphs import Graph
from checks.order.hints import GENERAL, ORDER_HINTS
from checks.order.judge import Fault, judge, worst
from checks.order.suite import SUITE
from checks.verdict import Outcome
from helpers.course import exercises
from helpers.engines.base import Image
from helpers.manifest import cycles
from helpers.manifest import levels as our_levels
from helpers.manifest import order as our_order

EXERCISE = exercises.load("p0.order")
# `initlab vet` grades every wrong answer; here stand those a learner is most likely to give.
_LIKELY = {
    "reversed",
    "ignores_cycles",
    "all_that_is_left",
    "counts_twice",
    "calls_itself",
    "shortest_way_down",
}
WRONG = {answer.name: answer for answer in EXERCISE.wrong if answer.name in _LIKELY}
RIGHT = {path.stem: path for path in EXERCISE.right}
WEB: Graph = {"nginx": ["app"], "app": ["redis"], "redis": [], "cron": []}
LOOP: Graph = {"in": ["a"], "a": ["b"], "b": ["c"], "c": ["a"], "lone": []}


def hint(call: str, graph: Graph, reply: Reply) -> str:
    """The hint's key; empty where the reply is right."""
    fault = judge(Asked(call, graph), reply)
    return fault.hint if fault else ""


def graphs_of(make: Callable[[random.Random, int], Graph]) -> st.SearchStrategy[Graph]:
    return st.builds(make, st.integers(0, 10**9).map(random.Random), st.integers(1, 14))


# -- the judgement ------------------------------------------------------------------------------


@given(graphs_of(order_graphs.dag))
def test_any_valid_order_is_accepted(graph: Graph) -> None:
    """Our own order and networkx's differ, and both hold."""
    drawn = nx.DiGraph([(need, name) for name, needs in graph.items() for need in needs])
    drawn.add_nodes_from(graph)
    assert hint("order", graph, Reply(value=list(our_order(graph)))) == ""
    assert hint("order", graph, Reply(value=list(nx.topological_sort(drawn)))) == ""


@given(graphs_of(order_graphs.dag), st.randoms(use_true_random=False))
def test_an_order_is_accepted_exactly_when_it_holds(graph: Graph, rng: random.Random) -> None:
    """A shuffled list passes if, and only if, nothing stands before what it needs."""
    value = list(graph)
    rng.shuffle(value)
    holds = all(value.index(need) < value.index(name) for name in graph for need in graph[name])
    assert (hint("order", graph, Reply(value=value)) == "") == holds


@given(graphs_of(order_graphs.repeated))
def test_levels_are_those_by_longest_path(graph: Graph) -> None:
    """The same levels as helpers.manifest gives, whatever the order inside a level."""
    right = [list(reversed(group)) for group in our_levels(graph)]
    assert hint("levels", graph, Reply(value=right)) == ""
    assert hint("levels", graph, Reply(value=[*right, []])) == "levels-empty"
    if len(right) > 1:
        assert hint("levels", graph, Reply(value=right[::-1])) == "levels-reversed"
        assert hint("levels", graph, Reply(value=[right[0] + right[1], *right[2:]])) == "levels-too-early"
    if len(right[0]) > 1:
        assert (
            hint("levels", graph, Reply(value=[right[0][:1], right[0][1:], *right[1:]])) == "levels-too-late"
        )


@given(graphs_of(order_graphs.cyclic))
def test_a_cycle_is_accepted_exactly_when_it_is_a_path_of_the_graph(graph: Graph) -> None:
    """Every cycle our own graph module finds is accepted; against the arrows it is not."""
    paths = cycles(graph)
    assert paths
    for path in map(list, paths):
        assert hint("order", graph, Reply(error="Cycle", path=path)) == ""
        backwards = path[::-1]
        along = all(after in graph[name] for name, after in pairwise(backwards))
        assert hint("order", graph, Reply(error="Cycle", path=backwards)) == (
            "" if along else "path-backwards"
        )
        assert hint("order", graph, Reply(error="Cycle", path=path[:-1])) == "path-open"
        assert hint("order", graph, Reply(error="Cycle", path=path + path[1:])) == "path-twice"


@given(graphs_of(order_graphs.with_missing))
def test_a_missing_name_is_told_with_who_asks_for_it(graph: Graph) -> None:
    """Any of them, when there are several."""
    lacks = [(name, need) for name, needs in graph.items() for need in needs if need not in graph]
    assert lacks
    for service, name in lacks:
        assert hint("levels", graph, Reply(error="Missing", service=service, name=name)) == ""
        assert hint("order", graph, Reply(error="Missing", service=name, name=service)) == "missing-swapped"
    assert hint("order", graph, Reply(error="Missing", service="x", name="y")) == "missing-wrong"


@pytest.mark.parametrize(
    ("call", "graph", "reply", "key"),
    [
        ("order", WEB, Reply(value=["redis", "app", "nginx"]), "drops-islands"),
        ("order", WEB, Reply(value=["redis", "app", "cron"]), "loses"),
        ("order", WEB, Reply(value=["redis", "app", "nginx", "cron", "app"]), "twice"),
        ("order", WEB, Reply(value=["redis", "app", "nginx", "cron", "pg"]), "invented"),
        ("order", WEB, Reply(value=["nginx", "app", "redis", "cron"]), "reversed"),
        ("order", WEB, Reply(value=["app", "redis", "nginx", "cron"]), "wrong-order"),
        ("order", WEB, Reply(value=[["redis", "cron"], ["app"], ["nginx"]]), "not-a-list"),
        ("order", WEB, Reply(kind="NoneType"), "returns-nothing"),
        ("order", WEB, Reply(kind="generator"), "not-a-list"),
        ("order", WEB, Reply(error="KeyError", message="'app'", line=3), "raises"),
        ("order", WEB, Reply(error="Cycle", path=["app", "app"]), "false-cycle"),
        ("order", WEB, Reply(error="Missing", service="app", name="redis"), "false-missing"),
        ("order", WEB, Reply(error="RecursionError"), "recursion"),
        ("order", WEB, Reply(error="MemoryError"), "endless"),
        ("order", WEB, Reply(hung=True), "endless"),
        ("order", WEB, Reply(ended=True), "ended"),
        ("order", {}, Reply(error="IndexError"), "empty-graph"),
        ("order", {}, Reply(value=[]), ""),
        ("levels", {}, Reply(value=[]), ""),
        ("levels", WEB, Reply(value=["redis", "cron", "app", "nginx"]), "levels-flat"),
        ("levels", WEB, Reply(value=[["redis"], ["app"], ["nginx"]]), "drops-islands"),
        ("order", LOOP, Reply(value=["lone"]), "cycle-ignored"),
        ("order", LOOP, Reply(kind="NoneType"), "cycle-ignored"),
        ("order", LOOP, Reply(hung=True), "endless-on-cycle"),
        ("order", LOOP, Reply(error="RecursionError"), "recursion-on-cycle"),
        ("order", LOOP, Reply(error="CycleError"), "cycle-other-error"),
        ("order", LOOP, Reply(error="Cycle", path=["in", "a", "b", "c", "a"]), "path-with-tail"),
        ("order", LOOP, Reply(error="Cycle", path=["in", "a", "b", "c"]), "not-a-path"),
        ("order", LOOP, Reply(error="Cycle", path=["in", "a", "b", "c", "in"]), "not-a-path"),
        ("order", LOOP, Reply(error="Cycle", path=["in", "in"]), "not-a-path"),
        ("order", LOOP, Reply(error="Cycle", path=["a", "a"]), "not-a-path"),
        ("order", LOOP, Reply(error="Cycle", path="a b c a"), "path-missing"),
        ("order", LOOP, Reply(error="Cycle", path=None), "path-missing"),
        ("order", LOOP, Reply(error="Cycle", path=[]), "path-missing"),
        ("levels", {"a": ["a"]}, Reply(value=[["a"]]), "self-dependency"),
        ("order", {"a": ["a"]}, Reply(error="Cycle", path=["a"]), "path-open"),
        ("order", {"a": ["a"]}, Reply(error="Cycle", path=["a", "a"]), ""),
        ("order", {"a": ["x"]}, Reply(value=["a"]), "missing-ignored"),
        ("order", {"a": ["x"]}, Reply(error="Cycle", path=["a", "x"]), "missing-as-cycle"),
        ("order", {"a": ["x"]}, Reply(error="KeyError"), "missing-key-error"),
        ("order", {"a": ["x"]}, Reply(error="ZeroDivisionError"), "raises"),
    ],
)
def test_each_way_to_go_wrong_has_its_own_hint(call: str, graph: Graph, reply: Reply, key: str) -> None:
    """A fault is told by name, and in words that name the graph and what came back."""
    fault = judge(Asked(call, graph), reply)
    assert (fault.hint if fault else "") == key
    if fault is not None:
        assert f"{call}({graph!r})" in fault.seen
        assert fault.expected


def test_of_several_faults_the_most_general_is_told_on_its_smallest_graph() -> None:
    """An order as written looks reversed where there is one dependency: it is not."""
    small, middle, last = (Asked("order", {str(n): []}) for n in range(3))
    faults = [Fault(small, "", "", "reversed"), Fault(middle, "", "", "wrong-order")]
    assert worst([*faults, Fault(last, "", "", "wrong-order")]).asked is middle
    assert worst(faults[:1]).asked is small


def test_a_long_answer_is_told_in_short() -> None:
    """A graph of thousands does not fill the card."""
    graph = order_graphs.chain(random.Random(1), 5000)
    fault = judge(Asked("order", graph), Reply(value=list(graph)[::2]))
    assert fault is not None
    assert len(fault.seen + fault.expected) < 700


# -- the graphs ---------------------------------------------------------------------------------


@given(graphs_of(order_graphs.cyclic), graphs_of(order_graphs.repeated), graphs_of(order_graphs.with_missing))
def test_the_random_graphs_are_what_they_are_called(cyclic: Graph, repeated: Graph, missing: Graph) -> None:
    """A cycle in each of the first, a name written twice in each of the second, one missing in the third."""
    assert cycles(cyclic)
    assert any(len(set(needs)) < len(needs) for needs in repeated.values())
    assert not cycles(repeated)
    assert any(need not in missing for needs in missing.values() for need in needs)


def test_growing_graphs_begin_small_and_are_random() -> None:
    """The first one an answer fails on is about the smallest there is; another seed gives other graphs."""
    one, other = (order_graphs.growing(random.Random(seed), 50, order_graphs.cyclic) for seed in (1, 2))
    assert one != other
    assert one == order_graphs.growing(random.Random(1), 50, order_graphs.cyclic)
    assert len(one[0]) == 1
    assert max(map(len, one)) == 12
    assert any(needs == [name] for graph in one for name, needs in graph.items())


def test_two_hundred_random_graphs_are_asked() -> None:
    """As the notebook says: 60 + 30 + 30 + 30 + 50."""
    counts = [int(word) for b in SUITE.behaviours for word in b.asked.split() if word in ("30", "50", "60")]
    assert sum(counts) == 200


# -- the exercise -------------------------------------------------------------------------------


def test_every_hint_has_a_wrong_answer_that_earns_it() -> None:
    """A hint nobody can get is untested text. Those that are rare in practice are earned above."""
    rare = {"ended", "false-missing", "invented", "levels-empty", "missing-wrong", "path-twice", "raises"}
    assert {answer.hint for answer in EXERCISE.wrong} == set(ORDER_HINTS) - rare
    assert set(GENERAL) <= set(ORDER_HINTS)


def test_the_behaviours_are_worth_what_the_exercise_says() -> None:
    """exercise.toml and the check agree."""
    assert SUITE.points == EXERCISE.points == 10


@pytest.mark.live
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["solution", *RIGHT])
def test_a_right_answer_passes_however_it_is_built(name: str, tmp_path: Path, image: Image) -> None:
    """Only behaviour is graded: full points."""
    solution = tmp_path / "solution.py"
    solution.write_text(EXERCISE.solution)
    verdict = phase0.order(RIGHT.get(name, solution))
    assert verdict.passed, str(verdict)
    assert verdict.points == EXERCISE.points


@pytest.mark.live
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_rejected_with_its_own_hint(name: str, image: Image) -> None:
    """Each way to go wrong is told by name."""
    verdict = phase0.order(WRONG[name].path)
    assert verdict.outcome is Outcome.NOT_YET, str(verdict)
    assert verdict.hint is not None
    assert verdict.hint.key == WRONG[name].hint, str(verdict)
    assert verdict.points < EXERCISE.points


GIVEN = EXERCISE.starter.split("def order")[0]


def answers(trial: Trial, code: str, *graphs: Graph) -> list[Reply]:
    """What a file with the two exceptions and `code` answers to `order`."""
    text = f"{GIVEN}\n{code}\ndef levels(needs): return []\n"
    found = ask(trial, Answer(text.encode()), [Asked("order", graph) for graph in graphs], cpu=0.5)
    assert found.load is None, found
    return found.replies


@pytest.fixture
def trial() -> Trial:
    return Trial("test", "test", 1)


@pytest.mark.live
@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("def order(needs):\n    while True: pass", Reply(hung=True)),
        ("def order(needs):\n    import os; os._exit(3)", Reply(ended=True)),
    ],
)
def test_a_call_that_does_not_come_back_is_told_and_left(
    code: str, seen: Reply, trial: Trial, image: Image
) -> None:
    """An endless loop uses up its processor time; the graphs after it are not asked."""
    try:
        assert answers(trial, code, WEB, {}) == [seen]
    finally:
        trial.close()


@pytest.mark.live
def test_what_the_answer_prints_raises_and_keeps_open_is_no_answer(trial: Trial, image: Image) -> None:
    """Only what is returned or raised counts: not a print, and not SystemExit either."""
    code = (
        "def order(needs):\n    print('x' * 100_000)\n    if not needs: raise SystemExit(0)\n"
        "    needs['more'] = []\n    return sorted(needs)"
    )
    try:
        first, second = answers(trial, code, {"a": []}, {})
    finally:
        trial.close()
    assert (first.value, first.changed) == (["a", "more"], True)
    assert (second.error, second.value) == ("SystemExit", None)


@pytest.mark.live
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import networkx", "No module named"),
        ("while True: pass", "never comes to its end"),
        ("def order(needs): return []\n", "no levels"),
        ("def order(needs): return [\n", "SyntaxError"),
    ],
)
def test_a_file_that_can_not_be_used_says_why(text: str, said: str, tmp_path: Path, image: Image) -> None:
    """Whatever is the matter with the file itself stands in the first line; nothing else is tried."""
    file = tmp_path / "order.py"
    file.write_text(text)
    verdict = phase0.order(file)
    assert verdict.outcome is Outcome.NOT_YET
    assert said in verdict.observations[0].seen
    assert all(observation.skipped for observation in verdict.observations[1:])


@pytest.mark.live
def test_the_starter_is_not_started(tmp_path: Path) -> None:
    """Nobody is told that the starter is wrong."""
    file = tmp_path / "order.py"
    file.write_text(EXERCISE.starter)
    assert phase0.order(file).outcome is Outcome.NOT_STARTED


@pytest.mark.live
@pytest.mark.timeout(100)
def test_a_seed_asks_the_same_graphs_again(image: Image) -> None:
    """The verdict of a wrong answer is the same, word for word."""
    one, other = (phase0.order(WRONG["ignores_cycles"].path, seed=7) for _ in range(2))
    wrong = [[o for o in v.observations if not o.ok] for v in (one, other)]
    assert wrong[0] == wrong[1] != []
