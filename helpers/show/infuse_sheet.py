"""The infuse cheat sheet: one page, made of what its owner evaluated, predicted and stated.

A result stands on it only if it came out of one of their cells (`helpers.nix.both`). A term whose example
they have not evaluated is left out.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from helpers.course.files import keep_beside, write_atomically
from helpers.course.workspace import Workspace, require

__all__ = ["SIDES", "TERMS", "Sheet", "sheet"]

TERMS: tuple[tuple[str, str, str], ...] = (
    ("attribute set", "names with values; data, and in an infusion a map of where", "a_set"),
    ("infusion", "a function, a list, or a set of infusions: what becomes of a target", "one_port"),
    ("function", "applied to what is there", "a_function"),
    ("list", "a pipeline of infusions, from left to right", "a_list"),
    (
        "path-based override",
        "a path of names leads to the one value that changes; the rest stays",
        "same_edit",
    ),
    ("sugar", "a name with `__`, short for a function; its value is data", "sugars"),
    ("merge", "the function stands below the set: its neighbours stay", "merges"),
    ("clobber", "the function stands at the set: what it gives is all there is", "clobbers"),
    ("missing attribute", "a set on the way down is made; null is not missing", "creates_the_path"),
    ("pruning", "a set without a leaf is `{ }`", "prune_alone"),
    ("pruning, beside a leaf", "the name stays, and `{ }` is applied there", "prune_beside"),
    ("mixing", "sugars and other names in one set are an error", "mixing"),
    ("order of sugars", "the order of infuse's list, not of the text", "sugar_order"),
)
"""A term, what it means, and the cell whose result shows it."""

SIDES: tuple[tuple[str, str, str], ...] = (
    ("one port of a nested set", "update_operator", "same_edit"),
    ("two edits in a row", "joined_sets", "joined_list"),
)
"""An edit, the cell that does it with `//`, and the one that does it with infuse."""

_NAMES = ("infuse-cheat-sheet.md", "infuse-cheat-sheet.html")
_STYLE = """
:root { color-scheme: light; }
body { font: 13px/1.4 system-ui, sans-serif; color: #1f2933; background: #fff; margin: 0; }
main { max-width: 1120px; margin: 0 auto; padding: 18px 22px; columns: 2 430px; column-gap: 26px; }
h1 { font-size: 22px; margin: 0 0 4px; column-span: all; }
h2 { font-size: 15px; margin: 14px 0 4px; border-bottom: 1px solid #d5dce4; break-after: avoid; }
blockquote { margin: 6px 0; padding: 2px 10px; border-left: 3px solid #2e7d32; white-space: pre-wrap;
  column-span: all; }
dl, table, ul { margin: 4px 0; } dt { font-weight: 600; margin-top: 5px; break-after: avoid; }
dd { margin: 0 0 0 12px; break-inside: avoid; }
code, pre { font: 12px/1.35 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
pre { margin: 2px 0; break-inside: avoid; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: 2px 8px 2px 0; border-top: 1px solid #edf0f4; }
.error { color: #b3261e; }
code.word { white-space: nowrap; }
tr { break-inside: avoid; }
@media print { @page { size: A4 landscape; margin: 7mm; } body { font-size: 7.4px; line-height: 1.25; }
  code, pre { font-size: 6.9px; line-height: 1.25; } h1 { font-size: 14px; }
  h2 { font-size: 9.5px; margin: 5px 0 1px; }
  td, th { padding: 0 5px 0 0; } main { padding: 0; max-width: none; columns: 3; column-gap: 12px; } }
"""


@dataclass(frozen=True)
class Part:
    """A section: rows of cells, a cell in backticks is code. `head` names the columns, if need be.

    Of a section of `programs` each row is one text, in which lines and indentation count.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    programs: bool = False

    @property
    def count(self) -> int:
        """How many entries it has; what a law uses is none."""
        return sum(row[0].startswith("def law_") for row in self.rows) if self.programs else len(self.rows)


@dataclass(frozen=True)
class Sheet:
    """The page. `metaphor` is its owner's text as they wrote it, empty where there is none yet."""

    metaphor: str
    parts: tuple[Part, ...]

    def markdown(self) -> str:
        """As Markdown."""
        lines = ["# infuse.nix cheat sheet", ""]
        if self.metaphor:
            lines += [*(f"> {line}".rstrip() for line in self.metaphor.splitlines()), ""]
        for part in self.parts:
            if part.programs:
                texts = (text for (text,) in part.rows)
                lines += [f"## {part.title}", "", *(f"```python\n{text}\n```\n" for text in texts)]
                continue
            head = part.head or ("",) * len(part.rows[0])
            lines += [
                f"## {part.title}",
                "",
                _row(head),
                _row(["---"] * len(head)),
                *map(_row, part.rows),
                "",
            ]
        return "\n".join(lines)

    def html(self) -> str:
        """As a page of its own, without scripts; two columns, A4 when printed."""
        body = ["<h1>infuse.nix cheat sheet</h1>"]
        if self.metaphor:
            body.append(f"<blockquote>{escape(self.metaphor)}</blockquote>")
        for part in self.parts:
            if part.programs:
                texts = "".join(f"<pre>{escape(text)}</pre>" for (text,) in part.rows)
                body.append(f"<section><h2>{escape(part.title)}</h2>{texts}</section>")
                continue
            head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in part.head)
            rows = "".join(
                f"<tr>{''.join(f'<td>{_html(cell)}</td>' for cell in row)}</tr>" for row in part.rows
            )
            top = f"<thead><tr>{head}</tr></thead>" if head else ""
            table = f"<table>{top}<tbody>{rows}</tbody></table>"
            body.append(f"<section><h2>{escape(part.title)}</h2>{table}</section>")
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>infuse.nix cheat sheet</title><style>{_STYLE}</style></head>\n"
            f"<body><main>{''.join(body)}</main></body></html>\n"
        )

    def save(self, workspace: Workspace | None = None) -> list[Path]:
        """Write both into the portfolio; a page that was changed by hand since is kept beside.

        Raises CourseError where there is no workspace, and when the disk refuses.
        """
        mine = workspace or require()
        written = []
        for name, text in zip(_NAMES, (self.markdown(), self.html()), strict=True):
            path, mark = mine.portfolio / "phase1" / name, mine.state / f"{name}.sha256"
            if path.exists():
                now = hashlib.sha256(path.read_bytes()).hexdigest()
                if not mark.exists() or mark.read_text().strip() != now:
                    keep_beside(path)
            write_atomically(path, text.encode())
            write_atomically(mark, hashlib.sha256(text.encode()).hexdigest().encode())
            written.append(path)
        return written

    def __str__(self) -> str:
        return self.markdown()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(f"<li>{escape(part.title)}: {part.count}</li>" for part in self.parts)
        return f"<div><b>infuse.nix cheat sheet</b><ul>{rows}</ul></div>"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _html(cell: str) -> str:
    parts = re.split(r"``(.+?)``|`(.+?)`", cell, flags=re.DOTALL)
    texts = []
    for number, part in enumerate(parts):
        if part is not None:
            word = "" if " " in part else ' class="word"'  # a line is never broken inside of a name
            texts.append(f"<code{word}>{escape(part)}</code>" if number % 3 else escape(part))
    return "".join(texts)


def _code(text: str) -> str:
    text = " ".join(text.split())
    return f"``{text}``" if "`" in text else f"`{text}`"


def _sugar(name: str) -> str:
    """The sugar a cell is called after: `sugar__append`, `sugar_v26__filter`."""
    first, _, rest = name.partition("__")
    return f"`__{rest.partition('__')[0]}`{' (2.6)' if first.endswith('v26') else ''}"


def _place(name: str) -> int:
    """Where a cell's sugar comes in the order of application; 2.6 has those of 2.4 in the same order."""
    from helpers.infuse import default_sugars_for

    order = [sugar for sugar, _ in default_sugars_for("2.6")]
    sugar = "__" + name.partition("__")[2].partition("__")[0]
    return order.index(sugar) if sugar in order else len(order)


def _since(one: Mapping[str, Any]) -> str:
    return " (2.6)" if one.get("version") == "2.6" else ""


def _result(one: Mapping[str, Any]) -> str:
    return f"error: {' '.join(one['error'].split())}" if one["error"] else _code(one["result"])


def sheet(workspace: Workspace | None = None) -> Sheet:
    """What this learner's page says now. Raises CourseError where there is no workspace."""
    from helpers.course import exercises, progress
    from helpers.nix.both import shown

    mine = workspace or require()
    every = shown(mine)
    named = {one["name"]: one for one in every if one["name"]}
    parts = [
        Part(
            "Words",
            (),
            tuple(
                (term, meaning, _code(one["expression"]), _result(one))
                for term, meaning, name in TERMS
                if (one := named.get(name))
            ),
        ),
        Part(
            "Side by side",
            ("edit", "with //", "gives", "with infuse", "gives"),
            tuple(
                (edit, _code(a["expression"]), _result(a), _code(b["expression"]), _result(b))
                for edit, first, second in SIDES
                if (a := named.get(first)) and (b := named.get(second))
            ),
        ),
        Part(
            "Sugars, in the order they are applied",
            (),
            tuple(
                (_sugar(name), _code(one["expression"]), _result(one))
                for name, one in sorted(named.items(), key=lambda item: _place(item[0]))
                if name.startswith(("sugar__", "sugar_v26__"))
            ),
        ),
        Part(
            "Errors, and where they point",
            (),
            tuple(
                (_code(one["expression"]), " ".join(one["error"].split()) + _since(one))
                for one in every
                if one["error"].startswith("infuse.")
            ),
        ),
        Part("Laws of mine", (), _laws(exercises.load("p1.laws").path(mine), mine), programs=True),
        Part(
            "No law",
            ("infusion", "gives"),
            tuple(
                (_code(one["expression"]), _result(one)) for one in every if one["name"].startswith("no_law")
            ),
        ),
        Part(
            "What I predicted",
            ("", "question", "I said", "it is"),
            tuple(
                (
                    "✓" if one.correct else "✗",
                    one.question.partition(": ")[2],
                    one.answer,
                    "" if one.correct else one.actual or "(not shown to me yet)",
                )
                for exercise in ("p1.predict", "p1.laws")
                for one in progress.predictions(exercise, workspace=mine)
            ),
        ),
    ]
    text = exercises.load("p1.metaphor")
    file = text.path(mine)
    metaphor = "" if text.untouched(file) else file.read_text(encoding="utf-8").strip()
    return Sheet(metaphor, tuple(part for part in parts if part.rows))


def _laws(file: Path, mine: Workspace) -> tuple[tuple[str], ...]:
    """The laws of the learner's file, and what they use, if the check has found nothing wrong with it."""
    from helpers.course import progress

    passed = [one.outcome for one in progress.attempts("p1.laws", workspace=mine)][-1:] == ["passed"]
    if not passed or not file.exists():
        return ()
    source = file.read_text(encoding="utf-8")
    try:
        defined = {name: one for one in ast.parse(source).body for name in _names(one)}
    except SyntaxError:  # changed since it was checked
        return ()
    shown = {name: one for name, one in defined.items() if name.startswith("law_")}
    for one in (left := list(shown.values())):
        for used in ast.walk(one):
            name = used.id if isinstance(used, ast.Name) else ""
            if name in defined and name not in shown:
                shown[name] = defined[name]
                left.append(defined[name])
    return tuple((ast.get_source_segment(source, one) or "",) for one in dict.fromkeys(shown.values()))


def _names(statement: ast.stmt) -> list[str]:
    """What a statement at the top of a file gives a name to."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
    if isinstance(statement, ast.Assign):
        return [
            one.id for target in statement.targets for one in ast.walk(target) if isinstance(one, ast.Name)
        ]
    return []
