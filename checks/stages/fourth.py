"""Stage 4 of a supervisor, `p3.stage4`: who is ready, asked from outside.

The four ways of readiness are the manifest's (`helpers.manifest.models`); the notification descriptor is s6's
(https://skarnet.org/software/s6/notifywhenup.html). `fourth_logs` and `fourth_stack` have the rest of the
suite.

Its event is `late`: a longrun was not ready within the `timeout` of its readiness; once for each life.
"""

from __future__ import annotations

import signal
from typing import Any

from checks.behaviours import Finding, Suite, Trial
from checks.pid1.asking import alive
from checks.stages.actor import SAID
from checks.stages.box import START, Box, Stage, names, service
from checks.stages.fourth_hints import HINTS
from helpers.filetree import FileTree

__all__ = ["LISTENER", "SUITE", "TELLER", "tellers"]

_SOON = 4.0  # seconds a start may take that nothing holds up
_WHILE = 0.4  # seconds in which what should not start would start
TELLER = "/opt/lab/teller"
LISTENER = "/opt/lab/listener"

# Ready at SIGUSR1, by its descriptor or a file; at SIGUSR2 it writes to the descriptor, but no newline.
_TELLER = f"""#!/bin/sh
name=$1 how=$2
say() {{ echo "$name $*" >>{SAID}; }}
tell() {{
    [ "$how" != fd ] || eval "echo ready >&$NOTIFY_FD" || return
    [ "$how" != file ] || echo >"/run/ready-$name"
    say told
}}
trap tell USR1
trap 'eval "printf starting >&$NOTIFY_FD" && say wrote' USR2
trap 'exit 0' TERM
say "notify ${{NOTIFY_FD-none}}"
say "up $$ 0"
while :; do sleep 600 & wait $!; done
"""

# listener NAME HOW PORT [PATH STATUS]: listens at SIGUSR1 (tcp); or at once, and answers 503 until then, 404
# where another path is asked for (http); or at once, and never answers (mute).
_LISTENER = f"""#!/usr/bin/python3
import signal, socket, sys, threading
name, how, port, path, good = *sys.argv[1:3], int(sys.argv[3]), *(sys.argv[4:] or ("/", "200"))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
status = b"503 Not Yet"
def say(text):
    with open("{SAID}", "a") as file:
        file.write(f"{{name}} {{text}}\\n")
def serve(server):
    while True:
        peer = server.accept()[0]
        try:
            if how == "http":
                peer.settimeout(2)
                asked = peer.recv(4096).split()
                known = asked[1:2] == [path.encode()]
                answer = status if known else b"404 Not Here"
                peer.sendall(b"HTTP/1.0 " + answer + b"\\r\\nContent-Length: 0\\r\\n\\r\\n")
                say("asked" if known else "lost")
            peer.close()
        except OSError:
            pass
def listen():
    threading.Thread(target=serve, args=(socket.create_server(("127.0.0.1", port)),), daemon=True).start()
if how == "http":
    listen()
if how == "mute":
    silent = socket.create_server(("127.0.0.1", port))  # the kernel accepts for it (listen(2))
say("up 0 0")
signal.sigwait([signal.SIGUSR1])
status = good.encode() + b" As You Like"
if how == "tcp":
    listen()
say("told")
while True:
    signal.pause()
"""

SUITE: Suite[Stage] = Suite(dict(HINTS), control=Stage.known_good)


def tellers() -> FileTree:
    """The services that become ready when the check says so."""
    tree = FileTree()
    tree.script(TELLER, _TELLER)
    tree.script(LISTENER, _LISTENER)
    return tree


def _teller(name: str, how: str, readiness: dict[str, Any], **fields: Any) -> dict[str, Any]:
    command = [TELLER, name, how]
    return {"name": name, "command": command, "readiness": readiness, "restart": {"delay": 0.05}, **fields}


def _tell(box: Box, name: str, number: int, word: str) -> bool:
    """Send a signal to a teller or listener: whether it has said `word` once more."""
    process = next((p for p in box.processes() if name in p.argv[1:3] and p.ppid == 1), None)
    if process is None:
        return False
    before = box.said(name).count(word)
    box.sandbox.signal(number, process.pid)
    return box.wait(lambda: box.said(name).count(word) > before, _SOON)


def _came(box: Box, name: str, above: str) -> bool:
    return box.wait(lambda: box.events("ready", name) and above in box.up(), _SOON)


def _runs(box: Box, name: str) -> bool:
    return box.wait(lambda: name in box.up(), _SOON)


