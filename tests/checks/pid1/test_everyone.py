"""Who can be judged, and the answers of p3.differences that are refused before anything is run."""

from __future__ import annotations

import json

import pytest

from checks import phase3
from checks.pid1 import Command, Result, Services, everyone, judge
from checks.pid1.differences import read
from helpers import cli, rust
from helpers.course import exercises
from helpers.course.workspace import Workspace
from helpers.engines.base import Image
from helpers.errors import LabError
from helpers.rust.toolchain import RustError

GOOD = exercises.load("p3.differences").solution


def test_every_name_is_a_subject_of_its_own() -> None:
    """The table has a column for each, whoever runs services and whoever runs one command."""
    names = [name for name in everyone.names() if not name.startswith("supervisor-rs")]
    found = everyone.subjects(*names)
    assert [subject.title for subject in found] == names
    assert {type(subject) for subject in found} == {Command, Services}
    assert {"runit", "s6-rc", "systemd", "tini", "supervisor.py"} <= set(names)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    """And nothing is started."""
    with pytest.raises(LabError, match='did you mean "catatonit"'):
        everyone.subjects("catatoni")


def test_without_rust_supervisor_rs_is_not_asked_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer without cargo has a column of question marks, each with the reason."""

    def build(*_: object, **__: object) -> None:
        raise RustError("no Rust here", hint="apt-get install cargo")

    monkeypatch.setattr(rust, "build", build)
    for name in ("supervisor-rs", "supervisor-rs --"):
        (cell,) = judge(everyone.subjects(name)[0], only=["starts"]).cells
        assert cell.result is Result.NOT_ASKED
        assert "no Rust here; next: apt-get install cargo" in cell.why


def test_what_the_learner_wrote_is_found_and_the_starter_is_not(workspace: Workspace) -> None:
    """Stage answers are services, p0.pid1 runs a command."""
    assert everyone.mine() == ()
    for name, change in (("p0.pid1", "\nimport os\n"), ("p3.stage2", "\nimport os\n"), ("p3.stage1", "")):
        made = exercises.load(name)
        file = made.path(workspace)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made.starter + change)
    found = everyone.mine()
    assert [(subject.title, type(subject)) for subject in found] == [
        ("my pid1.py", Command),
        ("my stage2.py", Services),
    ]


def test_an_answer_is_read_and_never_executed() -> None:
    """A call in it is refused, as is what is no list of two."""
    assert [one.signal for one in read(GOOD.encode())] == ["SEGV", "TERM"]
    for text, said in (
        ("DIFFERENCES = list([])", "not one literal"),
        ("DIFFERENCES = []", "not a list of two"),
        ("X = 1", "there is no DIFFERENCES"),
        ("DIFFERENCES = [", "it is no Python"),
        (GOOD.replace('"SEGV"', '"KILL"'), "signal is one of"),
        (GOOD.replace('"dumb-init": 41', '"dumb-init": True'), "a number or None"),
        (GOOD.replace('"catatonit": None', '"s6": None'), "for each of tini"),
        (GOOD.replace('"because"', '"why"'), "has no 'because'"),
        (b"\x00".decode(), "it is no Python"),
    ):
        with pytest.raises(ValueError, match=said):
            read(text.encode())


def test_the_checks_have_not_started_without_a_file(workspace: Workspace) -> None:
    """Nothing of the learner's is there, so nothing is wrong."""
    assert phase3.pid1().outcome == "not_started"
    assert phase3.differences().outcome == "not_started"


@pytest.mark.live
def test_the_command_line_judges_a_program_and_its_status_says_so(
    image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    """tini starts its command; a shell that becomes the command does not, and the table goes out as JSON."""
    for program, status, result in (
        (["/usr/bin/tini", "--"], 0, "kept"),
        (["/bin/sh", "-c", 'exec "$@"', "sh"], 1, "not kept"),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(["pid1", "--json", "--only", "starts", "--", *program])
        assert (ended.value.code or 0) == status
        assert json.loads(capsys.readouterr().out)["cells"][0]["result"] == result
