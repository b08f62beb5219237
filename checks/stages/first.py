"""Stage 1 of a supervisor, `p3.stage1`: start, reap, report; asked from outside.

Sources: fork(2), execve(2), setsid(2), wait(2), signal(7), credentials(7), pid_namespaces(7).
"""

from __future__ import annotations

import signal

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.pid1.asking import alive, ignored, mask
from checks.pid1.box import random_word
from checks.stages.box import END, START, Box, Stage, names, service
from checks.stages.first_hints import HINTS
from checks.stages.first_looks import (
    misreported,
    not_as_nobody,
    not_up,
    or_none,
    signal_names,
    strange_descriptors,
    the,
)
from helpers.errors import SandboxGone

__all__ = ["SUITE"]

_PROMPT = 3.0  # seconds a zombie may stay
_SPUN = 1.0  # seconds of a processor: Python has long begun with less
_AFTER = 3.0  # seconds the others may take once the first service runs
# Signals that end a process (signal(7)), and that no run time is known to ignore.
_DEADLY = ("KILL", "USR2", "ALRM", "VTALRM", "SEGV")

SUITE: Suite[Stage] = Suite(dict(HINTS), control=Stage.known_good)


@SUITE.behaviour("starts", points=1, asked="start every service as a child of PID 1, and report it")
@alive("ends-early")
def starts(trial: Trial, stage: Stage) -> Finding:
    """All run at once: arguments, environment and folder as the manifest says, one `start` event for each."""
    rng = trial.rng
    words = [random_word(rng), f"two {random_word(rng)}", "$HOME", "*"]
    rng.shuffle(words)
    plot = f"{random_word(rng)} {random_word(rng)}"
    looks, *others = names(trial, rng.randrange(3, 6))
    services = [service(name, "stay") for name in others]
    services.insert(
        rng.randrange(len(services) + 1),
        service(looks, "looks", *words, env={"PLOT": plot}, cwd="/usr/lib"),
    )
    expected = f"{len(services)} children of PID 1, each started once and reported with its PID"
    box = Box(trial, stage, services)
    box.wait(lambda: box.up() or _spun(box), START)
    if not box.wait(lambda: set(box.services) <= set(box.up()), _AFTER):
        return not_up(box, expected)
    # A service may be quicker to say that it runs than PID 1, which tells after fork.
    box.wait(lambda: "looked" in box.said(looks) and len(box.events("start")) >= len(services), 3.0)
    if more := [name for name in box.services if box.up().count(name) > 1]:
        return trial.no(expected=expected, seen=f"{more[0]} was started twice", hint="twice")
    for name in box.services:
        process = box.main(name)
        if process is None:
            return trial.no(expected=expected, seen=f"{name} has other arguments", hint="arguments")
        if process.ppid != 1:
            seen = f"the parent of {name} is process {process.ppid}"
            return trial.no(expected=expected, seen=seen, hint="not-its-child")
    told = box.said(looks)
    wanted = [*(f"argument {word}" for word in words), "cwd /usr/lib", f"plot {plot}"]
    if missing := [line for line in wanted if line not in told]:
        return trial.no(expected=missing[0], seen=f"{looks} has another", hint="arguments")
    if not any(line.startswith("path /") for line in told):
        seen = "PATH is gone: `env` adds to the environment, it does not replace it"
        return trial.no(expected=expected, seen=seen, hint="arguments")
    for name in box.services:
        process = box.main(name)
        event = the(box, "start", name)
        if event is None or process is None:
            return trial.no(expected=expected, seen=f"no start event of {name}", hint="not-reported")
        if event.get("pid") != process.pid:
            seen = f"{name} is process {process.pid}, reported as {event.get('pid')}"
            return trial.no(expected=expected, seen=seen, hint="wrong-pid")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("session", points=1, needs=("starts",), asked="leave nothing of PID 1 in a service")
@alive("ends-early")
def session(trial: Trial, stage: Stage) -> Finding:
    """Its own session and group (setsid(2)), no signal blocked or ignored, no descriptor but 0, 1 and 2; and
    another user's IDs and groups where it has a `user` (credentials(7))."""
    *looking, other = names(trial, 4)
    expected = "a session of its own, nothing blocked, nothing ignored, descriptors 0, 1 and 2"
    never = {"policy": "never"}
    sleeps = {"name": other, "command": ["/bin/sleep", "776"], "user": "nobody", "restart": never}
    box = Box(trial, stage, [*(service(name, "looks") for name in looking), sleeps])
    if not box.wait(lambda: all("looked" in box.said(name) for name in looking), START):
        return box.not_up(expected)
    for name in looking:
        process = box.main(name)
        if process is None:
            return trial.no(expected=expected, seen=f"{name} is gone", hint="never-starts")
        if process.sid != process.pid or process.pgid != process.pid:
            seen = f"process {process.pid} is in session {process.sid}, group {process.pgid}"
            return trial.no(expected=expected, seen=seen, hint="no-own-session")
        said = box.said(name)
        status = next(line for line in said if line.startswith("status ")).replace(";", "\n")
        for bits, what in ((mask(status, "SigBlk"), "blocked"), (ignored(status), "ignored")):
            if bits:
                seen = f"{what}: {signal_names(bits)}"
                return trial.no(expected=expected, seen=seen, hint="signals-left")
        if found := strange_descriptors(said):
            hint, seen = found
            return trial.no(expected=expected, seen=f"{name}: {seen}", hint=hint)
    if seen := not_as_nobody(box):
        return trial.no(expected=f"{other} runs as nobody", seen=seen, hint="not-its-user")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("reports", points=1, needs=("starts",), asked="report how each service ended")
