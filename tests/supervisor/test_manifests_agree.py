"""One schema, two readers: supervisor-rs takes and refuses what `helpers.manifest` takes and refuses."""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from helpers.manifest import Manifest, loads, to_dict
from helpers.manifest.problems import ManifestError
from tests.manifest.strategies import manifests

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]

GOOD: dict[str, Any] = {
    "name": "good",
    "services": [
        {
            "name": "redis",
            "command": ["redis-server"],
            "env": {"A": "b"},
            "readiness": {"kind": "tcp", "port": 6379},
            "restart": {"policy": "always", "delay": 1, "max_delay": 5, "factor": 2},
            "limits": {"memory": 64000000, "pids": 5},
            "log": {"max_bytes": 100000, "keep": 2, "timestamps": True},
            "ports": [6379],
        },
        {"name": "prepare", "kind": "oneshot", "command": ["true"], "down": ["true"]},
        {
            "name": "app",
            "command": ["python3", "app.py"],
            "user": "daemon",
            "cwd": "/srv",
            "depends_on": ["redis", "prepare"],
            "readiness": {"kind": "http", "port": 8000, "path": "/health", "timeout": 3},
            "stop_signal": "INT",
            "stop_grace": 2,
        },
        {"name": "all", "kind": "bundle", "depends_on": ["redis", "app"]},
    ],
}
ODD: tuple[Any, ...] = (
    None, True, "", "a", "redis", "app", "all", "bundle", "oneshot", "TERM", "../x", "x\0y", 0, 1, -1,
    70000, 0.5, 1e300, [], ["app"], ["nobody"], [1], {}, {"kind": "fd"}, {"kind": "exec", "command": []},
    {"kind": "tcp"}, {"nonsense": 1},
)  # fmt: skip


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    return [place for key in keys for place in [(node, key), *places(node[key])]]


def spoilt(rng: random.Random) -> Any:
    document = copy.deepcopy(GOOD)
    for _ in range(rng.randint(1, 2)):
        container, key = rng.choice(places(document))
        change = rng.random()
        if change < 0.15:
            del container[key]
        elif change < 0.3 and isinstance(container, dict):
            container[rng.choice(["readiness", "down", "depends_on", "ports", "cwd", "nonsense"])] = (
                rng.choice(ODD)
            )
        else:
            container[key] = copy.deepcopy(rng.choice(ODD))
    return document


def theirs(programs: Path, file: Path) -> str | None:
    """What supervisor-rs says against a manifest; None when it takes it."""
    command = [programs / "supervisor-rs", "--check", "--manifest", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode in (0, 1), done.stderr
    return None if done.returncode == 0 else done.stderr


def ours(text: str) -> str | None:
    try:
        loads(text, format="json", source="it.json")
    except ManifestError as error:
        return str(error)
    return None


def named(said: str) -> set[str]:
    """The places that a refusal names (services[0].env.A), each line of which is `FILE: PLACE: REASON`."""
    return set(re.findall(r"it\.json: ([^:]+): ", said))


def test_what_one_refuses_the_other_refuses_for_the_same_place(programs: Path, tmp_path: Path) -> None:
    """300 manifests with one or two fields spoilt; of those refused, both name a common field."""
    rng, refused = random.Random(20), 0
    for _ in range(300):
        text = json.dumps(spoilt(rng))
        file = tmp_path / "it.json"
        file.write_text(text)
        here, there = ours(text), theirs(programs, file)
        assert (here is None) == (there is None), (text, here, there)
        if here is not None and there is not None:
            refused += 1
            # What follows from a problem (the name of a service that is no table) only one of them tells.
            assert named(here) & named(there), (text, here, there)
    assert 100 < refused < 300


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(manifests())
def test_every_manifest_of_the_model_is_taken(programs: Path, tmp_path: Path, manifest: Manifest) -> None:
    """As JSON with all defaults spelled out, and also with none."""
    for text in (manifest.model_dump_json(), json.dumps(to_dict(manifest))):
        file = tmp_path / "it.json"
        file.write_text(text)
        assert theirs(programs, file) is None, text
