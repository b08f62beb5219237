"""What a notebook needs beyond the lab: `needs: [rust]` in its front matter.

Where a computer lacks it, vetting and tests run neither the notebook nor the checks of its exercises, and say
so. A learner's check says how to get it (`lab_failed`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

__all__ = ["TOLD", "Need", "lacking"]

Need = Literal["rust"]

TOLD: dict[Need, str] = {
    "rust": "Rust 1.85 or newer with cargo ([rustup.rs](https://rustup.rs)), and a C compiler"
}
"""For the table at the top of a notebook."""


def lacking(needs: Iterable[Need]) -> str:
    """Why this computer cannot run what has these needs, with what mends it; empty where it can."""
    for _ in needs:  # there is one need so far
        from helpers.rust.toolchain import availability

        found = availability()
        if not found.ok:
            return f"{found.reason} (next: {found.mend})"
    return ""
