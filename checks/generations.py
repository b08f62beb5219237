"""`p1.generations`: a change of a running system, judged by which processes it moves.

The machine is SixOS in miniature (`helpers.six`). One service of it has another name each time, and nginx
another port, so that what has to stay is not known beforehand.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from checks.behaviours import Finding, LabFailed, Suite, Trial
from helpers.errors import InitlabError
from helpers.nix.errors import NixError
from helpers.six import Activation, Machine

__all__ = ["HINTS", "SUITE", "Change"]

_WANTED = 8082  # nginx's new port
_SECOND = 8001  # app2's
_BASE = """final: {
  targets.redis = _: final.services.redis { };
  targets.app   = _: final.services.app { };
  targets.nginx = _: final.services.nginx { port = %(port)s; };
  targets.%(other)s = _: final.six.mkFunnel {
    name = "%(other)s";
    run = [ "sleep" "%(seconds)s" ];
    passthru.before = [ final.targets.default ];
  };
}
"""
_BOTH = "final: [ (import ./base.nix final) (import ./change.nix final) ]\n"
_GOOD = """final: {
  targets.nginx = _: final.services.nginx { port = 8082; };
  targets.app2 = _: final.services.app { port = 8001; };
  targets.stamp = _: final.six.mkOneshot {
    name = "stamp";
    up = "redirfd -w 1 /run/stamp curl -sf http://127.0.0.1:8001/health";
    passthru.after = [ final.targets.app2 ];
    passthru.before = [ final.targets.default ];
  };
}
"""

HINTS = {
    "no-syntax": ("Nix does not understand the file: its message names the line. `;` ends every binding."),
    "no-build": (
        "The system does not build with your change, and Nix says why. Nothing that runs has changed:"
        " that is what a build is for. Read the last line of the message first."
    ),
    "not-by-name": (
        "A dependency is a target, and a target is known by the name that the set gives it. Something"
        " in your file depends on a service's value instead. final.targets.NAME is how the others say"
        " it."
    ),
    "unknown-argument": (
        "A service is a function, and it was called with an argument it does not have. Its file in "
        "/opt/nix/six/by-name begins with the names it takes."
    ),
    "cycle": (
        "Two of your services wait for each other, by way of others perhaps: the message has the "
        "whole ring. Which of its arrows did you add?"
    ),
    "activation-failed": (
        "The system was built, and could not be put under the machine: a service did not come up. The"
        " output of the activation names it; its log is in /var/log/NAME/current."
    ),
    "old-port": ("nginx does not answer on 8082 alone. Which argument of its service says where it listens?"),
    "no-second": (
        "There is no service app2 in the system. A second instance is a second target: another name "
        "on the left, the same service on the right."
    ),
    "second-down": (
        "app2 is in the system and not up. What comes up at boot, and at an activation, is the bundle"
        " `default` and what it needs: what says that app2 belongs to it?"
    ),
    "second-silent": (
        "app2 is up and does not answer on 8001. Does it listen where it should, and do the two "
        "instances not want the same port?"
    ),
    "moved": (
        "A service has another process than before, and nothing in the task asks for that. What moves"
        " is what changed and what depends on it: which value of that service's definition is "
        "different now?"
    ),
    "lost": (
        "A service that ran before is gone. Your file is infused into the system that is there; say "
        "only what changes, and add to lists rather than set them."
    ),
    "no-stamp": (
        "There is no oneshot `stamp` that is up. mkOneshot makes one, and like every target it comes "
        "up only if something that comes up needs it."
    ),
    "stamp-longrun": (
        "`stamp` has work that is done once, and it is supervised like a daemon: when it ends it is "
        "started again, each second. Which of the builders is for work that is done once?"
    ),
    "too-early": (
        "Nothing keeps `stamp` back until app2 is ready: in the database it does not depend on app2. "
        "On a quiet machine it may win the race, and so may a `sleep`, which guesses how long the others "
        "take. At a boot, or on a slow disk, they lose it."
    ),
    "up-line": (
        "`stamp` comes after app2, as it should. Its `up` was run, and has not put app2's answer into "
        "/run/stamp. It is a line for execlineb, which is no shell: a `>`, a `|` or a `$` is a word like "
        "any other there, and is handed to the program. Who reads those, or what does execline have instead?"
    ),
}


@dataclass
class Facts:
    """What was seen of one machine: activation, answers, rollback."""

    other: str
    port: int
    activation: Activation | None = None
    answers: dict[int, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()  # what stamp depends on in the compiled database, at any depth
    stamp: str = ""
    rollback: Activation | None = None

    @property
    def done(self) -> Activation:
        """The activation. Raises `LabFailed` where there was none."""
        if self.activation is None:
            raise LabFailed("nothing was activated")
        return self.activation


@dataclass
class Change:
    """The learner's change.nix, and what became of it."""

    text: str
    facts: Facts | None = None

    @classmethod
    def known_good(cls, change: Change) -> Change:
        """A change that passes."""
        return cls(_GOOD)

    def seen(self, trial: Trial) -> Facts:
        """The facts, made now where `activates` has not looked at this change (the known-good one)."""
        if self.facts is None:
            _activate(trial, self)
        if self.facts is None:
            raise LabFailed("nothing was activated")
        return self.facts


