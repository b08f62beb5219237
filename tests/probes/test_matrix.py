"""The matrix as data: what it says, what it keeps, what it must not compare."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from helpers.errors import CourseError, LabError
from helpers.probes.matrix import Matrix
from helpers.probes.matrix_run import Run
from helpers.probes.measures import MEASURES
from helpers.show.matrix_csv import COLUMNS, csv_text

from .matrices import WHERE, matrix, row, run


def test_a_matrix_survives_being_saved_and_loaded(tmp_path: Path) -> None:
    """HTML, CSV, JSON and PNG; from the JSON alone the same matrix comes back, by file or by folder."""
    made = matrix(row("runit", run(0.1), run(0.3)), row("finit", absent="not in this image"))
    files = made.save(tmp_path / "new" / "folder")
    assert {kind: path.name for kind, path in files.items()} == {
        kind: f"matrix.{kind}" for kind in ("html", "csv", "json", "png")
    }
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert Matrix.load(files["json"]).to_json() == made.to_json()
    assert Matrix.load(files["json"].parent).value("runit", "boot") == 0.2


def test_a_matrix_without_a_run_is_saved_without_a_picture(tmp_path: Path) -> None:
    """Nothing to draw is no error: the page says why each row is empty."""
    files = matrix(row("finit", absent="not in this image")).save(tmp_path)
    assert "png" not in files
    assert "not in this image" in files["html"].read_text()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 2}', '{"format": 1, "rows": [{}]}', '{"format": 1, "rows": 3, "where": {}}'],
)
def test_what_is_no_matrix_is_refused_by_name(text: str, tmp_path: Path) -> None:
    """A broken file is named, with the command that makes one."""
    path = tmp_path / "matrix.json"
    path.write_text(text)
    with pytest.raises(LabError, match=r"matrix\.json is no comparison matrix") as caught:
        Matrix.load(path)
    assert "initlab matrix" in caught.value.hint


def test_a_matrix_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing file, and a disk that refuses."""
    with pytest.raises(LabError, match="No such file"):
        Matrix.load(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="file"):
        matrix(row("runit", run())).save(tmp_path / "file" / "below")


def test_a_launcher_is_not_compared_with_an_init() -> None:
    """Where the init restarts nothing, restart and memory are our shell's."""
    made = matrix(row("tini", run(), restarts=False), row("runit", run()))
    assert "launcher" in made.measurement("tini", "restart_first").why_not
    assert "launcher" in made.measurement("tini", "memory_all").why_not
    assert made.measurement("tini", "memory_pid1").comparable
    assert made.measurement("runit", "restart_first").comparable


def test_a_shutdown_that_stopped_nobody_is_not_compared() -> None:
    """Fast, because nothing was done."""
    made = matrix(row("runsvdir", run(clean="no: SIGKILL for app"), run()))
    assert made.measurement("runsvdir", "shutdown").why_not
    assert not matrix(row("runit", run())).measurement("runit", "shutdown").why_not


def test_memory_by_rss_is_not_compared_with_pss() -> None:
    """RSS counts shared pages in full."""
    assert "RSS" in matrix(row("runit", run(memory_source="RSS"))).measurement("runit", "memory_all").why_not


def test_a_script_that_was_seen_to_wait_once_is_enough() -> None:
    """On a busy computer a script may start too late to be seen waiting; the other way round it cannot be."""
    made = matrix(row("runsvdir", run(order="the init"), run(order="its own script"), run(order="the init")))
    assert made.value("runsvdir", "order") == "its own script"
    assert made.measurement("runsvdir", "order").n == 1


def test_a_program_of_ours_is_not_compared_with_the_real_one() -> None:
    """Boot, shutdown and package are those of a stand-in; the restart is the real supervisor's."""
    made = matrix(row("s6-rc", run()))
    made.rows[0].stands_in = True
    assert "stands in" in made.measurement("s6-rc", "boot").why_not
    assert "stands in" in made.measurement("s6-rc", "package").why_not
    assert made.measurement("s6-rc", "restart_first").comparable


