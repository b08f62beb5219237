"""Faults as verbs on a lab: kill, freeze, slow start, full disk and the rest, each with its undo.

>>> with lab.faults.freeze("app"):                # doctest: +SKIP
...     lab.http("nginx").status
504

None of them knows an init: they act by signals, files and commands inside the sandbox, and by the init's own
start command where it has given a service up. See `helpers.faults.verbs.Faults`.
"""

from __future__ import annotations

from helpers.errors import FaultError
from helpers.faults.fault import Fault
from helpers.faults.table import FaultTable
from helpers.faults.verbs import Faults

__all__ = ["Fault", "FaultError", "FaultTable", "Faults"]
