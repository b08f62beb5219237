"""`p3.listing`: the source text's supervisor in Rust, mended, and judged by what it does as PID 1.

The crate is `labs/supervisor/listing`; the answer is its `src/main.rs`. One behaviour for each defect, so
that they turn green one by one. Sources: waitpid(2), pid_namespaces(7), signal(7), TOML 1.0 ("Array of
Tables"), rustc's E0733.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.listing_hints import HINTS
from checks.pid1.asking import alive, mask
from checks.pid1.box import place, random_word
from checks.stages.actor import ACTOR, actor
from checks.stages.box import END, START, Box, names
from helpers.engines.base import MIB, Limits, Pid1
from helpers.rust.boxed import tables
from helpers.rust.builds import Built, compiles
from helpers.rust.crates import Crate
from helpers.rust.toolchain import RustError

__all__ = ["SUITE", "Listing"]

CRATE = "listing"
PROGRAM = "/opt/lab/listing"
Spec = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """The text of src/main.rs as a learner left it."""

    text: str

    def known_good(self) -> Listing:
        """The course's own: tells our failure from the learner's."""
        from helpers.course import exercises

        return Listing(exercises.load("p3.listing").solution)

    @cached_property
    def built(self) -> Built:
        """The crate with this file. Raises `LabFailed`, saying what to do, where there is no Rust."""
        try:
            return compiles(Crate.of(CRATE).changed("src/main.rs", self.text), progress=False)
        except RustError as error:
            raise LabFailed(f"{error.message}\n  next: {error.hint}") from None


class Machine(Box):
    """A sandbox whose PID 1 is the listing, on a manifest with these services."""

    def __init__(self, trial: Trial, listing: Listing, services: Sequence[Spec]) -> None:
        self.trial = trial
        self.services = {spec["name"]: spec for spec in services}
        files = actor()
        files.add(PROGRAM, listing.built.programs[CRATE].read_bytes(), 0o755)
        path = f"/etc/lab/{random_word(trial.rng)}.toml"
        files.add(path, "# made for one run\n" + tables(services))
        engine, image = place()
        limits = Limits(memory=256 * MIB, pids=400, disk=64 * MIB)
        self.sandbox = trial.own(engine.start(image, Pid1((PROGRAM, path)), files, limits))

    def pids(self, name: str) -> list[int]:
        """The PIDs an actor has had, in order."""
        return [int(line.split()[1]) for line in self.said(name) if line.startswith("up ")]

    def told_to_end(self, name: str) -> int:
        """Have an `armed` actor end: its PID, which may be a zombie's now, or 0 where it was not there."""
        main = self.main(name)
        if main is None:
            return 0
        self.kill(10, main.pid)
        self.wait(lambda: all(p.pid != main.pid or p.state == "Z" for p in self.processes()))
        return main.pid

    def reaped(self, pid: int, seconds: float = END) -> bool:
        """Wait until a process is no longer there, not even as a zombie: whether it is so."""
        return self.wait(lambda: all(p.pid != pid for p in self.processes()), seconds)


def _spec(
    name: str, *command: object, needs: Sequence[str] = (), again: bool = False, delay: int = 0
) -> Spec:
    return {
        "name": name,
        "command": [str(word) for word in command],
        "depends_on": list(needs),
        "auto_restart": again,
        "restart_delay_secs": delay,
    }


def _actor(name: str, mode: str, *words: object, **fields: Any) -> Spec:
    return _spec(name, ACTOR, name, mode, *words, **fields)


SUITE: Suite[Listing] = Suite(HINTS, control=Listing.known_good)


@SUITE.behaviour("compiles", points=1, asked="compile")
def compiles_at_all(trial: Trial, listing: Listing) -> Finding:
    """By cargo; the first complaint of the compiler is told with its line."""
    expected = "src/main.rs compiles"
    if listing.built.ok:
        return trial.ok(expected=expected, seen="it does")
    errors = [one for one in listing.built.diagnostics if one.level == "error"]
    seen = str(errors[0]) if errors else "it does not"
    hint = "recursion" if any(one.code == "E0733" for one in errors) else "does-not-compile"
    return trial.no(expected=expected, seen=seen, hint=hint)


