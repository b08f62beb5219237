"""One sandbox with Nix for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.engines.base import Image
from helpers.nix import Store
from helpers.nix.places import LabPlace


@pytest.fixture(scope="session")
def place(image: Image) -> Iterator[LabPlace]:
    """Where expressions are evaluated."""
    made = LabPlace(image=image)
    yield made
    made.close()


@pytest.fixture
def store(image: Image) -> Iterator[Store]:
    """An empty store."""
    with Store(image=image) as made:
        yield made
