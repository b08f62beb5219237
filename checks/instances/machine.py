"""The machine of `p1.instances`: a base nobody has seen before, the learner's file over it, and one boot.

All behaviours ask the same machine, so that the cluster is made once. `Instances.close` is called when the
check ends, however it ends.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

from checks.behaviours import Cancelled, LabFailed
from helpers.errors import InitlabError, LabError
from helpers.six import Machine
from helpers.six.databases import ask, base

__all__ = ["NAMES", "PORTS", "Endless", "Instances", "Plan", "World"]

PORTS = {"pg-replica": 5433, "pg-tls": 5434, "pg-steady": 5435}
NAMES = ("pg", *PORTS)

_PATIENCE = 40.0  # seconds for a build that takes one on a quiet computer

# The last infusion makes certificates slow: none is there before pg is. An instance that does not wait for
# its own starts without it, every time.
_CONFIGURATION = """final: [
  (import ./base.nix final)
  (import ./service.nix final)
  { pkgs.openssl = _: "/bin/sh /etc/six/openssl"; }
]
"""
_OPENSSL = """#!/bin/sh
n=0
until [ -S /run/postgresql/pg/.s.PGSQL.@port@ ] || [ $n -ge 200 ]; do
    sleep 0.05
    n=$((n + 1))
done
sleep 0.3
exec /usr/bin/openssl "$@"
"""
# Ends with a word: `up`, `failed`, or `died` as soon as an instance has ended once. A good one never does.
_WATCH = """
n=0
while [ $n -lt 1200 ]; do
    for name in pg pg-replica pg-tls pg-steady; do
        [ -s /run/service/$name/supervise/death_tally ] && echo "died $name" && exit
    done
    [ -e /run/current-system ] && echo up && exit
    [ -e /run/activation.failed ] && echo failed && exit
    sleep 0.05
    n=$((n + 1))
done
echo late
"""

# Of each instance in the system: name, data folder, port, what it waits for. Before a run script that has a
# logger s6-rc-compile puts one of its own, and calls the other one run.user.
_PLAN = """
n=0
until [ -e /run/s6-rc/compiled/servicedirs ] || [ $n -ge 500 ]; do sleep 0.02; n=$((n + 1)); done
for name in pg pg-replica pg-tls pg-steady; do
    run=/run/s6-rc/compiled/servicedirs/$name/run.user
    [ -e $run ] || run=${run%.user}
    [ -e $run ] || continue
    conf=$(sed -n 's/.* config_file=\\([^ ]*\\).*/\\1/p' $run)
    echo "name $name"
    echo "folder $(sed -n 's/.* -D \\([^ ]*\\).*/\\1/p' $run)"
    echo "port $(sed -n 's/^port = //p' ${conf:-/dev/null})"
    [ $name = pg ] || echo "waits_for $(s6-rc-db all-dependencies $name | tr '\\n' ' ')"
done
"""


class Endless(Exception):
    """Nix does not come to an end with the learner's file."""


@dataclass
class Plan:
    """What an instance's definition says; empty where it is written in another way than the service does."""

    folder: str = ""
    port: str = ""
    waits_for: frozenset[str] = frozenset()


@dataclass(frozen=True)
class World:
    """What is different in each run."""

    port: int
    setting: tuple[str, str]
    memory: str
    timeout_kill: int
    table: str
    row: str

    @classmethod
    def make(cls, rng: random.Random) -> World:
        """A world at random."""

        def word() -> str:
            return "".join(rng.sample("abcdefghijklmnop", 6))

        return cls(
            port=rng.randrange(5440, 5500),
            setting=(f"farm.{word()}", word()),
            memory=f"{rng.randrange(1101, 3900, 2)}kB",  # odd, so that PostgreSQL shows it in kB, too
            timeout_kill=rng.randrange(8001, 9999),
            table=f"t_{word()}",
            row=word(),
        )

    def write(self) -> str:
        """A query that makes a table with one row."""
        return f"create table {self.table} (x text); insert into {self.table} values ('{self.row}')"  # noqa: S608

    def read(self) -> str:
        """A query for that row."""
        return f"select x from {self.table}"  # noqa: S608

    def insert(self) -> str:
        """A query that adds another row."""
        return f"insert into {self.table} values ('other')"  # noqa: S608

    def settings(self) -> str:
        """A query for the two settings."""
        return f"select current_setting('{self.setting[0]}', true) || ' ' || current_setting('work_mem')"

    def base(self) -> str:
        """The base, as a file of Nix."""
        settings = dict([self.setting]) | {"work_mem": self.memory}
        return base(port=self.port, settings=settings, timeout_kill=self.timeout_kill)