@SUITE.behaviour("reads", points=1, needs=("compiles",), asked="read a manifest of [[service]] tables")
@alive("not-read")
def reads(trial: Trial, listing: Listing) -> Finding:
    """Services without dependencies are started."""
    some = names(trial, trial.rng.randrange(2, 5))
    expected = f"{', '.join(some)} run"
    box = Machine(trial, listing, [_actor(name, "stay") for name in some])
    if not box.wait_up():
        return (
            box.not_up(expected, "not-read") if box.exit is None else _ended(trial, box, expected, "not-read")
        )
    return trial.ok(expected=expected, seen="so they do")


def _ended(trial: Trial, box: Machine, expected: str, hint: str) -> Finding:
    return trial.no(expected=expected, seen=box.ended(), hint=hint)


@SUITE.behaviour(
    "once", points=1, needs=("reads",), asked="start each service once, after what it depends on"
)
@alive("ends-early")
def once(trial: Trial, listing: Listing) -> Finding:
    """A chain of four and somebody who needs all of them, in any order of the file."""
    chain = names(trial, 5)
    services = [_actor(name, "stay", needs=chain[max(i - 1, 0) : i]) for i, name in enumerate(chain)]
    services[-1]["depends_on"] = chain[:-1]
    trial.rng.shuffle(services)
    expected = f"{' before '.join(chain)}, each once"
    box = Machine(trial, listing, services)
    if not box.wait_up():
        return box.not_up(expected, "out-of-order")
    box.wait(lambda: len(box.up()) > len(chain), 1.0)
    doubles = [name for name in chain if len(box.pids(name)) > 1]
    if doubles:
        times = len(box.pids(doubles[0]))
        return trial.no(expected=expected, seen=f"{doubles[0]} was started {times} times", hint="twice")
    order = sorted(chain, key=lambda name: box.pids(name)[0])
    if order != chain:
        return trial.no(expected=expected, seen=" before ".join(order), hint="out-of-order")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("survives", points=1, needs=("reads",), asked="outlive a service that cannot be started")
@alive("ends-early")
def survives(trial: Trial, listing: Listing) -> Finding:
    """A command that does not exist is that service's trouble."""
    broken, *good = names(trial, 4)
    services = [_actor(name, "stay") for name in good] + [_spec(broken, f"/opt/{random_word(trial.rng)}")]
    trial.rng.shuffle(services)
    expected = f"{', '.join(good)} run, though the program of {broken} does not exist"
    box = Machine(trial, listing, services)
    if not box.wait_up(*good):
        return box.not_up(expected, "ends-early")
    if box.wait(lambda: box.exit is not None, 0.5):
        return _ended(trial, box, expected, "ends-early")
    return trial.ok(expected=expected, seen="so they do")


@SUITE.behaviour("cycle", points=1, needs=("reads",), asked="refuse services that wait for each other")
@alive("takes-cycle")
def cycle(trial: Trial, listing: Listing) -> Finding:
    """Before anything is started, with the circle in the message and a code other than 0."""
    size = trial.rng.randrange(2, 5)
    ring, alone = names(trial, size), f"aa{random_word(trial.rng)}"
    services = [_actor(name, "stay", needs=[ring[(i + 1) % size]]) for i, name in enumerate(ring)]
    services += [_actor(alone, "stay"), _actor(f"{alone}a", "stay", needs=[alone])]
    trial.rng.shuffle(services)
    expected = (
        f"nothing is started, PID 1 says {' → '.join([*ring, ring[0]])} and ends with another code than 0"
    )
    box = Machine(trial, listing, services)
    code = box.wait_exit(START)
    console = "\n".join(box.console())
    if code is None or "overflowed its stack" in console:
        seen = "PID 1 runs on" if code is None else box.ended()
        return trial.no(expected=expected, seen=seen, hint="takes-cycle")
    if code == 0:
        return trial.no(expected=expected, seen="PID 1 ended with 0", hint="takes-cycle")
    begun = [line for line in box.console() if line.startswith("started ")]
    if begun or box.up():
        return trial.no(expected=expected, seen=(begun or box.up())[0], hint="cycle-late")
    lost = [name for name in ring if name not in console]
    if lost:
        said = box.complaint() or "nothing was said"
        return trial.no(expected=expected, seen=f"{', '.join(lost)} not named: {said}", hint="cycle-unnamed")
    return trial.ok(expected=expected, seen=box.complaint())


