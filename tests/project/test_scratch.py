"""Temporary folders go with their owner, also with one that was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.scratch import scratch

_OWNER = """
import sys, time
from pathlib import Path
from helpers.scratch import scratch
with scratch("test", Path(sys.argv[1])) as folder:
    (folder / "inside").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_a_folder_is_gone_after_its_block(tmp_path: Path) -> None:
    """With all that is in it, and after an exception too."""

    def fails() -> None:
        with scratch("test", tmp_path) as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "file").write_text("x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_owner_left_goes_with_the_next(tmp_path: Path) -> None:
    """A living owner's folder stays as it is."""
    owners = [
        subprocess.Popen([sys.executable, "-c", _OWNER, tmp_path], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        folders = [Path(owner.stdout.readline().strip()) for owner in owners if owner.stdout]
        owners[0].send_signal(signal.SIGKILL)
        owners[0].wait(10)
        with scratch("test", tmp_path) as mine:
            assert sorted(tmp_path.iterdir()) == sorted([folders[1], mine])
        assert (folders[1] / "inside").exists()
    finally:
        for owner in owners:
            owner.kill()
            owner.communicate()


def test_a_folder_without_an_owner_file_is_left_alone(tmp_path: Path) -> None:
    """It may be somebody else's, or one that is being made this moment."""
    other = tmp_path / "initlab-test-other"
    other.mkdir()
    with scratch("test", tmp_path):
        assert other.exists()
