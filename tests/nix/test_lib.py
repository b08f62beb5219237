"""`labs/nix/lib.nix`: what infuse.nix asks of nixpkgs' lib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers import nix
from helpers.nix.places import LabPlace

LIB = Path(__file__).parents[2] / "labs" / "nix" / "lib.nix"

# What nixpkgs' documentation of each function says of it.
CASES: list[tuple[str, Any]] = [
    ("pipe 2 [ (x: x + 2) (x: x * 2) ]", 8),
    ("flip (a: b: a - b) 1 10", 9),
    ('hasPrefix "__" "__append"', True),
    ('hasPrefix "__" "_"', False),
    ("flatten [ 1 [ 2 [ 3 ] 4 ] 5 ]", [1, 2, 3, 4, 5]),
    ("flatten 1", [1]),
    ('imap0 (i: v: "${v}-${toString i}") [ "a" "b" ]', ["a-0", "b-1"]),
    ('filterAttrs (n: v: n == "foo") { foo = 1; bar = 2; }', {"foo": 1}),
    ("foldl (a: b: a - b) 10 [ 1 2 ]", 7),
    ("isFunction { __functor = self: x: x; }", True),
    ("isFunction { }", False),
    ('isDerivation { type = "derivation"; }', True),
    ("functionArgs ({ a, b ? 1 }: a)", {"a": False, "b": True}),
    ("functionArgs (x: x)", {}),
    ("functionArgs { __functor = self: { c }: c; }", {"c": False}),
    ("attrsToList { a = 1; }", [{"name": "a", "value": 1}]),
    ("optionals true [ 1 ]", [1]),
    ('optionalString false "x"', ""),
    (
        "(composeExtensions (f: p: { a = p.a + 1; }) (f: p: { b = p.a * 10; })) { } { a = 1; }",
        {"a": 2, "b": 20},
    ),
    ('showAttrPath [ "foo" "10" "bar" ]', 'foo."10".bar'),
    ("showAttrPath [ ]", "<root attribute path>"),
    ("generators.toPretty { } [ ]", "[ ]"),
    (
        "generators.toPretty { } { a = [ 1 null ]; b = x: x; }",
        "{\n  a = [\n    1\n    null\n  ];\n  b = <function>;\n}",
    ),
    ('generators.toPretty { } "a\\nb"', "''\n  a\n  b''"),
    ('generators.toPretty { } { type = "derivation"; name = "x"; }', "<derivation x>"),
]


@pytest.mark.live
def test_functions_do_what_nixpkgs_says(place: LabPlace) -> None:
    """One by one, with the examples of nixpkgs' manual where it has one."""
    found = nix.eval_many(
        [f"with import ./lib.nix; {text}" for text, _ in CASES],
        files={"lib.nix": LIB.read_text()},
        place=place,
    )
    wrong = [f"{text}: {got}" for (text, expected), got in zip(CASES, found, strict=True) if got != expected]
    assert not wrong
