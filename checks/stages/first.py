"""Stage 1 of a supervisor, `p3.stage1`: start, reap, report; asked from outside.

Sources: fork(2), execve(2), setsid(2), wait(2), signal(7), credentials(7), pid_namespaces(7).
"""

from __future__ import annotations

import signal

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.pid1.asking import alive, ignored, mask
from checks.pid1.box import random_word
from checks.stages.box import END, START, Box, Event, Stage, names, service
from checks.stages.first_hints import HINTS
from checks.stages.rows import keeps_rows

__all__ = ["SUITE", "rested"]

_PROMPT = 3.0  # seconds a zombie may stay
_NOBODY = 65534  # base-passwd: the user that owns nothing
_AT_REST = 0.05  # of one processor
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
    if not box.wait_up():
        return box.not_up(expected)
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
        event = _the(box, "start", name)
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
    name, other = names(trial, 2)
    expected = "a session of its own, nothing blocked, nothing ignored, descriptors 0, 1 and 2"
    never = {"policy": "never"}
    sleeps = {"name": other, "command": ["/bin/sleep", "776"], "user": "nobody", "restart": never}
    box = Box(trial, stage, [service(name, "looks"), sleeps])
    if not box.wait(lambda: "looked" in box.said(name), START):
        return box.not_up(expected)
    process = box.main(name)
    if process is None:
        return trial.no(expected=expected, seen="the service is gone", hint="never-starts")
    if process.sid != process.pid or process.pgid != process.pid:
        seen = f"process {process.pid} is in session {process.sid}, group {process.pgid}"
        return trial.no(expected=expected, seen=seen, hint="no-own-session")
    status = next(line for line in box.said(name) if line.startswith("status ")).replace(";", "\n")
    for bits, what in ((mask(status, "SigBlk"), "blocked"), (ignored(status), "ignored")):
        if bits:
            return trial.no(expected=expected, seen=f"{what}: {_names(bits)}", hint="signals-left")
    open_files = [line.split(" ", 2)[1:] for line in box.said(name) if line.startswith("fd ")]
    # The folder under /proc is the one that ls(1) is reading.
    more = [f"{n} ({to})" for n, to in open_files if int(n) > 2 and not to.startswith("/proc/")]
    if more:
        return trial.no(expected=expected, seen=f"also {', '.join(more)}", hint="descriptors-left")
    if seen := _not_as_nobody(box):
        return trial.no(expected=f"{other} runs as nobody", seen=seen, hint="not-its-user")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("reports", points=2, needs=("starts",), asked="report how each service ended")
@alive("ends-early")
def reports(trial: Trial, stage: Stage) -> Finding:
    """Exit codes, 0 too, and signals (wait(2)): one `exit` event each; the others run on."""
    rng = trial.rng
    clean, coded, killed, stays = names(trial, 4)
    code, signame = rng.randrange(3, 120), rng.choice(_DEADLY)
    number = int(signal.Signals[f"SIG{signame}"])
    services = [
        service(clean, "ends", 0),
        service(coded, "ends", code),
        service(killed, "killed", signame),
        service(stays, "stay"),
    ]
    rng.shuffle(services)
    wanted = {clean: {"code": 0}, coded: {"code": code}, killed: {"signal": number}}
    expected = f"code 0, code {code} and signal {number} (SIG{signame})"
    box = Box(trial, stage, services)
    if not box.wait_up():
        return box.not_up(expected)
    box.wait(lambda: all(_the(box, "exit", name) for name in wanted))
    if box.exit is not None:
        return trial.no(expected=expected, seen=box.ended(), hint="ends-early")
    for name, ending in wanted.items():
        event = _the(box, "exit", name)
        if event is None:
            hint = "one-per-signal" if box.zombies() and box.events("exit") else "no-exit"
            return trial.no(expected=expected, seen=f"no exit event of {name}", hint=hint)
        if found := _misreported(event, ending):
            hint, seen = found
            return trial.no(expected=expected, seen=f"{name}: {seen}", hint=hint)
        start = _the(box, "start", name)
        if start is None or event.get("pid") != start.get("pid"):
            seen = f"{name} ended as process {event.get('pid')}, and was started as another"
            return trial.no(expected=expected, seen=seen, hint="wrong-pid")
    if _the(box, "exit", stays) or box.main(stays) is None:
        return trial.no(expected=f"{stays} runs on", seen="it does not", hint="wrong-status")
    return trial.ok(expected=expected, seen="so it said")


