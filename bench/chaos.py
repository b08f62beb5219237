"""Chaos: services of an init are killed at random for minutes; at the end all are up, and no zombie is left.

Run: `.venv/bin/python -m bench.chaos [--init NAME] [--kills 500] [--minutes 5] [--seed N] [--json FILE]`.

Ten services, each after another one's start, some of which leave orphans to PID 1. A kill goes to the main
process of a service that runs: SIGKILL mostly, else SIGTERM or SIGSEGV. After the last one everything has
`SETTLE` seconds to come back. Exit status: 0 when all is well, 1 when a service is down or a zombie is left.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from helpers.engines.base import Image, Process
from helpers.errors import LabError
from helpers.lab import Lab
from helpers.manifest import Manifest

__all__ = ["Report", "chaos", "stack"]

SETTLE = 60.0
_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV)
# Forked twice: their parents end at once, so that PID 1 adopts them and has to reap them.
_FORKS = "(sleep 0.7 &); (sleep 0.2 &); exec sleep {}"


@dataclass
class Report:
    """What was done, and what was left at the end.

    `down` names services that are not up, `zombies` counts processes that nobody reaped, `strays` those whose
    parent is PID 1 and that belong to no service; `gone` is why PID 1 ended, if it did. `seconds_to_return`
    has for each kill the time until another process ran, as far as it was seen before the next kill.
    """

    init: str
    seed: int
    seconds: float = 0.0
    kills: int = 0
    down: list[str] = field(default_factory=list)
    zombies: int = 0
    strays: int = 0
    gone: str = ""
    most_zombies: int = 0
    seconds_to_return: list[float] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every service is up and nothing is left over."""
        return not (self.down or self.zombies or self.strays or self.gone)

    def __str__(self) -> str:
        back = self.seconds_to_return
        said = f"{statistics.median(back) * 1000:.0f} ms, at most {max(back):.2f} s" if back else "never seen"
        left = self.gone or ", ".join(
            [*(f"{name} is down" for name in self.down), f"{self.zombies} zombies, {self.strays} strays"]
        )
        return (
            f"{self.init}: {self.kills} kills in {self.seconds:.0f} s (seed {self.seed}); back after {said} "
            f"(median, {len(back)} seen); at the end: {left}"
        )


def stack(size: int = 10) -> Manifest:
    """`size` longruns: each needs one of those before it, every third leaves children behind."""
    services = []
    for number in range(size):
        seconds = 100_000 + number  # what tells one command line from another
        forks = number % 3 == 2
        command = ["/bin/sh", "-c", _FORKS.format(seconds)] if forks else ["/bin/sleep", str(seconds)]
        needs = [f"s{(number - 1) // 2}"] if number else []
        services.append({"name": f"s{number}", "command": command, "depends_on": needs})
    return Manifest.model_validate({"name": "chaos", "services": services})


def chaos(init: str, *, kills: int, seconds: float, seed: int, image: Image | None = None) -> Report:
    """Boot the stack under `init`, kill as often within as many seconds, and look at what is left."""
    chosen = random.Random(seed)  # a game that can be played again
    report = Report(init, seed)
    with Lab(stack(), init=init, engine="embedded", image=image) as lab:
        names = [service.name for service in lab.manifest.services]
        until = time.monotonic() + SETTLE  # not `lab.ready`: a shell that becomes sleep is nobody to it
        while len(main_pids(lab.sandbox.processes(), names)) < len(names):
            if time.monotonic() > until:
                raise LabError(f"{init} did not start the stack within {SETTLE:g} s", hint="initlab doctor")
            time.sleep(0.05)
        began = time.monotonic()
        killed: dict[str, tuple[float, int]] = {}
        while report.kills < kills and lab.sandbox.exit is None:
            due = began + seconds * report.kills / kills
            table = lab.sandbox.processes()
            now = time.monotonic()
            _note(report, killed, main_pids(table, names), now)
            report.most_zombies = max(report.most_zombies, _zombies(table))
            if now < due:
                time.sleep(min(due - now, 0.02))
                continue
            up = main_pids(table, names)
            if up:
                name = chosen.choice(sorted(up))
                lab.sandbox.signal(int(chosen.choice(_SIGNALS)), up[name])
                killed[name] = (now, up[name])
                report.kills += 1
        report.seconds = time.monotonic() - began
        _settle(report, lab, names)
    return report


def main_pids(table: list[Process], names: list[str]) -> dict[str, int]:
    """Which service has which main process, by the number of seconds it sleeps: not the shells before."""
    wanted = {("sleep", str(100_000 + number)): name for number, name in enumerate(names)}
    found = {}
    for process in table:
        if len(process.argv) == 2 and process.state != "Z":
            name = wanted.get((process.argv[0].rpartition("/")[2], process.argv[1]))
            if name is not None:
                found[name] = process.pid
    return found


def _note(report: Report, killed: dict[str, tuple[float, int]], up: dict[str, int], now: float) -> None:
    for name in [name for name, (_, old) in killed.items() if up.get(name, old) != old]:
        report.seconds_to_return.append(now - killed.pop(name)[0])


def _settle(report: Report, lab: Lab, names: list[str]) -> None:
    """Wait until all is well, or `SETTLE` is over; then say what is."""
    end = time.monotonic() + SETTLE
    while True:
        if lab.sandbox.exit is not None:
            report.gone = f"PID 1 ended with {lab.sandbox.exit.code}"
            return
        table = lab.sandbox.processes()
        up = main_pids(table, names)
        said = {row.name for row in lab.init.status(lab.sandbox, lab.manifest) if row.state == "up"}
        report.down = [name for name in names if name not in up or name not in said]
        report.zombies = _zombies(table)
        # What a service leaves behind sleeps less than a second.
        report.strays = sum(process.argv[1:] in (("0.7",), ("0.2",)) for process in table)
        if report.ok or time.monotonic() > end:
            return
        time.sleep(0.1)


def _zombies(table: list[Process]) -> int:
    return sum(process.state == "Z" for process in table)


def main() -> int:
    """Play, print, and say by the exit status how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--init", default="supervisor-rs")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--json", type=Path, help="write the report there too")
    options = parser.parse_args()
    report = chaos(options.init, kills=options.kills, seconds=60 * options.minutes, seed=options.seed)
    print(report)
    if options.json:
        options.json.write_text(json.dumps(asdict(report), indent=1) + "\n")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
