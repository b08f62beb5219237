"""The end of stage 3: stop in reverse, in the time each service has; and all of stage 2.

What services say while they stop is read as long as PID 1 runs, since it is gone with it. A service that
takes its time, and that nothing depends on, keeps PID 1 there a little longer.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from checks.behaviours import Finding, Trial
from checks.pid1.asking import alive
from checks.stages import second
from checks.stages.actor import ACTOR, SAID
from checks.stages.box import START, Box, Stage, names, service
from checks.stages.earlier import keeps
from checks.stages.rows import keeps_rows
from checks.stages.third_lost import SUITE
from helpers.filetree import FileTree

__all__ = ["DEAF", "SUITE", "stopped"]

DEAF = "/opt/lab/deaf"
"""`deaf NAME`: says `up` as an actor does; it and its helper, a `sleep 778`, ignore SIGTERM."""
_SOON = 5.0  # seconds all may take to stop; what takes longest by itself needs 1.9
_LONGEST = 1.2  # seconds that the slowest service takes to clean up
_DEAF = f"""#!/bin/sh
trap '' TERM
sleep 778 &
echo "$1 up $$ 0" >>{SAID}
while :; do sleep 600 & wait $!; done
"""


def stopped(trial: Trial, box: Box, watch: Callable[[], None] = lambda: None) -> list[str]:
    """Ask PID 1 to stop, and wait until it has ended, or some seconds: all that the actors said, in order.

    `watch` is called again and again meanwhile. What is said in the last moments may be missing.
    """
    last: list[str] = []

    def over() -> bool:
        if said := box.said():
            last[:] = said
        watch()
        return box.exit is not None

    box.sandbox.signal(signal.SIGTERM)
    trial.until(over, _SOON, 0.02)
    return last


@SUITE.behaviour("reverse", points=1, needs=("order",), asked="on SIGTERM stop in reverse, then end with 0")
@alive("leaves-early")
def reverse(trial: Trial, stage: Stage) -> Finding:
    """Each has ended before what it depends on is asked to; the two in the middle stop together."""
    base, left, right, top, aside = names(trial, 5)
    services = [
        service(base, "stay"),
        service(left, "stay", 0.4, depends_on=[base]),
        service(right, "stay", 0.4, depends_on=[base]),
        service(top, "family", 2, 0.3, depends_on=[left, right]),
        service(aside, "stay", _LONGEST),
    ]
    trial.rng.shuffle(services)
    expected = f"{top} ends, then {left} and {right} together, then {base}; PID 1 ends with 0"

    def no(seen: str, hint: str, *, doubtful: bool = False) -> Finding:
        return trial.no(expected=expected, seen=seen, hint=hint, doubtful=doubtful)

    box = Box(trial, stage, services)
    if not box.wait_up() or not box.wait(lambda: sum(" up" in f" {line}" for line in box.said(top)) == 3):
        return box.not_up(expected)
    said = stopped(trial, box)
    for name in box.services:
        for need in box.services[name].get("depends_on", ()):
            asked, clean = f"{need} TERM", f"{name} cleaned"
            if asked in said and (clean not in said or said.index(clean) > said.index(asked)):
                return no(f"{need} was asked to stop before {name} had ended", "not-reversed")
    exits = {event["service"]: event for event in box.events("exit")}
    if box.exit is None:
        if left_over := [name for name in box.services if f"{name} TERM" not in said]:
            return no(f"{', '.join(left_over)} did not get SIGTERM in {_SOON:g} s", "sigterm-ignored")
        return no("PID 1 runs on", "does-not-end")
    if lost := [name for name in box.services if name not in exits]:
        return no(f"PID 1 ended before {lost[0]}", "leaves-early")
    if killed := [name for name in box.services if exits[name].get("signal") == signal.SIGKILL]:
        return no(f"{killed[0]} was killed", "killed-early")
    if sum(line.startswith(f"{top} helper") and line.endswith("TERM") for line in said) < 2:
        return no(f"the helpers of {top} did not get SIGTERM", "only-the-leader")
    middle = [line for line in said if line.split()[0] in (left, right) and " up" not in line]
    if [line.split()[1] for line in middle][:2] != ["TERM", "TERM"]:
        return no("; ".join(middle), "one-stop-at-a-time", doubtful=True)
    if box.exit.code != 0:
        return no(box.ended(), "exit-code")
    return trial.ok(expected=expected, seen="so it went")


@SUITE.behaviour("grace", points=1, needs=("order",), asked="kill what is deaf, after its own grace")
@alive("leaves-early")
def grace(trial: Trial, stage: Stage) -> Finding:
    """One ignores its stop signal, one needs time within its grace, one wants another signal.

    What is below the deaf one is asked so late that a grace that began with SIGTERM to PID 1 would be over.
    """
    below, under, deaf, patient, other = names(trial, 5)
    code, quit_by = trial.rng.randrange(1, 120), "USR1"
    never = {"policy": "never"}
    services = [
        service(below, "stay", 0.8),
        service(under, "stay", 0.2, stop_grace=1.0),
        {
            "name": deaf,
            "command": [DEAF, deaf],
            "restart": never,
            "depends_on": [below, under],
            "stop_grace": 1.1,
        },
        service(patient, "stay", 1.6, stop_grace=20),
        service(other, "armed", code, stop_signal=quit_by),
    ]
    trial.rng.shuffle(services)
    expected = (
        f"{deaf} is killed after 1.1 s, its helper too, and only then {below} and {under} stop; {under} and "
        f"{patient} clean up; {other} gets SIG{quit_by}"
    )

    def no(seen: str, hint: str) -> Finding:
        return trial.no(expected=expected, seen=seen, hint=hint)

    tree = FileTree()
    tree.script(DEAF, _DEAF)
    box = Box(trial, stage, services, tree=tree)
    if not box.wait_up():
        return box.not_up(expected)
    helpers: list[int] = []  # how many there were when what is below was asked to stop
    asked = f"{below} TERM"

    def watch() -> None:
        if not helpers and asked in box.said():
            helpers.append(sum(p.argv == ("sleep", "778") and p.state != "Z" for p in box.processes()))

    said = stopped(trial, box, watch)
    exits = {event["service"]: event for event in box.events("exit")}
    if f"{below} TERM" in said and not exits.get(deaf):
        return no(f"{below} was asked to stop while {deaf} ran", "not-reversed")
    if deaf not in exits:
        if box.exit is not None:
            return no(f"PID 1 ended before {deaf}", "leaves-early")
        return no(f"{deaf} runs {_SOON:g} s later", "never-killed")
    if f"{patient} TERM" in said and exits.get(patient, {}).get("signal") == signal.SIGKILL:
        return no(f"{patient} was killed while it cleaned up", "killed-early")
    if exits.get(under, {}).get("signal") == signal.SIGKILL:
        when = "while it cleaned up" if f"{under} TERM" in said else "before it was asked"
        seen = f"{under}, which has 1 s, was killed {when}"
        return trial.no(expected=expected, seen=seen, hint="grace-from-the-start", doubtful=True)
    if (told := exits.get(other)) is not None and told.get("code") != code:
        return no(f"{other} ended with signal {told.get('signal')}", "stop-signal")
    if other not in exits:
        return no(f"{other} runs on", "stop-signal")
    if helpers and helpers[0]:
        return no(f"the helper of {deaf} lives on", "kills-the-leader")
    if box.exit is None:
        return no("PID 1 runs on", "does-not-end")
    if lost := [name for name in box.services if name not in exits]:
        return no(f"PID 1 ended before {lost[0]}", "leaves-early")
    if box.exit.code != 0:
        return no(box.ended(), "exit-code")
    return trial.ok(expected=expected, seen="so it went")


@SUITE.behaviour("undo", points=1, needs=("order",), asked="run a oneshot's `down` command in its turn")
@alive("leaves-early")
def undo(trial: Trial, stage: Stage) -> Finding:
    """After what depends on it has ended, before what it depends on stops; not of one that failed."""
    base, once, user, bad, unborn, aside = names(trial, 6)
    back = {name: f"{name}-down" for name in (once, bad, unborn)}

    def oneshot(name: str, code: int, *needs: str) -> dict[str, object]:
        down = [ACTOR, back[name], "ends", "0", "0.3"]
        return service(name, "ends", code, kind="oneshot", depends_on=list(needs), down=down)

    services = [
        service(base, "stay"),
        oneshot(once, 0, base),
        service(user, "stay", 0.3, depends_on=[once]),
        oneshot(bad, 1),
        oneshot(unborn, 0, bad),
        service(aside, "stay", _LONGEST),
    ]
    trial.rng.shuffle(services)
    expected = f"{user} ends, then the `down` command of {once} runs to its end, then {base} stops"

    def no(seen: str, hint: str) -> Finding:
        return trial.no(expected=expected, seen=seen, hint=hint)

    box = Box(trial, stage, services)
    if not box.wait(lambda: {base, user, bad, aside} <= set(box.up()), START):
        return box.not_up(expected)
    box.wait(lambda: box.events("exit", bad), 2.0)
    said = stopped(trial, box)
    did = [" ".join(line.split()[:2]) for line in said]
    if wrong := [name for name in (bad, unborn) if f"{back[name]} up" in did]:
        return no(f"the `down` command of {wrong[0]} was run", "undone-though-failed")
    if f"{back[once]} up" not in did:
        return no("it was not run", "no-undo")
    if f"{user} cleaned" not in did[: did.index(f"{back[once]} up")]:
        return no(f"it ran before {user} had ended", "undo-too-early")
    if f"{base} TERM" in did and f"{back[once]} end" not in did[: did.index(f"{base} TERM")]:
        return no(f"{base} was asked to stop before it had ended", "undo-too-early")
    if box.exit is None:
        return no("PID 1 runs on", "does-not-end")
    if f"{back[once]} end" not in did:
        return no("PID 1 ended before it had", "leaves-early")
    told = [event["event"] for event in box.events(service=once)]
    if told.count("start") != 2 or told.count("exit") != 2 or told[-1] != "exit":
        return no(f"the events of {once}: {', '.join(told)}", "undone-in-silence")
    if box.exit.code != 0:
        return no(box.ended(), "exit-code")
    return trial.ok(expected=expected, seen="so it went")


keeps(
    SUITE,
    second.SUITE,
    ("policy", "grows", "limit", "keeps"),
    points=1,
    asked="do all that stage 2 does",
)
keeps_rows(SUITE, "stage 3")
