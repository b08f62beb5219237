"""The arithmetic of `bench.supervisors`; nothing is measured here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.supervisors import Row, graph, load, save, table
from helpers.errors import LabError

TERMS = {"many": 1000, "rest": 10.0}


def test_figures_of_a_run_are_there_for_the_next_one_to_add_to(tmp_path: Path) -> None:
    """`--append`: what was written is read again, reasons for what is missing too."""
    file = tmp_path / "figures.json"
    row = Row("s6", {"restart": [3.0, 5.0]}, {"thousand": "not within 5 s: 1000 services run"})
    save(file, TERMS, {"s6": row})
    assert load(file, TERMS) == {"s6": row}


def test_figures_of_another_measurement_are_not_mixed_in(tmp_path: Path) -> None:
    """A hundred services are not a thousand."""
    file = tmp_path / "figures.json"
    save(file, TERMS, {})
    with pytest.raises(LabError, match="many"):
        load(file, TERMS | {"many": 100})


def test_the_table_has_medians_and_says_who_is_ahead_and_what_is_missing() -> None:
    """Medians, not means; only those that are really better are named."""
    ours = Row("supervisor-rs", {"restart": [9.0, 2.0, 3.0], "kib": [4.0], "binary": [1900.0]})
    better = Row("runit", {"restart": [2.0], "kib": [200.0], "binary": [27.0]}, {"graph": "too slow"})
    text = table([ours, better, Row("finit", {"restart": [3.0]})])
    assert "not ahead in restart: supervisor-rs 3.00; runit 2.00" in text
    assert "runit, graph: too slow" in text
    assert "not ahead in kib" not in text
    assert "not ahead in binary" not in text
    assert "finit 3.00" not in text


def test_a_seed_gives_the_same_graph_of_twenty_services_and_fifty_edges() -> None:
    """Every init is asked for the same one; the shortest time is less than the sum and more than any part."""
    manifest, shortest = graph(7)
    assert (manifest, shortest) == graph(7)
    assert len(manifest.services) == 20
    assert sum(len(service.depends_on) for service in manifest.services) == 50
    assert 0.4 < shortest < 20 * 0.4