SUITE: Suite[Change] = Suite(HINTS, control=Change.known_good)


def _machine(trial: Trial, rng: random.Random, text: str | None) -> tuple[Machine, Facts]:
    facts = Facts("bed" + "".join(rng.sample("abcdefghij", 4)), rng.choice((8080, 8081)))
    values: Mapping[str, object] = {
        "port": facts.port,
        "other": facts.other,
        "seconds": rng.randrange(5000, 9000),
    }
    files = {"/etc/six/base.nix": _BASE % values}
    if text is None:
        configuration = "final: import ./base.nix final\n"
    else:
        configuration = _BOTH
        files["/etc/six/change.nix"] = text
    machine = trial.own(_Owned(Machine(configuration, files=files, ports=(8000, 8001, 8080, 8081, 8082))))
    return machine.machine.start(), facts


@dataclass
class _Owned:
    machine: Machine

    def destroy(self) -> None:
        self.machine.close()


def _answers(machine: Machine) -> dict[int, str]:
    found = {}
    for port in (8000, _SECOND, 8080, 8081, _WANTED):
        try:
            found[port] = machine.http(port)
        except InitlabError:
            continue
    return found


@SUITE.behaviour("activates", points=2, asked="build, and activate on the machine that runs")
def activates(trial: Trial, change: Change) -> Finding:
    """The change is built beside the running system and put under it; then the machine is rolled back."""
    return _activate(trial, change)


def _activate(trial: Trial, change: Change) -> Finding:
    expected = "a system, activated"
    machine, facts = _machine(trial, trial.rng, None)
    try:
        machine.up()
    except InitlabError as error:
        raise LabFailed(f"the machine did not come up: {error}") from None
    machine.sandbox.write("/etc/six/change.nix", change.text.encode())
    machine.configure(_BOTH)
    change.facts = facts
    try:
        built = machine.build()
    except NixError as error:
        return trial.no(expected=expected, seen=_first(error), hint=_why(error))
    facts.activation = machine.activate(built)
    facts.answers = _answers(machine)
    names = ("app2", "stamp")
    db = f"s6-rc-db -c {built.path}/six/db"
    kinds = machine.sh(f"for n in {' '.join(names)}; do echo $n $({db} type $n 2>/dev/null); done")
    facts.kinds = dict(line.split() for line in kinds.splitlines() if len(line.split()) == 2)
    facts.needs = frozenset(machine.sh(f"{db} all-dependencies stamp 2>/dev/null").split()) - {"stamp"}
    facts.stamp = machine.sh("cat /run/stamp 2>/dev/null")
    if not facts.done.ok:
        lines = [line for line in facts.done.said.splitlines() if "unable" in line]
        failed = facts.kinds.get("stamp") == "oneshot" and any("service stamp:" in line for line in lines)
        hint = _late(facts) if failed else "activation-failed"
        return trial.no(expected=expected, seen="; ".join(lines)[:300] or "it failed", hint=hint)
    facts.rollback = machine.rollback()
    return trial.ok(expected=expected, seen=f"{built.derivations} derivations built, then activated")


def _late(facts: Facts) -> str:
    """The hint where /run/stamp is not what it should be."""
    return "up-line" if "app2" in facts.needs else "too-early"


def _first(error: NixError) -> str:
    lines = [line for line in error.raw.splitlines() if line.startswith("s6-rc-compile:")]
    return (lines or [error.message])[0][:300]


def _why(error: NixError) -> str:
    for words, hint in (
        ("write final.targets.NAME", "not-by-name"),
        ("services depend on each other", "cycle"),
        ("unexpected argument", "unknown-argument"),
    ):
        if words in error.raw:
            return hint
    return "no-syntax" if error.kind == "syntax" else "no-build"


