"""`p1.sixos`: an analysis of SixOS, judged by what its functions say of graphs and by its evidence.

The functions are asked about the real graph and about others that nobody has seen; the answers are held
against the facts that they cite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from checks.behaviours import Finding, Suite, Trial
from checks.sixos import model as sixos_model
from checks.sixos.box import Asked, Said, ask
from checks.sixos.hints import HINTS
from checks.sixos.key import BORNE_OUT, CLASSIFIED, REFUTING
from helpers.sixos import CLASSES, FEATURES, QUESTIONS, SENTENCES, load

__all__ = ["HINTS", "SUITE", "Analysis", "questions"]

_GRAPHS = 14
_NAMES = 5  # of each graph, for `needs`


@dataclass
class Analysis:
    """The learner's file, what was asked, and what it said."""

    text: bytes
    asked: list[Asked] = field(default_factory=list)
    said: Said = field(default_factory=Said)

    def replies(self, call: str) -> list[tuple[Asked, dict[str, Any]]]:
        """Each question of that function with its reply."""
        pairs = zip(self.asked, self.said.replies, strict=False)
        return [(one, reply) for one, reply in pairs if one.call == call]


SUITE: Suite[Analysis] = Suite(HINTS)


def questions(trial: Trial) -> list[Asked]:
    """What is asked in one run: the real graph first, then others."""
    real = load().graph()
    graphs = [real, *(sixos_model.scenario(trial.rng, real) for _ in range(_GRAPHS))]
    asked = []
    for graph in graphs:
        services = [name for name, one in graph["targets"].items() if one["kind"] != "bundle"]
        longruns = [name for name in services if graph["targets"][name]["kind"] == "longrun"]
        wanted = {*trial.rng.sample(services, _NAMES), *longruns}
        asked += [Asked(call, graph) for call in ("census", "edges", "idle")]
        asked += [Asked("needs", graph, name) for name in sorted(wanted)]
    return asked


@SUITE.behaviour("loads", points=0, asked="four functions and three tables, in a file that loads")
def loads(trial: Trial, analysis: Analysis) -> Finding:
    """The file is loaded in a sandbox, and every question is asked there."""
    expected = "census, edges, needs, idle; ANSWERS, REFUTED, FEATURES"
    analysis.asked = questions(trial)
    said = analysis.said = ask(trial, analysis.text, analysis.asked)
    if said.failed:
        return trial.no(expected=expected, seen=said.failed, hint="does-not-load")
    if said.lacking:
        return trial.no(expected=expected, seen=f"not there: {', '.join(said.lacking)}", hint="lacking")
    if said.hung:
        one = analysis.asked[len(said.replies)]
        return trial.no(expected="an answer", seen=f"none from {_call(one)}", hint="endless")
    for one, reply in zip(analysis.asked, said.replies, strict=True):
        if "raised" in reply:
            where = f" (line {reply['line']})" if reply["line"] else ""
            seen = f"{_call(one)}: {reply['raised']}: {reply['message']}{where}"
            return trial.no(expected="an answer", seen=seen, hint="raises")
        if reply["changed"]:
            return trial.no(expected="the graph as it was", seen=f"changed by {_call(one)}", hint="changes")
    return trial.ok(expected=expected, seen=f"{len(said.replies)} questions answered")


def _call(one: Asked) -> str:
    return f"{one.call}(graph)" if one.name is None else f"{one.call}(graph, {one.name!r})"


def _place(analysis: Analysis, one: Asked) -> str:
    """The first graph of a run is the real one: there a learner can look for themselves."""
    return "the real graph" if one.graph is analysis.asked[0].graph else "another graph"


def _entry(graph: Any, name: str) -> str:
    """A target as the graph has it; of a logger, its producer."""
    own = name if name in graph["targets"] else name.removesuffix("-log")
    one = graph["targets"].get(own)
    if one is None:
        return f"{own} is no target"
    told = [f"{key} {', '.join(one[key])}" for key in ("after", "before") if one[key]]
    return "; ".join([f"{own} is a {one['kind']}", *told, f"logger {one['logger']}"])


def _names(value: Any) -> set[str] | None:
    good = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return set(value) if good else None


@SUITE.behaviour("census", points=0, needs=("loads",), asked="how many of each kind")
def census(trial: Trial, analysis: Analysis) -> Finding:
    """The counts of every graph."""
    for one, reply in analysis.replies("census"):
        right = sixos_model.census(one.graph)
        if reply["value"] != right:
            loggers = [
                str(one["logger"]) for one in one.graph["targets"].values() if one["kind"] == "longrun"
            ]
            seen = (
                f"{_place(analysis, one)}: {str(reply['value'])[:120]}, where the longruns have the loggers "
            )
            seen += ", ".join(loggers)
            return trial.no(expected="the counts of the graph", seen=seen[:300], hint="census")
    return trial.ok(expected="the counts of each graph", seen="so they are")


