"""Stage 2 of a supervisor, `p3.stage2`: restart, back off, give up; asked from outside.

The policies and the back-off are those of the manifest (`helpers.manifest.Restart`); what a run is called
that ends the back-off, and the start limit, are the contract of the exercise. Delays are compared as they are
announced; of the clock it is asked only that no start comes before its time. Whether a wait is measured with
a clock that somebody may set cannot be asked: a sandbox has no such clock of its own (time_namespaces(7)).
"""

from __future__ import annotations

import json
import signal
from typing import Any

from checks.behaviours import Finding, Suite, Trial
from checks.pid1.asking import alive
from checks.stages import first, first_stopping
from checks.stages.box import END, START, Box, Stage, names, service
from checks.stages.earlier import keeps
from checks.stages.first_looks import not_up
from checks.stages.rows import keeps_rows
from checks.stages.second_hints import HINTS

__all__ = ["LIMIT", "SUITE", "WINDOW"]

LIMIT = 5
"""A service is started so many times within `WINDOW` seconds, and not once more."""
WINDOW = 1.0
_SOON = 4.0  # seconds something has to happen that is due within a third of one
_LONG = 2.4  # seconds one service waits while another one is killed
_FAR = 3.0  # seconds: a `delay` that is longer than its `max_delay`
_EDGE = 0.1  # seconds: a start is told by its service a moment after it
_KINDS = ("start", "exit", "restart", "down")
_GRAIN = 0.03  # seconds: the clock of the actors shows hundredths

SUITE: Suite[Stage] = Suite(dict(HINTS), control=Stage.known_good)


@SUITE.behaviour("policy", points=2, asked="start again what its policy brings back, and nothing else")
@alive("ends-early")
def policy(trial: Trial, stage: Stage) -> Finding:
    """Six ends under three policies; `restart` before what comes back, `down` after what does not."""
    code, other = trial.rng.randrange(1, 120), trial.rng.randrange(1, 120)
    ends = {
        "always": (("ends", 0), ("ends", code)),
        "on-failure": (("ends", 0), ("ends", other), ("killed", "KILL")),
        "never": (("ends", other),),
    }
    back: dict[str, str] = {}
    gone: dict[str, str] = {}
    services = []
    for how, endings in ends.items():
        for mode, word in endings:
            (name,) = names(trial, 1)
            wanted = how == "always" or (how == "on-failure" and word != 0)
            (back if wanted else gone)[name] = f"{how}, {'signal' if mode == 'killed' else 'code'} {word}"
            services.append(service(name, mode, word, restart=_restart(0.3, policy=how)))
    plain, lost = names(trial, 2)
    back[plain] = "no `restart` in the manifest, code 0"
    spec = service(plain, "ends", 0)
    del spec["restart"]
    services.append(spec)
    absent = {"name": lost, "command": ["/opt/lab/absent"], "restart": _restart(0.3)}
    services.append(absent)
    trial.rng.shuffle(services)
    expected = f"{len(back)} services are started again, {len(gone)} are not, and the events say so"
    box = Box(trial, stage, services)
    if not box.wait_up(*back, *gone):
        return not_up(box, expected)
    box.wait(lambda: all(box.up().count(name) > 1 for name in back), _SOON)
    if box.exit is not None:
        return trial.no(expected=expected, seen=box.ended(), hint="ends-early")
    ups = box.up()
    for name, why in gone.items():
        if ups.count(name) > 1:
            seen = f"{name} ({why}) was started again"
            return trial.no(expected=expected, seen=seen, hint="against-policy")
    for name, why in back.items():
        if ups.count(name) < 2:
            hint = "signal-is-failure" if "signal" in why else "not-again"
            return trial.no(expected=expected, seen=f"{name} ({why}) was not started again", hint=hint)
        told = [event["event"] for event in box.events(service=name)]
        kinds = [kind for kind in told if kind in _KINDS][:4]  # there may be others, too
        if kinds[:3] != ["start", "exit", "restart"] or not _delays(box, name):
            seen = f"the events of {name}: {', '.join(kinds)}"
            return trial.no(expected=expected, seen=seen, hint="no-restart-event")
    for name, why in gone.items():
        if not any(event.get("reason") == "policy" for event in box.events("down", name)):
            seen = f"no `down` of {name} ({why}) for the reason `policy`"
            return trial.no(expected=expected, seen=seen, hint="no-down-event")
    if not box.wait(lambda: len(box.events("exit", lost)) > 1, _SOON):
        seen = (
            f"{lost} (always, its command cannot be executed) was tried {len(box.events('exit', lost))} times"
        )
        return trial.no(expected=expected, seen=seen, hint="no-second-try")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("others", points=2, needs=("policy",), asked="let no failing service delay another")
