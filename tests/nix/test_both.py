"""One expression in Nix and in Python: the translation, the comparison, what a learner has seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.course.workspace import Workspace
from helpers.engines.base import Image
from helpers.infuse import force, infuse
from helpers.nix.both import Both, both, remember, shown
from helpers.nix.look import Seen, seen
from helpers.nix.python import NoPython, evaluate, python_of
from tests.infuse.infusions import nix_text, plain_targets


@pytest.mark.parametrize(
    ("nix", "python"),
    [
        ("infuse { x = 3; } { x = x: x * x; }", "infuse({'x': 3}, {'x': lambda x: x * x})"),
        ("infuse { } [ (_: 1) ]", "infuse({}, [lambda _: 1])"),
        ("{ a.b = 1; a.c = { }; }", "{'a': {'b': 1, 'c': {}}}"),
        ("{ a = { b = 1; }; a.c = 2; }", "{'a': {'b': 1, 'c': 2}}"),
        ('{ "b c" = [ 1 "x" null true ]; }', "{'b c': [1, 'x', None, True]}"),
        ("{ a = 1; } // { b = 2; } // { c = 3; }", "{'a': 1} | ({'b': 2} | {'c': 3})"),
        ("x: x ++ [ 2 ]", "lambda x: [*x, 2]"),
        ('run: "${run} -p"', "lambda run: run + ' -p'"),
        ("r: r.x.y + 1", "lambda r: r['x']['y'] + 1"),
        ("r: r.x or 3", "lambda r: r.get('x', 3)"),
        ("let a = 1; b = a; in [ a b ]", "(lambda a: (lambda b: [a, b])(a))(1)"),
        ("x: if x ? a then 1 else -1", "lambda x: 1 if ('a' in x) else (-1)"),
        ("# a comment\nlambda: lambda", "lambda lambda_: lambda_"),
    ],
)
def test_an_expression_reads_the_same_in_python(nix: str, python: str) -> None:
    """Names, paths, functions and operators, each in Python's own notation."""
    assert python_of(nix) == python


@pytest.mark.parametrize(
    "nix",
    ["rec { a = 1; }", "a", "builtins.readFile ./x", "{ a, b }: a", "{ a = 1; a = 2; }", "[ 1", "with x; y",
     "{ inherit a; }", "/etc/passwd", "", '"${"x"}"', "(" * 500 + "1" + ")" * 500],
)  # fmt: skip
def test_what_has_no_python_is_told(nix: str) -> None:
    """And never something else in its place, nor a traceback of ours."""
    with pytest.raises(NoPython):
        python_of(nix)


def test_what_is_evaluated_can_reach_nothing() -> None:
    """A learner's text becomes Python that has no names but infuse and what is known."""
    with pytest.raises(NoPython):
        python_of("__import__")
    text = python_of('x: x.__class__ "__import__"')
    assert "['__class__']" in text
    with pytest.raises(NameError):
        evaluate("open('/etc/passwd')", infuse)


@settings(max_examples=60)
@given(plain_targets, st.sampled_from(["{ }", "[ ]", "[ (x: x) ]"]))
def test_data_survives_the_way_through_nix_text(target: dict[str, object], infusion: str) -> None:
    """A value written as Nix and read as Python is that value."""
    if any("$" in str(part) for part in (target, *target.values())) or target.get("type") == "derivation":
        return  # `\\${` in a text is Nix's own notation
    found = evaluate(python_of(f"infuse {nix_text(target)} {infusion}"), infuse)
    assert force(found) == target


def test_two_values_that_differ_are_not_called_equal() -> None:
    """The comparison is one of values; true is not 1, and infuse's errors have to say the same."""
    one, true = seen({"a": 1}), seen({"a": True})
    assert Both("", one, one).equal
    assert not Both("", one, true).equal
    assert "NOT equal" in str(Both("e", one, true))
    assert "~ a: 1 → true" in str(Both("e", one, true))
    assert not Both("", one, None, why_not="no Python for x").equal


def test_what_was_seen_is_kept_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the workspace, as it came out last; a line that was cut off costs no other."""
    mine = Workspace(tmp_path)
    mine.state.mkdir()
    monkeypatch.setenv("INITLAB_WORKSPACE", str(tmp_path))
    assert shown() == []
    first = Both("infuse 1 [ ]", Seen("plain", value=1), Seen("plain", value=1), "infuse(1, [])")
    remember(first, "old")
    remember(first, "empty")
    with (mine.state / "shown.jsonl").open("a") as file:
        file.write('{"expression": "cut o')
    (only,) = shown()
    assert (only["name"], only["expression"], only["result"], only["equal"]) == (
        "empty",
        "infuse 1 [ ]",
        "1",
        True,
    )


@pytest.mark.live
@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("infuse { a.b = 1; } { a = { b = b: b + 1; c.__default = [ 2 ]; }; }", "equal"),
        ("infuse { ssl.enabled = false; } { ssl.enabled = true; }", "both fail, for the same reason"),
        ('infuse { a = 1; b = 2; } { a = x: x + "s"; b = x: x + 1; }', "equal"),
        ("infuse { } { y = x: x; }", "equal"),
        ('infuse { a = throw "no"; b = 1; } { a.__assign = 1; }', "equal"),
        ("infuse { a = 1; } { a.__nothing = 1; }", "both fail, for the same reason"),
        ("let a = a; in a", "Nix alone: no Python for a"),
    ],
)
def test_nix_and_python_agree(expression: str, verdict: str, image: Image) -> None:
    """The real Nix and helpers.infuse, on values, errors at their places, and what nobody uses."""
    found = both(expression)
    assert found.verdict == verdict, str(found)
    assert "<script" not in found._repr_html_()


@pytest.mark.live
def test_the_versions_differ_where_they_differ(image: Image) -> None:
    """2.6 has sugars that 2.4 refuses, in both languages."""
    expression = "infuse { a = { x = 1; y = 2; }; } { a.__values = v: v * 10; }"
    assert both(expression).nix.error is not None
    newer = both(expression, version="2.6")
    assert newer.equal
    assert newer.nix.plain() == {"a": {"x": 10, "y": 20}}
