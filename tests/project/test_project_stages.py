"""The runner of CI's stages: what fails fails the run, what is skipped is told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from .conftest import CHECKOUT

Load = Callable[[str], ModuleType]


@pytest.fixture
def stages(script: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/stages.py, with logs in a folder of this test's own and no stages."""
    module = script("stages")
    monkeypatch.setattr(module, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    monkeypatch.setattr(module, "BIN", Path(sys.executable).parent)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # plain pytest, for speed
    return module


def file_of_tests(folder: Path) -> str:
    """A file of one passing, one failing and two skipped tests."""
    file = folder / "test_some.py"
    file.write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_other(n): pytest.skip('no engine answers')\n"
    )
    return str(file)


def test_a_failing_stage_does_not_stop_the_others(
    stages: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All stages run, the exit code is 1, and the last line counts tests and stages."""
    monkeypatch.setattr(
        stages,
        "STAGES",
        (
            stages.Stage("broken", ("python", "-c", "print('out of order'); raise SystemExit(3)")),
            stages.pytest("some", "-p", "no:cacheprovider", file_of_tests(tmp_path)),
            stages.Stage("sound", ("python", "-c", "")),
            stages.Stage("absent", ("no-such-program",)),
        ),
    )
    assert stages.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 passed, 3 failed, 2 skipped"
    assert "FAILED  broken: exit status 3  (build/logs/broken.log)" in lines
    assert any(line.startswith("FAILED  some: ") and "::test_bad" in line for line in lines)
    assert any(line.startswith("FAILED  absent: no-such-program") for line in lines)
    assert any("::test_other[1]: " in line and "no engine answers" in line for line in lines)
    assert "out of order" in (tmp_path / "logs/broken.log").read_text()
    assert [line for line in lines if re.match(r"sound +\d+\.\d +1 +0 +0$", line)]


def test_all_well_is_exit_status_zero(stages: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 when nothing failed."""
    monkeypatch.setattr(stages, "STAGES", (stages.Stage("sound", ("python", "-c", "")),))
    assert stages.main([]) == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def test_(): pass\nraise RuntimeError('at import')\n", "a file that cannot be imported"),
        ("import os\ndef test_(): os._exit(9)\n", "a run that dies"),
        ("", "no test at all"),
    ],
)
def test_a_run_without_a_failed_test_can_still_fail(
    stages: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    """A stage of tests is as good as its exit status, not only its report."""
    (tmp_path / "test_it.py").write_text(text)
    stage = stages.pytest("it", "-p", "no:cacheprovider", str(tmp_path / "test_it.py"))
    monkeypatch.setattr(stages, "STAGES", (stage,))
    assert stages.main([]) == 1, why


def test_stages_are_chosen_by_name_or_group_in_their_own_order(stages: ModuleType) -> None:
    """`scripts/test types lint` runs ruff, format and types, in this order."""
    assert [stage.name for stage in stages.chosen(["types", "lint"])] == ["ruff", "format", "types"]
    assert stages.chosen([]) == list(stages.STAGES)


def test_an_unknown_stage_is_told(stages: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and the names there are."""
    with pytest.raises(SystemExit) as ended:
        stages.main(["units"])
    assert ended.value.code == 2
    assert "no stage 'units'; there are: browser, " in capsys.readouterr().err


def test_a_run_that_ends_early_leaves_nothing_running(tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM end the stage's whole process group."""
    code = (
        "import sys, runpy, signal; sys.argv = ['x']; from pathlib import Path\n"
        "import importlib.util as u\n"
        f"s = u.spec_from_file_location('stages', {str(CHECKOUT / 'scripts/stages.py')!r})\n"
        "m = u.module_from_spec(s); sys.modules['stages'] = m; s.loader.exec_module(m)\n"
        f"m.LOGS = Path({str(tmp_path)!r})\n"
        "m.STAGES = (m.Stage('long', ('python', '-c', 'import time, subprocess; print(1, flush=True);"
        ' subprocess.run(["sleep", "31536001"])\')),)\n'
        "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        "m.main([])\n"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    log = tmp_path / "long.log"
    end = time.monotonic() + 20
    while not (log.exists() and "\n1\n" in log.read_text()):
        assert time.monotonic() < end, "the stage began"
        time.sleep(0.02)
    runner.send_signal(signal.SIGTERM)
    runner.wait(timeout=30)
    left = [pid for pid in os.listdir("/proc") if pid.isdigit() and _arguments(pid)[-1:] == ["31536001"]]
    assert left == []


def _arguments(pid: str) -> list[str]:
    try:
        return Path("/proc", pid, "cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def test_the_list_of_stages_names_commands_that_exist(stages: ModuleType) -> None:
    """Every stage's program is in the environment, and every folder it names is there."""
    for stage in stages.STAGES:
        assert (Path(sys.executable).parent / stage.command[0]).exists(), stage.name
        for word in stage.command[1:]:
            if word.startswith("tests/"):
                assert (CHECKOUT / word).exists(), word


def test_a_docker_engine_that_answers_is_used_and_left_alone(
    stages: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI starts an engine only when none answers, and stops only the one it started."""
    monkeypatch.setattr(stages, "_docker_answers", lambda: True)
    monkeypatch.setattr(stages.subprocess, "Popen", None)
    with stages.docker_engine() as missing:
        assert missing == ""


def test_an_engine_that_cannot_be_started_is_told(
    stages: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then its tests skip, each with a reason, and the run says why."""
    monkeypatch.setattr(stages, "_docker_answers", lambda: False)
    monkeypatch.setattr(stages.shutil, "which", lambda *_, **__: None)
    with stages.docker_engine() as missing:
        assert missing == "no Docker engine answers and dockerd is not installed"
    (stages.LOGS).mkdir(parents=True)
    monkeypatch.setattr(stages.shutil, "which", lambda name, **_: "/bin/false" if name == "dockerd" else None)
    monkeypatch.setattr(stages.os, "geteuid", lambda: 0)
    with stages.docker_engine() as missing:
        assert missing.startswith("dockerd did not start")