@SUITE.behaviour("edges", points=1, needs=("loads",), asked="the edges as s6-rc gets them")
def edges(trial: Trial, analysis: Analysis) -> Finding:
    """`before` turned round, loggers in place, a bundle's contents as its edges."""
    expected = "name → the names it depends on, for targets and loggers"
    wrong: dict[str, str] = {}
    for one, reply in analysis.replies("edges"):
        for hint, seen in _compare_edges(one.graph, reply["value"]):
            wrong.setdefault(hint, f"{_place(analysis, one)}: {seen}")
    for hint in ("no-loggers", "no-logger-wanted", "before", "producer", "logger-waits", "edges"):
        if hint in wrong:
            return trial.no(expected=expected, seen=wrong[hint][:300], hint=hint)
    return trial.ok(expected=expected, seen="the edges of each graph")


def _compare_edges(graph: Any, value: Any) -> list[tuple[str, str]]:
    """Hints with what was seen, for each way in which one answer is wrong."""
    right, targets = sixos_model.edges(graph), graph["targets"]
    if not isinstance(value, dict) or any(_names(one) is None for one in value.values()):
        return [("edges", f"no mapping from a name to names: {str(value)[:80]}")]
    found = {name: set(one) for name, one in value.items()}
    wrong = []
    if lost := sorted(right.keys() - found.keys()):
        wrong.append(
            (
                "edges" if lost[0] in targets else "no-loggers",
                f"{lost[0]} is not there ({_entry(graph, lost[0])})",
            )
        )
    if more := sorted(found.keys() - right.keys()):
        wrong.append(("no-logger-wanted", f"{more[0]} is there ({_entry(graph, more[0])})"))
    for name in right.keys() & found.keys():
        if found[name] == right[name]:
            continue
        less, extra = right[name] - found[name], found[name] - right[name]
        turned = {other for other in less if other in targets and name in targets[other]["before"]}
        if name not in targets:
            hint = "logger-waits"
        elif turned or (extra and extra <= set(targets[name]["before"])):
            hint = "before"
        elif less == {f"{name}-log"}:
            hint = "producer"
        else:
            hint = "edges"
        names = ", ".join(sorted(found[name])) or "nothing"
        said = f"; {min(turned)} says before {name}" if turned else ""
        wrong.append((hint, f"{name} → {names} ({_entry(graph, name)}{said})"))
    return wrong


@SUITE.behaviour("needs", points=1, needs=("edges",), asked="what must be up before a service")
def needs(trial: Trial, analysis: Analysis) -> Finding:
    """Everything behind it, bundles replaced by what they hold."""
    expected = "every service that has to be up before it, and no other"
    for one, reply in analysis.replies("needs"):
        name, found = one.name or "", _names(reply["value"])
        right = sixos_model.needs(one.graph, name)
        if found == right:
            continue
        if found is None:
            return trial.no(expected=expected, seen=f"{name}: {str(reply['value'])[:80]}", hint="needs")
        less, more = right - found, found - right
        seen = f"{_place(analysis, one)}: {name}, " + (
            f"without {min(less)}" if less else f"with {min(more)}"
        )
        return trial.no(expected=expected, seen=seen, hint=_why_needs(analysis))
    return trial.ok(expected=expected, seen=f"{len(analysis.replies('needs'))} answers are right")


def _why_needs(analysis: Analysis) -> str:
    """Which mistake explains the answers about all graphs: one graph alone might fit several."""
    pairs = [
        (one, _names(reply["value"]) or set(), sixos_model.needs(one.graph, one.name or ""))
        for one, reply in analysis.replies("needs")
    ]
    bundles = [{n for n, t in one.graph["targets"].items() if t["kind"] == "bundle"} for one, _, _ in pairs]
    if any(one.name in found for one, found, _ in pairs):
        return "itself"
    if any(found & held for (_, found, _), held in zip(pairs, bundles, strict=True)):
        return "bundle-counted"
    if all(found <= right for _, found, right in pairs):
        direct = [found <= sixos_model.edges(one.graph)[one.name or ""] for one, found, _ in pairs]
        return "direct" if all(direct) else "bundle-opaque"
    return "needs"


