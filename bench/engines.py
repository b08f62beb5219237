"""What a sandbox costs in each engine: start to exit, a command in a running one, the very first start.

Run: `.venv/bin/python -m bench.engines [--runs N] [--json FILE]`. Everything side by side in one run, by
turns, so that noise falls on all alike, each as the second of two in a row, so that what went before does
not; medians and ratios, for the machine it ran on. `docker run` is the command line's, of the same image,
without a network and with one as it comes. An engine that cannot run here is left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from helpers import image as images
from helpers.engines.base import Engine, Image, Network, Sandbox
from helpers.engines.docker import Docker
from helpers.engines.embedded import Embedded

_COLD = """
import sys, time
from pathlib import Path
began = time.perf_counter()
from helpers.engines.registry import get
from helpers.engines.base import Image
box = get(sys.argv[1]).start(Image(Path(sys.argv[2]), sys.argv[3]), ["/bin/true"])
box.wait(30)
print(time.perf_counter() - began)
"""


def run_true(engine: Engine, image: Image, *, ports: tuple[int, ...] = ()) -> Callable[[], float]:
    """Start a sandbox whose PID 1 is true(1), hear its exit, remove it: as `docker run --rm`."""

    def measure() -> float:
        began = time.perf_counter()
        box = engine.start(image, ["/bin/true"], network=Network(ports))
        code = box.wait(60).code
        box.destroy()
        assert code == 0
        return time.perf_counter() - began

    return measure


def run_command(command: list[str]) -> Callable[[], float]:
    """A command line, to its end."""

    def measure() -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    return measure


def execute(box: Sandbox) -> Callable[[], float]:
    """true(1) inside a running sandbox, waited for."""

    def measure() -> float:
        began = time.perf_counter()
        code = box.exec(["/bin/true"]).code
        assert code == 0
        return time.perf_counter() - began

    return measure


def cold(name: str, image: Image) -> Callable[[], float]:
    """Seconds in a fresh Python until true(1) has exited: imports, keeper, connection."""

    def measure() -> float:
        command = [sys.executable, "-c", _COLD, name, str(image.rootfs), image.digest]
        return float(subprocess.run(command, capture_output=True, check=True).stdout)

    return measure


def by_turns(runs: int, measures: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Each measured `runs` times, one after the other, after one round that does not count."""
    figures: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(runs + 1):
        for name, measure in measures.items():
            measure()  # the daemon still tidies up after what went before, and that weighs on the next
            took = measure()
            if number:
                figures[name].append(took)
    return figures


def measure_all(runs: int, image: Image) -> dict[str, list[float]]:
    """Every figure: name → seconds of each run."""
    embedded = Embedded()
    found = embedded.availability()
    assert found.ok, found.reason
    starts = {"start, embedded": run_true(embedded, image)}
    starts["start, embedded, two ports"] = run_true(embedded, image, ports=(80, 8080))
    running = embedded.start(image, ["/bin/sleep", "3600"])
    commands = {"exec, embedded": execute(running)}
    colds = {"cold start, embedded": cold("embedded", image)}
    boxes: list[Sandbox] = [running]

    docker = Docker()
    found = docker.availability()
    if not found.ok:
        print(f"docker is left out: {found.reason} (mend: {found.mend})", file=sys.stderr)
    else:
        there = docker.start(image, ["/bin/sleep", "3600"])  # imports the image, once
        boxes.append(there)
        starts["start, docker engine"] = run_true(docker, image)
        commands["exec, docker engine"] = execute(there)
        colds["cold start, docker engine"] = cold("docker", image)
        if shutil.which("docker"):
            from docker import from_env

            client = from_env()
            tag = images.docker_tag(client, image)
            client.close()
            run = ["docker", "run", "--rm"]
            starts["start, docker run --network none"] = run_command(
                [*run, "--network", "none", tag, "/bin/true"]
            )
            starts["start, docker run"] = run_command([*run, tag, "/bin/true"])
            commands["exec, docker exec"] = run_command(["docker", "exec", there.id, "/bin/true"])
    try:
        return {
            **by_turns(runs, starts),
            **by_turns(2 * runs, commands),
            **by_turns(runs, colds),
        }
    finally:
        for box in boxes:
            box.destroy()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="at least 10 for a figure to quote")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    figures = measure_all(options.runs, images.ensure())
    medians = {name: statistics.median(times) for name, times in figures.items()}
    for name, times in figures.items():
        kind = name.split(",")[0]
        ratio = medians[name] / medians[f"{kind}, embedded"]
        spread = f"{min(times) * 1000:.1f} … {max(times) * 1000:.1f}"
        print(
            f"{name:<34} median {medians[name] * 1000:8.1f} ms  {ratio:6.1f} x   ({spread}, n = {len(times)})"
        )
    load = os.getloadavg()[0]
    print(f"x: times the embedded engine's; {os.cpu_count()} processors, load {load:.1f} at the end")
    if options.json:
        options.json.write_text(json.dumps({"seconds": figures, "medians": medians, "load": load}, indent=1))


if __name__ == "__main__":
    main()
