"""Inits that run services: each behaviour is kept by a good supervisor, and lost by one that lacks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.pid1 import ReadsManifest, Result, Services, judge, judge_all
from checks.pid1.contracts import CONTRACTS
from checks.pid1.machine import PATIENCE
from checks.pid1.services_hints import HINTS
from checks.pid1.suites import service_suite
from helpers.engines.base import Image
from helpers.filetree import FileTree
from helpers.inits import registry

ROOT = Path(__file__).resolve().parents[3]
GOOD = (ROOT / "curriculum" / "exercises" / "p3.pid1" / "right" / "one_wait.py").read_text()
SUPERVISOR = ROOT / "labs" / "supervisor" / "python" / "supervisor.py"

pytestmark = pytest.mark.timeout(180)


def _made(text: str, name: str = "made") -> Services:
    tree = FileTree()
    tree.add("/opt/lab/supervisor.py", text)
    return Services(ReadsManifest(("/usr/bin/python3", "/opt/lab/supervisor.py"), name), tree)


def _but(*changes: tuple[str, str]) -> Services:
    text = GOOD
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return _made(text)


LOOP = "        now = time.monotonic()\n        due"
TERM = "        elif got.si_signo == signal.SIGTERM and not stopping:"
# ruff: noqa: E501 - one line each: name, the changed lines, what is lost
BAD: dict[str, tuple[Services, str, str]] = {
    "ends": (_but(("    signal.pthread_sigmask(signal.SIG_BLOCK, EVERY)\n    starts", "    return 1\n    starts")), "starts", "ends-early"),
    "idle": (_but(("starts = [(0.0, spec) for spec in specs]", "starts = []")), "starts", "never-starts"),
    "drops": (_but(('os.execvp(spec["command"][0], spec["command"])', 'os.execvp(spec["command"][0], list(filter(None, spec["command"])))')), "starts", "other-arguments"),
    "group": (_but(("            os.setsid()\n", "")), "own-group", "shares-group"),
    "mask": (_but(("            signal.pthread_sigmask(signal.SIG_SETMASK, [])\n", "")), "clean-signals", "signals-blocked"),
    "pipe": (_but(("            for number in EVERY:\n", "            for number in EVERY - {signal.SIGPIPE}:\n")), "clean-signals", "signals-ignored"),
    "leak": (_but(("            os.setsid()\n", "            os.setsid()\n            os.set_inheritable(os.open('/', 0), True)\n")), "descriptors", "leaks-descriptors"),
    "polls": (_but((" if times else signal.sigwaitinfo(EVERY)", " if times else signal.sigtimedwait(EVERY, 0.5)")), "rest", "polls"),
    "busy": (_but((" if times else signal.sigwaitinfo(EVERY)", " if times else signal.sigtimedwait(EVERY, 0)")), "rest", "busy-loop"),
    "once": (_but(("                starts.append((now + waits[name], spec))", "                pass")), "restarts-killed", "not-restarted"),
    "all": (_but(("                starts.append((now + waits[name], spec))", "                starts.append((now + waits[name], spec))\n                [os.killpg(other, 9) for other in running if status == 9]")), "restarts-killed", "restarts-others"),
    "zero": (_but(('policy == "always" or (', 'policy == "always" and status != 0 or (')), "restarts-ended", "not-restarted"),
    "never": (_but(('return policy == "always" or', 'return policy != "on-failure" or')), "leaves-down", "restarts-never"),
    "own": (_but(("            pid, status = os.waitpid(-1, os.WNOHANG)\n", "            pid, status = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT), 0\n            if pid is None or pid.si_pid not in KNOWN:\n                return\n            pid, status = os.waitpid(pid.si_pid, 0)\n"), ("EVERY = ", "KNOWN = set()\nEVERY = "), ("                running[pid], began[pid] = spec, now\n", "                running[pid], began[pid] = spec, now\n                KNOWN.add(pid)\n")), "reaps-adopted", "orphans-stay"),
    "one": (_but(("        yield pid, status\n", "        yield pid, status\n        return\n")), "reaps-adopted", "one-per-signal"),
    "late": (_but((LOOP, "        time.sleep(1.5)\n" + LOOP)), "short-children", "reaps-late"),
    "hup": (_but((TERM, "        elif got.si_signo == signal.SIGHUP:\n            return 0\n" + TERM)), "outlives-hup", "dies-of-signal"),
    "usr": (_but((TERM, "        elif got.si_signo == signal.SIGUSR2:\n            [os.killpg(pid, 9) for pid in running]\n" + TERM)), "outlives-usr", "disturbs-services"),
    "alarm": (_but((TERM, "        elif got.si_signo == signal.SIGALRM:\n            return 1\n" + TERM)), "outlives-others", "dies-of-signal"),
    "rude": (_but(("                send(pid, signal.SIGTERM)\n", "                send(pid, signal.SIGKILL)\n")), "stops", "not-told"),
    "short": (_but(('spec.get("stop_grace", 5.0)', "0.05")), "stops", "kills-at-once"),
    "code": (_but(("    return 0\n\n\nsys", "    return 3\n\n\nsys")), "stops", "other-exit"),
    "patient": (_but(("                send(pid, signal.SIGKILL)\n", "                pass\n")), "kills-deaf", "does-not-end"),
    "second": (_but((TERM, "        elif got.si_signo == signal.SIGTERM and stopping:\n            return 0\n" + TERM)), "second-signal", "second-ends-it"),
    "spins": (_but(("waits[name] = 0.1 if now - began[pid] > 1.0 else min(1.0, 2 * waits.get(name, 0.05))", "waits[name] = 0")), "crash-loop", "spins"),
    "sleeps": (_but(("                starts.append((now + waits[name], spec))", "                starts.append((now + waits[name], spec))\n                if status == 256:\n                    time.sleep(20)")), "crash-loop", "holds-up"),
    "chatty": (_but(("    if pid == 0:\n        try:\n", "    print('forked', flush=True)\n    if pid == 0:\n        try:\n")), "stalled-reader", "stalls"),
    "shared-output": (_made(GOOD), "stalled-writer", "holds-writers"),
    "gives-up": (_but(("                starts.append((now + 0.5, spec))", "                pass")), "fork-fails", "gives-up"),
    "dies": (_but(('        say(f"{spec[\'name\']}: {error}")\n        return 0', "        sys.exit(1)")), "fork-fails", "dies-of-want"),
    "oom": (_but((' or (policy == "on-failure" and status != 0)', ""), ('return policy == "always"', 'return policy == "always" and status != 9')), "memory-short", "not-restarted"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _a_short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here looks every five seconds."""
    monkeypatch.setattr(PATIENCE, "rest", 1.6)


