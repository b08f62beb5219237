"""Read a manifest from TOML or JSON; or say everything that is wrong with it, in one error.

Types are strict: `port = "8080"` is a mistake to mend, not a number to guess.
"""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from helpers.errors import ManifestError
from helpers.manifest.models import Manifest
from helpers.manifest.problems import Loc, Problem, did_you_mean, quoted, raise_problems
from helpers.manifest.rules import file_problems, rule_problems
from helpers.manifest.wording import problems_from

__all__ = ["Format", "from_dict", "load", "loads"]

Format = Literal["toml", "json"]

_NESTING = 100  # deeper than any manifest; a parser's recursion limit is not


def load(path: Path | str) -> Manifest:
    """The manifest in a `.toml` or `.json` file. Its `files` become absolute paths of the host.

    Raises one `ManifestError` with a line for every problem: `file: path: what; mend`.
    """
    path = Path(path)
    form = path.suffix.lower().removeprefix(".")
    try:
        if path.is_dir():
            inside = sorted(name for name in _names_in(path) if name.endswith((".toml", ".json")))
            hint = f"load {path / inside[0]}" if inside else "name a .toml or .json file"
            raise ManifestError(f"{path}: a folder, not a manifest", hint=hint)
        if form not in get_args(Format):
            raise ManifestError(
                f"{path}: the name of a manifest ends in .toml or .json, by what it is written in",
                hint=f"rename it to {path.with_suffix('.toml').name if path.name else 'manifest.toml'}",
            )
        text = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unreadable(path, error) from None
    return loads(text, "toml" if form == "toml" else "json", source=str(path), folder=path.parent)


def loads(
    text: str | bytes, format: Format = "toml", *, source: str = "manifest", folder: Path | None = None
) -> Manifest:
    """The manifest in a text. `source` names it in messages; `files` are looked for in `folder`
    (by default the current one). Raises `ManifestError` as `load` does."""
    if format not in get_args(Format):
        raise ManifestError(f'{source}: no format {quoted(str(format))}; there is "toml", "json"')
    text = _decoded(text, source) if isinstance(text, bytes) else text
    try:
        data = _toml(text, source) if format == "toml" else _json(text, source)
    except RecursionError:
        raise _too_deep(source) from None
    except ValueError as error:  # a number of more digits than sys.set_int_max_str_digits allows
        raise ManifestError(f"{source}: {error}", hint=f"correct {source} and load it again") from None
    return _checked(data, source, folder or Path())


def from_dict(data: Mapping[str, Any], *, source: str = "manifest", folder: Path | None = None) -> Manifest:
    """The manifest in plain data (what `to_dict` gives). Raises `ManifestError` as `load` does."""
    return _checked(dict(data), source, folder or Path())


def _checked(data: Any, source: str, folder: Path) -> Manifest:
    problems: list[Problem] = []
    if not isinstance(data, dict):
        raise ManifestError(
            f"{source}: a manifest is a table with the keys name, services and files",
            hint='begin it with {"name": "web", "services": [',
        )
    data = _plain(data, (), problems, source)
    if "service" in data and "services" not in data:
        problems.append(Problem(("service",), "no such key; write [[services]], with an s"))
        data["services"] = data.pop("service")
    problems += rule_problems(data)
    files, wrong = file_problems(data.get("files"), folder)
    problems += wrong
    manifest: Manifest | None = None
    try:
        # By way of JSON, because only there does pydantic's strict mode take a list for a tuple.
        manifest = Manifest.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        problems += problems_from(error, data)
    raise_problems(problems, source)
    assert manifest is not None  # noqa: S101 - pydantic raised, and then raise_problems did
    return manifest.model_copy(update={"files": files})


