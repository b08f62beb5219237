"""A package set with names nobody knows beforehand, and what the two edits of `p1.overrides` make of it.

The set is made with `labs/nix/packages/make.nix`. The edits wanted are written as plain Nix overrides: no
infuse, and nothing of a learner's.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

from checks.pid1.box import random_word
from helpers.nix.compare import LAB

__all__ = ["PARTS", "SCENARIOS", "World", "files_of", "questions"]

_WORLD = """{ overlays ? [ ] }:
let
  make = import ./packages/make.nix;
  language = { mkDerivation, composeExtensions, packageOverrides ? (final: prev: { }) }:
    let
      base = final: {
        inherit mkDerivation;
        @package@ = mkDerivation {
          pname = "@package@"; version = "@old@"; patches = [ "@early@.patch" ]; flags = [ "@flag@" ];
          env = { LIFETIME = "5"; @variable@ = "@flag@"; };
        };
        @dependent@ = mkDerivation { pname = "@dependent@"; version = "1"; inputs = [ final.@package@ ]; };
        @other@ = mkDerivation { pname = "@other@"; version = "1"; };
        @broken@ = throw "@broken@ is broken, and nobody asked for it";
      };
    in
    mkDerivation {
      pname = "@interpreter@";
      version = "@old@";
      passthru.pkgs = make.fix (make.extends [ packageOverrides ] base);
    };
  base = final:
    let callPackage = make.callPackageWith final; in
    {
      inherit (make) mkDerivation composeExtensions recursiveUpdate;
      inherit callPackage;
      # Somebody has overridden two packages before.
      @interpreter@ = callPackage language {
        packageOverrides = inner: super: {
          @other@ = super.@other@.overrideAttrs (old: { flags = [ "@early@" ]; });
          @package@ = super.@package@.overrideAttrs (old: { env = old.env // { LIFETIME = "9"; }; });
        };
      };
      @interpreter@Packages = final.@interpreter@.pkgs;
      @tool@ = callPackage ({ mkDerivation, @interpreter@ }: mkDerivation {
        pname = "@tool@"; version = "1"; inputs = [ @interpreter@.pkgs.@dependent@ ];
      }) { };
      @broken@ = throw "@broken@ is broken, and nobody asked for it";
    };
in
make.fix (make.extends overlays base)
"""

_COMPOSED = """{ interpreter, ... }: overlay: final: prev: {
  ${interpreter} = prev.${interpreter}.override (arguments: arguments // {
    packageOverrides = prev.composeExtensions (arguments.packageOverrides or (_: _: { })) overlay;
  });
}
"""

_WANTED = """rec {
  compose = import ./compose.nix;
  rewrite = { package, patch, lifetime, ... }@names: compose names (inner: super: {
    ${package} = super.${package}.overrideAttrs (old: {
      doCheck = false;
      patches = old.patches ++ [ patch ];
      env = old.env // { LIFETIME = lifetime; };
    });
  });
  extend = { package, name, version, fork, next, ... }@names: compose names (inner: super: {
    ${name} = inner.mkDerivation { pname = name; inherit version; inputs = [ inner.${package} ]; };
    ${fork} = inner.${package}.overrideAttrs (old: { version = next; });
  });
}
"""

# What is asked of a set of packages `p`, and each answer is data. The names are those of the world.
PARTS = {
    "outer": "builtins.attrNames p",
    "inner": "builtins.attrNames p.@interpreter@.pkgs",
    "alias": "builtins.attrNames p.@interpreter@Packages",
    "language": "p.@interpreter@.name",
    "package": "summary p.@interpreter@.pkgs.@package@",
    "dependent": "summary p.@interpreter@.pkgs.@dependent@",
    "other": "summary p.@interpreter@.pkgs.@other@",
    "tool": "summary p.@tool@",
    "name": "summary (p.@interpreter@.pkgs.@name@ or { name = null; })",
    "fork": "summary (p.@interpreter@.pkgs.@fork@ or { name = null; })",
}
SCENARIOS = {
    "nothing": "[ ]",
    "rewrite": "[ rewrite ]",
    "extend": "[ extend ]",
    "rewrite, extend": "[ rewrite extend ]",
    "extend, rewrite": "[ extend rewrite ]",
    "later": "[ rewrite extend later ]",
    "alone": "[ alone rewrite ]",
    "extend, changed": "[ extend changed ]",
}

_START = """let
  names = builtins.fromJSON (builtins.readFile ./names.json);
  summary = package: if package.name == null then null else (import ./packages/make.nix).summary package;
  infuse = (import ./infuse.nix { }).v1.infuse;
  later = import ./compose.nix names (inner: super: {
    @dependent@ = super.@dependent@.overrideAttrs (old: { flags = [ "later" ]; });
  });
  changed = (import ./wanted.nix).rewrite names;
  alone = final: prev: { @interpreter@ = prev.@interpreter@.override { packageOverrides = _: _: { }; }; };
"""
_OURS = "  inherit (builtins.mapAttrs (_: f: f names) (import ./wanted.nix)) rewrite extend;\n"
_THEIRS = """  answer = import ./overrides.nix;
  rewrite = final: prev: infuse prev (answer.rewrite names);
  extend = final: prev: infuse prev (answer.extend names);
"""


@dataclass(frozen=True)
class World:
    """The names of one package set."""

    names: dict[str, str]

    @classmethod
    def make(cls, rng: random.Random) -> World:
        """Names, versions and values at random, all of them different."""
        keys = ["interpreter", "package", "dependent", "other", "broken", "tool"]
        keys += ["name", "fork", "early", "flag", "variable"]
        words: list[str] = []
        while len(words) < len(keys):
            word = random_word(rng, 6)
            words += [] if word in words else [word]
        names = dict(zip(keys, words, strict=True))
        for key in ("old", "version", "next"):
            names[key] = f"{rng.randint(1, 9)}.{rng.randint(10, 99)}"
        return cls(names | {"patch": f"{names['flag']}.patch", "lifetime": str(rng.randint(20, 99))})

    def put(self, text: str) -> str:
        """`@key@` replaced by names."""
        for key, value in self.names.items():
            text = text.replace(f"@{key}@", value)
        return text

    @property
    def given(self) -> dict[str, str]:
        """What a learner's functions are called with."""
        keys = ("interpreter", "package", "patch", "lifetime", "name", "version", "fork", "next")
        return {key: self.names[key] for key in keys}


def files_of(world: World, answer: str) -> dict[str, str]:
    """The files that an evaluation sees."""
    return {
        **LAB,
        "world.nix": world.put(_WORLD),
        "compose.nix": _COMPOSED,
        "wanted.nix": _WANTED,
        "names.json": json.dumps(world.given),
        "overrides.nix": answer,
    }


def questions(world: World) -> dict[tuple[str, str, str], str]:
    """Every question, by whose edits they are (`ours`, `theirs`), scenario and part: an expression."""
    asked: dict[tuple[str, str, str], str] = {}
    for whose, edits in (("ours", _OURS), ("theirs", _THEIRS)):
        for scenario, overlays in SCENARIOS.items():
            start = _START + edits + f"  p = import ./world.nix {{ overlays = {overlays}; }};\nin "
            for part, text in PARTS.items():
                asked[whose, scenario, part] = world.put(start + text)
    return asked
