"""Stage 3, what is lost: who depends on a oneshot that failed, or on a longrun that has ended."""

from __future__ import annotations

import signal

from checks.behaviours import Finding, LabFailed, Trial
from checks.pid1.asking import alive
from checks.stages.box import START, Box, Stage, names, service
from checks.stages.third import SUITE

__all__ = ["SUITE"]

_SOON = 4.0  # seconds a start or an end may take that nothing holds up
_DELAYS = 1.5, 6.0  # seconds a service stays away while the check does two things; more on a busy computer


@SUITE.behaviour("failed", points=1, needs=("order",), asked="keep down what depends on a failed oneshot")
@alive("ends-early")
def failed(trial: Trial, stage: Stage) -> Finding:
    """It is not tried again; others go on; and what never ran holds up no stop."""
    code = trial.rng.randrange(1, 120)
    bad, needs_it, beyond, good, after_good = names(trial, 5)
    always = {"policy": "always", "delay": 0.02}
    services = [
        service(bad, "ends", code, kind="oneshot", restart=always),
        service(needs_it, "stay", depends_on=[bad, good]),
        service(beyond, "stay", depends_on=[needs_it]),
        service(good, "ends", 0, 0.4, kind="oneshot", restart=always),
        service(after_good, "stay", depends_on=[good]),
    ]
    trial.rng.shuffle(services)
    asked = f"{bad}, a oneshot, ends with {code}"
    expected = f"`down` of {bad}, for the reason `failed`; {after_good} runs, {needs_it} and {beyond} do not"
    box = Box(trial, stage, services)
    box.wait(lambda: after_good in box.up() and box.events("exit", bad), START)
    box.wait(lambda: box.events("down", bad) or needs_it in box.up(), 1.0)
    if box.exit is not None:
        return trial.no(asked=asked, expected=expected, seen=box.ended(), hint="failure-spreads")
    ups = box.up()
    if wrong := [name for name in (needs_it, beyond) if name in ups]:
        return trial.no(asked=asked, expected=expected, seen=f"{wrong[0]} runs", hint="failed-is-ready")
    if again := [name for name in (bad, good) if ups.count(name) > 1]:
        seen = f"{again[0]} ran {ups.count(again[0])} times"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="again-oneshot")
    if after_good not in ups:
        return trial.no(asked=asked, expected=expected, seen=f"{after_good} is down", hint="failure-spreads")
    told = [event.get("reason") for event in box.events("down", bad)]
    if told != ["failed"]:
        seen = f"the reason is {told[0]!r}" if told else f"no `down` of {bad}"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="no-failed-event")
    box.sandbox.signal(signal.SIGTERM)
    ended = box.wait_exit(_SOON)
    expected = f"PID 1 ends with 0, and {needs_it} and {beyond} have never run"
    if ended is None:
        seen = f"PID 1 runs on {_SOON:g} s after SIGTERM"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="waits-for-the-unborn")
    if started := [name for name in (needs_it, beyond) if box.events("start", name)]:
        seen = f"{started[0]} was started"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="failed-is-ready")
    if ended != 0:
        return trial.no(asked=asked, expected=expected, seen=box.ended(), hint="exit-code")
    return trial.ok(asked=asked, expected=expected, seen="so it is")


@SUITE.behaviour("lost", points=1, needs=("order",), asked="count a longrun that has ended as not ready")
@alive("ends-early")
def lost(trial: Trial, stage: Stage) -> Finding:
    """Who has been started runs on; who has not waits until it is started again, and no longer."""
    for delay in _DELAYS:
        if found := _lost(trial, stage, delay):
            return found
    raise LabFailed(f"a service was back, {delay:g} s later, before another one could end: try again")


def _lost(trial: Trial, stage: Stage, delay: float) -> Finding | None:
    """The finding, or None where the check came too late: the longrun was back before the gate had ended."""
    back, gone, runs, gate, after_back, after_gone = names(trial, 6)
    services = [
        service(back, "stay", restart={"delay": delay}),
        service(gone, "stay"),
        service(runs, "stay", depends_on=[back, gone]),
        service(gate, "armed", 0, kind="oneshot"),
        service(after_back, "stay", depends_on=[gate, back]),
        service(after_gone, "stay", depends_on=[gate, gone]),
    ]
    trial.rng.shuffle(services)
    asked = f"{back} and {gone} are killed while {after_back} and {after_gone} wait for {gate}, too"
    expected = f"{runs} runs on; {after_back} starts when {back} has been started again, {after_gone} never"

    def no(seen: str, hint: str) -> Finding:
        return trial.no(asked=asked, expected=expected, seen=seen, hint=hint)

    box = Box(trial, stage, services)
    if not box.wait_up(back, gone, runs, gate):
        return box.not_up(expected)
    box.kill(signal.SIGKILL, *(p.pid for name in (back, gone) if (p := box.main(name))))
    box.wait(lambda: box.events("exit", back) and box.events("exit", gone), _SOON)
    if process := box.main(gate):
        box.sandbox.signal(signal.SIGUSR1, process.pid)
    if not box.wait(lambda: box.events("ready", gate) and box.up().count(back) > 1, delay + _SOON):
        return no(f"{back} is not back" if box.exit is None else box.ended(), "ends-early")
    told = [(event["event"], event["service"]) for event in box.events()]
    again = [n for n, event in enumerate(told) if event == ("start", back)][1]
    if told.index(("ready", gate)) > again:
        return None
    box.wait(lambda: after_back in box.up(), _SOON)
    told = [(event["event"], event["service"]) for event in box.events()]
    if ("start", after_gone) in told:
        return no(f"{after_gone} was started, and {gone} has ended", "ended-is-ready")
    if ("start", after_back) in told and told.index(("start", after_back)) < again:
        return no(f"{after_back} was started before {back} was back", "ended-is-ready")
    if after_back not in box.up():
        return no(f"{back} is back, and {after_back} is not started", "back-is-not-seen")
    if box.up().count(runs) != 1 or box.events("exit", runs):
        return no(f"{runs} was ended", "takes-others-along")
    return trial.ok(asked=asked, expected=expected, seen="so it is")