def _plain(value: Any, loc: Loc, problems: list[Problem], source: str) -> Any:
    """Lists, tables, texts, numbers and truth values only; anything else becomes a problem and text."""
    if len(loc) > _NESTING:
        raise _too_deep(source)
    match value:
        case dict():
            for key in value:
                if not isinstance(key, str):
                    problems.append(Problem((*loc, str(key)), "a key must be text"))
            for key in value.twice if isinstance(value, _Table) else ():
                problems.append(Problem((*loc, key), "written twice in this table; keep one"))
            keys = {key: _character_text(str(key), loc, problems) for key in value}
            return {keys[k]: _plain(v, (*loc, keys[k]), problems, source) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v, (*loc, i), problems, source) for i, v in enumerate(value)]
        case datetime.date() | datetime.time():
            problems.append(Problem(loc, f"a date or time; put it in quotes: {quoted(str(value))}"))
            return str(value)
        case str():
            return _character_text(value, loc, problems)
        case None | bool() | int() | float():
            return value
    problems.append(Problem(loc, f"a Python {type(value).__name__} has no place in a manifest"))
    return str(value)


def _character_text(text: str, loc: Loc, problems: list[Problem]) -> str:
    if "\0" in text:
        problems.append(
            Problem(loc, "holds a NUL character, which ends a C string: no program can be given it")
        )
    elif any("\ud800" <= character <= "\udfff" for character in text):
        problems.append(Problem(loc, "holds half of a surrogate pair, which is no character"))
    else:
        return text
    return ascii(text)


def _decoded(raw: bytes, source: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            f"{source}: line {line}: byte 0x{raw[error.start]:02x} is not UTF-8 text",
            hint=f"save {source} as UTF-8",
        ) from None


def _toml(text: str, source: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # "… (at line 3, column 5)" or "… (at end of document)": Lib/tomllib/_parser.py.
        found = re.fullmatch(r"(?s)(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error))
        what = found[1] if found else str(error)
        lines = text.split("\n")
        at_end = (len(lines), len(lines[-1]) + 1)
        line, column = (int(found[2]), int(found[3])) if found and found[2] else at_end
        if what == "Invalid value" and re.match(r"[A-Za-z/]", lines[line - 1][column - 1 :]):
            what += "; put text in quotes"
        raise _syntax(source, text, line, column, what, "TOML") from None


class _Table(dict[str, Any]):
    """A JSON object that remembers the keys written more than once (TOML forbids them itself)."""

    twice: tuple[str, ...] = ()


def _table(pairs: list[tuple[str, Any]]) -> _Table:
    table = _Table(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        table.twice = tuple(key for key in table if keys.count(key) > 1)
    return table


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_table)
    except json.JSONDecodeError as error:
        raise _syntax(source, text, error.lineno, error.colno, error.msg, "JSON") from None


def _syntax(source: str, text: str, line: int, column: int, what: str, form: str) -> ManifestError:
    shown = text.split("\n")[line - 1].rstrip("\r")
    start = max(0, column - 60)
    pointed = (
        f"\n    {shown[start : start + 100]}\n    {' ' * (column - 1 - start)}^" if shown.strip() else ""
    )
    return ManifestError(
        f"{source}: line {line}, column {column}: not {form}: {what[:1].lower()}{what[1:]}{pointed}",
        hint=f"correct {source} and load it again",
    )


def _too_deep(source: str) -> ManifestError:
    return ManifestError(
        f"{source}: nested too deeply for a manifest", hint=f"correct {source} and load it again"
    )


def _unreadable(path: Path, error: OSError | ValueError) -> ManifestError:
    if isinstance(error, FileNotFoundError):
        folder = path.parent
        if not folder.is_dir():
            return ManifestError(f"{path}: no folder {folder}", hint="correct the path")
        near = did_you_mean(path.name, _names_in(folder), cutoff=0.75)
        return ManifestError(f"{path}: no such file{near}", hint=f"ls {folder}")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return ManifestError(f"{path}: cannot be read: {reason}", hint=f"ls -l {path.parent}")


def _names_in(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:  # a folder that may be passed through and not be listed
        return []
