"""Loads `labs/sixos/facts.json`, refuses what does not hold together, and draws it.

The words are SixOS's: a *service* is a function, a *target* a derivation; `before`, `after` and the contents
of a bundle are told as the Nix files tell them, before anything is turned round.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from helpers.errors import InitlabError
from helpers.sixos.drawing import Drawing, chain, compiled, written

__all__ = ["Fact", "Service", "SixOS", "SixOSError", "Source", "Target", "load"]

_TABLES = ("builders", "boot", "subsystems", "risks")
FILE = Path(__file__).resolve().parents[2] / "labs" / "sixos" / "facts.json"


class SixOSError(InitlabError):
    """A fact, a target or a source is named and not there."""


@dataclass(frozen=True)
class Source:
    """A file that was read: repository, commit (empty where there is none), path."""

    repository: str
    commit: str
    path: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.commit[:7]}:{self.path}" if self.commit else self._without_commit()

    def _without_commit(self) -> str:
        return f"{self.repository}: {self.path}"


@dataclass(frozen=True)
class Fact:
    """One statement. `upstream_line` is its line in the pinned commit, 0 where that was not noted."""

    id: str
    says: str
    source: Source
    upstream_line: int = 0

    @property
    def path(self) -> str:
        """The path of the file, as the repository has it."""
        return self.source.path

    def __str__(self) -> str:
        return f"{self.id}  {self.says}  [{self.source}]"


@dataclass(frozen=True)
class Target:
    """A target of the base system. `logger` is `default`, `uncaught`, or None: it has none."""

    name: str
    kind: str
    after: tuple[str, ...]
    before: tuple[str, ...]
    logger: str | None
    service: str
    source: Source

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.kind}" + (f", the service {self.service}" if self.service else "")]
        lines += [f"  after:  {', '.join(self.after) or 'nothing'}"]
        lines += [f"  before: {', '.join(self.before) or 'nothing'}"]
        lines += [f"  logger: {self.logger or 'none'}", f"  read in {self.source}"]
        return "\n".join(lines)


@dataclass(frozen=True)
class Service:
    """A service that could be read: the kinds of target it makes, and what it says of order."""

    name: str
    kinds: tuple[str, ...]
    builder: str
    after: tuple[str, ...]
    before: tuple[str, ...]
    note: str
    source: Source


class Facts(Mapping[str, Fact]):
    """Facts by id; shown as a table, and searched by a word of their text or path."""

    def __init__(self, facts: Mapping[str, Fact]) -> None:
        self._facts = dict(facts)

    def __getitem__(self, key: str) -> Fact:
        return self._facts[key]

    def __iter__(self) -> Any:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def about(self, *words: str) -> Facts:
        """Those that have one of the words, in whatever case, in their text or path; all without a word."""
        wanted = [word.lower() for word in words]
        return Facts(
            {
                fact.id: fact
                for fact in self._facts.values()
                if not wanted or any(word in f"{fact.says} {fact.path}".lower() for word in wanted)
            }
        )

    def __str__(self) -> str:
        return "\n".join(map(str, self._facts.values())) or "no fact has such a word"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{fact.id}</td><td style='text-align:left'>{_marked(fact.says)}</td>"
            f"<td style='text-align:left'><code>{escape(fact.path)}</code></td></tr>"
            for fact in self._facts.values()
        )
        left = "style='text-align:left'"
        head = f"<tr><th></th><th {left}>what was read</th><th {left}>where</th></tr>"
        return f"<table>{head}{rows}</table>"


def _marked(text: str) -> str:
    """HTML of a text with words in backticks."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


