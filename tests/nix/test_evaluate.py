"""Expressions evaluated by the real Nix."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from helpers import nix
from helpers.engines.base import Image
from helpers.errors import EngineUnavailable, InitlabError, SandboxError
from helpers.nix import NixError
from helpers.nix.evaluate import outcomes
from helpers.nix.places import HostPlace, LabPlace, best_place, tar_of

live = pytest.mark.live

# Works for minutes, in little memory.
ROUND = """
let
  next = x: [ { key = builtins.bitAnd (x.key + 1) 1048575; } ];
  once = n: builtins.length (builtins.genericClosure { startSet = [ { key = n; } ]; operator = next; });
in
builtins.foldl' (a: n: a + once n) 0 (builtins.genList (n: n) 1000)
"""


@live
def test_a_value_comes_back_as_python_data(place: LabPlace) -> None:
    """Sets, lists, strings of every kind, numbers, null; wholly computed."""
    found = nix.eval(
        'let a = 6; in { n = a * 7; l = [ 1.5 null true ]; s = "\\t\\"\\${x}\n é😀"; e = { }; }', place=place
    )
    assert found == {"n": 42, "l": [1.5, None, True], "s": '\t"${x}\n é😀', "e": {}}


@live
def test_files_lie_beside_the_expression(place: LabPlace) -> None:
    """And the next expression does not see them."""
    assert nix.eval("import ./lib/f.nix 3", files={"lib/f.nix": "x: x + 1"}, place=place) == 4
    with pytest.raises(NixError, match=r"does not exist|forbidden"):
        nix.eval("import ./lib/f.nix 3", place=place)


BAD = [
    ("{ a = ; }", "syntax", "unexpected ';'"),
    ("{ a = 1; b = a; }", "undefined", "undefined variable 'a'"),
    ("{ a = 1; }.b", "missing", "attribute 'b' missing"),
    ("({ a }: a) { }", "missing", "without required argument 'a'"),
    ('1 + "a"', "type", "cannot add a string to an integer"),
    ("map (x: x) 3", "type", "expected a list but found an integer"),
    ("5 3", "type", "attempt to call something which is not a function"),
    ("x: x", "type", "cannot convert a function to JSON"),
    ('throw "of mine"', "throw", "of mine"),
    ("assert builtins.isString 3; 1", "assertion", "failed"),
    ('abort "of mine"', "abort", "of mine"),
    ("let x = x; in x", "recursion", "infinite recursion"),
    ("let f = x: 1 + f x; in f 1", "recursion", "stack overflow"),
    ("builtins.readFile /etc/passwd", "forbidden", "/etc"),
    ("import /etc/nix", "forbidden", "/etc"),
    ('builtins.fetchurl "https://example.com/x"', "forbidden", "example.com"),
    ('builtins.fetchTarball "https://example.com/x"', "forbidden", "example.com"),
    ("<nixpkgs>", "forbidden", "nixpkgs"),
    ('"${./expression-0.nix}"', "store", "dummy"),
]


@live
def test_every_kind_of_error_is_told_apart(place: LabPlace) -> None:
    """One process gives all of them, each at its place in the list, and the values between them."""
    expressions = [text for bad, _, _ in BAD for text in (bad, '"between"')]
    found = nix.eval_many(expressions, place=place)
    assert found[1::2] == ["between"] * len(BAD)
    for (expression, kind, said), error in zip(BAD, found[::2], strict=True):
        assert isinstance(error, NixError), expression
        assert (error.kind, said in error.said) == (kind, True), f"{expression}: {error.kind}: {error.said}"


@live
@pytest.mark.parametrize("text", ["{ a = ", '"abc', "''abc", "(1", "let x = 1;", ""])
def test_an_expression_that_stops_in_the_middle_costs_only_itself(place: LabPlace, text: str) -> None:
    """A repl would wait for the rest of it, and take the next one for that."""
    found = nix.eval_many(["1", text, "2", text, 'throw "x"', "3"], place=place)
    assert [found[0], found[2], found[5]] == [1, 2, 3]
    assert [found[1].kind, found[3].kind, found[4].kind] == ["syntax", "syntax", "throw"]
    assert "unexpected end of file" in found[1].said
    assert str(found[1].position).startswith("expression 2:")
    with pytest.raises(NixError, match="unexpected end of file"):
        nix.eval(text, place=place)
    with pytest.raises(NixError, match="unexpected end of file") as caught:
        nix.eval("import ./lib.nix", files={"lib.nix": text}, place=place)
    assert str(caught.value.position).startswith("lib.nix:")


@live
def test_an_error_names_the_expression_and_the_place(place: LabPlace) -> None:
    """Line and column of the learner's own text, and not one frame of ours."""
    error = nix.eval_many(["1", 'let f = x: x + "a"; in\n{ a = f 1; }'], place=place)[1]
    assert str(error.position) == "expression 2:1:16"
    assert [str(frame.position) for frame in error.trace] == [
        "expression 2:2:3",
        "expression 2:2:7",
        "expression 2:1:9",
    ]
    with pytest.raises(NixError) as caught:
        nix.eval("f.x", files={"lib.nix": "1"}, place=place)
    assert str(caught.value.position) == "expression:1:1"


