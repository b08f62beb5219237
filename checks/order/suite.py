"""What an ordering of services must do, asked of a learner's `order.py` with graphs nobody knows beforehand:
the behaviours of the exercise `p0.order`.

The file is loaded in a sandbox and its two functions are called there, so that whatever it does stays there;
what it answers is compared with networkx outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from checks.behaviours import Finding, Suite, Trial
from checks.order import graphs as graphs
from checks.order.box import Answer, Asked, Replies, Reply, ask
from checks.order.hints import ORDER_HINTS
from checks.order.judge import Fault, judge, worst

__all__ = ["SUITE"]

_LARGE = (20_000, 60_000)  # services, dependencies
_DEEP, _RING = 5_000, 3_000
_SOON = 3.0  # seconds of processor time; what grows with the size of the graph takes a tenth of one

SUITE: Suite[Answer] = Suite(ORDER_HINTS)


@SUITE.behaviour(
    "order", points=1, asked="order 60 random graphs: each service once, after all it depends on"
)
def order(trial: Trial, answer: Answer) -> Finding:
    """Any order that holds is accepted. The empty graph is among them, and services nobody asks for."""
    asked = [Asked("order", {}), *(Asked("order", g) for g in graphs.growing(trial.rng, 59, graphs.dag))]
    return _graded(trial, answer, asked)


@SUITE.behaviour(
    "levels", points=1, needs=("order",), asked="levels of 30 random graphs: who can start at the same time"
)
def levels(trial: Trial, answer: Answer) -> Finding:
    """Exactly the levels by longest path."""
    asked = [Asked("levels", {}), *(Asked("levels", g) for g in graphs.growing(trial.rng, 29, graphs.dag))]
    return _graded(trial, answer, asked)


@SUITE.behaviour(
    "repeated", points=1, needs=("order",), asked="30 graphs in which a dependency is written twice"
)
def repeated(trial: Trial, answer: Answer) -> Finding:
    """The same name twice in a list is one dependency."""
    made = graphs.growing(trial.rng, 30, graphs.repeated)
    asked = [Asked(_call(trial, number, "order"), graph) for number, graph in enumerate(made)]
    return _graded(
        trial, answer, asked, instead={"raises", "false-cycle", "loses", "twice", "levels-too-late"}
    )


@SUITE.behaviour(
    "missing", points=1, needs=("order",), asked="30 graphs that name a service which is not there"
)
def missing(trial: Trial, answer: Answer) -> Finding:
    """Missing, with who depends and on what."""
    made = graphs.growing(trial.rng, 30, graphs.with_missing)
    return _graded(trial, answer, [Asked(_call(trial, n, "order"), graph) for n, graph in enumerate(made)])


@SUITE.behaviour(
    "cycle", points=2, needs=("order",), asked="50 graphs with a cycle: refuse them, and name its path"
)
def cycle(trial: Trial, answer: Answer) -> Finding:
    """A real path of the graph that ends where it began; of several cycles, any."""
    made = graphs.growing(trial.rng, 50, graphs.cyclic)
    return _graded(trial, answer, [Asked(_call(trial, n, "order"), graph) for n, graph in enumerate(made)])


@SUITE.behaviour("untouched", points=1, needs=("order",), asked="leave the graph as it was")
def untouched(trial: Trial, answer: Answer) -> Finding:
    """Neither the mapping nor a list in it is another one after a call, an exception or not."""
    made = [make(trial.rng, size) for make in (graphs.repeated, graphs.cyclic) for size in range(2, 8)]
    asked = [Asked(call, graph) for graph in made for call in ("order", "levels")]
    expected = "the graph is the same before and after"
    replies = ask(trial, answer, asked)
    for one, reply in zip(asked, replies.replies, strict=False):
        if reply.changed:
            seen = f"{one.call}({one.graph!r}) left another graph behind"
            return trial.no(expected=expected, seen=seen, hint="changes-the-graph")
    return trial.ok(expected=expected, seen=f"so it was, {len(replies.replies)} times")


@SUITE.behaviour("same", points=1, needs=("order",), asked="give the same graph the same order each time")
def same(trial: Trial, answer: Answer) -> Finding:
    """In two Pythons that walk a set of texts in different orders (PYTHONHASHSEED)."""
    asked = [Asked("order", graphs.dag(trial.rng, 14)) for _ in range(10)]
    seeds = trial.rng.sample(range(1, 10_000), 2)
    first, second = (ask(trial, answer, asked, hash_seed=seed).replies for seed in seeds)
    expected = "ten graphs, the same orders when Python is started again"
    for one, a, b in zip(asked, first, second, strict=False):
        if a.value != b.value:
            names = list(one.graph)
            seen = f"for the services {', '.join(names[:4])} … once {_start(a)}, once {_start(b)}"
            return trial.no(expected=expected, seen=seen, hint="differs-each-time")
    return trial.ok(expected=expected, seen="the same")


@SUITE.behaviour(
    "deep", points=1, needs=("levels", "cycle"), asked=f"a chain of {_DEEP:,} services, a cycle of {_RING:,}"
)
def deep(trial: Trial, answer: Answer) -> Finding:
    """No recursion limit is in the way."""
    long = graphs.chain(trial.rng, _DEEP)
    asked = [Asked("order", long), Asked("levels", long), Asked("order", graphs.ring(trial.rng, _RING))]
    hints = {"endless": "slow", "endless-on-cycle": "slow", "recursion-on-cycle": "recursion"}
    return _graded(trial, answer, asked, cpu=8.0, rename=hints)


@SUITE.behaviour(
    "large",
    points=1,
    needs=("levels",),
    asked=f"a graph of {_LARGE[0]:,} services and about {_LARGE[1]:,} dependencies",
)
def large(trial: Trial, answer: Answer) -> Finding:
    """Time that grows with the graph, not with its square; it is processor time that counts."""
    graph = graphs.large(trial.rng, *_LARGE)
    asked = [Asked("order", graph), Asked("levels", graph)]
    expected = f"less than {_SOON:g} s of processor time each"
    replies = ask(trial, answer, asked, cpu=2 * _SOON)
    if fault := _fault(asked, replies, {"endless": "slow"}):
        slow = fault.hint == "slow"
        seen = f"{fault.asked.call} was stopped after {2 * _SOON:g} s" if slow else fault.seen
        return trial.no(expected=expected if slow else fault.expected, seen=seen, hint=fault.hint)
    took = " and ".join(f"{reply.cpu:.2f} s" for reply in replies.replies)
    if max(reply.cpu for reply in replies.replies) > _SOON:
        return trial.no(expected=expected, seen=took, hint="slow")
    return trial.ok(expected=expected, seen=took)


def _call(trial: Trial, number: int, first: str) -> str:
    """The smallest graph is asked of `order`; after it, one of the two functions."""
    return first if number == 0 else trial.rng.choice(["order", "order", "levels"])


def _start(reply: Reply) -> str:
    return f"{', '.join(map(str, (reply.value or [])[:4]))} …"


def _fault(asked: Sequence[Asked], replies: Replies, rename: dict[str, str]) -> Fault | None:
    """The fault to tell, if any, its hint renamed where this behaviour means something else by it."""
    faults = [f for one, r in zip(asked, replies.replies, strict=False) if (f := judge(one, r)) is not None]
    if not faults:
        return None
    fault = worst(faults)
    return Fault(fault.asked, fault.expected, fault.seen, rename.get(fault.hint, fault.hint))


def _graded(
    trial: Trial,
    answer: Answer,
    asked: Sequence[Asked],
    *,
    cpu: float = 3.0,
    instead: frozenset[str] | set[str] = frozenset(),
    rename: dict[str, str] | None = None,
) -> Finding:
    """Every graph asked and judged. `instead` are hints for which this behaviour has one of its own name."""
    replies = ask(trial, answer, asked, cpu=cpu)
    if replies.load is not None:
        return _not_loaded(trial, replies)
    fault = _fault(asked, replies, {**dict.fromkeys(instead, trial.name), **(rename or {})})
    if fault is None:
        return trial.ok(expected="right for each of them", seen=f"{len(asked)} of {len(asked)}")
    return trial.no(expected=fault.expected, seen=fault.seen, hint=fault.hint)


def _not_loaded(trial: Trial, replies: Replies) -> Finding:
    expected = "a file with order, levels, Missing and Cycle"
    load = replies.load or Reply()
    if replies.lacking:
        return trial.no(expected=expected, seen=f"no {', no '.join(replies.lacking)}", hint="lacking")
    if load.hung:
        return trial.no(expected=expected, seen="the file itself never comes to its end", hint="endless")
    where = f" (line {load.line})" if load.line else ""
    return trial.no(expected=expected, seen=f"{load.error}: {load.message}{where}", hint="does-not-load")