@dataclass(frozen=True)
class SixOS:
    """All of it. `about` says of which commit, how many services that has, and what was read where."""

    about: Mapping[str, Any]
    facts: Facts
    builders: tuple[Mapping[str, Any], ...]
    boot: tuple[Mapping[str, Any], ...]
    missing: tuple[Fact, ...]
    subsystems: tuple[Mapping[str, Any], ...]
    risks: tuple[Mapping[str, Any], ...]
    services: Mapping[str, Service]
    targets: Mapping[str, Target]
    loggers: Mapping[str, tuple[str, ...]]
    sources: Mapping[str, Source]

    def graph(self) -> dict[str, Any]:
        """The base system as plain data, a new copy each time.

        `targets`: name → `kind`, `after`, `before`, `logger`, as the Nix files have them. `loggers`: what a
        logger of each sort comes after.
        """
        return {
            "targets": {
                name: {
                    "kind": one.kind,
                    "after": list(one.after),
                    "before": list(one.before),
                    "logger": one.logger,
                }
                for name, one in self.targets.items()
            },
            "loggers": {name: list(after) for name, after in self.loggers.items()},
        }

    def drawing(self, edges: Mapping[str, Sequence[str]] | None = None) -> Drawing:
        """The base system as a picture: as written, or with the `edges` of a database (name → names)."""
        if edges is None:
            return written(self.graph(), "SixOS, base system, as written")
        kinds = {name: one.kind for name, one in self.targets.items()}
        return compiled(edges, kinds, "SixOS, base system, as compiled")

    def boot_chain(self) -> Drawing:
        """From the kernel to the bundle `default`."""
        return chain([step["step"] for step in self.boot], "SixOS, boot chain")


@cache
def load(file: Path = FILE) -> SixOS:
    """The facts of that file. Raises `SixOSError` where something is named that is not there."""
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SixOSError(f"{file} cannot be read: {error}", hint="initlab doctor") from None
    sources = {name: Source(**one) for name, one in raw["sources"].items()}

    def source(name: str, who: str) -> Source:
        if name not in sources:
            raise SixOSError(f"{who} names the source {name!r}, and there is none", hint=f"see {file.name}")
        return sources[name]

    facts = {
        one["id"]: Fact(one["id"], one["says"], source(one["source"], one["id"]), one.get("upstream_line", 0))
        for one in raw["facts"]
    }
    targets = {
        name: Target(
            name,
            one["kind"],
            tuple(one["after"]),
            tuple(one["before"]),
            one["logger"],
            one.get("service", ""),
            source(one["source"], name),
        )
        for name, one in raw["targets"].items()
    }
    services = {
        one["name"]: Service(
            one["name"],
            tuple(one["kinds"]),
            one["builder"],
            tuple(one["after"]),
            tuple(one["before"]),
            one.get("note", ""),
            source(one["source"], one["name"]),
        )
        for one in raw["services"]
    }
    loggers = {name: tuple(one["after"]) for name, one in raw["loggers"].items()}
    _refuse_dangling(raw, facts, targets, loggers)
    return SixOS(
        raw["about"],
        Facts(facts),
        tuple(raw["builders"]),
        tuple(raw["boot"]),
        tuple(facts[name] for name in raw["missing"]),
        tuple(raw["subsystems"]),
        tuple(raw["risks"]),
        services,
        targets,
        loggers,
        sources,
    )


def _refuse_dangling(
    raw: Mapping[str, Any],
    facts: Mapping[str, Fact],
    targets: Mapping[str, Target],
    loggers: Mapping[str, tuple[str, ...]],
) -> None:
    named = [(f"targets.{t.name}", n) for t in targets.values() for n in (*t.after, *t.before)]
    named += [(f"loggers.{name}", n) for name, after in loggers.items() for n in after]
    for who, name in named:
        if name not in targets:
            raise SixOSError(f"{who} names {name!r}, and there is no such target")
    for target in targets.values():
        if target.logger is not None and target.logger not in loggers:
            raise SixOSError(
                f"targets.{target.name} has the logger {target.logger!r}, which is not described"
            )
    cited = [(one.get("name", one.get("step", "")), one["facts"]) for table in _TABLES for one in raw[table]]
    for who, ids in [*cited, ("missing", raw["missing"])]:
        for one in ids:
            if one not in facts:
                raise SixOSError(f"{who} cites {one}, and there is no such fact")
