"""What Nix says went wrong, taken apart: the message, the place, the trace.

Nix prints an error as frames (`… while …`, each with a position and the line), then `error: ` and the
message, then the message's own position. Read for Nix 2.26 (src/libutil/error.cc, `showErrorInfo`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape

from helpers.errors import InitlabError

__all__ = ["Frame", "NixError", "Position", "parse", "with_log"]


@dataclass(frozen=True)
class Position:
    """A place in a Nix file, lines and columns from 1. `text` is that line, where it is known."""

    file: str
    line: int
    column: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def marked(self) -> str:
        """The line, and below it a caret at the column."""
        number = f"{self.line:>4} | "
        return f"{number}{self.text}\n{' ' * (len(number) - 2)}| {' ' * (self.column - 1)}^"


@dataclass(frozen=True)
class Frame:
    """What Nix was doing when the error came up: `while evaluating the attribute 'a'`."""

    doing: str
    position: Position | None = None


_KINDS = (
    ("syntax", r"syntax error|path has a trailing slash|(undefined|duplicate).*(escape|argument|formal)"),
    ("undefined", r"undefined variable"),
    (
        "missing",
        r"attribute '.*' missing|^derivation name missing|called with(out required| unexpected) argument",
    ),
    ("recursion", r"infinite recursion|stack overflow|max-call-depth"),
    (
        "forbidden",
        r"is forbidden in (restricted|pure)|not allowed to refer|^unable to download|in the Nix search path",
    ),
    ("assertion", r"^assertion '.*' failed"),
    ("store", r"is not supported by store 'dummy'"),
    ("died", r"^out of memory"),
    ("abort", r"evaluation aborted with the following error"),
    ("full", r"No space left on device|disk is full|database or disk is full"),
    (
        "build",
        r"^builder for|[Cc]annot build|failed with exit code|failed to produce|dependencies of derivation",
    ),
    ("type", r"^(cannot (add|coerce|convert|compare)|value is |expected |attempt to call)"),
)
_HINTS = {
    "syntax": "look at the marked place and before it: a `;` that is missing, a bracket left open",
    "let": "a `let` is half of an expression: write `let … in`, and then the expression",
    "undefined": "names come from `let`, from a function's arguments, from `with`, or from `builtins`",
    "missing": "builtins.attrNames shows what an attribute set has; `x.y or z` gives z where it has no y",
    "recursion": "a value that needs itself: follow the trace back to the name that occurs twice",
    "forbidden": "an expression sees the files given with it (`files=`) and no network, so it gives the same "
    "value everywhere",
    "store": "evaluation alone has no store: nix.Store() is one, and its build() evaluates with it",
    "died": "a list or a recursion without an end?",
    "full": "store.collect() removes what no profile needs",
    "build": "a builder sees its inputs and no network, and has to make $out",
}


class NixError(InitlabError):
    """What Nix says is wrong with an expression, or with a build.

    `said` is its message alone, `position` the place it names, `trace` how it got there (outermost first),
    `kind` one of syntax, undefined, missing, type, throw, assertion, abort, recursion, forbidden, store,
    build, full, time, died, or "" where it is none of these; `raw` is all that Nix printed.
    """

    def __init__(
        self,
        said: str,
        *,
        kind: str = "",
        position: Position | None = None,
        trace: tuple[Frame, ...] = (),
        raw: str = "",
        hint: str = "",
    ) -> None:
        where = f"\n  at {position}:\n{position.marked()}" if position and position.text else ""
        if position and not position.text:
            where = f"\n  at {position}"
        super().__init__(said + where, hint=hint or _HINTS.get(_missing_in(said) or kind, ""))
        self.said = said
        self.kind = kind
        self.position = position
        self.trace = trace
        self.raw = raw or said

    def _repr_html_(self) -> str:
        """The message, its line with the place marked, the hint; the trace folded up."""
        parts = [
            '<b style="color:#c62828">error</b> '
            f'<span style="white-space:pre-wrap">{escape(self.said)}</span>'
        ]
        if self.position:
            parts.append(_place_html(self.position))
        if self.hint:
            parts.append(f"<div><b>Hint.</b> {_ticked(self.hint)}</div>")
        if self.trace:
            frames = "".join(
                f"<li>{escape(frame.doing)}{_place_html(frame.position) if frame.position else ''}</li>"
                for frame in reversed(self.trace)
            )
            count = f"{len(self.trace)} step{'' if len(self.trace) == 1 else 's'}"
            parts.append(
                f"<details><summary>how Nix came there: {count}, the last one first</summary>"
                f'<ol style="margin:.3em 0">{frames}</ol></details>'
            )
        inner = "".join(f"<div>{part}</div>" for part in parts)
        return f'<div role="alert" style="border-left:4px solid #c62828;padding:.2em .8em">{inner}</div>'


def _ticked(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _place_html(position: Position) -> str:
    where = f'<span style="opacity:.75">{escape(str(position))}</span>'
    if not position.text:
        return f"<div>{where}</div>"
    before, at, after = (
        position.text[: position.column - 1],
        position.text[position.column - 1 : position.column],
        position.text[position.column :],
    )
    mark = f'<mark style="background:#c62828;color:#fff">{escape(at or " ")}</mark>'
    return (
        f'<div>{where}<pre style="margin:.1em 0 .3em 1em">{escape(before)}{mark}{escape(after)}</pre></div>'
    )


_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_AT = re.compile(r"^\s*at (.+):(\d+):(\d+):?$")
_LINE = re.compile(r"^\s*(\d+)\| ?(.*)$")


def parse(raw: str, names: Mapping[str, str] | None = None, drop: str = "") -> NixError:
    """The error in what Nix printed. `names` says how its files are to be called, by their paths; frames in
    a file called `drop` are left out (the line of ours that asked)."""
    text = _ANSI.sub("", raw).strip("\n")
    for path, name in (names or {}).items():
        text = text.replace(path, name)
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.lstrip().startswith("error:")), None)
    if start is None:
        return NixError(text or "Nix ended without a word", kind="died", raw=text)
    frames: list[Frame] = []
    message: list[str] | None = None
    position: Position | None = None
    first = lines[start].lstrip().removeprefix("error:").strip()
    if first:
        message = [first]
    for line in lines[start + 1 :]:
        stripped = line.strip()
        if found := _AT.match(line):
            file, row, column = found[1], int(found[2]), int(found[3])
            at = Position(file, row, column)
            if message is not None and position is None:
                position = at
            elif message is None and frames and frames[-1].position is None:
                frames[-1] = replace(frames[-1], position=at)
        elif found := _LINE.match(line):
            position, frames = _with_text(position, frames, message is not None, int(found[1]), found[2])
        elif re.match(r"^\s*\|\s*\^?", line) or stripped.startswith("(stack trace truncated"):
            continue
        elif message is None and stripped.startswith("…"):
            frames.append(Frame(stripped.removeprefix("…").strip()))
        elif message is None and stripped.startswith("error:"):
            message = [stripped.removeprefix("error:").strip()]
        elif message is None and stripped.startswith("("):
            frames.append(Frame(stripped.strip("()")))
        elif message is not None and position is None:
            message.append(line[7:] if line.startswith(" " * 7) else line)
    said = "\n".join(message or ["Nix gave no message"]).strip("\n")
    kept = tuple(
        frame
        for frame in frames
        if not (drop and frame.position and frame.position.file == drop)
        and not frame.doing.startswith("while evaluating the file 'expression")
    )
    if position and drop and position.file == drop:
        position = None
    return NixError(said, kind=_kind(said, frames), position=position, trace=kept, raw=text)


def with_log(error: NixError) -> NixError:
    """The error of a builder with the last lines it printed; every other error as it is.

    A builder that found no room is an error of kind `full`, whatever it ended with.
    """
    if not error.said.startswith("builder for"):
        return error
    before = error.raw.partition("error:")[0].splitlines()
    ours = ("this derivation", "these ", "building '", "  /nix/store/", "warning:")
    lines = [line for line in before if not line.startswith(ours)][-10:]
    first, *rest = error.said.splitlines()
    said = "\n".join([first, *(f"  > {line}" for line in lines), *rest])
    kind = "full" if any("No space left on device" in line for line in lines) else error.kind
    hint = error.hint if kind == error.kind else ""
    return NixError(said, kind=kind, trace=error.trace, raw=error.raw, hint=hint)


def _with_text(
    position: Position | None, frames: list[Frame], in_message: bool, row: int, text: str
) -> tuple[Position | None, list[Frame]]:
    """The line of source that belongs to the position seen last."""
    if in_message:
        if position and position.line == row and not position.text:
            position = replace(position, text=text)
    elif frames and (at := frames[-1].position) and at.line == row and not at.text:
        frames[-1] = replace(frames[-1], position=replace(at, text=text))
    return position, frames


def _missing_in(said: str) -> str:
    """`let` where the parser stopped at the end of a `let`'s names: only `in`, or another name, can follow.

    The words are bison's, from the token names of Nix 2.26 (src/libexpr/parser.y).
    """
    return "let" if "syntax error" in said and "expecting IN_KW" in said else ""


def _kind(said: str, frames: list[Frame]) -> str:
    last = frames[-1].doing if frames else ""
    if last == "while calling the 'throw' builtin":
        return "throw"
    if "the condition of the assertion" in last:
        return "assertion"
    return next((kind for kind, pattern in _KINDS if re.search(pattern, said)), "")
