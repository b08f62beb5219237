"""The real Nix, from Python and from a notebook cell.

>>> from helpers import nix
>>> nix.eval("{ a = 1; b = map (x: x * x) [ 1 2 3 ]; }")     # doctest: +SKIP
{'a': 1, 'b': [1, 4, 9]}

`look` shows a value with its errors in place, `diff` what changed between two, `Store` is a store of one's
own: builds, profiles with their generations, garbage. `%load_ext helpers.nix` in a notebook makes the cell
magics `%%nix` and `%%both` known.
"""

from __future__ import annotations

from typing import Any

from helpers.nix.both import Both, both, remember
from helpers.nix.diff import Change, Diff, diff
from helpers.nix.errors import Frame, NixError, Position
from helpers.nix.evaluate import eval, eval_many
from helpers.nix.look import Seen, look, seen
from helpers.nix.profiles import Generation, Generations, Profile
from helpers.nix.store import Built, Collected, Store

__all__ = [
    "Both",
    "Built",
    "Change",
    "Collected",
    "Diff",
    "Frame",
    "Generation",
    "Generations",
    "NixError",
    "Position",
    "Profile",
    "Seen",
    "Store",
    "both",
    "diff",
    "eval",
    "eval_many",
    "load_ipython_extension",
    "look",
    "remember",
    "seen",
]


def load_ipython_extension(shell: Any) -> None:
    """Make `%%nix` and `%%both` known."""
    from helpers.nix import magics

    magics.load_ipython_extension(shell)