@pytest.mark.live
def test_good_supervisors_keep_everything_that_can_be_asked(image: Image) -> None:
    """The course's supervisor and one that is built otherwise keep the whole suite but the clock's jump; the
    second lets its services write to its own console."""
    table = judge_all([_made(GOOD), _made(SUPERVISOR.read_text(), "supervisor.py")])
    lost = {(c.init, c.behaviour) for c in table.of(Result.NOT_KEPT, Result.HUNG, Result.DIFFERENT)}
    assert lost == {("made", "stalled-writer")}, str(table)
    left = {cell.behaviour for cell in table.of(Result.NOT_ASKED)}
    assert left <= {"clock-jumps", "fork-fails", "memory-short"}
    assert all(cell.why for cell in table.of(Result.NOT_ASKED))


@pytest.mark.live
@pytest.mark.parametrize("name", BAD)
def test_each_behaviour_is_lost_by_a_supervisor_that_lacks_it(
    image: Image, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line changed, and exactly that is told; what it builds on is still kept."""
    for name_, seconds in {"start": 6.0, "end": 3.0, "late": 2.5, "after": 5.0, "shutdown": 6.0}.items():
        monkeypatch.setattr(PATIENCE, name_, seconds)  # what is not kept is waited for in vain
    subject, behaviour, deviation = BAD[name]
    (cell,) = judge(subject, only=[behaviour]).cells
    if cell.result is Result.NOT_ASKED:
        pytest.skip(cell.why)
    assert (cell.result, cell.deviation) == (Result.NOT_KEPT, deviation), cell.seen


def test_every_behaviour_and_every_hint_has_a_bad_supervisor() -> None:
    """A behaviour that nobody can lose is no behaviour."""
    lost = {behaviour for _, behaviour, _ in BAD.values()}
    assert {b.name for b in service_suite().behaviours} - lost == {"clock-jumps"}
    assert {deviation for _, _, deviation in BAD.values()} == set(HINTS)


@pytest.mark.live
def test_what_cannot_start_services_is_asked_nothing_more(image: Image) -> None:
    """One line says why; nobody waits for the rest."""
    table = judge(_but(("starts = [(0.0, spec) for spec in specs]", "return 1")), only=["starts", "stops"])
    assert [cell.result for cell in table.cells] == [Result.NOT_KEPT, Result.NOT_ASKED]
    assert table.cells[1].why == "it does not start services"


@pytest.mark.live
def test_an_init_that_is_not_in_the_image_is_not_asked(image: Image) -> None:
    """dinit has no Debian package: the cells say what is missing, and pass nothing."""
    subject = Services(registry.get("dinit"))
    if registry.runnable("dinit", image).ok:
        pytest.skip("this image has dinit")
    table = judge(subject, only=["starts", "stops"])
    assert {cell.result for cell in table.cells} == {Result.NOT_ASKED}
    assert "no dinit" in table.cells[0].why


@pytest.mark.live
def test_inits_differ_by_contract_only_where_it_is_written(image: Image) -> None:
    """busybox takes SIGUSR1 for a halt, runsvdir does not wait at SIGHUP, supervisord starts all anew; runit
    does none of it."""
    names = ("busybox", "runsvdir", "supervisord", "runit")
    only = ["starts", "outlives-hup", "outlives-usr", "stops"]
    table = judge_all([Services(registry.get(name)) for name in names], only=only)
    assert not table.of(Result.NOT_KEPT, Result.HUNG, Result.NOT_ASKED), str(table)
    assert {(cell.init, cell.behaviour) for cell in table.of(Result.DIFFERENT)} == {
        ("busybox", "outlives-usr"),
        ("runsvdir", "stops"),
        ("supervisord", "outlives-hup"),
    }
    assert all(cell.why and cell.source for cell in table.of(Result.DIFFERENT))


def test_contracts_are_of_inits_and_deviations_there_are() -> None:
    """A difference nobody can show would hide nothing, and mislead who reads it."""
    from checks.pid1.command_hints import HINTS as COMMAND

    deviations = set(HINTS) | set(COMMAND)
    assert {init for init, _, _ in CONTRACTS} <= {*registry.names(), "supervisor-rs"}
    assert {deviation for _, _, deviation in CONTRACTS} <= deviations
