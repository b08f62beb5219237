"""supervisor-rs as PID 1 of a sandbox, and what it says of its services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers.bare import BareSandbox
from helpers.engines.base import Image, Pid1
from helpers.engines.registry import best
from helpers.filetree import FileTree

__all__ = ["booted", "events", "manifest", "status"]


@contextmanager
def booted(
    image: Image,
    programs: Path,
    manifest: str | None,
    *,
    command: tuple[str, ...] = (),
    tree: FileTree | None = None,
) -> Iterator[BareSandbox]:
    files = tree or FileTree()
    for name in ("supervisor-rs", "supervisorctl-rs"):
        files.add(f"/usr/local/bin/{name}", (programs / name).read_bytes(), 0o755)
    if manifest is not None:
        files.add("/etc/supervisor/manifest.json", manifest)
        command = ("--manifest", "/etc/supervisor/manifest.json")
    with BareSandbox(best().start(image, Pid1(("/usr/local/bin/supervisor-rs", *command)), files)) as box:
        yield box


def manifest(*services: dict[str, Any]) -> str:
    return json.dumps({"name": "test", "services": services})


def status(box: BareSandbox) -> dict[str, dict[str, Any]]:
    """What supervisorctl-rs says of each service; nothing before the control socket is there."""
    said = box.sh("supervisorctl-rs --json status 2>/dev/null")
    try:
        return {service["name"]: service for service in json.loads(said)["services"]}
    except (ValueError, KeyError):
        return {}


def events(said: str) -> list[dict[str, Any]]:
    """supervisor-rs's own events, of what a console has shown: every line that is JSON."""
    found = []
    for line in said.splitlines():
        try:
            found.append(json.loads(line[line.index("{") :]))
        except ValueError:
            continue
    return found
