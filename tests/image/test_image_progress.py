"""Progress is read from what mmdebstrap, apt and dpkg print."""

from __future__ import annotations

import io

from helpers.image.progress import LineReport, OutputReader, report_on


class Recorded:
    """A report that remembers."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.steps: list[tuple[int, int]] = []

    def say(self, text: str) -> None:
        self.phases.append(text)

    def phase(self, text: str) -> None:
        self.phases.append(text)

    def progress(self, done: int, total: int) -> None:
        self.steps.append((done, total))


# Lines as mmdebstrap 1.3.5 and 1.5.7 print them with --verbose, for two packages.
_OUTPUT = """\
I: running apt-get update...
Get:1 http://mirror.example/debian trixie InRelease [140 kB]
Get:4 http://mirror.example/debian trixie/main amd64 Packages [9678 kB]
I: downloading packages with apt...
0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.
Get:1 http://mirror.example/debian trixie/main amd64 libc6 amd64 2.41-12 [2847 kB]
I: installing essential packages...
Unpacking libc6:amd64 (2.41-12) ...
Setting up libc6:amd64 (2.41-12) ...
I: installing remaining packages inside the chroot...
0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.
Get:1 http://mirror.example/debian trixie/main amd64 runit amd64 2.2.0-3 [113 kB]
Unpacking runit (2.2.0-3) ...
Setting up runit (2.2.0-3) ...
I: cleaning package lists and apt cache...
"""


def test_each_package_is_three_steps_and_the_end_is_the_end() -> None:
    """Fetched, unpacked, set up; index files do not count; the last step is 100 percent."""
    recorded = Recorded()
    reader = OutputReader(recorded)
    for line in _OUTPUT.splitlines():
        reader.line(line)
    assert [done for done, _ in recorded.steps] == [1, 2, 3, 4, 5, 6]
    assert recorded.steps[-1] == (6, 6)
    assert recorded.phases == [
        "reading the package lists",
        "downloading the base system",
        "installing the base system",
        "installing the init systems and tools",
        "tidying up",
    ]


def test_progress_never_runs_past_its_end() -> None:
    """A mirror that sends a package twice does not make 110 percent."""
    recorded = Recorded()
    reader = OutputReader(recorded)
    for line in (_OUTPUT + "Setting up extra (1) ...\n" * 5).splitlines():
        reader.line(line)
    assert all(done <= total for done, total in recorded.steps)


def test_lines_are_printed_where_there_is_no_terminal() -> None:
    """Plain lines when not a terminal: each phase once, quarters of the way."""
    stream = io.StringIO()
    report = LineReport(stream)
    for done in range(1, 9):
        report.phase("installing")
        report.progress(done, 8)
    assert stream.getvalue().splitlines() == [
        "lab image: installing",
        "lab image: 25 % done",
        "lab image: 50 % done",
        "lab image: 75 % done",
    ]


def test_a_terminal_gets_a_bar() -> None:
    """A progress bar on a terminal."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with report_on(stream) as report:
        report.say("hello")
        report.phase("installing")
        report.progress(3, 8)
    assert "lab image: hello" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()


def test_nothing_is_shown_when_nothing_is_wanted() -> None:
    """`ensure(progress=False)` is silent."""
    stream = io.StringIO()
    with report_on(stream, show=False) as report:
        report.say("hello")
        report.phase("installing")
        report.progress(1, 2)
    assert stream.getvalue() == ""