@SUITE.behaviour("port", points=1, needs=("activates",), asked=f"nginx on port {_WANTED}")
def port(trial: Trial, change: Change) -> Finding:
    """It answers on the new port and no longer on the old one."""
    facts = change.seen(trial)
    expected = f"an answer on {_WANTED}, none on {facts.port}"
    there, old = _WANTED in facts.answers, facts.port in facts.answers
    seen = f"{'an' if there else 'no'} answer on {_WANTED}, {'one' if old else 'none'} on {facts.port}"
    if not there or old:
        return trial.no(expected=expected, seen=seen, hint="old-port")
    return trial.ok(expected=expected, seen=seen)


@SUITE.behaviour("second", points=2, needs=("activates",), asked=f"app2 beside app, on port {_SECOND}")
def second(trial: Trial, change: Change) -> Finding:
    """A second instance: a process of its own, answering on its own port."""
    facts = change.seen(trial)
    expected = f"app2 is up and answers on {_SECOND}"
    if "app2" not in facts.kinds:
        return trial.no(expected=expected, seen="no app2 in the system", hint="no-second")
    if not facts.done.after.get("app2"):
        return trial.no(expected=expected, seen="app2 is down", hint="second-down")
    if _SECOND not in facts.answers:
        return trial.no(expected=expected, seen=f"nothing answers on {_SECOND}", hint="second-silent")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("stays", points=3, needs=("activates",), asked="leave every other process alone")
def stays(trial: Trial, change: Change) -> Finding:
    """What was up is up, and only nginx has another PID."""
    facts = change.seen(trial)
    before, after = facts.done.before, facts.done.after
    expected = "only nginx has another PID; app2, its logger and stamp are new"
    if gone := sorted(before.keys() - after.keys()):
        return trial.no(expected=expected, seen=f"gone: {', '.join(gone)}", hint="lost")
    moved = sorted(n for n in before if before[n] != after[n] and n not in ("nginx", "nginx-log"))
    if moved:
        return trial.no(expected=expected, seen=f"another PID: {', '.join(moved)}", hint="moved")
    return trial.ok(expected=expected, seen=f"{len(before) - 1} services kept their process")


@SUITE.behaviour("stamp", points=1, needs=("activates",), asked="stamp writes /run/stamp once app2 is ready")
def stamp(trial: Trial, change: Change) -> Finding:
    """It depends on app2; and at a boot from nothing, where everything starts at once, the file is right.

    The database is asked because no race proves an order: a `sleep` long enough for this machine would pass.
    """
    expected = 'a oneshot `stamp` is up, and /run/stamp holds {"redis": "PONG"}'
    facts = change.seen(trial)
    if facts.kinds.get("stamp") == "longrun":
        return trial.no(expected=expected, seen="stamp is a longrun", hint="stamp-longrun")
    if facts.kinds.get("stamp") != "oneshot" or "stamp" not in facts.done.after:
        return trial.no(expected=expected, seen="no oneshot stamp is up", hint="no-stamp")
    if "app2" not in facts.needs:
        return trial.no(expected=expected, seen="stamp does not depend on app2", hint="too-early")
    machine, _ = _machine(trial, trial.rng, change.text)
    try:
        machine.up()
    except InitlabError as error:
        said = [line for line in error.message.splitlines() if "unable" in line] or [error.message]
        return trial.no(expected=expected, seen=f"at a boot: {said[0][:200]}", hint="up-line")
    found = machine.sh("cat /run/stamp")
    if '"PONG"' not in found:
        return trial.no(expected=expected, seen=f"/run/stamp holds {found[:100]!r}", hint="up-line")
    return trial.ok(expected=expected, seen=f"at a boot, too: {found[:60]}")


@SUITE.behaviour("back", points=1, needs=("activates",), asked="roll back: what ran before runs again")
def goes_back(trial: Trial, change: Change) -> Finding:
    """One generation back: the same services as before, and only what had changed has moved."""
    facts = change.seen(trial)
    back = facts.rollback
    if back is None:
        raise LabFailed("nothing was rolled back")
    expected = "the services of before, and nginx on its old port"
    lost = sorted(facts.done.before.keys() - back.after.keys())
    if lost or not back.ok:
        seen = f"gone: {', '.join(lost)}" if lost else "the rollback failed"
        return trial.no(expected=expected, seen=seen, hint="lost")
    return trial.ok(expected=expected, seen=f"{len(back.moved)} moved, {len(back.stayed)} stayed")
