"""PostgreSQL in SixOS in miniature: instances infused from one target, run side by side, stopped, broken."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.engines.base import Image
from helpers.six import Machine
from tests.six.databases import INSTANCES, ask, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def machine(image: Image) -> Iterator[Machine]:
    with Machine(INSTANCES, image=image) as found:
        yield found.up()


def test_five_instances_of_one_service_run_side_by_side(machine: Machine) -> None:
    """Each has its port and its settings; what an infusion does not name is as in the first one."""
    settings = "current_setting('cluster_name'), current_setting('fsync'), current_setting('shared_buffers')"
    assert ask(machine, 5432, f"select {settings}") == "pg|on|8MB"
    assert ask(machine, 5433, f"select {settings}") == "pg-testing|off|8MB"
    assert ask(machine, 5434, f"select {settings}") == "pg-fast|on|32MB"
    assert ask(machine, 5435, f"select {settings}") == "pg-replica|on|8MB"
    assert ask(machine, 5436, f"select {settings}") == "pg-tls|on|8MB"


def test_an_instance_can_be_asked_for_its_port(machine: Machine) -> None:
    """By others that want to reach it; before anything runs."""
    asked = "nix-instantiate --eval /etc/six -A targets.%s.passthru.port"
    assert [machine.sh(asked % name) for name in ("pg", "pg-tls")] == ["5432", "5436"]


def test_a_postmaster_is_not_root(machine: Machine) -> None:
    """postgres refuses to be root, and none of its processes is."""
    assert set(machine.sh("ps -C postgres -o user=").split()) == {"postgres"}


def test_a_replica_has_what_the_primary_writes_and_refuses_to_write(machine: Machine) -> None:
    """Streaming replication: a table made on the primary is there; an INSERT there is an error."""
    ask(machine, 5432, "create table beds (name text); insert into beds values ('beans')")
    assert until(lambda: ask(machine, 5435, "select name from beds") == "beans")
    assert "cannot execute INSERT in a read-only transaction" in ask(
        machine, 5435, "insert into beds values ('peas')"
    )


def test_an_instance_with_tls_speaks_nothing_else_over_the_network(machine: Machine) -> None:
    """sslmode=require is encrypted; sslmode=disable is refused; the key is postgres's alone."""
    asked = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    assert ask(machine, 5436, asked, sslmode="require") == "t"
    assert "no encryption" in ask(machine, 5436, asked, sslmode="disable")
    assert "does not support SSL" in ask(machine, 5432, asked, sslmode="require")
    assert machine.sh("stat -c '%U %a' /var/lib/certificates/certificate/key.pem") == "postgres 600"


def test_a_bundle_names_instances(machine: Machine) -> None:
    """`databases` is not run itself: it stands for what it contains."""
    assert machine.sh("s6-rc-db contents databases").split() == ["pg", "pg-replica"]


def test_an_instance_with_an_open_client_stops_cleanly(machine: Machine) -> None:
    """SIGINT is the fast shutdown: the client is sent away, and the next start has nothing to recover."""
    machine.sh("psql -qh 127.0.0.1 -p 5434 -U postgres -c 'select pg_sleep(600)' >/dev/null 2>&1 &")
    active = "select count(*) from pg_stat_activity where query ~ '^select pg_sleep'"
    assert until(lambda: ask(machine, 5434, active) == "1")
    assert machine.sh("s6-rc -d change pg-fast; echo $?") == "0"
    assert "received fast shutdown request" in machine.sh("cat /var/log/pg-fast/current")
    state = machine.sh(
        "/usr/lib/postgresql/17/bin/pg_controldata /var/lib/postgresql/pg-fast | grep 'cluster state'"
    )
    assert state.endswith("shut down")
    assert machine.sh("s6-rc -u change pg-fast; echo $?") == "0"
    assert "not properly shut down" not in machine.sh("cat /var/log/pg-fast/current")


def test_a_killed_postmaster_is_started_again_and_recovers(machine: Machine) -> None:
    """kill -9 of the postmaster: another PID, a recovery in the log, what was committed is there."""
    ask(machine, 5433, "create table kept (x int); insert into kept values (7)")
    old = machine.pids()["pg-testing"]
    machine.sh(f"kill -9 {old}")
    assert until(lambda: ask(machine, 5433, "select x from kept") == "7", 30)
    assert machine.pids()["pg-testing"] != old
    assert "automatic recovery in progress" in machine.sh("cat /var/log/pg-testing/current")
    assert "finish: exit code 256, signal 9" in machine.logs()


def test_a_broken_data_folder_is_not_started_for_ever(machine: Machine) -> None:
    """finish exits with 125: s6-supervise leaves the service down, and the console says why (the pipe to the
    logger is the run script's alone)."""
    machine.sh("rm /var/lib/postgresql/pg-tls/PG_VERSION; s6-svc -r /run/service/pg-tls")
    assert until(lambda: machine.sh("s6-svstat -o up /run/service/pg-tls") == "false", 30)
    assert "PG_VERSION is gone: not started again" in machine.logs()
