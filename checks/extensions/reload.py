"""Place 6, `p3.reload`: from one manifest to another, touching only what changed.

Source: the contract at the top of src/reload.rs.
"""

from __future__ import annotations

import copy
from typing import Any

from checks.behaviours import Finding, Suite, Trial
from checks.extensions.hints import RELOAD
from checks.extensions.part import Machine, Part, Spec, add_compiles
from checks.pid1.asking import alive
from checks.pid1.box import random_word
from checks.stages.actor import ACTOR
from checks.stages.box import names, service

__all__ = ["SUITE"]

SUITE: Suite[Part] = Suite(RELOAD, control=Part.known_good)
add_compiles(SUITE)


def _seen(trial: Trial) -> dict[str, Any]:
    """A change of each field that a process sees."""
    word = random_word(trial.rng)
    return {
        "command": [ACTOR, word, "stay", word],
        "env": {"PLOT": word},
        "cwd": "/usr",
        "user": "root",
        "limits": {"open_files": trial.rng.randrange(100, 200)},
    }


def _unseen(trial: Trial) -> dict[str, Any]:
    """A change of each field that no process sees."""
    return {
        "description": random_word(trial.rng),
        "stop_grace": 9.5,
        "stop_signal": "INT",
        "restart": {"policy": "never", "delay": 7},
        "log": {"max_bytes": 5000, "keep": 1},
        "readiness": {"kind": "exec", "command": ["true"]},
    }


@SUITE.behaviour("changes", points=4, needs=("compiles",), asked="touch what changed, and nothing else")
@alive("ends-early")
def changes(trial: Trial, part: Part) -> Finding:
    """One stays, one goes, one comes, one changes, one changes in a way that its process never sees."""
    same, gone, new, other, words = names(trial, 5)
    services = [service(name, "stay") for name in (same, gone, other, words)]
    trial.rng.shuffle(services)
    after = [copy.deepcopy(spec) for spec in services if spec["name"] != gone]
    by_name = {spec["name"]: spec for spec in after}
    seen_change, value = trial.rng.choice(list(_seen(trial).items())[1:])
    unseen_change, unseen_value = trial.rng.choice(list(_unseen(trial).items()))
    by_name[other][seen_change] = value
    by_name[words][unseen_change] = unseen_value
    after.append(service(new, "stay", depends_on=[same]))
    by_name[words]["depends_on"] = [same]
    trial.rng.shuffle(after)
    expected = f"{new} starts, {gone} stops, {other} ({seen_change}) starts anew, "
    expected += f"{same} and {words} ({unseen_change}) run on"
    box = Machine(trial, part, services)
    if not box.wait_up():
        return box.not_up(expected)
    box.write_manifest(after)
    box.sandbox.signal(1, 1)
    if not box.wait(lambda: box.events("reloaded") or box.events("reload-refused")):
        return trial.no(expected=expected, seen="SIGHUP changes nothing", hint="nothing-happens")
    if refused := box.events("reload-refused"):
        return trial.no(expected=expected, seen=f"refused: {refused[0].get('why')}", hint="refuses-good")

    def came_to_rest() -> bool:
        return new in box.up() and not box.actors(gone) and box.told("start", other, 2)()

    box.wait(came_to_rest)
    for name in (same, words):
        if len(box.pids(name)) > 1 or box.events("exit", name):
            hint = "needless" if name == words else "restarts-all"
            return trial.no(expected=expected, seen=f"{name} was restarted", hint=hint)
    if new not in box.up():
        return trial.no(expected=expected, seen=f"{new} was not started", hint="not-started")
    if box.actors(gone):
        return trial.no(expected=expected, seen=f"{gone} runs on", hint="not-stopped")
    if len(box.pids(other)) < 2:
        return trial.no(expected=expected, seen=f"{other} runs on as it was", hint="not-restarted")
    if len(box.pids(other)) > 2 or box.main(other) is None:
        return trial.no(
            expected=expected, seen=f"{other} was started {len(box.pids(other))} times", hint="not-restarted"
        )
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("every-field", points=2, needs=("changes",), asked="know every field that a process sees")
@alive("ends-early")
def every_field(trial: Trial, part: Part) -> Finding:
    """A service for each field of the manifest, and only that field of it changes."""
    seen, unseen = _seen(trial), _unseen(trial)
    fields = {**seen, **unseen}
    who = dict(zip(fields, names(trial, len(fields)), strict=True))
    services = [service(name, "stay") for name in who.values()]
    after = [{**spec, field: fields[field]} for spec, field in zip(services, fields, strict=True)]
    expected = f"another process for a change of {', '.join(seen)}; the same one for {', '.join(unseen)}"
    box = Machine(trial, part, services)
    if not box.wait_up():
        return box.not_up(expected)
    trial.rng.shuffle(after)
    box.write_manifest(after)
    box.sandbox.signal(1, 1)
    box.wait(lambda: all(len(box.pids(who[field])) == 2 for field in seen), 4.0)
    for field in seen:
        if len(box.pids(who[field])) < 2:
            return trial.no(expected=expected, seen=f"{field} changed: the same", hint="not-restarted")
    for field in unseen:
        if len(box.pids(who[field])) > 1:
            return trial.no(expected=expected, seen=f"{field} changed: another", hint="needless")
    return trial.ok(expected=expected, seen="so it is")


