"""The conformance table, and how a case of it runs in Python and is written in Nix."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from helpers import infuse as py

__all__ = ["VERSIONS", "Case", "cases"]

VERSIONS = ("2.4", "2.6")


@dataclass(frozen=True)
class Case:
    """One infusion and what the real infuse.nix made of it: `expected` is a `value`, or an `error`."""

    id: str
    version: str
    target: dict[str, str | None]
    infusion: dict[str, str | None]
    sugars: dict[str, str] | None
    via: str
    expected: dict[str, Any]

    @property
    def own_error(self) -> bool:
        """Whether the error is infuse's own, so its words are the same whatever evaluates it."""
        return self.expected.get("error", "").startswith("infuse.")

    def in_python(self) -> Any:
        """The strict result. Raises what `helpers.infuse` raises."""
        scope: dict[str, Any] = {"default_sugars": py.default_sugars_for(self.version)}
        target, infusion, sugars = (
            None if text is None else eval(text, scope)  # noqa: S307 - our own table
            for text in (self.target["py"], self.infusion["py"], self.sugars and self.sugars["py"])
        )
        if self.via == "infuse-desugared":
            return py.force(py.infuse_desugared(target, infusion))
        if self.via == "optimize":
            infusion = py.optimize(infusion)
        return py.force(py.infuse(target, infusion, sugars=sugars, version=self.version))

    def in_nix(self, library: str, arguments: str = "") -> str:
        """The same as a Nix expression. `library` is an infuse.nix, `arguments` what it is called with."""
        base = f"(import {library} {{ {arguments} }}).v1"
        if self.sugars:
            own = f"let default-sugars = {base}.default-sugars; in {self.sugars['nix']}"
            base = f"(import {library} {{ {arguments} sugars = {own}; }}).v1"
        infusion = f"({self.infusion['nix']})"
        if self.via == "optimize":
            infusion = f"(v1.optimize {infusion})"
        function = "infuse-desugared" if self.via == "infuse-desugared" else "infuse"
        return f"let v1 = {base}; in v1.{function} ({self.target['nix']}) {infusion}"


@cache
def cases() -> tuple[Case, ...]:
    """Every case of the table, once for each version it was run with."""
    rows = json.loads(Path(__file__).with_name("conformance.json").read_text())
    return tuple(
        Case(
            row["id"],
            version,
            row["target"],
            row["infusion"],
            row.get("sugars"),
            row.get("via", "infuse"),
            row["expected"][version],
        )
        for row in rows
        for version in VERSIONS
        if version in row["expected"]
    )
