"""The recorder's book: whose process is whose, what is ready by which proof, who is whose parent."""

from __future__ import annotations

import pytest

from helpers.engines.base import Process
from helpers.inits import registry
from helpers.manifest import Manifest
from helpers.probes.record_ledger import Ledger, Life
from helpers.probes.record_poll import PollSource

_STACK = Manifest.model_validate(
    {
        "name": "two",
        "services": [
            {"name": "db", "command": ["db"], "readiness": {"kind": "exec", "command": ["db-ping", "-q"]}},
            {
                "name": "web",
                "command": ["web"],
                "readiness": {"kind": "tcp", "port": 80},
                "depends_on": ["db"],
            },
        ],
    }
)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger(registry.get("s6"), _STACK)
    ledger.zero = 100.0
    return ledger


def _supervised(ledger: Ledger, service: str, pid: int, at: float) -> tuple[Life, Life]:
    """PID 1, a supervisor and its child, executed as the service."""
    one = ledger.by_pid(1) or ledger.began(at, None, pid=1, comm="s6-svscan", argv=("s6-svscan",))
    supervisor = ledger.began(at, one, pid=pid, outside=1000 + pid)
    ledger.executed(at, supervisor, "s6-supervise", ("s6-supervise", service))
    child = ledger.began(at, supervisor, pid=pid + 1, outside=1001 + pid)
    ledger.executed(at + 0.1, child, service, (service,))
    return supervisor, child


def test_a_process_belongs_to_the_service_its_ancestor_is_the_main_process_of(ledger: Ledger) -> None:
    """Also what happened to it before the init was known to have a service there; the supervisor does not."""
    _, main = _supervised(ledger, "db", 2, 101.0)
    helper = ledger.began(101.5, main, pid=9)
    ledger.began(101.6, helper, pid=10)
    seen = {event.pid: (event.service, event.main) for event in ledger.events()}
    assert seen == {1: ("", False), 2: ("", False), 3: ("db", True), 9: ("db", False), 10: ("db", False)}
    assert [event.kind for event in ledger.events().of("db").pid(3)] == ["fork", "exec"]


def test_an_init_that_knows_its_services_by_session_is_told_who_leads_one() -> None:
    """finit gives each service a session of its own (setsid(2)); the same command in another is not it."""
    ledger = Ledger(registry.get("finit"), _STACK)
    ledger.zero = 100.0
    one = ledger.began(101.0, None, pid=1, comm="finit", argv=("/sbin/finit",))
    for pid in (5, 6):
        child = ledger.began(102.0, one, pid=pid)
        ledger.executed(102.1, child, "db", ("db",))
        ledger.leading(child, pid == 6, pid == 6)
    assert {event.pid for event in ledger.events().of("db")} == {6}


def test_a_run_of_the_probe_that_succeeds_is_a_proof_of_readiness(ledger: Ledger) -> None:
    """Whoever ran it. Slack reaches back to the start of the last run that failed."""
    _supervised(ledger, "db", 2, 101.0)
    for pid, began, status in ((20, 102.0, 1), (21, 103.0, 0)):
        probe = ledger.began(began, ledger.by_pid(1), pid=pid)
        ledger.executed(began, probe, "db-ping", ("db-ping", "-q"))
        ledger.ended(began + 0.1, probe, status=status)
    ready = ledger.events().of("db").kind("ready")
    assert [(event.pid, round(event.time, 3), round(event.slack, 3)) for event in ready] == [(3, 3.1, 1.1)]


def test_another_command_is_no_proof(ledger: Ledger) -> None:
    """The same program with other arguments has asked something else."""
    _, main = _supervised(ledger, "db", 2, 101.0)
    probe = ledger.began(102.0, main, pid=20)
    ledger.executed(102.0, probe, "db-ping", ("db-ping", "--help"))
    ledger.ended(102.1, probe, status=0)
    assert len(ledger.events().kind("ready")) == 0


def test_the_earliest_proof_of_readiness_counts(ledger: Ledger) -> None:
    """The lab's own probe looks now and then; that the port is listened on, the kernel tells at once."""
    _, main = _supervised(ledger, "web", 2, 101.0)
    ledger.said(103.0, "web", "ready", 3, "", 0.5)
    ledger.listens(102.0, main, 80)
    ledger.listens(102.5, main, 8080)
    ready = ledger.events().kind("ready")
    assert [(event.time, event.slack) for event in ready] == [(2.0, 0.0)]
    assert len(ledger.events().kind("listen")) == 2


