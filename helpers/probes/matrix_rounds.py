"""Measuring the matrix: round after round over all inits, so that a noisy moment hits all alike."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from helpers.engines import registry as engines
from helpers.engines._sandbox import ENVIRONMENT
from helpers.engines.base import Image
from helpers.errors import EngineUnavailable, InitlabError, LabError, RenderError
from helpers.filetree import File
from helpers.image.contents import find_inside
from helpers.inits import registry
from helpers.inits.base import carried
from helpers.inits.runnable import can_run
from helpers.lab import Lab
from helpers.probes.config import Config, config_size
from helpers.probes.matrix import Matrix, Row
from helpers.probes.matrix_packages import Packages
from helpers.probes.matrix_run import REST, run_once, warm_up
from helpers.probes.matrix_where import here, load, stolen
from helpers.probes.restart import middle

if TYPE_CHECKING:
    from helpers.inits.base import Init
    from helpers.show.matrix_progress import Bar

__all__ = ["INTERRUPTED", "Rounds"]

INTERRUPTED = "interrupted by Ctrl-C"
_TRIES = 2  # failures of an init without a success, after which it is left out


class Rounds:
    """A matrix in the making: `matrix` is filled by `measure`.

    `inits` are names of `helpers.inits.registry` (default: all), `stack` a folder of labs/stacks or a
    manifest file, `rest` the seconds at rest that are watched. Raises `RenderError` for an unknown init,
    `LabError` for an unknown stack, `EngineUnavailable` and `ImageError`, before anything is started.
    """

    def __init__(
        self,
        inits: Iterable[str] | None = None,
        *,
        stack: str = "web",
        runs: int = 5,
        rest: float | None = None,
        engine: str | None = None,
    ) -> None:
        if runs < 1:
            raise LabError(f"a matrix needs at least one run, not {runs}", hint="--runs 5")
        from helpers import image as images

        chosen = [registry.get(name) for name in dict.fromkeys(inits or registry.names())]
        where = engines.get(engine) if engine else engines.best()
        usable = where.availability()
        if not usable.ok:
            raise EngineUnavailable(f"{where.name}: {usable.reason}", hint=usable.mend)
        image: Image = images.ensure()
        packages = Packages.of(image.rootfs)
        self._labs: dict[str, Lab] = {}
        rows = []
        for init in chosen:
            row = Row(init.name, init.title, init.ordering, init.logging, Config(0, 0, 0, 0))
            row.package = packages.get(init.package)
            rows.append(row)
            try:
                lab = Lab(stack, init, engine=where, image=image)
            except RenderError as error:
                row.absent = error.message
                continue
            row.config, row.unsupported = config_size(lab.rendered), lab.unsupported()
            row.absent, row.stands_in = _absent(lab, image), _stands_in(init, image)
            self._labs[init.name] = lab
        if not self._labs:
            raise LabError(f"no init can express the stack {stack}: {rows[0].absent}")
        manifest = next(iter(self._labs.values())).manifest
        self.matrix = Matrix(
            here(where, image),
            rows,
            stack=manifest.name,
            service=middle(manifest).name,
            runs=runs,
            rest=REST if rest is None else rest,
        )

    def measure(self, *, progress: bool = True, kept: Callable[[Matrix], None] | None = None) -> Matrix:
        """Boot each init once for nothing (its files are then in memory), then `runs` rounds over all.

        Each round begins with another init. `kept` is called with the matrix after each round. Ctrl-C ends
        it: what was measured stays, `stopped` says so, nothing is left running.
        """
        from helpers.show.matrix_progress import Bar

        matrix = self.matrix
        began, before = time.monotonic(), stolen()
        rows = [row for row in matrix.rows if not row.absent]
        try:
            with Bar(len(rows) * (matrix.runs + 1), show=progress) as bar:
                for row in rows:
                    self._one(row, bar, warm=True)
                for number in range(matrix.runs):
                    turn = number % max(1, len(rows))
                    for row in rows[turn:] + rows[:turn]:
                        self._one(row, bar)
                    if kept is not None:
                        kept(matrix)
        except KeyboardInterrupt:
            matrix.stopped = INTERRUPTED
        after = stolen()
        matrix.seconds = time.monotonic() - began
        matrix.load_after = load()
        matrix.stolen = (after[1] - before[1]) / max(after[0] - before[0], 1e-9)
        return matrix

    def _one(self, row: Row, bar: Bar, *, warm: bool = False) -> None:
        """One boot of one init; what goes wrong is noted in its row."""
        bar.say(row.title, "warm up" if warm else "")
        if row.runs or len(row.trouble) < _TRIES:
            lab = self._labs[row.init]
            try:
                if warm:
                    row.warm_up = warm_up(lab)
                else:
                    row.runs.append(run_once(lab, self.matrix.rest, lambda what: bar.say(row.title, what)))
            except InitlabError as error:
                row.trouble.append(" ".join(error.message.split()))
        bar.step()


def _absent(lab: Lab, image: Image) -> str:
    """Why an init cannot be run here, and what mends it; empty where it can."""
    found = can_run(lab.init, image, engine=lab.engine, tree=lab.tree())
    if found.ok:
        return ""
    return f"{found.reason}; next: {found.mend}" if found.mend else found.reason


def _stands_in(init: Init, image: Image) -> bool:
    """Whether programs of ours do the work of some the image lacks (`carried`), beside the init itself."""
    if getattr(init, "brings", ""):
        return False
    for path, entry in carried(init).entries.items():
        if isinstance(entry, File) and entry.mode & 0o111 and not _in_path(image, posixpath.basename(path)):
            return True
    return False


def _in_path(image: Image, program: str) -> bool:
    for folder in ENVIRONMENT["PATH"].split(":"):
        with suppress(OSError):
            find_inside(image.rootfs, f"{folder}/{program}")
            return True
    return False
