"""Values as they are shown, and what changed between two."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.infuse import infuse
from helpers.nix import NixError, diff, seen


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{ }"),
        ([], "[ ]"),
        ({"a": 1, "b": [True, None, 2.5]}, "{ a = 1; b = [ true null 2.5 ]; }"),
        ({"b c": "${x}\n", "": '"'}, '{ "" = "\\""; "b c" = "\\${x}\\n"; }'),
        ({"f": lambda x: x}, "{ f = <function>; }"),
        ({"type": "derivation", "name": "nginx", "x": 1}, "<derivation nginx>"),
        ("grüße", '"grüße"'),
    ],
)
def test_a_value_reads_as_it_is_written_in_nix(value: Any, text: str) -> None:
    """Names in quotes where they must be, `${` escaped; short sets on one line."""
    assert str(seen(value)) == text


def test_a_long_set_has_a_line_for_each_attribute() -> None:
    """Indented by two."""
    text = str(seen({"service": {f"attribute{i}": "x" * 20 for i in range(4)}}))
    assert text.splitlines()[0:3] == ["{", "  service = {", '    attribute0 = "xxxxxxxxxxxxxxxxxxxx";']
    assert text.endswith("  };\n}")


def test_an_error_stands_at_its_attribute() -> None:
    """What infuse kept there is shown there; the rest is whole."""
    shown = seen(infuse({"a": {"b c": 1}, "d": 2}, {"a": {"b c": {"__append": "x"}}}))
    assert [(path, error.said) for path, error in shown.errors] == [
        ('a."b c"', "assertion '(isString string)' failed")
    ]
    assert "d = 2" in str(shown)
    assert "assertion" in shown._repr_html_()
    with pytest.raises(NixError, match="assertion"):
        shown.plain()


def test_the_tree_escapes_what_it_shows() -> None:
    """A value is text, never markup."""
    page = seen({"<i>": "<script>", "l": ["</details>"]})._repr_html_()
    assert "<script>" not in page
    assert "<i>" not in page
    assert page.count("</details>") == page.count("<details")


def test_equal_values_have_no_difference() -> None:
    """And say so."""
    assert not diff({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})
    assert str(diff(1, 1)) == "no difference"
    assert diff(1, True)


def test_a_difference_is_told_with_its_path() -> None:
    """Added, removed, changed; a list that grew by what it grew by."""
    before = {"env": {"PORT": "1", "OLD": "x"}, "after": ["net"], "same": {"deep": 1}, "kind": [1]}
    after = {"env": {"PORT": "2", "N W": "y"}, "after": ["net", "disk"], "same": {"deep": 1}, "kind": {}}
    assert str(diff(before, after)).splitlines() == [
        '+ after[1]: "disk"',
        '- env.OLD: "x"',
        '~ env.PORT: "1" → "2"',
        '+ env."N W": "y"',
        "~ kind: [ 1 ] → { }",
    ]
    page = diff({"a": "<b>"}, {"a": 1})._repr_html_()
    assert "<b>a</b>" in page
    assert "&lt;b&gt;" in page


def test_a_list_that_changed_inside_is_one_change() -> None:
    """Which element became which nobody can know."""
    assert len(diff([1, 2, 3], [2, 3])) == 1
    assert [c.kind for c in diff([1, 2], [1, 2, 3, 4])] == ["added", "added"]
    assert [c.path for c in diff([1, {"x": 1}], [1, {"x": 2}])] == ["[1].x"]