@SUITE.behaviour("idle", points=1, needs=("needs",), asked="what the boot does not bring up")
def idle(trial: Trial, analysis: Analysis) -> Finding:
    """Services that `default` neither holds nor needs."""
    expected = "the services that `default` does not bring up"
    for one, reply in analysis.replies("idle"):
        found, right = _names(reply["value"]), sixos_model.idle(one.graph)
        if found != right:
            seen = "no names" if found is None else f"{', '.join(sorted(found)[:6]) or 'none'}"
            return trial.no(expected=expected, seen=f"{_place(analysis, one)}: {seen}", hint="idle")
    return trial.ok(expected=expected, seen="so they are")


@SUITE.behaviour("questions", points=2, needs=("loads",), asked="six questions, answered with evidence")
def answered(trial: Trial, analysis: Analysis) -> Finding:
    """Each answer follows from facts that exist, and bear on all of the question."""
    expected = "an answer to each, and the facts it follows from"
    given, facts = analysis.said.answers, load().facts
    told: dict[str, list[str]] = {}
    for key, question in QUESTIONS.items():
        one = given.get(key)
        if not (isinstance(one, list) and len(one) == 2 and _names(one[1])):
            told.setdefault("open", []).append(f"{key}: {one!r}"[:100])
            continue
        answer, cited = one[0], _names(one[1]) or set()
        absent = sorted(cited - facts.keys())
        if absent or answer not in question.answers:
            told.setdefault("no-such", []).append(f"{key}: {absent[0] if absent else answer}"[:100])
            continue
        borne = BORNE_OUT[key]
        if beside := sorted(cited - borne.bears):
            told.setdefault("beside", []).append(f"{key}: {beside[0]}")
        elif not borne.covered(cited):
            told.setdefault("thin", []).append(f"{key}: {', '.join(sorted(cited))}")
        elif answer != borne.answer:  # which one it is is not said
            told["against"] = ["an answer is not what its facts say"]
    for hint in ("open", "no-such", "beside", "thin", "against"):
        if hint in told:
            return trial.no(expected=expected, seen="; ".join(told[hint])[:400], hint=hint)
    return trial.ok(expected=expected, seen="each follows from what it cites")


@SUITE.behaviour("sentences", points=1, needs=("loads",), asked="ten sentences, each with a fact against it")
def refuted(trial: Trial, analysis: Analysis) -> Finding:
    """Each is contradicted by the fact that it is given."""
    expected = "a fact that contradicts each"
    facts, given = load().facts, analysis.said.refuted
    for key in SENTENCES:
        cited = given.get(key)
        if not isinstance(cited, str) or not cited:
            return trial.no(expected=expected, seen=f"{key}: {cited!r}"[:200], hint="open")
        if cited not in facts:
            return trial.no(expected=expected, seen=f"{key}: {cited}"[:200], hint="no-such")
    if wrong := [key for key in SENTENCES if given[key] not in REFUTING[key]]:
        return trial.no(expected=expected, seen=f"{wrong[0]}: {given[wrong[0]]}", hint="refuted")
    return trial.ok(expected=expected, seen=f"{len(SENTENCES)} sentences")


def _group(title: str, hint: str) -> Callable[[Trial, Analysis], Finding]:
    def look(trial: Trial, analysis: Analysis) -> Finding:
        expected = f"{', '.join(CLASSES)}; and a fact that says so"
        facts, wrong = load().facts, ""
        for key in FEATURES[title]:
            one = analysis.said.features.get(key)
            if not (isinstance(one, list) and len(one) == 2 and all(isinstance(x, str) for x in one)):
                return trial.no(expected=expected, seen=f"{key}: {one!r}"[:200], hint="open")
            kind, cited = one
            if kind not in CLASSES or cited not in facts:
                return trial.no(expected=expected, seen=f"{key}: {kind}, {cited}"[:200], hint="no-such")
            right, bears = CLASSIFIED[key]
            if cited not in bears:
                wrong = wrong or f"{key}: {cited}"
            elif kind != right:
                wrong = wrong or "-"
        if wrong and wrong != "-":
            return trial.no(expected=expected, seen=wrong, hint="map-evidence")
        if wrong:  # which of the five it is is not said
            return trial.no(expected=expected, seen="one of the five at least is not", hint=hint)
        return trial.ok(expected=expected, seen=f"{len(FEATURES[title])} features")

    return look


for _title, _hint in (
    ("building", "map-building"),
    ("running", "map-running"),
    ("switching", "map-switching"),
    ("people and logs", "map-people"),
):
    SUITE.behaviour(_hint, points=1, needs=("loads",), asked=f"from NixOS to SixOS: {_title}")(
        _group(_title, _hint)
    )