@alive("ends-early")
def others(trial: Trial, stage: Stage) -> Finding:
    """While one waits for its restart, another is killed: that one is back long before the wait is over."""
    waits, killed = names(trial, 2)
    services = [
        service(waits, "ends", 1, restart=_restart(_LONG)),
        service(killed, "stay", restart=_restart(0.02)),
    ]
    trial.rng.shuffle(services)
    asked = f"{waits} waits {_LONG:g} s for its restart; meanwhile {killed} is killed"
    expected = f"{killed} runs again within {_LONG / 2:g} s"
    box = Box(trial, stage, services)
    if not box.wait_up():
        return box.not_up(expected)
    box.wait(lambda: box.times(waits, "end"), START)
    box.wait(lambda: box.events("exit", waits), 0.5)
    process = box.main(killed)
    if process is None:
        return trial.no(asked=asked, expected=expected, seen=f"{killed} is gone", hint="never-starts")
    box.sandbox.signal(signal.SIGKILL, process.pid)
    if box.wait(lambda: box.up().count(killed) > 1, _LONG / 2):
        if len(ups := box.times(waits, "up")) > 1 and ups[1] - box.times(waits, "end")[0] < _LONG - _GRAIN:
            seen = f"{waits} was started before its wait was over"
            return trial.no(asked=asked, expected=expected, seen=seen, hint="too-early")
        return trial.ok(asked=asked, expected=expected, seen="so it does")
    told = _delays(box, killed)
    if told and told[0] > 1.0:
        seen = f"{killed} waits {_row(told[:1])}, and its delay is 0.02 s"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="wrong-delay")
    if box.exit is not None:
        return trial.no(asked=asked, expected=expected, seen=box.ended(), hint="ends-early")
    said = "its end was not even reported" if not box.events("exit", killed) else "its end was reported"
    seen = f"{killed} does not run; {said}"
    return trial.no(asked=asked, expected=expected, seen=seen, hint="blocks-others", doubtful=True)


