"""What an evaluation by the real Nix costs: one process each, many in one, and a store's life.

Run: `.venv/bin/python -m bench.nix [--runs N] [--json FILE]`. Medians for the machine it ran on. The batch is
the conformance table of infuse; "process alone" is the same with one trivial expression, so the difference
is what the expressions themselves take.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from helpers import nix
from helpers.nix.places import best_place
from tests.infuse.table import cases

_LIBRARY = Path(__file__).parents[1] / "labs" / "nix" / "infuse.nix"
_BUILD = (
    'derivation {{ name = "thing-{n}"; system = builtins.currentSystem; builder = "/bin/sh"; '
    'args = [ "-c" "echo {n} > $out" ]; }}'
)


def seconds(runs: int, measure: Callable[[], object]) -> list[float]:
    """Seconds of each of `runs` calls, after one that does not count."""
    measure()
    times = []
    for _ in range(runs):
        began = time.monotonic()
        measure()
        times.append(time.monotonic() - began)
    return times


def store(runs: int, figures: dict[str, list[float]]) -> None:
    """A build, a new generation, a rollback and a collection, each `runs` times."""
    names = ("store: build", "store: new generation", "store: rollback", "store: collect garbage")
    for name in names:
        figures[name] = []
    with nix.Store() as made:
        profile = made.profile()
        profile.set(made.build(_BUILD.format(n="first")).path)
        for number in range(runs):
            for name, step in zip(
                names,
                (
                    lambda n=number: made.build(_BUILD.format(n=n)),
                    lambda n=number: profile.set(made.build(_BUILD.format(n=n)).path),
                    profile.rollback,
                    made.collect,
                ),
                strict=True,
            ):
                began = time.monotonic()
                step()
                figures[name].append(time.monotonic() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    files = {"infuse.nix": _LIBRARY.read_text()}
    batch = [case.in_nix("./infuse.nix", f'version = "{case.version}";') for case in cases()[:150]]
    place = best_place()
    figures = {
        "one expression": seconds(options.runs, lambda: nix.eval("1 + 1", place=place)),
        "process alone, with the files": seconds(
            options.runs, lambda: nix.eval("1", files=files, place=place)
        ),
        f"{len(batch)} cases in one process": seconds(
            options.runs, lambda: nix.eval_many(batch, files=files, place=place)
        ),
        "look at a value with one error": seconds(
            options.runs, lambda: nix.look("{ a.b.c = 1 + null; d = 2; }", place=place)
        ),
    }
    store(options.runs, figures)
    for name, times in figures.items():
        spread = f"{min(times) * 1000:.0f} … {max(times) * 1000:.0f}"
        print(f"{name:<36} median {statistics.median(times) * 1000:8.1f} ms   ({spread}, n = {len(times)})")
    alone, many = (
        statistics.median(figures[name])
        for name in ("process alone, with the files", f"{len(batch)} cases in one process")
    )
    print(f"{len(batch)} cases without the process's start: {(many - alone) * 1000:.0f} ms")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
