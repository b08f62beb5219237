"""`p0.run-script`: a run script under runit, judged by the processes it makes.

Nothing looks at its text. Sources: runsv(8), sv(8), chpst(8), svlogd(8), daemon(7).
"""

from __future__ import annotations

import signal

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.run_script.box import KEPT, USER, Absence, Machine, RunScript
from checks.run_script.hints import HINTS
from helpers.engines.base import Process

__all__ = ["SUITE"]

_UP = 4.0  # seconds from the boot until the daemon answers
_AGAIN = 15.0  # where it has come up before
_BACK = 4.0  # seconds after a kill; runsv holds back what ran for less than a second by one
_LOG = 2.0  # seconds until what was said is in the log
_GONE = 4.0  # seconds to end after `sv stop`
_IDLE = 1.8  # seconds without a process, in which runsv would have started a script that lasts
_WATCH = 1.4  # seconds in which a second copy would be started: runsv's one, and a little
_KILLS = 5

SUITE: Suite[RunScript] = Suite(HINTS, control=RunScript.known_good)


def _boot(trial: Trial, script: RunScript) -> tuple[Machine, Process]:
    """Boot, and wait for the daemon. Raises LabFailed where it does not answer: it did before."""
    machine = Machine(trial, script)
    found: list[Process] = []

    def up() -> bool:
        daemon = machine.daemon()
        found[:] = [daemon] if daemon is not None else []
        return bool(found)

    if not machine.wait(up, _AGAIN):
        raise LabFailed(f"the service came up once, and another time not within {_AGAIN:g} s")
    return machine, found[0]


@SUITE.behaviour("up", points=2, asked="start the daemon: it answers for the plot that /etc/plot names")
def up(trial: Trial, script: RunScript) -> Finding:
    """It answers within a few seconds, with the right PLOT in its environment."""
    run = (script.files or {}).get("run")
    if run is not None and not run.mode & 0o100:
        seen = "fieldd/run may not be executed"
        return trial.no(expected="a run script", seen=seen, hint="no-run-bit")
    machine = Machine(trial, script)
    machine.require_users()
    expected = f"an answer for {machine.plot} within {_UP:g} s"
    absent = Absence(machine)

    def refused() -> str:
        return next((line for line in machine.console() if "unable to start ./run" in line), "")

    def settled() -> bool:
        idle = absent.seconds() > _IDLE
        return bool(machine.ask() or refused() or "PLOT is not set" in machine.log() or idle)

    machine.wait(settled, _UP)
    said = machine.ask()
    if said:
        seen = f"an answer for {said.get('plot')}"
        if said.get("plot") != machine.plot:
            return trial.no(expected=expected, seen=seen, hint="wrong-env")
        if machine.daemon() is None:
            other = machine.processes().get(said.get("pid", 0))
            seen += f", from {' '.join(other.argv) if other else 'something else'}"
            return trial.no(expected=expected, seen=seen, hint="not-the-daemon")
        return trial.ok(expected=expected, seen=seen)
    if line := refused():
        return trial.no(expected=expected, seen=f"runsv says: `{line[:160]}`", hint="no-run-bit")
    lines = machine.log().splitlines()
    last = f"; the last line of its log: `{lines[-1][:160]}`" if lines else ""
    if any("PLOT is not set" in line for line in lines):
        return trial.no(expected=expected, seen=f"no answer{last}", hint="no-env")
    if absent.seconds() > _IDLE:
        seen = f"the script ends at once, each time it is started{last}"
        return trial.no(expected=expected, seen=seen, hint="exits-at-once")
    return trial.no(expected=expected, seen=f"no answer{last}", hint="too-slow")


@SUITE.behaviour("is-it", points=2, needs=("up",), asked="become the daemon: runsv's own child, and one only")
def is_it(trial: Trial, script: RunScript) -> Finding:
    """The process that answers is the one that runsv started, and stays the only one."""
    expected = "the parent of the process that answers is runsv; there is one of it"
    machine, daemon = _boot(trial, script)
    above = machine.parent(daemon)
    shell = machine.shell_above(daemon)
    if above == "PID 1" or machine.processes().get(daemon.ppid) in machine.daemons():
        hint = "in-background" if "-f" in daemon.argv else "daemonizes"
        machine.wait(lambda: len(machine.daemons()) > 1, _WATCH)
        more = "; runsv starts another" if len(machine.daemons()) > 1 else ""
        return trial.no(expected=expected, seen=f"its parent is {above}{more}", hint=hint)
    if above != "runsv":
        found = _between(machine, daemon, above, "no-exec" if shell else "keeps-parent")
        return trial.no(expected=expected, seen=found[0], hint=found[1])
    pids: set[int] = set()

    def changed() -> bool:
        pids.update(p.pid for p in machine.daemons())
        return len(pids) > 1

    if machine.wait(changed, _WATCH):
        seen = f"{len(pids)} processes of it within {_WATCH:g} s"
        return trial.no(expected=expected, seen=seen, hint="in-background")
    return trial.ok(expected=expected, seen="so it is")


