"""How much text an init wants."""

from __future__ import annotations

from dataclasses import dataclass

from helpers.filetree import File
from helpers.inits.base import Rendered

__all__ = ["Config", "config_size"]

_SHELLS = ("sh", "bash", "dash", "busybox")
_COMMENTS = ("#", ";")


@dataclass(frozen=True)
class Config:
    """Lines and bytes of rendered text: `own` in the init's own language, `scripts` for a shell; `files`."""

    own_lines: int
    script_lines: int
    bytes: int
    files: int


def config_size(rendered: Rendered) -> Config:
    """Config: lines and bytes of what our renderer writes for the stack, blank lines and comments left out.

    Static: read off the rendered files, not off a running lab. The services' own programs and their
    configuration are not counted, nor files of the image. Lines of files that begin with `#!` and a shell
    count as script; all others (also those for openrc-run and execlineb) as the init's own language. It is
    the size of *our* rendering: by hand it may be shorter.
    """
    own = scripts = size = files = 0
    for entry in rendered.tree.entries.values():
        if not isinstance(entry, File):
            continue
        text = entry.data.decode(errors="replace")
        lines = [
            line for line in map(str.strip, text.splitlines()) if line and not line.startswith(_COMMENTS)
        ]
        files += 1
        size += sum(len(line.encode()) + 1 for line in lines)
        if _for_a_shell(text):
            scripts += len(lines)
        else:
            own += len(lines)
    return Config(own, scripts, size, files)


def _for_a_shell(text: str) -> bool:
    """Whether the first line names a shell (execve(2), Interpreter scripts)."""
    first = text.partition("\n")[0]
    if not first.startswith("#!"):
        return False
    words = first[2:].split()
    program = words[0].rpartition("/")[2] if words else ""
    if program == "env" and len(words) > 1:
        program = words[1]
    return program in _SHELLS
