"""What a system that Nix builds costs: build, compile and boot; one changed service; a rollback.

Run: `.venv/bin/python -m bench.six [--runs N] [--json FILE]`. Medians for the machine it ran on, by turns
with the same three services without Nix: as a lab under the same s6-rc. Beside an activation stands the same
service taken down and up by hand, until it is ready again.
Wanted: a boot in less than 10 s, an activation and a rollback in less than 1 s each.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

from helpers import image as images
from helpers.engines.base import Image
from helpers.lab import Lab
from helpers.six import WEB, Activation, Machine

# Not `s6-svc -r`: s6-supervise waits a second before it starts again what has only just been started.
_BY_HAND = "s6-rc -d change nginx && s6-rc -u change nginx"
_TARGETS = {"boot: six": 10.0, "one changed service: activate": 1.0, "rollback": 1.0}


def boot_as_six(image: Image) -> float:
    """Seconds from nothing until nginx answers: PID 1 evaluates, builds, compiles, and starts."""
    began = time.monotonic()
    with Machine(WEB, image=image, engine="embedded") as machine:
        machine.up()
        machine.http()
        return time.monotonic() - began


def boot_as_lab(image: Image) -> float:
    """Seconds for the same stack under s6-rc, without Nix."""
    began = time.monotonic()
    with Lab("web", init="s6-rc", engine="embedded", image=image) as lab:
        lab.ready()
        lab.http("nginx")
        return time.monotonic() - began


def moved_alone(done: Activation) -> float:
    """The seconds of an activation. Raises `RuntimeError` unless it moved nginx and nothing else."""
    if not done.ok or done.moved != ("nginx",):
        raise RuntimeError(f"not what is measured here: {done}")
    return done.seconds


def changes(image: Image, runs: int, figures: dict[str, list[float]]) -> None:
    """One machine; nginx on another port, forth and back, `runs` times after one that does not count."""
    names = ("one changed service: build", "one changed service: activate", "rollback", "down and up by hand")
    for name in names:
        figures[name] = []
    with Machine(WEB, image=image, engine="embedded") as machine:
        machine.up()
        for number in range(runs + 1):
            machine.configure(WEB.replace("nginx { }", f"nginx {{ port = {18081 + number}; }}"))
            built = machine.build()  # a port that no system had: nothing of it is in the store yet
            activated = moved_alone(machine.activate(built))
            back = moved_alone(machine.rollback())
            began = time.monotonic()
            said = machine.sh(f"{_BY_HAND} && echo done")
            by_hand = time.monotonic() - began
            if said != "done":
                raise RuntimeError(f"nginx was not taken down and up: {said}")
            for name, seconds in zip(names, (built.seconds, activated, back, by_hand), strict=True):
                if number:
                    figures[name].append(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    image = images.ensure()
    boot_as_lab(image)  # the image is warm and the keeper up from here on
    figures: dict[str, list[float]] = {"boot: six": [], "boot: s6-rc without Nix": []}
    for _ in range(options.runs):  # by turns, so that noise falls on both alike
        figures["boot: six"].append(boot_as_six(image))
        figures["boot: s6-rc without Nix"].append(boot_as_lab(image))
    changes(image, options.runs, figures)
    for name, times in figures.items():
        spread = f"{min(times) * 1000:.0f} … {max(times) * 1000:.0f}"
        wanted = f"   target < {_TARGETS[name]:g} s" if name in _TARGETS else ""
        median = statistics.median(times) * 1000
        print(f"{name:<32} median {median:8.1f} ms   ({spread}, n = {len(times)}){wanted}")
    six, lab = (statistics.median(figures[f"boot: {how}"]) for how in ("six", "s6-rc without Nix"))
    print(f"boot: six / s6-rc without Nix = {six / lab:.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
