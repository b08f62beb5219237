"""One extension as a learner wrote it: built into the skeleton crate, and run as PID 1 of a sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from checks.behaviours import Finding, LabFailed, Suite, Trial
from checks.pid1.box import place, random_word
from checks.stages.actor import actor
from checks.stages.box import Box
from helpers.engines.base import MIB, Image, Limits, Pid1
from helpers.errors import SandboxError
from helpers.filetree import FileTree
from helpers.rust.builds import Built, compiles
from helpers.rust.crates import Crate
from helpers.rust.toolchain import RustError

__all__ = ["COMPILES", "Machine", "Part", "Spec", "add_compiles", "image", "script"]

CRATE = "skeleton"
PROGRAM = "/opt/lab/supervisor"
COMPILES = "does-not-compile"

Spec = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A file of the crate: its place (`logging` for src/logging.rs) and its text."""

    place: str
    text: str

    def known_good(self) -> Part:
        """The course's own: tells our failure from the learner's."""
        return Part(self.place, _solution(self.place))

    @cached_property
    def built(self) -> Built:
        """The crate with this file in its place. Raises `LabFailed` where there is no Rust to build it with.

        The other places are as shipped, but for the ordered stop, without which nothing would ever stop.
        """
        crate = Crate.of(CRATE).changed(f"src/{self.place}.rs", self.text)
        if self.place != "signals":
            crate = crate.changed("src/signals.rs", _solution("signals"))
        try:
            return compiles(crate, profile="dev", progress=False)
        except RustError as error:
            raise LabFailed(f"{error.message}\n  next: {error.hint}") from None

    @property
    def program(self) -> Path:
        """The built program. Behaviours that ask for it need `compiles`."""
        return self.built.programs[CRATE]


def _solution(place: str) -> str:
    from helpers.course import exercises

    return exercises.load(f"p3.{place}").solution


def add_compiles(suite: Suite[Part]) -> None:
    """The first behaviour of each suite."""

    @suite.behaviour("compiles", points=1, asked="compile, in its place of the crate")
    def compiles(trial: Trial, part: Part) -> Finding:
        """By cargo; the first complaint of the compiler is told with its line."""
        expected = f"src/{part.place}.rs compiles"
        if part.built.ok:
            return trial.ok(expected=expected, seen="it does")
        errors = [one for one in part.built.diagnostics if one.level == "error"]
        own = [one for one in errors if one.file == f"src/{part.place}.rs"] or errors
        return trial.no(expected=expected, seen=str(own[0]) if own else "it does not", hint=COMPILES)


def image() -> Image:
    """The lab image that sandboxes are made of."""
    return place()[1]


def script(text: str) -> list[str]:
    """A command: a line of shell."""
    return ["/bin/sh", "-c", text]


class Machine(Box):
    """A sandbox whose PID 1 is the crate with the learner's part, on a manifest with these services."""

    def __init__(
        self,
        trial: Trial,
        part: Part,
        services: Sequence[Spec],
        *,
        tree: FileTree | None = None,
        limits: Limits = Limits(memory=256 * MIB, pids=400, disk=64 * MIB),  # noqa: B008 - frozen
    ) -> None:
        self.trial = trial
        self.services = {spec["name"]: spec for spec in services}
        files = actor() if tree is None else actor().merge(tree)
        files.add(PROGRAM, part.program.read_bytes(), 0o755)
        self.manifest = f"/etc/lab/{random_word(trial.rng)}.json"
        files.add(self.manifest, self._text(services))
        engine, lab = place()
        self.sandbox = trial.own(engine.start(lab, Pid1((PROGRAM, self.manifest)), files, limits))

    @staticmethod
    def _text(services: Sequence[Spec]) -> str:
        return json.dumps({"services": list(services)}, indent=1) + "\n"

    def write_manifest(self, services: Sequence[Spec] | str) -> None:
        """Put another manifest in the place of the old one; a text is written as it is."""
        text = services if isinstance(services, str) else self._text(services)
        self.sandbox.write(self.manifest, text.encode())

    def text(self, path: str) -> str | None:
        """A file inside, or None where there is none (yet)."""
        try:
            return self.sandbox.read(path).decode(errors="replace")
        except SandboxError:
            return None

    def sh(self, line: str) -> str:
        """What a line of shell prints inside."""
        done = self.sandbox.exec(["/bin/sh", "-c", line])
        return done.stdout.decode(errors="replace").rstrip("\n")

    def told(self, event: str, service: str, count: int = 1) -> Callable[[], bool]:
        """Whether an event of a service was told so many times: something to wait for."""
        return lambda: len(self.events(event, service)) >= count

    def pids(self, service: str) -> list[int]:
        """The PIDs a service was started with, in order, as PID 1 has told."""
        return [event["pid"] for event in self.events("start", service)]