@alive("ends-early")
def reports(trial: Trial, stage: Stage) -> Finding:
    """Exit codes, 0 and the highest too, and signals (wait(2)): one `exit` event each; the others run on,
    also one that is stopped: SIGCHLD comes for that as well, and it has not ended."""
    rng = trial.rng
    clean, coded, high, killed, stays, armed = names(trial, 6)
    code, signame = rng.randrange(3, 120), rng.choice(_DEADLY)
    higher = rng.randrange(130, 256)
    number = int(signal.Signals[f"SIG{signame}"])
    services = [
        service(clean, "ends", 0),
        service(coded, "ends", code),
        service(high, "ends", higher),
        service(killed, "killed", signame),
        service(stays, "stay"),
        service(armed, "armed", code),
    ]
    rng.shuffle(services)
    wanted = {clean: {"code": 0}, coded: {"code": code}, high: {"code": higher}, killed: {"signal": number}}
    expected = f"code 0, code {code}, code {higher} and signal {number} (SIG{signame})"
    box = Box(trial, stage, services)
    if not box.wait_up():
        return box.not_up(expected)
    box.wait(lambda: all(the(box, "exit", name) for name in wanted), _PROMPT)
    if box.exit is not None:
        return trial.no(expected=expected, seen=box.ended(), hint="ends-early")
    for name, ending in wanted.items():
        event = the(box, "exit", name)
        if event is None:
            hint = "one-per-signal" if box.zombies() and box.events("exit") else "no-exit"
            return trial.no(expected=expected, seen=f"no exit event of {name}", hint=hint)
        if found := misreported(event, ending):
            hint, seen = found
            return trial.no(expected=expected, seen=f"{name}: {seen}", hint=hint)
        start = the(box, "start", name)
        told = [one["event"] for one in box.events(service=name)]
        if start is None or told.index("start") > told.index("exit"):
            seen = f"the end of {name} was reported before its start"
            return trial.no(expected=expected, seen=seen, hint="told-late")
        if event.get("pid") != start.get("pid"):
            seen = f"{name} ended as process {event.get('pid')}, and was started as another"
            return trial.no(expected=expected, seen=seen, hint="wrong-pid")
    if the(box, "exit", stays) or box.main(stays) is None:
        return trial.no(expected=f"{stays} runs on", seen="it does not", hint="wrong-status")
    return _stopped(trial, box, stays, armed) or trial.ok(expected=expected, seen="so it said")


def _stopped(trial: Trial, box: Box, stays: str, armed: str) -> Finding | None:
    """Stop a service, then end another one: that end is heard of later than the stop."""
    expected = f"{stays} is stopped (SIGSTOP), and no event tells of an end"
    halts, ends = box.main(stays), box.main(armed)
    if halts is None or ends is None:
        return trial.no(expected=expected, seen="a service is gone", hint="wrong-status")
    box.sandbox.signal(signal.SIGSTOP, halts.pid)
    box.wait(lambda: any(p.pid == halts.pid and p.state in "Tt" for p in box.processes()), END)
    box.sandbox.signal(signal.SIGUSR1, ends.pid)
    box.wait(lambda: the(box, "exit", armed), _PROMPT)
    if box.exit is not None or the(box, "exit", stays):
        seen = f"reported: {or_none(the(box, 'exit', stays))}" if box.exit is None else box.ended()
        return trial.no(expected=expected, seen=seen, hint="stopped-is-no-end")
    if the(box, "exit", armed) is None:
        return trial.no(expected=f"the end of {armed} is reported", seen="no exit event", hint="no-exit")
    return None


@SUITE.behaviour("adopts", points=1, needs=("reports",), asked="reap orphans that PID 1 adopted")
@alive("ends-early")
def adopts(trial: Trial, stage: Stage) -> Finding:
    """They die while PID 1 is stopped, so that SIGCHLD comes once for many (signal(7))."""
    count = trial.rng.randrange(60, 121)
    parent, other = names(trial, 2)
    asked = f"adopt {count} orphans; they die while PID 1 is stopped"
    expected = "no zombie is left, and no event tells of them"
    box = Box(trial, stage, [service(parent, "orphans", count), service(other, "armed", 0)])
    if not box.wait(lambda: "adopted" in box.said(parent), START):
        return box.not_up(expected)

    def orphans() -> list[int]:
        return [p.pid for p in box.processes() if p.ppid == 1 and p.argv == ("sleep", "777")]

    if not trial.until(lambda: len(orphans()) == count, END):
        raise LabFailed(f"PID 1 has {len(orphans())} orphans of {count}: the kernel did not hand them over")
    box.sandbox.signal(signal.SIGSTOP)
    box.kill(signal.SIGKILL, *orphans())
    trial.until(lambda: len(box.zombies()) == count, END)
    box.sandbox.signal(signal.SIGCONT)
    box.wait(lambda: not box.zombies(), _PROMPT)
    if left := len(box.zombies()):
        hint = "orphans-stay" if left == count else "one-per-signal"
        seen = f"{left} of {count} are zombies after {_PROMPT:g} s"
        return trial.no(asked=asked, expected=expected, seen=seen, hint=hint)
    # What ends last is reported last: whatever was said of the orphans stands before it.
    if (ends := box.main(other)) is not None:
        box.sandbox.signal(signal.SIGUSR1, ends.pid)
    box.wait(lambda: the(box, "exit", other), _PROMPT)
    if told := [event for event in box.events("exit") if event["service"] != other]:
        seen = f"reported: {told[0]}"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="stranger-reported")
    return trial.ok(asked=asked, expected=expected, seen="none")


