"""The tree of an infusion."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.nix.errors import NixError
from helpers.nix.look import Seen
from helpers.show.infusion import infusion_tree

PATH: dict[str, Any] = {
    "py": {"__input": {"over": {"__overlay": {"dns": {"__output": {"__assign": False}}}}}}
}


def test_each_word_of_a_path_is_a_step_and_a_sugar_says_what_it_means() -> None:
    """Names and sugars, from the root down to the value."""
    assert str(infusion_tree(PATH)).splitlines() == [
        "target",
        "└─ py",
        "   └─ __input    (what .override is given)",
        "      └─ over",
        "         └─ __overlay    (an overlay, after the one there)",
        "            └─ dns",
        "               └─ __output    (what .overrideAttrs changes)",
        "                  └─ __assign    (this value)",
        "                     └─ false",
    ]
    assert infusion_tree(PATH).paths == ("py.__input.over.__overlay.dns.__output.__assign",)


def test_data_below_a_sugar_is_one_leaf_and_elsewhere_an_error() -> None:
    """`__assign` takes a set as it is; a plain value without a sugar is told."""
    text = str(infusion_tree({"a": {"__assign": {"__append": 1}}, "b": [lambda x: x, 5]}))
    assert '└─ {"__append": 1}' in text
    assert "<function>" in text
    assert "5    (no function and no sugar: an error)" in text


def test_what_nix_saw_is_drawn_as_python_data_is() -> None:
    """A function, and an error at its place."""
    seen = Seen("set", {"f": Seen("function"), "x": Seen("error", error=NixError("broken"))})
    text = str(infusion_tree(seen))
    assert "<function>" in text
    assert "<error: broken>" in text


def test_a_sugar_of_ones_own_is_explained_by_its_notes() -> None:
    """`notes` by name."""
    assert "the port it listens on" in str(
        infusion_tree({"__listen": 80}, notes={"__listen": "the port it listens on"})
    )


def test_without_graphviz_there_is_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture is left out, and nothing else."""
    assert "<svg" in (infusion_tree(PATH).svg or "<svg")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert infusion_tree(PATH)._repr_mimebundle_().keys() == {"text/plain"}
