"""The state engine: bring many services up or down, each as soon as it can, as many at once as can.

`plan` says what has to happen, `run` does it. A service goes up when all it depends on is up, and down when
all that depends on it is down. What fails keeps back only what waits for it.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from s6rc import Failure
from s6rc.database import Database
from s6rc.live import Live


def plan(
    database: Database, up: set[str], selection: set[str], go_up: bool, prune: bool
) -> tuple[set[str], set[str]]:
    """The services to bring down, then those to bring up.

    <https://skarnet.org/software/s6-rc/s6-rc.html>: with `prune` the selection is the whole of the wanted
    state.
    """
    if go_up:
        wanted = database.closure(selection)
        return (up - wanted if prune else set()), wanted - up
    unwanted = database.closure(selection, reverse=True)
    return unwanted & up, (set(database.services) - unwanted - up if prune else set())


def run(
    live: Live, names: set[str], up: bool, end: float | None, verbosity: int = 1, dry: bool = False
) -> None:
    """Make these transitions. Raises `Failure`: 1 when one failed, 2 when `end` (monotonic) has passed."""
    direct = {name: set(service.dependencies) for name, service in live.database.services.items()}
    edges = direct if up else {name: set(found) for name, found in live.database.dependents().items()}
    waiting = {name: edges[name] & names for name in names}
    failed: dict[str, str] = {}
    verb, doing, has = ("start", "starting", "started") if up else ("stop", "stopping", "stopped")
    with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
        running: dict[Future[str], str] = {}
        while waiting or running:
            for name in sorted(name for name, needs in waiting.items() if not needs):
                del waiting[name]
                _tell(verbosity > 1 or dry, f"service {name}: {doing}")
                running[pool.submit(_nothing if dry else live.transition, name, up)] = name
            if not running:
                break  # what is left waits for what has failed
            left = None if end is None else max(0.0, end - time.monotonic())
            done, _ = wait(running, timeout=left, return_when=FIRST_COMPLETED)
            if not done:
                pool.shutdown(wait=False, cancel_futures=True)
                raise Failure(f"timed out while {doing} {', '.join(sorted(running.values()))}", 2)
            for future in done:
                name = running.pop(future)
                if problem := future.result():
                    failed[name] = problem
                    _tell(verbosity > 0, f"service {name}: unable to {verb}: {problem}")
                    continue
                if not dry:
                    live.set_up(name, up)
                _tell(verbosity > 1, f"service {name}: successfully {has}")
                for needs in waiting.values():
                    needs.discard(name)
    if failed:
        held = f"; not tried: {', '.join(sorted(waiting))}" if waiting else ""
        raise Failure(f"unable to {verb} {', '.join(sorted(failed))}{held}", 1)


def _nothing(name: str, up: bool) -> str:
    return ""


def _tell(wanted: bool, message: str) -> None:
    if wanted:
        print(f"s6-rc: {message}", file=sys.stderr, flush=True)
