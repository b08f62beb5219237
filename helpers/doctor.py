"""What this computer can run, and what to do where it lacks something.

`doctor()` in a notebook, `initlab doctor` in a terminal.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from helpers.engines.base import Engine
from helpers.errors import InitlabError
from helpers.show.table import html_table, text_table

__all__ = ["Diagnosis", "Finding", "doctor", "engines", "examine"]

_NEEDED = 2 * 1024**3  # bytes: the lab image, and room to work


@dataclass(frozen=True)
class Finding:
    """One thing looked at. A `needed` one that is not `ok` keeps the course from running; `mend` is a
    command.
    """

    what: str
    ok: bool
    seen: str
    mend: str = ""
    needed: bool = True

    @property
    def word(self) -> str:
        return "ok" if self.ok else ("fail" if self.needed else "warn")


@dataclass(frozen=True)
class Diagnosis:
    """Everything looked at. Shows itself as a table in a notebook, as text elsewhere."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the course can run here."""
        return all(finding.ok or not finding.needed for finding in self.findings)

    @property
    def verdict(self) -> str:
        """The sentence under the table."""
        failed = sum(finding.word == "fail" for finding in self.findings)
        return (
            "This computer can run the course."
            if self.ok
            else f"To mend before the course can run: {failed}."
        )

    def __str__(self) -> str:
        return f"{text_table(['', 'what', 'seen'], self._rows())}\n\n{self.verdict}"

    __repr__ = __str__

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """Text always: a front end that strips HTML still has it."""
        return {
            "text/plain": str(self),
            "text/html": html_table(["", "what", "seen"], self._rows(), caption=self.verdict),
        }

    def _rows(self) -> list[list[str]]:
        rows = []
        for finding in self.findings:
            rows.append([finding.word, finding.what, finding.seen])
            if not finding.ok and finding.mend:
                rows.append(["", "", f"mend: {finding.mend}"])
        return rows


def doctor() -> Diagnosis:
    """Look at what this computer can run."""
    return Diagnosis(tuple(examine()))


def examine() -> Iterator[Finding]:
    """Look at one thing after another; none of them raises."""
    for what, look in _LOOKS.items():
        try:
            yield from look()
        except InitlabError as error:
            yield Finding(what, False, error.message, error.hint)
        except ImportError as error:
            yield Finding(what, False, str(error), f"{sys.executable} -m pip install -e '.[workshop]'")


def _python() -> Iterator[Finding]:
    shown = ".".join(map(str, sys.version_info[:3]))
    yield Finding(
        "python", sys.version_info >= (3, 11), f"{shown} ({sys.executable})", "install Python 3.11 or newer"
    )


def _jupyter() -> Iterator[Finding]:
    missing = [name for name in ("jupyterlab", "ipykernel", "ipywidgets") if find_spec(name) is None]
    mend = f"{sys.executable} -m pip install -e '.[workshop]'"
    yield Finding(
        "jupyterlab", not missing, f"not installed: {', '.join(missing)}" if missing else "installed", mend
    )


def _engine() -> Iterator[Finding]:
    seen = [(engine, engine.availability()) for engine in engines()]
    one = any(available.ok for _, available in seen)
    for engine, available in seen:
        said = "can run labs" if available.ok else available.reason
        yield Finding(f"engine {engine.name}", available.ok, said, available.mend, needed=not one)
        if available.ok:
            divides = engine.cgroup_availability()
            said = "can boot systemd" if divides.ok else f"cannot boot systemd: {divides.reason}"
            yield Finding(f"engine {engine.name}", divides.ok, said, divides.mend, needed=False)


def _computer() -> Iterator[Finding]:
    from helpers import computer

    yield from computer.looks()


def _image() -> Iterator[Finding]:
    from helpers import image

    state = image.info()
    seen = state.state if not state.fault else f"{state.state}: {state.fault}"
    if state.state == "ready":
        seen = f"ready: {state.packages} packages, {state.size / 1024**2:.0f} MiB in {state.rootfs.parent}"
    yield Finding("lab image", state.state == "ready", seen, "initlab image build", needed=False)


def _rust() -> Iterator[Finding]:
    from helpers import rust

    found = rust.availability()
    seen = found.reason if found.ok else f"crates cannot be built: {found.reason}"
    if not found.ok and (brought := rust.packed("supervisor-rs")):
        seen += f"; the course's own came in a pack (by {brought.elsewhere})"
    yield Finding("rust", found.ok, seen, found.mend, needed=False)


def _workspace() -> Iterator[Finding]:
    from helpers.course.workspace import default_root, find

    found = find(fall_back=True)
    root = found.root if found else default_root()
    yield Finding("workspace", found is not None, str(root), "initlab open", needed=False)
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    yield Finding(
        "disk", free >= _NEEDED, f"{free / 1024**3:.1f} GiB free at {existing}", f"df -h {existing}"
    )


def _curriculum() -> Iterator[Finding]:
    from helpers.course.curriculum import Curriculum

    course = Curriculum.default()
    missing = [source.name for source in course.notebooks() if not course.learner(source.name).is_file()]
    seen = f"not built: {', '.join(missing)}" if missing else f"{len(course.notebooks())} notebooks"
    yield Finding("course", not missing, seen, "initlab build")


def engines() -> list[Engine]:
    """Every engine there is, whether it runs here or not."""
    from helpers.engines import registry

    return [registry.get(name) for name in registry.names()]


_LOOKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "python": _python,
    "jupyterlab": _jupyter,
    "engines": _engine,
    "computer": _computer,
    "lab image": _image,
    "rust": _rust,
    "course": _curriculum,
    "workspace": _workspace,
}
