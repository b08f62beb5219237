"""SixOS as data: what is known of the real one, each statement with the file that it was read in.

>>> from helpers.sixos import load
>>> sixos = load()
>>> sixos.facts["F03"].path
'six/mkService.nix'
>>> sorted(name for name, target in sixos.targets.items() if target.kind == "longrun")
['dnscache', 'mdevd', 'nix-daemon', 'sshd', 'syslog']
"""

from __future__ import annotations

from helpers.sixos.data import Fact, Service, SixOS, SixOSError, Source, Target, load
from helpers.sixos.miniature import configuration
from helpers.sixos.questions import CLASSES, FEATURES, QUESTIONS, SENTENCES, Question
from helpers.sixos.report import analysis

__all__ = [
    "CLASSES",
    "FEATURES",
    "QUESTIONS",
    "SENTENCES",
    "Fact",
    "Question",
    "Service",
    "SixOS",
    "SixOSError",
    "Source",
    "Target",
    "analysis",
    "configuration",
    "load",
]
