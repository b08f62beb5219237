"""Place 2, `p3.signals`: what signals to PID 1 mean, and how a service is stopped.

Sources: signal(7), kill(2), pid_namespaces(7), and the contract at the top of src/signals.rs.
"""

from __future__ import annotations

from typing import Any

from checks.behaviours import Finding, Suite, Trial
from checks.extensions.hints import SIGNALS
from checks.extensions.part import Machine, Part, Spec, add_compiles, script
from checks.pid1.box import random_word
from checks.stages.box import names, service

__all__ = ["SUITE"]

# Says what happens to it on the console, which is still there when PID 1 has ended. The sleep is waited for
# in the background, because a shell runs a trap only between commands (sh(1)).
_CLEANS = """
trap 'echo "$0 TERM"; sleep "$1"; echo "$0 cleaned"; exit 0' TERM
while [ "$2" -gt 0 ]; do
    (trap 'echo "$0 helper TERM"' TERM; echo "$0 up"; while :; do sleep 600 & wait $!; done) &
    set -- "$1" "$(($2 - 1))"
done
echo "$0 up"
while :; do sleep 600 & wait $!; done
"""

SUITE: Suite[Part] = Suite(SIGNALS, control=Part.known_good)
add_compiles(SUITE)


def _cleans(name: str, seconds: float, helpers: int = 0, **fields: Any) -> Spec:
    command = ["/bin/sh", "-c", _CLEANS, name, str(seconds), str(helpers)]
    return {"name": name, "command": command, "restart": {"policy": "never"}, **fields}


def _said(box: Machine, *of: str) -> list[str]:
    """What these services said on the console."""
    return [line for line in box.console() if line.split(" ")[0] in of]


@SUITE.behaviour("others", points=1, needs=("compiles",), asked="go on after signals that mean nothing to it")
def others(trial: Trial, part: Part) -> Finding:
    """SIGUSR1, SIGWINCH, SIGALRM and SIGQUIT change nothing."""
    (name,) = names(trial, 1)
    expected = f"{name} runs on, unasked"
    box = Machine(trial, part, [service(name, "stay")])
    if not box.wait_up():
        return box.not_up(expected)
    for number in trial.rng.sample([10, 28, 14, 3], 4):
        box.sandbox.signal(number, 1)
    box.wait(lambda: box.said(name)[1:], 0.4)
    if box.exit is not None or len(box.said(name)) > 1 or box.main(name) is None:
        return trial.no(expected=expected, seen="it was stopped", hint="ends-for-others")
    return trial.ok(expected=expected, seen="so it does")


@SUITE.behaviour("stops", points=2, needs=("compiles",), asked="stop everything at SIGTERM, in order")
def stops(trial: Trial, part: Part) -> Finding:
    """Who is needed goes last, with time to clean up; one signal, to the first process; then PID 1 ends."""
    low, middle, high = names(trial, 3)
    services = [
        _cleans(low, 0.2),
        _cleans(middle, 0.3, 2, depends_on=[low]),
        _cleans(high, 0.2, depends_on=[middle]),
    ]
    trial.rng.shuffle(services)
    expected = f"{high}, {middle}, {low} clean up one after the other, PID 1 ends with 0"
    box = Machine(trial, part, services)
    if not box.wait(lambda: len(_said(box, low, middle, high)) == 5):
        return trial.no(expected=expected, seen="they are not all up", hint="never-starts")
    box.sandbox.signal(15, 1)
    box.wait(lambda: f"{low} cleaned" in _said(box, low))
    code = box.wait_exit(3.0)
    lines = [line for line in _said(box, low, middle, high) if not line.endswith(" up")]
    if not lines and code is None:
        return trial.no(expected=expected, seen="SIGTERM changes nothing", hint="ignores-term")
    if any("helper" in line for line in lines):
        return trial.no(expected=expected, seen=f"helpers of {middle} got the signal too", hint="whole-group")
    for name in (high, middle, low):
        if (times := lines.count(f"{name} TERM")) > 1:
            return trial.no(
                expected=expected, seen=f"{name} got SIGTERM {times} times", hint="again-and-again"
            )
    wanted = [f"{name} {what}" for name in (high, middle, low) for what in ("TERM", "cleaned")]
    told = {line.split()[0] for line in lines if line.endswith("TERM")}
    cleaned = {line.split()[0] for line in lines if line.endswith("cleaned")}
    seen_ = f"seen: {', '.join(lines)}"
    if told - cleaned or not told:
        return trial.no(expected=expected, seen=seen_, hint="too-soon")
    if code is None and any(not box.events("exit", name) for name in cleaned):
        return trial.no(expected=expected, seen=f"{seen_}; then PID 1 waits", hint="never-ends")
    if lines != wanted:
        return trial.no(expected=expected, seen=seen_, hint="ends-early" if code else "forgotten")
    if code != 0:
        seen_ = "PID 1 runs on" if code is None else f"PID 1 ended with {code}"
        return trial.no(expected=expected, seen=seen_, hint="never-ends" if code is None else "ends-early")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "own-signal", points=1, needs=("stops",), asked="stop at SIGINT too, and each service with its own signal"
)
def own_signal(trial: Trial, part: Part) -> Finding:
    """`stop_signal` of the manifest."""
    (name,) = names(trial, 1)
    signal = trial.rng.choice(["INT", "QUIT", "HUP", "USR1", "USR2"])
    traps = "; ".join(
        f"trap 'echo {s} >>/run/got' {s}" for s in ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2")
    )
    command = script(f"{traps}; echo up >/run/up; while :; do sleep 0.05; done")
    box = Machine(trial, part, [{"name": name, "command": command, "stop_signal": signal, "stop_grace": 30}])
    expected = f"{name} gets SIG{signal}"
    if not box.wait(lambda: box.text("/run/up")):
        return trial.no(expected=expected, seen=f"{name} does not run", hint="never-starts")
    box.sandbox.signal(2, 1)
    box.wait(lambda: box.text("/run/got"))
    got = (box.text("/run/got") or "").split()
    if not got:
        return trial.no(expected=expected, seen="SIGINT changes nothing", hint="ignores-term")
    if got[:1] != [signal]:
        return trial.no(expected=expected, seen=f"it got {got}", hint="wrong-signal")
    return trial.ok(expected=expected, seen="so it does")


