"""Stage 3 of a supervisor, `p3.stage3`: start in order, refuse what has none; asked from outside.

What needs what, and what a service is (`longrun`, `oneshot`, `bundle`), is the manifest's
(`helpers.manifest.Service`). That services start at the same time is asked without a clock: their oneshots
end when the check says so, one after the other, and each time everything has to run that may.
`third_lost` and `third_stopping` have the rest of the suite.

Events of this stage: `ready` when a service counts as ready; `down` with the reason `failed` for a oneshot;
`start` and `exit` also for a oneshot's `down` command.
"""

from __future__ import annotations

import itertools
import re
import signal
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from checks.behaviours import Finding, Suite, Trial
from checks.pid1.asking import alive
from checks.stages.box import START, Box, Stage, names, service
from checks.stages.third_hints import HINTS

__all__ = ["SUITE", "bundle"]

_SOON = 4.0  # seconds a start or a refusal may take that nothing holds up
_WORD = re.compile(r"[A-Za-z0-9_-]+")

SUITE: Suite[Stage] = Suite(dict(HINTS), control=Stage.known_good)


def bundle(name: str, *needs: str) -> dict[str, Any]:
    """A bundle of the manifest: a name for what it depends on."""
    return {"name": name, "kind": "bundle", "depends_on": list(needs)}


@SUITE.behaviour("order", points=1, asked="start each service as soon as what it depends on is ready")
@alive("ends-early")
def order(trial: Trial, stage: Stage) -> Finding:
    """A random graph; its oneshots end one by one. What may run runs, and nothing else does."""
    services, first = _graph(trial)
    asked = f"start {len(services)} services in the order of their dependencies"
    box = Box(trial, stage, services)
    released: list[str] = []
    while True:
        ready, wanted = _reached(box.services, released)
        expected = f"{', '.join(wanted)}: all they depend on is ready"
        if released:
            expected += f" now that {released[-1]} is done"
        _wait_for(box, set(wanted))
        if box.exit is not None:
            return trial.no(asked=asked, expected=expected, seen=box.ended(), hint="ends-early")
        ups = box.up()
        if early := [name for name in ups if name not in wanted]:
            lacks = [need for need in box.services[early[0]]["depends_on"] if need not in ready]
            seen = f"{early[0]} runs, and {lacks[0]} is not ready"
            return trial.no(asked=asked, expected=expected, seen=seen, hint="too-early-start")
        if missing := [name for name in wanted if name not in ups]:
            seen = f"not started: {', '.join(missing)}"
            hint = _why_missing(box, missing, ready, ups)
            return trial.no(asked=asked, expected=expected, seen=seen, hint=hint)
        if twice := [name for name in wanted if ups.count(name) > 1]:
            return trial.no(
                asked=asked, expected=expected, seen=f"{twice[0]} ran twice", hint="again-oneshot"
            )
        left = [n for n in wanted if box.services[n].get("kind") == "oneshot" and n not in released]
        if not left:
            break
        chosen = trial.rng.choice(left) if released else first
        process = box.main(chosen)
        if process is None:
            return trial.no(asked=asked, expected=expected, seen=f"{chosen} is gone", hint="ends-early")
        box.sandbox.signal(signal.SIGUSR1, process.pid)
        released.append(chosen)
    if found := _out_of_order(box):
        seen = f"{found[0]} was started before {found[1]} was ready"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="too-early-start")
    return trial.ok(asked=asked, expected="each in its turn", seen="so it is")


