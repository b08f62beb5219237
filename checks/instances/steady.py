"""How pg-steady of `p1.instances` is stopped, killed and broken.

The signals are PostgreSQL's (https://www.postgresql.org/docs/17/server-shutdown.html), the exit code 125 is
s6-supervise's (https://skarnet.org/software/s6/servicedir.html).
"""

from __future__ import annotations

from checks.behaviours import Finding, Trial
from checks.instances.machine import Instances

__all__ = ["stopped", "told_apart"]

_NAME = "pg-steady"
_SERVICE = f"/run/service/{_NAME}"
_FILES = ("PG_VERSION", "global/pg_control")
_CLIENT = (
    "psql 'host=127.0.0.1 port=5435 user=postgres application_name=guest' -qc 'select pg_sleep(600)'"
    " >/dev/null 2>&1 & echo $!"
)

# As s6-supervise calls it, without the deaths; one that does not come to its end is asked no more.
_MANY_DEATHS = f"""
cd {_SERVICE}
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
    timeout 5 ./finish 256 9 {_NAME} 1 >/dev/null 2>&1
    code=$?
    echo $code
    [ $code -lt 124 ] || break
done
"""


def _deaths(mine: Instances) -> list[str]:
    """What s6-supervise remembers of each death, the oldest first."""
    return mine.machine.sh(f"s6-svdt {_SERVICE}").splitlines()


def _last_death(mine: Instances) -> str:
    return " ".join(_deaths(mine)[-1].split()[1:])


def _wanted(mine: Instances) -> bool:
    """False where s6-supervise leaves it down: it was told so, or finish said 125."""
    return mine.machine.sh(f"s6-svstat -o wantedup {_SERVICE}") == "true"


def _answers(mine: Instances) -> bool:
    return mine.ask(_NAME, "select 1") == "1"


def stopped(trial: Trial, mine: Instances) -> Finding:
    """Stopped as s6-rc stops it, with a client that has no wish to leave."""
    machine, world = mine.machine, mine.world
    expected = "it ends, the client too, and its data folder is shut down cleanly"
    made = mine.ask(_NAME, world.write())
    client = machine.sh(_CLIENT)
    there = "select count(*) from pg_stat_activity where application_name = 'guest'"
    if not trial.until(lambda: mine.ask(_NAME, there) == "1", 20.0):
        mine.base_answers()
        seen = f"no client can connect: {mine.ask(_NAME, there)[:200]} {made[:100]}"
        return trial.no(expected=expected, seen=seen, hint="silent")
    before = len(_deaths(mine))
    machine.sh(f"s6-svc -d {_SERVICE}")

    def gone() -> bool:
        return len(_deaths(mine)) > before

    def over() -> bool:
        return gone() or "received smart shutdown request" in mine.log(_NAME)

    trial.until(over, 30.0, 0.05)
    if not gone():
        said = [line for line in mine.log(_NAME).splitlines() if "shutdown request" in line]
        seen = f"it does not end: {said[-1].split('LOG:')[-1].strip() if said else 'nothing in its log'}"
        machine.sh(f"kill {client}")
        return trial.no(expected=expected, seen=seen, hint="smart-shutdown")
    folder = mine.plan()[_NAME].folder or f"/var/lib/postgresql/{_NAME}"
    control = machine.sh(f"/usr/lib/postgresql/17/bin/pg_controldata {folder} | grep 'cluster state'")
    state = control.partition(":")[2].strip()
    if state != "shut down":
        seen = f"it ended, and pg_controldata says: {state or control}"
        return trial.no(expected=expected, seen=seen, hint="unclean")
    return trial.ok(expected=expected, seen=f"{_last_death(mine)}; {state}")


def told_apart(trial: Trial, mine: Instances) -> Finding:
    """Killed; stopped, and refused for a reason that passes; without one file, and without the other."""
    machine = mine.machine
    folder = mine.plan()[_NAME].folder or f"/var/lib/postgresql/{_NAME}"
    expected = (
        "started again after a kill and after an error that passes, left down when a file of its data is gone"
    )

    def kill() -> None:
        machine.sh(f"kill -9 $(s6-svstat -o pid {_SERVICE})")

    def restarted() -> bool | None:
        """True when it answers again, False when finish gave up."""
        if not _wanted(mine):
            return False
        return True if _answers(mine) else None

    def back() -> bool | None:
        """True when it is there again, False when finish gave up, None when neither in a long time."""
        found = trial.until(lambda: (answer,) if (answer := restarted()) is not None else None, 30.0, 0.05)
        if found is None:
            mine.base_answers()
        return found and found[0]

    machine.sh(f"s6-svc -u {_SERVICE}")
    back()
    kill()
    again = back()
    if again is False:
        seen = "kill -9, and it stays down: finish said 125"
        return trial.no(expected=expected, seen=seen, hint="finish-always")
    read = mine.ask(_NAME, mine.world.read())
    if not again or read != mine.world.row:
        seen = f"after kill -9: {read[:200] if again else mine.fatal(_NAME)}"
        return trial.no(expected=expected, seen=seen, hint="lost-data")

    # Stopped to be started again, and then an error that passes: PostgreSQL refuses a data folder that others
    # may read, with exit code 1.
    before = len(_deaths(mine))
    machine.sh(f"chmod 755 {folder}; s6-svc -r {_SERVICE}")
    trial.until(lambda: len(_deaths(mine)) >= before + 2 or not _wanted(mine), 30.0)
    machine.sh(f"chmod 700 {folder}")
    again = back()
    if not again:
        seen = f"it ended with {_last_death(mine)}, and stays down: finish said 125"
        hint = "finish-by-code" if again is False else "lost-data"
        return trial.no(expected=expected, seen=seen, hint=hint)

    told = mine.read(f"/run/{_NAME}.deaths").splitlines()
    if "256 9" not in told or not {"0", "1"} <= {line.split(" ")[0] for line in told}:
        seen = f"/run/{_NAME}.deaths: {'; '.join(told)[:200] or 'nothing'}"
        return trial.no(expected=expected, seen=seen, hint="no-deaths")

    # Both files, in either order; the first one is back before the other one goes.
    given_up = []
    for number, file in enumerate(trial.rng.sample(_FILES, 2)):
        before = len(_deaths(mine))
        machine.sh(f"mv {folder}/{file} /run/kept")
        if number == 0:
            kill()
        else:
            machine.sh(f"s6-svc -u {_SERVICE}")
        trial.until(lambda: not _wanted(mine) or len(_deaths(mine)) >= before + 2, 30.0, 0.05)  # noqa: B023
        given_up.append(not _wanted(mine))
        machine.sh(f"mv /run/kept {folder}/{file}")
    if not all(given_up):
        hint = "finish-half" if any(given_up) else "finish-never"
        seen = "a file of its data is gone, and it is started again and again"
        return trial.no(expected=expected, seen=seen, hint=hint)
    told = mine.read(f"/run/{_NAME}.deaths").splitlines()
    if "125" in machine.sh(_MANY_DEATHS, timeout=60).split():
        seen = "its data folder is whole again; asked a few times more, finish says 125"
        return trial.no(expected=expected, seen=seen, hint="finish-always")
    return trial.ok(expected=expected, seen=f"so it is; told: {'; '.join(told)[:100]}")
