"""`p1.instances`: three more instances of one PostgreSQL, judged by what real clients and real deaths show.

The base has another port and other settings in each run (`checks.instances.machine`). What shows itself in
the definitions is asked before anything is waited for; then all instances are booted once, and asked.
"""

from __future__ import annotations

from checks.behaviours import Finding, Suite, Trial
from checks.instances.hints import HINTS
from checks.instances.machine import NAMES, PORTS, Endless, Instances, World
from checks.instances.steady import stopped, told_apart
from helpers.nix.errors import NixError

__all__ = ["HINTS", "SUITE", "Instances"]

SUITE: Suite[Instances] = Suite(HINTS)
_ENCRYPTED = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"


@SUITE.behaviour("builds", points=1, asked="a system with three instances more, pg as it was")
def builds(trial: Trial, mine: Instances) -> Finding:
    """It is evaluated and compiled; data folders, ports and dependencies do not stand in each other's way."""
    expected = "pg untouched; each instance with a folder and a port of its own, after its template"
    try:
        mine.boot(World.make(trial.rng))
    except NixError as error:
        lines = [line for line in error.raw.splitlines() if line.startswith("s6-rc-compile:")]
        return trial.no(expected="a system", seen=(lines or [error.message])[0][:300], hint=_why(error))
    except Endless:
        return trial.no(expected="a system", seen="Nix evaluates, and does not end", hint="endless")
    plan = mine.plan()
    if gone := [name for name in NAMES if name not in plan]:
        return trial.no(expected=expected, seen=f"no longrun {', '.join(gone)}", hint="lacking")
    for name in PORTS:
        for other in NAMES[: NAMES.index(name)]:
            if (folder := plan[name].folder) and folder == plan[other].folder:
                return trial.no(expected=expected, seen=f"{other} and {name}: {folder}", hint="same-folder")
            if (port := plan[name].port) and port == plan[other].port:
                return trial.no(expected=expected, seen=f"{other} and {name}: port {port}", hint="same-port")
    if not mine.ours():
        return trial.no(
            expected=expected, seen="pg has another definition with your file", hint="touches-base"
        )
    for name in PORTS:
        if "pg-template" not in plan[name].waits_for:
            seen = f"{name} waits for {', '.join(sorted(plan[name].waits_for)) or 'nothing'}"
            return trial.no(expected=expected, seen=seen, hint="lost-template")
    ports = ", ".join(f"{name} on {plan[name].port or '?'}" for name in NAMES)
    return trial.ok(expected=expected, seen=ports)


def _why(error: NixError) -> str:
    for words, hint in (
        ("write final.targets.NAME", "not-by-name"),
        ("services depend on each other", "cycle"),
        ("unexpected argument", "unknown-argument"),
        ("infuse.input", "not-there"),
        ("infuse.output", "not-there"),
        ("invalid type", "data-as-leaf"),
    ):
        if words in error.raw:
            return hint
    if error.kind in ("syntax", "undefined"):
        return "no-syntax"
    return "recursion" if error.kind == "recursion" else "no-build"


@SUITE.behaviour("boots", points=1, needs=("builds",), asked="boot them all at once")
def boots(trial: Trial, mine: Instances) -> Finding:
    """Every instance comes up at the first try, and answers where it should."""
    expected = "all up at the first try, and answering on " + ", ".join(str(p) for p in PORTS.values())
    how, _, name = mine.watch().partition(" ")
    if how == "died":
        hint = trial.until(lambda: _death(mine.log(name)), 3.0) or "does-not-start"
        return trial.no(expected=expected, seen=f"{name}: {mine.fatal(name)}", hint=hint)
    up = mine.machine.pids()
    down = [name for name in PORTS if name not in up]
    if how == "failed":
        lines = [line for line in mine.machine.logs().splitlines() if "error:" in line or "unable" in line]
        hint = "copy-failed" if down == ["pg-replica"] else "does-not-start"
        return trial.no(expected=expected, seen="; ".join(lines)[:300] or "the activation failed", hint=hint)
    if down:
        return trial.no(expected=expected, seen=f"not up: {', '.join(down)}", hint="not-default")
    for name in NAMES:
        if (said := mine.ask(name, "select 1")) != "1" and "no encryption" not in said:
            if name == "pg":
                return trial.no(expected=expected, seen=f"pg: {said[:200]}", hint="touches-base")
            return trial.no(expected=expected, seen=f"{name}: {said[:200]}", hint="silent")
    # `stop` takes pg-steady down while others are still asking.
    mine.keep("pg-steady", mine.world.settings())
    mine.keep("pg-steady", _ENCRYPTED, sslmode="require")
    return trial.ok(expected=expected, seen=f"{len(up)} services up, no death, {len(NAMES)} answers")


def _death(log: str) -> str:
    """The hint for an instance that ended right after its start; empty while its log does not say why."""
    for words, hint in (
        ("could not bind", "same-port"),
        ("group or world access", "key-mode"),
        ("must be owned by", "key-mode"),
        ("could not load server certificate file", "no-certificate"),
        ("could not access private key file", "no-certificate"),
        ("could not load private key file", "key-mode"),
    ):
        if words in log:
            return hint
    return ""