@SUITE.behaviour("grows", points=1, needs=("policy",), asked="wait longer after each end, up to max_delay")
@alive("ends-early")
def grows(trial: Trial, stage: Stage) -> Finding:
    """Two crash loops with numbers of their own; a run of a moment does not end the back-off. Three more
    whose first wait tells it: a `delay` beyond `max_delay`, and what holds where the manifest is silent."""
    delay, factor = trial.rng.choice((0.05, 0.06, 0.07)), trial.rng.choice((2.0, 2.5, 3.0))
    cap = round(delay * factor * trial.rng.choice((1.25, 1.5)), 4)
    quick, brief, far, plain, endless = names(trial, 5)
    wanted = {
        quick: [delay, delay * factor, cap, cap],
        brief: [0.1, 0.2],
        far: [_FAR / 10],
        plain: [0.1, 0.1],
        endless: [30.0],
    }
    services = [
        service(quick, "ends", 1, restart=_restart(delay, factor=factor, max_delay=cap)),
        service(brief, "ends", 1, 0.15, restart=_restart(0.1, factor=2.0, max_delay=2.0)),
        service(far, "ends", 1, restart=_restart(_FAR, max_delay=_FAR / 10)),
        service(plain, "ends", 1, restart={"policy": "on-failure"}),
        service(endless, "ends", 1, restart={"delay": 45.0}),
    ]
    trial.rng.shuffle(services)
    expected = "; ".join(f"{name} waits {_row(row)}" for name, row in wanted.items())
    box = Box(trial, stage, services)
    if not box.wait_up():
        return box.not_up(expected)

    def enough() -> bool:
        looped = all(box.up().count(name) > len(wanted[name]) for name in (quick, brief))
        return looped and all(len(_delays(box, name)) >= len(row) for name, row in wanted.items())

    box.wait(enough, _SOON)
    for name, row in wanted.items():
        told = _delays(box, name)[: len(row)]
        seen = f"{name} waits {_row(told)}"
        if not told or (name in (quick, brief) and box.up().count(name) <= len(row) and len(told) < len(row)):
            return trial.no(expected=expected, seen=seen, hint="not-again")
        if name in (far, plain, endless) and not _same(told, row[: len(told)]):
            beyond = told[0] > row[0] * 1.125 and name != plain
            hint = "no-cap" if beyond else "wrong-default"
            seen = f"{name} ({json.dumps(box.services[name]['restart'])}) waits {_row(told)}"
            return trial.no(expected=f"{name} waits {_row(row)}", seen=seen, hint=hint)
        if name in (quick, brief) and not _same(told, row):
            if len(set(told)) == 1:
                hint = "no-growth" if name == quick else "reset-too-soon"
            else:
                hint = "no-cap" if name == quick and max(told) > cap * 1.125 else "wrong-delay"
            return trial.no(expected=expected, seen=seen, hint=hint, doubtful=True)
        if name in (far, plain, endless):
            continue
        ends, ups = box.times(name, "end"), box.times(name, "up")
        for wait, end, up in zip(row, ends, ups[1:], strict=False):
            if up - end < wait - _GRAIN:
                seen = f"{name} was started {up - end:.2f} s after its end, and not {wait:.2f} s"
                return trial.no(expected=expected, seen=seen, hint="too-early")
    return trial.ok(expected=expected, seen="so they do")


@SUITE.behaviour("reset", points=1, needs=("grows",), asked="begin anew after a run of max_delay or longer")
@alive("ends-early")
def reset(trial: Trial, stage: Stage) -> Finding:
    """Three quick ends, then a run that is longer than max_delay, then one end more."""
    delay = trial.rng.choice((0.04, 0.05, 0.06))
    (name,) = names(trial, 1)
    cap = 0.4
    wanted = [delay, 2 * delay, 4 * delay, delay]
    expected = f"three waits that grow, a run of {cap + 0.2:g} s, and a wait of {delay:g} s"
    restart = _restart(delay, factor=2.0, max_delay=cap)
    box = Box(trial, stage, [service(name, "tries", 3, cap + 0.2, 1, restart=restart)])
    if not box.wait_up():
        return box.not_up(expected)
    box.wait(lambda: len(_delays(box, name)) >= len(wanted))
    told = _delays(box, name)[: len(wanted)]
    if _same(told, wanted):
        return trial.ok(expected=expected, seen=_row(told))
    hint = "no-reset" if _same(told[:3], wanted[:3]) else "wrong-delay"
    return trial.no(expected=expected, seen=f"waits: {_row(told)}", hint=hint, doubtful=True)


