"""What CI runs, in order: a list of stages, each a command with a log of its own.

usage: scripts/test [STAGE…]      no name: all of them; `scripts/test --list` shows them

A stage that fails does not stop the others. The run ends with the time of each stage, everything that was
skipped and why, and one line `N passed, N failed, N skipped`; a stage that runs no tests of its own counts
as one. Exit status: 0 when nothing failed, 1 otherwise, 2 for a stage there is not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

CHECKOUT = Path(__file__).resolve().parents[1]
LOGS = CHECKOUT / "build" / "logs"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Stage:
    """One step: a name, a command, and whether it is pytest (then its tests are counted one by one)."""

    name: str
    command: tuple[str, ...]
    groups: tuple[str, ...] = ()
    needs_docker: bool = False

    @property
    def is_pytest(self) -> bool:
        """Whether the command is pytest."""
        return self.command[:3] == ("python", "-m", "pytest")


def pytest(name: str, *arguments: str, groups: tuple[str, ...] = (), needs_docker: bool = False) -> Stage:
    """A stage of tests."""
    return Stage(name, ("python", "-m", "pytest", "-q", *arguments), groups, needs_docker)


# Tests that must not run side by side share an @pytest.mark.xdist_group: one worker runs them all.
_TWO = ("-n", "2", "--dist", "loadgroup")
_THREE = ("-n", "3", "--dist", "loadgroup")  # labs wait more than they compute, on two cores too
_APART = ("--ignore=tests/notebooks", "--ignore=tests/browser", "--ignore=tests/crates")
_QUICK = "not live and not docker and not slow and not browser"

# To add a stage, add a line.
STAGES = (
    Stage("ruff", ("ruff", "check", "."), ("lint",)),
    Stage("format", ("ruff", "format", "--check", "."), ("lint",)),
    Stage("types", ("mypy", "--strict", "helpers", "checks", "scripts", "labs/s6rc/s6rc")),
    pytest("unit", "tests", *_APART, *_TWO, "-m", _QUICK),
    pytest("live", "tests", *_APART, *_THREE, "-m", f"not ({_QUICK})", needs_docker=True),
    pytest("rust", "tests/crates"),
    Stage("vet", ("initlab", "vet")),
    pytest("notebooks", "tests/notebooks", *_TWO),
    pytest("browser", "tests/browser"),
)


_AGAIN = ("unit", "live", "notebooks", "browser")
_FEW = 5


@dataclass
class Outcome:
    """How a stage went. `skipped` holds a sentence for each skipped test."""

    stage: str
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    unsteady: list[str] = field(default_factory=list)


def run(stage: Stage, environment: dict[str, str]) -> Outcome:
    """Run one stage; everything it prints goes to build/logs/STAGE.log."""
    log = LOGS / f"{stage.name}.log"
    report = LOGS / f"{stage.name}.xml"
    report.unlink(missing_ok=True)
    program, *arguments = stage.command
    command = [str(BIN / program), *arguments]
    if stage.is_pytest:
        command.append(f"--junitxml={report}")
    started = time.monotonic()
    with log.open("w") as out:
        print("$", *stage.command, file=out, flush=True)
        try:
            child = subprocess.Popen(
                command, cwd=CHECKOUT, env=environment, stdout=out, stderr=out, start_new_session=True
            )
        except OSError as error:
            print(f"{program}: {error.strerror}", file=out)
            return Outcome(stage.name, 0.0, failed=1, failures=[f"{program}: {error.strerror}"])
        try:
            status = child.wait()
        except KeyboardInterrupt:
            _end(child)
            raise
    seconds = time.monotonic() - started
    if stage.is_pytest:
        return look_again(stage, counted(stage.name, report, status, seconds), environment)
    return Outcome(
        stage.name,
        seconds,
        passed=int(status == 0),
        failed=int(status != 0),
        failures=[] if status == 0 else [f"exit status {status}"],
    )


def look_again(stage: Stage, first: Outcome, environment: dict[str, str]) -> Outcome:
    """Run the few tests of a stage that failed once more, by themselves.

    On a shared computer a deadline can pass for no fault of the code. What passes then counts, and is listed
    as UNSTEADY at the end; what fails twice has failed.
    """
    if stage.name not in _AGAIN or not 0 < first.failed <= _FEW:
        return first
    command = (*stage.command, "--last-failed", "--last-failed-no-failures=none")
    second = run(replace(stage, name=f"{stage.name}-again", command=command), environment)
    if second.failed or second.passed < first.failed:
        return first
    seconds = first.seconds + second.seconds
    passed = first.passed + first.failed
    return Outcome(stage.name, seconds, passed, 0, first.skipped, unsteady=first.failures)


def counted(name: str, report: Path, status: int, seconds: float) -> Outcome:
    """Count a pytest run from its JUnit XML; a run that ended badly without a failed test is a failure."""
    outcome = Outcome(name, seconds)
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - our own pytest wrote it
    except (OSError, ElementTree.ParseError):
        return Outcome(name, seconds, failed=1, failures=[f"pytest ended with status {status} and no report"])
    for case in cases:
        where = f"{case.get('classname', '').replace('.', '/')}::{case.get('name')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
            outcome.failures.append(where)
        elif skip is not None:
            outcome.skipped.append(f"{where}: {skip.get('message', '')}")
        else:
            outcome.passed += 1
    # 5: no test was selected. That is no success either.
    if status not in (0, 1) or (status == 1 and not outcome.failed):
        outcome.failed += 1
        outcome.failures.append(f"pytest ended with status {status}")
    return outcome


def whole_environment() -> dict[str, str]:
    """Ours, with .venv's programs first and the system's own folders, which bare containers leave out."""
    path = f"{BIN}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}


@contextlib.contextmanager
def docker_engine() -> Iterator[str]:
    """See that a Docker engine answers, starting one for the time of the run where root may.

    Gives a sentence when none can be had: the tests that need one then skip, each saying so.
    """
    if _docker_answers():
        yield ""
        return
    environment = whole_environment()
    program = shutil.which("dockerd", path=environment["PATH"])
    if program is None or os.geteuid() != 0:
        what = "dockerd is not installed" if program is None else "only root can start one"
        yield f"no Docker engine answers and {what}"
        return
    with (LOGS / "dockerd.log").open("w") as log:
        print("test: starting a Docker engine (log: build/logs/dockerd.log)", flush=True)
        # Told to end if this run is killed: an engine nobody knows of would stay for ever.
        command = ["setpriv", "--pdeathsig", "TERM", program] if shutil.which("setpriv") else [program]
        engine = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment)
        end = time.monotonic() + 60
        while engine.poll() is None and time.monotonic() < end and not _docker_answers():
            time.sleep(0.2)
        try:
            yield "" if _docker_answers() else "dockerd did not start (build/logs/dockerd.log says why)"
        finally:
            _end(engine)


def _docker_answers() -> bool:
    import docker

    try:
        client = docker.from_env(timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except Exception:  # whatever keeps it from answering
        return False


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a process group we started: politely, then not."""
    for signum, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)
            return


