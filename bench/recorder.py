"""Does the flight recorder miss anything, and what does it cost?

Run: `.venv/bin/python -m bench.recorder [--seconds N] [--json FILE]`. A program inside a sandbox forks at a
steady rate; each child exits with a status that its number gives. What the program says it made is compared
with what was recorded, for each source. Figures are for the machine it ran on; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from helpers import image as images
from helpers.engines.base import Limits
from helpers.lab import Lab
from helpers.manifest import Manifest
from helpers.probes.record import SOURCES
from helpers.show.table import text_table

FORKER = """
import os, sys, time
rate, seconds = float(sys.argv[1]), float(sys.argv[2])
made, began = 0, time.monotonic()
while time.monotonic() - began < seconds:
    child = os.fork()
    if child == 0:
        os._exit(made % 251)
    os.waitpid(child, 0)
    made += 1
    ahead = began + made / rate - time.monotonic() if rate else 0
    if ahead > 0:
        time.sleep(ahead)
print(made, time.monotonic() - began)
"""
IDLE = Manifest.model_validate({"name": "idle", "services": [{"name": "idle", "command": ["sleep", "1000"]}]})


@dataclass
class Figures:
    """One run. `made` forks by the program's own count; `right` exits with the status expected, in order."""

    source: str
    rate: float
    made: int
    forks: int
    right: int
    reaped: int
    by_parent: int
    inside: int
    signals: int
    lost: int
    cpu: float
    seconds: float


def burst(source: str, rate: float, seconds: float) -> Figures:
    """Fork inside at `rate` a second (0: as fast as it goes), recorded from `source`."""
    with Lab(IDLE, init="tini", limits=Limits(pids=2000)) as lab:
        lab.ready()
        with lab.record(source=source) as rec:
            command = ["python3", "-c", FORKER, str(rate), str(seconds)]
            said = lab.sandbox.exec(command, timeout=seconds + 30).text.split()
            time.sleep(0.3)
    made, took = int(said[0]), float(said[1])
    parents = [event.pid for event in rec.kind("exec") if FORKER in event.argv]
    parent = parents[0] if parents else -1
    forks = [event for event in rec.kind("fork") if event.by == parent]
    mine = {(event.outside, event.pid) for event in forks}
    exits = [event for event in rec.kind("exit") if (event.outside, event.pid) in mine]
    reaps = [event for event in rec.kind("reaped") if (event.outside, event.pid) in mine]
    return Figures(
        source=source,
        rate=made / took,
        made=made,
        forks=len(forks),
        right=sum(event.status == number % 251 for number, event in enumerate(exits)),
        reaped=len(reaps),
        by_parent=sum(event.by == parent for event in reaps),
        inside=sum(event.pid > 0 for event in forks),
        signals=sum(event.signal == "SIGCHLD" for event in rec.kind("signal") if event.pid == parent),
        lost=rec.lost,
        cpu=rec.cpu,
        seconds=took,
    )


def boot(source: str | None) -> float:
    """Seconds from `start` until the web stack is ready under runit, recorded or not."""
    lab = Lab("web", init="runit")
    rec = lab.record(source=source) if source else None
    began = time.monotonic()
    try:
        lab.ready()
        return time.monotonic() - began
    finally:
        lab.close()
        if rec is not None:
            rec.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--boots", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    images.ensure()
    found = []
    for rate in (100, 500, 1000, 0):
        for source in SOURCES:
            if source == "polling" and rate == 0:
                continue
            found.append(burst(source, rate, options.seconds))
    header = ("source", "forks/s", "made", "forks", "status right", "reaped", "by parent", "PID inside")
    rows = [
        [f.source, f"{f.rate:.0f}", str(f.made)]
        + [f"{n} ({n / f.made:.1%})" for n in (f.forks, f.right, f.reaped, f.by_parent, f.inside)]
        + [
            f"{f.signals / f.made:.1%}",
            str(f.lost),
            f"{f.cpu / f.seconds:.1%}",
            f"{f.cpu / f.made * 1e6:.0f}",
        ]
        for f in found
    ]
    print(text_table([*header, "SIGCHLDs", "lost", "processor", "µs/fork"], rows))
    boots: dict[str, list[float]] = {"not recorded": [], **{source: [] for source in SOURCES}}
    boot(None)
    for _ in range(options.boots):  # by turns, so that noise falls on all alike
        for name, times in boots.items():
            times.append(boot(None if name == "not recorded" else name))
    plain = statistics.median(boots["not recorded"])
    print()
    for name, times in boots.items():
        middle = statistics.median(times)
        print(f"boot to ready, {name:<18} median {middle * 1000:6.0f} ms, ratio {middle / plain:.2f}")
    if options.json:
        options.json.write_text(json.dumps({"bursts": [asdict(f) for f in found], "boots": boots}, indent=1))


if __name__ == "__main__":
    main()
