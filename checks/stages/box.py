"""A learner's supervisor as PID 1 of a sandbox, on a manifest, and what can be seen of it from outside."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from checks.behaviours import Finding, Trial
from checks.pid1.box import place, random_word
from checks.stages.actor import ACTOR, SAID, actor
from helpers.engines.base import MIB, Exit, Limits, Pid1, Process, Sandbox
from helpers.errors import SandboxError
from helpers.filetree import FileTree

__all__ = ["END", "START", "UNREAD", "Box", "Event", "Stage", "names", "service"]

START = 8.0  # seconds for Python to start on a busy computer
END = 6.0  # seconds something has to happen that should happen at once

UNREAD = ("SyntaxError", "IndentationError", "TabError")
"""What Python says of a text that it cannot read as a program."""

Event = dict[str, Any]
Spec = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """A supervisor as a learner wrote it: the number of the stage and the program's text."""

    number: int
    text: bytes

    @property
    def path(self) -> str:
        """Where it lies inside."""
        return f"/opt/lab/stage{self.number}.py"

    def known_good(self) -> Stage:
        """The course's own solution of the stage: tells our failure from the learner's."""
        from helpers.course import exercises

        return Stage(self.number, exercises.load(f"p3.stage{self.number}").solution.encode())


def names(trial: Trial, count: int) -> list[str]:
    """Different random names of services."""
    found: list[str] = []
    while len(found) < count:
        name = random_word(trial.rng)
        if name not in found:
            found.append(name)
    return found


def service(name: str, mode: str, *words: object, **fields: Any) -> Spec:
    """A service of the manifest that is an actor (`checks.stages.actor`); `fields` as the manifest has them.

    It is not restarted unless `fields` says so.
    """
    command = [ACTOR, name, mode, *map(str, words)]
    return {"name": name, "command": command, "restart": {"policy": "never"}, **fields}


class Box:
    """A sandbox whose PID 1 is the stage, on a manifest with these services. Ends with its trial."""

    def __init__(
        self,
        trial: Trial,
        stage: Stage,
        services: Sequence[Spec],
        *,
        tree: FileTree | None = None,
        limits: Limits = Limits(memory=256 * MIB, pids=400, disk=64 * MIB),  # noqa: B008 - frozen
    ) -> None:
        self.trial = trial
        self.services = {spec["name"]: spec for spec in services}
        files = actor() if tree is None else actor().merge(tree)
        files.add(stage.path, stage.text)
        manifest = f"/etc/lab/{random_word(trial.rng)}.json"
        text = json.dumps({"name": random_word(trial.rng), "services": list(services)}, indent=1)
        files.add(manifest, text + "\n")
        engine, image = place()
        pid1 = Pid1(("/usr/bin/python3", stage.path, manifest))
        self.sandbox: Sandbox = trial.own(engine.start(image, pid1, files, limits))

    # -- what it reports ---------------------------------------------------------------------------

    def console(self) -> list[str]:
        """Every line on the console: the supervisor's events, and what it says otherwise."""
        return self.sandbox.logs().decode(errors="replace").splitlines()

    def events(self, kind: str = "", service: str = "") -> list[Event]:
        """What was reported so far, in order: of one kind, of one service, where asked for."""
        found = []
        for line in self.console():
            event = _event(line)
            if event and kind in ("", event["event"]) and service in ("", event["service"]):
                found.append(event)
        return found

    def complaint(self) -> str:
        """The last line on the console that is no event: mostly the last line of a traceback."""
        own = [line.strip() for line in self.console() if line.strip() and not _event(line)]
        line = own[-1] if own else ""
        return line if len(line) <= 160 else line[:157] + "..."

    def ended(self) -> str:
        """In words: how PID 1 ended, with its last complaint."""
        assert self.exit is not None  # noqa: S101 - only asked where it has
        last = self.complaint()
        if last.startswith(UNREAD) and (
            line := re.findall(r", line (\d+)$", "\n".join(self.console()), re.MULTILINE)
        ):
            last = f"line {line[-1]}: {last}"
        return f"PID 1 ended with {self.exit.code}" + (f"; its last line: `{last}`" if last else "")

    # -- what the services say ------------------------------------------------------------------------

    def said(self, name: str = "") -> list[str]:
        """What the actors have said, in order; of one, without its name, where one is named."""
        try:
            lines = self.sandbox.read(SAID).decode(errors="replace").splitlines()
        except SandboxError:
            return []
        if not name:
            return lines
        return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == name]

    def up(self) -> list[str]:
        """The names of the actors that have run, in the order in which they did, each time they did."""
        words = [line.split() for line in self.said()]
        return [line[0] for line in words if line[1:2] == ["up"]]

    def times(self, name: str, word: str) -> list[float]:
        """When an actor said `up` or `end`, each time, in seconds since the boot."""
        words = [line.split() for line in self.said(name)]
        return [float(line[-1]) for line in words if line[0] == word]

    # -- waiting ----------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], object], seconds: float = END) -> bool:
        """Wait until `condition()` is true or PID 1 has ended: whether it is true."""
        self.trial.until(lambda: condition() or self.exit is not None, seconds, 0.03)
        return bool(condition())

    def wait_up(self, *wanted: str) -> bool:
        """Wait until these actors (all of the manifest, where none is named) run: whether they do."""
        every = set(wanted or self.services)
        return self.wait(lambda: every <= set(self.up()), START)

    def wait_exit(self, seconds: float = END) -> int | None:
        """Wait until PID 1 has ended: its exit code, or None where it still runs."""
        ended = self.trial.until(lambda: self.exit, seconds)
        return None if ended is None else ended.code

    def not_up(self, expected: str, hint: str = "never-starts") -> Finding:
        """The finding where services did not come up: PID 1 ended, or does nothing."""
        if self.exit is not None:
            return self.trial.no(expected=expected, seen=self.ended(), hint="ends-early")
        lost = [name for name in self.services if name not in self.up()]
        return self.trial.no(expected=expected, seen=f"not started: {', '.join(lost)}", hint=hint)

    # -- processes --------------------------------------------------------------------------------

    @property
    def exit(self) -> Exit | None:
        """How PID 1 ended, or None."""
        return self.sandbox.exit

    def processes(self) -> list[Process]:
        """Every process inside, zombies too. Raises SandboxGone once PID 1 has ended."""
        return self.sandbox.processes()

    def zombies(self) -> list[Process]:
        """Zombies that PID 1 is the parent of."""
        return [p for p in self.processes() if p.state == "Z" and p.ppid == 1]

    def actors(self, name: str) -> list[Process]:
        """The processes that are an actor of this name, without its helpers: their parent is no actor."""
        ours = [p for p in self.processes() if p.argv[1:3] == (ACTOR, name)]
        pids = {p.pid for p in ours}
        return [p for p in ours if p.ppid not in pids]

    def main(self, name: str) -> Process | None:
        """The actor of this name, the youngest where there are several."""
        return max(self.actors(name), key=lambda p: (p.started, p.pid), default=None)

    def first(self) -> Process:
        """PID 1."""
        return next(p for p in self.processes() if p.pid == 1)

    def kill(self, number: int, *pids: int) -> None:
        """Send a signal to processes inside, from outside, to all of them as nearly at once as can be."""
        self.sandbox.exec(["/bin/kill", f"-{number}", "--", *map(str, pids)])


def _event(line: str) -> Event | None:
    """The event a line reports, or None where it reports none."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    named = isinstance(found.get("event"), str) and isinstance(found.get("service"), str)
    return found if named else None
