"""On what machine figures were obtained: without this they mean nothing."""

from __future__ import annotations

import datetime
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from helpers.engines.base import Engine, Image

__all__ = ["Where", "here", "load", "stolen"]


@dataclass(frozen=True)
class Where:
    """The computer, the engine and the image of a matrix.

    `cores` is how many this process may use; `load` the load average of the last minute at the start
    (proc_loadavg(5)); `others` how many other labs of this user ran then; `image` the digest of the
    image's recipe; `began` UTC.
    """

    processor: str
    cores: int
    memory: int
    virtual: bool
    kernel: str
    system: str
    engine: str
    image: str
    suite: str
    initlab: str
    python: str
    began: str
    load: float
    others: int

    def lines(self) -> list[tuple[str, str]]:
        """Names and values to show."""
        kind = "a virtual machine" if self.virtual else "no virtual machine, as far as the processor tells"
        return [
            ("processor", f"{self.processor}, {self.cores} cores to use, {kind}"),
            ("memory", f"{self.memory / 1024**3:.1f} GiB"),
            ("kernel", f"Linux {self.kernel} ({self.system})"),
            ("load at the start", f"{self.load:.2f} (1 minute), other labs running: {self.others}"),
            ("engine", self.engine),
            ("image", f"Debian {self.suite}, recipe {self.image[:12]}"),
            ("initlab", f"{self.initlab}, Python {self.python}"),
            ("begun", self.began),
        ]

    @property
    def noisy(self) -> str:
        """Why the figures may be noise, a sentence; empty where nothing speaks for it."""
        said = []
        if self.load > self.cores / 2:
            said.append(f"the load was {self.load:.1f} on {self.cores} cores when it began")
        if self.others:
            said.append(f"{self.others} other labs ran, which share memory pages with these")
        return f"Take care: {' and '.join(said)}." if said else ""


def here(engine: Engine, image: Image) -> Where:
    """What can be told of this computer now."""
    from helpers.course.delivery import version
    from helpers.image import load_recipe

    info = _fields(Path("/proc/cpuinfo"))
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    memory = _fields(Path("/proc/meminfo")).get("MemTotal", "0 kB")
    return Where(
        processor=info.get("model name") or info.get("Model") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory=int(memory.split()[0]) * 1024,
        virtual="hypervisor" in info.get("flags", "").split(),
        kernel=platform.release(),
        system=release.get("PRETTY_NAME", "unknown system"),
        engine=engine.name,
        image=image.digest,
        suite=load_recipe().suite,
        initlab=version(),
        python=platform.python_version(),
        began=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        load=load(),
        others=len(engine.running()),
    )


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def stolen() -> tuple[float, float]:
    """Seconds of processor time so far, all of it and the part a hypervisor gave to others (proc_stat(5))."""
    line = Path("/proc/stat").read_text().splitlines()[0]
    ticks = [int(word) for word in line.split()[1:9]]
    hertz = os.sysconf("SC_CLK_TCK")
    return sum(ticks) / hertz, ticks[7] / hertz


def _fields(path: Path) -> dict[str, str]:
    """`name: value` lines; of several with one name the first."""
    found: dict[str, str] = {}
    for line in path.read_text(errors="replace").splitlines():
        name, _, value = line.partition(":")
        found.setdefault(name.strip(), value.strip())
    return found
