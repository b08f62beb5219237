"""Making and upgrading a workspace: the learner's work is theirs."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from helpers.course import editions
from helpers.course.curriculum import Curriculum
from helpers.course.delivery import Delivery, deliver
from helpers.course.workspace import Workspace
from helpers.errors import CourseError

from .fake import SOURCE

NAME = "phase0/01-doubling.ipynb"


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    """Where a workspace will be."""
    return Workspace(tmp_path / "initlab")


@pytest.fixture
def built(course: Curriculum) -> Curriculum:
    editions.write(course)
    return course


def newer(course: Curriculum, word: str) -> bytes:
    """Another edition of the notebook."""
    (course.sources / "phase0" / "01-doubling.md").write_text(SOURCE.replace("Some text", word))
    editions.write(course)
    return course.learner("phase0/01-doubling").read_bytes()


def test_a_workspace_is_made_with_the_notebooks(built: Curriculum, home: Workspace) -> None:
    """The learner's copy is the committed edition, byte for byte."""
    done = deliver(built, home)
    assert (done.made, done.new) == (True, [NAME])
    assert (home.root / NAME).read_bytes() == built.learner("phase0/01-doubling").read_bytes()
    assert home.exists()
    assert "1 notebook delivered" in done.text()


def test_delivering_again_changes_nothing(built: Curriculum, home: Workspace) -> None:
    """`initlab open` is what one types every day."""
    deliver(built, home)
    before = (home.root / NAME).stat()
    done = deliver(built, home)
    assert (done.made, done.new, done.replaced, done.kept) == (False, [], [], {})
    assert (home.root / NAME).stat().st_mtime_ns == before.st_mtime_ns


def test_a_notebook_the_learner_did_not_change_is_replaced(built: Curriculum, home: Workspace) -> None:
    """An upgrade reaches those who have not begun."""
    deliver(built, home)
    data = newer(built, "New text")
    done = deliver(built, home)
    assert done.replaced == [NAME]
    assert (home.root / NAME).read_bytes() == data
    assert NAME in done.text()


def test_a_notebook_the_learner_changed_stays_and_the_newer_is_beside_it(
    built: Curriculum, home: Workspace
) -> None:
    """Never overwritten; told in the summary; not told again."""
    deliver(built, home)
    (home.root / NAME).write_text("mine")
    data = newer(built, "New text")
    done = deliver(built, home, release="0.2.0")
    beside = "phase0/01-doubling.new-0.2.0.ipynb"
    assert done.kept == {NAME: beside}
    assert (home.root / NAME).read_text() == "mine"
    assert (home.root / beside).read_bytes() == data
    assert beside in done.text()
    assert deliver(built, home, release="0.2.0").kept == {}


def test_a_newer_notebook_the_learner_has_worked_in_is_not_overwritten_either(
    built: Curriculum, home: Workspace
) -> None:
    """Work in `.new-0.2.0.ipynb` is work: the next one gets another name."""
    deliver(built, home)
    (home.root / NAME).write_text("mine")
    newer(built, "New text")
    deliver(built, home, release="0.2.0")
    (home.root / "phase0/01-doubling.new-0.2.0.ipynb").write_text("mine too")
    newer(built, "Newest text")
    done = deliver(built, home, release="0.2.0")
    assert done.kept == {NAME: "phase0/01-doubling.new-0.2.0-2.ipynb"}
    assert (home.root / "phase0/01-doubling.new-0.2.0.ipynb").read_text() == "mine too"


def test_a_notebook_the_learner_removed_is_delivered_again(built: Curriculum, home: Workspace) -> None:
    """Removing a notebook and opening again is how one starts it over."""
    deliver(built, home)
    (home.root / NAME).unlink()
    assert deliver(built, home).new == [NAME]


def test_an_unreadable_record_means_nothing_is_replaced(built: Curriculum, home: Workspace) -> None:
    """What we do not know to be ours is the learner's."""
    deliver(built, home)
    before = (home.root / NAME).read_bytes()
    (home.state / "delivered.json").write_text("{broken")
    newer(built, "New text")
    assert list(deliver(built, home).kept) == [NAME]
    assert (home.root / NAME).read_bytes() == before


def test_a_delivery_cut_short_is_completed_by_the_next(built: Curriculum, home: Workspace) -> None:
    """Killed between the notebook and the record: the record is made up for."""
    deliver(built, home)
    (home.state / "delivered.json").unlink()
    assert deliver(built, home).unchanged == [NAME]
    assert NAME in json.loads((home.state / "delivered.json").read_text())
    newer(built, "New text")
    assert deliver(built, home).replaced == [NAME]


