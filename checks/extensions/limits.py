"""Place 4, `p3.limits`: each service within its limits.

Sources: setrlimit(2), proc_pid_limits(5), and the contract at the top of src/limits.rs.
"""

from __future__ import annotations

import re

from checks.behaviours import Finding, Suite, Trial
from checks.extensions.hints import LIMITS
from checks.extensions.part import Machine, Part, add_compiles
from checks.pid1.asking import alive
from checks.stages.box import names, service

__all__ = ["SUITE"]

SUITE: Suite[Part] = Suite(LIMITS, control=Part.known_good)
add_compiles(SUITE)

_ROWS = {"open_files": "Max open files", "memory": "Max address space", "pids": "Max processes"}


def _limits(text: str) -> dict[str, tuple[str, str]]:
    """The rows of /proc/PID/limits by the manifest's word: (soft, hard)."""
    found = {}
    for word, row in _ROWS.items():
        if match := re.search(rf"^{row}\s+(\S+)\s+(\S+)", text, re.MULTILINE):
            found[word] = (match[1], match[2])
    return found


@SUITE.behaviour(
    "within", points=3, needs=("compiles",), asked="start each service within its limits, and nobody else"
)
@alive("ends-early")
def within(trial: Trial, part: Part) -> Finding:
    """Soft and hard limits of two services that have some, of one that has none, and of PID 1."""
    rng = trial.rng
    every, some, none = names(trial, 3)
    wanted = {
        "open_files": rng.randrange(40, 200),
        "memory": rng.randrange(200, 900) * 2**20,
        "pids": rng.randrange(30, 90),
    }
    one = rng.choice(list(wanted))
    services = [
        service(every, "stay", limits=wanted),
        service(some, "stay", limits={one: wanted[one] + 1}),
        service(none, "stay"),
    ]
    rng.shuffle(services)
    expected = f"{every} has {wanted}, soft and hard; PID 1 and {none} have what they had"
    box = Machine(trial, part, services)
    before = _limits(box.sh("cat /proc/self/limits"))
    up = box.wait_up()
    first = _limits(box.sh("cat /proc/1/limits")) if box.exit is None else before
    if changed := [word for word in wanted if first.get(word) != before[word]]:
        seen = f"{changed[0]} of PID 1: {first.get(changed[0])}, {before[changed[0]]} before"
        return trial.no(expected=expected, seen=seen, hint="everybody")
    if not up:
        return box.not_up(expected)

    def of(name: str) -> dict[str, tuple[str, str]]:
        process = box.main(name)
        return _limits(box.sh(f"cat /proc/{process.pid}/limits")) if process else {}

    found, free = of(every), of(none)
    for word, most in wanted.items():
        soft, hard = found.get(word, ("", ""))
        # PID 1 may be bounded more than the manifest asks for; then that is the most there can be.
        if soft == before[word][0]:
            return trial.no(expected=expected, seen=f"{word} of {every}: {soft}", hint="no-limit")
        if soft != str(most):
            seen = f"{word} of {every}: {soft} in place of {most}"
            return trial.no(expected=expected, seen=seen, hint="another-limit")
        if hard != str(most):
            seen = f"{word} of {every}: {soft}, and {hard} as the hard limit"
            return trial.no(expected=expected, seen=seen, hint="soft-only")
    if changed := [word for word in wanted if free.get(word) != before[word]]:
        seen = f"{changed[0]} of {none}: {free.get(changed[0])}, {before[changed[0]]} before"
        return trial.no(expected=expected, seen=seen, hint="everybody")
    mine = of(some)
    if mine.get(one) != (str(wanted[one] + 1),) * 2:
        return trial.no(
            expected=f"{one} of {some}: {wanted[one] + 1}", seen=f"{mine.get(one)}", hint="another-limit"
        )
    if changed := [word for word in wanted if word != one and mine.get(word) != before[word]]:
        return trial.no(expected=expected, seen=f"{changed[0]} of {some} is bounded too", hint="everybody")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "bites", points=1, needs=("within",), asked="let a service feel its limit, and the neighbour not"
)
@alive("ends-early")
def bites(trial: Trial, part: Part) -> Finding:
    """A program that wants more memory than it may have gets an error; its neighbour gets as much."""
    small, large = names(trial, 2)
    take = "import sys; x = bytearray(150 << 20); open(f'/run/{sys.argv[1]}', 'w').write('had it')"

    def takes(name: str, **fields: object) -> dict[str, object]:
        command = ["/usr/bin/python3", "-c", take, name]
        return {"name": name, "command": command, "restart": {"policy": "never"}, **fields}

    expected = f"{small} (100 MiB) cannot have 150 MiB, {large} can"
    box = Machine(trial, part, [takes(small, limits={"memory": 100 << 20}), takes(large)])
    box.wait(lambda: box.events("exit", small) and box.events("exit", large), 12.0)
    if not box.text(f"/run/{large}"):
        return trial.no(expected=expected, seen=f"{large} could not", hint="everybody")
    if box.text(f"/run/{small}"):
        return trial.no(expected=expected, seen=f"{small} could", hint="no-limit")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "impossible", points=1, needs=("compiles",), asked="refuse a service whose limit cannot be set"
)
@alive("ends-early")
def impossible(trial: Trial, part: Part) -> Finding:
    """More open files than the kernel allows (fs.nr_open, proc_sys_fs(5)): refused; the others run."""
    lost, other = names(trial, 2)
    most = 2**31
    expected = f"{lost} is refused: {most} open files are more than the kernel allows; {other} runs"
    services = [service(lost, "stay", limits={"open_files": most}), service(other, "stay")]
    box = Machine(trial, part, services)
    box.wait(lambda: (box.events("refused", lost) or lost in box.up()) and other in box.up())
    if lost in box.up():
        return trial.no(expected=expected, seen=f"{lost} runs without its limit", hint="error-ignored")
    if other not in box.up():
        return trial.no(expected=expected, seen=f"{other} does not run", hint="ends-early")
    if not box.events("refused", lost):
        return trial.no(expected=expected, seen="no event says so", hint="error-ignored")
    return trial.ok(expected=expected, seen="so it is")
