"""What holds of every infusion, tried on random ones."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.infuse import default_sugars_for, desugar, infuse, infuse_desugared, optimize
from helpers.infuse.fused import infuse as fused
from helpers.infuse.fused import three_passes
from helpers.infuse.sugars import sugar_map
from tests.infuse.infusions import Both, Pair, pairs, plain_targets, sugared, values
from tests.infuse.outcome import outcome

any_pairs = st.one_of(*(st.tuples(st.just(version), pairs(version)) for version in ("2.4", "2.6")))
any_parts = st.one_of(*(st.tuples(st.just(version), sugared(version)) for version in ("2.4", "2.6")))
parts = sugared("2.6")
few = settings(max_examples=60)


@settings(max_examples=250)
@given(any_pairs)
def test_one_pass_gives_what_three_give(drawn: tuple[str, Pair]) -> None:
    """The fast way and the way of infuse.nix: the same value, the same words."""
    version, pair = drawn
    sugars = sugar_map(None, version)
    (_, target), (_, infusion) = pair.target, pair.infusion
    for known in (sugars, None):  # without sugars, names that begin with __ are names like others
        assert outcome(lambda known=known: fused(target, infusion, known)) == outcome(  # type: ignore[misc]
            lambda known=known: three_passes(target, infusion, known)  # type: ignore[misc]
        )


@few
@given(values)
def test_an_empty_list_and_the_identity_change_nothing(target: Any) -> None:
    """For every target."""
    assert infuse(target, []) == target
    assert infuse(target, lambda x: x) == target


@few
@given(plain_targets)
def test_an_empty_attribute_set_changes_no_attribute_set(target: dict[str, Any]) -> None:
    """Unless it is a derivation, or the target is none at all: then it is an error."""
    if target.get("type") == "derivation":
        assert outcome(lambda: infuse(target, {}))[0] == "infuse"
    else:
        assert infuse(target, {}) == target
        assert infuse(target, {"x": {"y": {}}, "z": {}}) == target


@pytest.mark.parametrize("target", [3, None, "s", [], {"type": "derivation"}])
def test_an_empty_attribute_set_is_no_identity_elsewhere(target: Any) -> None:
    """The law holds for attribute sets only."""
    assert outcome(lambda: infuse(target, {}))[0] == "infuse"


@few
@given(values, parts, parts)
def test_a_list_is_one_infusion_after_another(target: Any, a: Both, b: Both) -> None:
    """infuse (infuse t a) b = infuse t [a b], where the first gives a value."""
    first = outcome(lambda: infuse(target, a[1], version="2.6"))
    if first[0] != "value":
        return
    stepwise = outcome(lambda: infuse(first[1], b[1], version="2.6"))
    at_once = outcome(lambda: infuse(target, [a[1], b[1]], version="2.6"))
    assert at_once[0] == stepwise[0]
    if stepwise[0] == "value":
        assert at_once == stepwise


@few
@given(values, parts, parts, parts)
def test_brackets_in_a_list_do_not_count(target: Any, a: Both, b: Both, c: Both) -> None:
    """[a [b c]] = [[a b] c] = [a b c]; the paths of errors tell the brackets."""
    ways = [[a[1], [b[1], c[1]]], [[a[1], b[1]], c[1]], [a[1], b[1], c[1]]]
    found = [outcome(lambda way=way: infuse(target, way, version="2.6")) for way in ways]  # type: ignore[misc]
    assert len({kind for kind, _ in found}) == 1
    if found[0][0] == "value":
        assert found[0] == found[1] == found[2]


@few
@given(plain_targets, parts)
def test_an_infusion_of_one_name_touches_no_other(target: dict[str, Any], part: Both) -> None:
    """Path locality: the other attributes are the same objects."""
    target = {**target, "here": 1}
    if target.get("type") == "derivation":
        return
    # The first name is a leaf: otherwise an error in `here` could be one of the whole (see pruning).
    result = infuse({**target}, {"Aleaf": lambda _: 2, "here": part[1]}, version="2.6")
    assert result.keys() == {*target, "Aleaf"}
    assert all(dict.__getitem__(result, name) is target[name] for name in target if name != "here")


@few
@given(plain_targets, parts, parts)
def test_neighbours_do_not_hear_of_each_other(target: dict[str, Any], a: Both, b: Both) -> None:
    """Two names infused at once, and one after the other in either order: the same."""
    if target.get("type") == "derivation" or _leafless(a[1]) or _leafless(b[1]):
        return  # what has no leaf counts only beside one that has
    each = [{"left": a[1]}, {"right": b[1]}]
    together = outcome(lambda: infuse(target, {**each[0], **each[1]}, version="2.6"))
    if together[0] != "value":
        return
    for order in (each, each[::-1]):
        stepwise = outcome(lambda order=order: infuse(target, order, version="2.6"))  # type: ignore[misc]
        assert stepwise == together


def _leafless(infusion: Any) -> bool:
    return isinstance(infusion, dict) and all(map(_leafless, infusion.values()))


@few
@given(values, parts)
def test_nothing_given_is_changed(target: Any, part: Both) -> None:
    """Neither the target nor the infusion's data."""
    before, data = deepcopy(target), _data(part[1])
    outcome(lambda: infuse(target, part[1], version="2.6"))
    assert target == before
    assert _data(part[1]) == data


