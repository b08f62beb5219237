"""`helpers.infuse` and `labs/nix/infuse.nix` on random infusions, side by side in real Nix.

`INITLAB_INFUSE_EXAMPLES=500` makes a night's work of it: an example is a batch of some twenty cases.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from helpers import nix
from helpers.engines.base import Image
from helpers.infuse import infuse
from helpers.nix import NixError
from helpers.nix.places import LabPlace
from tests.infuse.infusions import Pair, pairs
from tests.infuse.outcome import outcome
from tests.infuse.table import Case, cases

LIBRARY = Path(__file__).parents[2] / "labs" / "nix" / "infuse.nix"
EXAMPLES = int(os.environ.get("INITLAB_INFUSE_EXAMPLES", "12"))

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def place(image: Image) -> Iterator[LabPlace]:
    """Where Nix runs."""
    made = LabPlace(image=image)
    yield made
    made.close()


def nix_outcome(value: object) -> tuple[str, object]:
    """As `outcome` tells it."""
    if not isinstance(value, NixError):
        return "value", value
    assert value.kind not in ("syntax", "undefined", "died", "time"), f"the test is wrong: {value}"
    own = value.said.startswith("infuse.")
    return ("infuse", value.said) if own else ("error", "")


@pytest.mark.parametrize("version", ["2.4", "2.6"])
def test_python_and_nix_agree_on_random_infusions(place: LabPlace, version: str) -> None:
    """The same value; or the same words at the same path; or an error both."""
    seen = {"value": 0, "infuse": 0, "error": 0}
    wrong: list[str] = []

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.lists(pairs(version), min_size=15, max_size=40))
    def agree(batch: list[Pair]) -> None:
        head = f'let v1 = (import ./infuse.nix {{ version = "{version}"; }}).v1; infuse = v1.infuse; in '
        found = nix.eval_many(
            [head + pair.nix() for pair in batch], files={"infuse.nix": LIBRARY.read_text()}, place=place
        )
        for pair, value in zip(batch, found, strict=True):
            expected = nix_outcome(value)
            got = outcome(lambda pair=pair: infuse(pair.target[1], pair.infusion[1], version=version))  # type: ignore[misc]
            seen[got[0]] += 1
            if got != expected:
                wrong.append(f"{pair.nix()}\n  Python: {got}\n  Nix:    {expected}")

    agree()
    # The shortest tells most; to shrink one properly would take many processes.
    assert not wrong, "\n".join(sorted(wrong, key=len)[:3])
    # Cases of every kind: a generator of nothing but errors would prove nothing.
    assert min(seen.values()) >= EXAMPLES, seen


# What random cases have found, once. (version, target, infusion) in Nix, and what both have to say.
FOUND = [
    (
        "2.4",
        "{ }",
        "[ { a = { b = _: 1; type = 5; }; z = _: 2; } (r: r.z) ]",
        "infuse.desugar: at path a.type: invalid type int",
    ),
    ("2.4", "{ }", "[ { a = { b = _: 1; typo = 5; }; z = _: 2; } (r: r.z) ]", 2),
    ("2.4", "{ f = unused: 1; }", "[ { f.__input = { a = false; }; } (r: r.f { }) ]", 1),
    ("2.4", "{ f = x: x; }", "[ { f.__output = { a = false; }; } (r: builtins.isFunction (r.f { })) ]", True),
    (
        "2.6",
        "{ f = f: p: { }; }",
        "{ f = { __overlay = { }; __input.a = _: 1; }; }",
        "infuse.input: at path f.__input: infused to __input.a of a function which has no argument named a.",
    ),
    (
        "2.4",
        '{ a = "x\\ny"; }',
        "{ a.__init = 1; }",
        "infuse.desugar: at path a.__init: infused a value to __init but attribute already existed, "
        "value=''\n  x\n  y''; maybe you meant to use __assign or __default?",
    ),
]


@pytest.mark.parametrize(("version", "target", "infusion", "expected"), FOUND)
def test_what_was_found_once_stays_mended(
    place: LabPlace, version: str, target: str, infusion: str, expected: object
) -> None:
    """In our Nix; `test_decisions` has the same in Python."""
    text = f'(import ./infuse.nix {{ version = "{version}"; }}).v1.infuse ({target}) ({infusion})'
    (got,) = nix.eval_many([text], files={"infuse.nix": LIBRARY.read_text()}, place=place)
    assert (got.said if isinstance(got, NixError) else got) == expected


def test_our_nix_says_what_infuse_nix_says(place: LabPlace) -> None:
    """The conformance table, whole, at both versions."""
    table = cases()
    expressions = [case.in_nix("./infuse.nix", f'version = "{case.version}";') for case in table]
    found = nix.eval_many(expressions, files={"infuse.nix": LIBRARY.read_text()}, place=place)
    wrong = [
        f"{case.id}@{case.version}: {got}"
        for case, got in zip(table, found, strict=True)
        if not same(case, got)
    ]
    assert not wrong
    assert len(table) > 270


def same(case: Case, got: object) -> bool:
    """Whether that is what the table says. Nix's own words may go on with what a newer Nix adds."""
    if "value" in case.expected:
        return got == case.expected["value"]
    said = got.said.splitlines()[0] if isinstance(got, NixError) else ""
    return said == case.expected["error"] if case.own_error else said.startswith(case.expected["error"])
