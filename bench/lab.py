"""What the course's own layer costs: lab reset, boot to ready against the same tree by hand, imports.

Run: `.venv/bin/python -m bench.lab [--runs N] [--json FILE]`. Everything side by side in one run; medians
and ratios, for the machine it ran on. "By hand" is what a shell does with the same rendered files: a tmpfs,
a copy of the tree, bwrap with the engine's own flags, and curl from inside until nginx answers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from helpers import image as images
from helpers.engines.base import Image, Network
from helpers.engines.embedded import Embedded, _bwrap_command
from helpers.lab import Lab

_SCRIPT = """
set -e
mount -t tmpfs -o mode=0755 tmpfs "$1"
mkdir "$1/upper" "$1/work"
cp -a "$2/." "$1/upper/"
shift 2
exec "$@"
"""


def boot_by_hand(image: Image, lab: Lab) -> float:
    """Seconds from the first command until nginx answers through app and redis."""
    with tempfile.TemporaryDirectory() as folder:
        tree, disk = Path(folder, "tree"), Path(folder, "disk")
        disk.mkdir()
        lab.tree().write_to(tree)
        put = {"{upper}": f"{disk}/upper", "{work}": f"{disk}/work", "{info}": "1"}
        argv = [put.get(word, word) for word in _bwrap_command(image, lab.init.pid1(), "hand")]
        began = time.monotonic()
        command = [
            "unshare",
            "--mount",
            "--propagation",
            "slave",
            "sh",
            "-c",
            _SCRIPT,
            "sh",
            disk,
            tree,
            *argv,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as bwrap:
            assert bwrap.stdout is not None
            info = b""
            while not info.rstrip().endswith(b"}"):
                info += bwrap.stdout.readline()
            pid1 = json.loads(info)["child-pid"]
            ask = ["nsenter", "-t", str(pid1), "-n", "curl", "-fso", "/dev/null", "http://127.0.0.1:8080/"]
            while subprocess.run(ask, check=False, stderr=subprocess.DEVNULL).returncode != 0:
                if bwrap.poll() is not None:
                    raise SystemExit("the stack started by hand ended")
                time.sleep(0.01)
            took = time.monotonic() - began
            bwrap.kill()
        while Path(f"/proc/{pid1}").exists():  # its end must not weigh on the next measurement
            time.sleep(0.005)
        return took


def boot_as_lab(image: Image, init: str) -> float:
    """Seconds for the same through `Lab(...).ready()`."""
    lab = Lab("web", init=init, engine="embedded", image=image)
    began = time.monotonic()
    try:
        lab.ready()
        lab.http("nginx")
        return time.monotonic() - began
    finally:
        lab.close()


def reset(image: Image, init: str, runs: int) -> list[float]:
    """Seconds of `reset()`: stop, fresh root, PID 1 up again."""
    times = []
    with Lab("web", init=init, engine="embedded", image=image) as lab:
        for _ in range(runs):
            lab.ready()
            began = time.monotonic()
            lab.reset()
            times.append(time.monotonic() - began)
    return times


def imports(module: str) -> float:
    """Seconds a fresh Python takes to import `module`, less its own start."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def repeat(runs: int, measure: Callable[[], float]) -> list[float]:
    """`measure` called `runs` times, after one call that does not count."""
    measure()
    return [measure() for _ in range(runs)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    image = images.ensure()
    Embedded().start(image, ["/bin/true"], network=Network()).destroy()  # the keeper is up from here on
    figures: dict[str, list[float]] = {}
    for init in ("runit", "openrc", "s6"):
        lab = Lab("web", init=init, engine="embedded", image=image)
        hand, ours = [], []
        for _ in range(options.runs):  # by turns, so that noise falls on both alike
            hand.append(boot_by_hand(image, lab))
            ours.append(boot_as_lab(image, init))
        figures[f"{init}: boot to ready by hand"] = hand
        figures[f"{init}: boot to ready as a lab"] = ours
        figures[f"{init}: lab reset"] = reset(image, init, options.runs)
    for module in ("helpers", "helpers.lab", "checks.phase0"):
        figures[f"import {module}"] = repeat(options.runs, lambda module=module: imports(module))  # type: ignore[misc]
    for name, times in figures.items():
        spread = f"{min(times) * 1000:.0f} … {max(times) * 1000:.0f}"
        print(f"{name:<36} median {statistics.median(times) * 1000:8.1f} ms   ({spread}, n = {len(times)})")
    for init in ("runit", "openrc", "s6"):
        hand, ours = (
            statistics.median(figures[f"{init}: boot to ready {how}"]) for how in ("by hand", "as a lab")
        )
        print(f"{init}: as a lab / by hand = {ours / hand:.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
