"""Measuring the matrix for real: rounds, rows that cannot be measured, Ctrl-C, kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.engines.base import Image, Pid1
from helpers.engines.embedded import Embedded
from helpers.errors import LabError, RenderError
from helpers.inits import registry
from helpers.inits.runit import Runit
from helpers.probes.matrix import Matrix, measure
from helpers.probes.matrix_rounds import Rounds
from helpers.probes.target import poll

pytestmark = pytest.mark.live


class Hopeless(Runit):
    """An init whose PID 1 ends at once."""

    name = "hopeless"
    title = "hopeless"

    def pid1(self) -> Pid1:
        return Pid1(("/bin/sh", "-c", "echo no, thank you; exit 3"))


class Missing(Runit):
    """An init whose program is in no image."""

    name = "missing"
    title = "missing"
    package = "missing-init"
    binary = "/sbin/missing"


@pytest.fixture
def inits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more inits."""
    real = registry.get
    made = {"hopeless": Hopeless(), "missing": Missing()}
    monkeypatch.setattr(registry, "get", lambda name: made.get(name) or real(name))


def ours() -> list[str]:
    """Sandboxes of this process."""
    return [box.id for box in Embedded().running() if box.owner == os.getpid()]


@pytest.mark.slow
def test_rows_that_cannot_be_measured_say_why_and_the_others_stand(inits: None, image: Image) -> None:
    """A program that is not in the image, a PID 1 that ends; the good one is whole."""
    before = ours()  # another test file's may live as long as the process
    made = measure(["missing", "hopeless", "tini"], runs=1, rest=0.2, engine="embedded", progress=False)
    assert "there is no /sbin/missing in it" in made.row("missing").absent
    assert "next: " in made.row("missing").absent
    assert "PID 1 ended with 3" in made.row("hopeless").why
    assert "no, thank you" in made.row("hopeless").why
    assert [row.init for row in made.measured] == ["tini"]
    assert not made.complete
    for key in ("boot", "restart_first", "restart_second", "shutdown", "memory_all", "wakeups", "zombies"):
        found = made.measurement("tini", key)
        assert found.n == 1, key
    assert made.value("tini", "clean") in ("yes", "yes, by its exit code")
    assert made.value("tini", "order") == "its own script"
    assert "tini " in str(made)
    assert ours() == before


def test_an_init_that_fails_twice_is_not_tried_again(inits: None, image: Image) -> None:
    """A row that cannot be measured does not cost a round each."""
    made = measure(["hopeless"], runs=9, rest=0.1, engine="embedded", progress=False)
    assert len(made.row("hopeless").trouble) == 2
    assert made.rounds() == 0


def test_an_interrupt_keeps_what_was_measured_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, image: Image
) -> None:
    """Ctrl-C in the second run: the first stays, no sandbox does."""
    import helpers.probes.matrix_run as one_run

    real, calls = one_run.memory, []
    before = ours()

    def interrupted(target: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return real(target)  # type: ignore[arg-type]

    monkeypatch.setattr(one_run, "memory", interrupted)
    made = measure(["tini"], runs=5, rest=0.1, engine="embedded", progress=False)
    assert made.stopped == "interrupted by Ctrl-C"
    assert len(made.row("tini").runs) == 1
    assert not made.complete
    assert ours() == before


def test_wrong_wishes_are_refused_before_anything_starts(image: Image) -> None:
    """An unknown init, an unknown stack, no run at all."""
    with pytest.raises(RenderError, match="did you mean"):
        Rounds(["runnit"])
    with pytest.raises(LabError, match="no stack"):
        Rounds(["runit"], stack="wbe")
    with pytest.raises(LabError, match="at least one run"):
        Rounds(["runit"], runs=0)


@pytest.fixture
def command(tmp_path: Path, image: Image) -> Iterator[subprocess.Popen[str]]:
    """`initlab matrix`, with more runs than anybody waits for."""
    words = ["matrix", "--init", "tini", "--runs", "500", "--rest", "0.1", "--output", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-m", "helpers.cli", *words, "--engine", "embedded"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        if process.poll() is None:
            process.kill()


def test_ctrl_c_saves_prints_and_ends_with_130(command: subprocess.Popen[str], tmp_path: Path) -> None:
    """Partial results are kept and saved, nothing is left running."""
    assert poll(lambda: (tmp_path / "matrix.json").exists(), 60, step=0.05)
    os.killpg(command.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
    out, _ = command.communicate(timeout=60)
    assert command.returncode == 130, out
    assert "interrupted by Ctrl-C" in out
    made = Matrix.load(tmp_path)
    assert made.rounds() >= 1
    assert made.stopped
    for kind in ("html", "csv", "png"):
        assert (tmp_path / f"matrix.{kind}").stat().st_size > 1000
    assert [box for box in Embedded().running() if box.owner == command.pid] == []


def test_a_killed_matrix_keeps_its_rounds_and_leaves_nothing(
    command: subprocess.Popen[str], tmp_path: Path
) -> None:
    """kill -9: the raw values of the rounds that were done are there, the sandbox goes."""
    assert poll(lambda: (tmp_path / "matrix.json").exists(), 60, step=0.05)
    os.kill(command.pid, signal.SIGKILL)
    command.wait(30)
    assert Matrix.load(tmp_path).rounds() >= 1
    assert poll(lambda: not [box for box in Embedded().running() if box.owner == command.pid], 20, step=0.1)


def initlab(*words: str) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "helpers.cli", *words], capture_output=True, text=True, timeout=90, check=False
    )


def test_the_command_measures_prints_saves_and_ends_with_0(tmp_path: Path, image: Image) -> None:
    """Every init that was asked for was measured in every run; one without a terminal prints no bar."""
    words = ["--init", "tini", "--runs", "1", "--rest", "0.1", "--engine", "embedded"]
    done = initlab("matrix", *words, "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "restarts nothing: this is our shell launcher" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"matrix.{kind}" for kind in ("csv", "html", "json", "png")
    ]
    assert Matrix.load(tmp_path / "out").complete


def test_where_nothing_can_be_measured_the_command_says_why_and_ends_with_1(
    tmp_path: Path, image: Image
) -> None:
    """An init that the image does not have; an unknown one is another matter: 2."""
    done = initlab("matrix", "--init", "dinit", "--engine", "embedded", "--output", str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert "no dinit" in done.stdout
    assert "no dinit" in (tmp_path / "matrix.html").read_text()
    assert initlab("matrix", "--init", "dinitt", "--output", str(tmp_path)).returncode == 2
