"""What a PID 1 must do, asked from outside: the conformance suite for programs that run one command.

The program becomes PID 1 of sandboxes, and is judged by what happens to processes, signals, files and exit
codes; nothing looks at its text::

    from checks.pid1 import Command, judge

    print(judge(Command(("/usr/bin/tini", "--"))))               # PROGRAM … COMMAND ARGS…

`STAGES` names subsets of the behaviours, `subset(name, kind)` gives one, `stage(name, kind, points={…})`
makes a `Suite` of it, ready for `checks.runner.check`. Inits that run services are not asked yet.

`first` is the exercise `p0.pid1`, with its hints in `first_hints`. `box` is the sandbox a program runs in as
PID 1, and what can be seen of it; `checks.pid1.box` has `place` and `random_word` for every check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checks.pid1.running import judge, judge_all
    from checks.pid1.stages import STAGES, stage, subset
    from checks.pid1.subject import Command, Subject
    from checks.pid1.table import Cell, Result, Table

__all__ = [
    "STAGES",
    "Cell",
    "Command",
    "Result",
    "Subject",
    "Table",
    "judge",
    "judge_all",
    "stage",
    "subset",
]

_WHERE = {
    "judge": "running",
    "judge_all": "running",
    "STAGES": "stages",
    "stage": "stages",
    "subset": "stages",
    "Command": "subject",
    "Subject": "subject",
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