@SUITE.behaviour(
    "grace", points=2, needs=("stops",), asked="kill what is deaf when its grace is over, not before"
)
def grace(trial: Trial, part: Part) -> Finding:
    """A service that ignores its signal does not keep PID 1 from ending; one that needs its time gets it."""
    deaf, slow = names(trial, 2)
    services = [
        {
            "name": deaf,
            "command": script("trap '' TERM; echo up >/run/up; while :; do sleep 1; done"),
            "stop_grace": 0.5,
        },
        _cleans(slow, 1.2, stop_grace=60),
    ]
    expected = f"{deaf} is killed after its 0.5 s, {slow} cleans up, PID 1 ends with 0"
    box = Machine(trial, part, services)
    if not box.wait(lambda: _said(box, slow) and box.text("/run/up")):
        return trial.no(expected=expected, seen="they are not both up", hint="never-starts")
    box.sandbox.signal(15, 1)
    box.wait(lambda: f"{slow} cleaned" in _said(box, slow), 8.0)
    if f"{slow} cleaned" not in _said(box, slow):
        return trial.no(expected=expected, seen=f"{slow} was killed while it cleaned up", hint="too-soon")
    if box.wait_exit(8.0) is None:
        return trial.no(expected=expected, seen=f"{deaf} runs on, and so does PID 1", hint="never-kills")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("stopped", points=1, needs=("stops",), asked="stop also a service that is suspended")
def stopped(trial: Trial, part: Part) -> Finding:
    """SIGSTOP, then the stop: without SIGCONT it cannot act upon its signal (signal(7))."""
    (name,) = names(trial, 1)
    expected = f"{name}, which was suspended, cleans up"
    box = Machine(trial, part, [_cleans(name, 0.2, stop_grace=60)])
    if not box.wait(lambda: _said(box, name) and box.pids(name)):
        return trial.no(expected=expected, seen=f"{name} does not run", hint="never-starts")
    (pid,) = box.pids(name)
    box.kill(19, pid)
    box.wait(lambda: any(p.pid == pid and p.state == "T" for p in box.processes()))
    box.sandbox.signal(15, 1)
    box.wait(lambda: f"{name} cleaned" in _said(box, name), 5.0)
    if f"{name} cleaned" not in _said(box, name):
        return trial.no(expected=expected, seen="it never did anything", hint="no-cont")
    return trial.ok(expected=expected, seen="so it does")


@SUITE.behaviour("at-once", points=2, needs=("grace",), asked="stop at once when it is asked twice")
def at_once(trial: Trial, part: Part) -> Finding:
    """A second SIGTERM does not wait for the grace of anybody."""
    (name,) = names(trial, 1)
    tag = random_word(trial.rng)
    command = script(f"trap '' TERM; echo {tag} >/run/up; while :; do sleep 1; done")
    box = Machine(trial, part, [{"name": name, "command": command, "stop_grace": 600}])
    expected = "PID 1 ends, though the grace is ten minutes"
    if not box.wait(lambda: box.text("/run/up")):
        return trial.no(expected=expected, seen=f"{name} does not run", hint="never-starts")
    box.sandbox.signal(15, 1)
    if box.wait(lambda: box.exit is not None, 0.5):
        return trial.no(expected="the first SIGTERM waits", seen="PID 1 ended at once", hint="too-soon")
    box.sandbox.signal(15, 1)
    if box.wait_exit(6.0) is None:
        return trial.no(expected=expected, seen="it waits", hint="second-ignored")
    return trial.ok(expected=expected, seen="so it does")