@SUITE.behaviour("ready", points=1, needs=("order",), asked="report when a service counts as ready")
@alive("ends-early")
def ready(trial: Trial, stage: Stage) -> Finding:
    """A longrun once it is started, a oneshot once it has ended with 0, a bundle with the last it names."""
    once, stays, both, top = names(trial, 4)
    services = [
        service(once, "ends", 0, 0.3, kind="oneshot"),
        service(stays, "stay"),
        bundle(both, once, stays),
        service(top, "stay", depends_on=[both]),
    ]
    trial.rng.shuffle(services)
    expected = f"one `ready` of each: {once} after its exit, {both} after {once} and {stays}, {top} at last"
    box = Box(trial, stage, services)
    if not box.wait_up(once, stays, top):
        return box.not_up(expected)
    box.wait(lambda: box.events("ready", top), 2.0)
    told = [(event["event"], event["service"]) for event in box.events()]
    for name in box.services:
        if (count := told.count(("ready", name))) != 1:
            seen = f"{count} `ready` events of {name}"
            return trial.no(expected=expected, seen=seen, hint="no-ready-event")
    rows = [
        (("start", once), ("exit", once), ("ready", once), ("ready", both), ("start", top), ("ready", top)),
        (("start", stays), ("ready", stays), ("ready", both)),
    ]
    for row in rows:
        for one, other in itertools.pairwise(row):
            if one not in told or told.index(one) > told.index(other):
                seen = f"`{other[0]}` of {other[1]} before `{one[0]}` of {one[1]}"
                return trial.no(expected=expected, seen=seen, hint="ready-too-soon")
    return trial.ok(expected=expected, seen="so it said")


@SUITE.behaviour("cycle", points=1, asked="refuse services that wait for each other, and say which")
def cycle(trial: Trial, stage: Stage) -> Finding:
    """A ring inside of a graph, and a service that depends on itself: 1, before anything is started."""
    for length in (1, trial.rng.randrange(3, 5)):
        ring = names(trial, length)
        below, above, aside = _new(trial, ring, 3)
        needs = {name: [ring[(n + 1) % length]] for n, name in enumerate(ring)}
        needs[ring[0]].append(below)
        needs |= {below: [], aside: [], above: [ring[-1], aside]}
        named = " -> ".join([*ring, ring[0]])
        asked = f"boot with {'a service that depends on itself' if length == 1 else f'a ring of {length}'}"
        finding = _refused(
            trial,
            stage,
            _stays(trial, needs),
            asked=asked,
            names=ring,
            others=(below, above, aside),
            what=named,
        )
        if not finding.observation.ok:
            return finding
    return finding


@SUITE.behaviour("missing", points=1, asked="refuse a name that nobody has, and one that two have")
def missing(trial: Trial, stage: Stage) -> Finding:
    """The message names who depends on what is not there; or the name that is there twice."""
    one, two, three, lost = names(trial, 4)
    needs = {one: [two], two: [], three: [two, lost]}
    finding = _refused(
        trial,
        stage,
        _stays(trial, needs),
        asked=f"boot where {three} depends on {lost}, which is not there",
        names=[three, lost],
        others=(one,),
        what=f"{three} and {lost}",
    )
    if not finding.observation.ok:
        return finding
    twice = [*_stays(trial, {one: [], two: [one]}), service(one, "stay")]
    return _refused(
        trial,
        stage,
        twice,
        asked=f"boot with two services called {one}",
        names=[one],
        others=(),
        what=one,
        started="twice-started",
    )


# -- graphs ----------------------------------------------------------------------------------------


def _graph(trial: Trial) -> tuple[list[dict[str, Any]], str]:
    """A random graph on a skeleton that asks for each of the words: two oneshots that depend on nothing, a
    longrun, a bundle. Also the oneshot to release first: the other one is still busy then."""
    rng = trial.rng
    first, second, base, quick, above, both, beyond, *more = names(trial, 7 + rng.randrange(2, 5))
    needs: dict[str, list[str]] = {
        first: [],
        second: [],
        base: [],
        quick: [first],
        above: [base],
        both: [first, base],
        beyond: [both],
    }
    kinds = {first: "oneshot", second: "oneshot", both: "bundle"}
    for name in more:
        needs[name] = rng.sample(list(needs), rng.randrange(1, 4))
        kinds[name] = rng.choice(("oneshot", "longrun"))
    services = []
    for name, wanted in needs.items():
        kind = kinds.get(name, "longrun")
        if kind == "bundle":
            services.append(bundle(name, *wanted))
        elif kind == "oneshot":
            services.append(service(name, "armed", 0, kind=kind, depends_on=wanted))
        else:
            services.append(service(name, "stay", depends_on=wanted))
    rng.shuffle(services)
    return services, first


