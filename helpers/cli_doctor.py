"""`initlab doctor` and `initlab clean`: what this computer can do, and what was left on it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import typer

from helpers.errors import InitlabError

__all__ = ["Finding", "add_to", "examine"]

_NEEDED = 2 * 1024**3  # bytes: the lab image, and room to work


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `needed` things that are not `ok` keep the course from running."""

    what: str
    ok: bool
    seen: str
    mend: str = ""
    needed: bool = True

    @property
    def word(self) -> str:
        return "ok" if self.ok else ("MISSING" if self.needed else "absent")


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command()(doctor)
    app.command()(clean)


def doctor() -> None:
    """Look at what this computer can run, and say what to do where it lacks something."""
    findings = list(examine())
    for finding in findings:
        print(f"{finding.word:8} {finding.what:14} {finding.seen}")
        if not finding.ok and finding.mend:
            print(f"{'':8} {'':14} mend: {finding.mend}")
    missing = sum(not finding.ok and finding.needed for finding in findings)
    print(f"\n{'This computer can run the course.' if not missing else f'{missing} missing.'}")
    raise typer.Exit(1 if missing else 0)


def clean() -> None:
    """Remove what crashed labs left behind: processes, mounts, cgroups, containers."""
    removed = [line for engine in _engines() if engine.availability().ok for line in engine.sweep()]
    for line in removed:
        print(line)
    print(f"{len(removed)} removed" if removed else "nothing was left behind")


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
    seen = [(engine.name, engine.availability()) for engine in _engines()]
    one = any(available.ok for _, available in seen)
    for name, available in seen:
        said = "can run labs" if available.ok else available.reason
        yield Finding(f"engine {name}", available.ok, said, available.mend, needed=not one)


def _image() -> Iterator[Finding]:
    from helpers import image

    state = image.info()
    seen = state.state if not state.fault else f"{state.state}: {state.fault}"
    if state.state == "ready":
        seen = f"ready: {state.packages} packages, {state.size / 1024**2:.0f} MiB in {state.rootfs.parent}"
    yield Finding("lab image", state.state == "ready", seen, "initlab image build", needed=False)


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


def _engines() -> list[Any]:
    from helpers.engines import registry

    return [registry.get(name) for name in registry.names()]


_LOOKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "python": _python,
    "jupyterlab": _jupyter,
    "engines": _engine,
    "lab image": _image,
    "course": _curriculum,
    "workspace": _workspace,
}