@SUITE.behaviour("adopts", points=2, needs=("reports",), asked="reap orphans that PID 1 adopted")
@alive("ends-early")
def adopts(trial: Trial, stage: Stage) -> Finding:
    """They die while PID 1 is stopped, so that SIGCHLD comes once for many (signal(7))."""
    count = trial.rng.randrange(60, 121)
    parent, other = names(trial, 2)
    asked = f"adopt {count} orphans; they die while PID 1 is stopped"
    expected = "no zombie is left, and no event tells of them"
    box = Box(trial, stage, [service(parent, "orphans", count), service(other, "stay")])
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
    if told := box.events("exit"):
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
    if len(told) > count:
        return trial.no(asked=asked, expected=expected, seen=f"{len(told)} exit events", hint="twice")
    for event in box.events("exit"):
        if found := _misreported(event, {"code": codes[event["service"]]}):
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
    box.wait(lambda: _the(box, "exit", lost), 2.0)
    if box.exit is not None:
        return trial.no(expected=expected, seen=box.ended(), hint="ends-early")
    copies = [p for p in box.processes() if p.pid != 1 and p.state != "Z" and p.argv == box.first().argv]
    if copies:
        seen = f"process {copies[0].pid} is a second supervisor"
        return trial.no(expected=expected, seen=seen, hint="child-goes-on")
    event = _the(box, "exit", lost)
    if event is None or event.get("code") != 127:
        return trial.no(expected=expected, seen=_or_none(event), hint="no-127")
    if path not in "\n".join(line for line in box.console() if not line.startswith("{")):
        return trial.no(expected=expected, seen="no message names it", hint="no-message")
    if any(box.up().count(name) != 1 for name in others):
        return trial.no(expected=expected, seen="another was started twice", hint="twice")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("stops", points=1, needs=("reports",), asked="on SIGTERM stop all services, end with 0")
@alive("leaves-early")
def stops(trial: Trial, stage: Stage) -> Finding:
    """SIGTERM to each process group (kill(2)); PID 1 ends when the last service has, not before."""
    family, slow, gone = names(trial, 3)
    services = [service(family, "family", 2), service(slow, "stay", 0.6), service(gone, "ends", 0)]
    trial.rng.shuffle(services)
    expected = "all get it, each group whole; both exits are reported; PID 1 ends with 0"
    box = Box(trial, stage, services)
    if not box.wait_up() or not box.wait(lambda: _helpers(box, family, "up") == 2):
        return box.not_up(expected)
    box.wait(lambda: _the(box, "exit", gone))
    box.sandbox.signal(signal.SIGTERM)
    # What was said is read while PID 1 still runs: with it, /run is gone.
    seen_last: list[str] = []

    def over() -> bool:
        if said := box.said():
            seen_last[:] = said
        return box.exit is not None

    trial.until(over, _PROMPT, 0.02)
    said = [line.partition(" ")[2] for line in seen_last]
    if "TERM" not in said:
        if box.exit is not None:
            return trial.no(expected=expected, seen=box.ended(), hint="leaves-early")
        return trial.no(expected=expected, seen="no service got it", hint="sigterm-ignored")
    exits = {event["service"] for event in box.events("exit")}
    if box.exit is None:
        running = [name for name in (family, slow) if box.actors(name) and name not in exits]
        if running:
            seen = f"{', '.join(running)} did not get it"
            return trial.no(expected=expected, seen=seen, hint="sigterm-ignored")
        return trial.no(expected=expected, seen="PID 1 runs on", hint="does-not-end")
    # First: where PID 1 was gone at once, its helpers may not have come to say a word.
    if not {family, slow} <= exits:
        lost = ", ".join({family, slow} - exits)
        return trial.no(expected=expected, seen=f"PID 1 ended before {lost}", hint="leaves-early")
    if helpers := 2 - sum(line.startswith("helper") and line.endswith("TERM") for line in said):
        seen = f"{helpers} of 2 helpers of {family} did not get it"
        return trial.no(expected=expected, seen=seen, hint="only-the-leader")
    if box.exit.code != 0:
        return trial.no(expected=expected, seen=box.ended(), hint="exit-code")
    return trial.ok(expected=expected, seen="so it did")


