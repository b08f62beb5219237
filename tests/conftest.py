"""Fixtures every test may use."""

from __future__ import annotations

import pytest

from helpers.engines.base import Image


@pytest.fixture(scope="session")
def image() -> Image:
    """The lab image, built if need be (a few minutes the first time)."""
    from helpers import image as images

    return images.ensure(progress=False)
