"""One edit made in several ways, and the small package set it is made on."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import nix
from helpers.nix.compare import LAB, Comparison
from helpers.nix.places import LabPlace

pytestmark = pytest.mark.live
START = """let pkgs = import ./packages { }; infuse = (import ./infuse.nix { }).v1.infuse;
  over = overlay: import ./packages { overlays = [ overlay ]; }; in """
SHORT = "packageOverrides.__overlay.dnspython.__output.doCheck.__assign = false;"


def test_each_way_is_compared_with_what_is_wanted(place: LabPlace, tmp_path: Path) -> None:
    """Right, another value, an error; true is not 1. All of it is on the card."""
    both = Comparison("let base = { a.b = 1; a.c = 2; }; in", files={}, place=place)
    ways = {"//": "base // { a.b = 5; }", "hand": "{ a = { b = 5; c = 2; }; }", "bad": 'throw "<never>"'}
    edit = both.edit("a.b is 5", wanted={"a": {"b": 5, "c": 2}}, ways=ways)
    assert [way.word for way in edit.ways] == ["not as wanted", "as wanted", "error"]
    assert edit.ways[0].said.splitlines()[0] == "not as wanted (from wanted to got):"
    assert edit["//"].differs == ("- a.c: 2",)
    assert not both.edit("true", wanted=1, ways={"hand": "true"})["hand"].right
    page = both.save(tmp_path / "new" / "card.html", title="A card").read_text()
    assert "- a.c: 2" in page
    assert "&lt;never&gt;" in page
    assert str(both).splitlines()[2].split() == ["true", "-", "not", "as", "wanted", "-"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("(pkgs.server.override { http2 = true; }).flags", ["--tls", "--http2"]),
        ('((pkgs.server.overrideAttrs { version = "2"; }).override { http2 = true; }).name', "server-2"),
        (
            '(pkgs.server.overrideAttrs (final: old: { flags = [ final.version ]; version = "2"; })).flags',
            ["2"],
        ),
        ("pkgs.recursiveUpdate { a.b = 1; a.c = [ 1 ]; } { a.c = [ ]; }", {"a": {"b": 1, "c": []}}),
        (
            f"(over (_: prev: infuse prev {{ python311.__input.{SHORT} }}))"
            ".python311Packages.dnspython.doCheck",
            False,
        ),
        (f"(infuse pkgs.python311Packages {{ {SHORT} }}).dnspython.doCheck", True),
        (f"(infuse pkgs.python311Packages {{ {SHORT} }}) ? packageOverrides", True),
    ],
)
def test_the_package_set_overrides_as_nixpkgs_does(place: LabPlace, expression: str, value: object) -> None:
    """`.override` survives `.overrideAttrs`; the path without `__input` makes an attribute nobody reads."""
    assert nix.eval(START + expression, files=LAB, place=place) == value


def test_a_package_whose_tests_need_a_network_builds_without_them(store: nix.Store) -> None:
    """And what `recursiveUpdate` writes on a package is not built."""
    python = "python311Packages.dnspython"
    for text in (f"pkgs.{python}", f"(pkgs.recursiveUpdate pkgs {{ {python}.doCheck = false; }}).{python}"):
        with pytest.raises(nix.NixError, match="test_resolver failed"):
            store.build(START + text, files=LAB)
    edited = f"(over (_: prev: infuse prev {{ python311.__input.{SHORT} }})).python311.pkgs.mailcheck"
    assert "with dnspython" in store.read(store.build(START + edited, files=LAB).path)
