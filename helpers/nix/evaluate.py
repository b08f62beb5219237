"""Expressions evaluated by the real Nix: one, or many in one process.

Many go through one `nix repl`, which an error does not end: process start and parsing of shared files are
paid once. Each expression is a file; a line for each asks for it as JSON and has that traced, so that
values, traces and errors come in order on one stream.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpers.nix.errors import NixError, parse
from helpers.nix.places import HERE, Place, best_place

__all__ = ["COMMAND", "Outcome", "eval", "eval_many", "outcomes"]

COMMAND = ("nix", "--extra-experimental-features", "nix-command")
_REPL = (*COMMAND, "repl", "--store", "dummy://", "--restrict-eval", "-I", HERE, "--show-trace")
_ALONE = ("nix-instantiate", "--eval", "--store", "dummy://", "--option", "restrict-eval", "true", "-I", HERE)
_AT_ONCE = 400  # expressions for one process: what it has evaluated it keeps in memory
_OURS = "«string»"  # what Nix calls a line typed into its repl


@dataclass(frozen=True)
class Outcome:
    """What became of an expression: its `value`, or the `error`; and what `builtins.trace` printed."""

    value: Any = None
    error: NixError | None = None
    traced: tuple[str, ...] = ()


def eval(
    expression: str,
    *,
    files: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    place: Place | None = None,
) -> Any:
    """The value of a Nix expression, wholly computed, as `builtins.toJSON` gives it: dict, list, str, int,
    float, bool or None.

    `files` are what the expression finds beside it: `{"lib.nix": "…"}` is `./lib.nix`. It finds nothing else:
    no network, no store, no file of the computer. Raises `NixError`, after `timeout` seconds too.
    """
    outcome = outcomes([expression], files=files, timeout=timeout, place=place)[0]
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def eval_many(
    expressions: Sequence[str],
    *,
    files: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    place: Place | None = None,
) -> list[Any]:
    """The values of many expressions in their order; where one fails, its `NixError` as a value.

    One process evaluates them (a few hundred at a time); one that ends it, or is not done after `timeout`
    seconds, costs the others nothing but time.
    """
    found = outcomes(expressions, files=files, timeout=timeout, place=place)
    return [outcome.value if outcome.error is None else outcome.error for outcome in found]


def outcomes(
    expressions: Sequence[str],
    *,
    files: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    place: Place | None = None,
) -> list[Outcome]:
    """As `eval_many`, with what was traced. Raises `EngineUnavailable` where Nix can be run nowhere."""
    place = place or best_place()
    done: list[Outcome] = []
    while len(done) < len(expressions):
        batch = expressions[len(done) : len(done) + _AT_ONCE]
        one = len(expressions) == 1
        done += _batch(batch, files or {}, timeout, place, None if one else len(done))
    return done


def _batch(
    expressions: Sequence[str], files: Mapping[str, str], timeout: float, place: Place, number: int | None
) -> list[Outcome]:
    """Outcomes of the first of these expressions, at least of one."""
    token = secrets.token_hex(8)
    own = {f"expression-{i}.nix": text + "\n" for i, text in enumerate(expressions)}
    value = f'builtins.trace ("{token} value " + builtins.toJSON (import ./%s)) null'
    lines = [f'builtins.trace "{token} at {i}" ({value % name})' for i, name in enumerate(own)]
    lines.append(f'builtins.trace "{token} at {len(own)}" null')
    ran = place.run(_REPL, {**files, **own}, input="\n".join(lines) + "\n", timeout=timeout)
    names = _names(ran.folder, own, files, number)
    # After each mark stands what that expression said. The next mark tells that it was done: its own once
    # more, that the repl took an end of file in it for a line to be continued, and went on with the next.
    rest, *marked = re.split(rf"^trace: {token} at (\d+)\n", ran.stderr, flags=re.MULTILINE)
    found: list[Outcome] = []
    for index, said, following in zip(marked[::2], marked[1::2], [*marked[2::2], ""], strict=True):
        rest = said
        if following == index:
            name = f"expression-{index}.nix"
            alone = place.run((*_ALONE, f"./{name}"), {**files, **own}, input="", timeout=timeout)
            return [
                *found,
                Outcome(error=parse(alone.stderr, _names(alone.folder, own, files, number), _OURS)),
            ]
        if following:
            found.append(_outcome(said, token, names))
    if len(found) == len(expressions):
        return found
    if ran.late:
        if found:
            return found  # the next one is asked again, with all of the time for itself
        hint = "a recursion without an end? give timeout= a larger number if it only needs longer"
        return [Outcome(error=NixError(f"not done after {timeout:g} s", kind="time", raw=rest, hint=hint))]
    return [*found, Outcome(error=_death(ran.code, rest, names))]


def _names(
    folder: str, own: Mapping[str, str], files: Mapping[str, str], number: int | None
) -> dict[str, str]:
    """What files are called in errors, by their paths."""
    names = {
        f"{folder}/{name}": "expression" if number is None else f"expression {number + i + 1}"
        for i, name in enumerate(own)
    }
    return names | {f"{folder}/{name}": name for name in files}


def _outcome(part: str, token: str, names: Mapping[str, str]) -> Outcome:
    value = re.search(rf"^trace: {token} value (.*)\n", part, flags=re.MULTILINE)
    said = part[: value.start()] if value else part.split("error:", 1)[0]
    traced = tuple(re.findall(r"^trace: (.*)$", said, flags=re.MULTILINE))
    if value:
        return Outcome(json.loads(value[1]), traced=traced)
    return Outcome(error=parse(part, names, _OURS), traced=traced)


def _death(code: int, said: str, names: Mapping[str, str]) -> NixError:
    if "error:" in said:
        return parse(said, names, _OURS)
    why = "it ran out of memory" if code in (134, 137) or "memory" in said else f"exit code {code}"
    if code == 139:
        why = "its stack overflowed"
    return NixError(f"the evaluator died: {why}", kind="died", raw=said)
