"""Services killed at random for ten seconds; `python -m bench.chaos` is the whole of five minutes."""

from __future__ import annotations

import random

import pytest

from bench.chaos import Report, chaos
from helpers.engines.base import Image
from helpers.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.timeout(240), pytest.mark.xdist_group("supervisor-rs")]


def test_every_service_is_up_and_no_zombie_is_left_after_random_kills(image: Image) -> None:
    """Seventeen kills in ten seconds, as five hundred in five minutes; orphans are adopted and reaped."""
    lab = Lab("web", init="supervisor-rs", image=image)
    if "/usr/local/bin/supervisor-rs" not in lab.tree():
        pytest.skip(getattr(lab.init, "lacks", str)() or "supervisor-rs is not built")
    report = chaos("supervisor-rs", kills=17, seconds=10, seed=random.randrange(10**6), image=image)
    assert report.kills == 17
    assert report.ok, str(report)


@pytest.mark.parametrize(
    "left",
    [Report("x", 1, down=["s1"]), Report("x", 1, zombies=1), Report("x", 1, gone="PID 1 ended with 1")],
)
def test_a_report_with_something_left_is_not_ok(left: Report) -> None:
    """A service down, a zombie, or no PID 1: said, and not taken for well."""
    assert Report("x", 1).ok
    assert not left.ok
