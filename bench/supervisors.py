"""Supervisors side by side in one run: restart latency, a thousand services, a graph, memory, rest, size.

Run: `.venv/bin/python -m bench.supervisors [--quick] [--init NAME]… [--json FILE [--append]]`.
With `--append` a run adds its rounds to those in the file, and the medians are over them all: a long
measurement can be done in pieces.

supervisor-rs, the supervisor in Python, s6, s6-rc (by `labs/s6rc` where the image has no s6-rc), runit,
finit, systemd and Horust, each as PID 1 of a sandbox of its own, by turns. Medians for the machine it ran on.
What one cannot do, or does not within `--patience` seconds, is said in place of the figure.

`restart`    ms from SIGKILL to another main process, of a service that has run for 1.7 s (of three kills)
`thousand`   s from PID 1's own start until `many` services run, all of which sleep
`graph`      20 services, 50 edges: first start to last ready, over the critical path (1.00 is the best)
`kib`        KiB of supervision for each of the `many` services (PSS: PID 1, supervisors, loggers)
`wakeups`    context switches of supervision in `rest` seconds, with three services
`binary`     kB of PID 1's file alone: static for supervisor-rs, without shared libraries for the others

Who measures takes as little of the processors as it can: no `Lab` watches the sandbox (its watcher reads
the whole process table every 20 ms), services are counted by their number first, and what the graph writes
is read from outside. What the engine does before
there is a PID 1, such as laying ten thousand files over the image, is nobody's boot.

s6-svscan takes 1000 service directories if it is not told more (`-c`): here it is told `SVSCAN_MAX`.

The sleepers report no readiness. Seen here, s6 then takes a second to start one again, however long it ran,
and 77 ms for the app of the web stack, which does: read its `restart` as that of services without a check.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from helpers import image as images
from helpers.engines.base import Image, Limits, Pid1
from helpers.errors import InitlabError, LabError
from helpers.filetree import File, FileTree
from helpers.image.contents import find_inside
from helpers.inits import plain, registry
from helpers.inits.base import Init, Rendered, carried
from helpers.lab import Lab
from helpers.manifest import Manifest
from helpers.manifest.graph import critical_path
from helpers.probes.idle import at_rest
from helpers.probes.memory import memory
from helpers.probes.restart import restart_seconds
from helpers.probes.target import Target

SVSCAN_MAX = 4000  # s6-svscan 2.13 ends by SIGSEGV when it is told 20000
_ROOM = Limits(memory=4 * 1024**3, pids=20_000, disk=1024**3)
_STEP = 0.02
_FINE = 0.0002
_TICK = os.sysconf("SC_CLK_TCK")
_ROOT = Path(__file__).resolve().parents[1]
_COLUMNS = ("restart", "thousand", "graph", "kib", "wakeups", "binary")


class Python(plain.Plain):
    """The course's supervisor in Python, `labs/supervisor/python`, on the manifest's JSON."""

    name = title = "supervisor.py"
    binary = "/usr/bin/python3"
    clean_exits = frozenset({0})
    program = _ROOT / "labs" / "supervisor" / "python" / "supervisor.py"

    def render(self, manifest: Manifest) -> Rendered:
        tree = FileTree()
        tree.add("/etc/lab/manifest.json", manifest.model_dump_json(exclude={"files"}))
        tree.add("/opt/lab/supervisor.py", self.program.read_bytes())
        return Rendered(tree)

    def pid1(self) -> Pid1:
        return Pid1((self.binary, "/opt/lab/supervisor.py", "/etc/lab/manifest.json"))


@dataclass
class Row:
    """Figures of one supervisor by measure, every single one; and why a measure has none."""

    init: str
    values: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


class _Roomy:
    """An init whose own script starts s6-svscan, told to take more services (`-c`)."""

    def __init__(self, init: Init) -> None:
        self._init = init

    def __getattr__(self, name: str) -> Any:
        return getattr(self._init, name)

    def pid1(self) -> Pid1:
        told = self._init.pid1()
        told_more = f"s/exec s6-svscan/& -c {SVSCAN_MAX}/"
        script = f'sed "{told_more}" "$0" >/run/roomy && exec /bin/sh /run/roomy'
        return replace(told, argv=("/bin/sh", "-c", script, *told.argv))


def subjects() -> dict[str, Callable[[], Init]]:
    """Name → what makes its init."""
    names = ("supervisor-rs", "s6", "s6-rc", "runit", "finit", "systemd", "horust")
    made: dict[str, Callable[[], Init]] = {name: lambda name=name: registry.get(name) for name in names}  # type: ignore[misc]
    for name in ("s6", "s6-rc"):
        made[name] = lambda name=name: cast(Init, _Roomy(registry.get(name)))  # type: ignore[misc]
    return made | {"supervisor.py": lambda: cast(Init, Python())}


def sleepers(number: int) -> Manifest:
    """So many longruns that sleep, each with a command line of its own."""
    services = [
        {"name": f"s{i:04}", "command": ["/bin/sleep", str(100_000 + i)], "log": {"max_bytes": 100_000}}
        for i in range(number)
    ]
    return Manifest.model_validate({"name": "sleepers", "services": services})


def graph(seed: int, size: int = 20, edges: int = 50) -> tuple[Manifest, float]:
    """A random graph of longruns that need 0.1 to 0.4 s to be ready, and the length of its critical path."""
    chosen = random.Random(seed)
    pairs = [(a, b) for b in range(size) for a in range(b)]
    needs: dict[str, tuple[str, ...]] = {f"n{b:02}": () for b in range(size)}
    for a, b in sorted(chosen.sample(pairs, edges)):
        needs[f"n{b:02}"] += (f"n{a:02}",)
    seconds = {name: round(chosen.uniform(0.1, 0.4), 3) for name in needs}
    services = []
    for name, others in needs.items():
        now, file = "date +%s.%N", f"/tmp/{name}"
        script = f"{now} >{file}.began; sleep {seconds[name]}; {now} >{file}; exec sleep 1000"
        services.append(
            {
                "name": name,
                "command": ["/bin/sh", "-c", script],
                "depends_on": list(others),
                "readiness": {"kind": "exec", "command": ["/usr/bin/test", "-s", f"/tmp/{name}"]},
            }
        )
    path = critical_path(needs, seconds)
    manifest = Manifest.model_validate({"name": "graph", "services": services})
    return manifest, sum(seconds[name] for name in path)


@contextmanager
def booted(manifest: Manifest, init: Init, image: Image, limits: Limits = _ROOM) -> Iterator[Target]:
    """A sandbox with nobody but us looking at it, gone at the end."""
    lab = Lab(manifest, init=init, engine="embedded", image=image, limits=limits)
    box = lab.boot()
    try:
        yield Target(box, init, lab.manifest)
    finally:
        box.destroy()


def restart(init: Init, image: Image, patience: float) -> float:
    """Milliseconds from the kill to another process."""
    with booted(sleepers(3), init, image) as target:
        _until(target, lambda: len(target.main_pids()) == 3, "three services run", patience)
        times = []
        for service in target.manifest.services:
            time.sleep(1.7)  # longer than any init's notion of a short life
            times.append(1000 * restart_seconds(target, service, step=_FINE))
        return statistics.median(times)


def thousand(init: Init, image: Image, many: int, patience: float) -> tuple[float, float]:
    """Seconds until so many services run, and KiB of supervision for each of them then."""
    with booted(sleepers(many), init, image) as target:
        _until(target, lambda: _sleeping(target) >= many, f"{many} services run", patience)
        took = _age(target)
        time.sleep(1)
        return took, memory(target).supervision / 1024 / many


def over_path(init: Init, image: Image, seed: int, patience: float) -> float:
    """First start to last ready, over the critical path."""
    manifest, shortest = graph(seed)
    with booted(manifest, init, image) as target:
        ready = [_root(target) / "tmp" / service.name for service in manifest.services]
        _until(target, lambda: all(_written(path) for path in ready), "the graph is up", patience)
        began = min(_written(path.with_suffix(".began")) for path in ready)
        return (max(map(_written, ready)) - began) / shortest


def wakeups(init: Init, image: Image, seconds: float, patience: float) -> float:
    """Context switches of supervision while nothing happens."""
    with booted(sleepers(3), init, image) as target:
        _until(target, lambda: len(target.main_pids()) == 3, "three services run", patience)
        time.sleep(3)
        return at_rest(target, seconds).wakeups


def binary(init: Init, image: Image) -> float:
    """kB of PID 1's program."""
    program = carried(init).entries.get(init.binary)
    if isinstance(program, File):
        return len(program.data) / 1000
    return find_inside(image.rootfs, init.binary).stat().st_size / 1000