@SUITE.behaviour(
    "limit", points=1, needs=("policy",), asked=f"give up after {LIMIT} starts within {WINDOW:g} s"
)
@alive("ends-early")
def limit(trial: Trial, stage: Stage) -> Finding:
    """Two crash loops without growth are ended: a fast one, and one that is too often within the time by
    little. Two go on: a slow one, however often it was started, and one whose next start is far enough away.

    How many starts lie within the time is read from what the services say, so a busy computer, which makes
    a loop slower, excuses nobody and accuses nobody.
    """
    loop, brisk, slow, grown = names(trial, 4)
    many = 11  # starts, in 3 s and more
    services = [
        service(loop, "ends", 1, restart=_restart(0.02)),
        service(brisk, "ends", 1, restart=_restart(0.13)),
        service(slow, "ends", 1, restart=_restart(0.3)),
        service(grown, "ends", 1, restart=_restart(0.01, factor=3.0, max_delay=0.81)),
    ]
    trial.rng.shuffle(services)
    expected = (
        f"{loop} and {brisk}: {LIMIT} starts, then down; {slow} goes on; so does {grown}, which waits longer"
    )
    box = Box(trial, stage, services)
    if not box.wait_up():
        return box.not_up(expected)

    def over(name: str) -> object:
        return box.events("down", name) or _crowd(box, name) > LIMIT

    box.wait(lambda: over(loop) and (over(brisk) or box.up().count(brisk) > 3 * LIMIT), WINDOW + 1.5)
    for name in (loop, brisk):
        if (count := _crowd(box, name)) > LIMIT:
            seen = f"{name} was started {count} times within {WINDOW:g} s"
            return trial.no(expected=expected, seen=seen, hint="no-limit")
    count = box.up().count(loop)
    told = [event.get("reason") for event in box.events("down", loop)]
    if not told:
        seen = f"{loop} was started {count} times, and no `down` says that this was all"
        return trial.no(expected=expected, seen=seen, hint="no-down-event", doubtful=count > LIMIT)
    if count < LIMIT:
        seen = f"{loop} was started {count} times"
        return trial.no(expected=expected, seen=seen, hint="limit-too-early")
    if told[0] != "limit":
        seen = f"the reason of {loop}'s `down` is {told[0]!r}"
        return trial.no(expected=expected, seen=seen, hint="no-down-event")
    early = box.wait(lambda: box.events("down", grown) or box.events("down", slow), WINDOW / 2)
    enough = LIMIT + 1 if early else many
    box.wait(lambda: box.events("down", slow) or box.up().count(slow) >= enough, many * 0.3 + END)
    if box.events("down", slow) or box.up().count(slow) < enough:
        seen = f"{slow} was started {box.up().count(slow)} times"
        return trial.no(expected=expected, seen=seen, hint="limit-too-early")
    box.wait(lambda: box.events("down", grown) or box.up().count(grown) > LIMIT, END)
    if box.events("down", grown) or box.up().count(grown) <= LIMIT:
        seen = f"{grown} waits {_row(_delays(box, grown))}, and was started {box.up().count(grown)} times"
        return trial.no(expected=expected, seen=seen, hint="limit-at-the-end")
    for name in (loop, brisk):
        kinds = [event["event"] for event in box.events(service=name)]
        if "down" in kinds and "start" in kinds[kinds.index("down") :]:
            seen = f"{name} was started after its `down`"
            return trial.no(expected=expected, seen=seen, hint="starts-after-down")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("stops", points=1, needs=("policy",), asked="on SIGTERM start nothing again, and end with 0")
