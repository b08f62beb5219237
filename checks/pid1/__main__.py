"""`python -m checks.pid1 …` is `initlab pid1 …`."""

from __future__ import annotations

import sys

from helpers.cli import main

if __name__ == "__main__":
    main(["pid1", *sys.argv[1:]])