def test_complete_means_every_run_of_every_init_that_can_run() -> None:
    """An init missing from the image is no hole; a failed probe, a missing run and Ctrl-C are."""
    full = row("runit", run(), run())
    assert matrix(full, row("finit", absent="not in this image")).complete
    assert not matrix(full, row("s6", run())).complete
    holed = row("s6", run(), Run(run().values, {"restart_first": "not ready again"}))
    assert not matrix(full, holed).complete
    assert not matrix(row("finit", absent="not in this image")).complete
    stopped = matrix(full)
    stopped.stopped = "interrupted by Ctrl-C"
    assert not stopped.complete


def test_a_row_says_why_it_is_empty_or_has_holes() -> None:
    """What keeps it from running, what went wrong, and each failed probe once."""
    holed = row(
        "s6", run(), Run({}, {"restart_first": "app was not ready", "restart_second": "app was not ready"})
    )
    holed.trouble.append("PID 1 ended")
    assert holed.why == "PID 1 ended; app was not ready"
    assert row("finit", absent="not in this image").why == "not in this image"


def test_frames_have_medians_or_every_run() -> None:
    """pandas: an init in each row, raw units; with raw=True every run."""
    made = matrix(row("runit", run(0.1), run(0.3)), row("s6", run(0.2)), row("finit", absent="not there"))
    frame = made.frame()
    assert list(frame.index) == ["runit", "s6"]
    assert frame.loc["runit", "boot"] == 0.2
    assert frame.loc["runit", "package"] == 500 * 1024
    raw = made.frame(raw=True)
    assert list(raw["init"]) == ["runit", "runit", "s6"]
    assert list(raw["boot"]) == [0.1, 0.3, 0.2]


def test_unknown_names_are_told_with_those_there_are() -> None:
    """KeyError with the choice."""
    made = matrix(row("runit", run()))
    with pytest.raises(KeyError, match="runit"):
        made.row("s6")
    with pytest.raises(KeyError, match="boot"):
        made.measurement("runit", "speed")
    with pytest.raises(KeyError):
        made.table(["speed"])


def test_the_csv_has_a_row_for_each_init_and_measure() -> None:
    """n, median, min, max, unit, method; an empty figure says why."""
    made = matrix(row("runit", run(0.1), run(0.3)), row("finit", absent="not in this image"))
    rows = list(csv.DictReader(io.StringIO(csv_text(made))))
    assert len(rows) == 2 * len(MEASURES)
    assert tuple(rows[0]) == COLUMNS
    boot = next(r for r in rows if r["init"] == "runit" and r["measure"] == "boot")
    assert (boot["unit"], boot["n"], boot["median"], boot["min"], boot["max"]) == (
        "s",
        "2",
        "0.2",
        "0.1",
        "0.3",
    )
    assert "PID 1" in boot["method"]
    assert "machine" in boot["never_compare"]
    absent = next(r for r in rows if r["init"] == "finit" and r["measure"] == "boot")
    assert (absent["n"], absent["median"], absent["comparable"]) == ("0", "", "no")
    assert absent["why_not"] == "not in this image"
    word = next(r for r in rows if r["init"] == "runit" and r["measure"] == "log_writer")
    assert word["median"] == "svlogd"


def test_json_keeps_the_raw_values_of_each_run() -> None:
    """Anybody can compute other statistics from it."""
    data = json.loads(matrix(row("runit", run(0.1), run(0.3))).to_json())
    assert [r["values"]["boot"] for r in data["rows"][0]["runs"]] == [0.1, 0.3]
    assert data["where"]["kernel"] == WHERE.kernel


def test_another_measurement_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    """Runs that are not among ours move to matrix.json.1; our own partial results are written over."""
    made = matrix(row("runit", run(0.1)), row("s6", run(0.2)))
    made.save(tmp_path)
    matrix(row("runit", run(0.1), run(0.3)), row("s6", run(0.2))).save(tmp_path)
    assert not (tmp_path / "matrix.json.1").exists()
    matrix(row("finit", run(0.4))).save(tmp_path)
    assert [one.init for one in Matrix.load(tmp_path).rows] == ["finit"]
    assert [one.init for one in Matrix.load(tmp_path / "matrix.json.1").rows] == ["runit", "s6"]
    assert (tmp_path / "matrix.html.1").exists()