@SUITE.behaviour(
    "liveness", points=1, needs=("once",), asked="start again what a service needs and what has ended, first"
)
@alive("ends-early")
def liveness(trial: Trial, listing: Listing) -> Finding:
    """The needed one ends and is not restarted for its own sake; then the other one ends."""
    needed, user = names(trial, 2)
    services = [
        _actor(user, "armed", 1, needs=[needed], again=True),
        _actor(needed, "armed", trial.rng.randrange(4)),
    ]
    expected = f"{needed} ends, {user} ends: {needed} is started, then {user}"
    box = Machine(trial, listing, services)
    if not box.wait_up():
        return box.not_up(expected, "out-of-order")
    if not box.reaped(box.told_to_end(needed)):
        return trial.no(expected=expected, seen=f"{needed} has ended and is a zombie", hint="zombies")
    box.told_to_end(user)
    if not box.wait(lambda: len(box.pids(user)) > 1):
        return trial.no(expected=expected, seen=f"{user} is not started again", hint="never-restarts")
    box.wait(lambda: len(box.pids(needed)) > 1, 1.0)
    if len(box.pids(needed)) < 2:
        return trial.no(expected=expected, seen=f"{user} runs, {needed} is dead", hint="dead-counts")
    if box.pids(needed)[1] > box.pids(user)[1]:
        return trial.no(expected=expected, seen=f"{user} first", hint="out-of-order")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("neighbours", points=1, needs=("reads",), asked="restart one while another is in its delay")
@alive("ends-early")
def neighbours(trial: Trial, listing: Listing) -> Finding:
    """A minute for one, nothing for the other; and nobody comes back before their time."""
    late, prompt, third = names(trial, 3)
    delay = trial.rng.randrange(2, 4)
    services = [
        _actor(late, "armed", 1, again=True, delay=60),
        _actor(prompt, "armed", 1, again=True),
        _actor(third, "tries", 1, 600, 1, again=True, delay=delay),
    ]
    trial.rng.shuffle(services)
    expected = f"{late} waits for a minute, {prompt} is back at once, {third} after {delay} s"
    box = Machine(trial, listing, services)
    if not box.wait_up():
        return box.not_up(expected, "not-read")
    # The third has ended by itself: whoever sleeps for it is asked for the prompt one when that is over.
    if not box.wait(lambda: len(box.pids(third)) > 1):
        return trial.no(expected=expected, seen=f"{third} is not started again", hint="never-restarts")
    if (waited := box.times(third, "up")[1] - box.times(third, "end")[0]) < delay - 0.1:
        return trial.no(expected=expected, seen=f"{third} after {waited:.1f} s", hint="too-soon")
    box.reaped(box.told_to_end(late), 3.0)
    box.told_to_end(prompt)
    if not box.wait(lambda: len(box.pids(prompt)) > 1):
        return trial.no(expected=expected, seen=f"{prompt} waits, too", hint="blocked")
    if len(box.pids(late)) > 1:
        return trial.no(expected=expected, seen=f"{late} is back already", hint="too-soon")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "reaps", points=1, needs=("reads",), asked="reap orphans, and know its own children all the same"
)
@alive("ends-early")
def reaps(trial: Trial, listing: Listing) -> Finding:
    """Orphans end, then a service does: no zombie is left, and the service comes back."""
    family, own = names(trial, 2)
    count = trial.rng.randrange(5, 20)
    box = Machine(trial, listing, [_actor(family, "orphans", count), _actor(own, "armed", 3, again=True)])
    expected = f"{count} orphans end: no zombie; {own} ends: it is back"
    if not (box.wait_up() and box.wait(lambda: "adopted" in box.said(family))):
        return box.not_up(expected, "not-read")
    orphans = [p.pid for p in box.processes() if p.argv[:2] == ("sleep", "777")]
    box.kill(9, *orphans)
    if not box.wait(lambda: not any(p.pid in orphans for p in box.processes())):
        return trial.no(expected=expected, seen=f"{len(box.zombies())} zombies", hint="zombies")
    box.told_to_end(own)
    if not box.wait(lambda: len(box.pids(own)) > 1):
        return trial.no(expected=expected, seen=f"{own} ended and is gone", hint="never-restarts")
    return trial.ok(expected=expected, seen="so it is")


