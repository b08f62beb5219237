"""How far a build is: read from what mmdebstrap, apt and dpkg print, shown as a bar or as plain lines."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

__all__ = ["LineReport", "OutputReader", "Report", "SilentReport", "report_on"]

# Each package makes three lines: fetched, unpacked, set up. This many packages were installed when the
# recipe was last changed; the real number replaces it as soon as apt has told it.
_USUAL_PACKAGES = 215

_NEWLY = re.compile(r"(\d+) newly installed")
# "Get:7 URI SUITE ARCH NAME ARCH VERSION [SIZE]"; an index file's line has no second architecture.
_STEP = re.compile(r"Get:\d+ \S+ \S+ \S+ [^\s\[]+ [^\s\[]+ |Unpacking |Setting up ")
_PHASES = {
    "I: running apt-get update": "reading the package lists",
    "I: downloading packages": "downloading the base system",
    "I: extracting archives": "unpacking the base system",
    "I: installing essential": "installing the base system",
    "I: installing remaining": "installing the init systems and tools",
    "I: running --customize-hook": "tidying up",
    "I: cleaning package lists": "tidying up",
    "I: creating tarball": "packing",
}


class Report(Protocol):
    """What a build tells while it runs."""

    def say(self, text: str) -> None:
        """One thing worth knowing, as a line."""

    def phase(self, text: str) -> None:
        """What is being done now."""

    def progress(self, done: int, total: int) -> None:
        """How many steps of how many are done."""


class SilentReport:
    """Shows nothing."""

    def say(self, text: str) -> None:
        """Ignored."""

    def phase(self, text: str) -> None:
        """Ignored."""

    def progress(self, done: int, total: int) -> None:
        """Ignored."""


class LineReport:
    """Plain lines, for logs and pipes: each phase once, and every quarter of the way."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._phase = ""
        self._quarter = 0

    def say(self, text: str) -> None:
        """Print a line."""
        print(f"lab image: {text}", file=self._stream, flush=True)

    def phase(self, text: str) -> None:
        """Print the phase when it is a new one."""
        if text != self._phase:
            self._phase = text
            self.say(text)

    def progress(self, done: int, total: int) -> None:
        """Print a line at 25, 50 and 75 percent."""
        quarter = min(3, 4 * done // max(total, 1))
        if quarter > self._quarter:
            self._quarter = quarter
            self.say(f"{25 * quarter} % done")


@contextmanager
def report_on(stream: TextIO | None = None, *, show: bool = True) -> Iterator[Report]:
    """The report that suits a stream (standard error unless told): a bar on a terminal, else lines."""
    stream = stream or sys.stderr
    if not show:
        yield SilentReport()
    elif not stream.isatty():
        yield LineReport(stream)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("lab image"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )
        with Progress(*columns, console=Console(file=stream), transient=True) as bar:
            task = bar.add_task("starting", total=3 * _USUAL_PACKAGES)

            class BarReport:
                def say(self, text: str) -> None:
                    bar.console.print(f"lab image: {text}", highlight=False, markup=False)

                def phase(self, text: str) -> None:
                    bar.update(task, description=text)

                def progress(self, done: int, total: int) -> None:
                    bar.update(task, completed=done, total=total)

            yield BarReport()


class OutputReader:
    """Turns the builder's lines into progress, keeping the last ones for error messages."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._done = 0
        self._known = 0
        self._announcements = 0
        self.tail: list[str] = []

    def line(self, text: str) -> None:
        """Take one line of output."""
        self.tail = [*self.tail[-79:], text]
        for start, phase in _PHASES.items():
            if text.startswith(start):
                self._report.phase(phase)
        if newly := _NEWLY.search(text):
            # Told once for the essential packages and once for the rest.
            self._known += int(newly.group(1))
            self._announcements += 1
        if _STEP.match(text):
            self._done += 1
            packages = self._known if self._announcements > 1 else max(_USUAL_PACKAGES, self._known)
            self._report.progress(min(self._done, 3 * packages), 3 * packages)
