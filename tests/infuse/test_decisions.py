"""What infuse does where a reader of its rules could expect something else."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.errors import InitlabError
from helpers.infuse import (
    MISSING,
    InfuseError,
    default_sugars,
    default_sugars_for,
    desugar,
    force,
    infuse,
    infuse_desugared,
    optimize,
)


def increment(number: int) -> int:
    return number + 1


def broken(_value: object) -> Any:
    raise ValueError("no value here")


# ---- lists of one list of one value ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sugar", [{"__append": [[2]]}, {"__prepend": [[2]]}, {"__default": 1}, {"__init": 1}]
)
@pytest.mark.parametrize("version", ["2.4", "2.6"])
def test_a_list_of_one_list_of_one_value_cannot_be_asked_whether_it_is_missing(
    sugar: dict[str, Any], version: str
) -> None:
    """infuse.nix compares it with its marker `[[throw]]`, which throws. We keep that: same answer as Nix."""
    with pytest.raises(InfuseError, match=r"^the missing-attribute-marker was forced$"):
        force(infuse({"a": [[1]]}, {"a": sugar}, version=version))


@pytest.mark.parametrize("near", [[[]], [[1], [2]], [[1, 2]], [1], []])
def test_lists_of_another_shape_are_plain_values(near: list[Any]) -> None:
    """Nix compares lengths first."""
    assert infuse({"a": near}, {"a": {"__default": 1}}) == {"a": near}
    assert infuse({"a": near}, {"a": {"__append": [3]}}) == {"a": [*near, 3]}


def test_the_way_around_that_is_a_function() -> None:
    """A function is not a sugar: nobody asks whether its argument is missing."""
    assert infuse({"a": [[1]]}, {"a": lambda a: [*a, [2]]}) == {"a": [[1], [2]]}


# ---- errors stay where they are ----------------------------------------------------------------------------


def test_an_error_is_raised_when_its_attribute_is_used() -> None:
    """As in Nix, an attribute that fails spoils only who uses it."""
    result = infuse({"a": 1, "b": 1}, {"a": broken, "b": increment})
    assert result["b"] == 2
    assert "no value here" in repr(result)
    for use in (
        lambda: result["a"],
        lambda: result.get("a"),
        lambda: list(result.values()),
        lambda: force(result),
    ):
        with pytest.raises(ValueError, match="no value here"):
            use()


def test_an_assignment_covers_an_error_and_a_default_does_not() -> None:
    """`__assign` never looks at what was there; `__default` has to."""
    failed = infuse({"a": 1}, {"a": broken})
    assert infuse(failed, {"a": {"__assign": 5}}) == {"a": 5}
    with pytest.raises(ValueError, match="no value here"):
        force(infuse(failed, {"a": {"__default": 5}}))


def test_a_sugar_that_failed_is_covered_by_a_later_one() -> None:
    """Sugars are a lazy pipeline: `__assign` does not ask what `__init` said."""
    assert infuse({"a": 1}, {"a": {"__init": 2, "__assign": 3}}) == {"a": 3}


def test_a_wrong_leaf_hurts_only_its_own_attribute() -> None:
    """Unless pruning meets it before it has met a leaf: names are looked at in their order."""
    assert infuse({"x": 1, "y": 2}, [{"y": 5, "x": lambda _: 3}, lambda r: r["x"]]) == 3
    with pytest.raises(InfuseError, match="at path x: invalid type int"):
        infuse({"x": 1, "y": 2}, [{"x": 5, "y": lambda _: 3}, lambda r: r["y"]])


def test_a_wrong_leaf_called_type_hurts_more() -> None:
    """Pruning compares with { }, and Nix then asks an attribute set for its type: is it a derivation?"""
    for name, expected in (("typo", 2), ("type", InfuseError)):
        infusion = [{"a": {"b": lambda _: 1, name: 5}, "z": lambda _: 2}, lambda r: r["z"]]
        if expected == 2:
            assert infuse({}, infusion) == 2
        else:
            with pytest.raises(InfuseError, match=r"at path a\.type: invalid type int"):
                infuse({}, infusion)


def test_an_argument_nobody_uses_may_fail() -> None:
    """A function edited by `__input` is given its argument as it is; Nix would not compute it either."""
    target = {"f": lambda unused: 1, "g": lambda used: used["n"]}
    result = infuse(target, {name: {"__input": {"n": {"__append": None}}} for name in target})
    assert result["f"]({"n": 1}) == 1
    with pytest.raises(InfuseError, match="applied to unsupported type: null"):
        force(result["g"]({"n": 1}))


def test_what_a_sugar_made_of_a_function_declares_no_argument() -> None:
    """v2.6 asks, and a composed overlay is a plain function. Of a function of ours nobody can know."""
    overlay = {"o": lambda final: lambda prev: {"n": 1}}
    assert force(infuse(overlay, {"o": {"__input": {"a": {"__assign": 1}}}}, version="2.6")["o"]({})({})) == {
        "n": 1
    }
    with pytest.raises(InfuseError, match="has no argument named a"):
        force(infuse(overlay, {"o": {"__overlay": {}, "__input": {"a": {"__assign": 1}}}}, version="2.6"))


def test_of_several_errors_force_raises_the_first_by_name() -> None:
    """Nix prints attributes in the order of their names, however they were written."""
    result = infuse({}, {"b": {"__append": None}, "a": {"__append": None}})
    with pytest.raises(InfuseError, match=r"at path a\.__append: applied to unsupported type: null"):
        force(result)


def test_the_result_itself_raises_at_once() -> None:
    """There is nothing left to use later."""
    with pytest.raises(ValueError, match="no value here"):
        infuse(1, broken)
    with pytest.raises(
        InfuseError, match=r"^infuse\.desugar: at path <root attribute path>: invalid type int$"
    ):
        infuse({}, 5)


# ---- missing is not null -----------------------------------------------------------------------------------


def test_null_is_a_value() -> None:
    """Only an attribute that does not exist is missing."""
    assert infuse({"a": None}, {"a": {"__default": 1}}) == {"a": None}
    with pytest.raises(InfuseError, match=r"at path a\.__init: .* value=null"):
        force(infuse({"a": None}, {"a": {"__init": 1}}))
    with pytest.raises(InfuseError, match="to a target of type null"):
        force(infuse({"a": None}, {"a": {"b": lambda _: 1}}))


def test_the_marker_must_not_get_into_a_result() -> None:
    """A function that gives back what it was given where nothing was makes an attribute nobody can use."""
    seen = []
    result = infuse({}, {"a": lambda a: seen.append(a) or a})
    assert seen[0] is MISSING
    with pytest.raises(InfuseError, match="the missing-attribute-marker was forced"):
        force(result)
    assert "missing" in repr(result)


def test_a_functor_names_its_own_default() -> None:
    """`__default_argument` of a functor is what it is given where the attribute is missing."""
    functor = {"__functor": lambda self: lambda x: x + self["by"], "by": 10, "__default_argument": 1}
    assert infuse({"a": 5}, {"a": functor, "b": functor}) == {"a": 15, "b": 11}


@pytest.mark.parametrize("infusion", [{5: increment}, {"a": {5: increment}}, {"a": {None: {"__assign": 1}}}])
def test_a_name_that_is_no_string_is_told(infusion: Any) -> None:
    """Python's dicts take any key, Nix's attribute sets do not."""
    with pytest.raises(InfuseError, match=r"an attribute's name is a string, not (5|None)"):
        infuse({"a": {}}, infusion)


# ---- nothing is changed ------------------------------------------------------------------------------------


def test_neither_target_nor_infusion_is_changed() -> None:
    """The result shares what was not touched and is new where it was."""
    target = {"a": {"b": [1], "c": {"d": 1}}, "e": {"f": 1}}
    infusion = {"a": {"b": {"__append": [2]}, "c": {}}}
    result = infuse(target, infusion)
    assert target == {"a": {"b": [1], "c": {"d": 1}}, "e": {"f": 1}}
    assert infusion == {"a": {"b": {"__append": [2]}, "c": {}}}
    assert result["e"] is target["e"]
    assert result == {"a": {"b": [1, 2], "c": {"d": 1}}, "e": {"f": 1}}


def test_a_tuple_is_a_list() -> None:
    """In an infusion and in a target."""
    assert force(infuse({"a": (1,)}, ({"a": {"__append": (2,)}}, {"a": lambda a: [*a, 3]}))) == {
        "a": [1, 2, 3]
    }


def test_what_is_shared_may_be_deep() -> None:
    """A limit of frames is no limit of infuse: 3,000 levels."""
    target: dict[str, Any] = {"n": 0}
    infusion: dict[str, Any] = {"n": increment}
    for _ in range(3_000):
        target, infusion = {"n": target}, {"n": infusion}
    result = infuse(target, infusion)
    for _ in range(3_000):
        result = result["n"]
    assert result == {"n": 1}


# ---- sugars ------------------------------------------------------------------------------------------------


def test_sugars_run_in_the_order_of_the_list() -> None:
    """Never in the order they were written in."""
    assert infuse({"a": "z"}, {"a": {"__append": "b", "__assign": "a"}}) == {"a": "ab"}
    own = [("__double", lambda path: lambda _: lambda a: a * 2)]
    assert infuse({"a": 1}, {"a": {"__assign": 3, "__double": None}}, sugars=[*default_sugars, *own]) == {
        "a": 6
    }
    assert infuse({"a": 1}, {"a": {"__assign": 3, "__double": None}}, sugars=[*own, *default_sugars]) == {
        "a": 3
    }


def test_a_sugar_learns_its_path() -> None:
    """From the root down, its own name last."""
    own = [("__where", lambda path: lambda _: lambda _before: "/".join(path))]
    assert infuse({}, {"a": {"b c": {"__where": 1}}}, sugars=own) == {"a": {"b c": "a/b c/__where"}}


def test_own_sugars_replace_the_default_ones_and_are_unknown_inside_of_them() -> None:
    """The default sugars belong to the file they are imported from, and know those of that file."""
    own = [*default_sugars_for("2.6"), ("__one", lambda path: lambda _: lambda _before: 1)]
    assert infuse({}, {"a": {"b": {"__one": 0}}}, sugars=own, version="2.6") == {"a": {"b": 1}}
    with pytest.raises(InfuseError, match=r"at path a\.__infuse\.b: .*not in the sugar-map: __one"):
        force(infuse({}, {"a": {"__infuse": {"b": {"__one": 0}}}}, sugars=own, version="2.6"))


def test_what_v2_6_added_is_unknown_to_v2_4() -> None:
    """Asking for a version gives that version's sugars and words."""
    target = {"a": {"x": 1, "y": 2}}
    assert infuse(target, {"a": {"__values": increment}}, version="2.6") == {"a": {"x": 2, "y": 3}}
    named = {"a": {"__attrs": lambda name: lambda v: f"{name}{v}"}}
    assert infuse(target, named, version="2.6") == {"a": {"x": "x1", "y": "y2"}}
    with pytest.raises(InfuseError, match=r"^value is a set while a string was expected$"):
        force(infuse(target, {"a": {"__values": increment}}))
    with pytest.raises(InfuseError, match=r"no version '3' of infuse here: choose 2\.4 or 2\.6"):
        infuse(target, {}, version="3")


