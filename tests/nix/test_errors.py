"""What Nix prints, taken apart."""

from __future__ import annotations

from helpers.nix import NixError
from helpers.nix.errors import parse

TYPE_ERROR = """error:
       … while evaluating attribute 'a'
         at /tmp/x/expression-0.nix:1:28:
            1| let f = x: x + "a"; in {a=f 1;}
             |                            ^

       … from call site
         at «string»:1:30:
            1| import ./expression-0.nix
             | ^

       error: cannot add a string to an integer
       at /tmp/x/expression-0.nix:1:16:
            1| let f = x: x + "a"; in {a=f 1;}
             |                ^
            2|
"""


def test_message_position_and_trace_are_told_apart() -> None:
    """The message alone, the place it names with its line, and each step with its own."""
    error = parse(TYPE_ERROR, {"/tmp/x/expression-0.nix": "cell.nix"}, "«string»")
    assert error.said == "cannot add a string to an integer"
    assert error.kind == "type"
    assert str(error.position) == "cell.nix:1:16"
    assert error.position is not None
    assert error.position.text == 'let f = x: x + "a"; in {a=f 1;}'
    assert [frame.doing for frame in error.trace] == ["while evaluating attribute 'a'"]
    assert str(error.trace[0].position) == "cell.nix:1:28"


def test_a_let_without_in_is_told_as_that() -> None:
    """The hint names what is missing; another syntax error has the hint about `;` and brackets."""
    error = parse("error: syntax error, unexpected end of file, expecting IN_KW or INHERIT\n")
    assert error.kind == "syntax"
    assert "`let … in`" in error.hint
    other = parse("error: syntax error, unexpected end of file, expecting ';'\n")
    assert "bracket" in other.hint
    assert "let" not in other.hint


def test_the_place_is_marked() -> None:
    """As text by a caret below the column, in a notebook by the character itself."""
    error = parse(TYPE_ERROR)
    *_, line, caret = str(error).splitlines()
    assert line[caret.index("^")] == '"'
    assert '<mark style="background:#c62828;color:#fff">&quot;</mark>' in error._repr_html_()


def test_in_a_notebook_the_trace_is_folded() -> None:
    """The message is there at once; how Nix came to it opens with a click."""
    page = parse(TYPE_ERROR, drop="«string»")._repr_html_()
    message, fold = page.index("cannot add"), page.index("<details>")
    assert message < fold < page.index("while evaluating attribute")
    assert "1 step, the last one first" in page


def test_what_a_learner_wrote_cannot_become_markup() -> None:
    """A thrown message is text, whatever it holds."""
    page = parse(
        "error: <script>alert(1)</script>\n       at /x.nix:1:1:\n            1| <b>\n"
    )._repr_html_()
    assert "<script>" not in page
    assert "<b>\n" not in page
    assert "&lt;script&gt;" in page


def test_colours_and_several_lines_are_understood() -> None:
    """Nix colours its words where it thinks somebody looks; a thrown message may have many lines."""
    raw = (
        "\x1b[31;1merror:\x1b[0m\n       … while calling the 'throw' builtin\n         at /x.nix:2:3:\n"
        "            2| x\n             | ^\n\n       \x1b[31;1merror:\x1b[0m first\n       second\n"
    )
    error = parse(raw)
    assert (error.said, error.kind, error.position) == ("first\nsecond", "throw", None)


def test_an_error_of_one_line_is_one_too() -> None:
    """Nix leaves the frames out where there are none."""
    error = parse("error: syntax error, unexpected ';'\n       at /x.nix:1:7:\n            1| { a = ;\n")
    assert (error.kind, str(error.position)) == ("syntax", "/x.nix:1:7")
    assert "`;`" in error.hint


def test_silence_is_an_error_too() -> None:
    """Whatever Nix printed, there is a message."""
    assert parse("").said == "Nix ended without a word"
    assert parse("Killed").kind == "died"
    assert isinstance(parse("Killed"), NixError)
