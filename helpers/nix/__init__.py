"""The real Nix, from Python and from a notebook cell.

>>> from helpers import nix
>>> nix.eval("{ a = 1; b = map (x: x * x) [ 1 2 3 ]; }")     # doctest: +SKIP
{'a': 1, 'b': [1, 4, 9]}
"""

from __future__ import annotations

from helpers.nix.errors import Frame, NixError, Position
from helpers.nix.evaluate import eval, eval_many

__all__ = ["Frame", "NixError", "Position", "eval", "eval_many"]
