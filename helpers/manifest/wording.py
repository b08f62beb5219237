"""pydantic's errors in our words: what stands there, what belongs there, what to write.

The catalogue of pydantic's error types: https://docs.pydantic.dev/latest/errors/validation_errors/.
A type not named here keeps pydantic's sentence, without its "Input should".
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from helpers.manifest import models
from helpers.manifest.problems import Loc, Problem, did_you_mean, path_text, quoted

__all__ = ["problems_from"]

_READINESS: dict[str, type[BaseModel]] = {
    "fd": models.Fd,
    "tcp": models.Tcp,
    "http": models.Http,
    "exec": models.Exec,
}
_PARTS: dict[str, type[BaseModel]] = {
    "restart": models.Restart,
    "limits": models.Limits,
    "log": models.Log,
}

# What people write who know another tool (systemd.service(5), the Compose file, the s6-rc source format).
_OTHER_WORDS = {
    "after": "depends_on",
    "args": "command",
    "cmd": "command",
    "dependencies": "depends_on",
    "deps": "depends_on",
    "directory": "cwd",
    "environment": "env",
    "exec": "command",
    "execstart": "command",
    "finish": "down",
    "healthcheck": "readiness",
    "logger": "log",
    "need": "depends_on",
    "needs": "depends_on",
    "ready": "readiness",
    "requires": "depends_on",
    "run": "command",
    "stopsignal": "stop_signal",
    "type": "kind",
    "wants": "depends_on",
    "workdir": "cwd",
    "working_dir": "cwd",
    "workingdirectory": "cwd",
}

_NAME_RULE = "a lower-case letter, then at most 31 of: lower-case letters, digits, _ and -"
_PATTERN_RULES = {
    "user": "a user name: a lower-case letter or _, then lower-case letters, digits, _ and -",
    "cwd": "an absolute path: begin it with /",
    "path": "a path to GET: begin it with / and leave out spaces",
}
_EXAMPLES = {
    "name": 'name = "redis"',
    "services": "one [[services]] table for each service",
    "port": "port = 8080",
    "command": 'command = ["/usr/bin/redis-server"]',
}


def problems_from(error: ValidationError, data: Any) -> list[Problem]:
    """One `Problem` for each error pydantic found in `data`."""
    return [
        _problem(detail, data)
        for detail in error.errors(include_url=False)
        # pydantic counts only the good items: a list whose every item is bad is "too short" as well.
        if not (detail["type"] == "too_short" and detail["input"])
    ]


def _problem(detail: Mapping[str, Any], data: Any) -> Problem:
    loc = _without_tag(tuple(detail["loc"]))
    kind, value, ctx = detail["type"], detail["input"], detail.get("ctx", {})
    match kind:
        case "extra_forbidden":
            return Problem(loc, _unknown_key(loc, data))
        case "missing":
            example = _EXAMPLES.get(str(loc[-1]))
            return Problem(loc, "missing" + (f"; write {example}" if example else ""))
        case "union_tag_not_found":
            return Problem((*loc, "kind"), f"missing; it is one of {_choices(list(_READINESS))}")
        case "union_tag_invalid":
            return Problem((*loc, "kind"), _not_one_of(ctx["tag"], list(_READINESS)))
        case "literal_error":
            return Problem(loc, _not_one_of(value, re.findall(r"'([^']*)'", ctx["expected"])))
        case "string_pattern_mismatch":
            return Problem(loc, _pattern(loc, value))
        case "too_short":
            example = _EXAMPLES.get(str(loc[-1]))
            return Problem(loc, "empty; write at least one" + (f", e.g. {example}" if example else ""))
        case "value_error":
            # The model's one rule across fields is about a service's command (see `Service`).
            at = (*loc, "command") if len(loc) == 2 else loc
            return Problem(at, str(ctx["error"]))
    bound = _bound(kind, ctx)
    if bound:
        return Problem(loc, f"{_shown(value)} is out of range; it must be {bound}")
    return Problem(loc, _wrong_type(kind, value) or _pydantic_words(detail["msg"]))


def _without_tag(loc: Loc) -> Loc:
    """pydantic puts the union's tag behind `readiness`; the file has no such key."""
    for i, step in enumerate(loc[:-1]):
        if step == "readiness" and loc[i + 1] in _READINESS:
            return loc[: i + 1] + loc[i + 2 :]
    return loc


def _bound(kind: str, ctx: Mapping[str, Any]) -> str:
    match kind:
        case "greater_than":
            return f"more than {ctx['gt']:g}"
        case "greater_than_equal":
            return f"at least {ctx['ge']:g}"
        case "less_than_equal":
            return f"at most {ctx['le']:g}"
    return ""


