"""What two threads may do to one sandbox at the same time."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from helpers.engines.base import Image, Pid1, Sandbox
from helpers.engines.embedded import Embedded
from helpers.errors import SandboxGone

pytestmark = pytest.mark.live


def test_a_sandbox_destroyed_by_two_threads_closes_what_it_held_once(image: Image) -> None:
    """The owner and a deadline at once: no error, and no descriptor of somebody else's is closed."""
    engine = Embedded()
    for _ in range(5):
        box = engine.start(image, Pid1(("/bin/sleep", "100")))
        problems: list[BaseException] = []

        def destroy(box=box, problems=problems) -> None:  # type: ignore[no-untyped-def]
            try:
                box.destroy()
            except BaseException as error:  # whatever it is, the test tells it
                problems.append(error)

        threads = [threading.Thread(target=destroy) for _ in range(4)]
        for thread in threads:
            thread.start()
        mine = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
        for thread in threads:
            thread.join(20)
        for fd in mine:
            os.close(fd)  # EBADF if one of the threads closed it
        assert problems == []


def read_on(box: Sandbox) -> None:
    while True:
        box.processes()


def test_reading_processes_while_pid_1_ends_is_gone_and_nothing_else(image: Image) -> None:
    """Whoever reads the table until the end gets tables, and then `SandboxGone`."""
    for _ in range(5):
        box = Embedded().start(image, Pid1(("/bin/sleep", "100")))
        try:
            threading.Timer(0.02, lambda box=box: box.signal(signal.SIGKILL)).start()  # type: ignore[misc]
            with pytest.raises(SandboxGone):
                read_on(box)
        finally:
            box.destroy()