def _reached(services: Mapping[str, Any], released: Collection[str]) -> tuple[set[str], list[str]]:
    """What is ready, and the actors that have been started, once these oneshots have ended."""
    ready: set[str] = set()
    wanted: list[str] = []
    moved = True
    while moved:
        moved = False
        for name, spec in services.items():
            kind = spec.get("kind", "longrun")
            if name in wanted or name in ready or not set(spec.get("depends_on", ())) <= ready:
                continue
            moved = True
            if kind != "bundle":
                wanted.append(name)
            if kind != "oneshot":
                ready.add(name)
        done = {name for name in wanted if name in released} - ready
        ready |= done
        moved = moved or bool(done)
    return ready, wanted


def _wait_for(box: Box, wanted: set[str]) -> None:
    """Until these run, or not soon: of time it takes Python to start, the first one has its share."""
    box.wait(box.up, START)
    box.wait(lambda: wanted <= set(box.up()), _SOON)


def _why_missing(box: Box, missing: Sequence[str], ready: set[str], ups: Collection[str]) -> str:
    """The hint for services that did not start though all they depend on is ready."""
    if not ups:
        return "never-starts"
    if any(not box.services[name].get("depends_on") for name in missing):
        return "one-at-a-time"
    told = {event["service"] for event in box.events("ready")}
    for name in ready - told:  # the first of a chain tells why all above it are down
        spec = box.services[name]
        kind = spec.get("kind", "longrun")
        if (kind == "bundle" or name in ups) and set(spec.get("depends_on", ())) <= told:
            return f"{kind}-never-ready"
    return "waits-for-others"


def _out_of_order(box: Box) -> tuple[str, str] | None:
    """By the events: a service, and one it depends on that was not ready when it was started."""
    told = [(event["event"], event["service"]) for event in box.events()]
    for name, spec in box.services.items():
        for need in spec.get("depends_on", ()):
            kind = box.services[need].get("kind", "longrun")
            was = ("exit" if kind == "oneshot" else "start", need)
            if kind == "bundle" or ("start", name) not in told:
                continue
            if was not in told or told.index(was) > told.index(("start", name)):
                return name, need
    return None


def _new(trial: Trial, taken: Collection[str], count: int) -> list[str]:
    """Names that are not taken."""
    return [name for name in names(trial, count + len(taken)) if name not in taken][:count]


def _stays(trial: Trial, needs: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    services = [service(name, "stay", depends_on=list(wanted)) for name, wanted in needs.items()]
    trial.rng.shuffle(services)
    return services


def _refused(
    trial: Trial,
    stage: Stage,
    services: Sequence[dict[str, Any]],
    *,
    asked: str,
    names: Sequence[str],
    others: Collection[str],
    what: str,
    started: str = "started-anyway",
) -> Finding:
    """PID 1 ends with 1, nothing has been started, and one line names these services and no others."""
    expected = f"PID 1 ends with 1 before anything is started; one line names {what}"

    def no(seen: str, hint: str) -> Finding:
        return trial.no(asked=asked, expected=expected, seen=seen, hint=hint)

    box = Box(trial, stage, services)
    trial.until(lambda: box.exit is not None or box.events("start"), _SOON, 0.03)
    if told := box.events("start"):
        return no(f"{told[0]['service']} was started", started)
    if box.exit is None:
        return no(f"PID 1 runs, and nothing is started in {_SOON:g} s", "waits-for-ever")
    lines = [line for line in box.console() if not line.startswith("{")]
    if any(line.startswith("Traceback") for line in lines):
        return no(box.ended(), "traceback")
    found = [set(_WORD.findall(line)) & {*names, *others} for line in lines]
    if not any(set(names) <= words for words in found):
        return no(f"no line names {'all of ' if len(names) > 1 else ''}{what}", "not-named")
    if set(names) not in found:
        more = next(words - set(names) for words in found if set(names) <= words)
        return no(f"it names {', '.join(sorted(more))} too", "names-too-many")
    if box.exit.code != 1:
        return no(box.ended(), "wrong-code")
    return trial.ok(asked=asked, expected=expected, seen="so it did")