def _shown(value: Any) -> str:
    """A value and its type, as a person would say it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {quoted(value)}"
        case int() | float():
            text = str(value)
            return f"the number {text if len(text) <= 24 else text[:21] + '...'}"
        case list():
            return "a list" if value else "an empty list"
        case dict():
            return "a table" if value else "an empty table"
    return f"a {type(value).__name__}"


def _wrong_type(kind: str, value: Any) -> str:
    match kind:
        case "string_type":
            mend = f": write {quoted(_shown(value).removeprefix('the number '))}"
            return f"must be text, not {_shown(value)}" + (mend if isinstance(value, int | float) else "")
        case "int_type" | "int_from_float" | "int_parsing" | "int_parsing_size":
            return f"must be a whole number, not {_shown(value)}{_unquoted(value, r'[+-]?[0-9]{1,18}')}"
        case "float_type" | "float_parsing":
            return f"must be a number, not {_shown(value)}{_unquoted(value, r'[+-]?[0-9]+([.][0-9]+)?')}"
        case "bool_type" | "bool_parsing":
            return f"must be true or false, not {_shown(value)}"
        case "tuple_type" | "list_type":
            return f"must be a list, not {_shown(value)}{_as_list(value)}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"must be a table of keys and values, not {_shown(value)}"
    return ""


def _unquoted(value: Any, number: str) -> str:
    if isinstance(value, str) and re.fullmatch(number, value):
        return f": write {value} without quotes"
    return ""


def _as_list(value: Any) -> str:
    if isinstance(value, dict) or value is None:
        return ""
    try:
        words = shlex.split(value) if isinstance(value, str) else [value]
    except ValueError:  # an open quote
        return ": put each word in quotes, between [ and ]"
    text = json.dumps(words, ensure_ascii=False)
    return f": write {text}" if len(text) <= 100 else ": put each word in quotes, between [ and ]"


def _not_one_of(value: Any, choices: list[str]) -> str:
    if not isinstance(value, str):
        return f"must be one of {_choices(choices)}, not {_shown(value)}"
    near = {choice.lower(): choice for choice in choices}
    # SIGTERM, sigterm, term: all mean TERM.
    same = near.get(value.lower()) or near.get(value.lower().removeprefix("sig"))
    mend = f"; did you mean {quoted(same)}?" if same else did_you_mean(value, choices)
    return f"{quoted(value)} is not one of {_choices(choices)}{mend}"


def _choices(choices: list[str]) -> str:
    return ", ".join(quoted(choice) for choice in choices)


def _pattern(loc: Loc, value: str) -> str:
    field = str(loc[-1])
    if field in _PATTERN_RULES:
        return f"{quoted(value)} is not {_PATTERN_RULES[field]}"
    better = re.sub(r"[^a-z0-9_-]+", "-", value.strip().lower()).strip("-_0123456789")[:32]
    mend = f"; did you mean {quoted(better)}?" if better and better != value else ""
    return f"{quoted(value)} is not a name ({_NAME_RULE}){mend}"


def _unknown_key(loc: Loc, data: Any) -> str:
    """Why the last key of `loc` is not known there, and which one was meant."""
    key = str(loc[-1])
    owner = _model_at(loc[:-1], data)
    fields = list(owner.model_fields) if owner else []
    if owner is models.Manifest and (key in models.Service.model_fields or key in _OTHER_WORDS):
        # [readiness] for [services.readiness]; TOML gives the table to the top of the file.
        known = key if key in models.Service.model_fields else _OTHER_WORDS[key]
        return f'not a key of the manifest: "{known}" belongs to a service, below its [[services]]'
    if owner is models.Service:
        if key in ("files", "services"):
            return f"not a key of a service: write {quoted(key)} at the top, before the first [[services]]"
        for part, model in _PARTS.items():
            if key in model.model_fields:
                return f"no such key; did you mean {quoted(path_text((part, key)))}?"
    other = _OTHER_WORDS.get(key.lower().replace("-", "_"), "")
    if other in fields:
        return f"no such key; did you mean {quoted(other)}?"
    return "no such key" + (did_you_mean(key.lower(), fields) or f"; there is {_choices(fields)}")


def _model_at(loc: Loc, data: Any) -> type[BaseModel] | None:
    match loc:
        case ():
            return models.Manifest
        case ("services", int()):
            return models.Service
        case ("services", int(index), "readiness"):
            return _READINESS.get(data["services"][index]["readiness"].get("kind"))
        case ("services", int(), str(part)):
            return _PARTS.get(part)
    return None


def _pydantic_words(message: str) -> str:
    return re.sub(r"^(Input|Value|String|Tuple|Dictionary) should ", "should ", message)
