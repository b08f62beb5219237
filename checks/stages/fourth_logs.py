"""The logs of stage 4: what a service writes is kept, file after file, whole, and at nobody's cost.

The layout is the manifest's (`helpers.manifest.models.Log`) under /var/log/lab. That a full pipe makes its
writer wait is pipe(7).
"""

from __future__ import annotations

import re
import signal
from typing import Any

from checks.behaviours import Finding, Trial
from checks.pid1.asking import alive
from checks.stages.actor import SAID
from checks.stages.box import Box, Stage, names, service
from checks.stages.fourth import SUITE
from helpers.errors import SandboxError
from helpers.filetree import FileTree

__all__ = ["LOGS", "SUITE", "WRITER"]

LOGS = "/var/log/lab"
WRITER = "/opt/lab/writer"
_SOON = 4.0  # seconds
_WRITTEN = 15.0  # seconds for some hundred lines with a pause in each, on a busy computer
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")
_OUT_OF_MEMORY = 128 + signal.SIGKILL  # the kernel's end for PID 1 at the sandbox's limit
_WORK = 0.4  # seconds of a processor that PID 1 reads the flood for: its own time, however busy the computer
_MEMORY = 24 << 20  # bytes that PID 1 may grow by while it is flooded

# writer NAME COUNT WORD: COUNT lines, numbered and of different lengths, each in two writes, to both outputs;
# then it says so and stays. `flood` for COUNT: lines without end; with commas in it: lines of these lengths.
_WRITER = f"""#!/usr/bin/python3
import os, sys, time
name, count, word = sys.argv[1:4]
def say(text):
    with open("{SAID}", "a") as file:
        file.write(f"{{name}} {{text}}\\n")
say("up 0 0")
if count == "flood":
    block = (word * 20 + "\\n").encode() * 500
    for n in range(3):
        os.fork()
    while True:
        os.write(1, block)
if "," in count:
    lines = [(word * int(length))[: int(length)] + "\\n" for length in count.split(",")]
else:
    lines = [f"{{n}} {{word * (1 + n * 7 % 23)}}\\n" for n in range(int(count))]
for line in lines:
    half = len(line) // 2 if "," in count else 3
    os.write(1, line[:half].encode())
    time.sleep(0.002)
    os.write(2, line[half:].encode())
say("wrote")
while True:
    time.sleep(600)
"""


def _tree() -> FileTree:
    tree = FileTree()
    tree.script(WRITER, _WRITER)
    return tree


def _file(box: Box, name: str, file: str = "current") -> bytes:
    try:
        return bytes(box.sandbox.read(f"{LOGS}/{name}/{file}"))
    except SandboxError:
        return b""


def _files(box: Box, name: str) -> list[bytes]:
    """The files of a log, oldest first."""
    done = box.sandbox.exec(["/bin/ls", f"{LOGS}/{name}"])
    found = done.stdout.decode(errors="replace").split() if done.code == 0 else []
    old = sorted((int(f.rpartition(".")[2]) for f in found if re.fullmatch(r"current\.\d+", f)), reverse=True)
    return [*(_file(box, name, f"current.{n}") for n in old), _file(box, name)]


def _wanted(count: int, word: str) -> list[bytes]:
    return [f"{n} {word * (1 + n * 7 % 23)}".encode() for n in range(count)]


