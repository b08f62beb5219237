"""What the model's types cannot say: names that exist, no cycles, one owner for each port.

The rules read a manifest as plain data, which may be broken in any way, so that they run beside the
types and a person hears of everything at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from helpers.errors import RenderError
from helpers.filetree import FileTree
from helpers.manifest.graph import cycles
from helpers.manifest.models import Manifest
from helpers.manifest.problems import Problem, did_you_mean, no_service, quoted, raise_problems

__all__ = ["file_problems", "rule_problems", "validate"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def validate(manifest: Manifest, *, source: str = "") -> Manifest:
    """The same manifest, once every rule holds; for manifests made in Python (`load` has done it).

    `source` names it in messages. Raises one `ManifestError` listing every problem: a service named
    twice, a dependency that is not there or is the service itself, a cycle (with its path), an empty
    bundle, a port with two owners, a bad variable name, a file that is not there.
    """
    source = source or f"manifest {manifest.name}"
    problems = list(rule_problems(manifest.model_dump(mode="json")))
    problems += file_problems(manifest.files, None)[1]
    raise_problems(problems, source)
    return manifest


def rule_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Every rule over plain data; parts of the wrong shape are passed over (the types report them)."""
    listed = data.get("services")
    services = [
        (i, service)
        for i, service in enumerate(listed if isinstance(listed, list) else ())
        if isinstance(service, dict)
    ]
    yield from _names(services)
    yield from _dependencies(services)
    yield from _ports(services)
    for i, service in services:
        yield from _one_service(i, service)


_Services = list[tuple[int, dict[str, Any]]]


def _names(services: _Services) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for i, service in services:
        name = service.get("name")
        if isinstance(name, str) and first.setdefault(name, i) != i:
            yield Problem(
                ("services", i, "name"),
                f"services[{first[name]}] is called {quoted(name)} too; give each service its own name",
            )


def _dependencies(services: _Services) -> Iterator[Problem]:
    # A service without a usable name may be the one that is missed: better silent than misleading.
    all_named = all(isinstance(service.get("name"), str) for _, service in services)
    names = [service["name"] for _, service in services if isinstance(service.get("name"), str)]
    graph: dict[str, list[str]] = {}
    at: dict[tuple[str, str], tuple[int, int]] = {}
    for i, service in services:
        name = service.get("name")
        seen: set[str] = set()
        for j, need in enumerate(_texts(service.get("depends_on"))):
            if need is None:
                continue
            loc = ("services", i, "depends_on", j)
            if need == name:
                yield Problem(loc, f"{quoted(need)} depends on itself; remove it")
            elif need in seen:
                yield Problem(loc, f"{quoted(need)} is listed already; remove it")
            elif need in names:
                if isinstance(name, str):
                    graph.setdefault(name, []).append(need)
                    at.setdefault((name, need), (i, j))
            elif all_named:
                yield Problem(loc, no_service(need, [other for other in names if other != name] or names))
            seen.add(need)
    for path in cycles({name: graph.get(name, []) for name in names}):
        i, j = at[path[0], path[1]]
        yield Problem(
            ("services", i, "depends_on", j),
            f"a cycle of dependencies: {' → '.join(path)}; remove one of them",
        )


def _ports(services: _Services) -> Iterator[Problem]:
    owner: dict[int, str] = {}
    for i, service in services:
        ports = service.get("ports")
        for j, port in enumerate(ports if isinstance(ports, list) else ()):
            if type(port) is not int:
                continue
            if port in owner:
                yield Problem(
                    ("services", i, "ports", j), f"{owner[port]} listens on {port} too; choose another port"
                )
            owner.setdefault(port, f"services[{i}]")


def _one_service(i: int, service: Mapping[str, Any]) -> Iterator[Problem]:
    kind = service.get("kind", "longrun")
    command = service.get("command", [])
    if kind == "bundle":
        if command:
            yield Problem(
                ("services", i, "command"), "a bundle has no command: it is a name for its depends_on"
            )
        if service.get("readiness") is not None:
            yield Problem(("services", i, "readiness"), "a bundle is ready when all in its depends_on are")
        if service.get("depends_on", []) == []:
            yield Problem(
                ("services", i, "depends_on"), "a bundle holds at least one service; name it in depends_on"
            )
    elif kind in ("longrun", "oneshot") and command == []:
        yield Problem(
            ("services", i, "command"), f'a {kind} needs a command, e.g. command = ["/usr/bin/redis-server"]'
        )
    if service.get("down") and kind in ("longrun", "bundle"):
        yield Problem(
            ("services", i, "down"), f'a {kind} has no down command; a oneshot has (kind = "oneshot")'
        )
    for field, words in (
        ("command", command),
        ("down", service.get("down")),
    ):
        if isinstance(words, list) and words and words[0] == "":
            yield Problem(("services", i, field, 0), "the program's name is empty")
    env = service.get("env")
    for variable in env if isinstance(env, dict) else ():
        if not _VARIABLE.fullmatch(variable):
            # A name outside this set cannot be set by sh(1), which most inits' scripts are run by.
            yield Problem(
                ("services", i, "env", variable),
                "a variable's name is letters, digits and _, and does not begin with a digit",
            )
    restart = service.get("restart")
    if isinstance(restart, dict):
        delay, most = restart.get("delay", 0.1), restart.get("max_delay", 30.0)
        if isinstance(delay, int | float) and isinstance(most, int | float) and most < delay <= 3600:
            yield Problem(
                ("services", i, "restart", "max_delay"), f"less than the delay of {delay:g} seconds"
            )


def _texts(value: Any) -> list[str | None]:
    return [v if isinstance(v, str) else None for v in value] if isinstance(value, list) else []


def file_problems(files: Any, folder: Path | None) -> tuple[dict[str, str], list[Problem]]:
    """`files` with absolute host paths, and what is wrong with them.

    Relative paths start at `folder`, which no path may leave. With `folder=None` (a manifest made in
    Python) every host path must be absolute already.
    """
    found: dict[str, str] = {}
    problems: list[Problem] = []
    tree = FileTree()
    for inside, value in files.items() if isinstance(files, Mapping) else ():
        loc = ("files", str(inside))
        try:
            tree.add(inside, b"")
        except RenderError as error:
            problems.append(Problem(loc, error.message.removeprefix("file tree: ")))
        if not isinstance(value, str):
            continue
        host, wrong = _host_file(value, folder)
        found[inside] = str(host)
        if wrong:
            problems.append(Problem(loc, wrong))
    return found, problems


def _host_file(value: str, folder: Path | None) -> tuple[Path, str]:
    path = Path(value)
    if folder is None and not path.is_absolute():
        return path, f"{quoted(value)} is not an absolute path; a file beside a manifest needs load()"
    try:
        if folder is not None:
            path = (folder / path).resolve()
            if not path.is_relative_to(folder.resolve()):
                return path, f"{quoted(value)} lies outside the manifest's folder; copy the file into it"
        if path.is_file():
            with path.open("rb"):
                return path, ""
        if path.exists():
            return path, f"{quoted(value)} is not a regular file"
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = did_you_mean(path.name, beside, cutoff=0.75)
    except OSError as error:
        return path, f"{quoted(value)} cannot be read: {error.strerror}"
    except RuntimeError:  # pathlib's word for a loop of symbolic links, up to Python 3.12
        return path, f"{quoted(value)} is a symbolic link that leads nowhere"
    if path.is_symlink():
        return path, f"{quoted(value)} is a symbolic link that leads nowhere"
    return path, f"no file {quoted(value)}{near}"
