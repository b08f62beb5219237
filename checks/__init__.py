"""What a learner made, graded by what it does.

In a notebook::

    from checks import phase0, predict

    phase0.pid1()
"""

from __future__ import annotations

from checks.predictions import predict

__all__ = ["predict"]