@SUITE.behaviour("logged", points=1, asked="keep what each service writes in a log of its own")
@alive("ends-early")
def logged(trial: Trial, stage: Stage) -> Finding:
    """Both outputs, of every life, with a time unless the manifest says no; last words too. What cannot be
    executed is told on the console."""
    plain, stamped, absent, word = names(trial, 4)
    script = (
        f'echo "{word} out"; echo "{word} err" >&2; printf "{word} last"; echo "$1 up 0 0" >>{SAID}; exit 3'
    )

    def talks(name: str, **log: Any) -> dict[str, Any]:
        return {
            "name": name,
            "command": ["/bin/sh", "-c", script, "sh", name],
            "restart": {"policy": "always", "delay": 0.3},
            "log": log,
        }

    expected = f"{LOGS}/NAME/current holds all lines of two lives, in order"

    def no(seen: str, hint: str) -> Finding:
        return trial.no(expected=expected, seen=seen, hint=hint)

    path = f"/opt/lab/{absent}-is-not-there"
    lost = {"name": absent, "command": [path], "restart": {"policy": "never"}}
    box = Box(trial, stage, [talks(plain, timestamps=False), talks(stamped), lost])
    if not box.wait_up(plain, stamped):
        return box.not_up(expected)
    lines = [f"{word} {which}".encode() for which in ("out", "err", "last")]

    def both() -> bool:
        return all(len(_file(box, name).splitlines()) >= 6 for name in (plain, stamped))

    box.wait(lambda: all(len(box.events("exit", name)) > 1 for name in (plain, stamped)), _SOON)
    box.wait(both, 1.0)
    if any(word in line for line in box.console()):
        return no("the console shows them", "on-the-console")
    for name in (plain, stamped):
        found = _file(box, name).split(b"\n")
        if found == [b""]:
            return no(f"there is no log of {name}, or nothing in it", "no-log")
        bare = [_STAMP.sub(b"", line, count=1) for line in found]
        stamps = [bool(_STAMP.match(line)) for line in found if line]
        if bare[:2] != lines[:2]:
            return no(f"the log of {name} begins with {bare[:2]!r}", "no-log")
        if bare[2:6] != [lines[2], *lines]:
            return no(f"after two lines the log of {name} goes on with {bare[2:6]!r}", "last-words")
        if not all(stamps) if name == stamped else any(stamps):
            return no(f"a line of {name}: {found[0]!r}", "no-timestamp")
    own = [line for line in box.console() if not line.startswith("{")]
    if not any(path in line for line in own):
        expected = f"the console names {path}, which is not there"
        where = "it stands in the log" if b"is-not-there" in _file(box, absent) else "nothing names it"
        return no(where, "message-in-the-log")
    return trial.ok(expected=expected, seen="so it does")