@SUITE.behaviour("rest", points=1, needs=("starts",), asked="use no processor while nothing happens")
@alive("ends-early")
def rest(trial: Trial, stage: Stage) -> Finding:
    """CPU time of PID 1 over a second (proc(5), /proc/PID/stat), with a service that sleeps and one that
    ended."""
    stays, ends = names(trial, 2)
    box = Box(trial, stage, [service(stays, "stay"), service(ends, "ends", 0)])
    if not box.wait_up():
        return box.not_up("both services run")
    trial.until(lambda: _the(box, "exit", ends), 1.0)
    return rested(trial, box)


keeps_rows(SUITE, "stage 1")


def rested(trial: Trial, box: Box) -> Finding:
    """What PID 1 uses of a processor in a second in which nobody asks it anything; its hint is `busy`."""
    expected = f"less than {_AT_REST:.0%} of one processor"
    before = box.first().cpu
    trial.pause(1.0)
    used = box.first().cpu - before
    if used < _AT_REST:
        return trial.ok(expected=expected, seen=f"{used:.0%}")
    return trial.no(expected=expected, seen=f"{used:.0%}", hint="busy", doubtful=True)


def _the(box: Box, kind: str, name: str) -> Event | None:
    """The first event of a kind about a service."""
    return next(iter(box.events(kind, name)), None)


def _helpers(box: Box, name: str, word: str) -> int:
    return sum(line.startswith("helper") and line.endswith(word) for line in box.said(name))


def _not_as_nobody(box: Box) -> str:
    """How the service that sleeps is not the user nobody; nothing where it is, or where nobody is here."""
    mapped = [line.split() for line in box.sandbox.exec(["/bin/cat", "/proc/self/uid_map"]).text.splitlines()]
    if not any(int(first) <= _NOBODY < int(first) + int(count) for first, _, count in mapped):
        return ""  # an engine of an ordinary user's, with no other user in it (user_namespaces(7))

    def sleeping() -> int | None:
        found = (p.pid for p in box.processes() if p.argv == ("/bin/sleep", "776"))
        return next(found, None)

    if not box.wait(sleeping):
        return "it does not run"
    status = box.sandbox.exec(["/bin/cat", f"/proc/{sleeping()}/status"]).text
    ids = {
        line.split(":")[0]: {int(n) for n in line.split()[1:]}
        for line in status.splitlines()
        if line.startswith(("Uid:", "Gid:", "Groups:"))
    }
    if ids["Uid"] != {_NOBODY}:
        return f"its UIDs are {sorted(ids['Uid'])}"
    if 0 in ids["Gid"] | ids["Groups"]:
        return "it has root's group"
    return ""


def _or_none(event: Event | None) -> str:
    return "no exit event" if event is None else f"reported: {_ending(event)}"


def _ending(event: Event) -> str:
    told = [f"{key} {event[key]}" for key in ("code", "signal") if key in event]
    return " and ".join(told) or "neither a code nor a signal"


def _misreported(event: Event, wanted: Event) -> tuple[str, str] | None:
    """Which hint an `exit` event earns, and what it says; None where it says what is wanted."""
    told = {key: event[key] for key in ("code", "signal") if event.get(key) is not None}
    if told == wanted:
        return None
    seen = _ending(event)
    if (number := wanted.get("signal")) is not None:
        if told.get("code") in (-number, 128 + number) or told.keys() == {"code", "signal"}:
            return "signal-as-code", seen
        return ("raw-status" if told.get("code") == number else "wrong-status"), seen
    if told.get("code") == wanted["code"] << 8 and wanted["code"]:
        return "raw-status", seen
    return "wrong-status", seen


def _names(bits: int) -> str:
    found = [n for n in range(1, 65) if bits & (1 << (n - 1))]
    known = {int(one): one.name for one in signal.Signals}
    shown = [known.get(n, str(n)) for n in found]
    return ", ".join(shown) if len(shown) <= 6 else f"{len(shown)} signals"
