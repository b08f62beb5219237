"""What a notebook needs beyond the lab: `needs: [rust]` in its front matter.

Where a computer lacks it, vetting and tests run neither the notebook nor the checks of its exercises, and say
so. A learner's check says how to get it (`lab_failed`). A learner edition, where nothing is written yet, is
content with a pack of prebuilt programs (`helpers.rust.packs`) that has all it shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

__all__ = ["TOLD", "Need", "lacking"]

Need = Literal["rust"]

TOLD: dict[Need, str] = {
    "rust": (
        "Rust 1.85 or newer with cargo ([rustup.rs](https://rustup.rs)), and a C compiler; to look on only,"
        " a pack from a computer that has them (`initlab rust use`)"
    )
}
"""For the table at the top of a notebook."""


def lacking(needs: Iterable[Need], *, prebuilt: bool = False) -> str:
    """Why this computer cannot run what has these needs, with what mends it; empty where it can.

    With `prebuilt` nothing new is to be compiled: a pack that has what the notebooks show will do.
    """
    for _ in needs:  # there is one need so far
        from helpers.rust.toolchain import availability

        found = availability()
        if not found.ok and not (prebuilt and _pack()):
            return f"{found.reason} (next: {found.mend})"
    return ""


def _pack() -> bool:
    from helpers.rust import packs

    return packs.complete()
