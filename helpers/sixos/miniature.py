"""The base system's graph as a configuration for `helpers.six`: its names and edges, stand-ins for programs.

What runs is a real supervision tree in the real order; a longrun is a sleep, a oneshot succeeds. So it shows
what depends on what, and nothing of what the programs do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["configuration"]


def configuration(
    graph: Mapping[str, Any],
    *,
    up: Mapping[str, str] | None = None,
) -> str:
    """A configuration for `helpers.six.Machine` from a graph as `SixOS.graph` gives it.

    `up` gives oneshots another command line than `true`, by name.
    """
    lines = ["final: {"]
    for sort, after in graph["loggers"].items():
        lines += [
            f"  six.logger-{sort} = _: name: final.six.mkFunnel {{",
            '    name = "${name}-log";',
            '    run = "mkdir -p /var/log/${name}\\nexec s6-log n20 s1000000 t /var/log/${name}";',
            f"    passthru = {{ logger = null; after = [ {_references(after)} ]; }};",
            "  };",
        ]
    for name, one in graph["targets"].items():
        lines += _target(name, one, (up or {}).get(name, "true"))
    return "\n".join([*lines, "}", ""])


def _path(name: str) -> str:
    return ".".join(f'"{part}"' for part in name.split("."))


def _references(names: list[str]) -> str:
    return " ".join(f"final.targets.{_path(name)}" for name in names)


def _target(name: str, one: Mapping[str, Any], up: str) -> list[str]:
    ordered = f"after = [ {_references(one['after'])} ]; before = [ {_references(one['before'])} ];"
    label = name.replace(".", "-").strip("-")
    head = f"  targets.{_path(name)} = _: final.six"
    if one["kind"] == "bundle":
        return [f'{head}.mkBundle {{ name = "{label}"; passthru = {{ {ordered} }}; }};']
    if one["kind"] == "oneshot":
        return [f'{head}.mkOneshot {{ name = "{label}"; up = "{up}"; passthru = {{ {ordered} }}; }};']
    logger = f"final.six.logger-{one['logger']}" if one["logger"] else "null"
    return [
        f'{head}.mkFunnel {{ name = "{label}"; run = [ "sleep" "100000" ];',
        f"    passthru = {{ logger = {logger}; {ordered} }}; }};",
    ]
