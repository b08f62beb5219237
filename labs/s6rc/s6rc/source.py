"""Service definition directories, read and checked one by one.

The format: <https://skarnet.org/software/s6-rc/s6-rc-compile.html#source>. A list of names is a directory
of empty files (`dependencies.d`) or, in the older form, a file with a name in each line (`dependencies`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from s6rc import Failure

# What s6-supervise reads from a service directory, and data and env, which run scripts read.
COPIED = ("run", "finish", "notification-fd", "lock-fd", "timeout-kill", "timeout-finish",
          "max-death-tally", "down-signal", "flag-newpidns", "data", "env")  # fmt: skip
NUMBERS = ("notification-fd", "lock-fd", "timeout-kill", "timeout-finish", "max-death-tally",
           "timeout-up", "timeout-down")  # fmt: skip
# A comment; a word of quoted pieces, escaped letters and others; what is left is a quote that does not end.
WORD = re.compile(r"""#[^\n]*|(?:"(?:\\.|[^"\\])*"|\\.|[^\s"\\])+|["\\]""", re.DOTALL)


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
    kind = _text(path / "type").removesuffix("\n")
    if kind == "bundle":
        if not (path / "contents.d").is_dir() and not (path / "contents").is_file():
            raise Failure(f"{path}: a bundle has a directory contents.d")
        return Definition(path, kind, _names(path, "contents"), (path / "flag-essential").exists())
    if kind not in ("longrun", "oneshot"):
        raise Failure(f"{path}/type: {kind!r} is none of longrun, oneshot, bundle")
    script = "run" if kind == "longrun" else "up"
    if not (path / script).is_file():
        raise Failure(f"{path}: a {kind} has a file {script}")
    numbers = {name: _number(path / name) for name in NUMBERS}
    for script in ("up", "down") if kind == "oneshot" else ():
        check_execline(path / script, _text(path / script))
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


def check_execline(path: Path, text: str) -> None:
    """The words of a command line for execlineb: every quote ends, and so does every block.

    A block is opened and closed by a brace that is a word of its own. The lexer:
    <https://skarnet.org/software/execline/execlineb.html#quoting>.
    """
    open_blocks = 0
    for word in WORD.findall(text):
        if word == '"':
            raise Failure(f'{path}: a " that nothing ends')
        open_blocks += {"{": 1, "}": -1}.get(word, 0)
        if open_blocks < 0:
            raise Failure(f"{path}: a }} that closes nothing")
    if open_blocks:
        raise Failure(f"{path}: a {{ that nothing closes")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: {error}", 111) from None


def _lines(path: Path) -> list[str]:
    """A list of names: `#` begins a comment line. Space before a name does not count; space after it does."""
    lines = [line.lstrip(" \t") for line in _text(path).split("\n")]
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def _names(path: Path, what: str) -> list[str]:
    folder = path / f"{what}.d"
    if folder.is_dir():
        return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return _lines(path / what)


def _line(path: Path) -> str:
    lines = _lines(path)
    if len(lines) > 1:
        raise Failure(f"{path}: one line is expected here, not {len(lines)}")
    return lines[0] if lines else ""


def _number(path: Path) -> int:
    """Digits and a newline, nothing else; it has 32 bits."""
    text = _text(path).rstrip("\n")
    if text and not (text.isascii() and text.isdecimal() and int(text) < 2**32):
        raise Failure(f"{path}: {text!r} is not a number")
    return int(text or 0)
