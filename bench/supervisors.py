"""Supervisors side by side in one run: restart latency, a thousand services, a graph, memory, rest, size.

Run: `.venv/bin/python -m bench.supervisors [--quick] [--init NAME]… [--json FILE]`.

supervisor-rs, the supervisor in Python, s6, s6-rc (by `labs/s6rc` where the image has no s6-rc), runit,
finit, systemd and Horust, each as PID 1 of a sandbox of its own, by turns. Medians for the machine it ran on.
What one cannot do, or does not within `PATIENCE` seconds, is said in place of the figure.

`restart`    ms from SIGKILL to another main process, of a service that has run for 1.7 s (of three kills)
`thousand`   s from the start of the sandbox until `many` services run, all of which sleep
`graph`      20 services, 50 edges: first start to last ready, over the critical path (1.00 is the best)
`kib`        KiB of supervision for each of the `many` services (PSS: PID 1, supervisors, loggers)
`wakeups`    context switches of supervision in `rest` seconds, with three services
`binary`     kB of PID 1's file alone: static for supervisor-rs, without shared libraries for the others

The sleepers report no readiness. Seen here, s6 then takes a second to start one again, however long it ran,
and 77 ms for the app of the web stack, which does: read its `restart` as that of services without a check.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, cast

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

PATIENCE = 120.0
_ROOM = Limits(memory=4 * 1024**3, pids=20_000, disk=1024**3)
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


class Horust(plain.Plain):
    """Horust 0.1 from the Rust registry, `labs/landscape/horust`: a TOML file for each service."""

    name = title = "horust"
    binary = "/opt/lab/horust"
    clean_exits = frozenset({0})
    unknown: ClassVar = {"graph": "start-after waits for a start, not for a check", "binary": "a debug build"}

    def render(self, manifest: Manifest) -> Rendered:
        tree = FileTree()
        for service in manifest.services:
            after = [f"{need}.toml" for need in service.depends_on]
            command = " ".join(service.command)
            text = (
                f'command = "{command}"\nstart-after = {json.dumps(after)}\n[restart]\nstrategy = "always"\n'
            )
            tree.add(f"/etc/horust/services/{service.name}.toml", text)
        return Rendered(tree)

    def carried(self) -> FileTree:
        from helpers.rust import build
        from helpers.rust.crates import Crate

        tree = FileTree()
        crate = Crate.of(_ROOT / "labs" / "landscape" / "horust")
        tree.add(self.binary, build(crate, profile="dev").read_bytes(), 0o755)
        return tree

    def pid1(self) -> Pid1:
        return Pid1((self.binary, "/etc/horust/services"))


@dataclass
class Row:
    """Figures of one supervisor by measure, every single one; and why a measure has none."""

    init: str
    values: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def subjects() -> dict[str, Callable[[], Init]]:
    """Name → what makes its init."""
    names = ("supervisor-rs", "s6", "s6-rc", "runit", "finit", "systemd")
    made: dict[str, Callable[[], Init]] = {name: lambda name=name: registry.get(name) for name in names}  # type: ignore[misc]
    return made | {"supervisor.py": lambda: cast(Init, Python()), "horust": lambda: cast(Init, Horust())}


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


def restart(init: Init, image: Image) -> float:
    """Milliseconds from the kill to another process."""
    with Lab(sleepers(3), init=init, engine="embedded", image=image) as lab:
        target = Target.of(lab)
        _until(lambda: len(target.main_pids()) == 3, "three services run")
        times = []
        for service in lab.manifest.services:
            time.sleep(1.7)  # longer than any init's notion of a short life
            times.append(1000 * restart_seconds(target, service))
        return statistics.median(times)


def thousand(init: Init, image: Image, many: int) -> tuple[float, float]:
    """Seconds until so many services run, and KiB of supervision for each of them then."""
    lab = Lab(sleepers(many), init=init, engine="embedded", image=image, limits=_ROOM)
    began = time.monotonic()
    with lab:
        _until(lambda: _sleeping(lab) >= many, f"{many} services run")
        took = time.monotonic() - began
        time.sleep(1)
        return took, memory(Target.of(lab)).supervision / 1024 / many


def over_path(init: Init, image: Image, seed: int) -> float:
    """First start to last ready, over the critical path."""
    manifest, shortest = graph(seed)
    with Lab(manifest, init=init, engine="embedded", image=image) as lab:
        script = "cat /tmp/n[0-9][0-9] 2>/dev/null | wc -w"
        names = len(manifest.services)
        _until(lambda: int(_sh(lab, script) or 0) == names, "the graph is up", step=0.2)
        began = min(map(float, _sh(lab, "cat /tmp/n*.began").split()))
        ended = max(map(float, _sh(lab, "cat /tmp/n[0-9][0-9]").split()))
        return (ended - began) / shortest


def wakeups(init: Init, image: Image, seconds: float) -> float:
    """Context switches of supervision while nothing happens."""
    with Lab(sleepers(3), init=init, engine="embedded", image=image) as lab:
        target = Target.of(lab)
        _until(lambda: len(target.main_pids()) == 3, "three services run")
        time.sleep(3)
        return at_rest(target, seconds).wakeups


def binary(init: Init, image: Image) -> float:
    """kB of PID 1's program."""
    program = carried(init).entries.get(init.binary)
    if isinstance(program, File):
        return len(program.data) / 1000
    return find_inside(image.rootfs, init.binary).stat().st_size / 1000


