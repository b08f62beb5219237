"""Every exception initlab raises, in one tree.

::

    InitlabError                 anything we raise on purpose; catch this one
    ├── ManifestError            a manifest that cannot be used: names file, path and mend
    ├── ImageError               the lab image is missing, broken, or cannot be built
    ├── RenderError              an init cannot express a manifest at all
    ├── EngineError              the place where labs run
    │   ├── EngineUnavailable    this computer cannot run that engine; says how to mend it
    │   ├── SandboxError         a sandbox did not start, or did something it must not
    │   └── SandboxGone          the sandbox has ended (or was destroyed) before the call
    ├── LabError                 a running lab did not do what was asked (not ready, no such service)
    │   └── FaultError           a fault cannot be made or undone here; says why
    ├── InfuseError              an infusion that cannot be applied (helpers.infuse)
    ├── NixError                 what Nix says is wrong with an expression or a build (helpers.nix)
    ├── UpstreamError            an original could not be fetched, or was changed (helpers.nix.upstream)
    └── CourseError              workspace, notebook source, exercise or progress file

Every message names the object; `hint` holds the next command to run. `str()` shows both.
"""

from __future__ import annotations

__all__ = [
    "CourseError",
    "EngineError",
    "EngineUnavailable",
    "FaultError",
    "ImageError",
    "InitlabError",
    "LabError",
    "ManifestError",
    "RenderError",
    "SandboxError",
    "SandboxGone",
]


class InitlabError(Exception):
    """The root of the tree.

    `message` names what went wrong and with which object; `hint` says what to do next
    (a command, where there is one) and may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.hint}" if self.hint else self.message

    def _render_traceback_(self) -> list[str]:
        """Shown by IPython instead of a traceback of ours: the learner needs the message."""
        return [f"{type(self).__name__}: {self}"]


class ManifestError(InitlabError):
    """A manifest that cannot be used; the message lists every problem with its path and mend."""


class ImageError(InitlabError):
    """The lab image is missing, broken, or cannot be built here."""


class RenderError(InitlabError):
    """An init cannot express this manifest at all (what it can only partly express is `Unsupported`)."""


class EngineError(InitlabError):
    """Something about the place where labs run."""


class EngineUnavailable(EngineError):
    """This computer cannot run that engine; `hint` holds the command that mends it."""


class SandboxError(EngineError):
    """A sandbox did not start, or an operation on it failed."""


class SandboxGone(SandboxError):
    """The sandbox ended (or was destroyed) before the call; the message tells its exit status."""


class LabError(InitlabError):
    """A running lab did not do what was asked: never ready, unknown service, unreachable port."""


class FaultError(LabError):
    """A fault (`lab.faults`) cannot be made or undone: unknown, in force already, or impossible here."""


class CourseError(InitlabError):
    """The workspace, a notebook source, an exercise or the progress file cannot be used."""
