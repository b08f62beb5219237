"""The `initlab` command, as a person types it."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import cli, cli_course
from helpers import doctor as doctors
from helpers.course import editions, exercises, portfolio, progress
from helpers.course.curriculum import Curriculum
from helpers.course.workspace import ENVIRONMENT, Workspace
from helpers.errors import EngineUnavailable

from .fake import make_checked_course

HELPERS = Path(cli.__file__).parent
MINE = "import sys\n\nprint(2 * int(sys.argv[1]))\n"


class Told:
    """What a command line said and how it ended."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


class Initlab:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> Told:
        with pytest.raises(SystemExit) as ended:
            cli.main(list(words))
        code = ended.value.code
        said = self._capsys.readouterr()
        return Told(code if isinstance(code, int) else 0, said.out, said.err)


@pytest.fixture
def initlab(capsys: pytest.CaptureFixture[str]) -> Initlab:
    return Initlab(capsys)


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Curriculum:
    """The course in force, with a module of checks that grades it."""
    course = make_checked_course(tmp_path / "whole")
    monkeypatch.setenv("INITLAB_CURRICULUM", str(course.root))
    return course


@pytest.fixture
def home(whole: Curriculum, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv(ENVIRONMENT, str(workspace.root))
    return workspace


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Stands in for the check of p0.double; says `outcome`, remembers how it was called."""
    calls: dict[str, object] = {"outcome": "passed"}

    class Verdict:
        outcome = property(lambda self: calls["outcome"])

        def __str__(self) -> str:
            return "the verdict"

    def double(program: Path, *, seed: int | None = None) -> Verdict:
        calls["program"], calls["seed"] = program, seed
        return Verdict()

    monkeypatch.setattr(cli_course, "_function", lambda exercise: double)
    return calls


def test_help_names_every_command_and_the_exit_status(initlab: Initlab) -> None:
    """`initlab` alone is help as well."""
    told = initlab("--help")
    words = ["open", "next", "check", "hint", "progress", "reset", "build", "vet", "doctor", "clean", "lab"]
    assert told.status == 0
    assert [word for word in words if f"\n  {word} " not in told.out] == []
    assert "3 our lab failed" in told.out
    assert "Commands:" in initlab().err + initlab().out


def test_help_imports_nothing_heavy() -> None:
    """What makes it answer at once: no checks, no labs, no notebooks, no pydantic."""
    program = (
        "import sys\nfrom helpers import cli\n"
        "try: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stderr.splitlines()[-1]))
    assert not loaded & {
        "checks",
        "pydantic",
        "jupytext",
        "nbformat",
        "networkx",
        "docker",
        "sqlite3",
        "rich",
    }


def test_only_the_front_door_sees_checks() -> None:
    """The arrows: helpers know nothing of checks, but for `cli*.py`."""
    sees = []
    for path in HELPERS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "checks" for name in names):
                sees.append(path.relative_to(HELPERS).as_posix())
    assert [name for name in sees if not name.startswith("cli")] == []


def test_an_error_of_ours_is_a_message_and_the_next_command(initlab: Initlab, home: Workspace) -> None:
    """On standard error, status 2, no traceback."""
    told = initlab("hint", "p0.doubel")
    assert told.status == 2
    assert told.out == ""
    assert told.err.splitlines()[0] == "initlab: no exercise 'p0.doubel'; did you mean 'p0.double'?"
    assert told.err.splitlines()[1].startswith("  next: ")
    assert "Traceback" not in told.err


def test_a_slip_in_the_command_is_status_2(initlab: Initlab) -> None:
    """As every Unix command does."""
    assert initlab("chek").status == 2
    assert initlab("hint", "p0.double", "--level", "7").status == 2


def test_version_is_told(initlab: Initlab) -> None:
    """One line."""
    assert initlab("--version").out.startswith("initlab ")


def test_a_reader_that_goes_away_is_no_error_of_ours(home: Workspace) -> None:
    """`initlab progress | head -0` ends in silence, whether the writing or the last flush meets it."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "helpers.cli", "progress"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode in (1, 141)
    assert done.stderr == ""


def test_open_prepares_a_workspace_and_starts_nothing(
    initlab: Initlab, whole: Curriculum, tmp_path: Path
) -> None:
    """`--prepare` is what set-up calls."""
    told = initlab("open", "--prepare", "--dir", str(tmp_path / "mine"))
    assert told.status == 0
    assert "1 notebook delivered" in told.out
    assert (tmp_path / "mine/phase0/01-doubling.ipynb").is_file()


def test_without_a_workspace_the_commands_that_need_one_say_so(
    initlab: Initlab, whole: Curriculum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how to get one; a hint needs none."""
    monkeypatch.chdir(tmp_path)
    for words in (["progress"], ["next"], ["reset", "p0.double"], ["check", "p0.double"]):
        told = initlab(*words)
        assert told.status == 2
        assert "no workspace" in told.err
    assert initlab("hint", "p0.double").status == 0


def test_the_usual_workspace_is_found_from_anywhere(
    initlab: Initlab, whole: Curriculum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`~/initlab`, where `initlab open` puts it."""
    initlab("open", "--prepare")
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / "home" / "initlab") in initlab("progress").out


def test_hints_go_from_a_nudge_to_the_mechanism(initlab: Initlab, home: Workspace) -> None:
    """One further each time, the last again; `--level` picks; all are counted."""
    said = [initlab("hint", "p0.double").out for _ in range(4)]
    assert "hint 1 of 3\n\nRead the argument." in said[0]
    assert "hint 2 of 3" in said[1]
    assert "hint 3 of 3" in said[2]
    assert said[3] == said[2]
    assert "hint 1 of 3" in initlab("hint", "p0.double", "--level", "1").out
    assert progress.hint_level("p0.double", workspace=home) == 3


def test_progress_shows_every_exercise_and_the_sum(initlab: Initlab, home: Workspace) -> None:
    """Also those not begun; `--json` for programs."""
    progress.record("p0.double", "not_yet", points=4, possible=10, workspace=home)
    progress.record_prediction("p0.double", "?", "1", True, workspace=home)
    out = initlab("progress").out
    assert "begun        4/10    1" in out
    assert "not started" in out
    assert "0 of 2 exercises passed, 4 of 10 points" in out
    assert "1 of 1 predictions came true" in out
    progress.record("p0.double", "passed", points=10, possible=10, workspace=home)
    assert "1 of 2 exercises passed, 10 of 10 points" in initlab("progress").out
    rows = json.loads(initlab("progress", "--json").out)
    assert [(row["exercise"], row["passed"], row["points"]) for row in rows] == [
        ("p0.double", True, 10),
        ("p0.even", False, 0),
    ]


def test_next_is_the_first_exercise_not_passed(initlab: Initlab, home: Workspace) -> None:
    """And the stretch goals when there is none."""
    assert "p0.double  Double a number" in initlab("next").out
    progress.record("p0.double", "not_yet", points=4, possible=10, workspace=home)
    assert "4 of 10 points, 1 try" in initlab("next").out
    progress.record("p0.double", "passed", points=10, possible=10, workspace=home)
    assert "p0.even" in initlab("next").out
    progress.record("p0.even", "passed", workspace=home)
    assert "Every exercise is passed" in initlab("next").out


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("passed", 0), ("not_yet", 1), ("not_started", 1), ("timed_out", 1), ("lab_failed", 3)],
)
def test_check_prints_the_verdict_and_ends_with_its_status(
    initlab: Initlab, home: Workspace, judged: dict[str, object], outcome: str, status: int
) -> None:
    """The portfolio's file where none is named."""
    judged["outcome"] = outcome
    told = initlab("check", "p0.double", "--seed", "7")
    assert (told.out, told.status) == ("the verdict\n", status)
    assert judged["program"] == home.root / "portfolio/phase0/double.py"
    assert judged["seed"] == 7


