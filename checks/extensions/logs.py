"""Place 1, `p3.logging`: a log for each service, rotated; nothing waits for it.

Sources: pipe(7), rename(2), and the contract at the top of src/logging.rs.
"""

from __future__ import annotations

from checks.behaviours import Finding, Suite, Trial
from checks.extensions.hints import LOGGING
from checks.extensions.part import Machine, Part, add_compiles, script
from checks.pid1.asking import alive
from checks.pid1.box import random_word
from checks.stages.box import names, service
from helpers.filetree import FileTree

__all__ = ["SUITE"]

SUITE: Suite[Part] = Suite(LOGGING, control=Part.known_good)
add_compiles(SUITE)

_NEVER = {"restart": {"policy": "never"}}


def _current(name: str) -> str:
    return f"/var/log/{name}/current"


def _lines(box: Machine, name: str, file: str = "current") -> list[str]:
    return (box.text(f"/var/log/{name}/{file}") or "").splitlines()


@SUITE.behaviour(
    "writes", points=2, needs=("compiles",), asked="keep what each service writes in its own log"
)
@alive("ends-early")
def writes(trial: Trial, part: Part) -> Finding:
    """Standard output and standard error, whole, in order, and nothing of anybody else's."""
    one, two = names(trial, 2)
    mine = [f"{random_word(trial.rng)} {i}" for i in range(6)]
    other = random_word(trial.rng)
    says = "; ".join(f"echo '{line}'" + (" >&2" if i % 2 else "") for i, line in enumerate(mine))
    services = [
        {"name": one, "command": script(f"{says}; exec sleep 600"), **_NEVER},
        {"name": two, "command": script(f"while :; do echo {other}; sleep 0.05; done"), **_NEVER},
    ]
    expected = f"{_current(one)} holds the {len(mine)} lines of {one}"
    box = Machine(trial, part, services)
    box.wait(lambda: len(_lines(box, one)) >= len(mine) and _lines(box, two))
    found = _lines(box, one)
    if other in found or set(mine) & set(_lines(box, two)):
        return trial.no(expected=expected, seen="lines of another service are in it", hint="mixed")
    if not set(mine[::2]) & set(found):
        return trial.no(expected=expected, seen=f"there: {found or 'nothing'}", hint="not-there")
    if missing := [line for line in mine[1::2] if line not in found]:
        seen = f"no `{missing[0]}`, which was written to standard error"
        return trial.no(expected=expected, seen=seen, hint="errors-missing")
    if found != mine:
        return trial.no(expected=expected, seen=f"there: {found}", hint="not-as-written")
    return trial.ok(expected=expected, seen="all of them, in order")


