"""Values as text in Nix's own syntax, and as a tree that folds in a notebook."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.nix.look import Seen

__all__ = ["html", "joined", "name_text", "text"]

_RED = "#c62828"
_OPEN = 40  # parts of a set that is shown open
_WIDE = 90
_IDENTIFIER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_'-]*")


def name_text(name: str) -> str:
    """An attribute's name as it is written in Nix."""
    return name if _IDENTIFIER.fullmatch(name) else _string(name)


def joined(path: str, name: str, kind: str = "set") -> str:
    """A path and one step more: a name, a position where `kind` is list, or a path where it is path."""
    if kind == "list":
        return f"{path}[{name}]"
    step = name if kind == "path" else name_text(name)
    return f"{path}.{step}" if path and step and not step.startswith("[") else path + step


def _string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("${", "\\${")


def _leaf(seen: Seen) -> str:
    if seen.kind == "function":
        return "<function>"
    if seen.kind == "derivation":
        return f"<derivation {seen.value}>"
    if seen.kind == "error":
        said = seen.error.said if seen.error else "?"
        return f"<error: {' '.join(said.split())}>"
    if seen.kind == "path":
        return str(seen.value)
    if isinstance(seen.value, str):
        return _string(seen.value)
    if seen.value is None or isinstance(seen.value, bool):
        return {None: "null", True: "true", False: "false"}[seen.value]
    return repr(seen.value)


def text(seen: Seen, indent: str = "") -> str:
    """The value as Nix would be written; short sets and lists on one line."""
    if seen.parts is None:
        return _leaf(seen)
    brackets = "{}" if seen.kind == "set" else "[]"
    if not seen.parts:
        return f"{brackets[0]} {brackets[1]}"
    deeper = indent + "  "
    rows = []
    for name, part in seen.parts.items():
        inner = text(part, deeper)
        rows.append(f"{name_text(name)} = {inner};" if seen.kind == "set" else inner)
    line = f"{brackets[0]} {' '.join(rows)} {brackets[1]}"
    if "\n" not in line and len(indent) + len(line) <= _WIDE:
        return line
    return "\n".join([brackets[0], *(deeper + row for row in rows), indent + brackets[1]])


def html(seen: Seen) -> str:
    """The tree: sets and lists fold, an error stands at its place with what Nix says of it."""
    traced = "".join(
        f'<div style="opacity:.75;white-space:pre-wrap">trace: {escape(line)}</div>' for line in seen.traced
    )
    if seen.kind == "error" and seen.error is not None:
        return traced + seen.error._repr_html_()
    style = "font-family:var(--jp-code-font-family,monospace);line-height:1.5"
    return f'{traced}<div class="initlab-nix" style="{style}">{_node("", seen, top=True)}</div>'


def _node(label: str, seen: Seen, *, top: bool = False) -> str:
    if seen.parts is None:
        return f"<div>{label}{_leaf_html(seen)}</div>"
    many = len(seen.parts)
    word = ("attribute" if seen.kind == "set" else "element") + ("" if many == 1 else "s")
    if not seen.parts:
        return f"<div>{label}{'{ }' if seen.kind == 'set' else '[ ]'}</div>"
    short = text(seen)
    if not top and "\n" not in short and len(short) <= 60 and not seen.errors:
        return f"<div>{label}{escape(short)}</div>"
    inner = "".join(_node(_label(seen.kind, name), part) for name, part in seen.parts.items())
    unfolded = " open" if top or seen.errors or many <= _OPEN // 4 else ""
    if top and many > _OPEN and not seen.errors:
        unfolded = ""
    return (
        f'<details{unfolded}><summary>{label}<span style="opacity:.7">'
        f"{'{…}' if seen.kind == 'set' else '[…]'} {many} {word}</span></summary>"
        f'<div style="margin-left:1.6em">{inner}</div></details>'
    )


def _label(kind: str, name: str) -> str:
    if kind == "list":
        return f'<span style="opacity:.6">{escape(name)}: </span>'
    return f"<b>{escape(name_text(name))}</b> = "


def _leaf_html(seen: Seen) -> str:
    if seen.error is None:
        style = "opacity:.75;font-style:italic" if seen.kind in ("function", "derivation") else ""
        return f'<span style="{style};white-space:pre-wrap">{escape(_leaf(seen))}</span>'
    said = f'<b style="color:{_RED}">error:</b> {escape(seen.error.said)}'
    return (
        f'<details style="display:inline-block;vertical-align:top"><summary>{said}</summary>'
        f"{seen.error._repr_html_()}</details>"
    )