def test_check_takes_another_file(initlab: Initlab, home: Workspace, judged: dict[str, object]) -> None:
    """For what was written elsewhere."""
    initlab("check", "p0.double", "other.py")
    assert judged["program"] == Path("other.py")


def test_an_exercise_without_a_file_is_checked_in_its_notebook(initlab: Initlab, home: Workspace) -> None:
    """The message says which."""
    told = initlab("check", "p0.even")
    assert told.status == 2
    assert "phase0/01-doubling.ipynb" in told.err


def test_a_check_that_is_not_there_is_a_mistake_of_the_course(initlab: Initlab, home: Workspace) -> None:
    """It names exercise.toml and the function."""
    told = initlab("check", "p0.double")
    assert told.status == 2
    assert "exercise.toml: check: checks.phase0:double" in told.err


def test_reset_keeps_the_file_and_puts_the_starter_back(initlab: Initlab, home: Workspace) -> None:
    """And says where it is."""
    double = exercises.load("p0.double")
    path = portfolio.save(home, double, MINE).path
    out = initlab("reset", "p0.double").out
    assert f"your file is kept as {path}.1" in out
    assert path.read_text() == double.starter
    assert "starter already" in initlab("reset", "p0.double").out
    assert initlab("reset", "p0.even").status == 2


def test_build_writes_and_check_compares(initlab: Initlab, whole: Curriculum) -> None:
    """`--check` is status 1 where a committed notebook differs or has lost its source."""
    assert initlab("build").out.count("unchanged") == 2
    assert initlab("build", "--check").status == 0
    learner = whole.learner("phase0/01-doubling")
    learner.write_text("{}")
    told = initlab("build", "--check")
    assert told.status == 1
    assert f"differs from a rebuild: {learner}" in told.out
    assert learner.read_text() == "{}"
    assert initlab("build").out.count("built ") == 1
    (learner.parent / "02-gone.ipynb").write_text("{}")
    assert "no source: " in initlab("build").out
    assert initlab("build", "--check").status == 1