def chosen(names: list[str]) -> list[Stage]:
    """The stages of these names or groups, in our order; all for none. Exits for an unknown name."""
    known = {name for stage in STAGES for name in (stage.name, *stage.groups)}
    if unknown := [name for name in names if name not in known]:
        print(f"test: no stage {unknown[0]!r}; there are: {', '.join(sorted(known))}", file=sys.stderr)
        sys.exit(2)
    return [stage for stage in STAGES if not names or {stage.name, *stage.groups} & set(names)]


def summary(outcomes: list[Outcome]) -> str:
    """The end of a run: times, failures, what was skipped and why, and the counts."""
    lines = ["", f"{'stage':<12}{'seconds':>9}{'passed':>8}{'failed':>8}{'skipped':>9}"]
    for outcome in outcomes:
        counts = f"{outcome.passed:>8}{outcome.failed:>8}{len(outcome.skipped):>9}"
        lines.append(f"{outcome.stage:<12}{outcome.seconds:>9.1f}{counts}")
    for outcome in outcomes:
        for failure in outcome.failures:
            lines.append(f"FAILED  {outcome.stage}: {failure}  (build/logs/{outcome.stage}.log)")
        lines += [f"UNSTEADY {outcome.stage}: {test}: failed, then passed" for test in outcome.unsteady]
    reasons = Counter(text for outcome in outcomes for text in outcome.skipped)
    lines += [f"SKIPPED {text}" for text in reasons]
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(len(outcome.skipped) for outcome in outcomes)
    return "\n".join([*lines, "", f"{passed} passed, {failed} failed, {skipped} skipped"])


def main(names: list[str]) -> int:
    """Run stages; returns the exit status."""
    if names == ["--list"]:
        for stage in STAGES:
            print(f"{stage.name:<12}{' '.join(stage.command)}")
        return 0
    stages = chosen(names)
    LOGS.mkdir(parents=True, exist_ok=True)
    environment = whole_environment()
    outcomes = []
    wants_docker = any(stage.needs_docker for stage in stages)
    with docker_engine() if wants_docker else contextlib.nullcontext("") as missing:
        if missing:
            print(f"test: {missing}; its tests are skipped", flush=True)
        for stage in stages:
            print(f"test: {stage.name} …", end=" ", flush=True)
            outcome = run(stage, environment)
            outcomes.append(outcome)
            word = "FAILED" if outcome.failed else "ok"
            print(f"{word} ({outcome.seconds:.1f} s)", flush=True)
    print(summary(outcomes), flush=True)
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
