"""The conformance table on the real infuse.nix where it has been fetched.

`initlab upstream fetch` brings it; without it these tests are skipped and say so.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import nix
from helpers.engines.base import Image
from helpers.nix import upstream
from helpers.nix.places import LabPlace
from tests.infuse.table import VERSIONS, cases
from tests.infuse.test_differential import same

LIB = Path(__file__).parents[2] / "labs" / "nix" / "lib.nix"

pytestmark = pytest.mark.live


@pytest.mark.parametrize("version", VERSIONS)
def test_the_real_one_says_what_the_table_says(image: Image, version: str) -> None:
    """Each case of its version. So the table is no opinion of ours."""
    folder = upstream.find(f"infuse-{version}")
    if folder is None:
        pytest.skip(f"infuse.nix v{version} is not here: initlab upstream fetch infuse-{version}")
    table = [case for case in cases() if case.version == version]
    files = {"infuse.nix": (folder / "default.nix").read_text(), "lib.nix": LIB.read_text()}
    place = LabPlace(image=image)
    found = nix.eval_many(
        [case.in_nix("./infuse.nix", "lib = import ./lib.nix;") for case in table], files=files, place=place
    )
    place.close()
    wrong = [f"{case.id}: {got}" for case, got in zip(table, found, strict=True) if not same(case, got)]
    assert not wrong