@SUITE.behaviour("replica", points=1, needs=("boots",), asked="pg-replica follows pg, and refuses to write")
def replica(trial: Trial, mine: Instances) -> Finding:
    """What is written on pg is read there; a table or a row made there is refused."""
    world = mine.world
    expected = f"a row of pg ({world.row}) is read there, an INSERT is refused"
    said = mine.ask("pg-replica", f"create table own_{world.table} (x int)")
    if "read-only transaction" not in said:
        return trial.no(
            expected=expected, seen=f"CREATE TABLE there: {said[:200] or 'done'}", hint="writable"
        )
    if mine.ask("pg-replica", "select pg_is_in_recovery()") != "t":
        seen = "it refuses, and receives nothing: it is not in recovery"
        return trial.no(expected=expected, seen=seen, hint="not-following")
    mine.ask("pg", world.write())
    if not trial.until(lambda: mine.ask("pg-replica", world.read()) == world.row, 20.0, 0.05):
        seen = f"after 20 s there: {mine.ask('pg-replica', world.read())[:200]}"
        return trial.no(expected=expected, seen=seen, hint="not-following")
    said = mine.ask("pg-replica", world.insert())
    if "read-only transaction" not in said:
        return trial.no(expected=expected, seen=f"INSERT there: {said[:200] or 'done'}", hint="writable")
    return trial.ok(expected=expected, seen=f"{world.row}; {said.removeprefix('ERROR:').strip()[:100]}")


@SUITE.behaviour(
    "tls", points=1, needs=("boots",), asked="pg-tls speaks TLS only, and is the only one that does"
)
def tls(trial: Trial, mine: Instances) -> Finding:
    """sslmode=require is encrypted, sslmode=disable turned away, for replication too; others speak no TLS."""
    expected = "encrypted where asked for, plain text refused there"
    said = mine.ask("pg-tls", _ENCRYPTED, sslmode="require")
    if said != "t":
        return trial.no(expected=expected, seen=f"sslmode=require: {said[:200]}", hint="no-tls")
    refused = mine.ask("pg-tls", _ENCRYPTED, sslmode="disable")
    if refused in ("t", "f"):
        return trial.no(expected=expected, seen="a client without TLS was let in", hint="plain-text")
    # `all` in pg_hba.conf names every database, and not replication, which is asked of the server as a whole.
    said = mine.replicate("pg-tls", sslmode="disable")
    if not said.startswith("psql:"):
        seen = "a replica without TLS was let in: it would get a copy of everything"
        return trial.no(expected=expected, seen=seen, hint="plain-replication")
    for name in NAMES:
        if name != "pg-tls" and mine.ask(name, _ENCRYPTED, sslmode="require") == "t":
            return trial.no(expected=expected, seen=f"{name} speaks TLS, too", hint="tls-everywhere")
    why = refused.rpartition("FATAL:")[2].strip()
    return trial.ok(expected=expected, seen=f"encrypted; without TLS: {why[:120]}")


@SUITE.behaviour("inherits", points=2, needs=("boots",), asked="what pg has been given, all of them have")
def inherits(trial: Trial, mine: Instances) -> Finding:
    """Two settings of the base, different in each run, are in force in every instance; so are its time until
    SIGKILL and its finish where nothing else is asked for."""
    key, value = mine.world.setting
    expected = f"{key} = {value} and work_mem = {mine.world.memory}, everywhere"
    for name in NAMES:
        said = mine.ask(name, mine.world.settings())
        if said == f"{value} {mine.world.memory}":
            continue
        if said.startswith("psql:"):
            mine.base_answers()
            return trial.no(expected=expected, seen=f"{name}: {said[:200]}", hint="silent")
        kept = mine.read(f"/run/service/{name}/timeout-kill").strip() == str(mine.world.timeout_kill)
        hint = "drops-sibling" if kept else "copied-base"
        return trial.no(expected=expected, seen=f"{name}: {said[:200] or 'not set'}", hint=hint)
    # pg-steady alone is asked for another finish.
    for name in ("pg-replica", "pg-tls"):
        for file in ("timeout-kill", "finish"):
            found, pg = (mine.read(f"/run/service/{one}/{file}").strip() for one in (name, "pg"))
            if found != pg:
                seen = f"{name}: {file} is {found[:120] or 'not there'}; of pg: {pg[:120]}"
                return trial.no(expected=expected, seen=seen, hint="copied-base")
    return trial.ok(expected=expected, seen="in all four")


@SUITE.behaviour("stop", points=1, needs=("boots",), asked="pg-steady is stopped while a client is connected")
def stop(trial: Trial, mine: Instances) -> Finding:
    """It ends in spite of the client, and its data folder says `shut down`."""
    return stopped(trial, mine)


@SUITE.behaviour("finish", points=3, needs=("stop",), asked="pg-steady dies, five times, each time otherwise")
def finish(trial: Trial, mine: Instances) -> Finding:
    """Started again after a kill -9 and after an exit code; left down where a file of its data is gone."""
    return told_apart(trial, mine)