@alive("leaves-early")
def stops(trial: Trial, stage: Stage) -> Finding:
    """One waits for a restart that is far away, one for a restart that comes while the slowest still ends.

    What is started after the first of the others has ended is started after SIGTERM: they end for no other
    reason.
    """
    waits, due, *running = names(trial, 4)
    services = [
        service(waits, "ends", 1, restart=_restart(60.0, max_delay=60.0)),
        service(due, "ends", 1, restart=_restart(0.7)),
        *(service(name, "stay", 1.5 * n, restart=_restart(0.02)) for n, name in enumerate(running)),
    ]
    trial.rng.shuffle(services)
    expected = "nothing is started any more; PID 1 ends with 0"
    box = Box(trial, stage, services)
    if not box.wait_up():
        return box.not_up(expected)
    box.wait(lambda: box.events("restart", waits), 2.0)
    box.wait(lambda: [event["event"] for event in box.events(service=due)][-1:] == ["restart"], 2.0)
    box.sandbox.signal(signal.SIGTERM)
    # Where something is started again now, PID 1 may never end: no need to wait for that.
    trial.until(lambda: box.exit is not None or _started_late(box, running), _SOON, 0.03)
    if late := _started_late(box, running):
        if again := [name for name in late if name in running]:
            seen = f"{again[0]} was started again"
            return trial.no(expected=expected, seen=seen, hint="restarts-while-stopping")
        seen = f"{late[0]} was started when its wait was over, while another one was still ending"
        return trial.no(expected=expected, seen=seen, hint="due-while-stopping")
    if box.exit is None:
        left = [name for name in running if not box.events("exit", name)]
        if left:
            seen = f"{', '.join(left)} did not get SIGTERM"
            return trial.no(expected=expected, seen=seen, hint="sigterm-ignored")
        seen = f"PID 1 runs on {_SOON:g} s later"
        return trial.no(expected=expected, seen=seen, hint="waits-for-the-wait")
    if lost := [name for name in running if not box.events("exit", name)]:
        seen = f"PID 1 ended before {', '.join(lost)}"
        return trial.no(expected=expected, seen=seen, hint="leaves-early")
    if box.exit.code != 0:
        return trial.no(expected=expected, seen=box.ended(), hint="exit-code")
    return trial.ok(expected=expected, seen="so it did")


@SUITE.behaviour("rest", points=1, needs=("policy",), asked="sleep while a service waits")
@alive("ends-early")
def rest(trial: Trial, stage: Stage) -> Finding:
    """A wait is a time to wake up at, and nothing to look at again and again."""
    waits, stays = names(trial, 2)
    restart = _restart(60.0, max_delay=60.0)
    box = Box(trial, stage, [service(waits, "ends", 1, restart=restart), service(stays, "stay")])
    if not box.wait_up():
        return box.not_up("both services run")
    box.wait(lambda: box.events("restart", waits), 2.0)
    return first_stopping.rested(trial, box)


keeps(
    SUITE,
    first.SUITE,
    ("starts", "session", "reports", "adopts", "burst", "missing"),
    points=1,
    asked="do all that stage 1 does",
)
keeps_rows(SUITE, "stage 2")


def _restart(
    delay: float, *, policy: str = "always", factor: float = 1.0, max_delay: float = 30.0
) -> dict[str, Any]:
    return {"policy": policy, "delay": delay, "factor": factor, "max_delay": max_delay}


def _delays(box: Box, name: str) -> list[float]:
    """The waits that were announced for a service, in order."""
    told = [event.get("delay") for event in box.events("restart", name)]
    return [float(delay) for delay in told if isinstance(delay, int | float)]


def _crowd(box: Box, name: str) -> int:
    """How many starts of a service lie within less than `WINDOW` seconds, at most; by the services' clock."""
    ups = box.times(name, "up")
    return max((sum(0 <= up - first < WINDOW - _EDGE for up in ups) for first in ups), default=0)


def _same(told: list[float], wanted: list[float]) -> bool:
    """Whether the waits are the ones wanted, to an eighth: a learner may round, or add a little chance."""
    pairs = zip(told, wanted, strict=False)
    return len(told) == len(wanted) and all(abs(one - other) <= other / 8 for one, other in pairs)


def _row(delays: list[float]) -> str:
    return ", ".join(f"{delay:.3g}" for delay in delays) + " s" if delays else "never"


def _started_late(box: Box, running: list[str]) -> list[str]:
    """What was started after the first of these had ended."""
    told = box.events()
    ends = [n for n, event in enumerate(told) if event["event"] == "exit" and event["service"] in running]
    return [event["service"] for event in told[ends[0] :] if event["event"] == "start"] if ends else []