def _between(machine: Machine, daemon: Process, above: str, hint: str) -> tuple[str, str]:
    """Somebody stands between runsv and the daemon; does it start the daemon again by itself?"""
    machine.sandbox.signal(signal.SIGKILL, daemon.pid)

    def loops() -> bool:
        again = machine.daemon()
        return again is not None and again.pid != daemon.pid and again.ppid == daemon.ppid

    if machine.wait(loops, _WATCH):
        return f"its parent is {above}, which starts it again when it has ended", "own-loop"
    return f"its parent is {above}", hint


@SUITE.behaviour("user", points=1, needs=("up",), asked=f"run as {USER}, user and groups")
def user(trial: Trial, script: RunScript) -> Finding:
    """Neither the user nor a group that runit runs with is left (credentials(7))."""
    machine, daemon = _boot(trial, script)
    uid, gid = machine.id("-u"), machine.id("-g")
    expected = f"user {uid}, group {gid}, no group of runit's"
    said = machine.ask()
    groups = machine.groups(daemon.pid)
    seen = f"user {said.get('uid')}, group {said.get('gid')}, further groups {groups or 'none'}"
    if (said.get("uid"), said.get("gid")) != (uid, gid) or not KEPT.isdisjoint(groups):
        return trial.no(expected=expected, seen=seen, hint="as-root")
    return trial.ok(expected=expected, seen=seen)


@SUITE.behaviour("log", points=2, needs=("up",), asked="send both outputs of the daemon to its logger")
def log(trial: Trial, script: RunScript) -> Finding:
    """What it says on standard output and on standard error is in svlogd's file."""
    machine, _ = _boot(trial, script)
    said = {"its standard output": machine.words["hello"], "its standard error": machine.words["warning"]}
    expected = f"in the log: {' and '.join(said)}"

    def lost() -> list[str]:
        return [what for what, word in said.items() if word not in machine.log()]

    machine.wait(lambda: not lost(), _LOG)
    if missing := lost():
        hint = "stderr-lost" if missing == ["its standard error"] else "log-not-there"
        return trial.no(expected=expected, seen=f"not in it: {' and '.join(missing)}", hint=hint)
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("stop", points=1, needs=("is-it",), asked="end with `sv stop`, with the daemon's last word")
def stop(trial: Trial, script: RunScript) -> Finding:
    """SIGTERM reaches the daemon, it says its last word, and nothing of it is left."""
    expected = f"its last word in the log, and no process of it, within {_GONE:g} s"
    machine, _ = _boot(trial, script)
    machine.sandbox.exec(["sv", "-w", "1", "stop", machine.name])
    if not machine.wait(lambda: not machine.daemons(), _GONE):
        return trial.no(expected=expected, seen="it runs on", hint="no-last-word")
    if not machine.wait(lambda: machine.words["bye"] in machine.log(), _LOG):
        return trial.no(expected=expected, seen="it ended without a last word", hint="no-last-word")
    return trial.ok(expected=expected, seen="so it was")


@SUITE.behaviour(
    "back", points=2, needs=("up",), asked=f"be back after kill -9, {_KILLS} times, each time one process"
)
def back(trial: Trial, script: RunScript) -> Finding:
    """Each time another PID answers, runsv is its parent, and no second one is left."""
    expected = f"{_KILLS} further PIDs, each answering within {_BACK:g} s"
    machine, daemon = _boot(trial, script)
    for number in range(1, _KILLS + 1):
        machine.sandbox.signal(signal.SIGKILL, daemon.pid)
        found: list[Process] = []

        def again(old: int = daemon.pid, found: list[Process] = found) -> bool:
            new = machine.daemon()
            found[:] = [new] if new is not None and new.pid != old else []
            return bool(found)

        if not machine.wait(again, _BACK):
            state = machine.sv("status")[:100]
            seen = f"no answer {_BACK:g} s after kill number {number}; sv says `{state}`"
            return trial.no(expected=expected, seen=seen, hint="not-back")
        daemon = found[0]
        if machine.parent(daemon) != "runsv" or len(machine.daemons()) > 1:
            seen = (
                f"after kill number {number}: parent {machine.parent(daemon)}, {len(machine.daemons())} of it"
            )
            return trial.no(expected=expected, seen=seen, hint="in-background")
    return trial.ok(expected=expected, seen="so it was")