@SUITE.behaviour("burst", points=1, needs=("reports",), asked="report services that end at the same time")
@alive("ends-early")
def burst(trial: Trial, stage: Stage) -> Finding:
    """One event for each, with its own code, however many end between two looks."""
    count = trial.rng.randrange(20, 31)
    codes = {name: trial.rng.randrange(1, 120) for name in names(trial, count)}
    asked = f"{count} services end while PID 1 is stopped"
    expected = f"{count} exit events, each once and with its code; no zombie"
    box = Box(trial, stage, [service(name, "armed", code) for name, code in codes.items()])
    if not box.wait_up():
        return box.not_up(expected)
    box.wait(lambda: len(box.events("start")) >= count, 3.0)
    pids = {event["service"]: event.get("pid") for event in box.events("start")}
    if set(pids) != set(codes):
        return trial.no(asked=asked, expected=expected, seen="a start is missing", hint="not-reported")
    box.sandbox.signal(signal.SIGSTOP)
    box.kill(signal.SIGUSR1, *(pid for pid in pids.values() if isinstance(pid, int)))
    trial.until(lambda: len(box.zombies()) >= count, END)
    box.sandbox.signal(signal.SIGCONT)
    box.wait(lambda: len(box.events("exit")) >= count and not box.zombies(), _PROMPT)
    told = [event["service"] for event in box.events("exit")]
    if lost := len(codes.keys() - set(told)):
        seen = f"{lost} of {count} ends were not reported, {len(box.zombies())} zombies"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="one-per-signal")
    if strange := [name for name in told if name not in codes]:
        seen = f"an exit of {strange[0]!r}, which is no service"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="stranger-reported")
    if len(told) > count:
        seen = f"{len(told)} exit events"
        return trial.no(asked=asked, expected=expected, seen=seen, hint="told-twice")
    for event in box.events("exit"):
        if found := misreported(event, {"code": codes[event["service"]]}):
            hint, seen = found
            return trial.no(asked=asked, expected=expected, seen=f"{event['service']}: {seen}", hint=hint)
    return trial.ok(asked=asked, expected=expected, seen="so it is")


@SUITE.behaviour("missing", points=1, needs=("reports",), asked="go on where a command cannot be executed")
@alive("ends-early")
def missing(trial: Trial, stage: Stage) -> Finding:
    """127 as a shell has it (POSIX, XCU 2.8.2), a message that names the command, and the others run."""
    lost, *others = names(trial, 3)
    path = f"/opt/lab/{random_word(trial.rng)}"
    services = [service(name, "stay") for name in others]
    never = {"policy": "never"}
    services.insert(trial.rng.randrange(2), {"name": lost, "command": [path, "x"], "restart": never})
    expected = f"{lost} exits with 127, {path} is named, the others run once each"
    box = Box(trial, stage, services)
    if not box.wait_up(*others):
        return box.not_up(expected)
    box.wait(lambda: the(box, "exit", lost), 2.0)
    if box.exit is not None:
        return trial.no(expected=expected, seen=box.ended(), hint="ends-early")
    event = the(box, "exit", lost)
    if event is None or event.get("code") != 127:
        # A copy of PID 1 may be a helper of its own. The one that was to be the service is none.
        started = the(box, "start", lost)
        copies = [
            p.pid for p in box.processes() if p.pid != 1 and p.argv == box.first().argv and p.state != "Z"
        ]
        if copies and (started is None or started.get("pid") in copies):
            seen = f"process {copies[-1]} is a second supervisor"
            return trial.no(expected=expected, seen=seen, hint="child-goes-on")
        return trial.no(expected=expected, seen=or_none(event), hint="no-127")
    if path not in "\n".join(line for line in box.console() if not line.startswith("{")):
        return trial.no(expected=expected, seen="no message names it", hint="no-message")
    if any(box.up().count(name) != 1 for name in others):
        return trial.no(expected=expected, seen="another was started twice", hint="twice")
    return trial.ok(expected=expected, seen="so it is")


def _spun(box: Box) -> bool:
    try:
        return box.first().cpu > _SPUN
    except (SandboxGone, StopIteration):
        return False  # PID 1 has just ended