@SUITE.behaviour("goes-on", points=2, needs=("writes",), asked="go on in the same log after a restart")
@alive("ends-early")
def goes_on(trial: Trial, part: Part) -> Finding:
    """What the process before has written stays."""
    (name,) = names(trial, 1)
    word = random_word(trial.rng)
    count = f'n=$(cat /run/n 2>/dev/null || echo 0); n=$((n+1)); echo $n >/run/n; echo "{word} $n"'
    command = script(f"{count}; [ $n -lt 4 ] || exec sleep 600; exit 1")
    services = [{"name": name, "command": command, "restart": {"policy": "always", "delay": 0.05}}]
    wanted = [f"{word} {n}" for n in range(1, 5)]
    expected = f"four runs, four lines: {wanted[0]} to {wanted[-1]}"
    box = Machine(trial, part, services)
    box.wait(lambda: wanted[-1] in _lines(box, name))
    found = _lines(box, name)
    if wanted[-1] in found and len(found) < len(wanted):
        return trial.no(expected=expected, seen=f"only {found}", hint="begins-anew")
    if found != wanted:
        return trial.no(expected=expected, seen=f"there: {found or 'nothing'}", hint="not-as-written")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "rotates", points=3, needs=("writes",), asked="rotate by size, keep a few, lose and tear no line"
)
@alive("ends-early")
def rotates(trial: Trial, part: Part) -> Finding:
    """The kept files, one after the other, are the last lines of the service without a gap."""
    (name,) = names(trial, 1)
    rng = trial.rng
    most, keep, count = rng.randrange(900, 1500), rng.randrange(3, 5), rng.randrange(300, 400)
    word = random_word(rng)
    line = f"{word} %05d {'x' * rng.randrange(5, 25)}"
    # A line in two writes: what comes of a pipe in one read is not always a line.
    pause = "[ $((i % 20)) -ne 7 ] || sleep 0.03"  # now and then somebody has read the first one by then
    two = f"printf '%s' '{word} '; {pause}; printf '%05d {line.split()[2]}\\n' $i"
    says = f"i=0; while [ $i -lt {count} ]; do {two}; i=$((i+1)); done"
    services = [
        {
            "name": name,
            "command": script(f"{says}; exec sleep 600"),
            "log": {"max_bytes": most, "keep": keep},
            **_NEVER,
        }
    ]
    last = line % (count - 1)
    expected = f"at most {keep} files beside current, none larger than {most} bytes, no gap"
    box = Machine(trial, part, services)
    box.wait(lambda: last in _lines(box, name), 15.0)
    sizes = [entry.split(" ", 1) for entry in box.sh(f"cd /var/log/{name} && stat -c '%s %n' *").splitlines()]
    listed = {file: int(size) for size, file in sizes}
    if last not in _lines(box, name):
        return trial.no(expected=expected, seen="the last line is not in current", hint="lost")
    if large := [f"{file}: {size} bytes" for file, size in listed.items() if size > most]:
        return trial.no(expected=expected, seen=large[0], hint="too-large")
    kept = [f"previous.{n}" for n in range(keep, 0, -1)]
    if more := sorted(set(listed) - {*kept, "current"}):
        return trial.no(expected=expected, seen=f"also {', '.join(more)}", hint="keeps-others")
    if fewer := [file for file in kept if file not in listed]:
        return trial.no(expected=expected, seen=f"no {fewer[0]}", hint="keeps-too-few")
    found = [text for file in [*kept, "current"] for text in _lines(box, name, file)]
    wanted = [line % n for n in range(count)]
    if torn := [text for text in found if text not in wanted]:
        return trial.no(expected=expected, seen=f"`{torn[0][:60]}` is no line of the service", hint="torn")
    if found != wanted[-len(found) :]:
        return trial.no(expected=expected, seen="lines are missing between those that are there", hint="lost")
    return trial.ok(expected=expected, seen=f"{len(listed)} files, the last {len(found)} lines")


@SUITE.behaviour(
    "never-waits", points=2, needs=("writes",), asked="hold nobody up when a log cannot be written"
)
@alive("ends-early")
def never_waits(trial: Trial, part: Part) -> Finding:
    """A file stands where the folder should be: the service and its neighbour go on."""
    bad, good = names(trial, 2)
    flood = "i=0; while [ $i -lt 3000 ]; do echo 'a line that nobody will ever read'; i=$((i+1)); done"
    services = [
        {"name": bad, "command": script(f"{flood}; echo done >/run/flooded; exec sleep 600"), **_NEVER},
        service(good, "stay"),
    ]
    expected = f"{bad} writes 100 kB and goes on, {good} runs"
    tree = FileTree()
    tree.add(f"/var/log/{bad}", "no folder\n")
    box = Machine(trial, part, services, tree=tree)
    box.wait(lambda: (box.text("/run/flooded") and good in box.up()) or box.events("refused", bad), 7.0)
    if box.events("refused", bad):
        return trial.no(expected=expected, seen=f"{bad} was not started", hint="refuses")
    if not box.text("/run/flooded"):
        return trial.no(expected=expected, seen=f"{bad} waits for its log", hint="blocks")
    if good not in box.up():
        return trial.no(expected=expected, seen=f"{good} does not run", hint="blocks")
    return trial.ok(expected=expected, seen="so it is")