@SUITE.behaviour("notified", points=1, asked="wait for the newline on a service's notification descriptor")
@alive("ends-early")
def notified(trial: Trial, stage: Stage) -> Finding:
    """Bytes without a newline mean nothing; a newline starts what depends on it; each life tells anew."""
    told, above, first, aside = names(trial, 4)
    number = trial.rng.randrange(4, 10)
    services = [
        _teller(told, "fd", {"kind": "fd", "fd": number}),
        service(above, "stay", depends_on=[told]),
        service(first, "ends", 0, 0.3, kind="oneshot"),
        service(aside, "looks", depends_on=[first]),  # started while the pipe is there
    ]
    trial.rng.shuffle(services)
    expected = f"{above} starts when {told} has written a newline to descriptor {number}, and not before"

    def no(seen: str, hint: str) -> Finding:
        return trial.no(expected=expected, seen=seen, hint=hint)

    box = Box(trial, stage, services, tree=tellers())
    if not box.wait_up(told, aside):
        return box.not_up(expected)
    if f"notify {number}" not in box.said(told):
        return no(f"NOTIFY_FD is {box.said(told)[0].split()[-1]}", "notify-fd")
    box.wait(lambda: above in box.up(), _WHILE)
    if above in box.up():
        return no(f"{above} was started before {told} wrote anything", "up-is-not-ready")
    if not _tell(box, told, signal.SIGUSR2, "wrote"):
        return no(f"{told} cannot write to descriptor {number}", "notify-fd")
    box.wait(lambda: above in box.up(), _WHILE)
    if above in box.up():
        return no(f"{above} was started before the newline", "any-byte")
    if not _tell(box, told, signal.SIGUSR1, "told"):
        return no(f"{told} cannot write to descriptor {number}", "notify-fd")
    if not box.wait(lambda: above in box.up() and box.events("ready", told), _SOON):
        return no(f"{told} wrote it, and {above} was not started", "not-heard")
    process = next(p for p in box.processes() if told in p.argv and p.ppid == 1)
    box.sandbox.signal(signal.SIGKILL, process.pid)
    if not box.wait(lambda: box.up().count(told) > 1, _SOON):
        return no(f"{told} was killed and is not back", "not-again")
    box.wait(lambda: len(box.events("ready", told)) > 1, _WHILE)
    if len(box.events("ready", told)) > 1:
        return no(f"{told} was killed; its second life counted as ready at once", "ready-for-ever")
    _tell(box, told, signal.SIGUSR1, "told")
    if not box.wait(lambda: len(box.events("ready", told)) > 1, _SOON):
        return no(f"the second life of {told} wrote a newline, and no `ready` says so", "not-heard")
    open_files = [line.split(" ", 2)[1:] for line in box.said(aside) if line.startswith("fd ")]
    if more := [f"{n} ({to})" for n, to in open_files if int(n) > 2 and not to.startswith("/proc/")]:
        return no(f"{aside} has {', '.join(more)}", "notify-leaks")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("probed", points=1, asked="ask a service by TCP, HTTP or a command until it is ready")
