"""`helpers.infuse` against what the real infuse.nix said (see README.md)."""

from __future__ import annotations

import pytest

from helpers.infuse import InfuseError
from tests.infuse.table import Case, cases

IN_PYTHON = [case for case in cases() if case.target["py"] is not None]


@pytest.mark.parametrize("case", IN_PYTHON, ids=lambda case: f"{case.id}@{case.version}")
def test_python_says_what_infuse_nix_says(case: Case) -> None:
    """The same value, or the same words of error at the same path."""
    if "value" in case.expected:
        assert case.in_python() == case.expected["value"]
    else:
        with pytest.raises(InfuseError) as caught:
            case.in_python()
        assert str(caught.value) == case.expected["error"]
        assert caught.value.path == case.expected.get("path")


def test_the_table_is_whole() -> None:
    """Cases of both versions and of every kind: an emptied table does not pass."""
    assert len(IN_PYTHON) > 260
    assert sum("error" in case.expected for case in IN_PYTHON) > 80
    assert {case.via for case in IN_PYTHON} == {"infuse", "infuse-desugared", "optimize"}