@live
def test_an_expression_without_an_end_costs_only_itself(place: LabPlace) -> None:
    """The time limit ends it, the others have their values."""
    endless = "builtins.foldl' (a: b: a) 0 (builtins.genList (x: x) 1000000000)"
    began = time.monotonic()
    found = nix.eval_many(["1", ROUND, "2", endless, "3"], timeout=0.8, place=place)
    assert found[0::2] == [1, 2, 3]
    assert all(isinstance(error, NixError) and error.kind in ("time", "died") for error in found[1::2])
    assert found[1].kind == "time"
    assert "not done after 0.8 s" in str(found[1])
    assert time.monotonic() - began < 30


@live
def test_an_expression_that_eats_memory_is_ended(place: LabPlace) -> None:
    """Its memory is bounded; what is evaluated after it is not hurt."""
    eater = "builtins.genList (x: x) 1000000000000"
    found = nix.eval_many([eater, "7"], timeout=30, place=place)
    assert (found[0].kind, found[1]) == ("died", 7)


@live
def test_traces_are_kept_in_order(place: LabPlace) -> None:
    """What builtins.trace says before a value and before an error."""
    good, bad = outcomes(
        ['builtins.trace "one" (builtins.trace "two" 3)', 'builtins.trace "three" (throw "x")'], place=place
    )
    assert (good.value, good.traced) == (3, ("one", "two"))
    assert bad.traced == ("three",)


@live
def test_nothing_stays_in_the_sandbox(place: LabPlace) -> None:
    """Neither a file nor a process of an evaluation, ended well or killed."""
    nix.eval_many(["1", "let x = x; in x"], place=place)
    nix.eval_many(
        [ROUND],
        timeout=0.5,
        place=place,
    )
    sandbox = place.sandbox()
    assert sandbox.exec(["/bin/sh", "-c", "ls -d /tmp/nix.* 2>/dev/null"]).text == ""
    end = time.monotonic() + 10
    while (left := [p.comm for p in sandbox.processes()]) != ["tini", "sleep"] and time.monotonic() < end:
        time.sleep(0.05)
    assert left == ["tini", "sleep"]


@live
def test_a_sandbox_that_ended_is_replaced(image: Image) -> None:
    """A learner who destroys it gets another one."""
    place = LabPlace(image=image)
    assert nix.eval("1", place=place) == 1
    place.sandbox().destroy()
    assert nix.eval("2", place=place) == 2
    place.close()


@live
def test_many_expressions_are_evaluated_in_one_process(place: LabPlace) -> None:
    """150 at once take nothing like 150 processes (bench.nix measures it)."""
    began = time.monotonic()
    alone = [nix.eval("1 + 1", place=place) for _ in range(5)]
    each = (time.monotonic() - began) / 5
    began = time.monotonic()
    together = nix.eval_many([f"{i} + 1" for i in range(150)], place=place)
    assert alone == [2] * 5
    assert together == list(range(1, 151))
    assert time.monotonic() - began < 50 * each


@live
def test_the_computers_own_nix_gives_the_same(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Nix is installed no sandbox is needed. Here it is the image's, run from the outside."""
    from helpers.engines.embedded import _bwrap

    command = tmp_path / "bin" / "nix"
    command.parent.mkdir()
    command.write_text(
        f"#!/bin/sh\nexec {_bwrap()} --ro-bind {image.rootfs} / --proc /proc --dev /dev --tmpfs /tmp "
        '--bind "$PWD" "$PWD" --chdir "$PWD" nix "$@"\n'
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("INITLAB_NIX", "host")
    monkeypatch.setenv("TMPDIR", "/tmp")
    host = best_place()
    assert isinstance(host, HostPlace)
    found = nix.eval_many(
        ["import ./a.nix", "x", "builtins.readFile /etc/passwd"], files={"a.nix": "{ a = 1; }"}
    )
    assert found[0] == {"a": 1}
    assert [(error.kind, str(error.position)) for error in found[1:2]] == [("undefined", "expression 2:1:1")]
    assert found[2].kind == "forbidden"
    late = nix.eval_many(
        [
            ROUND,
            "2",
        ],
        timeout=0.5,
    )
    assert (late[0].kind, late[1]) == ("time", 2)


def test_a_file_cannot_lie_outside() -> None:
    """Paths lead down from the expression."""
    for path in ("/etc/x", "../x", "a/../../x"):
        with pytest.raises(SandboxError, match="no path inside"):
            tar_of({path: ""})


def test_a_place_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the variable that names it."""
    monkeypatch.setenv("INITLAB_NIX", "moon")
    with pytest.raises(EngineUnavailable, match="INITLAB_NIX=moon"):
        best_place()
    monkeypatch.setenv("INITLAB_NIX", "host")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(InitlabError, match="no nix is on the PATH"):
        best_place()
