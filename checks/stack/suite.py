"""The web stack under service files written by hand: what `p0.stack-openrc` and `p0.stack-runit` ask.

The files are booted with the real init as PID 1 and judged by what the services then do; nothing looks at
their text, except to say what may be missing. Sources: openrc-run(8), supervise-daemon(8), rc-service(8),
runsv(8), sv(8), svlogd(8).
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from functools import partial

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.stack.box import SERVICES, Machine, Stack, slowness
from checks.stack.hints import OPENRC_HINTS, RUNIT_HINTS
from checks.stack.up import Boot
from helpers.filetree import File

__all__ = ["OPENRC", "RUNIT"]

_UP = 8.0  # seconds for all three, where none is slow
_STEP = 4.0  # for a start after what it needs is ready; a run script that ended is tried again in one
_AGAIN = 15.0  # where it has come up before
_BACK = 6.0  # seconds for a service that was killed: the contract says five
_LOG = 3.0  # seconds until what was said is in the log
_END = 10.0  # seconds for a shutdown
_STUCK = 1.5  # seconds after which what blocks the boot is no passing state
_DEAF = 3.0  # seconds a process may take to end after a signal

OPENRC: Suite[Stack] = Suite(OPENRC_HINTS, control=Stack.known_good)
RUNIT: Suite[Stack] = Suite(RUNIT_HINTS, control=Stack.known_good)

_Run = Callable[[Trial, Stack], Finding]


def _both(
    name: str, *, asked: str, points: tuple[int, int], needs: tuple[str, ...] = ()
) -> Callable[[_Run], _Run]:
    """Add a behaviour to both suites, with its points in each."""

    def decorate(run: _Run) -> _Run:
        for suite, worth in zip((OPENRC, RUNIT), points, strict=True):
            suite.behaviour(name, asked=asked, points=worth, needs=needs)(run)
        return run

    return decorate


def _boot(trial: Trial, stack: Stack, **slow: tuple[float, float]) -> Machine:
    """Boot the files, and wait until the chain answers. Raises LabFailed where it does not: it did before."""
    machine = Machine(trial, stack, **slow)
    if not machine.wait(lambda: machine.answers() and not machine.booting(), _AGAIN):
        raise LabFailed(f"the stack came up once, and another time not within {_AGAIN:g} s")
    return machine


@_both("up", points=(2, 2), asked="bring up redis, app and nginx; a visit goes through all three")
def up(trial: Trial, stack: Stack) -> Finding:
    """Each answers on its port, and a visit to nginx is counted in redis by the app."""
    start = trial.rng.randrange(100, 10_000)
    expected = f"redis holds {start}; a visit to nginx gives {start + 1}, the next {start + 2}"
    for service in SERVICES:
        script = stack.script(service)
        if stack.file(script) is None:
            return trial.no(expected=expected, seen=f"there is no {script}", hint="not-written")
        if stack.touched is not None and script not in stack.touched:
            seen = f"{script} says what it said at the start"
            return trial.no(expected=expected, seen=seen, hint="not-written")
    machine = Machine(trial, stack)
    boot = Boot(machine)
    machine.wait(lambda: boot.wrong(_STUCK) or machine.answers(), _UP)
    if machine.exit is not None:
        raise LabFailed(f"PID 1 ended with {machine.exit.code}")
    wrong = boot.wrong(_STUCK)
    if wrong or not machine.answers():
        seen, hint = wrong or boot.absent()
        return trial.no(expected=expected, seen=seen, hint=hint)
    if machine.redis("SET", "hits", str(start)) != "OK":
        raise LabFailed("redis takes no value")
    counts = [machine.get("/")[1].get("hits") for _ in range(2)]
    seen = f"{counts[0]} and {counts[1]}"
    if counts != [start + 1, start + 2]:
        return trial.no(expected=expected, seen=seen, hint="wrong-address")
    return trial.ok(expected=expected, seen=seen)


# -- order ------------------------------------------------------------------------------------------


@_both(
    "order",
    points=(2, 3),
    needs=("up",),
    asked="start each when what it needs is ready, however slow that is",
)
def order(trial: Trial, stack: Stack) -> Finding:
    """With a slow redis and a slow app: neither the app nor nginx is started before what it needs answers."""
    slow = slowness(trial.rng)
    asked = f"redis takes {slow[0]:.1f} s, the app {slow[1]:.1f} s: start each when what it needs is ready"
    expected = "the app is started when redis answers, nginx when the app answers"
    machine = Machine(trial, stack, slow=slow)

    def first(service: str) -> bool | None:
        notes = machine.notes(service)
        return bool(notes[0]["ready"]) if notes else None

    def failed() -> bool:
        return any("failed to start" in line for line in machine.console())

    def started(service: str, delay: float) -> bool:
        return machine.wait(lambda: first(service) is not None or failed(), delay + _STEP)

    early: tuple[str, str] | None = None
    if started("app", slow[0]) and first("app") is False:
        early = "the app was started before redis answered", _app_early(machine)
    elif first("app") and started("nginx", slow[1]) and first("nginx") is False:
        early = "nginx was started before the app answered", "nginx-early"
    elif not (first("nginx") and machine.wait(machine.answers, _STEP)):
        failure = next((line for line in machine.console() if "failed to start" in line), "")
        missing = next((s for s in ("app", "nginx") if first(s) is None), "nginx")
        early = failure or f"{missing} does not come up", "gives-up"
    if early:
        return trial.no(asked=asked, expected=expected, seen=early[0], hint=early[1])
    return trial.ok(asked=asked, expected=expected, seen="so it was")


def _app_early(machine: Machine) -> str:
    """Which mistake it was: no order at all, or one that looks at processes where readiness is meant."""
    if machine.stack.init.name == "openrc":
        return "need-not-ready" if machine.notes("app")[0]["begun"] else "no-order"
    # sv is content with a process where there is no ./check. That it was asked shows in the script alone.
    script = machine.stack.file(machine.stack.script("app"))
    asked = script is not None and re.search(rb"\b(sv|pgrep|pidof)\b", script.data)
    return "waits-for-process" if asked else "no-wait"


@OPENRC.behaviour(
    "need", points=2, needs=("up",), asked="stop redis with rc-service, then start nginx with it"
)
def need(trial: Trial, stack: Stack) -> Finding:
    """rc-service(8): who needs a service is stopped before it; what a service needs is started before it."""
    expected = "nginx and the app stop before redis; to start nginx starts all three"
    machine = _boot(trial, stack)
    machine.run("rc-service", "redis", "stop")
    if machine.wait(lambda: machine.process("redis") is None, 1.0) is False:
        supervised = b"supervise-daemon" in (stack.file("redis") or File(b"")).data
        hint = "forks-away" if supervised else "not-stopped"
        return trial.no(expected=expected, seen="redis was stopped, and its process runs on", hint=hint)
    left = [service for service in ("app", "nginx") if machine.process(service) is not None]
    if left:
        needed = {"app": "redis", "nginx": "app"}[left[0]]
        for service in ("nginx", "app"):
            machine.run("rc-service", service, "stop")
        # Its start may wait for what is not there: a second shows whether that was started with it.
        machine.run("timeout", "1", "rc-service", left[0], "start")
        hint = "want-not-need" if machine.process(needed) is not None else "after-not-need"
        seen = f"redis was stopped, and {' and '.join(left)} ran on"
        return trial.no(expected=expected, seen=seen, hint=hint)
    machine.run("rc-service", "nginx", "start")
    if not machine.wait(machine.answers, _BACK):
        absent = [service for service in SERVICES if machine.process(service) is None]
        seen = f"after the start of nginx there is no {' and no '.join(absent) or 'answer'}"
        return trial.no(expected=expected, seen=seen, hint="after-not-need")
    return trial.ok(expected=expected, seen="so it was")


# -- restart ----------------------------------------------------------------------------------------


@_both("restart", points=(2, 2), needs=("up",), asked="bring back whichever is killed")
def restart(trial: Trial, stack: Stack) -> Finding:
    """kill -9 of each main process, in a random order: another process, and the chain answers again."""
    services = trial.rng.sample(SERVICES, 3)
    asked = f"kill -9 {', then '.join(services)}"
    expected = "each is back with another PID, and a visit is answered again"
    machine = _boot(trial, stack)
    if stack.init.name == "runit" and (deaf := _deaf(machine, services)):
        service, hint = deaf
        seen = f"what `sv term {service}` sends does not reach the process of {service}"
        return trial.no(asked=asked, expected=expected, seen=seen, hint=hint)
    for service in services:
        old = machine.process(service)
        if old is None:
            raise LabFailed(f"{service} has no process any more, and nothing was done to it")
        machine.sandbox.signal(signal.SIGKILL, old.pid)

        def back(service: str = service, pid: int = old.pid) -> bool:
            new = machine.process(service)
            return new is not None and new.pid != pid and machine.answers()

        if not machine.wait(back, _BACK):
            new = machine.process(service)
            seen = f"{service} is not back after {_BACK:g} s"
            if new is not None and new.pid != old.pid:
                seen = f"{service} is back, but a visit is not answered"
            return trial.no(asked=asked, expected=expected, seen=seen, hint="not-back")
    return trial.ok(asked=asked, expected=expected, seen="so it was")


def _deaf(machine: Machine, services: list[str]) -> tuple[str, str] | None:
    """The first service whose process does not get what sv(8) sends, and the hint for it."""
    table = {process.pid: process for process in machine.processes()}
    for service in services:
        old = machine.process(service)
        if old is None:
            raise LabFailed(f"{service} has no process any more, and nothing was done to it")
        machine.run("sv", "term", service)
        if not machine.wait(partial(_gone, machine, old.pid), _DEAF):
            above = table.get(old.ppid)
            return service, "forks-away" if above is None or above.pid == 1 else "no-exec"
    if not machine.wait(machine.answers, _BACK):
        return services[0], "not-back"
    return None


def _gone(machine: Machine, pid: int) -> bool:
    return not machine.runs(pid)


# -- log --------------------------------------------------------------------------------------------


@_both("log", points=(1, 2), needs=("up",), asked="keep the app's log: what it says, each line a JSON object")
def log(trial: Trial, stack: Stack) -> Finding:
    """Standard output and error are in the file that was asked for, as the app wrote them."""
    path = stack.init.log_path("app")
    machine = _boot(trial, stack)
    visit = trial.rng.randrange(10**6, 10**7)
    machine.get(f"/visit-{visit}")
    said = {"its standard output": machine.words["out"], "its standard error": machine.words["err"]}
    said["a visit of just now"] = f"/visit-{visit}"
    expected = f"{path} holds {', '.join(said)}; each line is a JSON object"

    def missing() -> list[str]:
        return [what for what, word in said.items() if word not in machine.text(path)]

    machine.wait(lambda: not missing(), _LOG)
    lines = machine.text(path).splitlines()
    lost = missing()
    if not lines:
        hint = "no-log-folder" if any(map(_no_folder, machine.console())) else "log-not-there"
        return trial.no(expected=expected, seen=f"{path} is not there, or empty", hint=hint)
    if lost:
        hint = "stderr-lost" if lost == ["its standard error"] else "log-not-there"
        return trial.no(expected=expected, seen=f"not in it: {', '.join(lost)}", hint=hint)
    odd = next((line for line in lines if not _is_object(line)), None)
    if odd is not None:
        return trial.no(expected=expected, seen=f"a line is no JSON object: `{odd[:80]}`", hint="not-json")
    return trial.ok(expected=expected, seen=f"so it is, {len(lines)} lines")


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _no_folder(line: str) -> bool:
    """What svlogd(8) says of a folder that is not there."""
    return "svlogd: " in line and "unable to open log directory" in line


# -- end --------------------------------------------------------------------------------------------


@_both(
    "end",
    points=(1, 1),
    needs=("up",),
    asked="shut down: each service is asked to end, and has the time to",
)
def end(trial: Trial, stack: Stack) -> Finding:
    """PID 1's stop signal: the app has finished and redis has saved before PID 1 ends."""
    expected = f"the app has ended, redis has saved and ended, and nothing is left, within {_END:g} s"
    machine = _boot(trial, stack)
    done, cut_short = machine.shut_down(_END)
    if cut_short:
        seen = f"{' and '.join(cut_short)} did not get to the end of its work"
        return trial.no(expected=expected, seen=seen, hint="not-stopped")
    if not done:
        return trial.no(expected=expected, seen=f"services run on after {_END:g} s", hint="not-stopped")
    if machine.exit is not None and machine.exit.code not in stack.init.clean_exits:
        return trial.no(expected=expected, seen=f"PID 1 ended with {machine.exit.code}", hint="not-stopped")
    return trial.ok(expected=expected, seen="so it was")
