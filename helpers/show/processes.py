"""The processes of a sandbox as a table: who is whose child, and who is dead.

Alike ones stand in one line, so that a hundred zombies can be read. `stable=True` leaves out
everything that differs from run to run (numbers, times, memory), for cells whose output is compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from helpers.engines.base import MIB, Process
from helpers.show.table import text_table

__all__ = ["ProcessTable", "process_table"]

# proc(5), /proc/PID/stat, field 3.
_STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "waiting for a disk",
    "T": "stopped",
    "t": "traced",
    "Z": "zombie",
    "X": "dead",
    "I": "idle",
}
_ALIKE = 3  # from this many on, alike processes share a line
_WIDTH = 72

_STYLE = """<style>
.initlab-processes{border-collapse:collapse;margin:4px 0;font-variant-numeric:tabular-nums}
.initlab-processes th,.initlab-processes td{padding:3px 14px 3px 0;text-align:left!important;
vertical-align:top;border:none;white-space:normal}
.initlab-processes tr.z td{color:var(--jp-error-color1,#c62828);font-weight:600}
.initlab-processes code{background:transparent;color:inherit}
</style>"""


def process_table(processes: Iterable[Process], *, stable: bool = False) -> ProcessTable:
    """A table of processes, zombies marked. See `ProcessTable`."""
    return ProcessTable(processes, stable=stable)


class ProcessTable:
    """Processes, one line each, or one line for several that are alike.

    >>> print(process_table([Process(1, 0, "S", "sh"), Process(7, 1, "Z", "sleep")], stable=True))
    process  parent  state   count
    sh       -       alive   1
    sleep    sh      zombie  1
    """

    def __init__(self, processes: Iterable[Process], *, stable: bool = False) -> None:
        self.processes = sorted(processes, key=lambda process: process.pid)
        self.stable = stable

    @property
    def zombies(self) -> int:
        """How many of them are zombies."""
        return sum(process.state == "Z" for process in self.processes)

    def header(self) -> list[str]:
        """The names of the columns."""
        if self.stable:
            return ["process", "parent", "state", "count"]
        return ["PID", "parent", "state", "memory", "process"]

    def rows(self) -> list[tuple[bool, list[str]]]:
        """(whether it is about zombies, the cells) for each line."""
        by_pid = {process.pid: process for process in self.processes}
        groups: dict[tuple[str, str, str], list[Process]] = {}
        for process in self.processes:
            parent = by_pid.get(process.ppid)
            if self.stable:
                above = _name(parent) if parent else "-"
            else:
                above = str(process.ppid) if parent else "-"
            groups.setdefault((_name(process), above, self._state(process)), []).append(process)
        lines: list[tuple[int, bool, list[str]]] = []
        for (name, above, state), alike in groups.items():
            dead = state == "zombie"
            if self.stable:
                lines.append((alike[0].pid, dead, [name, above, state, str(len(alike))]))
            elif len(alike) >= _ALIKE:
                numbers = f"{alike[0].pid} … {alike[-1].pid}"
                memory = _memory(sum(process.rss for process in alike))
                lines.append((alike[0].pid, dead, [numbers, above, state, memory, f"{len(alike)} x {name}"]))
            else:
                for process in alike:
                    cells = [str(process.pid), above, state, _memory(process.rss), name]
                    lines.append((process.pid, dead, cells))
        return [(dead, cells) for _, dead, cells in sorted(lines, key=lambda line: line[0])]

    def _state(self, process: Process) -> str:
        if self.stable and process.state in "RSDI":
            return "alive"
        return _STATES.get(process.state, process.state)

    def __str__(self) -> str:
        return text_table(self.header(), [cells for _, cells in self.rows()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{name}</th>' for name in self.header())
        lines = []
        for dead, cells in self.rows():
            shown = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            lines.append(f'<tr class="z">{shown}</tr>' if dead else f"<tr>{shown}</tr>")
        return (
            f'{_STYLE}<table class="initlab-processes"><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(lines)}</tbody></table>"
        )


def _name(process: Process) -> str:
    words = " ".join(" ".join(process.argv).split()) or process.comm
    return words if len(words) <= _WIDTH else words[: _WIDTH - 1] + "…"


def _memory(size: int) -> str:
    return f"{size / MIB:.1f} MiB" if size else "-"