def test_vet_ends_with_its_sum(
    initlab: Initlab, whole: Curriculum, judged: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1 where something failed, and where the artefacts are."""
    told = initlab("vet", "--fast")
    assert told.status == 0
    assert told.out.splitlines()[-1] == "5 passed, 0 failed"
    whole.learner("phase0/01-doubling").unlink()
    told = initlab("vet", "--fast")
    assert told.status == 1
    assert "FAIL" in told.out
    assert told.out.splitlines()[-1] == "4 passed, 1 failed"
    assert initlab("vet", "--only", "nothing").status == 2


def test_doctor_names_what_is_missing_and_how_to_mend_it(
    initlab: Initlab, home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1 only for what the course cannot run without; a look that fails is told, not raised."""

    def fails() -> list[doctors.Finding]:
        raise EngineUnavailable("no user namespaces", hint="sysctl user.max_user_namespaces=1000")

    good = [
        doctors.Finding("good", True, "fine"),
        doctors.Finding("spare", False, "absent", "get", False),
    ]
    monkeypatch.setattr(doctors, "_LOOKS", {"good": lambda: iter(good)})
    told = initlab("doctor")
    assert told.status == 0
    assert "This computer can run the course." in told.out
    monkeypatch.setattr(doctors, "_LOOKS", {"good": lambda: iter(good), "engines": fails})
    told = initlab("doctor")
    assert told.status == 1
    assert re.search(r"fail +engines +no user namespaces", told.out)
    assert "mend: sysctl user.max_user_namespaces=1000" in told.out
    assert "To mend before the course can run: 1." in told.out


def test_doctor_looks_at_this_computer_without_failing(home: Workspace) -> None:
    """The real looks: each says something of itself."""
    found = {finding.what: finding for finding in doctors.examine()}
    assert found["python"].ok
    assert found["course"].ok
    assert found["workspace"].ok
    assert "lab image" in found
    assert any(what.startswith("engine") for what in found)
    assert all(finding.seen for finding in found.values())
    shown = doctors.doctor()._repr_mimebundle_()
    assert "python" in shown["text/plain"]
    assert "<table" in shown["text/html"]


def test_clean_tells_what_it_removed(initlab: Initlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that cannot run here have nothing to sweep."""

    class Engine:
        def __init__(self, ok: bool, left: list[str]) -> None:
            self.ok, self.left = ok, left

        def availability(self) -> Engine:
            return self

        def sweep(self) -> list[str]:
            assert self.ok
            return self.left

    monkeypatch.setattr(doctors, "engines", lambda: [Engine(True, ["a mount"]), Engine(False, [])])
    assert initlab("clean").out == "a mount\n1 removed\n"
    monkeypatch.setattr(doctors, "engines", lambda: [Engine(True, [])])
    assert initlab("clean").out == "nothing was left behind\n"


def test_outputs_are_kept_by_build(
    initlab: Initlab, whole: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--outputs NAME` runs one notebook, `all` every one; an unknown name is told."""
    from helpers.course import execute

    ran = []
    monkeypatch.setattr(
        execute,
        "keep_outputs",
        lambda source, root: (ran.append(source.name), (editions.outputs_file(source), 1))[1],
    )
    assert "1 marked cell" in initlab("build", "--outputs", "phase0/01-doubling").out
    initlab("build", "--outputs", "all")
    assert ran == ["phase0/01-doubling"] * 2
    told = initlab("build", "--outputs", "phase0/02-none")
    assert told.status == 2
    assert "phase0/01-doubling" in told.err
    assert os.environ["INITLAB_CURRICULUM"] == str(whole.root)


def test_pid1_names_the_nearest_init(initlab: Initlab) -> None:
    """An unknown name ends with 2 and a guess; nothing is started."""
    told = initlab("pid1", "rnit")
    assert told.status == 2
    assert 'did you mean "runit"' in told.err


def test_pid1_lists_inits_and_behaviours_without_asking(initlab: Initlab) -> None:
    """What can be judged, and what is asked."""
    told = initlab("pid1", "--list")
    assert told.status == 0
    assert {"  runit", "  tini", "  supervisor-rs"} <= set(told.out.splitlines())
    assert "reaps-adopted" in told.out


def test_pid1_tells_a_behaviour_that_is_none(initlab: Initlab) -> None:
    """With those there are, and the next command."""
    told = initlab("pid1", "--only", "reeps", "tini")
    assert (told.status, "initlab pid1 --list" in told.err) == (2, True)