def _root(target: Target) -> Path:
    if target.proc is None:
        raise LabError("the sandbox's files cannot be read from here", hint="measure as the sandbox's owner")
    return target.proc.parent


def _sleeping(target: Target) -> int:
    """How many services sleep. Names are only read where there are processes enough."""
    proc = _root(target) / "proc"
    pids = [name for name in os.listdir(proc) if name.isdigit()]
    if len(pids) <= len(target.manifest.services):
        return 0
    return sum(_name(proc / pid / "comm") == "sleep" for pid in pids)


def _name(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # ended meanwhile
        return ""


def _age(target: Target) -> float:
    """Seconds since PID 1 was made, to within a tick of 10 ms (proc_pid_stat(5): starttime)."""
    fields = (_root(target) / "proc/1/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / _TICK


def _written(path: Path) -> float:
    """The time in a file; 0 while there is none."""
    try:
        return float(path.read_text() or 0)
    except FileNotFoundError:
        return 0.0


def _seen(target: Target, done: Callable[[], bool]) -> bool:
    """Whether it is done. Raises `LabError` once PID 1 has ended: its /proc goes a moment before it."""
    try:
        if done():
            return True
    except OSError:
        target.sandbox.wait(5)
    if target.sandbox.exit is not None:
        raise LabError(target.why_not_ready(["anything"], 0))
    return False


def _until(target: Target, done: Callable[[], bool], what: str, patience: float) -> None:
    end = time.monotonic() + patience
    while not _seen(target, done):
        if time.monotonic() > end:
            raise LabError(f"not within {patience:g} s: {what}")
        time.sleep(_STEP)


def run(
    rows: dict[str, Row],
    *,
    runs: int,
    many: int,
    rest: float,
    patience: float,
    kept: Callable[[], None],
) -> None:
    """Measure all, by turns: a disturbance falls on everyone. `kept` is called after each one."""
    image = images.ensure()
    made = {name: subjects()[name]() for name in rows}

    def note(row: Row, measures: tuple[str, ...], measure: Callable[[], tuple[float, ...]]) -> None:
        if any(one in row.missing for one in measures):
            return
        print(f"{row.init}: {', '.join(measures)}", flush=True)
        try:
            for one, value in zip(measures, measure(), strict=True):
                row.values.setdefault(one, []).append(value)
        except (InitlabError, ValueError) as error:
            row.missing |= {one: " ".join(str(error).splitlines()[0].split()) for one in measures}

    for _ in range(runs):
        for name, row in rows.items():
            init = made[name]
            seed = len(row.values.get("graph", []))  # the same graphs for everyone
            if "binary" not in row.values:
                note(row, ("binary",), lambda: (binary(init, image),))  # noqa: B023 - called at once
                note(row, ("wakeups",), lambda: (wakeups(init, image, rest, patience),))  # noqa: B023
            note(row, ("restart",), lambda: (restart(init, image, patience),))  # noqa: B023
            note(row, ("graph",), lambda: (over_path(init, image, seed, patience),))  # noqa: B023
            note(row, ("thousand", "kib"), lambda: thousand(init, image, many, patience))  # noqa: B023
            kept()


def load(path: Path, terms: dict[str, float]) -> dict[str, Row]:
    """The rows of an earlier run. Raises `LabError` where it measured something else."""
    told = json.loads(path.read_text())
    if told["terms"] != terms:
        raise LabError(f"{path} was measured with {told['terms']}, not {terms}", hint="write another file")
    return {row["init"]: Row(**row) for row in told["rows"]}


def save(path: Path, terms: dict[str, float], rows: dict[str, Row]) -> None:
    """Write every figure; a run that is ended meanwhile leaves the file of before."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(
        json.dumps({"terms": terms, "rows": [vars(row) for row in rows.values()]}, indent=1) + "\n"
    )
    new.replace(path)


def table(rows: list[Row]) -> str:
    """Medians, a line for each; then what is missing and why, and where supervisor-rs is not the best."""
    lines = [" ".join([f"{'':14}", *(f"{name:>10}" for name in _COLUMNS)])]
    middle = {
        row.init: {key: statistics.median(values) for key, values in row.values.items()} for row in rows
    }
    for row in rows:
        cells = (f"{middle[row.init][key]:10.2f}" if key in row.values else f"{'-':>10}" for key in _COLUMNS)
        lines.append(" ".join([f"{row.init:14}", *cells]))
    counted = {max(map(len, row.values.values()), default=0) for row in rows}
    lines.append(f"rounds: {min(counted, default=0)} to {max(counted, default=0)}")
    lines += [f"{row.init}, {key}: {why}" for row in rows for key, why in row.missing.items()]
    ours = middle.get("supervisor-rs", {})
    for key, value in ours.items():
        if key == "binary":  # a static program beside others without their libraries
            continue
        ahead = {name: found[key] for name, found in middle.items() if found.get(key, value) < value}
        if ahead:
            said = ", ".join(
                f"{name} {other:.2f}" for name, other in sorted(ahead.items(), key=lambda x: x[1])
            )
            lines.append(f"not ahead in {key}: supervisor-rs {value:.2f}; {said}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--init", action="append", choices=list(subjects()), help="one of them; again for more"
    )
    parser.add_argument("--quick", action="store_true", help="one run, 100 services, 3 s of rest")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--patience", type=float, default=120.0, help="seconds")
    parser.add_argument("--json", type=Path, help="write every figure there too")
    parser.add_argument("--append", action="store_true", help="add to the figures that are there")
    options = parser.parse_args()
    runs, many, rest = (1, 100, 3.0) if options.quick else (options.runs, 1000, 10.0)
    terms = {"many": many, "rest": rest}
    rows: dict[str, Row] = {}
    if options.append and options.json and options.json.exists():
        rows = load(options.json, terms)
    for name in options.init or list(subjects()):
        rows.setdefault(name, Row(name))
    wanted = {name: rows[name] for name in options.init or list(subjects())}

    def keep() -> None:
        if options.json:
            save(options.json, terms, rows)

    run(wanted, runs=runs, many=many, rest=rest, patience=options.patience, kept=keep)
    print(f"\nmedians, many = {many}, rest = {rest:g} s\n{table(list(rows.values()))}")


if __name__ == "__main__":
    main()
