"""A learner's `laws.py` in a sandbox: each law asked of every infuse there, watched from outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from checks.behaviours import Trial
from checks.calls.outside import Heard, Patience, call

__all__ = ["ask"]

_INSIDE = Path(__file__).with_name("inside.py")
_MODEL = Path(__file__).resolve().parents[1] / "infuse" / "model.py"
_HELPERS = Path(__file__).resolve().parents[2] / "helpers"
_PATIENCE = Patience(cpu=3.0)  # a law with one infuse takes a tenth of a second


def ask(trial: Trial, text: bytes, cases: Sequence[Sequence[str]], subjects: int) -> Heard:
    """Have each law asked of `subjects` infuses, `[target, a, b]` by `[target, a, b]`, in one sandbox.

    Raises `LabFailed` where the sandbox does not do its part.
    """
    ours: dict[str, str | bytes] = {
        "ours/infuse_model.py": _MODEL.read_bytes(),
        "ours/helpers/__init__.py": "",
        "ours/helpers/errors.py": (_HELPERS / "errors.py").read_bytes(),
    }
    for file in sorted((_HELPERS / "infuse").glob("*.py")):
        ours[f"ours/helpers/infuse/{file.name}"] = file.read_bytes()
    return call(
        trial,
        _INSIDE,
        ("laws.py", text),
        cases,
        _PATIENCE,
        beside=ours,
        whole=lambda first: len(first["laws"]) * subjects,
    )