def _refused(trial: Trial, part: Part, hint: str, bad: list[Spec], named: list[str], what: str) -> Finding:
    one, two = names(trial, 2)
    good = [service(one, "stay"), service(two, "stay")]
    expected = f"{what} is refused, naming {', '.join(named)}; {one} and {two} run on"
    box = Machine(trial, part, good)
    if not box.wait_up():
        return box.not_up(expected)
    box.write_manifest([*bad, service(one, "stay")])
    box.sandbox.signal(1, 1)
    box.wait(lambda: box.events("reload-refused") or box.events("reloaded") or box.exit is not None)
    if box.exit is not None:
        return trial.no(expected=expected, seen=box.ended(), hint="ends-early")
    refused = box.events("reload-refused")
    if not refused and not box.events("reloaded"):
        return trial.no(expected=expected, seen="neither taken nor refused", hint="nothing-happens")
    if not refused:
        return trial.no(expected=expected, seen="it was taken", hint=hint)
    why = str(refused[0].get("why"))
    if lost := [name for name in named if name not in why]:
        return trial.no(expected=expected, seen=f"the reason does not name {lost[0]}: {why}", hint="unnamed")
    return trial.ok(expected=expected, seen=f"refused: {why}")


@SUITE.behaviour("cycle", points=1, needs=("compiles",), asked="refuse a manifest with a cycle")
@alive("ends-early")
def cycle(trial: Trial, part: Part) -> Finding:
    """Also one that hangs on other services."""
    ring = names(trial, trial.rng.randrange(2, 5))
    bad = [service(name, "stay", depends_on=[ring[i - 1]]) for i, name in enumerate(ring)]
    entry = random_word(trial.rng) + "x"
    bad.append(service(entry, "stay", depends_on=[ring[0]]))
    trial.rng.shuffle(bad)
    return _refused(trial, part, "takes-cycle", bad, ring, f"a cycle of {len(ring)}")


@SUITE.behaviour(
    "dangling", points=1, needs=("compiles",), asked="refuse a dependency on a service that is not there"
)
@alive("ends-early")
def dangling(trial: Trial, part: Part) -> Finding:
    """The reason names both."""
    name, need = names(trial, 2)
    bad = [service(name, "stay", depends_on=[need])]
    return _refused(trial, part, "takes-dangling", bad, [name, need], "a dependency on nobody")


@SUITE.behaviour("twice", points=1, needs=("compiles",), asked="refuse two services of one name")
@alive("ends-early")
def twice(trial: Trial, part: Part) -> Finding:
    """Which of the two would it be?"""
    (name,) = names(trial, 1)
    bad = [service(name, "stay"), service(name, "ends", 3)]
    return _refused(trial, part, "takes-twice", bad, [name], "a name given twice")
