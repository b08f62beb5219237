"""What a PID 1 must do, asked from outside of any program: the conformance suite.

The program becomes PID 1 of sandboxes and is judged by what happens to processes, signals, terminals and exit
codes; nothing looks at its text. There are two kinds: a `Command` runs one command, `argv… COMMAND ARGS…`;
`Services` is an init that runs services, any of `helpers.inits` or a program that reads a manifest
(`ReadsManifest`). A name of a behaviour that both kinds have means the same thing in both::

    from checks.pid1 import Command, judge

    judge(Command(("/usr/bin/tini", "--")))                   # the whole suite: a `Table`
    judge(Command(("/usr/bin/python3", "/opt/lab/pid1.py"), tree), only="stage 1")
    judge_all([Command(…), Services(inits.get("runit"))])     # one table of several, of both kinds

From a terminal: `python -m checks.pid1 -- /usr/bin/tini --`.

**For the checks of stages**: `STAGES` names what a supervisor newly keeps after each stage of its making
(`"stage 1: spawn and reap"` and on to `"stage 4: readiness and logs"`); `subset("stage 1")` gives the
behaviours, and `checks.stages.rows` adds them to the check of a stage.

`first` is the exercise `p0.pid1`, with its hints in `first_hints`. `box` is the sandbox a program runs in as
PID 1, and what can be seen of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checks.pid1.running import judge, judge_all
    from checks.pid1.subject import Command, ReadsManifest, Services
    from checks.pid1.subsets import STAGES, subset
    from checks.pid1.table import Cell, Result, Table

__all__ = [
    "STAGES",
    "Cell",
    "Command",
    "ReadsManifest",
    "Result",
    "Services",
    "Table",
    "judge",
    "judge_all",
    "subset",
]

_WHERE = {
    "judge": "running",
    "judge_all": "running",
    "STAGES": "subsets",
    "subset": "subsets",
    "Command": "subject",
    "ReadsManifest": "subject",
    "Services": "subject",
    "Cell": "table",
    "Result": "table",
    "Table": "table",
}


def __getattr__(name: str) -> Any:
    """Public names come from their modules when they are asked for: other checks need `box` alone."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
