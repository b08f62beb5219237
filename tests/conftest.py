"""Fixtures every test may use."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

from helpers.engines.base import Image

# A busy machine is no failure: pytest's own timeout bounds each test.
settings.register_profile("initlab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("initlab")

# What was started with `&` from a script ignores these, and so does whatever it starts (sh(1)).
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def image() -> Image:
    """The lab image, built if need be (a few minutes the first time)."""
    from helpers import image as images

    return images.ensure(progress=False)
