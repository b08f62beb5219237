"""Source directories for the tests: `{"app/run": text}`, a list of names as a directory of empty files."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "labs" / "s6rc"
sys.path.insert(0, str(FOLDER))

__all__ = ["FOLDER", "bundle", "longrun", "oneshot", "write"]

Sources = dict[str, dict[str, str]]


def longrun(run: str = "exec sleep 1000", needs: str = "", **files: str) -> dict[str, str]:
    """A longrun; `notification_fd="3"` is the file notification-fd."""
    named = {name.replace("_", "-"): text for name, text in files.items()}
    return {"type": "longrun", "run": f"#!/bin/sh\n{run}\n", **_names("dependencies.d", needs), **named}


def oneshot(up: str, needs: str = "", **files: str) -> dict[str, str]:
    """A oneshot whose up script is a command line for execlineb."""
    named = {name.replace("_", "-"): text for name, text in files.items()}
    return {"type": "oneshot", "up": up, **_names("dependencies.d", needs), **named}


def bundle(contents: str, **files: str) -> dict[str, str]:
    """A bundle."""
    return {"type": "bundle", **_names("contents.d", contents), **files}


def _names(folder: str, names: str) -> dict[str, str]:
    return {f"{folder}/{name}": "" for name in names.split()}


def texts(services: Sources, at: str) -> dict[str, str]:
    """Path → text."""
    return {f"{at}/{name}/{file}": text for name, files in services.items() for file, text in files.items()}


def write(folder: Path, services: Sources) -> Path:
    """Write source directories; returns `folder`."""
    for path, text in texts(services, str(folder)).items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
        if path.endswith(("/run", "/finish")):
            Path(path).chmod(0o755)
    return folder
