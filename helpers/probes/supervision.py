"""Which processes of a lab are services, and which are there to look after them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from helpers.engines.base import Process

__all__ = ["Crew", "sort_out"]


@dataclass(frozen=True)
class Crew:
    """The processes of a sandbox by what they are for.

    `supervision` is everything that is no service: PID 1, supervisors, loggers, scripts that wait.
    `services` are the main processes and all they started. `visitors` came in from outside (our own
    commands) and count as neither. Zombies are in none of them.
    """

    supervision: tuple[Process, ...]
    services: Mapping[str, tuple[Process, ...]]
    visitors: tuple[Process, ...]
    zombies: tuple[Process, ...]


def sort_out(processes: Sequence[Process], main_pids: Mapping[str, int]) -> Crew:
    """Sort a process table by the tree of parents (pure).

    A visitor is known by its parent: 0, because the parent is outside of the PID namespace
    (pid_namespaces(7)).
    """
    children: dict[int, list[Process]] = {}
    for process in processes:
        children.setdefault(process.ppid, []).append(process)
    by_pid = {process.pid: process for process in processes}

    def family(roots: Iterable[int]) -> list[Process]:
        found, todo = [], [by_pid[pid] for pid in roots if pid in by_pid]
        while todo:
            process = todo.pop()
            found.append(process)
            todo += children.get(process.pid, [])
        return [process for process in found if process.state != "Z"]

    visitors = family(process.pid for process in children.get(0, []) if process.pid != 1)
    services = {name: tuple(family([pid])) for name, pid in main_pids.items()}
    taken = {process.pid for process in visitors} | {p.pid for members in services.values() for p in members}
    return Crew(
        supervision=tuple(p for p in processes if p.pid not in taken and p.state != "Z"),
        services=services,
        visitors=tuple(visitors),
        zombies=tuple(p for p in processes if p.state == "Z"),
    )