def _sleeping(lab: Lab) -> int:
    return sum(p.comm == "sleep" and p.state != "Z" for p in lab.sandbox.processes())


def _sh(lab: Lab, script: str) -> str:
    return str(lab.sandbox.exec(["/bin/sh", "-c", script]).text)


def _until(done: Callable[[], bool], what: str, step: float = 0.02) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise LabError(f"not within {PATIENCE:g} s: {what}")
        time.sleep(step)


def run(
    names: list[str], *, runs: int, many: int, rest: float, kept: Callable[[list[Row]], None]
) -> list[Row]:
    """Measure all, by turns: a disturbance falls on everyone. `kept` hears of all after each one."""
    image = images.ensure()
    made = {name: subjects()[name]() for name in names}
    rows = {name: Row(name, missing=dict(getattr(init, "unknown", {}))) for name, init in made.items()}

    def note(row: Row, measures: tuple[str, ...], measure: Callable[[], tuple[float, ...]]) -> None:
        if any(one in row.missing for one in measures):
            return
        print(f"{row.init}: {', '.join(measures)}", flush=True)
        try:
            for one, value in zip(measures, measure(), strict=True):
                row.values.setdefault(one, []).append(value)
        except (InitlabError, ValueError) as error:
            row.missing |= {one: " ".join(str(error).splitlines()[0].split()) for one in measures}

    for number in range(runs):
        for name, init in made.items():
            row = rows[name]
            if number == 0:
                note(row, ("binary",), lambda init=init: (binary(init, image),))  # type: ignore[misc]
                note(row, ("wakeups",), lambda init=init: (wakeups(init, image, rest),))  # type: ignore[misc]
            note(row, ("restart",), lambda init=init: (restart(init, image),))  # type: ignore[misc]
            note(row, ("graph",), lambda init=init, seed=number: (over_path(init, image, seed),))  # type: ignore[misc]
            note(row, ("thousand", "kib"), lambda init=init: thousand(init, image, many))  # type: ignore[misc]
            kept(list(rows.values()))
    return list(rows.values())


def table(rows: list[Row]) -> str:
    """Medians, a line for each; then what is missing and why, and where supervisor-rs is not the best."""
    lines = [" ".join([f"{'':14}", *(f"{name:>10}" for name in _COLUMNS)])]
    middle = {
        row.init: {key: statistics.median(values) for key, values in row.values.items()} for row in rows
    }
    for row in rows:
        cells = (f"{middle[row.init][key]:10.2f}" if key in row.values else f"{'-':>10}" for key in _COLUMNS)
        lines.append(" ".join([f"{row.init:14}", *cells]))
    lines += [f"{row.init}, {key}: {why}" for row in rows for key, why in row.missing.items()]
    ours = middle.get("supervisor-rs", {})
    for key, value in ours.items():
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
    parser.add_argument("--json", type=Path, help="write every figure there too")
    options = parser.parse_args()
    runs, many, rest = (1, 100, 3.0) if options.quick else (options.runs, 1000, 10.0)

    def keep(rows: list[Row]) -> None:
        if options.json:
            told = {"runs": runs, "many": many, "rest": rest, "rows": [vars(row) for row in rows]}
            options.json.write_text(json.dumps(told, indent=1) + "\n")

    rows = run(options.init or list(subjects()), runs=runs, many=many, rest=rest, kept=keep)
    print(f"\nmedians of {runs}, many = {many}, rest = {rest:g} s\n{table(rows)}")


if __name__ == "__main__":
    main()
