"""The end of stage 4: PID 1 of the web stack, and a console that nobody reads."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from checks.behaviours import Finding, Trial
from checks.pid1.asking import alive
from checks.stages import third_stopping
from checks.stages.box import START, Box, Stage, names, service
from checks.stages.earlier import keeps
from checks.stages.fourth_logs import SUITE
from checks.stages.rows import keeps_rows
from helpers.filetree import FileTree

__all__ = ["SUITE"]

_SOON = 5.0  # seconds
_REAL = "/opt/lab/real/stage4.py"
# Becomes the stage, with a full pipe that nobody reads as its output and error output.
_STALLED = f"""import os, sys
ours, theirs = os.pipe()
os.set_blocking(theirs, False)
try:
    while True:
        os.write(theirs, bytes(4096))
except BlockingIOError:
    pass
os.set_blocking(theirs, True)
os.dup2(theirs, 1)
os.dup2(theirs, 2)
os.set_inheritable(ours, True)
os.execv(sys.executable, [sys.executable, "{_REAL}", sys.argv[1]])
"""


@SUITE.behaviour("stalled", points=1, asked="go on where nobody reads PID 1's own output")
@alive("stalls")
def stalled(trial: Trial, stage: Stage) -> Finding:
    """Its console is a full pipe: services start, come back when killed, and stop."""
    killed, other = names(trial, 2)
    services = [service(killed, "stay", restart={"delay": 0.02}), service(other, "stay", depends_on=[killed])]
    expected = f"{killed} and {other} run; killed, it comes back; PID 1 ends with 0"
    tree = FileTree()
    tree.add(_REAL, stage.text)
    box = Box(trial, Stage(stage.number, _STALLED.encode()), services, tree=tree)
    if not box.wait(lambda: {killed, other} <= set(box.up()), _SOON):
        return box.not_up(expected, hint="stalls")
    process = box.main(killed)
    if process is not None:
        box.sandbox.signal(signal.SIGKILL, process.pid)
    if not box.wait(lambda: box.up().count(killed) > 1, _SOON):
        return trial.no(expected=expected, seen=f"{killed} is not back", hint="stalls")
    box.sandbox.signal(signal.SIGTERM)
    ended = box.wait_exit(_SOON)
    if ended != 0:
        seen = "PID 1 runs on" if ended is None else f"PID 1 ended with {ended}"
        return trial.no(expected=expected, seen=seen, hint="stalls")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("web", points=1, needs=("probed", "logged"), asked="be PID 1 of the web stack")
@alive("ends-early")
def web(trial: Trial, stage: Stage) -> Finding:
    """It answers; each member is killed in turn, and it answers again; it stops with 0."""
    from helpers.lab import STACKS
    from helpers.manifest import load

    stack = load(STACKS / "web" / "manifest.toml")
    tree = FileTree()
    for inside, outside in stack.files.items():
        tree.add(inside, Path(outside).read_bytes())
    services = json.loads(stack.model_dump_json())["services"]
    order = [spec["name"] for spec in services]
    expected = "it answers, also after each of its three has been killed; PID 1 ends with 0"
    box = Box(trial, stage, services, tree=tree)

    def answers() -> bool:
        done = box.sandbox.exec(["/usr/bin/curl", "-sf", "-m", "2", "http://127.0.0.1:8080/"])
        return b"hits" in done.stdout

    if not box.wait(answers, START + _SOON):
        seen = box.ended() if box.exit is not None else f"ready: {_ready(box) or 'nobody'}"
        return trial.no(expected=expected, seen=seen, hint="web-not-up")
    trial.rng.shuffle(order)
    for name in order:
        pid = next((event.get("pid") for event in reversed(box.events("start", name))), None)
        if not isinstance(pid, int):
            return trial.no(expected=expected, seen=f"no `start` of {name}", hint="web-not-up")
        before = len(box.events("ready", name))
        box.sandbox.signal(signal.SIGKILL, pid)
        if not _ready_again(box, name, before) or not box.wait(answers, _SOON):
            seen = box.ended() if box.exit is not None else f"{name} was killed, and nobody answers"
            return trial.no(expected=expected, seen=seen, hint="web-stays-down")
    box.sandbox.signal(signal.SIGTERM)
    ended = box.wait_exit(_SOON)
    if ended != 0:
        seen = "PID 1 runs on" if ended is None else box.ended()
        return trial.no(expected=expected, seen=seen, hint="does-not-end" if ended is None else "exit-code")
    return trial.ok(expected=expected, seen="so it is")


def _ready_again(box: Box, name: str, before: int) -> bool:
    return box.wait(lambda: len(box.events("ready", name)) > before, _SOON)


def _ready(box: Box) -> str:
    return ", ".join(dict.fromkeys(event["service"] for event in box.events("ready")))


keeps(
    SUITE,
    third_stopping.SUITE,
    ("order", "reverse", "keeps"),
    points=1,
    asked="do all that stage 3 does",
)
keeps_rows(SUITE, "stage 4")
