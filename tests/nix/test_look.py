"""A value with its errors in place, and the cell magic that shows it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers import nix
from helpers.errors import InitlabError
from helpers.nix import Diff, NixError, Seen, magics
from helpers.nix.places import LabPlace


@pytest.mark.live
def test_what_can_be_computed_is_there_and_the_errors_are_in_place(place: LabPlace) -> None:
    """Nix by itself gives all or nothing; asked part by part it tells which part."""
    cell = """let f = x: x + "a"; in
    { good = 1; "b c".deep = { bad = f 1; good = [ true ]; }; l = [ 1 (throw "no") 3 ]; g = x: x;
      drv = { type = "derivation"; name = "nginx"; }; miss = { }.q; }"""
    seen = nix.look(cell, place=place)
    assert [(path, error.said) for path, error in seen.errors] == [
        ('"b c".deep.bad', "cannot add a string to an integer"),
        ("l[1]", "no"),
        ("miss", "attribute 'q' missing"),
    ]
    assert str(seen.errors[0][1].position) == "cell.nix:1:16"
    text = str(seen)
    for part in ("good = [ true ]", "l = [ 1 <error: no> 3 ]", "g = <function>", "drv = <derivation nginx>"):
        assert part in text
    assert "how Nix came there" in seen._repr_html_()


@pytest.mark.live
def test_a_whole_value_is_plain_data(place: LabPlace) -> None:
    """What a cell keeps under a name."""
    assert nix.look('{ a = [ 1 "x" ]; }', place=place).plain() == {"a": [1, "x"]}
    assert nix.look('builtins.trace "hey" 5', place=place).traced == ("hey",)


@pytest.mark.live
@pytest.mark.parametrize(
    ("cell", "kind", "at"),
    [
        ("{ a = ;", "syntax", "cell.nix:1:7"),
        ("let a = 1;\n", "syntax", "cell.nix:1:11"),
        ('let x = throw "all"; in x', "throw", "None"),
        ("let x = x; in x", "recursion", "cell.nix:1:9"),
    ],
)
def test_what_fails_whole_is_an_error(place: LabPlace, cell: str, kind: str, at: str) -> None:
    """With its place in the cell."""
    seen = nix.look(cell, place=place)
    assert seen.error is not None
    assert (seen.error.kind, str(seen.error.position)) == (kind, at)
    assert str(seen).startswith("error: ")
    assert 'role="alert"' in seen._repr_html_()


@pytest.mark.live
def test_an_error_ten_levels_down_is_found(place: LabPlace) -> None:
    """Its path is told whole."""
    path = ".".join(f"l{i}" for i in range(10))
    seen = nix.look(f"{{ {path} = 1 + null; {path}x = 2; }}", place=place)
    assert [path for path, _ in seen.errors] == [path]
    assert "l9x = 2" in str(seen)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch, place: LabPlace) -> Any:
    """A notebook with the magic: `cell(line, text)` runs one and gives what it displayed."""
    shown: list[Any] = []
    found: dict[str, Any] = {}
    shell = SimpleNamespace(
        user_ns={}, register_magic_function=lambda f, magic_kind, magic_name: found.update({magic_name: f})
    )
    monkeypatch.setattr("IPython.display.display", shown.append)
    monkeypatch.setattr("helpers.nix.evaluate.best_place", lambda: place)
    magics.load_ipython_extension(shell)

    def run(line: str, text: str) -> list[Any]:
        shown.clear()
        found["nix"](line, text)
        return list(shown)

    run.names = shell.user_ns  # type: ignore[attr-defined]
    return run


@pytest.mark.live
def test_a_set_that_nix_writes_as_a_text_is_shown_as_a_set(cell: Any) -> None:
    """`builtins.toJSON` gives outPath, or what __toString gives, in its place."""
    (shown,) = cell("path", '{ outPath = "x"; deep.outPath = [ 1 ]; own.__toString = self: "y"; }')
    assert shown.plain() == {"outPath": "x", "deep": {"outPath": [1]}, "own": {"__toString": ...}}


@pytest.mark.live
def test_a_cell_is_evaluated_shown_and_kept(cell: Any, tmp_path: Path) -> None:
    """The value under its name, files beside it, infuse at hand, the difference to what was kept."""
    (tmp_path / "mine.nix").write_text("{ port = 80; }")
    (shown,) = cell(f"web --file {tmp_path}/mine.nix", "import ./mine.nix")
    assert isinstance(shown, Seen)
    assert cell.names["web"] == {"port": 80}
    infused = "(import ./infuse.nix { }).v1.infuse { port = 80; } { port.__assign = 81; }"
    shown, changes = cell("--diff web", infused)
    assert isinstance(changes, Diff)
    assert str(changes) == "~ port: 80 → 81"
    (shown,) = cell("broken", "{ a = 1; b = 1 + null; }")
    assert [path for path, _ in shown.errors] == ["b"]
    assert isinstance(cell.names["broken"], Seen)
    with pytest.raises(NixError):
        cell.names["broken"].plain()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--file nowhere.nix", "nowhere.nix cannot be read"),
        ("--diff before", "there is no before"),
        ("not-a-name", "is no name of a variable"),
        ("--timeout soon", "invalid float value"),
        ("--what", "unrecognized arguments: --what"),
    ],
)
def test_a_line_that_cannot_be_read_says_how_it_is_written(line: str, said: str) -> None:
    """Before anything is evaluated."""
    with pytest.raises(InitlabError, match=said):
        magics._cell(SimpleNamespace(user_ns={}), line, "1")


def test_an_empty_cell_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A cell with nothing in it starts nothing."""
    magics._cell(SimpleNamespace(user_ns={}), "", " \n")
    assert "nothing to evaluate" in capsys.readouterr().out
