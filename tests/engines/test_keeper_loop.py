"""The keeper's event loop, where several things happen in one round.

A check that destroyed sandboxes which were printing lost all of its sandboxes: the keeper read the
console of one it had closed in the same round, and ended with "Bad file descriptor".
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.engines.base import Image
from helpers.engines.embedded import Embedded

pytestmark = pytest.mark.live


def test_destroying_sandboxes_that_print_leaves_the_keeper_alive(image: Image) -> None:
    """Events of a closed descriptor are passed over; the other sandboxes run on."""
    engine = Embedded()
    witness = engine.start(image, ["/bin/sleep", "600"])

    def start_and_destroy(_: int) -> None:
        box = engine.start(image, ["/bin/sh", "-c", "while :; do echo something to read; done"])
        box.destroy()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(start_and_destroy, range(45)))
    try:
        assert [process.comm for process in witness.processes()] == ["sleep"]
    finally:
        witness.destroy()