def _data(value: Any) -> Any:
    """Data of an infusion, functions by name."""
    if isinstance(value, dict):
        return {name: _data(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_data(part) for part in value]
    return id(value) if callable(value) else value


@few
@given(values, any_parts)
def test_desugared_and_optimised_it_does_the_same(target: Any, drawn: tuple[str, Both]) -> None:
    """infuse t i = infuse-desugared t (desugar i); and optimised, where that gives a value."""
    version, part = drawn
    direct = outcome(lambda: infuse(target, part[1], version=version))
    assert outcome(lambda: infuse_desugared(target, desugar(part[1], version=version))) == direct
    if direct[0] == "value":
        optimised = outcome(lambda: infuse_desugared(target, optimize(desugar(part[1], version=version))))
        assert optimised == direct


@few
@given(values, any_parts)
def test_the_order_of_writing_does_not_count(target: Any, drawn: tuple[str, Both]) -> None:
    """Names are a set: the sugars have an order of their own, and so have errors."""
    version, part = drawn
    turned = _turned(part[1])
    assert outcome(lambda: infuse(target, turned, version=version)) == outcome(
        lambda: infuse(target, part[1], version=version)
    )


def _turned(value: Any) -> Any:
    """The same infusion, written from the last name to the first."""
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in reversed(value)}
    return [_turned(part) for part in value] if isinstance(value, list) else value


@few
@given(values, sugared())
def test_the_default_sugars_given_are_the_default(target: Any, part: Both) -> None:
    """`sugars=` with the list there is anyway changes nothing."""
    assert outcome(lambda: infuse(target, part[1], sugars=default_sugars_for("2.4"))) == outcome(
        lambda: infuse(target, part[1])
    )


@few
@given(plain_targets, sugared())
def test_a_function_is_called_once_at_most(target: dict[str, Any], part: Both) -> None:
    """Whichever way is taken, and whatever fails beside it."""
    calls: list[list[int]] = []

    def counted(value: Any) -> Any:
        if isinstance(value, dict) and "__functor" not in value:
            return {name: counted(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [counted(inner) for inner in value]
        if not callable(value):
            return value
        count = [0]
        calls.append(count)

        def wrapped(argument: Any) -> Any:
            count[0] += 1
            return value(argument)

        return wrapped

    infusion = counted(part[1])
    outcome(lambda: infuse(target, infusion))
    assert all(count[0] <= 1 for count in calls)
