"""The compiled database: everything that can be found out before the machine boots, found out.

A database is a directory that nobody changes any more:

    services.json      every service: kind, dependencies, timeouts; every bundle with its atomic services
    servicedirs/NAME   a service directory for s6-supervise, for each longrun
    scripts/NAME/up    what a oneshot runs, for execlineb; scripts/NAME/down

The same sources give the same bytes, so a store that names its contents by their hash can hold it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from s6rc import Failure
from s6rc.source import COPIED, Definition, check_name, read_sources

SCRIPTS: tuple[str, ...] = ("up", "down")


@dataclass
class Service:
    """An atomic service. `digest` stands for all it runs with; what it depends on is not part of that."""

    kind: str
    dependencies: list[str]
    essential: bool = False
    timeout_up: int = 0
    timeout_down: int = 0
    consumer: str = ""
    digest: str = ""


@dataclass
class Database:
    """A database as the other modules use it."""

    services: dict[str, Service]
    bundles: dict[str, list[str]]
    path: Path = field(default=Path())

    def atomics(self, names: list[str]) -> set[str]:
        """The atomic services that these names stand for. Raises `Failure` (3) for a name there is not."""
        found: set[str] = set()
        for name in names:
            if name not in self.services and name not in self.bundles:
                raise Failure(f"no service {name} in {self.path}", 3)
            found.update(self.bundles.get(name, [name]))
        return found

    def closure(self, names: set[str], reverse: bool = False) -> set[str]:
        """These services, all they depend on, and so on; with `reverse` all that depend on them."""
        edges = self.dependents() if reverse else {name: s.dependencies for name, s in self.services.items()}
        found, left = set(names), list(names)
        while left:
            new = set(edges[left.pop()]) - found
            found |= new
            left += new
        return found

    def dependents(self) -> dict[str, list[str]]:
        """Name → the services that depend on it directly."""
        edges: dict[str, list[str]] = {name: [] for name in self.services}
        for name, service in self.services.items():
            for need in service.dependencies:
                edges[need].append(name)
        return edges


def load(path: Path) -> Database:
    """Raises `Failure` (4) for what is no database."""
    try:
        data = json.loads((path / "services.json").read_text())
        services = {name: Service(**values) for name, values in data["services"].items()}
        return Database(services, data["bundles"], path.resolve())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"{path} is not a service database: {error}", 4) from None


def compile_sources(target: Path, sources: list[Path]) -> Database:
    """Check everything, then write the database. Either all of `target` is there afterwards, or nothing."""
    if target.exists():
        raise Failure(f"{target} exists already: a database is never changed", 111)
    definitions = read_sources(sources)
    bundles = _bundles(definitions)
    atomics = {name: d for name, d in definitions.items() if d.kind != "bundle"}
    consumers = _pipelines(atomics, definitions)
    database = Database({}, {name: sorted(_resolve(name, bundles, atomics, [])) for name in bundles}, target)
    essential = {member for name, d in definitions.items() if d.kind == "bundle" and d.essential
                 for member in database.bundles[name]}  # fmt: skip
    for name, definition in atomics.items():
        needs = {
            need for dependency in definition.names for need in _resolve(dependency, bundles, atomics, [name])
        }
        if name in consumers:  # a producer's output must have somewhere to go
            needs.add(consumers[name])
        database.services[name] = Service(
            definition.kind,
            sorted(needs),
            definition.essential or name in essential,
            definition.timeout_up,
            definition.timeout_down,
            consumers.get(name, ""),
        )
    _refuse_cycles({name: service.dependencies for name, service in database.services.items()})
    _write(target, database, atomics, consumers)
    return database


def _bundles(definitions: dict[str, Definition]) -> dict[str, list[str]]:
    """Bundle → what it names, its own pipelines' bundles among them."""
    bundles = {name: d.names for name, d in definitions.items() if d.kind == "bundle"}
    for name, definition in definitions.items():
        # The last consumer may give the pipeline a name.
        if definition.pipeline and definition.consumer_for and not definition.producer_for:
            check_name(definition.path / "pipeline-name", definition.pipeline)
            if definition.pipeline in definitions or definition.pipeline in bundles:
                raise Failure(
                    f"{definition.path}/pipeline-name: there is a service {definition.pipeline} already"
                )
            members, left = [name], list(definition.consumer_for)
            while left:
                member = left.pop()
                if member in members:
                    break  # a ring; _pipelines and _refuse_cycles tell it better
                members.append(member)
                left += definitions[member].consumer_for if member in definitions else []
            bundles[definition.pipeline] = members
    return bundles


