"""Process trees: who is whose parent, as text and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from helpers.engines.base import Process

__all__ = ["ProcessTree"]

_WIDE = 100


class ProcessTree:
    """The processes of a sandbox, each below its parent. A zombie is marked.

    Processes whose parent is outside the sandbox (a command you ran with `exec`) stand at the left edge.

    >>> print(ProcessTree([Process(1, 0, "S", "init", ("/sbin/init",)), Process(7, 1, "Z", "sh")]))
    1 /sbin/init
    └─ 7 sh  ZOMBIE
    """

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes = list(processes)

    def __str__(self) -> str:
        lines: list[str] = []
        known = {process.pid for process in self.processes}
        for root in (p for p in self.processes if p.ppid not in known):
            self._walk(root, "", "", lines)
        return "\n".join(lines)

    __repr__ = __str__

    def _walk(self, process: Process, head: str, indent: str, lines: list[str]) -> None:
        words = " ".join(process.argv) or process.comm
        words = words if len(words) <= _WIDE else words[: _WIDE - 1] + "…"
        mark = "  ZOMBIE" if process.state == "Z" else ""
        lines.append(f"{head}{process.pid} {words}{mark}")
        children = [p for p in self.processes if p.ppid == process.pid]
        for child in children:
            last = child is children[-1]
            self._walk(child, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "), lines)

    def _repr_html_(self) -> str:
        text = escape(str(self)).replace("  ZOMBIE", '  <b style="color:#c62828">ZOMBIE</b>')
        return f'<pre style="margin:0;line-height:1.4">{text}</pre>'