def test_an_orphan_has_another_parent_and_the_same_service(ledger: Ledger) -> None:
    """Its main process ends; PID 1 adopts and reaps it (wait(2), NOTES). Whose child it was stays known."""
    _, main = _supervised(ledger, "db", 2, 101.0)
    orphan = ledger.began(102.0, main, pid=9)
    ledger.ended(103.0, main, status=0)
    ledger.adopted(orphan, ledger.by_pid(1))
    ledger.ended(104.0, orphan, signal="SIGTERM")
    ledger.reaped(104.1, orphan)
    reaped = ledger.events().kind("reaped")[0]
    assert (reaped.pid, reaped.by, reaped.service) == (9, 1, "db")


def test_the_first_threads_end_is_not_the_processs_when_another_thread_executes(ledger: Ledger) -> None:
    """execve(2): all other threads are destroyed, and the one that called takes the process's PID."""
    _, main = _supervised(ledger, "db", 2, 101.0)
    ledger.ended(102.0, main, signal="SIGKILL")
    ledger.executed(102.1, main, "db2", ("db2",))
    assert len(ledger.events().kind("exit")) == 0
    assert main.ended is None


def test_what_had_ended_before_the_sandbox_was_known_is_kept_with_its_family(ledger: Ledger) -> None:
    """The recorder listens before it is told which PID 1 is the lab's: short lives until then count."""
    engine = ledger.began(100.1, None, outside=7)
    one = ledger.began(100.2, engine, pid=1)
    short = ledger.began(100.3, one, pid=2)
    ledger.ended(100.4, short, status=0)
    ledger.reaped(100.5, short)
    stranger = ledger.began(100.6, engine, outside=8)
    assert ledger.keep_family(one) == {one, short}
    assert {event.pid for event in ledger.events()} == {1, 2}
    assert stranger not in ledger.lives


def test_nothing_is_told_before_time_zero(ledger: Ledger) -> None:
    """What the engine did before PID 1's exec is not the lab's life."""
    ledger.began(99.0, None, pid=1)
    assert len(ledger.events()) == 0


def _table(*rows: tuple[int, int, str, str]) -> list[Process]:
    return [
        Process(pid, ppid, state, argv.split()[0], tuple(argv.split()), started=pid)
        for pid, ppid, state, argv in rows
    ]


def test_polling_tells_what_changed_between_two_tables(ledger: Ledger) -> None:
    """A new row is a fork, other arguments an exec, a zombie an exit, a row gone a reap; slack is the gap."""
    source = PollSource.__new__(PollSource)
    source._ledger, source._lives, source._last, source._first = ledger, {}, 100.9, True
    source.resolution = 0.01
    one, up = (1, 0, "S", "s6-svscan"), (2, 1, "S", "s6-supervise db")
    source.look(_table(one, up), 101.0)
    source.look(_table(one, up, (3, 2, "S", "run")), 101.5)
    source.look(_table(one, up, (3, 2, "S", "db")), 102.0)
    source.look(_table(one, up, (3, 2, "Z", "db")), 103.0)
    source.look(_table(one, up), 103.1)
    events = ledger.events()
    assert [(e.kind, e.pid, round(e.time, 2)) for e in events.kind("found")] == [
        ("found", 1, 1.0),
        ("found", 2, 1.0),
    ]
    mine = [(e.kind, round(e.time, 2), round(e.slack, 2)) for e in events.of("db")]
    assert mine == [
        ("fork", 1.5, 0.5),
        ("exec", 1.5, 0.5),
        ("exec", 2.0, 0.5),
        ("exit", 3.0, 1.0),
        ("reaped", 3.1, 0.1),
    ]
    assert events.exits()[0].status is None
    assert source.resolution == 1.0


def test_polling_sees_an_adoption(ledger: Ledger) -> None:
    """The parent in the last table is the one that reaped."""
    source = PollSource.__new__(PollSource)
    source._ledger, source._lives, source._last, source._first = ledger, {}, 101.0, True
    source.resolution = 0.01
    source.look(_table((1, 0, "S", "init"), (2, 1, "S", "sh"), (3, 2, "S", "sleep")), 101.0)
    source.look(_table((1, 0, "S", "init"), (3, 1, "S", "sleep")), 102.0)
    source.look(_table((1, 0, "S", "init")), 103.0)
    assert [(e.pid, e.by) for e in ledger.events().kind("reaped")] == [(2, 1), (3, 1)]
