"""Run cargo so that nothing of it outlives us: under the image builder's guard, with a limit of time."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["Ended", "run"]


@dataclass(frozen=True)
class Ended:
    """How a command ended, with all lines it wrote."""

    code: int
    out: list[str]
    err: list[str]
    timed_out: bool = False


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout: float,
    on_step: Callable[[int, int], None],
    total: int,
) -> Ended:
    """Run `command`; every process of it has ended when this returns or raises (Ctrl-C, too).

    `on_step(done, total)` is called for each crate that cargo begins with.
    """
    root = str(Path(__file__).resolve().parents[2])
    # The guard finds `helpers` by this; what it runs does not get it: Python is not what cargo runs.
    guard = [sys.executable, "-c", _GUARD.format(root=root), *command]
    process = subprocess.Popen(
        guard,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=dict(environment),
        text=True,
        errors="replace",
    )
    out: list[str] = []
    err: list[str] = []
    begun = 0

    def read(stream: IO[str], into: list[str]) -> None:
        nonlocal begun
        for line in stream:
            into.append(line.rstrip("\n"))
            if line.lstrip().startswith(("Compiling ", "Checking ")):
                begun += 1
                on_step(min(begun, total) if total else begun, max(total, begun))

    assert process.stdin is not None  # noqa: S101 - for the type checker, as the next two
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    readers = [
        threading.Thread(target=read, args=(stream, into), daemon=True)
        for stream, into in ((process.stdout, out), (process.stderr, err))
    ]
    for reader in readers:
        reader.start()
    timed_out = False
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        process.stdin.close()  # the guard's sign to end everything
        process.wait()
        for reader in readers:
            reader.join(5)
        process.stdout.close()
        process.stderr.close()
    return Ended(process.returncode, out, err, timed_out)


_GUARD = """
import sys
sys.path.insert(0, {root!r})
from helpers.image.guard import main
sys.exit(main(sys.argv[1:]))
"""