@dataclass
class Instances:
    """The learner's service.nix, and the machine that was made of it."""

    text: str
    world: World = field(default_factory=lambda: World.make(random.Random()))
    _machine: Machine | None = None
    _closed: bool = False
    _plan: dict[str, Plan] = field(default_factory=dict)
    _said: dict[tuple[str, str, str], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def boot(self, world: World) -> Machine:
        """Start the machine, and wait until its system is built.

        Raises `NixError` where it cannot be, `Endless` where Nix does not come to an end.
        """
        self.world = world
        machine = Machine(
            _CONFIGURATION,
            files={
                "/etc/six/base.nix": world.base(),
                "/etc/six/service.nix": self.text,
                "/etc/six/openssl": _OPENSSL.replace("@port@", str(world.port)),
            },
            ports=(),
        )
        with self._lock:
            if self._closed:
                raise Cancelled
            self._machine = machine.start()
        try:
            return machine.built(_PATIENCE)
        except LabError:
            if any(process.comm == "nix-build" for process in machine.sandbox.processes()):
                raise Endless from None
            raise

    def base_answers(self) -> None:
        """Raises `LabFailed` where not even pg answers: what else does not is then no sign of anything."""
        if (said := self.ask("pg", "select 1")) != "1":
            raise LabFailed(f"pg does not answer: {said}")

    def check_over(self) -> None:
        """Remove the machine (see `checks.behaviours.Suite`)."""
        with self._lock:
            self._closed, machine, self._machine = True, self._machine, None
        if machine is not None:
            machine.close()

    @property
    def machine(self) -> Machine:
        """The running machine. Raises `Cancelled` when the check is over."""
        with self._lock:
            if self._machine is None:
                raise Cancelled
            return self._machine

    def port(self, name: str) -> int:
        """Where an instance has to listen."""
        return PORTS.get(name, self.world.port)

    def ask(self, name: str, query: str, *, sslmode: str = "prefer") -> str:
        """What psql says to a query asked of an instance."""
        kept = self._said.get((name, query, sslmode))
        return ask(self.machine, self.port(name), query, sslmode=sslmode) if kept is None else kept

    def keep(self, name: str, query: str, *, sslmode: str = "prefer") -> None:
        """Ask now what is wanted later, when another behaviour may have stopped that instance."""
        said = self.ask(name, query, sslmode=sslmode)
        if not said.startswith("psql:") or "SSL" in said:
            self._said[name, query, sslmode] = said

    def replicate(self, name: str, *, sslmode: str) -> str:
        """What an instance says to a replica that wants to know which cluster this is.

        https://www.postgresql.org/docs/17/protocol-replication.html
        """
        where = f"host=127.0.0.1 port={self.port(name)} user=postgres replication=true sslmode={sslmode}"
        return self.machine.sh(f"psql '{where} connect_timeout=10' -qAtc IDENTIFY_SYSTEM")

    def watch(self) -> str:
        """`up`, `failed`, or `died NAME`.

        Raises `LabFailed` where pg does not come up, and is not of the learner's making.
        """
        said = self.machine.sh(_WATCH, timeout=90)
        if said == "late" or (said == "died pg" and self.ours()):
            raise LabFailed(f"the machine did not come up ({said}):\n{self.machine.logs()[-1000:]}")
        return said

    def plan(self) -> dict[str, Plan]:
        """The instances that are in the system, by name."""
        if not self._plan:
            for line in self.machine.sh(_PLAN).splitlines():
                key, _, value = line.partition(" ")
                if key == "name":
                    current = self._plan[value] = Plan()
                elif key == "waits_for":
                    current.waits_for = frozenset(value.split())
                elif key in ("folder", "port"):
                    setattr(current, key, value)
        return self._plan

    def ours(self) -> bool:
        """Whether pg is what the base makes it, untouched by the learner's file."""
        expression = (
            "let s = c: (import /opt/nix/six { configuration = c; }).definitions.pg.outPath; in "
            "s (import /etc/six/configuration.nix) == s (final: [ (import /etc/six/base.nix final) "
            '{ pkgs.openssl = _: "/bin/sh /etc/six/openssl"; } ])'
        )
        return self.machine.sh(f"nix-instantiate --eval -E '{expression}'") == "true"

    def log(self, name: str) -> str:
        """What an instance has written to its logger."""
        return self.machine.sh(f"cat /var/log/{name}/current 2>/dev/null")

    def fatal(self, name: str) -> str:
        """The last thing it said that is an error, or the last line."""
        lines = self.log(name).splitlines() or ["it said nothing"]
        bad = [line for line in lines if "FATAL" in line or "ERROR" in line or "cannot" in line]
        return (bad or lines)[-1].split("GMT ", 1)[-1][-200:]

    def read(self, path: str) -> str:
        """A file inside; empty where there is none."""
        try:
            return self.machine.read(path)
        except InitlabError:
            return ""
