"""What the lab image costs: the check on first use, the check of every byte, and the build it had.

Run: `.venv/bin/python -m bench.image [--runs N] [--json FILE]`. Builds nothing unless the image is absent.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from helpers import image as images
from helpers.image.cache import Cache

_ENSURE = "from helpers.image import ensure; ensure(progress=False)"


def seconds(runs: int, action: Callable[[], object]) -> float:
    """The median time of an action."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Measure, print a table, write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    images.ensure()
    recipe, cache, state = images.load_recipe(), Cache(), images.info()
    bare = seconds(wanted.runs, lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    first = seconds(wanted.runs, lambda: subprocess.run([sys.executable, "-c", _ENSURE], check=True))
    found = {
        "files": state.files,
        "megabytes": round(state.size / 2**20),
        "build_s": state.seconds,
        "quick_check_ms": round(1000 * seconds(wanted.runs, lambda: cache.verify(recipe)), 1),
        "deep_check_ms": round(1000 * seconds(wanted.runs, lambda: cache.verify(recipe, deep=True)), 1),
        "ensure_again_ms": round(1000 * seconds(wanted.runs, lambda: images.ensure(progress=False)), 2),
        "first_use_of_a_process_ms": round(1000 * (first - bare), 1),
    }
    for name, value in found.items():
        print(f"{name:<28}{value:>10}")
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
