"""Put a new database under running services, and touch only those that it changes.

Unlike s6-rc-update, which restarts a service whose definition changed only where a conversion file says so,
this one finds out by itself: each service's `digest` tells. A change of a consumer (a logger) leaves its
producer alone: the pipe between them stays.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from s6rc import Failure, change
from s6rc.database import Database, load
from s6rc.live import Live, add_longruns


@dataclass
class Difference:
    """Two databases compared: names of atomic services, sorted."""

    added: list[str]
    removed: list[str]
    changed: list[str]


def diff(old: Database, new: Database) -> Difference:
    """A service has changed when its kind has, or anything it runs with; dependencies do not count."""
    both = old.services.keys() & new.services.keys()
    return Difference(
        sorted(new.services.keys() - both),
        sorted(old.services.keys() - both),
        sorted(n for n in both if _identity(old, n) != _identity(new, n)),
    )


def _identity(database: Database, name: str) -> tuple[str, str]:
    return database.services[name].kind, database.services[name].digest


def plan(old: Database, new: Database, up: set[str], forced: set[str]) -> tuple[set[str], set[str]]:
    """What goes down under the old database, and what comes up under the new one.

    A service that depends on one that goes down goes down too, unless it is only its producer.
    """
    found = diff(old, new)
    down, left = set(), [n for n in {*found.removed, *found.changed, *forced} if n in up]
    dependents = old.dependents()
    while left:
        name = left.pop()
        if name in down:
            continue
        down.add(name)
        left += [
            d
            for d in dependents[name]
            if d in up and (old.services[d].consumer != name or name in found.removed)
        ]
    stay = {name for name in up if name in new.services or name in new.bundles}
    return down, new.closure(new.atomics(sorted(stay))) - (up - down)


def update(
    live: Live, target: Path, forced: set[str], end: float | None, verbosity: int, dry: bool = False
) -> None:
    """Stop, switch, start. The switch is one rename; before and after it services move one by one.

    When a stop fails nothing is switched, and the old database counts. When a start fails the new one
    counts: what is up is in the state, and `s6-rc change` goes on from there.
    """
    old, new = live.database, load(target)
    for name in forced - old.services.keys():
        raise Failure(f"no service {name} in {old.path}", 3)
    down, up = plan(old, new, live.up(), forced)
    change.run(live, down, False, end, verbosity, dry)
    if not dry:
        _replace_servicedirs(live, new)
        draft = live.path / ".compiled"
        draft.unlink(missing_ok=True)
        draft.symlink_to(new.path)
        draft.rename(live.path / "compiled")  # from here on the new database counts
    change.run(Live(live.path, new), up, True, end, verbosity, dry)


def _replace_servicedirs(live: Live, new: Database) -> None:
    """Service directories as the new database has them; services that stay up keep theirs."""
    old = live.database
    there = {path.name for path in (live.path / "servicedirs").iterdir()}
    both = there & old.services.keys() & new.services.keys()
    stay = {name for name in both if _identity(old, name) == _identity(new, name)}
    for name in sorted(there - stay):
        # It takes the link away and waits until s6-supervise has ended.
        subprocess.run(["s6-svunlink", "-t", "5000", live.path / "scandir", name], capture_output=True)
        (live.path / "scandir" / name).unlink(missing_ok=True)
        shutil.rmtree(live.path / "servicedirs" / name)
    add_longruns(
        live.path, new, [n for n, s in new.services.items() if s.kind == "longrun" and n not in stay], 5000
    )