def _resolve(
    name: str, bundles: dict[str, list[str]], atomics: dict[str, Definition], path: list[str]
) -> set[str]:
    """The atomic services behind a name. `path` is how we came here, for the message."""
    if name in path and name in bundles:
        raise Failure(f"bundles contain each other: {' → '.join([*path[path.index(name) :], name])}")
    if name in bundles:
        return {
            atomic for member in bundles[name] for atomic in _resolve(member, bundles, atomics, [*path, name])
        }
    if name not in atomics:
        raise Failure(f"{path[-1] if path else 'a source'} names {name}, and no source defines it")
    return {name}


def _pipelines(atomics: dict[str, Definition], definitions: dict[str, Definition]) -> dict[str, str]:
    """Producer → consumer, where both sides say so."""
    pairs: dict[str, str] = {}
    for name, definition in atomics.items():
        named = [(producer, "consumer-for", "producer-for") for producer in definition.consumer_for]
        if definition.producer_for:
            pairs[name] = definition.producer_for
            named.append((definition.producer_for, "producer-for", "consumer-for"))
        for other, mine, theirs in named:
            partner = definitions.get(other)
            if partner is None or partner.kind != "longrun":
                raise Failure(f"{definition.path}/{mine}: {other} is no longrun of these sources")
            if name not in (partner.consumer_for if mine == "producer-for" else [partner.producer_for]):
                raise Failure(
                    f"{definition.path}/{mine} names {other}; {partner.path}/{theirs} does not name {name}"
                )
    return pairs


def _refuse_cycles(needs: dict[str, list[str]]) -> None:
    """Raises `Failure` with the path of a cycle. Iterative: a chain may be longer than Python's stack."""
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        ahead = [iter([start])]
        while ahead:
            name = next(ahead[-1], None)
            if name is None:
                ahead.pop()
                if path:
                    done.add(path.pop())
            elif name in path:
                raise Failure(
                    f"services depend on each other: {' → '.join([*path[path.index(name) :], name])}"
                )
            elif name not in done:
                path.append(name)
                ahead.append(iter(needs[name]))


def _write(
    target: Path, database: Database, atomics: dict[str, Definition], consumers: dict[str, str]
) -> None:
    """Write beside the target and rename: whoever is interrupted leaves no half database."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.mkdir(parents=True)
        for name, definition in atomics.items():
            if definition.kind == "oneshot":
                folder, files = draft / "scripts" / name, SCRIPTS
            else:
                folder, files = draft / "servicedirs" / name, COPIED
            folder.mkdir(parents=True)
            for file in files:
                if (definition.path / file).is_dir():
                    shutil.copytree(definition.path / file, folder / file, copy_function=_copy)
                elif (definition.path / file).exists():
                    _copy(definition.path / file, folder / file)
            if definition.kind == "longrun":
                _connect(folder, name, consumers)
            database.services[name].digest = _digest(folder)
        data = {"services": {n: asdict(s) for n, s in database.services.items()}, "bundles": database.bundles}
        (draft / "services.json").write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
        draft.rename(target)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise Failure(f"{target}: {error.strerror}", 111) from None


def _copy(source: str | Path, target: str | Path) -> None:
    """Bytes and run bits, whatever the source's owner and times are. Nobody writes to a database's files."""
    shutil.copyfile(source, target)
    os.chmod(target, 0o555 if os.access(source, os.X_OK) else 0o444)


def _connect(folder: Path, name: str, consumers: dict[str, str]) -> None:
    """Put a pipe before the run script of a pipeline's member.

    A FIFO that both sides hold open for reading and writing (fifo(7)): neither sees the other's end, and what
    is in it stays while one of them lives.
    """
    opens = []
    if name in consumers.values():
        opens.append(f'exec 0<>"../../pipes/{name}"')
    if name in consumers:
        opens.append(f'exec 1<>"../../pipes/{consumers[name]}"')
    if opens:
        (folder / "run").rename(folder / "run.user")
        os.chmod(folder / "run.user", 0o555)
        (folder / "run").write_text("\n".join(["#!/bin/sh", *opens, "exec ./run.user", ""]))
    os.chmod(folder / "run", 0o555)


def _digest(folder: Path) -> str:
    """A hash of every file of a folder: its name, whether it can be executed, its bytes."""
    sha = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        sha.update(
            f"{path.relative_to(folder)}\0{os.access(path, os.X_OK)}\0{path.stat().st_size}\0".encode()
        )
        sha.update(path.read_bytes())
    return sha.hexdigest()
