"""How the matrix looks: text, HTML, one page, pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from helpers.probes.matrix import Matrix
from helpers.show.matrix import rich_tables, unsupported
from helpers.show.matrix_page import page
from tests.probes.matrices import WHERE, matrix, row, run


def example() -> Matrix:
    return matrix(
        row("runit", run(0.1), run(0.3)),
        row("tini", run(), run(), restarts=False),
        row("finit", absent="/sbin/finit <finit> is not in this image"),
    )


def test_the_table_shows_medians_and_explains_each_asterisk() -> None:
    """Numbers with three digits, an asterisk where a figure is not to be compared, the reason below."""
    text = str(example().table())
    assert re.search(r"^Runit +200 +50 +1020 +200$", text, re.MULTILINE)
    assert re.search(r"^Tini +100 +50 \* +1020 \* +200$", text, re.MULTILINE)
    assert "* Tini: Tini restarts nothing: this is our shell launcher." in text
    assert "Medians of n = 2 runs each; app is the service that was killed." in text
    assert "Finit: /sbin/finit <finit> is not in this image." in text


def test_a_table_can_be_asked_for_some_measures() -> None:
    """Only those, in that order."""
    header = str(example().table(["shutdown", "boot"])).splitlines()[0]
    assert header.split("  ") == ["init ", "shutdown, ms", "boot, ms"] or header.index(
        "shutdown"
    ) < header.index("boot")
    assert "wake-ups" not in header


def test_html_escapes_and_needs_no_script() -> None:
    """What names hold is text; a notebook that is only read shows everything."""
    html = example()._repr_html_()
    assert "&lt;finit&gt;" in html
    assert "<script" not in html


class Checker(HTMLParser):
    """Collects what a page would load, and whether tags are balanced."""

    VOID = frozenset({"meta", "br", "path", "use", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in ("src", "href") and tag != "use"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_self_contained_and_well_formed() -> None:
    """Nothing is loaded from anywhere, no script, every tag closed, the same bytes each time."""
    text = page(example())
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert [url for url in checker.loads if not url.startswith("#")] == []
    assert "<script" not in text
    assert text.count("<svg") == 4
    assert page(example()) == text


def test_the_page_says_how_where_and_what_not_to_compare() -> None:
    """Methods, machine, versions, sizes from dpkg, notes of each init, single runs."""
    text = page(example())
    for said in (
        "A &lt;Processor&gt;, 2 cores",
        "Linux 6.18.0",
        "smaps_rollup",
        "with the boot of a machine",
        "runit 1.0-1",
        "libone, libtwo",
        "depends_on (nginx, app): orders &lt;nothing&gt;",
        "Every single run",
        "/sbin/finit &lt;finit&gt; is not in this image",
    ):
        assert said in text, said


def test_a_noisy_or_interrupted_matrix_says_so() -> None:
    """On the page and below the table."""
    made = example()
    made.where = replace(WHERE, load=3.5, others=2)
    made.stopped = "interrupted by Ctrl-C"
    for text in (page(made), str(made)):
        assert "the load was 3.5 on 2 cores" in text
        assert "2 other labs" in text
        assert "interrupted by Ctrl-C" in text


def test_the_picture_is_svg_of_the_same_bytes_each_time() -> None:
    """Deterministic, so that a notebook's output does not change by itself; it shrinks with its window."""
    svg = example().plot().svg()
    assert svg == example().plot().svg()
    root = ElementTree.fromstring(svg)
    assert root.get("width") == "100%"
    assert root.get("height") is None


def test_words_cannot_be_plotted() -> None:
    """A word has no axis."""
    with pytest.raises(ValueError, match="order is a word"):
        example().plot("order")
    assert example().plot("boot", "zombies").png().startswith(b"\x89PNG")


def test_a_matrix_of_one_run_or_of_zeros_can_be_drawn() -> None:
    """No logarithm of nothing."""
    one = matrix(row("runit", run(wakeups=0, cpu=0.0, shutdown=None)))
    assert one.plot().png().startswith(b"\x89PNG")
    assert one.plot("wakeups", "cpu").png().startswith(b"\x89PNG")


def test_the_same_note_of_several_services_stands_once() -> None:
    """Who reads the notes reads what is different."""
    assert unsupported(row("runit")) == ["depends_on (nginx, app): orders <nothing>"]


def test_terminal_tables_fit_eighty_columns() -> None:
    """A plain terminal shows the figures without cutting one off."""
    from rich.console import Console

    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        for table in rich_tables(example().table()):
            console.print(table)
    text = console.export_text()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "…" not in text
