"""The course machinery: sources, editions, exercises, workspace, progress.

In a notebook, `%load_ext helpers.course` makes the cell magic `%%exercise` known.
"""

from __future__ import annotations

from typing import Any

__all__ = ["load_ipython_extension"]


def load_ipython_extension(shell: Any) -> None:
    """Make the magics known; imported here only, so that checks do not pay for it."""
    from helpers.course import magics

    magics.load_ipython_extension(shell)
