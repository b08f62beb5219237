"""Service definition directories, read and checked one by one.

The format: <https://skarnet.org/software/s6-rc/s6-rc-compile.html#source>. A list of names is a directory
of empty files (`dependencies.d`) or, in the older form, a file with a name in each line (`dependencies`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from s6rc import Failure

# What s6-supervise reads from a service directory, and data and env, which run scripts read.
COPIED = ("run", "finish", "notification-fd", "lock-fd", "timeout-kill", "timeout-finish",
          "max-death-tally", "down-signal", "flag-newpidns", "data", "env")  # fmt: skip
NUMBERS = ("notification-fd", "lock-fd", "timeout-kill", "timeout-finish", "max-death-tally",
           "timeout-up", "timeout-down")  # fmt: skip


@dataclass
class Definition:
    """One definition directory. `names` is what a bundle contains, or what an atomic service depends on."""

    path: Path
    kind: str
    names: list[str]
    essential: bool = False
    timeout_up: int = 0
    timeout_down: int = 0
    producer_for: str = ""
    consumer_for: list[str] = field(default_factory=list)
    pipeline: str = ""

    @property
    def name(self) -> str:
        return self.path.name


def read_sources(folders: list[Path]) -> dict[str, Definition]:
    """Every definition of every source directory, by name. Files and dot names are no services."""
    found: dict[str, Definition] = {}
    for folder in folders:
        if not folder.is_dir():
            raise Failure(f"{folder} is not a source directory", 111)
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or not path.is_dir():
                continue
            if path.name in found:
                raise Failure(f"{path}: {found[path.name].path} defines a service of that name already")
            found[path.name] = read(path)
    return found


def read(path: Path) -> Definition:
    """One definition directory. Raises `Failure` naming the file for anything it may not hold."""
    check_name(path, path.name)
    kind = _line(path / "type", needed=True)
    if kind == "bundle":
        return Definition(path, kind, _names(path, "contents"), (path / "flag-essential").exists())
    if kind not in ("longrun", "oneshot"):
        raise Failure(f"{path}/type: {kind!r} is none of longrun, oneshot, bundle")
    script = "run" if kind == "longrun" else "up"
    if not (path / script).is_file():
        raise Failure(f"{path}: a {kind} has a file {script}")
    numbers = {name: _number(path / name) for name in NUMBERS}
    if kind == "oneshot" and (path / "producer-for").exists() | (path / "consumer-for").exists():
        raise Failure(f"{path}: a oneshot cannot be part of a pipeline")
    return Definition(
        path,
        kind,
        _names(path, "dependencies"),
        (path / "flag-essential").exists(),
        numbers["timeout-up"],
        numbers["timeout-down"],
        _line(path / "producer-for"),
        _lines(path / "consumer-for"),
        _line(path / "pipeline-name"),
    )


def check_name(path: Path, name: str) -> None:
    """Names that begin with s6rc- or s6-rc- are s6-rc's own; a newline would end a line of a list."""
    if not name or "\n" in name or "/" in name or name.startswith(("s6rc-", "s6-rc-")):
        raise Failure(f"{path}: {name!r} cannot be the name of a service")


def _lines(path: Path) -> list[str]:
    """A list of names: `#` begins a comment line, space before a name does not count."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: {error}", 111) from None
    lines = [line.lstrip() for line in text.splitlines()]
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def _names(path: Path, what: str) -> list[str]:
    folder = path / f"{what}.d"
    if folder.is_dir():
        return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return _lines(path / what)


def _line(path: Path, needed: bool = False) -> str:
    lines = _lines(path)
    if len(lines) > 1 or (needed and not lines):
        raise Failure(f"{path}: one line is expected here, not {len(lines)}")
    return lines[0].strip() if lines else ""


def _number(path: Path) -> int:
    text = _line(path)
    if text and not text.isdecimal():
        raise Failure(f"{path}: {text!r} is not a number")
    return int(text or 0)