# Says what happens to it on the console, which is still there when PID 1 has ended. The sleep is waited for
# in the background, because a shell runs a trap only between commands (sh(1)).
_CLEANS = """
trap 'echo "$0 TERM"; sleep 0.3; echo "$0 cleaned"; exit 0' TERM
echo "$0 up"
while :; do sleep 600 & wait $!; done
"""


@SUITE.behaviour(
    "stops", points=2, needs=("reads",), asked="stop everything at SIGTERM, in reverse order, and end"
)
@alive("never-ends")
def stops(trial: Trial, listing: Listing) -> Finding:
    """Who is needed goes last; nobody comes back; PID 1 ends with 0."""
    chain = low, middle, high = names(trial, 3)
    services = [
        _spec(name, "/bin/sh", "-c", _CLEANS, name, needs=chain[max(i - 1, 0) : i], again=True)
        for i, name in enumerate(chain)
    ]
    trial.rng.shuffle(services)
    expected = f"{high}, {middle}, {low} clean up one after the other, PID 1 ends with 0"
    box = Machine(trial, listing, services)

    def said() -> list[str]:
        words = [line.split() for line in box.console()]
        ours = [w for w in words if len(w) == 2 and w[0] in chain and w[1] in ("up", "TERM", "cleaned")]
        return [" ".join(w) for w in ours]

    def ups() -> list[str]:
        return [line for line in said() if line.endswith(" up")]

    if not box.wait(lambda: {f"{name} up" for name in chain} <= set(ups())):
        return trial.no(expected=expected, seen="they are not all up", hint="not-read")
    before = len(ups())
    box.sandbox.signal(15, 1)
    if box.wait(lambda: len(said()) > before, 3.0):  # somebody heard of it: then they have their time
        box.wait(lambda: f"{low} cleaned" in said())
    code = box.wait_exit(2.0)
    lines = [line for line in said() if not line.endswith(" up")]
    if not lines and code is None:
        shells = [p.pid for p in box.processes() if p.argv[:2] == ("/bin/sh", "-c")]
        status = box.sandbox.exec(["/bin/cat", f"/proc/{min(shells)}/status"]).stdout if shells else b""
        if mask(status.decode(), "SigBlk") & 1 << 14:
            return trial.no(expected=expected, seen="services have SIGTERM blocked", hint="still-blocked")
        return trial.no(expected=expected, seen="nothing happens", hint="ignores-term")
    if len(ups()) > before:
        return trial.no(expected=expected, seen=f"started again: {ups()[-1].split()[0]}", hint="comes-back")
    wanted = [f"{name} {what}" for name in (high, middle, low) for what in ("TERM", "cleaned")]
    if lines != wanted:
        seen = f"seen: {', '.join(lines) or 'nothing'}; PID 1 " + (
            "runs on" if code is None else f"ended with {code}"
        )
        return trial.no(expected=expected, seen=seen, hint="stops-at-once")
    if code != 0:
        seen = "PID 1 runs on" if code is None else f"PID 1 ended with {code}"
        return trial.no(expected=expected, seen=seen, hint="never-ends")
    return trial.ok(expected=expected, seen="so it is")