def test_init_on_a_value_that_failed_says_throw_in_v2_6() -> None:
    """v2.4 fails with the value's own error."""
    target = {"a": infuse({"b": 1}, {"b": broken})}
    with pytest.raises(ValueError, match="no value here"):
        force(infuse(target, {"a": {"__init": 1}}))
    with pytest.raises(InfuseError, match="value=<<throw>>"):
        force(infuse(target, {"a": {"__init": 1}}, version="2.6"))


def test_a_desugared_infusion_has_no_sugars() -> None:
    """So a name that begins with `__` is a name like others: the way to make one."""
    assert infuse_desugared({}, {"__append": lambda _: 1}) == {"__append": 1}
    sugared = {"a": {"__append": "b"}, "c": [{"__assign": 1}, increment]}
    for target in ({}, {"a": "a"}, {"c": 5}):
        assert infuse(target, sugared) == infuse_desugared(target, desugar(sugared))
        assert infuse(target, sugared) == infuse_desugared(target, optimize(desugar(sugared)))


# ---- words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (["a", "b"], "a.b"),
        (["b c"], '"b c"'),
        (["a.b", "c'd-e"], '"a.b".c\'d-e'),
        (["1a"], '"1a"'),
        (["${x}"], '"\\${x}"'),
        (['q"\\\n'], '"q\\"\\\\\\n"'),
        ([""], '""'),
        (["grüße"], '"grüße"'),
    ],
)
def test_paths_are_written_as_nix_writes_them(path: list[str], shown: str) -> None:
    """nixpkgs' showAttrPath: what is no identifier stands in quotes."""
    infusion: Any = 5
    for name in reversed(path):
        infusion = {name: infusion}
    with pytest.raises(InfuseError) as caught:
        force(infuse({}, infusion))
    assert caught.value.path == shown
    assert caught.value.func == "desugar"
    assert str(caught.value) == f"infuse.desugar: at path {shown}: invalid type int"
    assert isinstance(caught.value, InitlabError)


def test_a_path_of_ten_levels_is_told_whole() -> None:
    """List positions too, where an infusion is applied; not where it is desugared, as in infuse.nix."""
    infusion: Any = {"leaf": lambda _: 1}
    for level in range(10):
        infusion = {f"l{level}": [lambda x: x, infusion]} if level == 4 else {f"l{level}": infusion}
    target: Any = 5
    for level in range(10):
        target = {f"l{level}": target}
    with pytest.raises(InfuseError) as caught:
        force(infuse(target, infusion))
    assert caught.value.path == 'l9.l8.l7.l6.l5.l4."[1]".l3.l2.l1.l0'
    assert "to a target of type int" in str(caught.value)