@alive("ends-early")
def probed(trial: Trial, stage: Stage) -> Finding:
    """Three services, one of each; what depends on each starts when that one is ready."""
    by = dict(zip(("tcp", "http", "exec"), names(trial, 3), strict=True))
    above = dict(zip(by, names(trial, 3), strict=True))
    ports = trial.rng.sample(range(20000, 40000), 2)
    path, good = f"/{names(trial, 1)[0]}", trial.rng.choice(("204", "302"))
    ask = ["/bin/sh", "-c", f"test -e /run/ready-{by['exec']}"]
    services = [
        {
            "name": by["tcp"],
            "command": [LISTENER, by["tcp"], "tcp", str(ports[0])],
            "readiness": {"kind": "tcp", "port": ports[0]},
        },
        {
            "name": by["http"],
            "command": [LISTENER, by["http"], "http", str(ports[1]), path, good],
            "readiness": {"kind": "http", "port": ports[1], "path": path},
        },
        _teller(by["exec"], "file", {"kind": "exec", "command": ask}),
        *(service(above[kind], "stay", depends_on=[by[kind]]) for kind in by),
    ]
    trial.rng.shuffle(services)
    expected = "what depends on each starts when it is ready, and not before"

    def no(seen: str, hint: str) -> Finding:
        return trial.no(expected=expected, seen=seen, hint=hint)

    box = Box(trial, stage, services, tree=tellers())
    if not box.wait_up(*by.values()):
        return box.not_up(expected)
    box.wait(lambda: {"asked", "lost"} & set(box.said(by["http"])), _SOON)
    if "lost" in box.said(by["http"]):
        return no(f"{by['http']} was not asked for {path}", "http-path")
    box.wait(lambda: set(above.values()) & set(box.up()), _WHILE)
    if early := [kind for kind in by if above[kind] in box.up()]:
        hint = "http-status" if early == ["http"] else "up-is-not-ready"
        return no(f"what depends on the one asked by {early[0]} was started before it was ready", hint)
    kinds = list(by)
    trial.rng.shuffle(kinds)
    for kind in kinds:
        _tell(box, by[kind], signal.SIGUSR1, "told")
        if not _runs(box, above[kind]):
            how = f"the one asked by {kind} is ready" + (f" (it answers {good})" if kind == "http" else "")
            hint = "http-status" if kind == "http" else "not-heard"
            return no(f"{how}, and what depends on it is not started", hint)
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("late", points=1, asked="let a service that never gets ready hold up only its dependents")
@alive("ends-early")
def late(trial: Trial, stage: Stage) -> Finding:
    """One never tells, the probes of two hang, two get ready after all. Each is reported after its timeout,
    in each life; nobody else waits; who comes late is ready then."""
    silent, hangs, mute, above, killed, after, slow, over_slow, heard, over_heard = names(trial, 10)
    port = trial.rng.randrange(20000, 40000)
    ask = ["/bin/sh", "-c", f"test -e /run/ready-{slow}"]
    services = [
        _teller(silent, "never", {"kind": "fd", "timeout": 0.5}),
        _teller(hangs, "never", {"kind": "exec", "command": ["/bin/sleep", "779"], "timeout": 0.7}),
        {
            "name": mute,
            "command": [LISTENER, mute, "mute", str(port)],
            "readiness": {"kind": "http", "port": port, "timeout": 0.6},
        },
        _teller(slow, "file", {"kind": "exec", "command": ask, "timeout": 0.5}),
        _teller(heard, "fd", {"kind": "fd", "timeout": 0.5}),
        service(over_slow, "stay", depends_on=[slow]),
        service(over_heard, "stay", depends_on=[heard]),
        service(above, "stay", depends_on=[silent, hangs, mute]),
        service(killed, "stay", restart={"delay": 0.02}),
        service(after, "stay", depends_on=[killed]),
    ]
    trial.rng.shuffle(services)
    lates = (silent, hangs, mute, slow, heard)
    expected = (
        f"one `late` each of {', '.join(lates)}; what depends on them is not started; {killed} is looked "
        f"after; {slow} and {heard} get ready after it, and {over_slow} and {over_heard} start"
    )

    def no(seen: str, hint: str) -> Finding:
        return trial.no(expected=expected, seen=seen, hint=hint)

    box = Box(trial, stage, services, tree=tellers())
    box.wait(box.up, START)
    if not box.wait(lambda: {silent, hangs, mute, heard, killed, after} <= set(box.up()), _SOON):
        if box.exit is None and {hangs, mute} & set(box.up()):
            return no("nothing else was started", "probe-blocks")
        return box.not_up(expected)
    if "notify 3" not in box.said(heard):
        seen = f"NOTIFY_FD is {box.said(heard)[0].split()[-1]} where the manifest names no number"
        return no(seen, "notify-fd")
    process = box.main(killed)
    if process is not None:
        box.sandbox.signal(signal.SIGKILL, process.pid)
    if not box.wait(lambda: box.up().count(killed) > 1, _SOON):
        return no(f"{killed} was killed and is not back", "probe-blocks")
    box.wait(lambda: all(box.events("late", name) for name in lates), _SOON)
    box.wait(lambda: above in box.up(), _WHILE)
    if early := [name for name in (above, over_slow, over_heard) if name in box.up()]:
        return no(f"{early[0]} was started", "late-is-ready")
    if ended_early := [name for name in lates if box.up().count(name) > 1 or box.events("exit", name)]:
        return no(f"{ended_early[0]} was ended", "late-is-dead")
    for name in lates:
        if (count := len(box.events("late", name))) != 1:
            return no(f"{count} `late` events of {name}", "no-late")
    for name, over in ((slow, over_slow), (heard, over_heard)):
        _tell(box, name, signal.SIGUSR1, "told")
        if not _came(box, name, over):
            what = f"{over} was not started" if box.events("ready", name) else "no `ready` says so"
            return no(f"{name} got ready after its `late`, and {what}", "late-for-ever")
    if process := next((p for p in box.processes() if silent in p.argv and p.ppid == 1), None):
        box.sandbox.signal(signal.SIGKILL, process.pid)
    if not box.wait(lambda: len(box.events("late", silent)) > 1, _SOON):
        return no(f"no `late` of the second life of {silent}", "no-late")
    box.sandbox.signal(signal.SIGTERM)
    ended = box.wait_exit(_SOON)
    if ended is None:
        return no(f"PID 1 runs on {_SOON:g} s after SIGTERM", "does-not-end")
    if ended != 0:
        return no(box.ended(), "exit-code")
    return trial.ok(expected=expected, seen="so it is")