def test_other_files_of_the_learner_are_left_alone(built: Curriculum, home: Workspace) -> None:
    """The portfolio, notes, anything."""
    deliver(built, home)
    notes = home.root / "phase0" / "notes.md"
    notes.write_text("mine")
    newer(built, "New text")
    deliver(built, home)
    assert notes.read_text() == "mine"


def test_a_folder_with_other_things_in_it_is_refused(built: Curriculum, home: Workspace) -> None:
    """No notebooks are spread over a folder that is for something else."""
    home.root.mkdir()
    (home.root / "thesis.tex").touch()
    with pytest.raises(CourseError, match=r"no workspace and not empty: it holds thesis\.tex"):
        deliver(built, home)
    assert [p.name for p in home.root.iterdir()] == ["thesis.tex"]


def test_an_empty_folder_and_a_fresh_home_are_taken(built: Curriculum, home: Workspace) -> None:
    """Hidden files do not count: a home folder on a server has some from the start."""
    home.root.mkdir()
    (home.root / ".bashrc").touch()
    assert deliver(built, home).made


def test_a_path_that_is_a_file_is_told(built: Curriculum, home: Workspace) -> None:
    """The file stays."""
    home.root.write_text("mine")
    with pytest.raises(CourseError, match=r"initlab is a file"):
        deliver(built, home)
    assert home.root.read_text() == "mine"


def test_a_path_below_a_file_is_told(built: Curriculum, tmp_path: Path) -> None:
    """One clear message, and the way out."""
    (tmp_path / "file").touch()
    with pytest.raises(CourseError) as caught:
        deliver(built, Workspace(tmp_path / "file" / "initlab"))
    assert "--dir" in caught.value.hint


def test_the_course_itself_is_refused_as_a_workspace(built: Curriculum) -> None:
    """A learner's work does not belong in the repository."""
    for folder in (built.root.parent, built.root, built.root / "phase0"):
        with pytest.raises(CourseError, match="holds the course itself"):
            deliver(built, Workspace(folder))


def test_a_course_that_is_not_built_is_told(course: Curriculum, home: Workspace) -> None:
    """With the command that builds it; nothing is made."""
    with pytest.raises(CourseError, match=r"01-doubling\.ipynb") as caught:
        deliver(course, home)
    assert caught.value.hint == "initlab build"
    assert not home.root.exists()


def _mounted(folder: Path, *options: str) -> bool:
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, check=False
    )
    return done.returncode == 0


def _fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(b"x" * 4096)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_cannot_be_written_is_told(built: Curriculum, tmp_path: Path) -> None:
    """A read-only file system: the message names the folder and the way out."""
    disk = tmp_path / "disk"
    if not _mounted(disk, "-o", "ro,size=1m"):
        pytest.skip("no tmpfs can be mounted here")
    try:
        with pytest.raises(CourseError, match="Read-only file system") as caught:
            deliver(built, Workspace(disk / "initlab"))
        assert "--dir" in caught.value.hint
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_told_and_loses_nothing(built: Curriculum, tmp_path: Path) -> None:
    """The learner's notebook is whole, no half file stays; with room again the next delivery does it."""
    disk = tmp_path / "disk"
    if not _mounted(disk, "-o", "size=256k"):
        pytest.skip("no tmpfs can be mounted here")
    try:
        home = Workspace(disk / "initlab")
        deliver(built, home)
        before = (home.root / NAME).read_bytes()
        data = newer(built, "New text " * 2000)
        filler = disk / "filler"
        _fill(filler)
        with pytest.raises(CourseError, match="No space left on device") as caught:
            deliver(built, home)
        assert "disk is full" in caught.value.hint
        assert (home.root / NAME).read_bytes() == before
        assert [p.name for p in (home.root / "phase0").iterdir()] == ["01-doubling.ipynb"]
        filler.unlink()
        assert deliver(built, home).replaced == [NAME]
        assert (home.root / NAME).read_bytes() == data
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_summary_says_what_happened_to_each() -> None:
    """Words for people, numbers that agree."""
    done = Delivery(Workspace(Path("/w")), False, replaced=["a", "b"], kept={"c": "c.new"})
    assert "2 notebooks replaced" in done.text()
    assert "1 notebook you changed: yours stays" in done.text()