@SUITE.behaviour("rotates", points=1, needs=("logged",), asked="rotate a log by size, with whole lines")
@alive("ends-early")
def rotates(trial: Trial, stage: Stage) -> Finding:
    """One log that all fits into, one that is written over; no line is cut, none is missing."""
    fits, over, word = names(trial, 3)
    size, keep = trial.rng.randrange(4096, 6000), trial.rng.randrange(2, 4)
    count = {fits: size * keep // 95, over: size * keep // 95 * 2}
    services = [
        {
            "name": name,
            "command": [WRITER, name, str(many), word],
            "log": {"max_bytes": size, "keep": keep, "timestamps": False},
        }
        for name, many in count.items()
    ]
    expected = f"files of at most {size} bytes, at most {keep} old ones, all lines whole and in order"

    def no(seen: str, hint: str) -> Finding:
        return trial.no(expected=expected, seen=seen, hint=hint)

    box = Box(trial, stage, services, tree=_tree())
    if not box.wait_up():
        return box.not_up(expected)
    if not box.wait(lambda: all("wrote" in box.said(name) for name in count), _WRITTEN):
        return no("a service waits for somebody to read what it writes", "no-log")
    wanted = {name: _wanted(many, word) for name, many in count.items()}
    last = {name: wanted[name][-1] + b"\n" for name in count}
    box.wait(lambda: all(_file(box, name).endswith(last[name]) for name in count), 2.0)
    for name in count:
        files = _files(box, name)
        if not files[-1]:
            return no(f"there is no {LOGS}/{name}/current", "no-log")
        if (longest := max(map(len, files))) > size:
            return no(f"a file of {name} has {longest} bytes", "not-rotated")
        if len(files) - 1 > keep or (name == over and len(files) - 1 < keep):
            return no(f"{name} has {len(files) - 1} old files", "too-many-kept")
        if cut := [file for file in files if not file.endswith(b"\n")]:
            return no(f"a file of {name} ends with {cut[0][-20:]!r}", "torn")
        found = b"".join(files).splitlines()
        if name == fits and found != wanted[name]:
            missing = len(set(wanted[name]) - set(found))
            hint = "lost-lines" if missing else "torn"
            return no(f"{missing} of {count[name]} lines of {name} are missing", hint)
        if found != wanted[name][-len(found) :]:
            return no(f"the last {len(found)} lines of {name} are not there in order", "lost-lines")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("long", points=1, needs=("rotates",), asked="cut no line that a file could hold")
@alive("ends-early")
def long(trial: Trial, stage: Stage) -> Finding:
    """One has a line that no file of its log could hold; the other one of nearly 16 KiB, and room for it."""
    small, large, word = names(trial, 3)
    size, whole = trial.rng.randrange(4096, 6000), trial.rng.randrange(14000, 16000)
    lengths = {small: (100, 2 * size + trial.rng.randrange(100, 999), 60), large: (9000, whole, 60)}
    most = {small: size, large: whole + 2000}
    services = [
        {
            "name": name,
            "command": [WRITER, name, ",".join(map(str, lengths[name])), word],
            "log": {"max_bytes": most[name], "keep": 5, "timestamps": False},
        }
        for name in (small, large)
    ]
    expected = (
        f"{small}: a line of {lengths[small][1]} bytes in files of at most {size}, all of it; {large}: one "
    )
    expected += f"of {whole} bytes in one piece"

    def no(seen: str, hint: str) -> Finding:
        return trial.no(expected=expected, seen=seen, hint=hint)

    box = Box(trial, stage, services, tree=_tree())
    if not box.wait_up():
        return box.not_up(expected)
    if not box.wait(lambda: all("wrote" in box.said(name) for name in lengths), _WRITTEN):
        return no("a service waits for somebody to read what it writes", "no-log")
    written = {name: [(word * n)[:n].encode() for n in lengths[name]] for name in lengths}
    box.wait(lambda: all(_file(box, name).endswith(written[name][-1] + b"\n") for name in lengths), 2.0)
    for name in (small, large):
        files = _files(box, name)
        if (longest := max(map(len, files))) > most[name]:
            return no(f"a file of {name} has {longest} bytes", "not-rotated")
        if b"".join(files).replace(b"\n", b"") != b"".join(written[name]):
            there, wanted = sum(map(len, files)), sum(lengths[name])
            return no(f"{name} wrote {wanted} bytes, and its log holds {there}, or others", "long-line-lost")
    if b"".join(files).splitlines() != written[large]:
        return no(f"the line of {whole} bytes of {large} is in pieces", "long-line-cut")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "flood", points=1, needs=("logged",), asked="look after everybody while one writes without end"
)
@alive("hoards")
def flood(trial: Trial, stage: Stage) -> Finding:
    """Another one is killed and comes back; PID 1 does not grow; SIGTERM ends it all."""
    floods, killed, word = names(trial, 3)
    services = [
        {
            "name": floods,
            "command": [WRITER, floods, "flood", word],
            "log": {"max_bytes": 65536, "keep": 2, "timestamps": False},
        },
        service(killed, "stay", restart={"delay": 0.02}),
    ]
    trial.rng.shuffle(services)
    expected = f"{killed} comes back, PID 1 stays small and ends with 0"

    def no(seen: str, hint: str) -> Finding:
        return trial.no(expected=expected, seen=seen, hint=hint)

    box = Box(trial, stage, services, tree=_tree())
    if not box.wait_up():
        return box.not_up(expected)
    before = box.first().rss
    trial.pause(0.3)
    process = box.main(killed)
    if process is None:
        return no(f"{killed} is gone", "blocks")
    box.sandbox.signal(signal.SIGKILL, process.pid)
    if not box.wait(lambda: box.up().count(killed) > 1, _SOON):
        return no(f"{killed} was killed and is not back", "blocks")
    worked = box.first().cpu
    trial.until(lambda: box.first().cpu - worked > _WORK or box.first().rss - before > _MEMORY, _SOON, 0.05)
    if (grown := box.first().rss - before) > _MEMORY:
        return no(f"PID 1 has grown by {grown >> 20} MB", "hoards")
    if not _file(box, floods):
        return no(f"there is nothing in the log of {floods}", "no-log")
    if sum(map(len, _files(box, floods))) > 4 * 65536:
        return no("the log has outgrown its files", "not-rotated")
    box.sandbox.signal(signal.SIGTERM)
    ended = box.wait_exit(_SOON)
    if ended is None:
        return no("PID 1 runs on after SIGTERM", "blocks")
    if ended != 0:
        return no(box.ended(), "hoards" if ended == _OUT_OF_MEMORY else "exit-code")
    return trial.ok(expected=expected, seen="so it is")
